package repo

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// manyAtOnce is how many files are made before what became of them is noted: memory
// does not grow with their number.
const manyAtOnce = 512

// writeAll brings the paths to their new content. Of many, those that are new and
// whose folder is known are made on all cores and without looking first whether
// something stands there: making files is most of a first commit.
func (co *checkout) writeAll(ctx context.Context, writes []change) error {
	for some := range slices.Chunk(writes, manyAtOnce) {
		fresh := make([]change, 0, len(some))
		for _, c := range some {
			if co.many && c.old.none() && co.dirs[path.Dir(c.path)] && !co.personal(c) && co.plain(c) {
				fresh = append(fresh, c)
			} else if err := co.one(c); err != nil {
				return err
			}
		}
		if err := co.createAll(ctx, fresh); err != nil {
			return err
		}
	}
	return nil
}

// createAll makes files; what stands in the way of one is looked at as usual.
func (co *checkout) createAll(ctx context.Context, fresh []change) error {
	folders := map[string]*os.Root{}
	defer func() {
		for _, f := range folders {
			f.Close()
		}
	}()
	for _, c := range fresh {
		dir := path.Dir(c.path)
		parents(co.touched, c.path)
		if folders[dir] != nil {
			continue
		}
		folder, err := co.s.work.OpenRoot(filepath.FromSlash(dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue // somebody has removed it
		}
		if err != nil {
			return err
		}
		folders[dir] = folder
	}
	made := make([]fs.FileInfo, len(fresh))
	failed := spread(ctx, len(fresh), func(_, i int) (err error) {
		if folder := folders[path.Dir(fresh[i].path)]; folder != nil {
			made[i], err = co.s.createBlob(folder, fresh[i])
		}
		return err
	})
	for i, c := range fresh { // also what was made before something failed
		if made[i] != nil {
			co.record(c, made[i])
		} else if failed == nil {
			if err := co.one(c); err != nil {
				return err
			}
		}
	}
	return failed
}

// createBlob makes the file that a blob says, nil when it cannot be made so.
func (s *Store) createBlob(folder *os.Root, c change) (fs.FileInfo, error) {
	data, err := s.obj.readAny(plumbing.BlobObject, c.new.id)
	if errors.Is(err, errTooLarge) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return createFile(folder, c, data)
}
