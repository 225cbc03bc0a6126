package repo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// ownTemp starts the name of every temporary file of this package, so that what
// a crash leaves behind can be told from the temporary files of a running git.
const ownTemp = "tmp_dashkeep_"

// syncDir makes renames and new names in a folder durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be flushed there; NTFS journals names
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// mkdirAll makes dir and makes the names of the folders it made durable.
func mkdirAll(dir string) error {
	if fi, err := os.Stat(dir); err == nil {
		if !fi.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: errors.New("a file is in the way")}
		}
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := mkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// writeTemp writes a new file in dir, flushes it, and returns its name. The
// file is removed on error.
func writeTemp(dir, kind string, mode fs.FileMode, data []byte) (name string, err error) {
	f, err := os.CreateTemp(dir, ownTemp+kind+"_*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return "", err
	}
	if err = f.Chmod(mode); err != nil {
		return "", err
	}
	if err = f.Sync(); err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// replaceFile puts data at path whole or not at all. tmp is a folder on the
// same file system.
func replaceFile(tmp, path string, data []byte) error {
	name, err := writeTemp(tmp, "file", 0o644, data)
	if err != nil {
		return err
	}
	if err := os.Rename(name, path); err != nil {
		os.Remove(name)
		return err
	}
	return syncDir(filepath.Dir(path))
}
