package repo_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/dashkeep/dashkeep/repo"
)

// tmpfs mounts a small file system, where that may be done.
func (l *lab) tmpfs(name, options string) string {
	l.Helper()
	dir := l.path(name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		l.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		l.Skipf("no file system can be mounted here: %v", err)
	}
	l.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// fill takes all space, or all inodes, and returns a function that gives it back.
func fill(t *testing.T, dir string, one int) (free func()) {
	t.Helper()
	var made []string
	for i := 0; ; i++ {
		name := fmt.Sprint(dir, "/fill", i)
		err := os.WriteFile(name, make([]byte, one), 0o644)
		made = append(made, name)
		if errors.Is(err, syscall.ENOSPC) {
			break
		}
		if err != nil || i > 1_000_000 {
			t.Fatal(err)
		}
	}
	return func() {
		for _, name := range made {
			os.Remove(name)
		}
	}
}

// A disk that is really full, of bytes or of files: the repository stays whole at
// the old commit, the error says so, and when there is room again it goes on.
func TestDK2_FullDisk(t *testing.T) {
	for name, c := range map[string]struct {
		options string
		one     int
	}{"no space": {"size=8m", 4096}, "no inodes": {"nr_inodes=400", 0}} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			dir := l.tmpfs("disk", c.options)
			o := l.options("disk/work")
			s := l.open(o)
			head := l.commit(s, map[string]string{"a": "1"})
			free := fill(t, dir, c.one)
			for i := range 3 {
				_, err := s.Commit(context.Background(), []repo.Commit{commit(map[string]string{"a": noise(5000), fmt.Sprint("new", i): "x"}, "m")})
				if !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("%v", err)
				}
			}
			if _, err := s.WriteRef(context.Background(), "refs/dashkeep/base/prod", "", map[string][]byte{"a": []byte(noise(5000))}, "m"); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("own ref: %v", err)
			}
			if have, _, err := s.Head(); have != head || err != nil {
				t.Errorf("the branch is at %s, %v", have, err)
			}
			s.Close()
			r := o
			r.ReadOnly = true // status goes on
			look := l.open(r)
			if files, err := look.Files(head, ""); err != nil || len(files) != 1 {
				t.Errorf("reading: %v %v", files, err)
			}
			free()
			s = l.open(o)
			l.commit(s, map[string]string{"a": "2"})
			l.sound(s.Path())
			l.cleanStatus(s.Path())
			for _, f := range leftovers(s.Path()) {
				t.Errorf("left behind: %s", f)
			}
		})
	}
}

// A disk that turned read-only: said so, nothing is broken, reading goes on.
func TestDK3_ReadOnlyDisk(t *testing.T) {
	l := newLab(t)
	dir := l.tmpfs("disk", "size=8m")
	o := l.options("disk/work")
	s := l.open(o)
	head := l.commit(s, map[string]string{"a": "1"})
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|flags, "size=8m"); err != nil {
			t.Skipf("it cannot be mounted again: %v", err)
		}
	}
	s.Close()
	remount(syscall.MS_RDONLY)
	if _, err := repo.Open(context.Background(), o); !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), o.Path) {
		t.Errorf("opening: %v", err)
	}
	r := o
	r.ReadOnly = true
	look := l.open(r)
	if files, err := look.Files(head, ""); err != nil || len(files) != 1 {
		t.Errorf("reading: %v %v", files, err)
	}
	look.Close()
	remount(0)
	s = l.open(o)
	if have, _, err := s.Head(); have != head || err != nil {
		t.Errorf("the branch is at %s, %v", have, err)
	}
	l.commit(s, map[string]string{"a": "2"})
	l.sound(s.Path())
}
