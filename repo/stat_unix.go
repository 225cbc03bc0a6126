//go:build linux || darwin || freebsd || netbsd || openbsd

package repo

import (
	"encoding/binary"
	"io/fs"
	"syscall"
)

// fillStat stores how a working file looks, in the fields git compares.
func (e *indexEntry) fillStat(fi fs.FileInfo) {
	put := func(i int, v uint32) { binary.BigEndian.PutUint32(e.stat[i:], v) }
	put(8, uint32(fi.ModTime().Unix()))
	put(12, uint32(fi.ModTime().Nanosecond()))
	put(statSize, uint32(fi.Size()))
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		sec, nsec := changeTime(st)
		put(0, uint32(sec))
		put(4, uint32(nsec))
		put(16, uint32(st.Dev))
		put(20, uint32(st.Ino))
		put(28, st.Uid)
		put(32, st.Gid)
	}
}

// unchanged reports whether a file looks exactly as when the entry was made,
// including the change time, which a person cannot set. A file as young as the
// index may have changed within the clock's tick and does not count.
func (e *indexEntry) unchanged(fi, indexFile fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || !fi.ModTime().Before(indexFile.ModTime()) {
		return false
	}
	sec, nsec := changeTime(st)
	get := func(i int) uint32 { return binary.BigEndian.Uint32(e.stat[i:]) }
	return get(8) != 0 && get(12) == uint32(fi.ModTime().Nanosecond()) && get(8) == uint32(fi.ModTime().Unix()) &&
		get(0) == uint32(sec) && get(4) == uint32(nsec) && get(20) == uint32(st.Ino) && get(statSize) == uint32(fi.Size())
}
