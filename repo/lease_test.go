package repo_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/repo"
)

func TestLeaseKeepsASecondMachineOut(t *testing.T) {
	remotes(t, func(t *testing.T, l *lab, url string) {
		ctx := context.Background()
		a := l.clone("a", url)
		l.commit(a, map[string]string{"x": "1"})
		push(t, a)
		b := l.clone("b", url)
		release, err := a.Lease(ctx, "prod", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		var leased *repo.LeasedError
		if _, err := b.Lease(ctx, "prod", time.Hour); !errors.Is(err, repo.ErrLeased) || !errors.As(err, &leased) || !strings.Contains(leased.Holder, "pid") {
			t.Fatalf("second lease: %v", err)
		}
		other, err := b.Lease(ctx, "staging", time.Hour)
		if err != nil {
			t.Fatalf("another name: %v", err)
		}
		other()
		release()
		if _, err = b.Lease(ctx, "prod", time.Minute); err != nil {
			t.Fatalf("after the release: %v", err)
		}
		l.now = l.now.Add(2 * time.Minute) // b is gone; its lease runs out
		again, err := a.Lease(ctx, "prod", time.Hour)
		if err != nil {
			t.Fatalf("after it ran out: %v", err)
		}
		again()
		if out := l.git(l.path("server.git"), "for-each-ref", "refs/dashkeep"); out != "" {
			t.Errorf("left on the server: %s", out)
		}
		l.sound(l.path("server.git"))
	})
}

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
