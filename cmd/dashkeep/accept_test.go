package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// TestLoop_AcceptBrokenChart: a chart that has lost its dataset is kept, and named by
// each pull and by init; no server takes it back, which fails a restore and an apply
// by its name, until it is accepted; after the date it is as before.
func TestLoop_AcceptBrokenChart(t *testing.T) {
	notUnderRace(t)
	for _, version := range append([]string{newest}, olderVersions...) {
		t.Run(version, func(t *testing.T) {
			from, to := simulatorOf(t, version, 1), simulatorOf(t, version, 500)
			from.fill(t, supersettest.Dashboard, wholeZip(t, version))
			from.breakChart(t)
			w := newWorld(t, from, to)
			plain := w.read("dashkeep.yaml") + secretsOfRich(from)
			w.write("dashkeep.yaml", plain)
			chart, err := from.api.Find(t.Context(), supersettest.Chart, brokenChart)
			if err != nil {
				t.Fatal(err)
			}
			id := "chart:" + chart.UUID
			accepting := func(until string) {
				entry := fmt.Sprintf("    accept: [{asset: %q, reason: the vendor took it away, until: %s}]\n", id, until)
				// of both instances: prod is read, standby written
				w.write("dashkeep.yaml", strings.Replace(plain, "    direction: two-way\n", "    direction: two-way\n"+entry, 1)+entry)
			}
			says := func(r result, want string) {
				t.Helper()
				if !strings.Contains(r.out, want) {
					t.Errorf("it does not say %q:\n%s%s", want, r.out, r.err)
				}
			}

			says(w.run(0, "pull", "prod"), "broken: "+id)
			says(w.run(0, "pull", "prod"), "broken: "+id)
			says(w.run(3, "restore", "prod", "--at", "HEAD", "--to", "standby", "--yes"), "✗ "+id)

			accepting("2999-01-01")
			says(w.run(0, "pull", "prod"), "accepted: "+id)
			r := w.run(0, "restore", "prod", "--at", "HEAD", "--to", "standby", "--yes")
			says(r, "accepted: "+id)
			says(r, "the vendor took it away")
			var report runReport
			if err := json.Unmarshal([]byte(w.run(0, "restore", "prod", "--at", "HEAD", "--to", "standby", "--yes", "--output", "json").out), &report); err != nil {
				t.Fatal(err)
			}
			if len(report.Accepted) != 1 || report.Accepted[0].ID != id || report.Accepted[0].Reason == "" || len(report.Failures) > 0 {
				t.Errorf("accepted %+v, failures %+v", report.Accepted, report.Failures)
			}
			w.run(0, "pull", "standby")

			w.edit(w.one("dashboards", "prod", "charts", "*."+chart.UUID[:8]+".yaml"), "\nspec:\n", "\nspec:\n  certified_by: nobody\n")
			w.git("dashboards", "commit", "-q", "-a", "-m", "by hand")
			says(w.run(0, "apply", "prod", "--yes"), "accepted: "+id)

			accepting("2001-01-01")
			says(w.run(3, "apply", "prod", "--yes"), "✗ "+id)
			says(w.run(0, "pull", "prod"), "broken: "+id)
			says(w.run(3, "restore", "prod", "--at", "HEAD", "--to", "standby", "--yes"), "✗ "+id)
		})
	}
}

// TestLoop_AcceptUnreadable: so an asset that cannot be read, in pull, plan and status.
func TestLoop_AcceptUnreadable(t *testing.T) {
	from := simulatorOf(t, newest, 1)
	from.fill(t, supersettest.Dashboard, oracle(t, newest, "dashboard-rich.zip"))
	w := newWorld(t, from, nil)
	w.run(0, "pull", "prod")
	chart, err := from.api.Find(t.Context(), supersettest.Chart, "Pivot")
	if err != nil {
		t.Fatal(err)
	}
	id := "chart:" + chart.UUID
	from.sim.Break(supersettest.Fault{Path: "/export/", Do: supersettest.OmitObject(supersettest.Chart, supersettest.Object{UUID: chart.UUID})})
	plain := w.read("dashkeep.yaml")
	for _, c := range []struct {
		until, says string
		code        int
	}{{"", "failed: " + id, 3}, {"2999-01-01", "accepted: " + id, 0}, {"2001-01-01", "failed: " + id, 3}} {
		w.write("dashkeep.yaml", plain)
		if c.until != "" {
			w.write("dashkeep.yaml", plain+fmt.Sprintf("    accept: [{asset: %q, reason: known, until: %s}]\n", id, c.until))
		}
		for _, args := range [][]string{{"pull", "prod", "--full"}, {"plan", "prod"}, {"apply", "prod", "--yes"}} {
			if r := w.run(c.code, args...); !strings.Contains(r.out, c.says) {
				t.Errorf("%v until %q does not say %q:\n%s", args, c.until, c.says, r.out)
			}
		}
		if r := w.run(c.code, "status", "prod"); !strings.Contains(r.out, "1 unreadable") || strings.Contains(r.out, "accepted: known") != (c.code == 0) {
			t.Errorf("status until %q:\n%s", c.until, r.out)
		}
	}
}
