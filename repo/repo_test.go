package repo_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/repo"
)

// lab is a folder for one test with a git that knows no configuration but ours.
type lab struct {
	testing.TB
	dir string
	now time.Time
}

func newLab(t testing.TB) *lab {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git binary to compare with")
	}
	return &lab{TB: t, dir: t.TempDir(), now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
}

func gitEnv() []string {
	return append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "HOME=/nonexistent",
		"GIT_AUTHOR_NAME=Person", "GIT_AUTHOR_EMAIL=person@example.com", "GIT_COMMITTER_NAME=Person", "GIT_COMMITTER_EMAIL=person@example.com",
		"GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
}

func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }

// git runs native git and returns what it prints.
func (l *lab) git(dir string, args ...string) string {
	l.Helper()
	out, err := l.tryGit(dir, args...)
	if err != nil {
		l.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (l *lab) tryGit(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, gitEnv()
	out, err := cmd.CombinedOutput()
	return strings.TrimRight(string(out), "\n"), err
}

// clock advances by a second with every look.
func (l *lab) clock() time.Time {
	l.now = l.now.Add(time.Second)
	return l.now
}

func (l *lab) options(name string) repo.Options {
	return repo.Options{Path: l.path(name), Branch: "main", Now: l.clock,
		Committer: repo.Signature{Name: "dashkeep", Email: "dashkeep@localhost"}}
}

func (l *lab) open(o repo.Options) *repo.Store {
	l.Helper()
	s, err := repo.Open(context.Background(), o)
	if err != nil {
		l.Fatalf("open: %v", err)
	}
	l.Cleanup(func() { s.Close() })
	return s
}

func (l *lab) bare(name string) string {
	l.git(l.dir, "init", "-q", "--bare", "-b", "main", name)
	return l.path(name)
}

func commit(changes map[string]string, message string) repo.Commit {
	c := repo.Commit{Changes: map[string][]byte{}, Message: message,
		Author: repo.Signature{Name: "Ada Lovelace", Email: "ada@example.com"}}
	for p, v := range changes {
		if v == gone {
			c.Changes[p] = nil
		} else {
			c.Changes[p] = []byte(v)
		}
	}
	return c
}

// gone as content deletes the file.
const gone = "\x00gone"

func (l *lab) commit(s *repo.Store, changes map[string]string) repo.Revision {
	l.Helper()
	rev, err := s.Commit(context.Background(), []repo.Commit{commit(changes, "a change")})
	if err != nil {
		l.Fatalf("commit: %v", err)
	}
	return rev
}

// sound checks a repository with native git: objects, tree id, clean status.
func (l *lab) sound(dir string) {
	l.Helper()
	if out, err := l.tryGit(dir, "fsck", "--strict", "--no-dangling", "--full"); err != nil || strings.Contains(out, "error") || strings.Contains(out, "missing") {
		l.Errorf("fsck %s: %v\n%s", dir, err, out)
	}
}

func (l *lab) cleanStatus(dir string) {
	l.Helper()
	if out := l.git(dir, "status", "--porcelain"); out != "" {
		l.Errorf("git status of %s is not clean:\n%s", dir, out)
	}
}

func (l *lab) write(name, content string) {
	l.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		l.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		l.Fatal(err)
	}
}

func (l *lab) read(name string) string {
	l.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		l.Fatal(err)
	}
	return string(data)
}

func list(m map[string]bool) string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return strings.Join(out, " ")
}

func asStrings(m map[string][]byte) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = string(v)
	}
	return out
}

func TestCommitIsWhatNativeGitWouldWrite(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	states := []map[string]string{
		{"prod/charts/a.yaml": "a: 1\n", "prod/charts/b.yaml": "b: 1\n", "README.md": "# hi\n", "empty": ""},
		{"prod/charts/a.yaml": "a: 2\n", "prod/charts.yaml": "sorts between\n", "prod/charts-old/x": "x"},
		{"prod/charts/b.yaml": gone, "prod/charts-old/x": gone, "deep/er/than/most/y.yaml": "y"},
		{"prod/charts/a.yaml": gone, "prod/charts": "now a file\n", "Ünï/cödé ✓.yaml": "é\n"},
	}
	for i, changes := range states {
		rev := l.commit(s, changes)
		l.cleanStatus(s.Path())
		l.sound(s.Path())
		// The same working tree, added by native git, gives the same tree id.
		cmd := exec.Command("git", "add", "-A")
		cmd.Dir, cmd.Env = s.Path(), append(gitEnv(), "GIT_INDEX_FILE="+l.path(fmt.Sprintf("index%d", i)))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git add: %v %s", err, out)
		}
		cmd = exec.Command("git", "write-tree")
		cmd.Dir, cmd.Env = s.Path(), append(gitEnv(), "GIT_INDEX_FILE="+l.path(fmt.Sprintf("index%d", i)))
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if want, have := strings.TrimSpace(string(out)), l.git(s.Path(), "rev-parse", string(rev)+"^{tree}"); want != have {
			t.Errorf("state %d: tree %s, native git says %s", i, have, want)
		}
	}
	if n := l.git(s.Path(), "rev-list", "--count", "HEAD"); n != "4" {
		t.Errorf("%s commits", n)
	}
	if out := l.git(s.Path(), "reflog", "show", "main"); strings.Count(out, "\n") != 3 {
		t.Errorf("reflog:\n%s", out)
	}
}

func TestCommitsOfOneCallMoveTheBranchOnce(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	c1 := commit(map[string]string{"a": "1"}, "first\n\nwith a body")
	c1.Trailers = []repo.Trailer{{Key: "Dashkeep-Run", Value: "7\nForged: yes"}}
	c2 := commit(map[string]string{"a": "1"}, "changes nothing")
	c3 := commit(map[string]string{"a": "2", "b": "3"}, "second")
	c3.Author = repo.Signature{Name: "Eve <x>\nparent 123", Email: "eve@example.com>", When: time.Unix(1700000000, 0).In(time.FixedZone("", 2*3600))}
	rev, err := s.Commit(context.Background(), []repo.Commit{c1, c2, c3})
	if err != nil {
		t.Fatal(err)
	}
	if out := l.git(s.Path(), "reflog", "show", "main"); strings.Count(out, "\n") != 0 {
		t.Errorf("the branch moved more than once:\n%s", out)
	}
	log, err := s.Log(rev, "", 0)
	if err != nil || len(log) != 2 {
		t.Fatalf("%d entries, %v", len(log), err)
	}
	if e := log[1]; e.Subject != "first" || e.Body != "with a body" || len(e.Trailers) != 1 || e.Trailers[0].Value != "7 Forged: yes" || e.Author.Name != "Ada Lovelace" {
		t.Errorf("first entry: %+v", e)
	}
	if a := l.git(s.Path(), "log", "-1", "--format=%an|%ae|%ad|%cn", "--date=raw"); a != "Eve xparent 123|eve@example.com|1700000000 +0200|dashkeep" && a != "Eve x parent 123|eve@example.com|1700000000 +0200|dashkeep" {
		t.Errorf("author line: %q", a)
	}
	l.sound(s.Path())
}

func TestNothingToCommitWritesNothing(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	head := l.commit(s, map[string]string{"a/b": "1", "c": "2"})
	before := snapshot(t, s.Path())
	rev, err := s.Commit(context.Background(), []repo.Commit{commit(map[string]string{"a/b": "1", "nope": gone}, "x")})
	if err != repo.ErrNothingToCommit || rev != head {
		t.Fatalf("%s, %v", rev, err)
	}
	if _, err := s.Commit(context.Background(), nil); err != repo.ErrNothingToCommit {
		t.Fatalf("no commits: %v", err)
	}
	if after := snapshot(t, s.Path()); after != before {
		t.Errorf("files changed:\n%s\n---\n%s", before, after)
	}
}

// snapshot lists every file with size and modification time.
func snapshot(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(dir, func(p string, fi os.FileInfo, err error) error {
		if err == nil {
			fmt.Fprintln(&b, p, fi.Size(), fi.ModTime().UnixNano())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFilesAndFile(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	l.commit(s, map[string]string{"prod/a": "1", "prod2/b": "2", "prod/x/y": "3"})
	rev, ok, err := s.Head()
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	files, err := s.Files(rev, "prod/")
	if err != nil || fmt.Sprint(asStrings(files)) != "map[prod/a:1 prod/x/y:3]" {
		t.Errorf("%v %v", asStrings(files), err)
	}
	if files, err := s.Files(rev, "nowhere"); err != nil || len(files) != 0 {
		t.Errorf("%v %v", files, err)
	}
	if data, err := s.File(rev, "prod2/b"); err != nil || !bytes.Equal(data, []byte("2")) {
		t.Errorf("%s %v", data, err)
	}
	if _, err := s.File(rev, "prod2"); err == nil {
		t.Error("a folder was read as a file")
	}
}
