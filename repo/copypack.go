package repo

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
)

// maxUnpacked is the size above which a pack with deltas stays as it is: its
// objects become whole ones, which takes several times the room.
const maxUnpacked = 8 << 20

// Kinds of pack entries that refer to another entry (gitformat-pack).
const (
	offsetDelta = 6
	refDelta    = 7
)

// copyPack adds the objects of a pack; false leaves it out. Whole entries are
// copied as they stand, checked against the CRC of the index.
func (s *Store) copyPack(ctx context.Context, w *packWriter, p packFile) (bool, error) {
	f, err := os.Open(p.base + ".pack")
	if err != nil {
		return false, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return false, err
	}
	table, err := readIdx(p.base + ".idx")
	if err != nil {
		return false, err
	}
	entries, deltas, err := listEntries(table, f, fi.Size())
	if err != nil || deltas && fi.Size() > maxUnpacked {
		return false, err
	}
	for _, e := range entries {
		if w.seen[e.id] {
			continue
		}
		if err := s.copyEntry(ctx, w, f, e); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (s *Store) copyEntry(ctx context.Context, w *packWriter, f io.ReaderAt, e rawEntry) error {
	if e.kind == offsetDelta || e.kind == refDelta {
		kind, data, err := s.obj.checked(ctx, e.id, true)
		if err != nil {
			return fmt.Errorf("object %s: %w", e.id, err)
		}
		return w.addHashed(kind, e.id, data)
	}
	raw := make([]byte, e.size)
	if _, err := f.ReadAt(raw, int64(e.off)); err != nil {
		return err
	}
	if crc32.ChecksumIEEE(raw) != e.crc {
		return fmt.Errorf("object %s is damaged", e.id)
	}
	return w.addRaw(e.packEntry, raw)
}

func readIdx(name string) (*idxfile.MemoryIndex, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	table := idxfile.NewMemoryIndex()
	return table, idxfile.NewDecoder(f).Decode(table)
}

type rawEntry struct {
	packEntry
	size int64 // with its header
	kind plumbing.ObjectType
}

// listEntries lists a pack's entries by offset, and says whether one is a delta.
func listEntries(table *idxfile.MemoryIndex, f io.ReaderAt, size int64) (list []rawEntry, deltas bool, err error) {
	it, err := table.EntriesByOffset()
	if err != nil {
		return nil, false, err
	}
	defer it.Close()
	for {
		e, err := it.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, false, err
		}
		if n := len(list); n > 0 {
			list[n-1].size = int64(e.Offset) - int64(list[n-1].off)
		}
		list = append(list, rawEntry{packEntry: packEntry{id: e.Hash, crc: e.CRC32, off: e.Offset}})
	}
	if n := len(list); n > 0 {
		list[n-1].size = size - 20 - int64(list[n-1].off)
	}
	var head [1]byte
	for i, e := range list {
		if e.size <= 0 || e.size > maxAny {
			return nil, false, fmt.Errorf("index and pack disagree on object %s", e.id)
		}
		if _, err := f.ReadAt(head[:], int64(e.off)); err != nil {
			return nil, false, err
		}
		list[i].kind = plumbing.ObjectType(head[0] >> 4 & 7)
		deltas = deltas || list[i].kind == offsetDelta || list[i].kind == refDelta
	}
	return list, deltas, nil
}

// addRaw adds an entry as it stood in another pack.
func (p *packWriter) addRaw(e packEntry, raw []byte) error {
	if p.f == nil {
		if err := p.start(); err != nil {
			return err
		}
	}
	e.off = p.off
	if _, err := p.Write(raw); err != nil {
		return err
	}
	p.entries = append(p.entries, e)
	p.seen[e.id] = true
	return nil
}

// refresh makes the next read look at the packs anew.
func (o *objects) refresh() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reset()
}
