package repo

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"slices"
)

// encodeIdx is the index (version 2) of a pack: a table of how many ids start
// with each byte or less, the sorted ids, their CRCs, their offsets (31 bits, or
// a place in the table of 64-bit ones), the pack's checksum and its own.
func encodeIdx(entries []packEntry, pack oid) []byte {
	slices.SortFunc(entries, func(a, b packEntry) int { return bytes.Compare(a.id[:], b.id[:]) })
	b := make([]byte, 0, 8+256*4+len(entries)*28+40)
	b = append(b, 0xff, 't', 'O', 'c', 0, 0, 0, 2)
	var fan [256]uint32
	for _, e := range entries {
		fan[e.id[0]]++
	}
	var total uint32
	for _, n := range fan {
		total += n
		b = binary.BigEndian.AppendUint32(b, total)
	}
	for _, e := range entries {
		b = append(b, e.id[:]...)
	}
	for _, e := range entries {
		b = binary.BigEndian.AppendUint32(b, e.crc)
	}
	var far []uint64
	for _, e := range entries {
		if e.off < 1<<31 {
			b = binary.BigEndian.AppendUint32(b, uint32(e.off))
			continue
		}
		b = binary.BigEndian.AppendUint32(b, 1<<31|uint32(len(far)))
		far = append(far, e.off)
	}
	for _, off := range far {
		b = binary.BigEndian.AppendUint64(b, off)
	}
	b = append(b, pack[:]...)
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}
