package repo_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/repo"
)

func lease(t *testing.T, s *repo.Store, name string, ttl time.Duration) *repo.Lease {
	t.Helper()
	l, err := s.Lease(context.Background(), name, ttl)
	if err != nil {
		t.Fatalf("lease of %s: %v", name, err)
	}
	return l
}

func TestLeaseKeepsASecondMachineOut(t *testing.T) {
	remotes(t, func(t *testing.T, l *lab, url string) {
		ctx := context.Background()
		a := l.clone("a", url)
		l.commit(a, map[string]string{"x": "1"})
		push(t, a)
		b := l.clone("b", url)
		mine := lease(t, a, "prod", time.Hour)
		var leased *repo.LeasedError
		if _, err := b.Lease(ctx, "prod", time.Hour); !errors.Is(err, repo.ErrLeased) || !errors.As(err, &leased) || !strings.Contains(leased.Holder, "pid") {
			t.Fatalf("second lease: %v", err)
		}
		if _, err := a.Lease(ctx, "prod", time.Hour); !errors.Is(err, repo.ErrLeased) {
			t.Fatalf("second lease of one process: %v", err)
		}
		lease(t, b, "staging", time.Hour).Release()
		if err := mine.Renew(ctx); err != nil || !mine.Valid() {
			t.Fatalf("renewing: %v", err)
		}
		mine.Release()
		if mine.Valid() {
			t.Error("valid after it was given back")
		}
		theirs := lease(t, b, "prod", time.Minute)
		l.now = l.now.Add(2 * time.Minute) // b is asleep; its lease runs out
		if theirs.Valid() {
			t.Error("valid after it ran out")
		}
		again := lease(t, a, "prod", time.Hour)
		if err := theirs.Renew(ctx); !errors.Is(err, repo.ErrLeased) || theirs.Valid() {
			t.Errorf("renewed what another machine has: %v", err)
		}
		theirs.Release() // of nothing: a still has it
		if err := again.Renew(ctx); err != nil {
			t.Errorf("the release of a lost lease took another's: %v", err)
		}
		again.Release()
		if out := l.git(l.path("server.git"), "for-each-ref", "refs/dashkeep"); out != "" {
			t.Errorf("left on the server: %s", out)
		}
		l.sound(l.path("server.git"))
	})
}

// Of many machines that ask at once exactly one gets it, each time.
func TestLeaseRace(t *testing.T) {
	l := newLab(t)
	url := "file://" + l.bare("server.git")
	var stores []*repo.Store
	for _, name := range []string{"a", "b", "c", "d"} {
		o := l.options(name)
		o.Remote, o.Now = url, time.Now
		stores = append(stores, l.open(o))
	}
	for round := range 4 {
		got := make([]*repo.Lease, len(stores))
		var wg sync.WaitGroup
		for i, s := range stores {
			wg.Go(func() {
				var err error
				if got[i], err = s.Lease(context.Background(), "prod", time.Hour); err != nil && !errors.Is(err, repo.ErrLeased) {
					t.Errorf("machine %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		n := 0
		for _, g := range got {
			if g != nil {
				n++
				g.Release()
			}
		}
		if n != 1 {
			t.Fatalf("round %d: %d machines have the lease", round, n)
		}
	}
}

// What a killed process of this clone held is free at once for the next one; for
// another clone, also one on the same machine, only when it has run out.
func TestLeaseOfADeadProcess(t *testing.T) {
	l := newLab(t)
	url := "file://" + l.bare("server.git")
	a := l.clone("a", url)
	lease(t, a, "prod", time.Hour)
	a.Close() // without a release, as a kill would
	copyTree(t, a.Path(), l.path("copy"))
	for _, other := range []string{"b", "copy"} {
		if _, err := l.clone(other, url).Lease(context.Background(), "prod", time.Hour); !errors.Is(err, repo.ErrLeased) {
			t.Fatalf("%s: %v", other, err)
		}
	}
	lease(t, l.clone("a", url), "prod", time.Hour).Release()
	if out := l.git(l.path("server.git"), "for-each-ref"); out != "" {
		t.Errorf("left on the server: %s", out)
	}
}

// hook makes the server run a script before it takes a push.
func (l *lab) hook(server, script string) {
	l.write(filepath.Join(server, "hooks", "pre-receive"), "#!/bin/sh\n"+script)
	if err := os.Chmod(filepath.Join(server, "hooks", "pre-receive"), 0o755); err != nil {
		l.Fatal(err)
	}
}

func TestLeaseOnAPeculiarServer(t *testing.T) {
	l := newLab(t)
	server := l.bare("server.git")
	a, b := l.clone("a", "file://"+server), l.clone("b", "file://"+server)
	t.Run("deletes nothing", func(t *testing.T) {
		l.git(server, "config", "receive.denyDeletes", "true")
		l.git(server, "config", "receive.denyNonFastForwards", "true")
		for _, s := range []*repo.Store{a, b, a} {
			x := lease(t, s, "prod", time.Hour)
			if err := x.Renew(context.Background()); err != nil {
				t.Fatal(err)
			}
			x.Release()
		}
	})
	t.Run("takes no own refs", func(t *testing.T) {
		l.hook(server, "echo no refs but branches; exit 1")
		var own *repo.OwnRefsError
		if _, err := a.Lease(context.Background(), "x", time.Hour); !errors.As(err, &own) || !strings.Contains(err.Error(), "no refs but branches") {
			t.Fatalf("%v", err)
		}
	})
	t.Run("loses its answer", func(t *testing.T) {
		os.Remove(filepath.Join(server, "hooks", "pre-receive"))
		hook := filepath.Join(server, "hooks", "reference-transaction")
		l.write(hook, "#!/bin/sh\n[ $1 != committed ] || kill -9 $PPID\n")
		os.Chmod(hook, 0o755)
		if _, err := a.Lease(context.Background(), "y", time.Hour); err == nil {
			t.Fatal("a lost answer was taken for a yes")
		}
		os.Remove(hook)
		if out := l.git(server, "for-each-ref", "refs/dashkeep/lease/y"); out == "" {
			t.Fatal("the server did not take it")
		}
		lease(t, a, "y", time.Hour).Release() // it is this clone's
	})
	t.Run("is away", func(t *testing.T) {
		os.Rename(server, server+".away")
		var away *repo.UnreachableError
		if _, err := a.Lease(context.Background(), "z", time.Hour); !errors.As(err, &away) {
			t.Fatalf("%v", err)
		}
	})
}

func TestLeaseWithoutARemote(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	x := lease(t, s, "prod", time.Hour)
	if err := x.Renew(context.Background()); err != nil || !x.Valid() {
		t.Errorf("%v", err)
	}
	x.Release()
}
