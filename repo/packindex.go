package repo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
)

// packIndex finds objects by the .idx file of a pack (gitformat-pack, version 2).
// It reads the counts at its head, and of the rest only what is asked for: a start
// of a program looks up a handful of objects, and an index grows with the history.
// Its checksum is not looked at; what it leads to is compared with its id.
type packIndex struct {
	in   io.ReaderAt
	file *os.File    // nil: in is in memory
	upTo [256]uint32 // how many ids begin with this byte or a smaller one
	wide int64       // how many offsets of eight bytes there are
	buf  []byte      // of ids
}

const (
	idxHead = 8
	idxIDs  = idxHead + 256*4 // where the ids begin
	// An index up to this size is read whole and closed.
	smallIdx = 64 << 10
)

var errNoIndex = errors.New("is no index of a pack, or is damaged")

func openPackIndex(name string) (x *packIndex, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if x == nil || x.file == nil { // it failed, or all is in memory
			f.Close()
		}
	}()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	x = &packIndex{in: f, file: f}
	if fi.Size() <= smallIdx {
		data := make([]byte, fi.Size())
		if _, err := io.ReadFull(f, data); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		x.in, x.file = bytes.NewReader(data), nil
	}
	if err := x.readHead(fi.Size()); err != nil {
		return nil, fmt.Errorf("%s %w", name, err)
	}
	return x, nil
}

func (x *packIndex) readHead(size int64) error {
	var head [idxIDs]byte
	if _, err := x.in.ReadAt(head[:], 0); err != nil || !bytes.Equal(head[:idxHead], []byte("\xfftOc\x00\x00\x00\x02")) {
		return errNoIndex
	}
	for i := range x.upTo {
		x.upTo[i] = binary.BigEndian.Uint32(head[idxHead+4*i:])
		if i > 0 && x.upTo[i] < x.upTo[i-1] {
			return errNoIndex
		}
	}
	wide := size - idxIDs - x.count()*(20+4+4) - 2*20
	if wide < 0 || wide%8 != 0 {
		return errNoIndex
	}
	x.wide = wide / 8
	return nil
}

func (x *packIndex) count() int64 { return int64(x.upTo[255]) }

// among returns the places of the ids that begin with this byte.
func (x *packIndex) among(first byte) (from, to int64) {
	if first > 0 {
		from = int64(x.upTo[first-1])
	}
	return from, int64(x.upTo[first])
}

// ids reads the ids of the places from up to to; the bytes hold until the next call.
func (x *packIndex) ids(from, to int64) ([]byte, error) {
	n := int((to - from) * 20)
	if cap(x.buf) < n {
		x.buf = make([]byte, n)
	}
	b := x.buf[:n]
	if _, err := x.in.ReadAt(b, idxIDs+from*20); err != nil {
		return nil, err
	}
	return b, nil
}

// find returns where in the pack an object begins.
func (x *packIndex) find(id oid) (off int64, ok bool, err error) {
	from, to := x.among(id[0])
	if from == to {
		return 0, false, nil
	}
	b, err := x.ids(from, to)
	if err != nil {
		return 0, false, err
	}
	n := len(b) / 20
	i := sort.Search(n, func(i int) bool { return bytes.Compare(b[i*20:i*20+20], id[:]) >= 0 })
	if i == n || !bytes.Equal(b[i*20:i*20+20], id[:]) {
		return 0, false, nil
	}
	off, err = x.offset(from + int64(i))
	return off, err == nil, err
}

// offset reads where the object at a place begins. A set first bit leads to the
// table of eight-byte offsets, for packs over 2 GiB.
func (x *packIndex) offset(place int64) (int64, error) {
	var b [8]byte
	if _, err := x.in.ReadAt(b[:4], idxIDs+x.count()*(20+4)+place*4); err != nil {
		return 0, err
	}
	off := binary.BigEndian.Uint32(b[:])
	if off>>31 == 0 {
		return int64(off), nil
	}
	at := int64(off &^ (1 << 31))
	if at >= x.wide {
		return 0, errNoIndex
	}
	if _, err := x.in.ReadAt(b[:], idxIDs+x.count()*(20+4+4)+at*8); err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b[:]) &^ (1 << 63)), nil
}

// withPrefix lists the ids that begin so; prefix has at least one byte.
func (x *packIndex) withPrefix(prefix []byte) (found []oid, err error) {
	from, to := x.among(prefix[0])
	b, err := x.ids(from, to)
	if err != nil {
		return nil, err
	}
	for ; len(b) > 0; b = b[20:] {
		if bytes.HasPrefix(b[:20], prefix) {
			found = append(found, oid(b[:20]))
		}
	}
	return found, nil
}

func (x *packIndex) close() {
	if x.file != nil {
		x.file.Close()
	}
}
