package platformtest_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// The server of the suite's own platform: boxes that stand on shelves, and walls
// that nobody can move.

const canary = "FAKE-shelf-s3cret"

type item struct {
	uid, name, note, password, by string
	kind                          asset.Kind
	row, shelf                    int
	changed                       time.Time
}

type store struct {
	mu        sync.Mutex
	items     map[int]*item // by row
	next      int
	clock     time.Time
	writes    int
	requests  int
	session   int // sessions below are expired
	throttle  int
	wait      time.Duration
	held      chan struct{}
	lie       bool
	fault     bool
	omitted   int // row
	hidden    int // row
	forbidden bool
	over      <-chan struct{} // closed when the test ends
}

var (
	errExpired   = errors.New("session expired")
	errThrottled = errors.New("too many requests")
	errGarbage   = errors.New("no JSON")
	errForbidden = errors.New("403 forbidden")
)

// request is what every call to the server goes through.
func (s *store) request(ctx context.Context, session int) error {
	s.mu.Lock()
	held, expired, throttled, fault := s.held, session < s.session, s.throttle > 0, s.fault
	if throttled {
		s.throttle--
	}
	s.requests++
	s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case held != nil:
		select {
		case held <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return ctx.Err()
	case expired:
		return errExpired
	case throttled:
		return errThrottled
	case fault:
		return errGarbage
	}
	return nil
}

// login is a new session.
func (s *store) login() (session int, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session, s.wait
}

// put writes an item, a new one when it has no row. The lock must be held.
func (s *store) put(it item, by string) *item {
	old := s.items[it.row]
	if old == nil {
		s.next++
		it.row = s.next
		old = &item{password: it.password}
	}
	s.clock = s.clock.Add(time.Second)
	it.by, it.changed = by, s.clock
	if it.password == "" || it.password == normalize.Mask {
		it.password = old.password
	}
	s.items[it.row] = &it
	s.writes++
	return &it
}

// variety is one sort of the platform.
type variety struct {
	flaw       string
	portable   bool // the server keeps uids; otherwise they are minted
	single     bool // boxes only, which stand nowhere
	sameTitles bool // two boxes of one name
}

// servers opens stores; clients find theirs by URL.
type servers struct {
	variety
	mu     sync.Mutex
	stores map[string]*store
}

func (v variety) harness() platformtest.Harness {
	all := &servers{variety: v, stores: map[string]*store{}}
	return platformtest.Harness{
		Factory:  factory(all.find, v),
		Filled:   func(tb testing.TB) *platformtest.Server { return all.open(tb, 0, all.fill) },
		Empty:    func(tb testing.TB) *platformtest.Server { return all.open(tb, 70, func(*store) {}) },
		Many:     func(tb testing.TB, n int) *platformtest.Server { return all.open(tb, 0, all.crowd(n)) },
		Canaries: []string{canary},
		Cannot: func(a *asset.Asset) string {
			if strings.Contains(string(a.Content), "missing-999") {
				return "its shelf is gone"
			}
			return ""
		},
		Bad: func(tb testing.TB, good *asset.Asset) *asset.Asset {
			return platformtest.Altered(tb, rules(v), good, func(d *asset.Document) { asset.Put(d.Spec, asset.Str("refuse me"), "note") })
		},
	}
}

func (all *servers) find(url string) *store {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.stores[url]
}

func (all *servers) open(tb testing.TB, next int, fill func(*store)) *platformtest.Server {
	all.mu.Lock()
	defer all.mu.Unlock()
	s := &store{items: map[int]*item{}, clock: time.Unix(1_800_000_000, 0), next: next, over: tb.Context().Done()}
	fill(s)
	url := fmt.Sprintf("store-%d", len(all.stores))
	all.stores[url] = s
	return serve(s, url, all.portable)
}

func (all *servers) fill(s *store) {
	top := 0
	if !all.single {
		s.put(item{uid: "w0", kind: "wall", name: "North", note: "brick"}, "ann")
		top = s.put(item{uid: "s0", kind: "shelf", name: "Top", note: "dusty", password: canary}, "ann").row
		s.put(item{uid: "s1", kind: "shelf", name: "Spare", note: "nothing on it"}, "ann")
		s.put(item{uid: "b9", kind: "box", name: "Lost box", note: "loose", shelf: 999}, "ann")
	}
	for i := range 4 {
		name := fmt.Sprintf("Box %d", i)
		if all.sameTitles {
			name = fmt.Sprintf("Box %d", i/2)
		}
		s.put(item{uid: fmt.Sprintf("b%d", i), kind: "box", name: name, note: fmt.Sprintf("full of %d", i), shelf: top, password: canary}, "ann")
	}
}

// crowd is n boxes. They share the text that a client must copy.
func (v variety) crowd(n int) func(*store) {
	note := strings.Repeat("a long story ", 300)
	return func(s *store) {
		shelf := 0
		if !v.single {
			shelf = s.put(item{uid: "s", kind: "shelf", name: "Long", note: "long"}, "ann").row
		}
		for i := range n {
			s.put(item{uid: fmt.Sprintf("b%d", i), kind: "box", name: fmt.Sprintf("Box %d", i), note: note, shelf: shelf}, "ann")
		}
	}
}

func serve(s *store, url string, portable bool) *platformtest.Server {
	set := func(f func()) {
		s.mu.Lock()
		defer s.mu.Unlock()
		f()
	}
	count := func(n *int) func() int {
		return func() int { s.mu.Lock(); defer s.mu.Unlock(); return *n }
	}
	sv := &platformtest.Server{
		Config: platform.Config{URL: url, Auth: platform.Auth{Username: "me", Password: secret.Literal("right")}},
		Wipe:   func(testing.TB) { set(func() { clear(s.items) }) },
		Expire: func(testing.TB) { set(func() { s.session++ }) },
		Throttle: func(_ testing.TB, n int, wait time.Duration) {
			set(func() { s.throttle, s.wait = n, wait })
		},
		Stall: func(testing.TB) <-chan struct{} {
			held := make(chan struct{}, 1)
			set(func() { s.held = held })
			return held
		},
		Lie:    func(testing.TB) { set(func() { s.lie = true }) },
		Faults: map[string]func(testing.TB){"garbage": func(testing.TB) { set(func() { s.fault = true }) }},
		Mend: func() {
			set(func() {
				s.throttle, s.held, s.lie, s.fault, s.omitted, s.hidden, s.forbidden = 0, nil, false, false, 0, 0, false
			})
		},
		Writes:   count(&s.writes),
		Requests: count(&s.requests),
	}
	row := func(id asset.ID) int { return s.rowOf(id, portable, sv.Config.IDs) }
	sv.Edit = func(_ testing.TB, id asset.ID, title string) asset.Person {
		at := row(id)
		set(func() {
			it := *s.items[at]
			it.name = title
			s.put(it, "bob")
		})
		return asset.Person{Username: "bob"}
	}
	sv.Omit = func(_ testing.TB, id asset.ID) { at := row(id); set(func() { s.omitted = at }) }
	sv.Hide = func(_ testing.TB, id asset.ID, forbidden bool) {
		at := row(id)
		set(func() { s.hidden, s.forbidden = at, forbidden })
	}
	return sv
}

// rowOf finds an item from outside: by its uid, or by the map of the connection.
func (s *store) rowOf(id asset.ID, portable bool, ids platform.IDs) int {
	if !portable {
		text, _ := ids.Server(id)
		row, _ := strconv.Atoi(text)
		return row
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for row, it := range s.items {
		if it.kind == id.Kind && it.uid == id.UID {
			return row
		}
	}
	return 0
}
