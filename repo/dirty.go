package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Dirty returns the paths at or below prefix whose working file is not what the
// head of the followed branch holds: edited, deleted, staged differently,
// conflicted, or not in the head at all. Files are compared by their bytes, so
// neither autocrlf nor file modes nor filters of anybody's configuration matter;
// content that differs only in CRLF line ends is the same. A file is not read
// again when its size, inode, modification and change time are those git noted.
//
// With HEAD on another branch, or without a working tree, nothing is dirty:
// nothing there would be overwritten.
func (s *Store) Dirty(ctx context.Context, prefix string) (map[string]bool, error) {
	prefix = cleanPrefix(prefix)
	dirty := map[string]bool{}
	if shown, err := s.checkedOut(); err != nil || !shown {
		return dirty, err
	}
	head, err := s.readRef(s.branch)
	if err != nil {
		return nil, err
	}
	root, err := s.treeOf(head)
	if err != nil {
		return nil, err
	}
	at, err := s.obj.entryAt(root, prefix)
	if err != nil {
		return nil, err
	}
	d := &dirtyScan{s: s, ctx: ctx, dirty: dirty, known: map[string]bool{}, dirs: map[string]bool{}}
	d.readIndex()
	switch {
	case at.isDir() && !at.id.IsZero():
		err = s.obj.walkTree(at.id, prefix, d.tracked)
	case !at.none() && !at.id.IsZero():
		err = d.tracked(prefix, at)
	}
	if err != nil {
		return nil, err
	}
	if err := d.untracked(prefix); err != nil {
		return nil, err
	}
	return dirty, nil
}

type dirtyScan struct {
	s     *Store
	ctx   context.Context
	ix    *index
	stamp fs.FileInfo // of the index file
	dirty map[string]bool
	known map[string]bool
	dirs  map[string]bool
}

// readIndex takes the index for what it saves: reading files again. Without
// one everything is read.
func (d *dirtyScan) readIndex() {
	d.ix = &index{}
	stamp, err := fs.Stat(d.s.work.FS(), ".git/index")
	if err != nil {
		return
	}
	if ix, err := readIndex(d.s.file("index")); err == nil {
		d.ix, d.stamp = ix, stamp
	}
}

func (d *dirtyScan) tracked(path string, e entry) error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	d.known[path] = true
	if unsafePath(path) != "" || !e.isFile() {
		return nil
	}
	if d.ix.conflicted(path) {
		d.dirty[path] = true
		return nil
	}
	ie := d.ix.get(path)
	if ie != nil && ie.id != e.id && !d.s.jour.pending.Load() {
		d.dirty[path] = true // staged
		return nil
	}
	have, fi, err := d.s.workFile(path, d.dirs)
	switch {
	case err != nil:
		return err
	case have == workAbsent:
		if ie == nil || ie.ext&extSkipTree == 0 {
			d.dirty[path] = true
		}
	case have == workOther:
		d.dirty[path] = true
	case ie != nil && ie.id == e.id && d.stamp != nil && ie.unchanged(fi, d.stamp):
	default:
		same, _, err := d.s.matches(path, fi, e, entry{})
		if err != nil {
			return err
		}
		if !same {
			d.dirty[path] = true
		}
	}
	return nil
}

// untracked adds what stands below prefix and is not in the head.
func (d *dirtyScan) untracked(prefix string) error {
	start := prefix
	if start == "" {
		start = "."
	} else if have, _, err := d.s.workFile(prefix, d.dirs); err != nil {
		return err
	} else if have == workAbsent {
		return nil
	}
	count := 0
	err := fs.WalkDir(d.s.work.FS(), start, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if e.IsDir() {
			if e.Name() == ".git" {
				return fs.SkipDir
			}
			return d.ctx.Err()
		}
		if count++; count > MaxFiles {
			return fmt.Errorf("more than %d files below %q", MaxFiles, start)
		}
		if path = filepath.ToSlash(path); !d.known[path] {
			d.dirty[path] = true
		}
		return nil
	})
	return err
}
