package repo

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/objfile"
)

// objectStore reads the objects of a repository from packs and loose files. Each is
// compared with its id, and where one copy is damaged another is looked for. It is
// not safe for concurrent use.
//
// go-git's own storage is not used for that: v5.19.3 reads and hashes every index
// of a pack when a program first asks for an object, which made a commit in an old
// repository twice as slow as in a young one, and it compares nothing.
type objectStore struct {
	dir    string // objects
	packs  []*pack
	listed bool // packs are those that there are
	reader packReader
}

// openPacks is how many pack files are open at most.
const openPacks = 64

// read returns an object of up to limit bytes. It is plumbing.ErrObjectNotFound only
// when every pack and the loose files were looked at.
func (s *objectStore) read(id oid, limit int64) (kind plumbing.ObjectType, data []byte, err error) {
	err = s.each(id, limit, func(o *opened) (err error) {
		kind = o.kind
		data, err = o.content(id, limit)
		return err
	})
	return kind, data, err
}

// kind returns the type of an object.
func (s *objectStore) kind(id oid) (kind plumbing.ObjectType, err error) {
	err = s.each(id, maxAny, func(o *opened) error {
		kind = o.kind
		return nil
	})
	return kind, err
}

// has is nil when the object is stored, plumbing.ErrObjectNotFound when it is not.
func (s *objectStore) has(id oid) error {
	if err := s.list(); err != nil {
		return err
	}
	failed := error(plumbing.ErrObjectNotFound)
	for i, p := range s.packs {
		switch _, ok, err := p.find(id); {
		case ok:
			s.first(i)
			return nil
		case err != nil:
			failed = err
		}
	}
	_, err := os.Lstat(s.loose(id))
	if errors.Is(err, fs.ErrNotExist) {
		return failed
	}
	return err
}

// each calls use with one stored copy of an object after the other until it is
// content. The copy ends with the call.
func (s *objectStore) each(id oid, limit int64, use func(*opened) error) error {
	if err := s.list(); err != nil {
		return err
	}
	failed := error(plumbing.ErrObjectNotFound)
	for i, p := range s.packs {
		off, ok, err := p.find(id)
		if err == nil && !ok {
			continue
		}
		if err == nil {
			err = s.inPack(p, off, limit, use)
		}
		if err == nil {
			s.first(i)
			return nil
		}
		failed = fmt.Errorf("%s.pack: %w", filepath.Base(p.base), err)
	}
	err := s.inFile(s.loose(id), use)
	if errors.Is(err, fs.ErrNotExist) {
		return failed
	}
	return err
}

func (s *objectStore) inPack(p *pack, off, limit int64, use func(*opened) error) error {
	if p.file == nil {
		s.closeOne()
		if err := p.openFile(); err != nil {
			return err
		}
	}
	o, err := s.reader.open(p, off, limit)
	if err != nil {
		return err
	}
	return use(o)
}

func (s *objectStore) inFile(name string, use func(*opened) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := objfile.NewReader(f)
	if err != nil {
		return err
	}
	defer r.Close()
	o := &opened{Reader: r}
	if o.kind, o.size, err = r.Header(); err != nil {
		return err
	}
	return use(o)
}

func (s *objectStore) loose(id oid) string {
	name := id.String()
	return filepath.Join(s.dir, name[:2], name[2:])
}

// withPrefix lists the objects whose id begins so, some of them twice. prefix has
// at least one byte.
func (s *objectStore) withPrefix(prefix []byte) (ids []oid, err error) {
	if err := s.list(); err != nil {
		return nil, err
	}
	for _, p := range s.packs {
		if err := p.openIndex(); err != nil {
			return nil, err
		}
		found, err := p.index.withPrefix(prefix)
		if err != nil {
			return nil, err
		}
		ids = append(ids, found...)
	}
	text := hex.EncodeToString(prefix)
	for _, name := range names(filepath.Join(s.dir, text[:2])) {
		if full := text[:2] + name; strings.HasPrefix(full, text) && plumbing.IsHash(full) {
			ids = append(ids, plumbing.NewHash(full))
		}
	}
	return ids, nil
}

// list looks which packs there are. What is open of one that still is stays open.
func (s *objectStore) list() error {
	if s.listed {
		return nil
	}
	dir := filepath.Join(s.dir, "pack")
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	known := make(map[string]*pack, len(s.packs))
	for _, p := range s.packs {
		known[p.base] = p
	}
	s.packs = s.packs[:0]
	for _, e := range entries {
		base, ok := strings.CutSuffix(filepath.Join(dir, e.Name()), ".pack")
		if !ok {
			continue
		}
		// A pack without an index is none: a git may be writing it.
		stamp, err := os.Lstat(base + ".idx")
		if err != nil {
			continue
		}
		p := known[base]
		if p != nil && os.SameFile(p.stamp, stamp) && p.stamp.ModTime().Equal(stamp.ModTime()) {
			delete(known, base)
		} else {
			p = &pack{base: base, stamp: stamp}
		}
		s.packs = append(s.packs, p)
	}
	for _, p := range known {
		p.close()
	}
	if len(known) > 0 {
		s.reader.bases = baseCache{} // it holds on to packs
	}
	s.listed = true
	return nil
}

// first moves a pack to the front: the next object is likely to be in it too.
func (s *objectStore) first(i int) {
	p := s.packs[i]
	copy(s.packs[1:], s.packs[:i])
	s.packs[0] = p
}

// closeOne makes room for another pack file.
func (s *objectStore) closeOne() {
	open := 0
	for _, p := range s.packs {
		if p.file != nil {
			open++
		}
	}
	if open < openPacks {
		return
	}
	for _, p := range slices.Backward(s.packs) {
		if p.file != nil {
			p.closeFile()
			return
		}
	}
}

func (s *objectStore) close() {
	for _, p := range s.packs {
		p.close()
	}
	*s = objectStore{dir: s.dir}
}
