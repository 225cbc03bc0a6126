package repo_test

import (
	"fmt"
	"os"
	"os/exec"
)

// makeDisk makes an ext4 file system in a file.
func makeDisk(image, size string) error {
	for _, args := range [][]string{{"truncate", "-s", size, image}, {"mkfs.ext4", "-q", "-F", image}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w %s", args, err, out)
		}
	}
	return nil
}

// tryMount mounts it until the test ends, which only root may do.
func (l *lab) tryMount(image, at string) error {
	l.Helper()
	if err := os.MkdirAll(at, 0o755); err != nil {
		l.Fatal(err)
	}
	if out, err := exec.Command("mount", "-o", "loop", image, at).CombinedOutput(); err != nil {
		return fmt.Errorf("no loop device can be mounted here: %w %s", err, out)
	}
	l.Cleanup(func() { exec.Command("umount", "-l", at).Run() })
	return nil
}
