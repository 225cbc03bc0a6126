package repo

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// What is damaged is never deleted: it is moved to quarantine, a folder below
// .git/dashkeep, where a person can still take it apart.
const quarantine = "quarantine"

// glancePack looks at the ends of a pack and its index: what a power cut or a full
// disk leaves is found by that. It costs two reads, so every start does it.
func glancePack(base string) error {
	pack, err := ends(base+".pack", packHeader)
	if err != nil {
		return err
	}
	idx, err := ends(base+".idx", 8)
	if err != nil {
		return fmt.Errorf("its index: %w", err)
	}
	switch {
	case !bytes.HasPrefix(pack.head, []byte("PACK\x00\x00\x00")) || pack.size < packHeader+sha1.Size:
		return errors.New("it is no pack")
	case !bytes.HasPrefix(idx.head, []byte("\xfftOc\x00\x00\x00\x02")):
		return errors.New("its index is none of version 2")
	case idx.size < 8+256*4+28*int64(binary.BigEndian.Uint32(pack.head[8:]))+2*sha1.Size:
		return errors.New("its index is cut off")
	case !bytes.Equal(pack.tail[sha1.Size:], idx.tail[:sha1.Size]):
		return errors.New("it is not the one that its index is of")
	}
	return nil
}

type fileEnds struct {
	size       int64
	head, tail []byte // the last 40 bytes
}

func ends(name string, head int) (e fileEnds, err error) {
	f, err := os.Open(name)
	if err != nil {
		return e, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return e, err
	}
	e = fileEnds{fi.Size(), make([]byte, head), make([]byte, 2*sha1.Size)}
	if e.size < int64(max(len(e.head), len(e.tail))) {
		return e, fmt.Errorf("%d bytes are too few", e.size)
	}
	if _, err := f.ReadAt(e.head, 0); err != nil {
		return e, err
	}
	_, err = f.ReadAt(e.tail, e.size-int64(len(e.tail)))
	return e, err
}

// sanePacks moves packs that cannot be read to quarantine, for go-git fails every
// read when it meets one. A pack whose index alone is damaged is indexed anew. It
// reports whether objects may be missing now.
func (s *Store) sanePacks() (lost bool, err error) {
	dir := s.file("objects/pack")
	for _, name := range names(dir) {
		base, ok := strings.CutSuffix(filepath.Join(dir, name), ".pack")
		if !ok || !exists(base+".idx") { // git ignores a pack without an index, and so do we
			continue
		}
		why := glancePack(base)
		if why == nil || errors.Is(why, fs.ErrNotExist) { // gone: a git has just replaced it
			continue
		}
		kept, err := s.setAside(base+".idx", base+".pack")
		if err != nil {
			return lost, fmt.Errorf("%s is damaged (%w) and cannot be moved away: %w", name, why, err)
		}
		s.opt.Log.Error("a damaged pack was moved away", "pack", name, "to", kept, "why", why)
		if err := s.reindex(filepath.Join(kept, name)); err != nil {
			s.opt.Log.Error("its objects are not readable", "pack", name, "error", err)
			lost = true
			continue
		}
		s.opt.Log.Warn("its index was made anew; all of its objects are there", "pack", name)
	}
	return lost, nil
}

// setAside moves files of the Git folder to quarantine, in this order.
func (s *Store) setAside(files ...string) (dir string, err error) {
	dir = filepath.Join(s.tmpDir(), quarantine, s.opt.Now().UTC().Format("20060102T150405Z"))
	if err := mkdirAll(dir); err != nil {
		return dir, err
	}
	for _, f := range files {
		err := os.Rename(f, filepath.Join(dir, filepath.Base(f)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return dir, err
		}
		if err := syncDir(filepath.Dir(f)); err != nil {
			return dir, err
		}
	}
	return dir, syncDir(dir)
}

// reindex reads a pack object by object and stores it again with a new index.
func (s *Store) reindex(pack string) error {
	f, err := os.Open(pack)
	if err != nil {
		return err
	}
	defer f.Close()
	defer s.obj.refresh()
	st := newStorage(newSafeFS(s.gitDir))
	defer st.ObjectStorage.Close()
	if err := packfile.UpdateObjectStorage(st, f); err != nil {
		s.dropFetched()
		return err
	}
	return nil
}

// refill fetches everything that the remote has, whatever is here: objects that
// are lost come back.
func (s *Store) refill(ctx context.Context) error {
	if s.remote == nil {
		return ErrNoRemote
	}
	_, err := s.downloadOnce(ctx, everything, nil)
	s.obj.refresh()
	return err
}

// Heal puts right what Verify found: objects that are sound are copied out of
// damaged packs, those packs and damaged loose objects are moved to quarantine,
// and everything the remote has is fetched again. It returns where what was moved
// lies now, "" when nothing was; Verify tells what is still missing.
func (s *Store) Heal(ctx context.Context, r *Report) (kept string, err error) {
	unlock, err := s.writer(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	defer s.obj.refresh()
	bad := map[string]bool{}
	for _, d := range r.Damage {
		if d.File != "" {
			bad[d.File] = true
		}
	}
	w := newPackWriter(s.gitDir, s.tmpDir())
	w.forget = true
	defer w.discard()
	var files []string
	for _, f := range sortedKeys(bad) {
		if base, ok := strings.CutSuffix(f, ".pack"); ok {
			if err := s.salvage(ctx, w, s.file(base+".idx")); err != nil {
				return "", fmt.Errorf("saving the sound objects of %s: %w; nothing was moved", f, err)
			}
			files = append(files, s.file(base+".idx"))
		}
		files = append(files, s.file(f))
	}
	if !w.empty() {
		done, err := w.finish()
		if err != nil {
			return "", fmt.Errorf("saving the sound objects of %s: %w; nothing was moved", s.opt.Path, err)
		}
		defer done.release()
		files = slices.DeleteFunc(files, func(f string) bool {
			return strings.TrimSuffix(f, ".idx") == strings.TrimSuffix(done.path, ".pack") || f == done.path
		})
	}
	if len(files) > 0 {
		if kept, err = s.setAside(files...); err != nil {
			return kept, err
		}
		s.obj.refresh()
	}
	if s.remote != nil {
		err = s.refill(ctx)
	}
	return kept, err
}

// salvage copies the sound objects of a pack.
func (s *Store) salvage(ctx context.Context, w *packWriter, idx string) error {
	table, err := readIdx(idx)
	if err != nil {
		return nil // nothing is known of what is in it
	}
	it, err := table.Entries()
	if err != nil {
		return nil
	}
	defer it.Close()
	for {
		e, err := it.Next()
		if err != nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if w.seen[e.Hash] {
			continue
		}
		kind, data, err := s.obj.checked(ctx, e.Hash, true)
		if err != nil {
			continue // this is what is damaged
		}
		if err := w.addHashed(kind, e.Hash, data); err != nil {
			return err
		}
	}
}
