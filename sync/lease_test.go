package sync

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/repo"
)

// twoMachines are two clones of one remote, with one commit that waits for apply.
func twoMachines(t *testing.T) (l *lab, s *fakeServer, one, two *machine) {
	l = newLab(t)
	s = newFake()
	s.set("Grace", n(1), "a", "1")
	s.set("Grace", n(2), "a", "1")
	remote := l.remote()
	one = l.machine("one", remote, s)
	one.pull()
	one.commit(map[string][]byte{one.files()[n(1)].Path: canon(t, n(1), "Title", "a", "2"), one.files()[n(2)].Path: canon(t, n(2), "Title", "a", "2")})
	if err := one.Repo.Push(context.Background()); err != nil {
		t.Fatal(err)
	}
	two = l.machine("two", remote, s)
	return l, s, one, two
}

func plan(t *testing.T, m *machine) *importer.Plan {
	t.Helper()
	p, _, err := m.Plan(context.Background(), "prod", "", importer.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// While one machine writes, the other is told who does, and writes nothing.
func TestLease_secondMachineIsKeptOut(t *testing.T) {
	l, s, one, two := twoMachines(t)
	p := plan(t, two)
	var kept error
	var once sync.Once
	s.onImport = func(asset.ID) error {
		once.Do(func() { _, kept = two.Apply(context.Background(), p, nil) })
		return nil
	}
	if run := one.apply(importer.Policy{}); run.Code() != 0 || len(run.Warnings) > 0 {
		t.Fatalf("%+v", run)
	}
	var leased *LeaseError
	if !errors.As(kept, &leased) || !errors.Is(kept, repo.ErrLeased) || !strings.Contains(kept.Error(), "pid") {
		t.Errorf("the second machine: %v", kept)
	}
	if w := s.written(); len(w) != 2 {
		t.Errorf("%d writes: %v", len(w), w)
	}
	if out := l.git("remote.git", "for-each-ref", "refs/dashkeep/lease"); out != "" {
		t.Errorf("left on the remote: %s", out)
	}
	// Now it may; what was written meanwhile makes its plan stale.
	if _, err := two.Apply(context.Background(), p, nil); err == nil || errors.Is(err, repo.ErrLeased) {
		t.Errorf("a stale plan: %v", err)
	}
	two.pull()
	if run := two.apply(importer.Policy{}); run.Code() != 0 || len(s.written()) != 2 {
		t.Errorf("%+v, %v", run, s.written())
	}
}

// Both at the very same time, again and again: each asset is written once a round.
func TestLease_bothAtOnce(t *testing.T) {
	_, s, one, two := twoMachines(t)
	for round := range 4 {
		before := len(s.written())
		var wg sync.WaitGroup
		var errs [2]error
		var outs [2]*Run
		for i, m := range []*machine{one, two} {
			p := plan(t, m)
			wg.Go(func() { outs[i], errs[i] = m.Apply(context.Background(), p, nil) })
		}
		wg.Wait()
		wrote := 0
		for i, err := range errs {
			var stale *importer.StaleError
			switch {
			case err == nil:
				wrote += len(outs[i].Outcome.Done)
			case !errors.Is(err, repo.ErrLeased) && !errors.As(err, &stale):
				t.Errorf("round %d: %v", round, err)
			}
		}
		if n := len(s.written()) - before; n != 2 || wrote != 2 {
			t.Fatalf("round %d: %d writes, %d reported: %v %v", round, n, wrote, errs[0], errs[1])
		}
		for _, m := range []*machine{one, two} {
			m.pull()
		}
		v := string(rune('3' + round))
		one.commit(map[string][]byte{one.files()[n(1)].Path: canon(t, n(1), "Title", "a", v), one.files()[n(2)].Path: canon(t, n(2), "Title", "a", v)})
		if err := one.Repo.Push(context.Background()); err != nil {
			t.Fatal(err)
		}
		two.pull()
	}
}

// A lease is renewed while a run goes on, and when it was lost nothing more is
// written.
func TestLease_renewedAndLost(t *testing.T) {
	l, s, one, _ := twoMachines(t)
	one.Instances[0].OneByOne = true
	ticks := make(chan time.Time)
	one.ticker = func(time.Duration) (<-chan time.Time, func()) { return ticks, func() {} }
	held := func() string {
		return l.git("remote.git", "for-each-ref", "--format=%(objectname)", "refs/dashkeep/lease")
	}
	s.onImport = func(id asset.ID) error {
		s.onImport = nil
		before := held()
		ticks <- time.Time{}
		ticks <- time.Time{} // taken when the first renewal is done
		if now := held(); now == before || now == "" || l.git("remote.git", "merge-base", "--is-ancestor", before, now) != "" {
			t.Errorf("not renewed: %s, then %s", before, now)
		}
		l.hook("exit 1")
		ticks <- time.Time{} // from here on no renewal comes through
		l.ticks.Add(int64(leaseTTL / time.Second))
		return nil
	}
	run := one.apply(importer.Policy{})
	if failed := run.Outcome.Failed(); len(failed) != 1 || !errors.Is(failed[0].Err, errLeaseLost) || run.Code() != 3 {
		t.Errorf("%+v", failed)
	}
	if w := s.written(); len(w) != 1 {
		t.Errorf("written: %v", w)
	}
}

// A remote that is away, or takes no leases, does not stop an apply.
func TestLease_warnsAndGoesOn(t *testing.T) {
	for name, harm := range map[string]func(l *lab){
		"away":    func(l *lab) { _ = os.Rename(l.path("remote.git"), l.path("away.git")) },
		"refused": func(l *lab) { l.hook("while read old new ref; do case $ref in refs/dashkeep/*) exit 1;; esac; done") },
	} {
		t.Run(name, func(t *testing.T) {
			l, s, one, _ := twoMachines(t)
			p := plan(t, one)
			harm(l)
			run, err := one.Apply(context.Background(), p, nil)
			if err != nil || len(s.written()) != 2 || len(run.Warnings) == 0 || !strings.Contains(run.Warnings[0], "no lease") {
				t.Errorf("%v %v %+v", err, s.written(), run)
			}
		})
	}
}

// Nothing to write takes no lease.
func TestLease_onlyForWrites(t *testing.T) {
	l, s, one, two := twoMachines(t)
	one.apply(importer.Policy{})
	x, err := two.Repo.Lease(context.Background(), "prod", leaseTTL)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Release()
	if run := one.apply(importer.Policy{}); run.Code() != 0 {
		t.Errorf("%+v", run)
	}
	s.set("Grace", n(1), "a", "9")
	if run := one.pull(); run.Code() != 0 || run.Commits != 1 || !run.Pushed {
		t.Errorf("a pull waits for a lease: %+v", run)
	}
	l.fsck("one")
}
