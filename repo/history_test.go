package repo_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/repo"
	"pgregory.net/rapid"
)

func TestResolve(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	var revs []repo.Revision
	for i := range 5 {
		revs = append(revs, l.commit(s, map[string]string{"a": fmt.Sprint(i)}))
	}
	dir := s.Path()
	l.git(dir, "tag", "light", "main~1")
	l.git(dir, "tag", "-a", "-m", "x", "heavy", "main~2")
	l.git(dir, "branch", "feature/x", "main~3")
	l.git(dir, "update-ref", "refs/remotes/origin/up", "main~4")
	l.git(dir, "gc", "-q")
	for in, want := range map[string]repo.Revision{
		string(revs[2]): revs[2], string(revs[2][:7]): revs[2], strings.ToUpper(string(revs[3][:9])): revs[3],
		"main": revs[4], "HEAD": revs[4], "": revs[4], "@": revs[4], "main~0": revs[4], "HEAD~1": revs[3], "main^": revs[3], "main^^": revs[2],
		"main~3": revs[1], "main~1~1^": revs[1], "light": revs[3], "heavy": revs[2], "heavy~1": revs[1], "tags/light": revs[3],
		"refs/heads/main": revs[4], "heads/main": revs[4], "feature/x": revs[1], "origin/up": revs[0], "refs/tags/heavy": revs[2],
	} {
		if got, err := s.Resolve(in); got != want || err != nil {
			t.Errorf("Resolve(%q) = %s, %v; want %s", in, got, err, want)
		}
	}
	tree := l.git(dir, "rev-parse", "main^{tree}")
	for in, says := range map[string]string{
		"nope": "refs/heads/nope", "main~9": "no parent", "main^2": "no parent 2", "0123456789012345678901234567890123456789": "is not in",
		tree: "is a tree", "main~x": "not understood", "..": "no revision", "../HEAD": "no revision", "abc": "no revision",
	} {
		if got, err := s.Resolve(in); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("Resolve(%q) = %s, %v; want %q", in, got, err, says)
		}
	}
}

func TestLogIsWhatNativeGitShows(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	for i := range 30 {
		c := map[string]string{fmt.Sprintf("prod/charts/c%d", i%5): fmt.Sprint(i), "other": fmt.Sprint(i / 7)}
		if i%11 == 10 {
			c["prod/charts/c0"] = gone
		}
		l.commit(s, c)
	}
	// A side branch, merged.
	dir := s.Path()
	l.git(dir, "checkout", "-q", "-b", "side", "main~10")
	l.write(dir+"/prod/charts/c9", "side")
	l.git(dir, "add", ".")
	l.git(dir, "commit", "-q", "-m", "side", "--date", "2026-11-02T00:00:00Z")
	l.git(dir, "checkout", "-q", "main")
	l.git(dir, "merge", "-q", "-m", "merge", "side")
	head, err := s.Resolve("main")
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"", "prod", "prod/charts/c0", "prod/charts/c9", "other", "nowhere", "prod/charts/c1/deeper"} {
		for _, max := range []int{0, 1, 4} {
			args := []string{"log", "--format=%H", "main"}
			if max > 0 {
				args = append(args, fmt.Sprintf("-%d", max))
			}
			if prefix != "" {
				args = append(args, "--", prefix)
			}
			want := l.git(dir, args...)
			entries, err := s.Log(head, prefix, max)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range entries {
				got = append(got, string(e.Revision))
			}
			if strings.Join(got, "\n") != want {
				t.Errorf("log of %q (%d): %d entries, native git has %d", prefix, max, len(got), len(strings.Fields(want)))
			}
		}
	}
}

// TestAnyHistoryReadsBackAsWritten drives commits, own refs, reopening and git gc
// at random against a map, and native git judges the result.
func TestAnyHistoryReadsBackAsWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLab(t)
		s := l.open(l.options(fmt.Sprintf("work%d", rapid.IntRange(0, 1<<30).Draw(rt, "name"))))
		defer func() { s.Close() }()
		model := map[string]string{}
		name := rapid.SampledFrom([]string{"a", "b", "a.b", "a-b", "A b", "ä", "z0"})
		for range rapid.IntRange(1, 6).Draw(rt, "commits") {
			var cs []repo.Commit
			for range rapid.IntRange(1, 3).Draw(rt, "per call") {
				changes := map[string]string{}
				for range rapid.IntRange(0, 4).Draw(rt, "changes") {
					path := strings.Join(rapid.SliceOfN(name, 1, 3).Draw(rt, "path"), "/")
					if fits(model, path) {
						changes[path] = rapid.SampledFrom([]string{gone, "", "x", "y\r\n", "long " + strings.Repeat("z", 5000)}).Draw(rt, "content")
						if changes[path] == gone {
							delete(model, path)
						} else {
							model[path] = changes[path]
						}
					}
				}
				cs = append(cs, commit(changes, "m"))
			}
			if _, err := s.Commit(context.Background(), cs); err != nil && err != repo.ErrNothingToCommit {
				rt.Fatal(err)
			}
			if rapid.Bool().Draw(rt, "reopen") {
				path := s.Path()
				s.Close()
				o := l.options("")
				o.Path = path
				s = l.open(o)
			}
		}
		head, _, err := s.Head()
		if err != nil {
			rt.Fatal(err)
		}
		files, err := s.Files(head, "")
		if err != nil || fmt.Sprint(asStrings(files)) != fmt.Sprint(model) {
			rt.Fatalf("have %v, %v, want %v", asStrings(files), err, model)
		}
		if got := fmt.Sprint(worktree(l, s.Path())); got != fmt.Sprint(model) {
			rt.Fatalf("working tree %v, want %v", got, model)
		}
		if d, err := s.Dirty(context.Background(), ""); err != nil || len(d) != 0 {
			rt.Fatalf("dirty %v %v", d, err)
		}
		l.sound(s.Path())
		l.cleanStatus(s.Path())
	})
}

// fits reports whether a path can stand beside the others: no file is a folder.
func fits(model map[string]string, path string) bool {
	for p := range model {
		if p != path && (strings.HasPrefix(p, path+"/") || strings.HasPrefix(path, p+"/")) {
			return false
		}
	}
	return true
}
