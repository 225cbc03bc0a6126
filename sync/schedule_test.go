package sync

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// served runs Serve in a bubble with a clock of its own until stop is called.
type served struct {
	m    *machine
	stop context.CancelFunc
	done chan error
	mu   sync.Mutex
	runs []*Run
}

func (v *served) report(run *Run, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil {
		v.m.l.Errorf("run: %v", err)
	}
	v.runs = append(v.runs, run)
}

func (v *served) count(op string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := 0
	for _, r := range v.runs {
		if r.Op == op {
			n++
		}
	}
	return n
}

func serve(m *machine) *served {
	ctx, stop := context.WithCancel(context.Background())
	v := &served{m: m, stop: stop, done: make(chan error, 1)}
	go func() { v.done <- m.Serve(ctx, v.report) }()
	return v
}

// hold makes reading the server take this long, and counts the reads.
func (s *fakeServer) hold(d time.Duration) *atomic.Int64 {
	n := new(atomic.Int64)
	s.onExport = func(ctx context.Context, _ []asset.ID) error {
		n.Add(1)
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return n
}

func TestServe_scheduleAndOverlap(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.set("Grace", u1, "a", "1")
	m := l.machine("clone", "", s)
	m.Instances[0].Schedule = cron.Every(time.Minute)
	synctest.Test(t, func(t *testing.T) {
		reads := s.hold(150 * time.Second) // two ticks come and go while one run goes on
		v := serve(m)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		// runs begin at 0:00, 3:00, 6:00 and 9:00; what came in between is dropped, not queued
		if reads.Load() != 4 || v.count("pull") != 3 {
			t.Errorf("%d reads began and %d pulls ended in ten minutes, want 4 and 3", reads.Load(), v.count("pull"))
		}
		time.Sleep(80 * time.Second)
		v.stop()
		if err := <-v.done; err != nil {
			t.Error(err)
		}
		if v.count("pull") != 4 {
			t.Errorf("the run in hand was not finished: %d pulls", v.count("pull"))
		}
	})
}

// Told to stop, Serve finishes what goes on and begins nothing new, on no
// instance, and leaves no goroutine behind (synctest fails when one is left in its bubble).
func TestServe_stopBeginsNothingNew(t *testing.T) {
	l := newLab(t)
	slow, quick := newFake(), newFake()
	slow.set("Grace", u1, "a", "1")
	quick.set("Grace", u1, "a", "1")
	m := l.machine("clone", "", slow, quick)
	m.Instances[0].Schedule = cron.Every(time.Hour)
	m.Instances[1].Schedule = cron.Every(2 * time.Second)
	synctest.Test(t, func(t *testing.T) {
		slow.hold(20 * time.Second)
		reads := quick.hold(0)
		v := serve(m)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		v.stop()
		synctest.Wait()
		at := reads.Load()
		began := time.Now()
		if err := <-v.done; err != nil {
			t.Error(err)
		}
		if reads.Load() != at {
			t.Errorf("%d runs began after the stop", reads.Load()-at)
		}
		if took := time.Since(began); took != 15*time.Second {
			t.Errorf("stopping took %s, the run in hand needed 15 s", took)
		}
	})
}

// A run that goes on for ever is cut off after the grace time.
func TestServe_graceEnds(t *testing.T) {
	l := newLab(t)
	s := newFake()
	m := l.machine("clone", "", s)
	m.Instances[0].Schedule = cron.Every(time.Hour)
	synctest.Test(t, func(t *testing.T) {
		s.hold(24 * time.Hour)
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		var got error
		go func() { done <- m.Serve(ctx, func(_ *Run, err error) { got = err }) }()
		time.Sleep(time.Second)
		synctest.Wait()
		stop()
		began := time.Now()
		<-done
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("stopping took %s, SPEC section 8 says 30 s", took)
		}
		if got == nil || !strings.Contains(got.Error(), "canceled") {
			t.Errorf("the run that was cut off reported %v", got)
		}
	})
}

func TestServe_autoApplyOnlyWhenGitMoved(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.set("Grace", u1, "a", "1")
	m := l.machine("clone", "", s)
	m.Instances[0].Schedule, m.Instances[0].AutoApply = cron.Every(time.Minute), true
	synctest.Test(t, func(t *testing.T) {
		reads := s.hold(0)
		v := serve(m)
		time.Sleep(150 * time.Second) // runs at 0:00, 1:00, 2:00
		synctest.Wait()
		if reads.Load() != 3 || v.count("apply") != 0 || len(s.written()) != 0 {
			t.Errorf("with nothing in Git: %d reads, %d applies, writes %v", reads.Load(), v.count("apply"), s.written())
		}
		path := m.files()[u1].Path
		m.commit(map[string][]byte{path: canon(t, u1, "Title u1", "a", "2")})
		time.Sleep(time.Minute)
		synctest.Wait()
		if s.field(u1, "a") != "2" || v.count("apply") != 1 {
			t.Errorf("live is %q after %d applies", s.field(u1, "a"), v.count("apply"))
		}
		at := reads.Load()
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if reads.Load() != at+3 || v.count("apply") != 1 {
			t.Errorf("afterwards: %d reads in three ticks, %d applies", reads.Load()-at, v.count("apply"))
		}
		v.stop()
		<-v.done
	})
}

// A stop between the pull and the apply of one tick leaves the apply to the next
// start: nothing new is begun.
func TestServe_stopDuringPullDoesNotApply(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.set("Grace", u1, "a", "1")
	m := l.machine("clone", "", s)
	m.pull()
	m.commit(map[string][]byte{m.files()[u1].Path: canon(t, u1, "Title u1", "a", "2")})
	m.Instances[0].Schedule, m.Instances[0].AutoApply = cron.Every(time.Minute), true
	synctest.Test(t, func(t *testing.T) {
		s.hold(10 * time.Second)
		v := serve(m)
		time.Sleep(5 * time.Second)
		v.stop()
		<-v.done
		if len(s.written()) > 0 || v.count("pull") != 1 {
			t.Errorf("after the stop: writes %v, %d pulls", s.writes, v.count("pull"))
		}
	})
}
