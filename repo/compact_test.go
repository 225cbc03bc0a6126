package repo_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/repo"
)

func packs(dir string) int {
	m, _ := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.pack"))
	return len(m)
}

func compact(t testing.TB, s *repo.Store, limit int64) {
	t.Helper()
	if err := s.Compact(context.Background(), limit); err != nil {
		t.Fatal(err)
	}
}

// withoutGit hides the git binary until the returned function is called.
func withoutGit(t testing.TB) (restore func()) {
	path := os.Getenv("PATH")
	os.Setenv("PATH", t.TempDir())
	restore = func() { os.Setenv("PATH", path) }
	t.Cleanup(restore)
	return restore
}

func TestCompactJoinsPacks(t *testing.T) {
	for _, native := range []bool{true, false} {
		l := newLab(t)
		s := l.open(l.options("work"))
		var revs []repo.Revision
		for i := range 60 {
			revs = append(revs, l.commit(s, map[string]string{"a": strings.Repeat("x", i), "dir/b": strings.Repeat("y", 100-i)}))
		}
		if n := packs(s.Path()); n != 60 {
			t.Fatalf("%d packs", n)
		}
		restore := func() {}
		if !native {
			restore = withoutGit(t)
		}
		compact(t, s, 0)
		if n := packs(s.Path()); n > 5 {
			t.Errorf("native %v: %d packs are left", native, n)
		}
		for i, rev := range revs {
			if data, err := s.File(rev, "a"); err != nil || len(data) != i {
				t.Fatalf("revision %d: %v", i, err)
			}
		}
		l.commit(s, map[string]string{"a": "after"})
		before := snapshot(t, filepath.Join(s.Path(), ".git/objects"))
		compact(t, s, 0)
		if snapshot(t, filepath.Join(s.Path(), ".git/objects")) != before {
			t.Error("a second one was not idle")
		}
		for _, f := range leftovers(s.Path()) {
			t.Errorf("left behind: %s", f)
		}
		restore()
		l.sound(s.Path())
	}
}

// Packs that git made hold deltas; what a fetch brings is such a pack.
func TestCompactTakesDeltasApart(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	long := strings.Repeat("a line that stays\n", 500)
	var revs []repo.Revision
	for i := range 45 {
		revs = append(revs, l.commit(s, map[string]string{"a": long + fmt.Sprint(i)}), l.commit(s, map[string]string{"a": fmt.Sprint(i) + long}))
		out := l.git(s.Path(), "rev-list", "--objects", "-2", string(revs[len(revs)-1]))
		var ids []string
		for line := range strings.Lines(out) {
			ids = append(ids, strings.Fields(line)[0])
		}
		l.write(l.path("ids"), strings.Join(ids, "\n")+"\n")
		l.git(s.Path(), "-c", "pack.packSizeLimit=0", "-c", "alias.p=!git pack-objects -q --delta-base-offset .git/objects/pack/pack < "+l.path("ids"), "p")
	}
	l.git(s.Path(), "multi-pack-index", "write")
	before := packs(s.Path())
	restore := withoutGit(t)
	compact(t, s, 0)
	restore()
	if n := packs(s.Path()); n > 5 || before < 100 {
		t.Errorf("%d packs are left of %d", n, before)
	}
	l.sound(s.Path())
	for i, rev := range revs {
		if data, err := s.File(rev, "a"); err != nil || !strings.Contains(string(data), fmt.Sprint(i/2)) {
			t.Fatalf("revision %d: %v", i, err)
		}
	}
}

// Nothing waits for maintenance: commits go on while a git repack takes for ever,
// and when it fails the packs are joined without it.
func TestCompactHoldsNobodyUp(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	for i := range 45 {
		l.commit(s, map[string]string{"a": fmt.Sprint(i)})
	}
	bin := t.TempDir()
	for _, pipe := range []string{"started", "go-on"} {
		if err := mkfifo(filepath.Join(bin, pipe)); err != nil {
			t.Skip(err)
		}
	}
	l.write(filepath.Join(bin, "git"), "#!/bin/sh\necho > "+bin+"/started\nread x < "+bin+"/go-on\nexit 1\n")
	os.Chmod(filepath.Join(bin, "git"), 0o755)
	path := os.Getenv("PATH")
	os.Setenv("PATH", bin)
	defer os.Setenv("PATH", path)
	done := make(chan error, 1)
	go func() { done <- s.Compact(context.Background(), 0) }()
	if _, err := os.ReadFile(filepath.Join(bin, "started")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // a hang, not a measurement
	defer cancel()
	if _, err := s.Commit(ctx, []repo.Commit{commit(map[string]string{"a": "meanwhile"}, "m")}); err != nil {
		t.Error(err)
	}
	if _, err := s.WriteRef(ctx, "refs/dashkeep/base/prod", "", map[string][]byte{"a": []byte("1")}, "m"); err != nil {
		t.Error(err)
	}
	compact(t, s, 0) // another one does nothing
	select {
	case err := <-done:
		t.Fatalf("it did not wait for git: %v", err)
	default:
	}
	os.WriteFile(filepath.Join(bin, "go-on"), []byte("x\n"), 0)
	if err := <-done; err != nil {
		t.Error(err)
	}
	os.Setenv("PATH", path)
	if n := packs(s.Path()); n > 5 {
		t.Errorf("%d packs are left", n)
	}
	l.sound(s.Path())
}

// With a limit the small packs are joined, and no more bytes than that are read.
func TestCompactWithinALimit(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	big := noise(300_000)
	for i := range 45 {
		files := map[string]string{"a": fmt.Sprint(i)}
		if i < 4 {
			files["big"] = fmt.Sprint(i) + big
		}
		l.commit(s, files)
	}
	compact(t, s, 100_000)
	if n := packs(s.Path()); n != 5 {
		t.Errorf("%d packs, want the four big ones and one", n)
	}
	l.sound(s.Path())
}

// noise is text that does not compress well.
func noise(n int) string {
	var b strings.Builder
	x := uint64(88172645463325252)
	for b.Len() < n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		fmt.Fprintf(&b, "%x", x)
	}
	return b.String()
}

// After many small pulls there are never more than 50 packs, and one that does
// not call git holds nobody up.
func TestManySmallPullsLeaveFewPacks(t *testing.T) {
	if raceDetector {
		t.Skip("a hundred pulls and repacks, one after the other: make check runs them without the race detector")
	}
	pulls := 100
	if *full {
		pulls = 5000
	}
	for _, native := range []bool{true, false} {
		t.Run(fmt.Sprint("native git ", native), func(t *testing.T) {
			l := newLab(t)
			s := l.open(l.options("work"))
			if !native {
				withoutGit(t)
			}
			most, longest := 0, time.Duration(0)
			var old repo.Revision
			for i := range pulls {
				text := fmt.Sprint(i)
				l.commit(s, map[string]string{"charts/" + fmt.Sprint(i%40): text})
				var err error
				if old, err = s.WriteRef(context.Background(), "refs/dashkeep/base/prod", old, map[string][]byte{"a": []byte(text)}, "base"); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				compact(t, s, repo.CompactQuickly)
				longest = max(longest, time.Since(start))
				most = max(most, packs(s.Path()))
			}
			t.Logf("%d pulls: at most %d packs, the longest maintenance %v", pulls, most, longest.Round(time.Millisecond))
			if most > 50 {
				t.Errorf("%d packs", most)
			}
			if head, _, _ := s.Head(); head == "" {
				t.Error("no head")
			}
		})
	}
}

// TestCR6_KilledAtEveryCallOfACompact joins packs without git, and is killed.
func TestCR6_KilledAtEveryCallOfACompact(t *testing.T) {
	calls := []string{"renameat", "linkat", "unlinkat", "fsync", "pwrite64"} // every change of what others see
	killedCompact(t, true, calls)
}

// TestCR6_KilledWhileGitJoinsPacks has git join them; whichever of the two makes the
// call is killed, git or dashkeep.
func TestCR6_KilledWhileGitJoinsPacks(t *testing.T) {
	killedCompact(t, false, []string{"rename", "link", "unlink", "fsync", "renameat", "linkat", "unlinkat"})
}

func killedCompact(t *testing.T, noGit bool, calls []string) {
	needStrace(t)
	l := newLab(t)
	s := l.open(l.options("template"))
	for i := range 42 {
		l.commit(s, map[string]string{"a": fmt.Sprint(i)})
	}
	head, _, _ := s.Head()
	s.Close()
	f := fault{l: l, job: "compact", noGit: noGit}
	verify := func(dir, said string) (bad []string) {
		sound := func() {
			if out, err := l.tryGit(dir, "fsck", "--strict", "--full", "--no-dangling"); err != nil {
				bad = append(bad, "fsck: "+out)
			}
		}
		sound()
		if out, err := f.command(dir).CombinedOutput(); err != nil {
			bad = append(bad, fmt.Sprintf("the next run: %v %s", err, out))
		}
		sound()
		if n, _ := l.tryGit(dir, "rev-list", "--count", string(head)); n != "42" {
			bad = append(bad, n+" commits")
		}
		if n := packs(dir); n > 40 {
			bad = append(bad, fmt.Sprintf("%d packs", n))
		}
		for _, left := range leftovers(dir) {
			if noGit || strings.Contains(left, "dashkeep") { // git's own are git's to remove
				bad = append(bad, "left behind: "+left)
			}
		}
		return bad
	}
	f.run(t, "compact", calls, "signal=SIGKILL", verify, func(dir string) { copyTree(t, s.Path(), dir) })
}
