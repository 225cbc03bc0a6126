package matih_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/matih"
	mt "github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

func TestConformance(t *testing.T) {
	for _, p := range mt.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			if raceDetector && p.Name != "seed" && p.Name != "gateway" && p.Name != "partial-put strict" {
				t.Skip("three profiles run under the race detector; make check runs all of them without it")
			}
			secrets := &vault{byID: map[asset.ID]map[string]secret.Value{}}
			h := platformtest.Harness{
				Factory: matih.Factory(), Parallel: true, Canaries: []string{mt.Secret},
				Filled: func(tb testing.TB) *platformtest.Server {
					s := p.Server()
					if err := s.SeedExamples(); err != nil {
						tb.Fatal(err)
					}
					return serve(tb, s, p, secrets)
				},
				Empty: func(tb testing.TB) *platformtest.Server { return serve(tb, p.Server(mt.WithSeed(2)), p, secrets) },
			}
			if p.Name == "seed" { // 11,000 requests; what is held does not depend on the profile
				h.Many = func(tb testing.TB, n int) *platformtest.Server {
					s := p.Server()
					s.Many(n)
					return serve(tb, s, p, secrets)
				}
			}
			platformtest.Run(t, h)
		})
	}
}

// vault knows the secrets of all servers of a profile.
type vault struct {
	mu   sync.Mutex
	byID map[asset.ID]map[string]secret.Value
}

func (v *vault) of(id asset.ID) map[string]secret.Value {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.byID[id]
}

// learn notes the secrets of a server by the names a config gives them.
func (v *vault) learn(s *mt.Server, ids platform.IDs) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, d := range s.Dashboards() {
		values := map[string]secret.Value{}
		for _, w := range d.Widgets {
			note(values, "widgets/"+ids.UID("widget", d.ID+"/"+w.ID), w.Fields)
		}
		v.byID[asset.ID{Kind: "dashboard", UID: ids.UID("dashboard", d.ID)}] = values
	}
}

func note(values map[string]secret.Value, at string, n any) {
	switch n := n.(type) {
	case map[string]any:
		for k, e := range n {
			note(values, at+"/"+k, e)
		}
	case []any:
		for i, e := range n {
			note(values, fmt.Sprint(at, "/", i), e)
		}
	case string:
		if strings.Contains(n, mt.Secret) {
			values[at] = secret.Literal(mt.Secret)
		}
	}
}

// withoutWidgets serves details whose list of widgets stands where nobody looks.
func withoutWidgets(w http.ResponseWriter, r *http.Request, next http.Handler) {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	maps.Copy(w.Header(), rec.Header())
	w.WriteHeader(rec.Code)
	fmt.Fprint(w, strings.NewReplacer(`"widgets":`, `"moved":`, `"panels":`, `"moved":`).Replace(rec.Body.String()))
}

// serve puts a fake server under test.
func serve(tb testing.TB, s *mt.Server, p mt.Profile, secrets *vault) *platformtest.Server {
	tb.Helper()
	srv := httptest.NewServer(s)
	tb.Cleanup(srv.Close)
	var o yaml.Node
	if err := yaml.Unmarshal([]byte(p.ClientOptions+"rate: {per_minute: 600000}\n"), &o); err != nil {
		tb.Fatal(err)
	}
	ids := platformtest.NewIDs(srv.URL)
	secrets.learn(s, ids)
	id := func(tb testing.TB, a asset.ID) string {
		server, ok := ids.Server(a)
		if !ok {
			tb.Fatalf("no %s", a)
		}
		return server
	}
	var throttled atomic.Bool
	sleep := func(ctx context.Context, d time.Duration) error { // only what the server asks for is waited
		if throttled.Load() {
			select {
			case <-time.After(d):
			case <-ctx.Done():
			}
		}
		return ctx.Err()
	}
	fault := func(f mt.Fault) func(testing.TB) { return func(testing.TB) { s.Break(f) } }
	return &platformtest.Server{
		Config: platform.Config{
			Instance: "test", URL: srv.URL, IDs: ids, Options: o.Content[0],
			Auth:    platform.Auth{Username: mt.Admin().Email, Password: secret.Literal(mt.Admin().Password)},
			Secrets: secrets.of, Sleep: sleep,
		},
		Edit: func(tb testing.TB, a asset.ID, title string) asset.Person {
			if err := s.EditAs(mt.Admin().ID, id(tb, a), func(f map[string]any) { f["name"] = title }); err != nil {
				tb.Fatal(err)
			}
			if p.Name != "gateway" && p.Name != "full-put" { // the others do not show who it was
				return asset.Person{}
			}
			return asset.Person{Username: mt.Admin().ID}
		},
		Wipe:   func(testing.TB) { s.Wipe() },
		Expire: func(testing.TB) { s.ExpireTokens() },
		Throttle: func(_ testing.TB, n int, wait time.Duration) {
			throttled.Store(true)
			s.Break(mt.Fault{Route: mt.Get, Times: n, Do: mt.Throttle(fmt.Sprint(int(wait.Seconds())))})
		},
		Stall: func(testing.TB) <-chan struct{} {
			held := make(chan struct{}, 1)
			s.Break(mt.Fault{Do: mt.Hang(held)})
			return held
		},
		Lie: func(testing.TB) {
			for _, r := range []mt.Route{mt.Create, mt.Put, mt.Delete, mt.AddWidget, mt.PutWidget, mt.DeleteWidget, mt.Share} {
				s.Break(mt.Fault{Route: r, Do: mt.Lie()})
			}
		},
		Hide: func(tb testing.TB, a asset.ID, forbidden bool) { s.Hide(id(tb, a), forbidden) },
		Omit: func(tb testing.TB, a asset.ID) { s.Omit(id(tb, a)) },
		Faults: map[string]func(testing.TB){
			"login page for lists":     fault(mt.Fault{Route: mt.List, Do: mt.LoginPage()}),
			"login page for details":   fault(mt.Fault{Route: mt.Get, Do: mt.LoginPage()}),
			"404 for the list":         fault(mt.Fault{Route: mt.List, Do: mt.Status(404)}),
			"404 for details":          fault(mt.Fault{Route: mt.Get, Do: mt.Status(404)}),
			"403 for details":          fault(mt.Fault{Route: mt.Get, Do: mt.Status(403)}),
			"500":                      fault(mt.Fault{Route: mt.Get, Do: mt.Status(500)}),
			"502 once":                 fault(mt.Fault{Times: 1, Do: mt.Status(502)}),
			"an empty object":          fault(mt.Fault{Do: mt.EmptyObject()}),
			"an empty list of nothing": fault(mt.Fault{Route: mt.List, Do: mt.Replace(`{"success":true,"data":null}`)}),
			"success: false":           fault(mt.Fault{Do: mt.NotSuccess()}),
			"nothing at all":           fault(mt.Fault{Do: mt.EmptyBody()}),
			"garbage":                  fault(mt.Fault{Do: mt.Garbage()}),
			"null":                     fault(mt.Fault{Do: mt.Replace("null")}),
			"a cut list":               fault(mt.Fault{Route: mt.List, Do: mt.Cut(100)}),
			"a truncated list":         fault(mt.Fault{Route: mt.List, Do: mt.Truncate(100)}),
			"truncated details":        fault(mt.Fault{Route: mt.Get, Do: mt.Truncate(200)}),
			"connection cut once":      fault(mt.Fault{Route: mt.Get, Times: 1, Do: mt.Cut(10)}),
			"details without widgets":  fault(mt.Fault{Route: mt.Get, Do: withoutWidgets}),
		},
		Mend: s.Mend, Writes: s.Writes, Requests: func() int { return s.Count("") },
	}
}
