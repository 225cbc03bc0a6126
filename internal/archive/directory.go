package archive

import (
	"encoding/binary"
	"errors"
	"io"
)

// The zip structures, from the APPNOTE of PKWARE, version 6.3.
const (
	endSize, endMagic         = 22, 0x06054b50
	centralSize, centralMagic = 46, 0x02014b50
	localSize, localMagic     = 30, 0x04034b50
	locatorSize, locatorMagic = 20, 0x07064b50
	end64Size, end64Magic     = 56, 0x06064b50
	extra64                   = 1 // id of the extra field with 64-bit sizes

	flagEncrypted = 1<<0 | 1<<6 | 1<<13 // classic, strong, masked headers
	flagPatched   = 1 << 5

	flagDescriptor, descriptorMagic = 1 << 3, 0x08074b50

	stored, deflated = 0, 8
)

// header is one line of the archive's directory.
type header struct {
	name   string
	flags  uint16
	method uint16
	crc    uint32
	packed int64
	size   int64
	local  int64 // where the local header stands
	data   int64 // where the packed bytes stand
	mode   uint32
}

func (h header) folder() bool { return len(h.name) > 0 && h.name[len(h.name)-1] == '/' }

// end is what the end record says.
type end struct {
	count, start, length int64
	at                   int64 // where the directory must end
}

// directory reads the central directory. The end record must be the last thing
// in the archive and the directory must end where it begins: anything else
// means that another reader could see other entries. start is where it begins.
func directory(r io.ReaderAt, size int64, l Limits) (headers []header, start int64, err error) {
	if size < endSize {
		return nil, 0, damaged("", "it is too short for a zip (%d bytes)", size)
	}
	if size > l.Total {
		return nil, 0, refuse("", "it is larger than %d bytes", l.Total)
	}
	e, err := readEnd(r, size)
	switch {
	case err != nil:
		return nil, 0, err
	case e.count > int64(l.Entries):
		return nil, 0, refuse("", "it has %d entries, the limit is %d", e.count, l.Entries)
	case e.start < 0 || e.length < 0 || e.start > e.at || e.length != e.at-e.start:
		return nil, 0, damaged("", "its directory does not stand where its end record says")
	case e.count < 0 || e.count > e.length/centralSize:
		return nil, 0, damaged("", "its directory is too short for %d entries", e.count)
	}
	// Bounded by the archive's own size, which is within the limit.
	raw, err := readAt(r, e.start, e.length)
	if err != nil {
		return nil, 0, err
	}
	headers, err = entries(raw, int(e.count), e.start)
	return headers, e.start, err
}

func readEnd(r io.ReaderAt, size int64) (end, error) {
	tail, err := readAt(r, max(0, size-endSize-0xffff), min(size, endSize+0xffff))
	if err != nil {
		return end{}, err
	}
	for i := len(tail) - endSize; i >= 0; i-- {
		if binary.LittleEndian.Uint32(tail[i:]) != endMagic {
			continue
		}
		if comment := int(binary.LittleEndian.Uint16(tail[i+20:])); i+endSize+comment != len(tail) {
			return end{}, damaged("", "something follows its end record")
		}
		return parseEnd(r, tail[i:], size-int64(len(tail))+int64(i))
	}
	return end{}, damaged("", "it has no end record: it is no zip, or it was cut off")
}

func parseEnd(r io.ReaderAt, b []byte, at int64) (end, error) {
	e := end{
		count:  int64(binary.LittleEndian.Uint16(b[10:])),
		length: int64(binary.LittleEndian.Uint32(b[12:])),
		start:  int64(binary.LittleEndian.Uint32(b[16:])),
		at:     at,
	}
	if at >= locatorSize+end64Size {
		loc, err := readAt(r, at-locatorSize, locatorSize)
		if err != nil {
			return end{}, err
		}
		if binary.LittleEndian.Uint32(loc) == locatorMagic {
			return end64(r, loc, e)
		}
	}
	if binary.LittleEndian.Uint16(b[4:]) != 0 || binary.LittleEndian.Uint16(b[6:]) != 0 || int64(binary.LittleEndian.Uint16(b[8:])) != e.count {
		return end{}, refuse("", "it is a part of an archive in several volumes")
	}
	return e, nil
}

// end64 reads the ZIP64 end record, which archives of more than 65,535 entries
// have: a Superset of 11,000 dashboards exports one. It must stand right before
// its locator, and agree with the plain record where that one is not full.
func end64(r io.ReaderAt, loc []byte, plain end) (end, error) {
	at := plain.at - locatorSize - end64Size
	b, err := readAt(r, at, end64Size)
	if err != nil {
		return end{}, err
	}
	if binary.LittleEndian.Uint32(b) != end64Magic || binary.LittleEndian.Uint64(b[4:]) != end64Size-12 || binary.LittleEndian.Uint64(loc[8:]) != uint64(at) {
		return end{}, damaged("", "its ZIP64 end record does not stand where it should")
	}
	e := end{
		count:  int64(binary.LittleEndian.Uint64(b[32:])),
		length: int64(binary.LittleEndian.Uint64(b[40:])),
		start:  int64(binary.LittleEndian.Uint64(b[48:])),
		at:     at,
	}
	volumes := binary.LittleEndian.Uint32(b[16:]) | binary.LittleEndian.Uint32(b[20:]) | binary.LittleEndian.Uint32(loc[4:])
	if volumes != 0 || int64(binary.LittleEndian.Uint64(b[24:])) != e.count {
		return end{}, refuse("", "it is a part of an archive in several volumes")
	}
	if (plain.count != 0xffff && plain.count != e.count) || (plain.length != 0xffffffff && plain.length != e.length) || (plain.start != 0xffffffff && plain.start != e.start) {
		return end{}, refuse("", "its two end records differ")
	}
	return e, nil
}

func entries(raw []byte, count int, start int64) ([]header, error) {
	out := make([]header, 0, count)
	for len(raw) > 0 {
		if len(raw) < centralSize || binary.LittleEndian.Uint32(raw) != centralMagic {
			return nil, damaged("", "entry %d of its directory is broken", len(out)+1)
		}
		n, x, c := int(binary.LittleEndian.Uint16(raw[28:])), int(binary.LittleEndian.Uint16(raw[30:])), int(binary.LittleEndian.Uint16(raw[32:]))
		if len(raw) < centralSize+n+x+c {
			return nil, damaged("", "entry %d of its directory is cut off", len(out)+1)
		}
		if len(out) == count {
			return nil, damaged("", "it has more entries than the %d its end record counts", count)
		}
		h := header{
			name:   string(raw[centralSize : centralSize+n]),
			flags:  binary.LittleEndian.Uint16(raw[8:]),
			method: binary.LittleEndian.Uint16(raw[10:]),
			crc:    binary.LittleEndian.Uint32(raw[16:]),
			packed: int64(binary.LittleEndian.Uint32(raw[20:])),
			size:   int64(binary.LittleEndian.Uint32(raw[24:])),
			mode:   binary.LittleEndian.Uint32(raw[38:]) >> 16,
			local:  int64(binary.LittleEndian.Uint32(raw[42:])),
		}
		if err := h.widen(raw[centralSize+n : centralSize+n+x]); err != nil {
			return nil, err
		}
		if err := h.check(start); err != nil {
			return nil, err
		}
		out = append(out, h)
		raw = raw[centralSize+n+x+c:]
	}
	if len(out) != count {
		return nil, damaged("", "it has %d entries, its end record counts %d", len(out), count)
	}
	return out, nil
}

// widen takes the 64-bit values of an entry from its extra field, where the
// plain ones are full.
func (h *header) widen(extra []byte) error {
	var wide []*int64
	for _, v := range []*int64{&h.size, &h.packed, &h.local} {
		if *v == 0xffffffff {
			wide = append(wide, v)
		}
	}
	for len(wide) > 0 && len(extra) >= 4 {
		id, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if len(extra) < 4+n {
			break
		}
		if field := extra[4 : 4+n]; id == extra64 && len(field) >= 8*len(wide) {
			for i, v := range wide {
				*v = int64(binary.LittleEndian.Uint64(field[8*i:]))
			}
			return nil
		}
		extra = extra[4+n:]
	}
	if len(wide) > 0 {
		return damaged(h.name, "lacks its ZIP64 sizes")
	}
	return nil
}

// The file types and rights of Unix, in the upper half of the external
// attributes. They are judged whatever system the entry claims to come from.
const (
	typeMask, typeFolder, typeFile = 0o170000, 0o040000, 0o100000
	setRights                      = 0o7000
)

func (h header) check(directory int64) error {
	kind := h.mode & typeMask
	switch {
	case h.flags&flagEncrypted != 0:
		return refuse(h.name, "is encrypted")
	case h.flags&flagPatched != 0 || (h.method != stored && h.method != deflated):
		return refuse(h.name, "is packed by method %d, only stored and deflated are read", h.method)
	case kind != 0 && kind != typeFile && kind != typeFolder:
		return refuse(h.name, "is neither a file nor a folder (a link or a device)")
	case h.mode&setRights != 0:
		return refuse(h.name, "carries set-user, set-group or sticky rights")
	case kind == typeFolder && !h.folder(), kind == typeFile && h.folder():
		return refuse(h.name, "is a folder by its name or by its attributes, but not by both")
	case h.folder() && h.size != 0:
		return refuse(h.name, "is a folder with content")
	case h.packed < 0 || h.size < 0 || h.local < 0 || h.local > directory || h.packed > directory:
		return damaged(h.name, "reaches beyond the archive's content")
	case h.method == stored && h.packed != h.size:
		return damaged(h.name, "is stored, but its two sizes differ")
	case h.local+localSize+h.packed > directory:
		return damaged(h.name, "reaches beyond the archive's content")
	}
	return nil
}

// readAt reads exactly n bytes.
func readAt(r io.ReaderAt, off, n int64) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(r, off, n), b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, damaged("", "it is shorter than announced")
		}
		return nil, err
	}
	return b, nil
}
