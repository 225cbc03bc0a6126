package repo_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/repo"
)

func TestCompactJoinsPacks(t *testing.T) {
	for _, native := range []bool{true, false} {
		l := newLab(t)
		s := l.open(l.options("work"))
		var revs []repo.Revision
		for i := range 60 {
			revs = append(revs, l.commit(s, map[string]string{"a": strings.Repeat("x", i), "dir/b": strings.Repeat("y", 100-i)}))
		}
		packs := func() int {
			m, _ := filepath.Glob(filepath.Join(s.Path(), ".git/objects/pack/*.pack"))
			return len(m)
		}
		if n := packs(); n != 60 {
			t.Fatalf("%d packs", n)
		}
		if !native {
			t.Setenv("PATH", t.TempDir())
		}
		if err := s.Compact(context.Background()); err != nil {
			t.Fatal(err)
		}
		if n := packs(); n > 5 {
			t.Errorf("native %v: %d packs are left", native, n)
		}
		for i, rev := range revs {
			if data, err := s.File(rev, "a"); err != nil || len(data) != i {
				t.Fatalf("revision %d: %v", i, err)
			}
		}
		l.commit(s, map[string]string{"a": "after"})
		before := snapshot(t, filepath.Join(s.Path(), ".git/objects"))
		if err := s.Compact(context.Background()); err != nil || snapshot(t, filepath.Join(s.Path(), ".git/objects")) != before {
			t.Errorf("a second one was not idle: %v", err)
		}
		for _, f := range leftovers(s.Path()) {
			t.Errorf("left behind: %s", f)
		}
		if native {
			l.sound(s.Path())
		}
		s.Close()
		if !native {
			t.Setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
			l.sound(s.Path())
		}
	}
}
