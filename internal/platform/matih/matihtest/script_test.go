package matihtest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mt "github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
)

const (
	base  = "/api/v1/bi/dashboards"
	first = "dash-00019e3779b1" // the first id that a server with seed 1 picks
	w1    = "w-00019e3779b1"
)

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2025, 3, 15, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

// step is one request, by default with the static token, and what must come
// back.
type step struct {
	do     string // "METHOD path", "" for the path alone is GET
	body   string
	head   string // "Name: value" lines instead of the token; "-" for none
	status int
	want   string // JSON: objects may hold more keys, "…" is anything; "" is not looked at
	header string // "Name: value" that the answer must have
	not    string // text that the answer must not hold
}

// script is a server and the requests it gets.
type script struct {
	name  string
	opts  []mt.Option
	seed  string // for SeedJSON
	steps []step
}

func run(t *testing.T, scripts []script) {
	t.Helper()
	for _, sc := range scripts {
		t.Run(sc.name, func(t *testing.T) {
			s := mt.New(append([]mt.Option{mt.WithClock(newClock().now)}, sc.opts...)...)
			seed(t, s, sc.seed)
			for i, st := range sc.steps {
				play(t, s, fmt.Sprintf("step %d, %s", i+1, st.do), st)
			}
		})
	}
}

func seed(t *testing.T, s *mt.Server, text string) []string {
	t.Helper()
	if text == "" {
		return nil
	}
	ids, err := s.SeedJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func play(t *testing.T, s http.Handler, name string, st step) {
	t.Helper()
	a := ask(s, st)
	if a.Code != st.status {
		t.Fatalf("%s: status %d, want %d: %s", name, a.Code, st.status, a.Body)
	}
	if st.want != "" {
		if diff := mismatch("", parse(t, st.want), parse(t, a.Body.String())); diff != "" {
			t.Errorf("%s: %s\ngot %s", name, diff, a.Body)
		}
	}
	if k, v, ok := strings.Cut(st.header, ": "); ok && a.Header().Get(k) != v {
		t.Errorf("%s: %s is %q, want %q", name, k, a.Header().Get(k), v)
	}
	if st.not != "" && strings.Contains(a.Body.String(), st.not) {
		t.Errorf("%s: %q stands in %s", name, st.not, a.Body)
	}
}

func ask(s http.Handler, st step) *httptest.ResponseRecorder {
	method, path, ok := strings.Cut(st.do, " ")
	if !ok {
		method, path = http.MethodGet, st.do
	}
	r := httptest.NewRequest(method, path, strings.NewReader(st.body))
	if st.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if st.head == "" {
		r.Header.Set("Authorization", "Bearer "+mt.Token)
	}
	for line := range strings.Lines(st.head) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			r.Header.Set(k, v)
		}
	}
	a := httptest.NewRecorder()
	s.ServeHTTP(a, r)
	return a
}

func parse(t *testing.T, text string) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return v
}

// mismatch says where got is not as want demands. Numbers are compared as they
// are spelled.
func mismatch(at string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return at + ": not an object"
		}
		for _, k := range slices.Sorted(maps.Keys(w)) {
			v, there := g[k]
			if !there {
				return at + "/" + k + ": not there"
			}
			if d := mismatch(at+"/"+k, w[k], v); d != "" {
				return d
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s: want a list of %d", at, len(w))
		}
		for i := range w {
			if d := mismatch(fmt.Sprintf("%s/%d", at, i), w[i], g[i]); d != "" {
				return d
			}
		}
		return ""
	}
	if want != got && want != "…" {
		return fmt.Sprintf("%s: %v, want %v", at, got, want)
	}
	return ""
}

// absent says which keys stand in an object of the answer that must not.
func absent(t *testing.T, s http.Handler, path string, keys ...string) {
	t.Helper()
	m, ok := parse(t, ask(s, step{do: path}).Body.String()).(map[string]any)
	if !ok {
		t.Fatalf("GET %s gives no object", path)
	}
	for _, k := range keys {
		if _, there := m[k]; there {
			t.Errorf("GET %s has %q", path, k)
		}
	}
}
