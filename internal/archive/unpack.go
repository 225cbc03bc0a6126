package archive

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
)

// locate finds each entry's bytes, and refuses entries whose local header
// differs from the directory or whose bytes overlap (the non-recursive bomb).
func locate(r io.ReaderAt, headers []header, directory int64) error {
	order := make([]*header, len(headers))
	for i := range headers {
		h := &headers[i]
		b, err := readAt(r, h.local, localSize)
		if err != nil {
			return err
		}
		n, x := int64(binary.LittleEndian.Uint16(b[26:])), int64(binary.LittleEndian.Uint16(b[28:]))
		if binary.LittleEndian.Uint32(b) != localMagic || n != int64(len(h.name)) {
			return damaged(h.name, "has no matching header before its content")
		}
		name, err := readAt(r, h.local+localSize, n)
		if err != nil {
			return err
		}
		if string(name) != h.name || binary.LittleEndian.Uint16(b[8:]) != h.method || binary.LittleEndian.Uint16(b[6:])&flagEncrypted != 0 {
			return refuse(h.name, "is described differently in the directory and before its content")
		}
		h.data = h.local + localSize + n + x
		if h.data+h.packed > directory {
			return damaged(h.name, "reaches beyond the archive's content")
		}
		order[i] = h
	}
	slices.SortFunc(order, func(a, b *header) int { return cmp.Compare(a.local, b.local) })
	for i := 1; i < len(order); i++ {
		if prev := order[i-1]; prev.data+prev.packed > order[i].local {
			return refuse(order[i].name, "shares its bytes with entry %s", quote(prev.name))
		}
	}
	return nil
}

// unpack reads one entry and holds it to its announced size and checksum.
func unpack(r io.ReaderAt, h header) ([]byte, error) {
	raw := &source{r: io.NewSectionReader(r, h.data, h.packed)}
	var in io.Reader = raw
	if h.method == deflated {
		in = flate.NewReader(raw)
	}
	var out bytes.Buffer
	// Deflate makes at most 1,032 bytes of one, so a lying size cannot make
	// this allocate more than the archive's own bytes allow.
	out.Grow(int(min(h.size, h.packed*1032)) + bytes.MinRead)
	n, err := io.Copy(&out, io.LimitReader(in, h.size+1))
	switch {
	case raw.err != nil:
		return nil, raw.err
	case n > h.size:
		return nil, refuse(h.name, "unpacks to more than the %d bytes it announces", h.size)
	case err != nil:
		return nil, damaged(h.name, "does not unpack: its data is corrupt")
	case n < h.size:
		return nil, damaged(h.name, "unpacks to %d bytes, but announces %d", n, h.size)
	case crc32.ChecksumIEEE(out.Bytes()) != h.crc:
		return nil, damaged(h.name, "has a wrong checksum")
	}
	return out.Bytes(), h.checkDescriptor(r)
}

// checkDescriptor compares the checksum that stands behind the content, in
// archives that were written as a stream, with the directory's.
func (h header) checkDescriptor(r io.ReaderAt) error {
	if h.flags&flagDescriptor == 0 {
		return nil
	}
	b, err := readAt(r, h.data+h.packed, 8)
	if err != nil {
		return err
	}
	crc := binary.LittleEndian.Uint32(b)
	if crc == descriptorMagic {
		crc = binary.LittleEndian.Uint32(b[4:])
	}
	if crc != h.crc {
		return damaged(h.name, "has a wrong checksum behind its content")
	}
	return nil
}

// source keeps an error of the medium apart from one of the data.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}
