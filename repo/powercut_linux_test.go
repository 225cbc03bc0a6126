package repo_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// loopDisk is an ext4 file system in a file, mounted.
type loopDisk struct {
	l           *lab
	image, path string
}

func (l *lab) mount(image, at string) *loopDisk {
	l.Helper()
	if err := l.tryMount(image, at); err != nil {
		l.Skip(err)
	}
	return &loopDisk{l, image, at}
}

func (l *lab) loopDisk(name string) *loopDisk {
	l.Helper()
	image := l.path(name + ".img")
	if err := makeDisk(image, "96M"); err != nil {
		l.Skip(err)
	}
	return l.mount(image, l.path(name))
}

// cut copies what has reached the device, and mounts that as the system would
// after a power cut: the journal is replayed.
func (d *loopDisk) cut(name string) *loopDisk {
	d.l.Helper()
	image := d.l.path(name + ".img")
	if out, err := exec.Command("cp", "--sparse=always", d.image, image).CombinedOutput(); err != nil {
		d.l.Fatalf("%v %s", err, out)
	}
	return d.l.mount(image, d.l.path(name))
}

// powerWriter is a program that writes, and what must hold after a cut.
type powerWriter struct {
	name    string
	prepare func(l *lab, dir string) fault
	verify  func(f fault, dir, said string) []string
	control bool // native git with its defaults: expected to lose, so that the cut is known to be one
}

func powerWriters() []powerWriter {
	start := func(l *lab, dir string) {
		o := l.options("")
		o.Path = dir
		s := l.open(o)
		l.commit(s, faultStart())
		s.Close()
	}
	return []powerWriter{
		{name: "commit and own ref", prepare: func(l *lab, dir string) fault {
			start(l, dir)
			return fault{l: l, job: "commit"}
		}, verify: func(f fault, dir, said string) []string {
			return f.verify(dir, strings.TrimSpace(f.l.read(f.l.path("head"))), said)
		}},
		{name: "many files", prepare: func(l *lab, dir string) fault {
			start(l, dir)
			return fault{l: l, job: "many"}
		}, verify: func(f fault, dir, said string) []string {
			return f.verifyMany(dir, strings.TrimSpace(f.l.read(f.l.path("head"))), said)
		}},
		{name: "joined packs", prepare: func(l *lab, dir string) fault {
			o := l.options("")
			o.Path = dir
			s := l.open(o)
			for i := range 42 {
				l.commit(s, map[string]string{"a": fmt.Sprint(i)})
			}
			s.Close()
			return fault{l: l, job: "compact", noGit: true}
		}, verify: func(f fault, dir, _ string) (bad []string) {
			if out, err := f.l.tryGit(dir, "fsck", "--strict", "--full", "--no-dangling"); err != nil {
				bad = append(bad, out)
			}
			if n, _ := f.l.tryGit(dir, "rev-list", "--count", "main"); n != "42" {
				bad = append(bad, n+" commits")
			}
			return bad
		}},
		{name: "native git, its defaults", control: true, prepare: func(l *lab, dir string) fault {
			start(l, dir)
			return fault{l: l, job: "native"}
		}, verify: func(f fault, dir, said string) (bad []string) {
			if out, err := f.l.tryGit(dir, "fsck", "--strict", "--full", "--no-dangling"); err != nil {
				bad = append(bad, out)
			}
			if head, _ := f.l.tryGit(dir, "rev-parse", "main"); !strings.Contains(said, head) {
				bad = append(bad, "it is behind")
			}
			return bad
		}},
	}
}

// TestCR4_PowerCutOnALoopDevice writes to an ext4 file system on a loop device and
// looks at what had reached the device 0, 7 and 20 seconds after the program had
// said that it is done (facts: stock go-git and git with its defaults are
// unreadable after 7). It takes half a minute of waiting for the kernel, so it
// runs only when asked for: make powercut.
func TestCR4_PowerCutOnALoopDevice(t *testing.T) {
	if os.Getenv("DASHKEEP_POWERCUT") == "" {
		t.Skip("waits for the kernel's write-back, 20 s for each round: make powercut runs it")
	}
	if os.Geteuid() != 0 {
		t.Skip("only root may mount")
	}
	for round := range 3 {
		for _, w := range powerWriters() {
			t.Run(fmt.Sprint(w.name, " ", round), func(t *testing.T) {
				t.Parallel()
				powerCut(t, w)
			})
		}
	}
}

func powerCut(t *testing.T, w powerWriter) {
	l := newLab(t)
	disk := l.loopDisk("disk")
	dir := filepath.Join(disk.path, "work")
	f := w.prepare(l, dir)
	if head, err := l.tryGit(dir, "rev-parse", "main"); err == nil {
		l.write(l.path("head"), head)
	}
	exec.Command("sync", "-f", disk.path).Run() // the start is on the disk
	var said []byte
	var err error
	if f.job == "native" {
		l.write(filepath.Join(dir, "prod/charts/a.yaml"), "a: 2\n")
		said, err = []byte(l.git(dir, "commit", "-q", "-a", "-m", "native")+l.git(dir, "rev-parse", "main")), nil
	} else {
		said, err = f.command(dir).CombinedOutput()
	}
	if err != nil {
		t.Fatalf("%v %s", err, said)
	}
	begun := time.Now()
	var cuts []*loopDisk
	for _, after := range []time.Duration{0, 7 * time.Second, 20 * time.Second} {
		<-time.After(after - time.Since(begun)) // the kernel's own time: nothing tells when it writes back
		cuts = append(cuts, disk.cut(fmt.Sprint("cut", after)))
	}
	for i, c := range cuts {
		bad := w.verify(f, filepath.Join(c.path, "work"), string(said))
		switch {
		case w.control:
			t.Logf("control: cut %d: %.90q", i, strings.Join(bad, "\n"))
		case len(bad) > 0:
			t.Errorf("cut %d: %s", i, strings.Join(bad, "\n"))
		}
	}
}
