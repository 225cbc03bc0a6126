package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// gate is a proxy in front of a real server. What it lets through the server answers
// itself.
type gate struct {
	url string

	mu      sync.Mutex
	expire  string // path of the next write that goes through with a token that has expired
	expired int
	tooMany string // path of the writes that are answered with 429, as a proxy in front of Superset does
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	g, proxy := &gate{}, httputil.NewSingleHostReverseProxy(target)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.passes(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(h.Close)
	g.url = h.URL
	return g
}

func (g *gate) passes(w http.ResponseWriter, r *http.Request) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.Method != http.MethodPost {
		return true
	}
	if r.URL.Path == g.tooMany {
		w.WriteHeader(http.StatusTooManyRequests)
		return false
	}
	if r.URL.Path == g.expire {
		g.expire = ""
		g.expired++
		r.Header.Set("Authorization", "Bearer "+expiredToken())
	}
	return true
}

func (g *gate) set(expire, tooMany string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.expire, g.tooMany = expire, tooMany
}

// expiredToken is one of the lab's first account that was good until a minute ago. The
// key is that of superset-lab.
func expiredToken() string {
	now := time.Now().Unix()
	part := func(v any) string {
		text, _ := json.Marshal(v) // of maps of text and numbers
		return base64.RawURLEncoding.EncodeToString(text)
	}
	body := part(map[string]any{"alg": "HS256", "typ": "JWT"}) + "." + part(map[string]any{
		"type": "access", "sub": "1", "jti": "over", "fresh": true, "iat": now - 960, "nbf": now - 960, "exp": now - 60})
	sum := hmac.New(sha256.New, []byte("superset-lab-not-a-secret-0123456789abcdef"))
	sum.Write([]byte(body))
	return body + "." + base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
}

// TestE2E_Refusals: what a real server refuses is named and the rest is applied (exit
// code 3): a dataset that is not there, a file above the limit for zips (the lab has a
// lower one), a slug of another dashboard, a login that expires meanwhile, and 429. The
// next restore does what is left. A wrong password of the warehouse is refused by older
// servers only: TestLiveF17_NewConnectionNeedsItsWarehouse.
func TestE2E_Refusals(t *testing.T) {
	a, b, of, to := realPair(t)
	if of != newest || to != newest {
		t.Skipf("needs two Superset %s, these are %s and %s", newest, of, to)
	}
	a.fill(t, supersettest.Dashboard, richZip(t, of, func(name, text string) (string, string) { return name, text }))
	g := newGate(t, b.url)
	w := promotion(t, a, &server{url: g.url, api: b.api})

	trend, units := w.one("dashboards", "prod", "charts", "revenue-trend.*.yaml"), w.one("dashboards", "prod", "charts", "units-by-country.*.yaml")
	w.repair(trend, `dataset_uuid: [0-9a-f-]*`, "dataset_uuid: 00000000-dead-4000-8000-000000000000")
	w.edit(units, "\nspec:\n", "\nspec:\n  description: "+strings.Repeat("long ", 500_000)+"\n")
	w.commitAny("prepared")
	rich := document(t, w.one("dashboards", "prod", "dashboards", "*.yaml"))
	slug := asset.Text(asset.Get(rich.Spec, "slug"))
	squatter, err := b.api.Add(t.Context(), supersettest.Dashboard, map[string]any{"dashboard_title": "Squatter", "slug": slug})
	if err != nil {
		t.Fatal(err)
	}

	g.set("/api/v1/dataset/import/", "")
	w.refused([]string{"Revenue trend", "its dataset is not on the server: dataset:00000000-dead", "Units by country", "Found file with size above allowed threshold",
		`another dashboard with the slug "` + slug + `"`}, "restore", "prod", "--at", "HEAD", "--to", "standby", "--yes")
	if g.expired != 1 {
		t.Errorf("%d writes were sent with a token that has expired, want 1", g.expired)
	}
	b.lacks(t, a, "Revenue trend", "Units by country", rich.Title)

	if err := b.api.Remove(t.Context(), supersettest.Dashboard, squatter); err != nil {
		t.Fatal(err)
	}
	g.set("", "/api/v1/dashboard/import/")
	w.refused([]string{rich.Title, "429"}, "restore", "prod", "--at", "HEAD~1", "--to", "standby", "--yes")
	b.lacks(t, a, rich.Title)

	g.set("", "")
	w.run(0, "restore", "prod", "--at", "HEAD~1", "--to", "standby", "--yes")
	b.lacks(t, a)
}

// refused runs a command that ends with 3 and says all of that.
func (w *world) refused(says []string, args ...string) {
	w.t.Helper()
	got := w.run(3, args...)
	for _, want := range says {
		if !strings.Contains(got.out+got.err, want) {
			w.t.Errorf("dashkeep %v does not say %q:\n%s%s", args, want, got.out, got.err)
		}
	}
}

// lacks compares two servers by title: all of the other's is there, but for these.
func (s *server) lacks(t *testing.T, of *server, titles ...string) {
	t.Helper()
	for _, kind := range []string{supersettest.Database, supersettest.Dataset, supersettest.Chart, supersettest.Dashboard} {
		want, err := of.api.List(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		there, err := s.api.List(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range want {
			is := slices.ContainsFunc(there, func(i supersettest.Item) bool { return i.Title == o.Title })
			if missing := slices.Contains(titles, o.Title); is == missing {
				t.Errorf("%s %q: on the second server %t, want %t", kind, o.Title, is, !missing)
			}
		}
	}
}
