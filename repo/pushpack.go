package repo

import (
	"bufio"
	"context"
	"crypto/sha1"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/klauspost/compress/zlib"
)

// freshPack is the pack of the last commit: exactly the objects between base
// and new. Pushing that step sends the file as it is.
type freshPack struct {
	base, new oid
	path      string
}

// pushPack is what the server lacks, or nil when it lacks nothing. go-git's own
// push looks at every tree of the whole history each time (go-git#1102: 5.6 s
// and 250 MB at 2,000 commits); this looks at the commits that are new.
func (s *Store) pushPack(ctx context.Context, cmds []*packp.Command, adv *packp.AdvRefs) (io.ReadCloser, error) {
	var tips []oid
	for _, c := range cmds {
		if !c.New.IsZero() {
			tips = append(tips, c.New)
		}
	}
	if len(tips) == 0 {
		return nil, nil // deletions take no pack
	}
	if f := s.fresh; f != nil && len(cmds) == 1 && cmds[0].New == f.new && cmds[0].Old == f.base {
		if file, err := os.Open(f.path); err == nil {
			return file, nil // else repacked meanwhile
		}
	}
	var theirs []oid
	for name, id := range adv.References {
		if strings.HasPrefix(name, headsPrefix) || strings.HasPrefix(name, OwnPrefix) {
			theirs = append(theirs, id)
		}
	}
	have, err := s.obj.here(theirs)
	if err != nil {
		return nil, err
	}
	ids, err := s.missing(ctx, tips, have)
	if err != nil {
		return nil, err
	}
	return s.streamPack(ctx, ids), nil
}

// missing lists the objects of the commits between have and tips, by comparing
// each commit's tree with those of its parents.
func (s *Store) missing(ctx context.Context, tips, have []oid) ([]object, error) {
	commits, err := s.obj.between(ctx, tips, have)
	if err != nil {
		return nil, err
	}
	l := &listing{obj: s.obj, seen: map[oid]bool{}}
	for _, id := range commits {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := s.obj.commit(id)
		if err != nil {
			return nil, err
		}
		l.add(plumbing.CommitObject, id)
		var before []oid
		for _, p := range c.parents {
			pc, err := s.obj.commit(p)
			if err != nil {
				return nil, err
			}
			before = append(before, pc.tree)
		}
		if err := l.tree(c.tree, before, 0); err != nil {
			return nil, err
		}
	}
	return l.list, nil
}

type object struct {
	kind plumbing.ObjectType
	id   oid
}

// listing collects objects once.
type listing struct {
	obj  *objects
	seen map[oid]bool
	list []object
}

func (l *listing) add(t plumbing.ObjectType, id oid) bool {
	if l.seen[id] {
		return false
	}
	l.seen[id] = true
	l.list = append(l.list, object{t, id})
	return true
}

// tree adds what a tree holds and none of the trees before, at the same place,
// held.
func (l *listing) tree(id oid, before []oid, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("folders nest deeper than %d", maxDepth)
	}
	for _, b := range before {
		if b == id {
			return nil
		}
	}
	if !l.add(plumbing.TreeObject, id) {
		return nil
	}
	items, err := l.obj.tree(id)
	if err != nil {
		return err
	}
	olds := make([]*dir, 0, len(before))
	for _, b := range before {
		old, err := l.obj.tree(b)
		if err != nil {
			return err
		}
		olds = append(olds, &dir{items: old})
	}
	for i := range items {
		if err := l.item(&items[i], olds, depth); err != nil {
			return err
		}
	}
	return nil
}

func (l *listing) item(it *item, olds []*dir, depth int) error {
	var before []oid
	for _, old := range olds {
		at, ok := old.find(it.name, it.isDir())
		if !ok {
			continue
		}
		if old.items[at].id == it.id {
			return nil
		}
		if old.items[at].isDir() {
			before = append(before, old.items[at].id)
		}
	}
	switch {
	case it.isDir():
		return l.tree(it.id, before, depth+1)
	case it.mode != modeGitlink:
		l.add(plumbing.BlobObject, it.id)
	}
	return nil
}

// streamPack writes a pack of whole objects as it is read: one object is in
// memory at a time.
func (s *Store) streamPack(ctx context.Context, list []object) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(s.writePack(ctx, w, list)) }()
	return r
}

func (s *Store) writePack(ctx context.Context, w io.Writer, list []object) error {
	sum := sha1.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	if _, err := out.Write(appendPackHeader(nil, len(list))); err != nil {
		return err
	}
	zip, err := zlib.NewWriterLevel(io.Discard, 6)
	if err != nil {
		return err
	}
	for _, o := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := s.obj.readAny(o.kind, o.id) // and compares it with its id
		if err != nil {
			return err
		}
		if err := writeEntry(out, zip, o.kind, data); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}
