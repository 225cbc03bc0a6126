package repo

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"
)

// How a working file gets its new content:
//
//	up to flushSingly files   temp files ──fsync all at once──► look again ──► rename each
//	more, and one is there    temp file ──► look again ──► rename       ┐ flushed together
//	more, and none is there   written in place                          ┘ when all are written
//
// Temporary files lie in the Git folder: a crash leaves nothing for people to find.
// What it leaves of a file written in place is known by the journal, see torn.

// stagedFile is new content that has not got its name yet.
type stagedFile struct {
	c   change
	tmp string      // below the working tree
	was fs.FileInfo // what stood at the path when it was looked at, nil for nothing
}

// stage writes the new content beside; publish gives it its name. Of many files each
// gets its name at once.
func (co *checkout) stage(c change, data []byte, was fs.FileInfo) error {
	tmp := filepath.Join(".git", "dashkeep", ownTemp+"work_"+strconv.Itoa(len(co.staged)))
	co.staged = append(co.staged, stagedFile{c, tmp, was})
	f, err := co.s.work.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, permissions(c.new.mode))
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil || !co.many {
		return err
	}
	return co.publish()
}

// publish flushes what is staged, unless that is done later for many, and renames it
// into place. Where something has changed meanwhile, it is a person's.
func (co *checkout) publish() error {
	if !co.many {
		var g errgroup.Group // file systems join what is flushed at the same time
		for _, f := range co.staged {
			g.Go(func() error { return co.s.flushFile(f.tmp) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	for len(co.staged) > 0 {
		f := co.staged[0]
		same, err := co.unmoved(f)
		if err != nil {
			return err
		}
		if !same {
			co.leave(f.c)
			co.s.work.Remove(f.tmp)
		} else if err := co.name(f); err != nil {
			return err
		}
		co.staged = co.staged[1:]
	}
	return nil
}

func (co *checkout) name(f stagedFile) error {
	if err := co.s.work.Rename(f.tmp, filepath.FromSlash(f.c.path)); err != nil {
		return err
	}
	_, fi, err := co.look(f.c.path)
	if err != nil {
		return err
	}
	if fi == nil {
		return fs.ErrNotExist // gone as soon as it was there
	}
	co.record(f.c, fi)
	return nil
}

// unmoved reports whether still that stands at the path what did.
func (co *checkout) unmoved(f stagedFile) (bool, error) {
	have, fi, err := co.look(f.c.path)
	if err != nil || f.was == nil {
		return have == workAbsent, err
	}
	return have == workFile && os.SameFile(fi, f.was) && fi.Size() == f.was.Size() && fi.ModTime().Equal(f.was.ModTime()), nil
}

// unstage removes what got no name.
func (co *checkout) unstage() {
	for _, f := range co.staged {
		co.s.work.Remove(f.tmp)
	}
	co.staged = nil
}

// create writes a file, unless something stands there.
func (co *checkout) create(c change, data []byte) (made bool, err error) {
	folder, err := co.inFolder(c.path)
	if err != nil {
		return false, err
	}
	if folder == nil { // in the root of the tree
		return true, co.stage(c, data, nil)
	}
	fi, err := createFile(folder, c, data)
	if fi == nil {
		return false, err
	}
	co.record(c, fi)
	return true, nil
}

// createFile writes a file in place; nil means that something stands there.
func createFile(folder *os.Root, c change, data []byte) (fs.FileInfo, error) {
	f, err := folder.OpenFile(path.Base(c.path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, permissions(c.new.mode))
	if errors.Is(err, fs.ErrExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var fi fs.FileInfo
	if _, err = f.Write(data); err == nil {
		fi, err = f.Stat()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		folder.Remove(path.Base(c.path))
		return nil, err
	}
	return fi, nil
}

func permissions(mode uint32) fs.FileMode {
	if mode == modeExec {
		return 0o777
	}
	return 0o666
}
