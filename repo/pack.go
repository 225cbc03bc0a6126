package repo

import (
	"bufio"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/klauspost/compress/zlib"
)

// hashObject computes the id of an object.
func hashObject(t plumbing.ObjectType, data []byte) oid {
	h := sha1.New()
	var head [32]byte
	b := append(head[:0], t.Bytes()...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(data)), 10)
	h.Write(append(b, 0))
	h.Write(data)
	var id oid
	h.Sum(id[:0])
	return id
}

// packWriter writes a pack of whole objects as they come: memory does not grow
// with the content. The file is made at the first object, so a call that has
// nothing to write writes nothing.
type packWriter struct {
	tmp     string // where the file grows: git gc removes foreign files from objects/pack
	dir     string // objects/pack
	f       *os.File
	out     *bufio.Writer
	crc     hash.Hash32
	zip     *zlib.Writer
	off     uint64
	entries []packEntry
	seen    map[oid]bool

	recent map[oid]recentObject // references, up to maxRecent bytes
	held   int
	forget bool // keep nothing in recent
}

// maxRecent bounds what is kept of a pack until the working files have followed. It
// costs next to nothing: whoever asked for the commit holds the content meanwhile.
const maxRecent = 1 << 30

type packEntry struct {
	id  oid
	crc uint32
	off uint64
}

const packHeader = 12

func newPackWriter(gitDir, tmp string) *packWriter {
	return &packWriter{tmp: tmp, dir: filepath.Join(gitDir, "objects", "pack"), crc: crc32.NewIEEE(), seen: map[oid]bool{}, recent: map[oid]recentObject{}}
}

func (p *packWriter) empty() bool { return p.f == nil }

func (p *packWriter) start() error {
	if err := mkdirAll(p.dir); err != nil {
		return err
	}
	f, err := os.CreateTemp(p.tmp, ownTemp+"pack_*")
	if err != nil {
		return err
	}
	p.f, p.out = f, bufio.NewWriterSize(f, 256<<10)
	if p.zip, err = zlib.NewWriterLevel(io.Discard, 6); err != nil {
		return err
	}
	p.off = packHeader
	_, err = p.out.Write(appendPackHeader(nil, 0))
	return err
}

// appendPackHeader is "PACK", version 2 and the number of objects.
func appendPackHeader(b []byte, count int) []byte {
	b = append(b, "PACK"...)
	b = binary.BigEndian.AppendUint32(b, 2)
	return binary.BigEndian.AppendUint32(b, uint32(count))
}

// Write takes the bytes of the current entry.
func (p *packWriter) Write(b []byte) (int, error) {
	n, err := p.out.Write(b)
	p.crc.Write(b[:n])
	p.off += uint64(n)
	return n, err
}

// add writes one object unless this pack has it already.
func (p *packWriter) add(t plumbing.ObjectType, data []byte) (oid, error) {
	id := hashObject(t, data)
	return id, p.addHashed(t, id, data)
}

func (p *packWriter) addHashed(t plumbing.ObjectType, id oid, data []byte) error {
	if p.seen[id] {
		return nil
	}
	if p.f == nil {
		if err := p.start(); err != nil {
			return err
		}
	}
	e := packEntry{id: id, off: p.off}
	p.crc.Reset()
	if err := writeEntry(p, p.zip, t, data); err != nil {
		return err
	}
	e.crc = p.crc.Sum32()
	p.entries = append(p.entries, e)
	p.seen[id] = true
	p.keep(t, id, data)
	return nil
}

func (p *packWriter) keep(t plumbing.ObjectType, id oid, data []byte) {
	if !p.forget && p.held+len(data) <= maxRecent {
		p.recent[id] = recentObject{t, data}
		p.held += len(data)
	}
}

// writeEntry writes one whole object in pack format.
func writeEntry(w io.Writer, zip *zlib.Writer, t plumbing.ObjectType, data []byte) error {
	var head [16]byte
	if _, err := w.Write(appendEntryHeader(head[:0], t, uint64(len(data)))); err != nil {
		return err
	}
	zip.Reset(w)
	if _, err := zip.Write(data); err != nil {
		return err
	}
	return zip.Close()
}

// appendEntryHeader is type and size: three bits and four, then seven each.
func appendEntryHeader(b []byte, t plumbing.ObjectType, size uint64) []byte {
	c := byte(t)<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		b = append(b, c|0x80)
		c = byte(size & 127)
	}
	return append(b, c)
}

// discard removes what was written. It may be called at any time.
func (p *packWriter) discard() {
	if p.f != nil {
		p.f.Close()
		os.Remove(p.f.Name())
		p.f = nil
	}
}

// finish completes the pack, makes it durable and gives it its name: pack, idx,
// then the .idx and after it the .pack are renamed. A pack without index would
// stop go-git; an index without pack is ignored by everyone.
//
// The pack is guarded by a .keep file until the caller has moved the reference
// and calls release: a git gc in between would take it for garbage.
func (p *packWriter) finish() (pk *storedPack, err error) {
	defer func() {
		if err != nil {
			p.discard()
		}
	}()
	sum, err := p.seal()
	if err != nil {
		return nil, err
	}
	idx, err := writeTemp(p.tmp, "idx", 0o444, encodeIdx(p.entries, sum))
	if err != nil {
		return nil, err
	}
	base := filepath.Join(p.dir, "pack-"+sum.String())
	keep := base + ".keep"
	// Linked, not written: killed between creating and writing, it would be left
	// empty, and an empty .keep may be a person's.
	if err := linkMark(p.tmp, keep); err != nil && !errors.Is(err, fs.ErrExist) {
		os.Remove(idx)
		return nil, err
	}
	if err = os.Rename(idx, base+".idx"); err == nil {
		if err = os.Rename(p.f.Name(), base+".pack"); err == nil {
			err = syncDir(p.dir)
		}
	}
	if err != nil {
		os.Remove(idx)
		os.Remove(keep)
		if _, e := os.Lstat(base + ".pack"); e != nil {
			os.Remove(base + ".idx")
		}
		return nil, err
	}
	p.f, p.entries, p.seen = nil, nil, nil
	return &storedPack{path: base + ".pack", keep: keep}, nil
}

// seal writes count and checksum, and flushes the file.
func (p *packWriter) seal() (sum oid, err error) {
	if err := p.out.Flush(); err != nil {
		return sum, err
	}
	if _, err := p.f.WriteAt(appendPackHeader(nil, len(p.entries)), 0); err != nil {
		return sum, err
	}
	if _, err := p.f.Seek(0, io.SeekStart); err != nil {
		return sum, err
	}
	h := sha1.New()
	n, err := io.CopyBuffer(h, io.LimitReader(p.f, int64(p.off)), make([]byte, 256<<10))
	if err != nil {
		return sum, err
	}
	if uint64(n) != p.off {
		return sum, fmt.Errorf("pack is %d bytes instead of %d", n, p.off)
	}
	h.Sum(sum[:0])
	if _, err := p.f.WriteAt(sum[:], int64(p.off)); err != nil {
		return sum, err
	}
	if err := p.f.Chmod(0o444); err != nil {
		return sum, err
	}
	if err := p.f.Sync(); err != nil {
		return sum, err
	}
	return sum, p.f.Close()
}

// storedPack is a pack that is durable and not yet referred to.
type storedPack struct{ path, keep string }

func (k *storedPack) release() {
	if k != nil {
		os.Remove(k.keep)
	}
}
