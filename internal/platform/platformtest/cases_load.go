package platformtest

import (
	"errors"
	"iter"
	"maps"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// parallelCalls first lets one export stand still while another runs, which
// needs no luck to find shared state, and then calls everything at once.
func parallelCalls(tb testing.TB, h *Harness) {
	s, p, before := filled(tb, h)
	next, stop := iter.Pull2(p.Export(tb.Context(), nil))
	defer stop()
	halted := map[asset.ID]bool{}
	keep := func(raw *asset.Raw, err error, more bool) bool {
		var one *asset.Error
		switch {
		case !more:
			return false
		case notRead(err):
		case err == nil:
			halted[raw.ID] = true
		case notRead(err):
		case errors.As(err, &one):
			halted[one.Info.ID] = true
		default:
			tb.Errorf("an export that stood still while another ran: %v", err)
			return false
		}
		return true
	}
	keep(next())
	equal(tb, "an export while another stands still", before.assets, read(tb, h, p).assets)
	for keep(next()) {
	}
	if len(halted) != len(before.assets)+len(before.broken) {
		tb.Errorf("an export that stood still while another ran gave %d of %d", len(halted), len(before.assets)+len(before.broken))
	}
	p = connect(tb, h, s) // which has to log in first
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if after, err := tryRead(tb.Context(), h, p); err != nil {
				tb.Errorf("reading in parallel: %v", err)
			} else {
				equal(tb, "read in parallel", before.assets, after.assets)
			}
		})
		wg.Go(func() {
			if _, err := p.Ping(tb.Context()); err != nil {
				tb.Errorf("ping in parallel: %v", err)
			}
		})
	}
	wg.Wait()
}

// settle is how long goroutines may take to end after Export has returned. They
// are on their way out then; only a failing platform waits so long.
const settle = 500 * time.Millisecond

// stopsWithConsumer leaves an export after its first document.
func stopsWithConsumer(tb testing.TB, h *Harness) {
	_, p, _ := filled(tb, h)
	code := reflect.Indirect(reflect.ValueOf(p)).Type().PkgPath()
	before := running(code)
	for range p.Export(tb.Context(), nil) {
		break
	}
	left := newSince(before, code)
	again, end := time.NewTicker(time.Millisecond), time.Now().Add(settle)
	defer again.Stop()
	for len(left) > 0 && time.Now().Before(end) {
		<-again.C
		left = newSince(before, code)
	}
	for _, stack := range left {
		tb.Errorf("the loop over Export was left, and this goroutine goes on:\n%s", stack)
		break
	}
	readsNoFurther(tb, h)
}

// readsNoFurther counts the requests of an export that is left at its first
// document, where each document takes one.
func readsNoFurther(tb testing.TB, h *Harness) {
	tb.Helper()
	const n = 200
	if h.Many == nil {
		return
	}
	s := withIDs(h.Many(tb, n), "many")
	if s.Requests == nil {
		return
	}
	export := func(leave bool) int {
		p, before := connect(tb, h, s), s.Requests()
		for _, err := range p.Export(tb.Context(), nil) {
			if notRead(err) {
				continue
			}
			if err != nil {
				tb.Fatal(err)
			}
			if leave {
				break
			}
		}
		return s.Requests() - before
	}
	if whole := export(false); whole >= n {
		if part := export(true); part > whole/2 {
			tb.Errorf("an export of %d assets takes %d requests; left at its first document it takes %d", n, whole, part)
		}
	}
}

func newSince(before map[string]string, code string) map[string]string {
	now := running(code)
	maps.DeleteFunc(now, func(id, _ string) bool { return before[id] != "" })
	return now
}

// running are the goroutines in which code of a package runs or that it began, by
// number, except those of this call and its callers.
func running(code string) map[string]string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	out := map[string]string{}
	for i, stack := range strings.Split(string(buf), "\n\n") {
		id, _, _ := strings.Cut(strings.TrimPrefix(stack, "goroutine "), " ")
		if i > 0 && strings.Contains(stack, code+".") { // 0 is this one
			out[id] = stack
		}
	}
	return out
}

// PerAsset is how much of the heap each asset may hold while all are exported,
// in bytes: a line of the index and of the map of ids, with its strings (300 to
// 1,000 bytes in the platforms we have), but no parsed document.
const PerAsset = 2048

// manyInBoundedMemory measures what lives on the heap while documents stream by
// and nobody keeps them, for n assets and for a tenth of them. What grows with
// the number may be an index; everything else, the client's buffers included,
// cancels out. A fake server in the same process counts too, but only with what
// it begins to hold after it was filled.
func manyInBoundedMemory(tb testing.TB, h *Harness) {
	need(tb, h.Many != nil, "be filled with thousands of assets")
	if raceDetector {
		tb.Skipf("memory cannot be measured under the race detector")
	}
	n, per := h.many, h.ManyBytes
	if n == 0 {
		n = 10_000
	}
	if per == 0 {
		per = PerAsset
	}
	small := held(tb, h, n/10)
	large := held(tb, h, n)
	grown, limit := large-small, int64(per)*int64(n-n/10)
	tb.Logf("%d assets: %d KiB live at most, %d assets: %d KiB; %d bytes for each more, %d allowed", n/10, small>>10, n, large>>10, grown/int64(n-n/10), per)
	if grown > limit {
		tb.Errorf("exporting %d assets in place of %d holds %d KiB more, %d are allowed (%d bytes for each asset)", n, n/10, grown>>10, limit>>10, per)
	}
}

// held lists and exports n assets, drops each when it is canonical, and returns
// the most that was alive on the heap beyond what was before.
func held(tb testing.TB, h *Harness, n int) (peak int64) {
	tb.Helper()
	s := withIDs(h.Many(tb, n), "many")
	p := connect(tb, h, s)
	base := alive()
	listed := countListed(tb, p)
	if listed < n {
		tb.Fatalf("%d of %d assets are listed", listed, n)
	}
	got := 0
	for raw, err := range p.Export(tb.Context(), nil) {
		if notRead(err) {
			continue
		}
		if err != nil {
			tb.Fatalf("after %d of %d assets: %v", got, listed, err)
		}
		if _, _, err := normalize.Canonical(raw, h.Factory.Rules); err != nil {
			tb.Fatal(err)
		}
		if got++; got == 1 || got == listed/2 || got == listed { // what is fetched at once is there at the first
			peak = max(peak, alive()-base)
		}
	}
	if got != listed {
		tb.Errorf("%d assets are listed, %d came out", listed, got)
	}
	runtime.KeepAlive(p)
	runtime.KeepAlive(s)
	return peak
}

// countListed keeps nothing of the list.
func countListed(tb testing.TB, p platform.Platform) int {
	tb.Helper()
	infos, err := p.List(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return len(infos)
}

// alive is what the heap holds that something still refers to.
func alive() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
