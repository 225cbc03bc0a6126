package matih

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
	mt "github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

const listPath = "/api/v1/bi/dashboards"

// clock is a clock on which waiting costs no time.
type clock struct {
	mu     sync.Mutex
	t      time.Time
	waited time.Duration
}

func newClock() *clock { return &clock{t: time.Date(2025, 3, 15, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
	c.waited += d
	return ctx.Err()
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// wire is a server of scripted answers that notes what it was asked.
type wire struct {
	mu     sync.Mutex
	asked  []string // "GET /path?query"
	answer func(w http.ResponseWriter, r *http.Request)
}

func (s *wire) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := r.Method + " " + r.URL.Path
	if r.URL.RawQuery != "" {
		line += "?" + r.URL.RawQuery
	}
	s.asked = append(s.asked, line)
	w.Header().Set("Content-Type", "application/json")
	s.answer(w, r)
}

func (s *wire) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// fixed answers paths with texts, and anything else with 404.
func fixed(answers map[string]string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		text, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			text = `{"detail":"not found"}`
		}
		fmt.Fprint(w, text)
	}
}

// connect opens a connection with a static token, on a clock of its own.
func connect(t *testing.T, h http.Handler, options string, change ...func(*platform.Config)) *conn {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	k := newClock()
	cfg := platform.Config{
		Instance: "test", URL: srv.URL, Auth: platform.Auth{Token: secret.Literal("opaque")},
		IDs: platformtest.NewIDs("test"), Options: node(t, options), Now: k.now, Sleep: k.sleep,
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// node parses options; "" gives nil.
func node(t *testing.T, text string) *yaml.Node {
	t.Helper()
	if text == "" {
		return nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Content[0]
}

// exported is what an export gave.
type exported struct {
	raws   []*asset.Raw
	broken []*asset.Error
	end    error // that ended it
}

func export(ctx context.Context, c *conn, ids []asset.ID) (out exported) {
	for raw, err := range c.Export(ctx, ids) {
		var one *asset.Error
		switch {
		case errors.As(err, &one):
			out.broken = append(out.broken, one)
		case err != nil:
			out.end = err
		default:
			out.raws = append(out.raws, raw)
		}
	}
	return out
}

// whole is the canonical content of everything, by title.
func whole(t *testing.T, c *conn) map[string]string {
	t.Helper()
	got := export(t.Context(), c, nil)
	if got.end != nil || len(got.broken) > 0 {
		t.Fatalf("export: %v, broken %v", got.end, got.broken)
	}
	out := map[string]string{}
	for _, raw := range got.raws {
		out[raw.Title] = canonical(t, raw)
	}
	return out
}

func canonical(t *testing.T, raw *asset.Raw) string {
	t.Helper()
	a, _, err := normalize.Canonical(raw, Rules())
	if err != nil {
		t.Fatal(err)
	}
	return string(a.Content)
}

// filled is a fake server with the examples.
func filled(t *testing.T, opts ...mt.Option) *mt.Server {
	t.Helper()
	s := mt.New(opts...)
	if err := s.SeedExamples(); err != nil {
		t.Fatal(err)
	}
	return s
}

func static(cfg *platform.Config) { cfg.Auth = platform.Auth{Token: secret.Literal(mt.Token)} }

func withPassword(cfg *platform.Config) {
	cfg.Auth = platform.Auth{Username: mt.Admin().Email, Password: secret.Literal(mt.Admin().Password)}
}

// onClock makes a connection live on a clock.
func onClock(k *clock) func(*platform.Config) {
	return func(cfg *platform.Config) { cfg.Now, cfg.Sleep = k.now, k.sleep }
}

// titled is the id of the asset with a title.
func (c *conn) titled(t *testing.T, title string) asset.ID {
	t.Helper()
	rows, err := c.list(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.info.Title == title {
			return r.info.ID
		}
	}
	t.Fatalf("no dashboard %q", title)
	return asset.ID{}
}
