package repo

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Working files come in the order of their paths, so the folder of the last one is
// kept open: from the root of the tree, each step to a file is several system calls.

// inFolder is the folder of a path, when it is known to be a real one.
func (co *checkout) inFolder(p string) (*os.Root, error) {
	dir := path.Dir(p)
	if dir == "." || !co.dirs[dir] {
		return nil, nil
	}
	if co.folder != nil && co.at == dir {
		return co.folder, nil
	}
	co.closeFolder()
	folder, err := co.s.work.OpenRoot(filepath.FromSlash(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	co.folder, co.at = folder, dir
	return folder, err
}

func (co *checkout) closeFolder() {
	if co.folder != nil {
		co.folder.Close()
		co.folder = nil
	}
}

// look is workFile.
func (co *checkout) look(p string) (int, fs.FileInfo, error) {
	folder, err := co.inFolder(p)
	if err != nil {
		return 0, nil, err
	}
	if folder == nil {
		return co.s.workFile(p, co.dirs)
	}
	return lookAt(folder, path.Base(p))
}

// lookAt says what stands at a name, without following a link.
func lookAt(folder *os.Root, name string) (int, fs.FileInfo, error) {
	fi, err := folder.Lstat(filepath.FromSlash(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return workAbsent, nil, nil
	case err != nil:
		return 0, nil, err
	case !fi.Mode().IsRegular():
		return workOther, nil, nil
	}
	return workFile, fi, nil
}
