package repo

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// index is Git's list of what is staged and how the working files looked then.
// It has its own codec because go-git's (v5.19.3) forgets flags of a person's
// (assume-unchanged) and sorts the stages of a conflict at random.
//
// Versions 2 to 4 are read and 2 or 3 written. Extensions are caches of git's
// and dropped, except the undo information of resolved conflicts.
type index struct {
	entries []indexEntry // by path, then stage
	undo    []byte       // extension REUC
}

// indexEntry is one line. stat is kept as stored: times, device, inode, mode,
// owner, size.
type indexEntry struct {
	path  string
	id    oid
	stat  [40]byte
	flags uint16 // without the name length
	ext   uint16
}

const (
	statMode, statSize = 24, 36

	flagExtended = 0x4000
	flagStages   = 0x3000
	extSkipTree  = 0x4000
	maxIndex     = 1 << 30
)

var (
	// errBadIndex: cut or damaged; git cannot read it either.
	errBadIndex = errors.New("damaged index")
	// errForeignIndex: a kind of index that is not handled here.
	errForeignIndex = errors.New("unsupported index")
)

func (e *indexEntry) stage() int { return int(e.flags&flagStages) >> 12 }
func (e *indexEntry) mode() uint32 {
	return binary.BigEndian.Uint32(e.stat[statMode:])
}
func (e *indexEntry) setMode(m uint32) { binary.BigEndian.PutUint32(e.stat[statMode:], m) }
func (e *indexEntry) entry() entry     { return entry{e.mode(), e.id} }

// readIndex reads a file; fs.ErrNotExist when there is none.
func readIndex(name string) (*index, error) {
	data, err := readSmall(name, maxIndex)
	if err != nil {
		return nil, err
	}
	return parseIndex(data)
}

// soundIndex reports whether git can read an index, or there is none: it does not
// ask more than the checksum where that is enough.
func soundIndex(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return true // not damaged as far as anybody can see
	}
	defer f.Close()
	if fi, err := f.Stat(); err == nil {
		if sound, err := endsWithSum(f, fi.Size()); sound && err == nil {
			return true
		}
	}
	data, err := readSmall(name, maxIndex)
	if err != nil {
		return true
	}
	_, err = parseIndex(data)
	return !errors.Is(err, errBadIndex)
}

// endsWithSum reports whether a file of size bytes ends with the SHA-1 of what stands
// before, as Git's indexes and packs do.
func endsWithSum(r io.Reader, size int64) (bool, error) {
	if size <= sha1.Size {
		return false, nil
	}
	h := sha1.New()
	if _, err := io.CopyN(h, r, size-sha1.Size); err != nil {
		return false, err
	}
	var sum [sha1.Size]byte
	if _, err := io.ReadFull(r, sum[:]); err != nil {
		return false, err
	}
	return bytes.Equal(sum[:], h.Sum(nil)), nil
}

func parseIndex(data []byte) (*index, error) {
	if len(data) < 32 || string(data[:4]) != "DIRC" {
		return nil, fmt.Errorf("%w: %d bytes", errBadIndex, len(data))
	}
	body, sum := data[:len(data)-20], data[len(data)-20:]
	// index.skipHash leaves the checksum zero.
	if want := sha1.Sum(body); !bytes.Equal(sum, want[:]) && !bytes.Equal(sum, make([]byte, 20)) {
		return nil, fmt.Errorf("%w: checksum", errBadIndex)
	}
	version, count := binary.BigEndian.Uint32(body[4:]), int(binary.BigEndian.Uint32(body[8:]))
	if version < 2 || version > 4 {
		return nil, fmt.Errorf("%w: version %d", errForeignIndex, version)
	}
	if count < 0 || count > len(body)/62+1 {
		return nil, fmt.Errorf("%w: %d entries in %d bytes", errBadIndex, count, len(body))
	}
	ix := &index{entries: make([]indexEntry, 0, count)}
	pos := 12
	for range count {
		n, err := ix.parseEntry(body[pos:], version)
		if err != nil {
			return nil, err
		}
		pos += n
	}
	return ix, ix.parseExtensions(body[pos:])
}

func (ix *index) parseEntry(b []byte, version uint32) (int, error) {
	if len(b) < 62 {
		return 0, errBadIndex
	}
	var e indexEntry
	copy(e.stat[:], b)
	copy(e.id[:], b[40:])
	flags := binary.BigEndian.Uint16(b[60:])
	e.flags = flags &^ 0xfff
	pos := 62
	if flags&flagExtended != 0 {
		if len(b) < 64 {
			return 0, errBadIndex
		}
		e.ext, pos = binary.BigEndian.Uint16(b[62:]), 64
	}
	prefix := ""
	if version == 4 {
		strip, n := readOffset(b[pos:])
		last := ""
		if len(ix.entries) > 0 {
			last = ix.entries[len(ix.entries)-1].path
		}
		if n == 0 || strip > uint64(len(last)) {
			return 0, errBadIndex
		}
		prefix, pos = last[:len(last)-int(strip)], pos+n
	}
	nul := bytes.IndexByte(b[pos:], 0)
	if nul < 0 {
		return 0, errBadIndex
	}
	e.path = prefix + string(b[pos:pos+nul])
	ix.entries = append(ix.entries, e)
	if version == 4 {
		return pos + nul + 1, nil
	}
	size := (pos + nul + 8) &^ 7
	if size > len(b) {
		return 0, errBadIndex
	}
	return size, nil
}

// readOffset is the number that version 4 stores before a name.
func readOffset(b []byte) (v uint64, n int) {
	for n < len(b) && n < 9 {
		c := b[n]
		n++
		v = v<<7 | uint64(c&127)
		if c&128 == 0 {
			return v, n
		}
		v++
	}
	return 0, 0
}

func (ix *index) parseExtensions(b []byte) error {
	for len(b) >= 8 {
		name, size := string(b[:4]), uint64(binary.BigEndian.Uint32(b[4:]))
		if size > uint64(len(b)-8) {
			return errBadIndex
		}
		switch {
		case name == "REUC":
			ix.undo = bytes.Clone(b[8 : 8+size])
		case name[0] >= 'a': // must be understood: a split or sparse index
			return fmt.Errorf("%w: extension %q", errForeignIndex, name)
		}
		b = b[8+size:]
	}
	if len(b) != 0 {
		return errBadIndex
	}
	return nil
}

// encode is the file.
func (ix *index) encode() []byte {
	version := uint32(2)
	for i := range ix.entries {
		if ix.entries[i].ext != 0 {
			version = 3
		}
	}
	b := make([]byte, 0, 12+len(ix.entries)*110+40)
	b = append(b, "DIRC"...)
	b = binary.BigEndian.AppendUint32(b, version)
	b = binary.BigEndian.AppendUint32(b, uint32(len(ix.entries)))
	for i := range ix.entries {
		e := &ix.entries[i]
		start := len(b)
		b = append(b, e.stat[:]...)
		b = append(b, e.id[:]...)
		flags := e.flags&^flagExtended | uint16(min(len(e.path), 0xfff))
		if e.ext != 0 {
			flags |= flagExtended
		}
		b = binary.BigEndian.AppendUint16(b, flags)
		if e.ext != 0 {
			b = binary.BigEndian.AppendUint16(b, e.ext)
		}
		b = append(b, e.path...)
		b = append(b, make([]byte, 8-(len(b)-start)%8)...)
	}
	if ix.undo != nil {
		b = append(b, "REUC"...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(ix.undo)))
		b = append(b, ix.undo...)
	}
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}

// at returns the place of path's first stage, and whether it has any.
func (ix *index) at(path string) (int, bool) {
	i := sort.Search(len(ix.entries), func(i int) bool { return ix.entries[i].path >= path })
	return i, i < len(ix.entries) && ix.entries[i].path == path
}

// get returns the entry of path when it is a plain one, not a conflict.
func (ix *index) get(path string) *indexEntry {
	if i, ok := ix.at(path); ok && ix.entries[i].stage() == 0 {
		return &ix.entries[i]
	}
	return nil
}

// conflicted reports whether path has the stages of an unfinished merge.
func (ix *index) conflicted(path string) bool {
	i, ok := ix.at(path)
	return ok && ix.entries[i].stage() != 0
}

// apply replaces the plain entries of many paths in one pass: entries maps a
// path to its new entry, nil for removal.
func (ix *index) apply(entries map[string]*indexEntry) {
	fresh := make([]*indexEntry, 0, len(entries))
	for _, e := range entries {
		if e != nil {
			fresh = append(fresh, e)
		}
	}
	slices.SortFunc(fresh, func(a, b *indexEntry) int { return strings.Compare(a.path, b.path) })
	out := make([]indexEntry, 0, len(ix.entries)+len(fresh))
	for _, e := range ix.entries {
		for len(fresh) > 0 && fresh[0].path <= e.path {
			out, fresh = append(out, *fresh[0]), fresh[1:]
		}
		if _, ok := entries[e.path]; !ok {
			out = append(out, e)
		}
	}
	for _, e := range fresh {
		out = append(out, *e)
	}
	ix.entries = out
}

// indexOf makes an index that matches a tree and knows nothing of the files, so
// that git compares their content.
func (o *objects) indexOf(tree oid) (*index, error) {
	ix := &index{}
	err := o.walkTree(tree, "", func(path string, e entry) error {
		ie := indexEntry{path: path, id: e.id}
		ie.setMode(e.mode)
		ix.entries = append(ix.entries, ie)
		return nil
	})
	slices.SortFunc(ix.entries, func(a, b indexEntry) int { return strings.Compare(a.path, b.path) })
	return ix, err
}

// writeIndex publishes an index.
func writeIndex(tmp, path string, ix *index) error {
	name, err := writeTemp(tmp, "index", 0o644, ix.encode())
	if err != nil {
		return err
	}
	if err := os.Rename(name, path); err != nil {
		os.Remove(name)
		return err
	}
	return syncDir(filepath.Dir(path))
}

// loadIndex reads the index. One that is missing or damaged is made anew from
// tree, and the damaged one is put aside.
func (s *Store) loadIndex(tree oid) (*index, error) {
	path := s.file("index")
	ix, err := readIndex(path)
	switch {
	case err == nil:
		return ix, nil
	case errors.Is(err, fs.ErrNotExist):
		return s.obj.indexOf(tree)
	case errors.Is(err, errBadIndex):
		aside := s.file("index.damaged-" + s.opt.Now().UTC().Format("20060102T150405"))
		if e := os.Rename(path, aside); e != nil {
			return nil, fmt.Errorf("%w; it could not be put aside: %w", err, e)
		}
		s.opt.Log.Warn("the index was damaged and is made anew from the last commit; what was staged is no longer staged",
			"reason", err, "kept", aside)
		return s.obj.indexOf(tree)
	}
	return nil, err
}
