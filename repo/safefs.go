package repo

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
)

// safeFS is the file system under go-git's storage. go-git v5.19.3 writes
// references, index, configuration and pack indexes in place and flushes
// nothing (facts: 3 of 127 kill points of a commit left an empty reference or a
// cut index). Here
//
//   - creating or truncating such a file writes a temporary file, which Close
//     flushes and renames into place; if a write failed, Close discards it;
//   - Rename flushes the file before and the folder after;
//   - temporary files carry our name, so that a crash's leftovers are known.
//
// The order that go-git uses for a fetched pack, .idx first and .pack by rename
// after it, is then also the order on the disk.
type safeFS struct {
	billy.Filesystem
	root string
}

func newSafeFS(gitDir string) *safeFS {
	return &safeFS{osfs.New(gitDir, osfs.WithBoundOS()), gitDir}
}

// abs accepts the absolute names that BoundOS gives to temporary files.
func (s *safeFS) abs(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.root, name)
}

// published reports whether readers may look at the file while it is written.
func (s *safeFS) published(name string) bool {
	rel, err := filepath.Rel(s.root, s.abs(name))
	if err != nil {
		return false
	}
	rel = filepath.ToSlash(rel)
	switch base := path.Base(rel); {
	case strings.HasPrefix(base, ownTemp):
		return false
	case strings.HasPrefix(rel, "refs/"), strings.HasSuffix(rel, ".idx"):
		return true
	case strings.HasSuffix(base, "HEAD"):
		return !strings.Contains(rel, "/")
	default:
		return rel == "index" || rel == "config" || rel == "shallow" || rel == "packed-refs"
	}
}

func (s *safeFS) Create(name string) (billy.File, error) {
	return s.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

func (s *safeFS) OpenFile(name string, flag int, perm fs.FileMode) (billy.File, error) {
	if flag == os.O_RDONLY && strings.HasSuffix(name, ".idx") {
		return s.openIdx(name)
	}
	if flag&(os.O_CREATE|os.O_TRUNC) == 0 || !s.published(name) {
		return s.Filesystem.OpenFile(name, flag, perm)
	}
	target := s.abs(name)
	if err := mkdirAll(filepath.Dir(target)); err != nil {
		return nil, err
	}
	tmp, err := s.TempFile("", "")
	if err != nil {
		return nil, err
	}
	return &publishOnClose{File: tmp, fs: s, target: target}, nil
}

// Open is OpenFile for reading.
func (s *safeFS) Open(name string) (billy.File, error) { return s.OpenFile(name, os.O_RDONLY, 0) }

// openIdx reads a pack index whole: go-git asks for four bytes at a time.
func (s *safeFS) openIdx(name string) (billy.File, error) {
	f, err := s.Filesystem.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := readLimited(f, maxIdx, name)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &loadedFile{f, bytes.NewReader(data)}, nil
}

const maxIdx = 1 << 30

// loadedFile is a file whose content was read already.
type loadedFile struct {
	billy.File
	r *bytes.Reader
}

func (f *loadedFile) Read(p []byte) (int, error)                { return f.r.Read(p) }
func (f *loadedFile) ReadAt(p []byte, off int64) (int, error)   { return f.r.ReadAt(p, off) }
func (f *loadedFile) Seek(off int64, whence int) (int64, error) { return f.r.Seek(off, whence) }

// TempFile makes the file in our own folder, wherever go-git wants it: git gc
// removes temporary files from objects/pack.
func (s *safeFS) TempFile(_, prefix string) (billy.File, error) {
	return s.Filesystem.TempFile("dashkeep", ownTemp+prefix)
}

func (s *safeFS) Rename(from, to string) error {
	f, err := os.Open(s.abs(from))
	if err != nil {
		return err
	}
	err = f.Sync()
	f.Close()
	if err != nil {
		return err
	}
	if err := mkdirAll(filepath.Dir(s.abs(to))); err != nil {
		return err
	}
	if err := s.Filesystem.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(s.abs(to)))
}

// ReadDir hides packs without an index: go-git v5.19.3 fails every read when it
// meets one (go-git#2392), and a running git repack makes them for an instant.
func (s *safeFS) ReadDir(dir string) ([]fs.FileInfo, error) {
	list, err := s.Filesystem.ReadDir(dir)
	if err != nil || !strings.HasSuffix(filepath.ToSlash(dir), "objects/pack") {
		return list, err
	}
	indexed := make(map[string]bool, len(list))
	for _, fi := range list {
		if base, ok := strings.CutSuffix(fi.Name(), ".idx"); ok {
			indexed[base] = true
		}
	}
	kept := list[:0]
	for _, fi := range list {
		if base, ok := strings.CutSuffix(fi.Name(), ".pack"); !ok || indexed[base] {
			kept = append(kept, fi)
		}
	}
	return kept, nil
}

// publishOnClose is a file that appears under its name when it is closed, if
// everything written to it was accepted.
type publishOnClose struct {
	billy.File
	fs     *safeFS
	target string
	failed bool
	wrote  bool
	closed bool
}

func (f *publishOnClose) Name() string { return f.target }

func (f *publishOnClose) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.wrote = f.wrote || n > 0
	f.failed = f.failed || err != nil
	return n, err
}

func (f *publishOnClose) Truncate(size int64) error {
	err := f.File.Truncate(size)
	f.failed = f.failed || err != nil
	return err
}

func (f *publishOnClose) Close() error {
	if f.closed {
		return fs.ErrClosed
	}
	f.closed = true
	tmp := f.File.Name()
	if err := f.File.Close(); err != nil || f.failed || !f.wrote {
		os.Remove(f.fs.abs(tmp))
		return err
	}
	if err := f.fs.Rename(tmp, f.target); err != nil {
		os.Remove(f.fs.abs(tmp))
		return err
	}
	return nil
}
