package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// chartsWorld is a world with a server of a few charts behind a trap.
func chartsWorld(t *testing.T, opts ...supersettest.Option) (*world, *supersettest.Server, *trap) {
	t.Helper()
	notUnderRace(t)
	sim := supersettest.New(opts...)
	if err := sim.Seed(supersettest.Examples); err != nil {
		t.Fatal(err)
	}
	keepCharts(t, sim, 3)
	tr := &trap{next: sim}
	h := httptest.NewServer(tr)
	t.Cleanup(h.Close)
	w := newWorld(t, &server{url: h.URL}, nil, `pull_brake: {removed: 0, changed_percent: 100}`)
	w.run(0, "pull")
	return w, sim, tr
}

func describe(t *testing.T, sim *supersettest.Server, chart supersettest.Object, text string) {
	t.Helper()
	if err := sim.EditAs("admin", supersettest.Chart, chart.UUID, func(f map[string]any) { f["description"] = text }); err != nil {
		t.Fatal(err)
	}
}

// has reports whether the file of a chart holds a text.
func (w *world) has(chart supersettest.Object, text string) bool {
	w.t.Helper()
	data, err := os.ReadFile(w.one("dashboards", "prod", "charts", "*."+chart.UUID[:8]+".yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Contains(string(data), text)
}

// TestNB5_editedWhileExported edits a chart after the server has listed it and before it
// is exported, and another right after it was exported. Both edits are in Git after the
// next pull at the latest, and then a pull finds nothing.
func TestNB5_editedWhileExported(t *testing.T) {
	for name, match := range map[string]func(*http.Request) bool{
		"after the list":   func(r *http.Request) bool { return r.URL.Path == "/api/v1/chart/" },
		"after the export": func(r *http.Request) bool { return r.URL.Path == "/api/v1/chart/export/" },
	} {
		t.Run(name, func(t *testing.T) {
			w, sim, tr := chartsWorld(t)
			charts := sim.Objects(supersettest.Chart)
			describe(t, sim, charts[0], "the first edit") // or nothing would be exported
			fired := false
			tr.set(match, func() {
				fired = true
				describe(t, sim, charts[0], "edited meanwhile")
				describe(t, sim, charts[1], "edited meanwhile too")
			})
			w.run(0, "pull")
			w.run(0, "pull")
			if !fired {
				t.Fatal("nothing was edited meanwhile")
			}
			for _, c := range charts[:2] {
				if !w.has(c, "description: edited meanwhile") {
					t.Errorf("%s: the edit is not in Git", c.Title)
				}
			}
			head := w.head()
			w.run(0, "pull")
			if w.head() != head {
				t.Error("a third pull made a commit")
			}
			if out := w.run(0, "plan", "prod", "--detailed-exitcode").out; !strings.Contains(out, "nothing to do") {
				t.Errorf("the plan says\n%s", out)
			}
		})
	}
}

// TestTM2_theServersClockIsWrong pulls, applies and pulls from servers that live a day in
// the past and in the future: every edit is found and nothing is found twice.
func TestTM2_theServersClockIsWrong(t *testing.T) {
	for _, skew := range []time.Duration{-25 * time.Hour, 25 * time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			now := time.Now().Add(skew)
			w, sim, _ := chartsWorld(t, supersettest.WithClock(func() time.Time { now = now.Add(time.Second); return now }))
			chart := sim.Objects(supersettest.Chart)[0]
			describe(t, sim, chart, "edited on the server")
			w.run(0, "pull")
			if !w.has(chart, "description: edited on the server") {
				t.Error("the edit is not in Git")
			}
			w.git(".", "clone", "-q", "remote.git", "ada")
			w.edit(w.one("ada", "prod", "charts", "*."+chart.UUID[:8]+".yaml"), "\nspec:\n", "\nspec:\n  cache_timeout: 4711\n")
			w.git("ada", "commit", "-q", "-a", "-m", "an edit")
			w.git("ada", "push", "-q", "origin", "main")
			w.run(0, "apply", "prod", "--yes")
			head := w.head()
			w.run(0, "pull")
			if w.head() != head {
				t.Error("a pull without an edit made a commit")
			}
			w.run(0, "undo", "--yes")
			if o, _ := sim.Object(supersettest.Chart, chart.UUID); o.Fields["cache_timeout"] != nil || o.Fields["description"] != "edited on the server" {
				t.Errorf("after the undo: %v", o.Fields)
			}
		})
	}
}

// TestTM2_theServersClockIsPutRight lets a server that lived in the future go on with the
// right time: edits that are older than what was read are found all the same.
func TestTM2_theServersClockIsPutRight(t *testing.T) {
	now := time.Now().Add(25 * time.Hour)
	w, sim, _ := chartsWorld(t, supersettest.WithClock(func() time.Time { now = now.Add(time.Second); return now }))
	charts := sim.Objects(supersettest.Chart)
	describe(t, sim, charts[0], "in the future")
	w.run(0, "pull")
	now = now.Add(-25 * time.Hour)
	describe(t, sim, charts[1], "and back")
	w.run(0, "pull")
	if !w.has(charts[1], "description: and back") {
		t.Error("the edit is not in Git")
	}
	head := w.head()
	w.run(0, "pull")
	if w.head() != head {
		t.Error("a pull without an edit made a commit")
	}
}
