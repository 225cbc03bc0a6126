package repo

import (
	"fmt"
	"os"
)

// pack is one pack; its files are opened when they are needed.
type pack struct {
	base  string // path without an ending
	stamp os.FileInfo
	index *packIndex
	file  *os.File
	size  int64
}

// baseOf returns where the base of the delta at off begins: always in the same pack.
func (p *pack) baseOf(h packEntryHead, off int64) (int64, error) {
	if h.kind == offsetDelta {
		if h.base <= 0 || h.base >= off {
			return 0, errBadEntry
		}
		return off - h.base, nil
	}
	off, ok, err := p.index.find(h.ref)
	if err == nil && !ok {
		err = fmt.Errorf("its base %s is not in the pack", h.ref)
	}
	return off, err
}

func (p *pack) find(id oid) (off int64, ok bool, err error) {
	if err := p.openIndex(); err != nil {
		return 0, false, err
	}
	return p.index.find(id)
}

func (p *pack) openIndex() (err error) {
	if p.index == nil {
		p.index, err = openPackIndex(p.base + ".idx")
	}
	return err
}

func (p *pack) openFile() error {
	f, err := os.Open(p.base + ".pack")
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	p.file, p.size = f, fi.Size()
	return nil
}

func (p *pack) closeFile() {
	if p.file != nil {
		p.file.Close()
		p.file = nil
	}
}

func (p *pack) close() {
	p.closeFile()
	if p.index != nil {
		p.index.close()
		p.index = nil
	}
}
