package repo

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// flushSingly is how many working files are flushed one by one, each before it
// gets its name: a power cut then leaves the old or the new content. More of them
// are flushed together when all are written (Linux), which takes far less time
// than one by one; what a cut in between leaves is known by the journal, see torn.
const flushSingly = 32

// flushWork makes the names of changed working files durable, and with all their
// content too.
func (s *Store) flushWork(dirs map[string]bool, all bool) error {
	if all {
		if done, err := syncFileSystem(s.opt.Path); done || err != nil {
			return err
		}
	}
	for _, d := range sortedKeys(dirs) {
		if err := s.flushWorkDir(d); err != nil {
			return err
		}
	}
	return nil
}

// flushWorkDir flushes a folder of the working tree; of one that was removed, the
// folder it was in.
func (s *Store) flushWorkDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // see syncDir
	}
	for {
		f, err := s.work.Open(filepath.FromSlash(dir))
		if err == nil {
			defer f.Close()
			return f.Sync()
		}
		if dir == "." || !os.IsNotExist(err) {
			return err
		}
		dir = path.Dir(dir)
	}
}

// parents adds the folders above a path, up to the root.
func parents(dirs map[string]bool, p string) {
	for d := path.Dir(p); !dirs[d]; d = path.Dir(d) {
		dirs[d] = true
		if d == "." {
			return
		}
	}
}

// torn reports whether a power cut left a file of ours like this: the beginning of
// the new content, and nothing or zeros after it. Nothing of a person's is in it.
func (s *Store) torn(p string, fi fs.FileInfo, want []byte) (bool, error) {
	if fi.Size() > int64(len(want)) {
		return false, nil
	}
	f, err := s.work.Open(filepath.FromSlash(p))
	if err != nil {
		return false, err
	}
	defer f.Close()
	data, err := readLimited(f, int64(len(want)), p)
	if err != nil {
		return false, err
	}
	data = bytes.TrimRight(data, "\x00")
	return bytes.HasPrefix(want, data) && len(data) < len(want), nil
}

// bootID tells one start of the system from another; "" when it cannot be told.
func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id") // proc(5)
	if err != nil || len(data) > 64 {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// flushFile makes the content of a file below the working tree durable.
func (s *Store) flushFile(name string) error {
	f, err := s.work.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
