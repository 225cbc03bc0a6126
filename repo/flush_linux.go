package repo

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncFileSystem flushes everything on the file system of a folder.
func syncFileSystem(dir string) (done bool, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return true, unix.Syncfs(int(f.Fd()))
}
