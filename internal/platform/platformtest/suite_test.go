package platformtest_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
)

const canary = "FAKE-shelf-s3cret"

// shelfHarness fills stores; clients find theirs by URL.
func shelfHarness(flaw string) platformtest.Harness {
	var mu sync.Mutex
	stores := map[string]*store{}
	open := func(full bool) *platformtest.Server {
		mu.Lock()
		defer mu.Unlock()
		s := &store{items: map[asset.ID]*item{}, clock: time.Unix(1_800_000_000, 0)}
		url := fmt.Sprintf("store-%d", len(stores))
		stores[url] = s
		if full {
			shelf := s.put(item{uid: "s1", kind: "shelf", name: "Top", note: "dusty", password: canary}, "ann")
			for i := range 4 {
				s.put(item{uid: fmt.Sprintf("b%d", i), kind: "box", name: fmt.Sprintf("Box %d", i), note: "full", shelf: shelf.row, password: canary}, "ann")
			}
		} else {
			s.next = 70
		}
		return serve(s, url)
	}
	return platformtest.Harness{
		Factory: factory(func(url string) *store {
			mu.Lock()
			defer mu.Unlock()
			return stores[url]
		}, flaw),
		Filled:   func(testing.TB) *platformtest.Server { return open(true) },
		Empty:    func(testing.TB) *platformtest.Server { return open(false) },
		Canaries: []string{canary},
		Bad: func(tb testing.TB, good *asset.Asset) *asset.Asset {
			text := strings.Replace(string(good.Content), "note: full", "note: refuse me", 1)
			bad, err := normalize.Load("bad.yaml", []byte(text), rules(flaw))
			if err != nil || text == string(good.Content) {
				tb.Fatal("no bad box", err)
			}
			return bad
		},
	}
}

func serve(s *store, url string) *platformtest.Server {
	set := func(f func()) {
		s.mu.Lock()
		defer s.mu.Unlock()
		f()
	}
	return &platformtest.Server{
		Config: login(url),
		Edit: func(_ testing.TB, id asset.ID, title string) asset.Person {
			set(func() {
				it := *s.items[id]
				it.name = title
				s.put(it, "bob")
			})
			return asset.Person{Username: "bob"}
		},
		Wipe:     func(testing.TB) { set(func() { clear(s.items) }) },
		Expire:   func(testing.TB) { set(func() { s.session++ }) },
		Throttle: func(_ testing.TB, n int, wait time.Duration) { set(func() { s.throttle, s.wait = n, wait }) },
		Stall: func(testing.TB) <-chan struct{} {
			held := make(chan struct{}, 1)
			set(func() { s.held = held })
			return held
		},
		Lie:    func(testing.TB) { set(func() { s.lie = true }) },
		Omit:   func(_ testing.TB, id asset.ID) { set(func() { s.omitted = id }) },
		Faults: map[string]func(testing.TB){"garbage": func(testing.TB) { set(func() { s.fault = true }) }},
		Mend: func() {
			set(func() { s.throttle, s.held, s.lie, s.fault, s.omitted = 0, nil, false, false, asset.ID{} })
		},
		Writes: func() int { s.mu.Lock(); defer s.mu.Unlock(); return s.writes },
	}
}

// recorder stands in for the testing.T of a case that may fail.
type recorder struct {
	testing.TB
	ctx     context.Context
	mu      sync.Mutex
	failed  bool
	skipped bool
	lines   []string
}

func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Helper()                  {}
func (r *recorder) Log(args ...any)          {}
func (r *recorder) Logf(string, ...any)      {}
func (r *recorder) Error(args ...any)        { r.fail(fmt.Sprintln(args...)) }
func (r *recorder) Errorf(f string, args ...any) {
	r.fail(fmt.Sprintf(f, args...))
}
func (r *recorder) Fatal(args ...any)            { r.fail(fmt.Sprintln(args...)); runtime.Goexit() }
func (r *recorder) Fatalf(f string, args ...any) { r.fail(fmt.Sprintf(f, args...)); runtime.Goexit() }
func (r *recorder) Skipf(f string, args ...any)  { r.skipped = true; runtime.Goexit() }

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) fail(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
	r.lines = append(r.lines, line)
}

// try runs one case and returns what it said.
func try(t *testing.T, c platformtest.Case, h platformtest.Harness) *recorder {
	t.Helper()
	r := &recorder{TB: t, ctx: t.Context()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(r, &h)
	}()
	<-done
	return r
}

func TestSoundPlatformPassesEveryCase(t *testing.T) {
	for _, c := range platformtest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if r := try(t, c, shelfHarness("")); r.failed || r.skipped {
				t.Errorf("failed %t, skipped %t: %s", r.failed, r.skipped, strings.Join(r.lines, "\n"))
			}
		})
	}
}

// flaws names, for every case, a way to be wrong that it must notice.
var flaws = map[string]string{
	"ping names server and user":                   "anonymous",
	"empty server lists nothing":                   "ghost",
	"list and export agree":                        "loses one",
	"export of some gives exactly those":           "exports all",
	"export twice has no noise":                    "noisy",
	"reading writes nothing":                       "writes when reading",
	"canonical form is a fixpoint":                 "grows",
	"references resolve":                           "misrefers",
	"secrets are never in content":                 "leaks",
	"an edit moves one asset and names its editor": "misattributes",
	"round trip to other ids gives equal bytes":    "drops a field",
	"a second import changes nothing":              "appends",
	"a write touches only its own asset":           "splashes",
	"dependencies are not overwritten":             "overwrites dependencies",
	"non-ASCII and YAML traps survive":             "ASCII only",
	"one bad asset does not stop the rest":         "gives up",
	"deleted is gone, and can come back":           "keeps",
	"wiped server lists nothing and fails nothing": "caches the list",
	"read-back sees through a lying server":        "shows what it sent",
	"listed but not exported is named":             "silent",
	"session expiry in mid-run is bridged":         "forgetful",
	"throttling is waited for":                     "pushy",
	"cancelled context ends every call":            "deaf",
	"a broken answer is never an empty server":     "blind",
	"wrong password is a login error":              "vague",
}

func TestEveryCaseNoticesItsFlaw(t *testing.T) {
	for _, c := range platformtest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			flaw, ok := flaws[c.Name]
			if !ok {
				t.Fatal("no flaw proves that this case can fail")
			}
			if r := try(t, c, shelfHarness(flaw)); !r.failed {
				t.Errorf("a platform that is %q passes", flaw)
			}
		})
	}
}
