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
	zip64Locator              = 0x07064b50

	flagEncrypted = 1<<0 | 1<<6 | 1<<13 // classic, strong, masked headers
	flagPatched   = 1 << 5

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

// directory reads the central directory. The end record must be the last thing
// in the archive and the directory must end where it begins: anything else
// means that another reader could see other entries. start is where it begins.
func directory(r io.ReaderAt, size int64, l Limits) (headers []header, start int64, err error) {
	if size < endSize {
		return nil, 0, damaged("", "it is too short for a zip (%d bytes)", size)
	}
	if size > l.Total {
		return nil, 0, unsafe("", "it is larger than %d bytes", l.Total)
	}
	end, at, err := endRecord(r, size)
	if err != nil {
		return nil, 0, err
	}
	count := int(binary.LittleEndian.Uint16(end[10:]))
	length := int64(binary.LittleEndian.Uint32(end[12:]))
	start = int64(binary.LittleEndian.Uint32(end[16:]))
	switch {
	case count == 0xffff || length == 0xffffffff || start == 0xffffffff || hasZip64(r, at):
		return nil, 0, unsafe("", "it is in ZIP64 form, which nothing within the limits needs")
	case binary.LittleEndian.Uint16(end[4:]) != 0 || binary.LittleEndian.Uint16(end[6:]) != 0 || int(binary.LittleEndian.Uint16(end[8:])) != count:
		return nil, 0, unsafe("", "it is a part of an archive in several volumes")
	case count > l.Entries:
		return nil, 0, unsafe("", "it has %d entries, the limit is %d", count, l.Entries)
	case start+length != at:
		return nil, 0, damaged("", "its directory does not stand where its end record says")
	case int64(count)*centralSize > length:
		return nil, 0, damaged("", "its directory is too short for %d entries", count)
	}
	// Names, extra fields and comments have 16-bit lengths, so this is bounded
	// by the archive's own size.
	raw, err := readAt(r, start, length)
	if err != nil {
		return nil, 0, err
	}
	headers, err = entries(raw, count, start)
	return headers, start, err
}

func endRecord(r io.ReaderAt, size int64) (record []byte, at int64, err error) {
	tail, err := readAt(r, max(0, size-endSize-0xffff), min(size, endSize+0xffff))
	if err != nil {
		return nil, 0, err
	}
	for i := len(tail) - endSize; i >= 0; i-- {
		if binary.LittleEndian.Uint32(tail[i:]) != endMagic {
			continue
		}
		if comment := int(binary.LittleEndian.Uint16(tail[i+20:])); i+endSize+comment != len(tail) {
			return nil, 0, damaged("", "something follows its end record")
		}
		return tail[i : i+endSize], size - int64(len(tail)) + int64(i), nil
	}
	return nil, 0, damaged("", "it has no end record: it is no zip, or it was cut off")
}

func hasZip64(r io.ReaderAt, end int64) bool {
	if end < 20 {
		return false
	}
	b, err := readAt(r, end-20, 4)
	return err == nil && binary.LittleEndian.Uint32(b) == zip64Locator
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
		return unsafe(h.name, "is encrypted")
	case h.flags&flagPatched != 0 || (h.method != stored && h.method != deflated):
		return unsafe(h.name, "is packed by method %d, only stored and deflated are read", h.method)
	case kind != 0 && kind != typeFile && kind != typeFolder:
		return unsafe(h.name, "is neither a file nor a folder (a link or a device)")
	case h.mode&setRights != 0:
		return unsafe(h.name, "carries set-user, set-group or sticky rights")
	case kind == typeFolder && !h.folder(), kind == typeFile && h.folder():
		return unsafe(h.name, "is a folder by its name or by its attributes, but not by both")
	case h.folder() && h.size != 0:
		return unsafe(h.name, "is a folder with content")
	case h.packed == 0xffffffff || h.size == 0xffffffff || h.local == 0xffffffff:
		return unsafe(h.name, "is in ZIP64 form, which nothing within the limits needs")
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
