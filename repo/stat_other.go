//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package repo

import (
	"encoding/binary"
	"io/fs"
)

// fillStat stores how a working file looks, as far as this system tells.
func (e *indexEntry) fillStat(fi fs.FileInfo) {
	binary.BigEndian.PutUint32(e.stat[8:], uint32(fi.ModTime().Unix()))
	binary.BigEndian.PutUint32(e.stat[12:], uint32(fi.ModTime().Nanosecond()))
	binary.BigEndian.PutUint32(e.stat[statSize:], uint32(fi.Size()))
}

// unchanged is never sure without a change time: the content is compared.
func (e *indexEntry) unchanged(_, _ fs.FileInfo) bool { return false }
