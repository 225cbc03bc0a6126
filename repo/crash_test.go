package repo_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/repo"
)

// The fault tests run this test binary again as a small program that opens a
// repository and writes to it, under strace, which kills it or fails a call.
//
// By default a sample of the points is tried; -full, or DASHKEEP_TEST_FULL=1,
// tries every one.
var full = flag.Bool("full", os.Getenv("DASHKEEP_TEST_FULL") != "", "fault tests: try every kill point")

const (
	helperEnv = "DASHKEEP_REPO_HELPER" // what the program is to do
	marker    = "/dashkeep-test-starts-here"
	sample    = 24 // points per fault test without -full
)

func TestMain(m *testing.M) {
	if job := os.Getenv(helperEnv); job != "" {
		os.Exit(helper(job, os.Args[1:]))
	}
	flag.Parse()
	if !*full {
		flag.Set("rapid.checks", "15") // each one runs native git several times
	}
	os.Exit(m.Run())
}

// helper writes and says so. Args: path, remote.
func helper(job string, args []string) int {
	os.Open(marker) // strace's log shows where the Go runtime's own start ends
	switch job {
	case "hammer":
		return hammer(args[0], args[1])
	case "forget":
		return helperForget(args[0])
	case "sync", "sync-native":
		return helperSync(job, args)
	}
	o := repo.Options{Path: args[0], Branch: "main", Remote: args[1],
		Committer: repo.Signature{Name: "dashkeep", Email: "dashkeep@localhost"},
		Log:       slog.New(slog.NewTextHandler(os.Stderr, nil))}
	ctx := context.Background()
	s, err := repo.Open(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "open:", err)
		return 1
	}
	defer s.Close()
	switch job {
	case "commit":
		err = helperCommit(ctx, s)
	case "many":
		err = helperMany(ctx, s)
	case "cycle":
		if err = helperCommit(ctx, s); err == nil {
			fmt.Println("pushing")
			err = s.Push(ctx, "refs/heads/main", "refs/dashkeep/base/prod")
		}
		if err == nil {
			fmt.Println("pushed")
		}
	case "fetch":
		_, err = s.FetchAndMerge(ctx)
	case "compact":
		err = s.Compact(ctx, 0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, job+":", err)
		return 1
	}
	fmt.Println("left", len(s.LeftAlone()))
	return 0
}

// The commit the fault tests make, on the state they start from.
func faultStart() map[string]string {
	return map[string]string{"prod/charts/a.yaml": "a: 1\n", "prod/charts/b.yaml": "b: 1\n", "prod/old.yaml": "old\n", "README": "hi\n"}
}

func faultChange() map[string]string {
	return map[string]string{"prod/charts/a.yaml": "a: 2\n", "prod/old.yaml": gone, "prod/new/c.yaml": "c: 1\n"}
}

const faultTree = "map[README:hi\n prod/charts/a.yaml:a: 2\n prod/charts/b.yaml:b: 1\n prod/new/c.yaml:c: 1\n]"

func helperCommit(ctx context.Context, s *repo.Store) error {
	rev, err := s.Commit(ctx, []repo.Commit{commit(map[string]string{"prod/new/c.yaml": "c: 1\n"}, "one"), commit(faultChange(), "two")})
	if err != nil && !errors.Is(err, repo.ErrNothingToCommit) {
		return err
	}
	fmt.Println("committed", rev)
	old, _, err := s.ReadRef("refs/dashkeep/base/prod")
	if err != nil {
		return err
	}
	base, err := s.WriteRef(ctx, "refs/dashkeep/base/prod", old, map[string][]byte{"prod/charts/a.yaml": []byte("a: 2\n")}, "base")
	if err != nil {
		return err
	}
	fmt.Println("base", base)
	return nil
}

// helperMany changes more files than are flushed one by one.
func helperMany(ctx context.Context, s *repo.Store) error {
	files := map[string]string{"README": gone}
	for i := range 40 {
		files[fmt.Sprintf("prod/%d/%d.yaml", i%3, i)] = fmt.Sprintf("number: %d\nmore: text\n", i)
	}
	rev, err := s.Commit(ctx, []repo.Commit{commit(files, "many")})
	if errors.Is(err, repo.ErrNothingToCommit) {
		err = nil
	}
	fmt.Println("committed", rev)
	return err
}

// verifyMany looks at what helperMany left, and lets it run once more.
func (f fault) verifyMany(dir, old, said string) (bad []string) {
	fail := func(format string, a ...any) { bad = append(bad, fmt.Sprintf(format, a...)) }
	head, err := f.l.tryGit(dir, "rev-parse", "--verify", "main^{commit}")
	if err != nil {
		fail("right after: %s", head)
	}
	if m := regexp.MustCompile(`committed ([0-9a-f]{40})`).FindStringSubmatch(said); m != nil && m[1] != head {
		fail("acknowledged %s and the branch is at %s", m[1], head)
	}
	if out, err := f.command(dir).CombinedOutput(); err != nil || !strings.Contains(string(out), "left 0") {
		fail("the next run: %v\n%s", err, out)
	}
	for _, args := range [][]string{{"fsck", "--strict", "--full", "--no-dangling"}, {"merge-base", "--is-ancestor", old, "main"}} {
		if out, err := f.l.tryGit(dir, args...); err != nil {
			fail("git %v: %s", args, out)
		}
	}
	if out, err := f.l.tryGit(dir, "status", "--porcelain"); err != nil || out != "" {
		fail("status: %s", out)
	}
	if n, _ := f.l.tryGit(dir, "ls-tree", "-r", "--name-only", "main", "prod/0", "prod/1", "prod/2"); strings.Count(n, "\n") != 39 {
		fail("files: %s", n)
	}
	return bad
}

// fault is one strace run of the helper.
type fault struct {
	l      *lab
	job    string
	remote string
	noGit  bool   // the program finds no git binary
	self   string // the program, when it is a copy
}

func (f fault) command(dir string, strace ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		f.l.Fatal(err)
	}
	args := append(strace, cmp.Or(f.self, self), dir, f.remote)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(gitEnv(), helperEnv+"="+f.job, "GOMAXPROCS=1", "GOGC=off")
	if f.noGit {
		cmd.Env = append(cmd.Env, "PATH="+f.l.path("nowhere"))
	}
	return cmd
}

func needStrace(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("taken without the race detector, which sees nothing of killed processes: make check runs it so")
	}
	if out, err := exec.Command("strace", "-f", "-qq", "-e", "inject=write:error=EIO:when=60000", "true").CombinedOutput(); err != nil {
		t.Skipf("strace cannot run here (%v): %s", err, out)
	}
}

// point is the Nth call of a kind after the marker.
type point struct {
	call string
	n    int
}

var callLine = regexp.MustCompile(`^(\d+) +([a-z0-9]+)\((.*)`)

// points runs the helper once whole and counts its calls, as strace does when it
// injects: for each thread by itself.
func (f fault) points(dir string, calls []string) []point {
	f.l.Helper()
	log := f.l.path("strace.log")
	cmd := f.command(dir, "strace", "-f", "-qq", "-o", log, "-e", "trace=openat,"+strings.Join(calls, ","))
	if out, err := cmd.CombinedOutput(); err != nil {
		f.l.Fatalf("helper without faults: %v\n%s", err, out)
	}
	data, err := os.ReadFile(log)
	if err != nil {
		f.l.Fatal(err)
	}
	count := map[[2]string]int{} // by thread and call
	seen := map[point]bool{}
	started := false
	sc := bufio.NewScanner(bytes.NewReader(data))
	for sc.Scan() {
		m := callLine.FindStringSubmatch(sc.Text())
		if m == nil {
			continue
		}
		thread, call := m[1], m[2]
		count[[2]string{thread, call}]++
		if strings.Contains(m[3], marker) {
			started = true
		} else if started && slices.Contains(calls, call) {
			seen[point{call, count[[2]string{thread, call}]}] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b point) int {
		return cmp.Or(cmp.Compare(a.call, b.call), cmp.Compare(a.n, b.n))
	})
}

// chosen thins points out unless -full was given, differently for each run of
// the calendar so that CI sees all of them in time.
func chosen(ps []point) []point {
	if *full || len(ps) <= sample {
		return ps
	}
	step := (len(ps) + sample - 1) / sample
	var out []point
	for i := time.Now().YearDay() % step; i < len(ps); i += step {
		out = append(out, ps[i])
	}
	return out
}

func copyTree(t testing.TB, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
}

// template is a repository in the state the faults start from.
func (l *lab) template() (dir, head string) {
	s := l.open(l.options("template"))
	rev := l.commit(s, faultStart())
	if _, err := s.WriteRef(context.Background(), "refs/dashkeep/base/prod", "", map[string][]byte{"prod/charts/a.yaml": []byte("a: 1\n")}, "base"); err != nil {
		l.Fatal(err)
	}
	s.Close()
	return s.Path(), string(rev)
}

// verify looks at a repository after a fault: whole and at the old or the new
// commit; then the same work is done again and must succeed.
func (f fault) verify(dir, oldHead, said string) (bad []string) {
	fail := func(format string, a ...any) { bad = append(bad, fmt.Sprintf(format, a...)) }
	git := func(args ...string) string {
		out, err := f.l.tryGit(dir, args...)
		if err != nil {
			fail("git %s: %v %s", strings.Join(args, " "), err, out)
		}
		return out
	}
	git("fsck", "--strict", "--full", "--no-dangling")
	head := git("rev-parse", "--verify", "main^{commit}")
	if m := regexp.MustCompile(`committed ([0-9a-f]{40})`).FindStringSubmatch(said); m != nil && m[1] != head {
		fail("acknowledged %s and the branch is at %s", m[1], head)
	}
	if head != oldHead && git("rev-list", "--count", oldHead+"..main") != "2" {
		fail("the branch is neither at the old nor at the new commit")
	}
	out, err := f.command(dir).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "left 0") {
		fail("the next run: %v\n%s", err, out)
	}
	git("fsck", "--strict", "--full", "--no-dangling")
	if git("rev-list", "--max-parents=0", "--count", "main") != "1" || git("merge-base", oldHead, "main") != oldHead {
		fail("history was cut off")
	}
	if s := git("status", "--porcelain"); s != "" {
		fail("status after the next run:\n%s", s)
	}
	if got := fmt.Sprint(worktree(f.l, dir)); got != faultTree {
		fail("working tree %q", got)
	}
	if git("rev-parse", "refs/dashkeep/base/prod:prod/charts/a.yaml") != git("rev-parse", "main:prod/charts/a.yaml") {
		fail("own ref is off")
	}
	for _, left := range leftovers(dir) {
		fail("left behind: %s", left)
	}
	return bad
}

// worktree reads every working file.
func worktree(t testing.TB, dir string) map[string]string {
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == ".git" {
			if d != nil && d.Name() == ".git" {
				return fs.SkipDir
			}
			return err
		}
		if !d.IsDir() {
			data, err := os.ReadFile(p)
			rel, _ := filepath.Rel(dir, p)
			files[filepath.ToSlash(rel)] = string(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// leftovers lists locks and temporary files in a Git folder.
func leftovers(dir string) (found []string) {
	filepath.WalkDir(filepath.Join(dir, ".git"), func(p string, d fs.DirEntry, err error) error {
		name := filepath.Base(p)
		ext := filepath.Ext(p)
		if strings.HasPrefix(name, "tmp_") || ext == ".keep" || ext == ".lock" && name != "dashkeep.lock" {
			found = append(found, p)
		}
		return nil
	})
	return found
}

func writeCalls() []string {
	return []string{"write", "pwrite64", "openat", "renameat", "linkat", "close", "mkdirat", "fsync", "flock", "unlinkat", "fchmod"}
}

// run tries a fault at each point and reports the bad ones.
func (f fault) run(t *testing.T, what string, calls []string, inject string, verify func(dir, said string) []string, prepare func(dir string)) {
	prepare(f.l.path("count"))
	ps := f.points(f.l.path("count"), calls)
	if len(ps) == 0 {
		t.Fatal("no kill points were found")
	}
	some := chosen(ps)
	nbad, hits := 0, 0
	for i, p := range some {
		dir := f.l.path(fmt.Sprintf("%s%d", what, i))
		prepare(dir)
		cmd := f.command(dir, "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace="+p.call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", p.call, inject, p.n))
		said, err := cmd.CombinedOutput()
		if err != nil {
			hits++
		}
		if bad := verify(dir, string(said)); len(bad) > 0 {
			nbad++
			t.Errorf("%s at %s number %d: %s\nthe run said: %s", inject, p.call, p.n, strings.Join(bad, "\n"), said)
		}
	}
	t.Logf("%s %s: %d kill points of %d, %d stopped the run, %d bad", what, inject, len(some), len(ps), hits, nbad)
	if hits == 0 {
		t.Error("no fault had any effect: the test tests nothing")
	}
}

func TestCR1_KilledAtEveryCallOfACommit(t *testing.T) {
	needStrace(t)
	l := newLab(t)
	template, head := l.template()
	f := fault{l: l, job: "commit"}
	f.run(t, "CR1", writeCalls(), "signal=SIGKILL",
		func(dir, said string) []string { return f.verify(dir, head, said) },
		func(dir string) { copyTree(t, template, dir) })
}

func TestDK1_NoSpaceOrIOErrorAtEveryCall(t *testing.T) {
	needStrace(t)
	for _, c := range []struct {
		inject string
		calls  []string
	}{
		{"error=ENOSPC", []string{"write", "pwrite64", "openat", "renameat", "linkat", "mkdirat"}},
		{"error=EIO", []string{"write", "fsync", "close", "unlinkat", "renameat"}},
	} {
		t.Run(c.inject, func(t *testing.T) {
			l := newLab(t)
			template, head := l.template()
			f := fault{l: l, job: "commit"}
			f.run(t, "DK1", c.calls, c.inject,
				func(dir, said string) []string { return f.verify(dir, head, said) },
				func(dir string) { copyTree(t, template, dir) })
		})
	}
}

func TestCR6_KilledAtEveryCallOfAFetchAndMerge(t *testing.T) {
	needStrace(t)
	l := newLab(t)
	server := l.bare("server.git")
	url := "file://" + server
	a := l.clone("template", url)
	l.commit(a, faultStart())
	push(t, a)
	b := l.clone("b", url)
	theirs := string(l.commit(b, map[string]string{"prod/old.yaml": gone, "prod/charts/a.yaml": "a: 2\n"}))
	if _, err := b.WriteRef(context.Background(), "refs/dashkeep/base/prod", "", map[string][]byte{"prod/charts/a.yaml": []byte("a: 2\n")}, "base"); err != nil {
		t.Fatal(err)
	}
	push(t, b, "refs/heads/main", "refs/dashkeep/base/prod")
	ours := string(l.commit(a, map[string]string{"prod/new/c.yaml": "c: 1\n"}))
	a.Close()
	f := fault{l: l, job: "fetch", remote: url}
	verify := func(dir, said string) (bad []string) {
		out, err := l.tryGit(dir, "fsck", "--strict", "--full", "--no-dangling")
		if err != nil {
			bad = append(bad, "fsck: "+out)
		}
		for range 2 {
			if out, err := f.command(dir).CombinedOutput(); err != nil || !strings.Contains(string(out), "left 0") {
				bad = append(bad, fmt.Sprintf("the next run: %v %s", err, out))
			}
		}
		if out, err := l.tryGit(dir, "fsck", "--strict", "--full", "--no-dangling"); err != nil {
			bad = append(bad, "fsck: "+out)
		}
		if out, _ := l.tryGit(dir, "rev-list", "--parents", "-1", "main"); !strings.Contains(out, ours) || !strings.Contains(out, theirs) {
			bad = append(bad, "not the merge of both: "+out)
		}
		if out, _ := l.tryGit(dir, "status", "--porcelain"); out != "" {
			bad = append(bad, "status: "+out)
		}
		if got := fmt.Sprint(worktree(l, dir)); got != faultTree {
			bad = append(bad, "working tree "+got)
		}
		if out, err := l.tryGit(dir, "rev-parse", "--verify", "refs/dashkeep/base/prod"); err != nil {
			bad = append(bad, "own ref: "+out)
		}
		for _, left := range leftovers(dir) {
			bad = append(bad, "left behind: "+left)
		}
		return bad
	}
	f.run(t, "CR6", writeCalls(), "signal=SIGKILL", verify, func(dir string) { copyTree(t, a.Path(), dir) })
}
