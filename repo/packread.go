package repo

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/klauspost/compress/zlib"
)

// packReader reads entries of packs (gitformat-pack, version 2). It is not safe for
// concurrent use, and what it returned as a stream ends with the next call.
type packReader struct {
	in    *bufio.Reader
	zip   io.ReadCloser // a zlib.Resetter
	bases baseCache
}

// maxDeltaChain is what git allows at most.
const maxDeltaChain = 4095

var errBadEntry = errors.New("malformed pack entry")

// packEntryHead is what stands before the compressed bytes of an entry.
type packEntryHead struct {
	kind plumbing.ObjectType
	size int64 // unpacked: of the object, or of the instructions of a delta
	base int64 // offsetDelta: where in this pack
	ref  oid   // refDelta
}

func (h packEntryHead) isDelta() bool { return h.kind == offsetDelta || h.kind == refDelta }

// opened is a stored object before it was compared with its id.
type opened struct {
	kind plumbing.ObjectType
	size int64
	io.Reader
}

// content reads an object of up to limit bytes and compares it with its id.
func (o *opened) content(id oid, limit int64) ([]byte, error) {
	if o.size > limit {
		return nil, errTooLarge
	}
	data, err := readExactly(o, o.size)
	if err != nil {
		return nil, err
	}
	if err := otherThan(id, hashObject(o.kind, data)); err != nil {
		return nil, err
	}
	return data, nil
}

// otherThan is the error for content that is not that of id.
func otherThan(id, sum oid) error {
	if sum == id {
		return nil
	}
	return fmt.Errorf("its content is that of %s", sum)
}

// open begins to read the object at off. Deltas are resolved in memory, each step up
// to limit bytes; a whole object is a stream, whatever its size.
func (r *packReader) open(p *pack, off, limit int64) (*opened, error) {
	var deltas []delta
	var kind plumbing.ObjectType
	var data []byte
	for {
		have, ok := r.bases.get(packPlace{p, off})
		if ok {
			kind, data = have.kind, have.data
			break
		}
		h, err := r.head(p, off)
		if err != nil {
			return nil, err
		}
		if !h.isDelta() && len(deltas) == 0 {
			return &opened{h.kind, h.size, r.zip}, nil
		}
		if data, err = r.inflate(h.size, limit); err != nil {
			return nil, err
		}
		if !h.isDelta() {
			kind = h.kind
			r.bases.put(packPlace{p, off}, recentObject{kind, data})
			break
		}
		if len(deltas) == maxDeltaChain {
			return nil, errBadEntry
		}
		deltas = append(deltas, delta{off, data})
		if off, err = p.baseOf(h, off); err != nil {
			return nil, err
		}
	}
	for i := len(deltas) - 1; i >= 0; i-- {
		var err error
		if data, err = deltas[i].apply(data, limit); err != nil {
			return nil, err
		}
		r.bases.put(packPlace{p, deltas[i].off}, recentObject{kind, data})
	}
	return &opened{kind, int64(len(data)), bytes.NewReader(data)}, nil
}

// delta are instructions that make an object of another one.
type delta struct {
	off   int64
	steps []byte
}

func (d delta) apply(base []byte, limit int64) ([]byte, error) {
	_, n := binary.Uvarint(d.steps)
	if n <= 0 {
		return nil, errBadEntry
	}
	size, n := binary.Uvarint(d.steps[n:])
	if n <= 0 {
		return nil, errBadEntry
	}
	if size > uint64(limit) {
		return nil, errTooLarge
	}
	return packfile.PatchDelta(base, d.steps)
}

// head reads what stands at off and leaves r.zip before the content.
func (r *packReader) head(p *pack, off int64) (h packEntryHead, err error) {
	if off < packHeader || off >= p.size-20 {
		return h, errBadEntry
	}
	in := io.NewSectionReader(p.file, off, p.size-20-off)
	if r.in == nil {
		r.in = bufio.NewReaderSize(in, 16<<10)
	} else {
		r.in.Reset(in)
	}
	if h, err = readEntryHead(r.in); err != nil {
		return h, err
	}
	if r.zip == nil {
		r.zip, err = zlib.NewReader(r.in)
	} else {
		err = r.zip.(zlib.Resetter).Reset(r.in, nil)
	}
	return h, err
}

// readEntryHead is the reverse of appendEntryHeader, with what deltas add to it.
func readEntryHead(in *bufio.Reader) (h packEntryHead, err error) {
	c, err := in.ReadByte()
	if err != nil {
		return h, err
	}
	h.kind, h.size = plumbing.ObjectType(c>>4&7), int64(c&15)
	for shift := 4; c&0x80 != 0; shift += 7 {
		if c, err = in.ReadByte(); err != nil {
			return h, err
		}
		if shift > 56 {
			return h, errBadEntry
		}
		h.size |= int64(c&0x7f) << shift
	}
	switch h.kind {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
		return h, nil
	case refDelta:
		_, err = io.ReadFull(in, h.ref[:])
		return h, err
	case offsetDelta:
		h.base, err = readBaseOffset(in)
		return h, err
	}
	return h, errBadEntry
}

// readBaseOffset reads how far before its delta a base stands: seven bits each, the
// highest first, one added to all but the last.
func readBaseOffset(in *bufio.Reader) (int64, error) {
	c, err := in.ReadByte()
	n := int64(c & 0x7f)
	for err == nil && c&0x80 != 0 {
		if n >= 1<<55 {
			return 0, errBadEntry
		}
		c, err = in.ReadByte()
		n = (n+1)<<7 | int64(c&0x7f)
	}
	return n, err
}

// inflate reads exactly size bytes of the entry, and its checksum.
func (r *packReader) inflate(size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, errTooLarge
	}
	return readExactly(r.zip, size)
}

// readExactly fails when there is more or less. Reading to the very end is what
// makes zlib compare its checksum. Memory is taken as bytes come, for a damaged
// size must not take all of it.
func readExactly(in io.Reader, size int64) ([]byte, error) {
	var buf bytes.Buffer
	buf.Grow(int(min(size, 8<<20)) + bytes.MinRead)
	n, err := buf.ReadFrom(io.LimitReader(in, size+1))
	switch {
	case err != nil:
		return nil, err
	case n != size:
		return nil, fmt.Errorf("%d bytes instead of %d", n, size)
	}
	return buf.Bytes(), nil
}
