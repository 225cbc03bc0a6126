//go:build unix

package repo_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A folder that may not be written is named, and nothing is broken by it. Root is
// forbidden nothing, so for root the program runs as nobody.
func TestDK3_ForbiddenFolder(t *testing.T) {
	l := newLab(t)
	dir, head := l.template()
	f := fault{l: l, job: "commit"}
	run := func() (string, error) {
		t.Helper()
		cmd := f.command(dir)
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if os.Geteuid() == 0 {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		f.self = l.path("self") // where nobody may run it
		copyTree(t, self, f.self)
		os.Chmod(f.self, 0o755)
		os.Chmod(filepath.Dir(l.dir), 0o755)
		err = filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(p, 65534, 65534)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	pack := filepath.Join(dir, ".git/objects/pack")
	for _, forbidden := range []string{pack, filepath.Join(dir, ".git/refs/heads"), filepath.Join(dir, ".git/dashkeep")} {
		if err := os.Chmod(forbidden, 0o555); err != nil {
			t.Fatal(err)
		}
		out, err := run()
		rel, _ := filepath.Rel(dir, forbidden)
		if err == nil || !strings.Contains(out, "permission denied") || !strings.Contains(out, rel) {
			t.Errorf("%s: %v %s", rel, err, out)
		}
		os.Chmod(forbidden, 0o755)
		if now, err := exec.Command("git", "-c", "safe.directory=*", "-C", dir, "rev-parse", "main").Output(); err != nil || strings.TrimSpace(string(now)) != head {
			t.Errorf("%s: the branch is at %s, %v", rel, now, err)
		}
	}
	if out, err := run(); err != nil {
		t.Errorf("when it is allowed again: %v %s", err, out)
	}
}
