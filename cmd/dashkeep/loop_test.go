package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// The scenarios of the main loop. Each runs against simulated servers in every
// test run and against two real Superset 6.1.0 in make e2e.

func TestLoop_PullTwiceAndRestoreElsewhere(t *testing.T) { pullTwiceAndRestoreElsewhere(t, simulators) }
func TestE2E_PullTwiceAndRestoreElsewhere(t *testing.T)  { pullTwiceAndRestoreElsewhere(t, realServers) }

func TestLoop_ThreeEditsInGit(t *testing.T) { threeEditsInGit(t, simulators) }
func TestE2E_ThreeEditsInGit(t *testing.T)  { threeEditsInGit(t, realServers) }

func TestLoop_OneDescriptionIsOneLine(t *testing.T) { oneDescriptionIsOneLine(t, simulators) }
func TestE2E_OneDescriptionIsOneLine(t *testing.T)  { oneDescriptionIsOneLine(t, realServers) }

func TestLoop_WipedServer(t *testing.T) { wipedServer(t, simulators) }
func TestE2E_WipedServer(t *testing.T)  { wipedServer(t, realServers) }

type starter func(*testing.T) (a, b *server)

// A second pull changes nothing; a restore into an empty server with other row
// ids gives the same bytes when it is pulled from there.
func pullTwiceAndRestoreElsewhere(t *testing.T, start starter) {
	a, b := start(t)
	w := newWorld(t, a, b)
	w.run(0, "pull", "prod")
	for kind, want := range map[string]int{"dashboards": 9, "charts": 102, "datasets": 20, "databases": 1} {
		files, _ := filepath.Glob(w.path("dashboards", "prod", kind, "*.yaml"))
		if len(files) != want {
			t.Errorf("%d files in %s, want %d", len(files), kind, want)
		}
	}
	head := w.head()
	if r := w.run(0, "pull", "prod"); !strings.Contains(r.out, "nothing changed") {
		t.Errorf("the second pull said %q", r.out)
	}
	if w.head() != head {
		t.Error("the second pull made a commit")
	}
	w.fsck()

	r := w.run(0, "restore", "prod", "--at", "HEAD", "--to", "standby", "--yes")
	if !strings.Contains(r.out, "132 of 132 assets written, read back and equal") {
		t.Errorf("the restore said %q", r.out)
	}
	w.run(0, "pull", "standby")
	if d := w.git("dashboards", "diff", "--no-index", "--stat", "prod", "standby"); d != "" {
		t.Errorf("the two instance folders differ:\n%s", d)
	}
	w.fsck()
}

// times are the change times of everything on a server, by kind and uuid.
func times(t *testing.T, s *server) map[string]string {
	t.Helper()
	out := map[string]string{}
	for kind, column := range map[string]string{supersettest.Database: "changed_on", supersettest.Dataset: "changed_on_utc",
		supersettest.Chart: "changed_on_utc", supersettest.Dashboard: "changed_on_utc"} {
		for page := 0; ; page++ {
			path := fmt.Sprintf("/api/v1/%s/?q=(page:%d,page_size:100,columns:!(uuid,%s))", kind, page, column)
			status, body, err := s.api.Do(t.Context(), http.MethodGet, path, nil)
			var answer struct{ Result []map[string]string }
			if err == nil {
				err = json.Unmarshal(body, &answer)
			}
			if err != nil || status != http.StatusOK {
				t.Fatalf("%s: %d %v", path, status, err)
			}
			for _, row := range answer.Result {
				out[kind+":"+row["uuid"]] = row[column]
			}
			if len(answer.Result) < 100 {
				break
			}
		}
	}
	return out
}

// Three edits in Git become exactly three changes on the server, checked through
// its API; nothing else is touched and a second plan is empty.
func threeEditsInGit(t *testing.T, start starter) {
	a, _ := start(t)
	w := newWorld(t, a, nil)
	w.run(0, "pull")
	w.git(".", "clone", "-q", "remote.git", "ada")
	chart := w.one("ada", "prod", "charts", "quarterly-sales.*.yaml")
	dataset := w.one("ada", "prod", "datasets", "cleaned-sales-data.*.yaml")
	dashboard := w.one("ada", "prod", "dashboards", "sales-dashboard.*.yaml")
	w.edit(chart, "\nspec:\n", "\nspec:\n  description: from Git\n")
	w.edit(dataset, "- column_name: city\n", "- column_name: city\n      description: where the customer is\n")
	w.edit(dashboard, "title: Sales Dashboard\n", "title: Sales, from Git\n")
	w.git("ada", "commit", "-q", "-a", "-m", "three edits")
	w.git("ada", "push", "-q", "origin", "main")
	before := times(t, a)

	var plan planReport
	if err := json.Unmarshal([]byte(w.run(2, "plan", "prod", "--output", "json", "--detailed-exitcode").out), &plan); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range plan.Changes {
		if !c.Applies || c.Action != "update" || len(c.Changes) != 1 {
			t.Errorf("change %+v", c)
			continue
		}
		got[c.Title] = c.Changes[0].Path + "=" + c.Changes[0].New
	}
	want := map[string]string{"Quarterly Sales": "description=from Git", "cleaned_sales_data": "columns[city].description=where the customer is", "Sales, from Git": "title=Sales, from Git"}
	for title, change := range want {
		if got[title] != change {
			t.Errorf("plan for %s: %q, want %q", title, got[title], change)
		}
	}
	if len(plan.Changes) != 3 {
		t.Errorf("the plan lists %d assets, want 3: %v", len(plan.Changes), got)
	}

	w.run(0, "apply", "prod", "--yes")
	c := get(t, a, supersettest.Chart, "692aca26-a526-85db-c94c-411c91cc1077")
	d := get(t, a, supersettest.Dashboard, "04f79081-fb49-7bac-7f14-cc76cd2ad93b")
	ds := get(t, a, supersettest.Dataset, "e8623bb9-5e00-f531-506a-19607f5f8005")
	if c["description"] != "from Git" || d["dashboard_title"] != "Sales, from Git" || columnDescription(ds, "city") != "where the customer is" {
		t.Errorf("live: chart %v, dashboard %v, column %v", c["description"], d["dashboard_title"], columnDescription(ds, "city"))
	}
	edited := map[string]bool{"chart:692aca26-a526-85db-c94c-411c91cc1077": true,
		"dashboard:04f79081-fb49-7bac-7f14-cc76cd2ad93b": true, "dataset:e8623bb9-5e00-f531-506a-19607f5f8005": true}
	after := times(t, a)
	for id, at := range before {
		if !edited[id] && after[id] != at {
			t.Errorf("%s was touched: %s, then %s", id, at, after[id])
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d assets before, %d after", len(before), len(after))
	}
	if r := w.run(0, "plan", "prod", "--detailed-exitcode"); !strings.Contains(r.out, "nothing to do") {
		t.Errorf("the second plan said %q", r.out)
	}
	w.run(0, "pull")
	if s := w.git("remote.git", "log", "-1", "--format=%s", "main"); s != "three edits" {
		t.Errorf("the pull after the apply made a commit: %q", s)
	}
	w.fsck()
}

func get(t *testing.T, s *server, kind, uid string) map[string]any {
	t.Helper()
	m, err := s.api.Get(t.Context(), kind, uid)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func columnDescription(dataset map[string]any, name string) any {
	columns, _ := dataset["columns"].([]any)
	for _, c := range columns {
		if m, _ := c.(map[string]any); m["column_name"] == name {
			return m["description"]
		}
	}
	return nil
}

// An edited description is one line of diff, by the person who made it.
func oneDescriptionIsOneLine(t *testing.T, start starter) {
	a, _ := start(t)
	w := newWorld(t, a, nil)
	w.run(0, "pull")
	if err := a.api.PutColumn(t.Context(), "e8623bb9-5e00-f531-506a-19607f5f8005", "city", map[string]any{"description": "edited in the server"}); err != nil {
		t.Fatal(err)
	}
	w.run(0, "pull")
	if n := w.git("dashboards", "show", "--format=", "--numstat"); !strings.HasPrefix(n, "1\t0\tprod/datasets/cleaned-sales-data.") || strings.Contains(n, "\n") {
		t.Errorf("the diff is %q, want one added line in one file", n)
	}
	if by := w.git("dashboards", "log", "-1", "--format=%an <%ae> %cn"); by != "Lab Admin <admin@example.com> dashkeep" {
		t.Errorf("committed by %q", by)
	}
	w.fsck()
}

// A wiped server empties nothing: the pull holds, says what to do, and does it
// only when told to.
func wipedServer(t *testing.T, start starter) {
	a, _ := start(t)
	w := newWorld(t, a, nil)
	w.run(0, "pull")
	head := w.head()
	if err := a.api.DeleteAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := w.run(3, "pull")
	for _, want := range []string{"the pull brake holds", "dashkeep restore prod --at HEAD", "dashkeep pull prod --accept"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("the message lacks %q: %s", want, r.out)
		}
	}
	if w.head() != head {
		t.Error("the held pull made a commit")
	}
	if _, err := os.Stat(w.one("dashboards", "prod", "dashboards", "sales-dashboard.*.yaml")); err != nil {
		t.Error(err)
	}
	w.run(0, "pull", "--accept")
	if files := w.git("remote.git", "ls-tree", "-r", "--name-only", "main"); files != "" {
		t.Errorf("after --accept Git still has\n%s", files)
	}
	w.fsck()
}

// A pull leaves few packs behind, however many there were.
func TestPullJoinsPacks(t *testing.T) {
	a, _ := simulators(t)
	w := newWorld(t, a, nil)
	w.run(0, "pull")
	for i := range 45 {
		tree := w.git("dashboards", "rev-parse", "HEAD^{tree}")
		rev := w.git("dashboards", "commit-tree", "-m", fmt.Sprint(i), "-p", "HEAD", tree)
		pack := exec.Command("git", "pack-objects", "-q", ".git/objects/pack/pack")
		pack.Dir, pack.Env, pack.Stdin = w.path("dashboards"), w.env, strings.NewReader(rev+"\n")
		if out, err := pack.CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		w.git("dashboards", "update-ref", "refs/heads/main", rev)
	}
	w.run(0, "pull")
	if packs, _ := filepath.Glob(w.path("dashboards", ".git", "objects", "pack", "*.pack")); len(packs) > 10 {
		t.Errorf("%d packs are left", len(packs))
	}
	w.fsck()
}
