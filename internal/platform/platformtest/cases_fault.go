package platformtest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// patience bounds what must come to an end by itself.
const patience = 60 * time.Second

// expiryBridged lets the session expire after the login, between listing and
// export, and in the middle of an export.
func expiryBridged(tb testing.TB, h *Harness) {
	s, p, before := filledThat(tb, h, "let a session expire", func(s *Server) bool { return s.Expire != nil })
	s.Expire(tb)
	equal(tb, "after expiry", before.assets, read(tb, h, p).assets)
	if _, err := p.List(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	s.Expire(tb)
	n := 0
	for _, err := range p.Export(tb.Context(), nil) {
		var one *asset.Error
		if notRead(err) {
			continue
		}
		if err != nil && !errors.As(err, &one) {
			tb.Fatalf("export after expiry: %v", err)
		}
		if n++; n == 1 {
			s.Expire(tb)
		}
	}
	if n != len(before.assets)+len(before.broken) {
		tb.Errorf("the export gave %d of %d", n, len(before.assets)+len(before.broken))
	}
	target := before.target(tb, h)
	s.Expire(tb)
	imported(tb, p, []*asset.Asset{retitled(tb, h, target, "Written after expiry")}, before.set(tb))
	if got := read(tb, h, p).assets[target.ID]; titleOf(got) != "Written after expiry" {
		tb.Errorf("after expiry the write gave %q", titleOf(got))
	}
}

func throttleHonoured(tb testing.TB, h *Harness) {
	s, p, before := filledThat(tb, h, "throttle", func(s *Server) bool { return s.Throttle != nil })
	const wait = 3 * time.Second // a read that does not wait is quicker on a busy machine, too
	s.Throttle(tb, 2, wait)
	start := time.Now()
	after := read(tb, h, p)
	equal(tb, "while throttled", before.assets, after.assets)
	if d := time.Since(start); d < wait {
		tb.Errorf("asked to wait %v, came back complete after %v", wait, d)
	}
}

// calls are the platform's methods, each as one that ends with an error.
func calls(h *Harness, a *asset.Asset, deps *asset.Set) map[string]func(context.Context, platform.Platform) error {
	return map[string]func(context.Context, platform.Platform) error{
		"Ping": func(ctx context.Context, p platform.Platform) error { _, err := p.Ping(ctx); return err },
		"List": func(ctx context.Context, p platform.Platform) error { _, err := p.List(ctx); return err },
		"Export": func(ctx context.Context, p platform.Platform) error {
			for _, err := range p.Export(ctx, nil) {
				if err != nil && !notRead(err) {
					return err
				}
			}
			return nil
		},
		"Import": func(ctx context.Context, p platform.Platform) error {
			for _, r := range p.Import(ctx, []*asset.Asset{a}, deps) {
				if r.Err != nil {
					return r.Err
				}
			}
			return nil
		},
		"Delete": func(ctx context.Context, p platform.Platform) error { return p.Delete(ctx, a.ID) },
	}
}

func cancelled(tb testing.TB, h *Harness) {
	s, p, before := filled(tb, h)
	all := calls(h, before.target(tb, h), before.set(tb))
	gone, cancel := context.WithCancel(tb.Context())
	cancel()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := bounded(tb, name, func() error { return all[name](gone, p) }); !errors.Is(err, context.Canceled) {
			tb.Errorf("%s with a cancelled context: %v", name, err)
		}
	}
	if s.Stall == nil || tb.Failed() {
		return // a platform that is deaf already would hang here
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		held := s.Stall(tb)
		ctx, cancel := context.WithCancel(tb.Context())
		done := make(chan error, 1)
		go func() { done <- all[name](ctx, p) }()
		select {
		case <-held:
		case err := <-done:
			tb.Errorf("%s came back from a server that answers nothing: %v", name, err)
		case <-time.After(patience):
			tb.Errorf("%s asked the server nothing", name)
		}
		cancel()
		err := bounded(tb, name, func() error { return <-done })
		if !errors.Is(err, context.Canceled) && err != nil {
			tb.Errorf("%s cancelled in mid-request: %v", name, err)
		}
		s.Mend()
	}
	equal(tb, "after cancelled calls", before.assets, read(tb, h, p).assets)
}

// bounded runs what must end soon.
func bounded(tb testing.TB, name string, f func() error) error {
	tb.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		tb.Fatalf("%s does not end after its context was cancelled", name)
		return nil
	}
}

// hurried waits less between tries than it is asked to, but does wait, for a
// client that looks at the clock afterwards.
func hurried(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(min(d, 20*time.Millisecond)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// brokenAnswers holds every way of answering wrongly against an established
// connection: the platform fails, or it is complete. Each fault has a server of
// its own and all run at once, because a platform waits between its tries.
func brokenAnswers(tb testing.TB, h *Harness) {
	faults := slices.Sorted(maps.Keys(h.bare(tb).Faults))
	need(tb, len(faults) > 0, "answer wrongly")
	var wg sync.WaitGroup
	for _, name := range faults {
		s := h.full(tb)
		if s.Config.Sleep == nil {
			s.Config.Sleep = hurried
		}
		p := connect(tb, h, s)
		before := read(tb, h, p)
		s.Faults[name](tb)
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(tb.Context(), patience)
			defer cancel()
			after, err := tryRead(ctx, h, p)
			if err != nil {
				tb.Logf("%s: %v", name, err)
			} else {
				tb.Logf("%s: %d listed, %d read, %d reported as broken", name, len(after.listed), len(after.assets), len(after.broken))
				before.coveredBy(tb, name, after)
			}
			s.Mend()
			if after, err = tryRead(ctx, h, p); err != nil {
				tb.Errorf("%s: the server answers well again, and still: %v", name, err)
				return
			}
			equal(tb, "after "+name, before.assets, after.assets)
		})
	}
	wg.Wait()
}

// coveredBy reports what was there and is neither read nor reported as broken.
func (c *content) coveredBy(tb testing.TB, when string, after *content) {
	tb.Helper()
	lost := 0
	for id := range c.listed {
		_, listed := after.listed[id]
		if listed && (after.assets[id] != nil || after.broken[id] != nil) {
			continue
		}
		if lost++; lost == 1 {
			tb.Errorf("%s: %s is gone and nothing failed (listed: %t)", when, id, listed)
		}
	}
	if lost > 1 {
		tb.Errorf("%s: %d assets in all are gone and nothing failed", when, lost)
	}
}
