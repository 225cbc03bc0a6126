package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// refusal is something that goes wrong with one asset of a restore into an empty
// server, or for a while with all of them.
type refusal struct {
	name    string
	version string
	opts    []supersettest.Option
	prepare func(t *testing.T, w *world, to *supersettest.Server) // after the pull
	code    int
	says    []string // on stdout or stderr
	missing []string // titles that are not on the server afterwards; everything else is
	lost    string   // a kind of which nothing is
}

// TestLoop_Refusals: what the server refuses is named, the rest is applied, and the
// exit code is 3.
func TestLoop_Refusals(t *testing.T) {
	notUnderRace(t)
	for _, r := range []refusal{
		{
			name: "a wrong warehouse password", version: "4.1.4", opts: []supersettest.Option{supersettest.WithoutWarehouse()}, code: 3,
			says:    []string{"Warehouse", "is the warehouse reachable from that server, and is the password right", "its database is not on the server"},
			missing: []string{"Warehouse · 倉庫", "orders", "Revenue trend"},
		},
		{
			name: "a missing dataset", version: newest, code: 3,
			prepare: func(_ *testing.T, w *world, _ *supersettest.Server) {
				w.edit(w.one("dashboards", "prod", "charts", "revenue-trend.*.yaml"), "dataset_uuid: ", "dataset_uuid: 00000000-dead-4000-8000-")
				w.repair(w.one("dashboards", "prod", "charts", "revenue-trend.*.yaml"), `00000000-dead-4000-8000-[0-9a-f-]*`, "00000000-dead-4000-8000-000000000000")
			},
			says:    []string{"Revenue trend", "its dataset is not on the server: dataset:00000000-dead"},
			missing: []string{"Revenue trend"},
		},
		{
			name: "a slug that another uuid has", version: newest, code: 3,
			prepare: func(t *testing.T, _ *world, to *supersettest.Server) {
				if err := to.Seed(oracle(t, newest, "dashboard-rich.zip")); err != nil {
					t.Fatal(err)
				}
				for _, o := range to.Objects(supersettest.Dashboard) {
					to.Rename(supersettest.Dashboard, o.UUID, "5106a000-0000-4000-8000-000000000000")
				}
			},
			says:    []string{"another dashboard with the slug", "5106a000", "would overwrite that one"},
			missing: []string{},
		},
		{
			name: "a file above the limit", version: newest, code: 3,
			prepare: func(_ *testing.T, w *world, to *supersettest.Server) {
				w.edit(w.one("dashboards", "prod", "charts", "revenue-trend.*.yaml"), "\nspec:\n", "\nspec:\n  description: "+strings.Repeat("long ", 10_000)+"\n")
				to.SetZipLimit(40_000)
			},
			says:    []string{"Revenue trend", "Found file with size above allowed threshold"},
			missing: []string{"Revenue trend"},
		},
		{
			name: "429 for good", version: newest, code: 3,
			prepare: func(_ *testing.T, _ *world, to *supersettest.Server) {
				to.Break(supersettest.Fault{Method: http.MethodPost, Path: "/dashboard/import/", Do: supersettest.Throttle("")})
			},
			says:    []string{richTitle, "429", "apply again later"},
			missing: []string{richTitle},
		},
		{
			name: "429 for a while", version: newest, code: 0,
			prepare: func(_ *testing.T, _ *world, to *supersettest.Server) {
				to.Break(supersettest.Fault{Method: http.MethodPost, Path: "/chart/import/", Times: 1, Do: supersettest.Throttle("1")})
			},
		},
		{
			name: "a token that expires", version: newest, code: 0,
			prepare: func(_ *testing.T, _ *world, to *supersettest.Server) { expireAt(to, "/chart/import/") },
		},
		{
			name: "a token that expires, and no login after it", version: newest, code: 3,
			prepare: func(_ *testing.T, _ *world, to *supersettest.Server) {
				expireAt(to, "/chart/import/")
				to.Break(supersettest.Fault{Path: "/security/refresh", Do: supersettest.Status(http.StatusUnauthorized)})
				to.Break(supersettest.Fault{Path: "/security/login", After: 1, Do: supersettest.Status(http.StatusUnauthorized)})
			},
			says:    []string{"Revenue trend", `login as "admin" refused`},
			missing: []string{richTitle}, lost: supersettest.Chart,
		},
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.run(t)
		})
	}
}

// expireAt makes every token expire when a request of a path comes in.
func expireAt(s *supersettest.Server, path string) {
	s.Break(supersettest.Fault{Method: http.MethodPost, Path: path, Times: 1, Do: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		s.ExpireTokens()
		s.ForgetSessions()
		next.ServeHTTP(w, r)
	}})
}

func (r refusal) run(t *testing.T) {
	from := simulatorOf(t, r.version, 1)
	from.fill(t, supersettest.Dashboard, oracle(t, r.version, "dashboard-rich.zip"))
	sim := supersettest.New(append(r.opts, supersettest.WithVersion(r.version), supersettest.WithFirstID(500), supersettest.WithSeed(500))...)
	h := httptest.NewServer(sim)
	t.Cleanup(h.Close)
	w := newWorld(t, from, &server{url: h.URL, sim: sim})
	w.write("dashkeep.yaml", w.read("dashkeep.yaml")+secretsOfRich(from))
	w.run(0, "pull", "prod")
	if r.prepare != nil {
		r.prepare(t, w, sim)
		w.commitAny("prepared")
	}
	got := w.run(r.code, "restore", "prod", "--at", "HEAD", "--to", "standby", "--yes")
	for _, want := range r.says {
		if !strings.Contains(got.out+got.err, want) {
			t.Errorf("it does not say %q:\n%s%s", want, got.out, got.err)
		}
	}
	missing := map[string]bool{}
	for _, title := range r.missing {
		missing[title] = true
	}
	for _, o := range from.sim.Objects(supersettest.Chart) {
		missing[o.Title] = missing[o.Title] || r.lost == supersettest.Chart
	}
	there := map[string]bool{}
	for _, kind := range []string{supersettest.Database, supersettest.Dataset, supersettest.Chart, supersettest.Dashboard} {
		for _, o := range sim.Objects(kind) {
			there[o.Title] = true
		}
	}
	for title, gone := range missing {
		if gone && there[title] {
			t.Errorf("%q is there all the same", title)
		}
	}
	if r.version == newest { // before, everything hangs on the database
		for _, kind := range []string{supersettest.Database, supersettest.Dataset, supersettest.Chart, supersettest.Dashboard} {
			for _, o := range from.sim.Objects(kind) {
				if !there[o.Title] && !missing[o.Title] {
					t.Errorf("%s %q was not applied", kind, o.Title)
				}
			}
		}
	}
}

// secretsOfRich are those of the connection of the capture, for standby.
func secretsOfRich(s *server) string {
	db := s.sim.Objects(supersettest.Database)[0].UUID
	text := "    secrets:\n      \"database:" + db + "\":\n"
	for _, name := range []string{"password", "uri_query/sslpassword", "extra/engine_params/connect_args/sslpassword", "encrypted_extra/connect_args/sslpassword"} {
		text += "        " + name + ": {file: ./password}\n"
	}
	return text
}

// repair replaces what a pattern matches in a file.
func (w *world) repair(file, pattern, text string) {
	w.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, regexp.MustCompile(pattern).ReplaceAll(data, []byte(text)), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// commitAny commits what a person changed, if anything.
func (w *world) commitAny(message string) {
	w.t.Helper()
	if w.git("dashboards", "status", "--porcelain") != "" {
		w.git("dashboards", "commit", "-q", "-a", "-m", message)
	}
}
