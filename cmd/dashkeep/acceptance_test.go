package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// The ten acceptance checks of section 5 of the facts about Superset, by number, on
// a whole server (seedWhole): on simulators of every version with the other tests,
// on real servers with make e2e and, each version, make e2e-all. They share one
// world, since filling a real server takes its time, and each leaves it converged.

func TestLoop_Acceptance(t *testing.T) {
	notUnderRace(t)
	for _, v := range append([]string{newest}, olderVersions...) {
		t.Run(v, func(t *testing.T) { acceptance(t, v, simulatorOf(t, v, 1), simulatorOf(t, v, 500)) })
	}
}

func TestE2E_Acceptance(t *testing.T) {
	a, b, of, to := realPair(t)
	if of != to {
		t.Skipf("needs two servers of one version, these are %s and %s", of, to)
	}
	acceptance(t, of, a, b)
}

func acceptance(t *testing.T, version string, a, b *server) {
	l := newLab(t, version, a, b)
	for _, c := range []struct {
		name  string
		check func(*lab, *testing.T)
	}{
		{"07 no secret reaches a commit", (*lab).noSecrets},
		{"01 exports without an edit are equal", (*lab).noNoise},
		{"02 one description is one line", (*lab).oneLine},
		{"03 colliding names are all there", (*lab).collisions},
		{"04 what Git changed becomes live and nothing else", (*lab).fiveEdits},
		{"06 killed in the middle of an import", (*lab).killedInside},
		{"05 09 restored without what Superset refuses, owners as before", (*lab).restored},
		{"08 every reference points at the right chart", (*lab).references},
		{"10 one config, nothing left to say", (*lab).settled},
	} {
		if !t.Run(c.name, func(t *testing.T) { c.check(l, t) }) {
			t.Fatalf("the rest builds on %q", c.name)
		}
	}
}

var fake = regexp.MustCompile(`FAKE-[A-Za-z0-9-]*`)

// noSecrets pulls a server whose connection has keys in its extra and in the query
// of its URL: no object of either repository holds one.
func (l *lab) noSecrets(t *testing.T) {
	r := l.run(0, "pull", "prod")
	if hit := fake.FindString(r.out + r.err); hit != "" {
		t.Errorf("%s was printed", hit)
	}
	l.noFakes(t)
	if db := l.read("dashboards/" + l.inPlace(t, "prod", "databases")[0]); strings.Count(db, "XXXXXXXXXX") < 3 {
		t.Errorf("the masks of password, query and extra are not all there:\n%s", db)
	}
}

func (l *lab) noFakes(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"dashboards", "remote.git"} {
		out := l.git(dir, "cat-file", "--batch", "--batch-all-objects")
		if len(out) < 10_000 {
			t.Fatalf("only %d bytes of objects in %s", len(out), dir)
		}
		if hit := fake.FindString(out); hit != "" {
			t.Errorf("%s is in an object of %s", hit, dir)
		}
	}
}

// noNoise: nothing happened, or somebody saved without an edit, and no byte differs.
func (l *lab) noNoise(t *testing.T) {
	l.unchanged(t, "pull", "prod")
	for kind, name := range map[string]string{supersettest.Dashboard: "dashboard_title", supersettest.Chart: "slice_name"} {
		it := l.a.items(t, kind)[0]
		l.a.put(t, kind, it.ID, map[string]any{name: it.Title})
	}
	l.unchanged(t, "pull", "prod")
	l.unchanged(t, "pull", "prod", "--full")
}

func (l *lab) unchanged(t *testing.T, args ...string) {
	t.Helper()
	head := l.head()
	if r := l.run(0, args...); !strings.Contains(r.out, "nothing changed") || l.head() != head {
		t.Errorf("%v said %q\n%s", args, r.out, l.git("remote.git", "show", "main"))
	}
}

// oneLine: an edited column description moves no row. A real server shows the columns
// of a dataset only when it has the driver of its connection, so there the dataset's
// own description is edited; TestE2E_OneDescriptionIsOneLine edits a column's.
func (l *lab) oneLine(t *testing.T) {
	if l.a.sim == nil {
		l.a.put(t, supersettest.Dataset, l.a.find(t, supersettest.Dataset, "events"), map[string]any{"description": "edited in the server"})
	} else if err := l.a.api.PutColumn(t.Context(), l.a.uid(t, supersettest.Dataset, "events"), l.column(t, "events"), map[string]any{"description": "edited in the server"}); err != nil {
		t.Fatal(err)
	}
	l.run(0, "pull", "prod")
	n := l.git("dashboards", "show", "--format=", "--numstat")
	if m, _ := regexp.MatchString(`^1\t[01]\tprod/datasets/events\.[0-9a-f]{8}\.yaml$`, n); !m {
		t.Errorf("the diff is %q, want one line in one file", n)
	}
}

// collisions: saved queries of one label and connections whose names make one file
// name fall together in Superset's exports (F8); in Git each has a file.
func (l *lab) collisions(t *testing.T) {
	db := l.a.find(t, supersettest.Database, l.a.title(t, supersettest.Database, "Warehouse"))
	l.a.post(t, "saved_query/", map[string]any{"db_id": db, "label": "Same label", "schema": "prod", "sql": "select 'another'", "description": ""})
	for i, name := range []string{"Twin DB", "Twin/DB"} {
		l.a.fill(t, supersettest.Database, twin(t, l.version, name, i))
	}
	l.run(0, "pull", "prod")
	if n := len(l.inPlace(t, "prod", "databases")); n < 3 {
		t.Errorf("%d connections are in Git, want the warehouse and two twins", n)
	}
	same := 0
	for _, f := range l.inPlace(t, "prod", "saved_queries") {
		if strings.Contains(l.read("dashboards/"+f), "title: Same label\n") {
			same++
		}
	}
	if live := l.a.countLabel(t, "Same label"); same != live || live < 3 {
		t.Errorf("%d saved queries of one label are in Git, %d on the server", same, live)
	}
	l.unchanged(t, "pull", "prod", "--full")
}

// fiveEdits: a chart, a dataset, a layout, a theme and a tag, edited in Git.
func (l *lab) fiveEdits(t *testing.T) {
	rich, dataset := l.file(t, "dashboards", richTitle), l.file(t, "datasets", "events")
	edited := []string{l.file(t, "charts", "Revenue total"), dataset, rich}
	l.set(t, edited[0], asset.Str("from Git"), "spec", "description")
	l.set(t, dataset, asset.Str("from Git"), "spec", "description")
	l.set(t, rich, asset.Str(".from-git {}"), "spec", "css")
	l.set(t, rich, asset.Str("from Git"), "spec", "position", l.markdown(t, rich), "meta", "code")
	l.set(t, rich, asset.Seq(asset.Str("finance"), asset.Str("from-git")), "access", "tags")
	if l.version >= "6" {
		edited = append(edited, l.file(t, "themes", ""))
		l.set(t, edited[3], asset.Str("#123456"), "spec", "json_data", "token", "colorPrimary")
	}
	l.git("dashboards", "commit", "-q", "-a", "-m", "five edits")
	before := times(t, l.a)
	r := l.run(0, "apply", "prod", "--yes", "--output", "json")
	var report runReport
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Assets) != len(edited) {
		t.Errorf("%d assets were written, %d were edited", len(report.Assets), len(edited))
	}
	written := map[string]bool{}
	for _, done := range report.Assets {
		written[done.ID] = true
		if done.Verified == nil || !*done.Verified {
			t.Errorf("%s %q is not verified: %s", done.ID, done.Title, done.Error)
		}
	}
	for id, at := range times(t, l.a) {
		if !written[id] && before[id] != at {
			t.Errorf("%s was touched: %s, then %s", id, before[id], at)
		}
	}
	d := get(t, l.a, supersettest.Dashboard, document(t, l.path("dashboards", rich)).UID)
	if text, _ := d["position_json"].(string); d["css"] != ".from-git {}" || !strings.Contains(text, "from Git") {
		t.Errorf("the dashboard is %v", d["css"])
	}
	if r := l.run(0, "plan", "prod", "--detailed-exitcode"); !strings.Contains(r.out, "nothing to do") {
		t.Errorf("the second plan said %q", r.out)
	}
	l.run(0, "pull", "prod") // the new tag is an asset of its own
	l.unchanged(t, "pull", "prod")
}

// killedInside kills an apply when the server has taken the first of its imports:
// the next run on this and on the other instance is right.
func (l *lab) killedInside(t *testing.T) {
	for _, kind := range []string{"datasets", "charts"} {
		for _, f := range l.inPlace(t, "prod", kind)[:2] {
			if strings.Contains(f, "broken") {
				continue
			}
			l.set(t, f, asset.Str("after the kill"), "spec", "description")
		}
	}
	l.git("dashboards", "commit", "-q", "-a", "-m", "two kinds")
	d := l.start("apply", "prod", "--yes")
	l.trap.set(func(r *http.Request) bool {
		return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/import/")
	},
		func() { _ = d.cmd.Process.Kill() })
	_ = d.cmd.Wait()
	if strings.Contains(d.log.String(), "read back and equal") {
		t.Fatalf("it was not killed:\n%s", d.log)
	}
	l.run(0, "apply", "prod", "--yes")
	l.unchanged(t, "pull", "prod")
	for _, kind := range []string{"datasets", "charts"} {
		if kind == "datasets" && l.a.sim == nil {
			continue // not shown without the driver; the pull above has compared them
		}
		f := l.inPlace(t, "prod", kind)[0]
		uid := document(t, l.path("dashboards", f)).UID
		if got := get(t, l.a, strings.TrimSuffix(kind, "s"), uid)["description"]; got != "after the kill" {
			t.Errorf("%s has %v", f, got)
		}
	}
}

// restored puts everything into the empty second server, by the account of a
// service: all but the chart that Superset refuses is there and equal, which is
// named, and fails no run once it is accepted; the account owns nothing.
func (l *lab) restored(t *testing.T) {
	broken := "chart:" + document(t, l.path("dashboards", l.file(t, "charts", brokenChart))).UID
	r := l.run(3, "restore", "prod", "--at", "HEAD", "--to", "standby", "--yes", "--output", "json")
	var report runReport
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatal(err)
	}
	for _, done := range report.Assets {
		if done.Error != "" && done.ID != broken {
			t.Errorf("%s %q: %s", done.ID, done.Title, done.Error)
		}
		if done.ID == broken && !strings.Contains(done.Error, "dataset") {
			t.Errorf("the broken chart: %q", done.Error)
		}
	}
	l.write("dashkeep.yaml", l.read("dashkeep.yaml")+fmt.Sprintf("    accept: [{asset: %q, reason: its dataset was deleted, until: 2999-12-31}]\n", broken))
	l.run(0, "pull", "standby")
	l.sameFiles(t, broken)
	have := l.b.ownersOf(t)
	for id, want := range l.a.ownersOf(t) {
		if got := have[id]; id != broken && !slices.Equal(got, want) {
			t.Errorf("owners of %s: %v, want %v", id, got, want)
		}
	}
	l.noFakes(t)
}

// sameFiles compares the folders of both instances, less a chart and what says that
// it is there.
func (l *lab) sameFiles(t *testing.T, broken string) {
	t.Helper()
	_, uid, _ := strings.Cut(broken, ":")
	prod, standby := l.contents(t, "prod"), l.contents(t, "standby")
	for name, want := range prod {
		switch got, there := standby[name]; {
		case strings.Contains(name, "."+uid[:8]+"."):
			if there {
				t.Errorf("%s is on the second server", name)
			}
		case !there:
			t.Errorf("%s is missing", name)
		case got != want && !strings.Contains(want, uid):
			t.Errorf("%s differs: %s", name, otherLine(want, got))
		}
	}
	for name := range standby {
		if _, there := prod[name]; !there {
			t.Errorf("%s is on the second server only", name)
		}
	}
	t.Logf("%d files compared", len(prod))
}

// references looks through the API at every row id in the settings of the dashboard
// with tabs, filters, cross filters and display controls: on both servers they must
// stand for the same charts, but for the one that could not be restored.
func (l *lab) references(t *testing.T) {
	uid := document(t, l.path("dashboards", l.file(t, "dashboards", richTitle))).UID
	broken := document(t, l.path("dashboards", l.file(t, "charts", brokenChart))).UID
	want, got := settings(t, l.a)[uid], settings(t, l.b)[uid]
	if len(want) < 40 { // it has 9 charts and 6 filters
		t.Errorf("only %d row ids were found", len(want))
	}
	for _, line := range want {
		if !slices.Contains(got, line) && !strings.HasSuffix(line, broken) {
			t.Errorf("%s is not so on the other server", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("%s is so on the other server only", line)
		}
	}
}

// settled: nothing is left to do on either server.
func (l *lab) settled(t *testing.T) {
	l.unchanged(t, "pull", "prod", "--full")
	l.unchanged(t, "pull", "standby", "--full")
	r := l.try("restore", "prod", "--at", "HEAD", "--to", "standby", "--yes", "--output", "json")
	var report runReport
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatal(err)
	}
	broken := document(t, l.path("dashboards", l.file(t, "charts", brokenChart))).UID
	files := l.contents(t, "prod")
	for _, done := range report.Assets { // what names the chart that cannot be restored cannot become equal
		_, uid, _ := strings.Cut(done.ID, ":")
		for name, text := range files {
			if strings.Contains(text, "\nuid: "+uid+"\n") && !strings.Contains(text, broken) {
				t.Errorf("the second restore wrote %s (%s)", done.ID, name)
			}
		}
	}
	l.fsck()
}
