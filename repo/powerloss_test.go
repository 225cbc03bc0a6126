package repo_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// cut is one power cut: after this many calls, with this left of the disk.
type cut struct {
	at     int
	said   string // what the program had said by then
	state  diskState
	server string // what the remote had by then
}

// cuts runs the helper once under strace and lists what a power cut after each of
// its calls may leave. The remote is another machine: its power stays on.
func (f fault) cuts(dir, server string) []cut {
	f.l.Helper()
	disk := loadDisk(f.l, dir)
	log := f.l.path("power.log")
	before, after := f.l.path("server-before"), f.l.path("server-after")
	copyTree(f.l, server, before)
	cmd := f.command(dir, "strace", "-f", "-qq", "-y", "-xx", "-s", "16000000", "-o", log, "-e", "trace="+diskCalls)
	if out, err := cmd.CombinedOutput(); err != nil {
		f.l.Fatalf("%v\n%s", err, out)
	}
	copyTree(f.l, server, after)
	var out []cut
	seen := map[string]bool{}
	said := ""
	add := func(at int) {
		servers := []string{before}
		switch {
		case strings.Contains(said, "pushed"):
			servers = []string{after}
		case strings.Contains(said, "pushing"):
			servers = []string{before, after}
		}
		for _, s := range disk.states() {
			for _, server := range servers {
				if key := s.key() + said + server; !seen[key] {
					seen[key] = true
					out = append(out, cut{at, said, s, server})
				}
			}
		}
	}
	changes := 0
	for i, c := range readCalls(f.l, log) {
		if c.name == "write" && strings.HasPrefix(c.args, "1<") && len(c.texts) == 2 {
			said += c.texts[1]
			add(i)
			continue
		}
		if disk.do(f.l, c) {
			changes++
			add(i)
		}
	}
	if changes == 0 || !strings.Contains(said, "left 0") {
		f.l.Fatalf("the log shows %d changes; the program said %q", changes, said)
	}
	return out
}

// powerLoss tries the cuts and reports the bad ones.
func (f fault) powerLoss(t *testing.T, dir, server string, verify func(dir string, c cut) []string) {
	all := f.cuts(dir, server)
	some := all
	if !*full && len(all) > 2*sample {
		some = nil
		step := len(all) / (2 * sample)
		for i := time.Now().YearDay() % step; i < len(all); i += step {
			some = append(some, all[i])
		}
	}
	nbad := 0
	for i, c := range some {
		at := f.l.path(fmt.Sprint("cut", i))
		c.state.reboot()
		c.state.write(t, at)
		if err := os.RemoveAll(server); err != nil {
			t.Fatal(err)
		}
		copyTree(t, c.server, server)
		if bad := verify(at, c); len(bad) > 0 {
			nbad++
			t.Errorf("cut after call %d, %s, when it had said %q:\n%s", c.at, c.state.what, c.said, strings.Join(bad, "\n"))
		}
	}
	t.Logf("%d power cuts of %d, %d bad", len(some), len(all), nbad)
}

// TestCR4_PowerLostAtEveryStep commits, moves an own ref and pushes on a disk that
// keeps nothing but what was flushed.
func TestCR4_PowerLostAtEveryStep(t *testing.T) {
	needStrace(t)
	l := newLab(t)
	server := l.bare("server.git")
	s := l.clone("template", "file://"+server)
	head := string(l.commit(s, faultStart()))
	if _, err := s.WriteRef(context.Background(), "refs/dashkeep/base/prod", "", map[string][]byte{"prod/charts/a.yaml": []byte("a: 1\n")}, "base"); err != nil {
		t.Fatal(err)
	}
	push(t, s, "refs/heads/main", "refs/dashkeep/base/prod")
	s.Close()
	f := fault{l: l, job: "cycle", remote: "file://" + server}
	f.powerLoss(t, s.Path(), server, func(dir string, c cut) []string {
		bad := f.verify(dir, head, c.said)
		if m := regexp.MustCompile(`base ([0-9a-f]{40})`).FindStringSubmatch(c.said); m != nil {
			if out, err := l.tryGit(dir, "merge-base", "--is-ancestor", m[1], "refs/dashkeep/base/prod"); err != nil {
				bad = append(bad, "the own ref is behind what was acknowledged: "+out)
			}
		}
		local, _ := l.tryGit(dir, "rev-parse", "main", "refs/dashkeep/base/prod")
		if remote, err := l.tryGit(server, "rev-parse", "main", "refs/dashkeep/base/prod"); err != nil || remote != local {
			bad = append(bad, "after the next run the remote has "+remote+", here is "+local)
		}
		if out, err := l.tryGit(server, "fsck", "--strict", "--no-dangling"); err != nil {
			bad = append(bad, "the remote: "+out)
		}
		return bad
	})
}

// TestCR4_PowerLostDuringAFetch fetches and merges on such a disk.
func TestCR4_PowerLostDuringAFetch(t *testing.T) {
	needStrace(t)
	l := newLab(t)
	server := l.bare("server.git")
	url := "file://" + server
	a := l.clone("template", url)
	l.commit(a, faultStart())
	push(t, a)
	b := l.clone("b", url)
	theirs := string(l.commit(b, map[string]string{"prod/old.yaml": gone, "prod/charts/a.yaml": "a: 2\n"}))
	push(t, b)
	ours := string(l.commit(a, map[string]string{"prod/new/c.yaml": "c: 1\n"}))
	a.Close()
	b.Close()
	f := fault{l: l, job: "fetch", remote: url}
	f.powerLoss(t, a.Path(), server, func(dir string, c cut) (bad []string) {
		if out, err := l.tryGit(dir, "rev-parse", "--verify", "main^{commit}"); err != nil || strings.TrimSpace(out) == "" {
			bad = append(bad, "no commit right after the cut: "+out)
		}
		if out, err := f.command(dir).CombinedOutput(); err != nil || !strings.Contains(string(out), "left 0") {
			bad = append(bad, fmt.Sprintf("the next run: %v %s", err, out))
		}
		if out, err := l.tryGit(dir, "fsck", "--strict", "--full", "--no-dangling"); err != nil {
			bad = append(bad, "fsck: "+out)
		}
		if out, _ := l.tryGit(dir, "rev-list", "--parents", "-1", "main"); !strings.Contains(out, ours) || !strings.Contains(out, theirs) {
			bad = append(bad, "not the merge of both: "+out)
		}
		if got := fmt.Sprint(worktree(l, dir)); got != faultTree {
			bad = append(bad, "working tree "+got)
		}
		return bad
	})
}

// TestCR4_PowerLostWithManyFiles changes so many files that they are flushed all at
// once: a cut before that leaves torn ones, which are known as such.
func TestCR4_PowerLostWithManyFiles(t *testing.T) {
	needStrace(t)
	l := newLab(t)
	server := l.bare("server.git")
	dir, head := l.template()
	f := fault{l: l, job: "many"}
	f.powerLoss(t, dir, server, func(dir string, c cut) []string { return f.verifyMany(dir, head, c.said) })
}

// helperForget writes and renames without a flush, and with one.
func helperForget(dir string) int {
	write := func(name string, flush bool) {
		f, err := os.Create(dir + "/" + name)
		if err == nil {
			_, err = f.WriteString("new")
		}
		if err == nil && flush {
			err = f.Sync()
		}
		f.Close()
		if err != nil {
			panic(err)
		}
	}
	write("a", false)
	os.Rename(dir+"/a", dir+"/old")
	write("b", true)
	os.Rename(dir+"/b", dir+"/c")
	return 0
}

// The disk model must bite: what is not flushed is lost.
func TestPowerDiskForgets(t *testing.T) {
	needStrace(t)
	l := newLab(t)
	dir := l.path("d")
	l.write(dir+"/old", "was")
	log := l.path("log")
	disk := loadDisk(t, dir)
	f := fault{l: l, job: "forget"}
	if out, err := f.command(dir, "strace", "-f", "-qq", "-y", "-xx", "-s", "10000", "-o", log, "-e", "trace="+diskCalls).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	for _, c := range readCalls(t, log) {
		disk.do(t, c)
	}
	for i, want := range []string{"map[old:was]", "map[b:new old:]", "map[c:new old:]", "map[c:new old:\x00\x00\x00]"} {
		if s := disk.states()[i]; fmt.Sprint(asStrings(s.files)) != want {
			t.Errorf("%s: %q, want %q", s.what, asStrings(s.files), want)
		}
	}
}
