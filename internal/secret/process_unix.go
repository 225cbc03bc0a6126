//go:build unix

package secret

import (
	"io/fs"
	"os/exec"
	"syscall"
)

// killGroup makes a timeout end the program's children as well.
func killGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

func readableByOthers(fi fs.FileInfo) bool { return fi.Mode().Perm()&0o004 != 0 }
