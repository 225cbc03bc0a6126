package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestLoop_PruneOnlyWhatIsOurs(t *testing.T) { pruneOnlyWhatIsOurs(t, simulators) }
func TestE2E_PruneOnlyWhatIsOurs(t *testing.T)  { pruneOnlyWhatIsOurs(t, realServers) }

// A dashboard with its charts is deleted in Git. With --prune the server loses
// exactly that, charts after the dashboard, and only once it was managed; what is
// then restored is the same as before.
func pruneOnlyWhatIsOurs(t *testing.T, start starter) {
	a, _ := start(t)
	w := newWorld(t, a, nil)
	w.run(0, "pull")
	before := times(t, a)
	w.git("dashboards", "rm", "-q", "prod/dashboards/deck-gl-demo.aec4bc9e.yaml")
	w.git("dashboards", "rm", "-q", "-r", "--ignore-unmatch", "--", "prod/charts/deck-gl-*")
	w.git("dashboards", "commit", "-q", "-m", "no deck.gl any more")
	if r := w.run(0, "apply", "prod", "--prune", "--yes"); !strings.Contains(r.out, "dashkeep did not create it") || len(times(t, a)) != len(before) {
		t.Fatalf("deleted without being ours: %s", r.out)
	}
	w.run(0, "manage", "prod", "--select", "title:?eck.gl*")
	w.run(0, "manage", "prod", "--select", "kind:dataset") // still in Git, so still kept
	if r := w.run(0, "apply", "prod", "--prune", "--yes"); !strings.Contains(r.out, "8 of 8 assets deleted and gone") {
		t.Errorf("said %q", r.out)
	}
	after := times(t, a)
	for id, at := range before {
		now, there := after[id]
		switch {
		case !there && !strings.HasPrefix(id, "chart:") && !strings.HasPrefix(id, "dashboard:aec4bc9e"):
			t.Errorf("%s is gone", id)
		case there && now != at:
			t.Errorf("%s was touched: %s, then %s", id, at, now)
		}
	}
	if len(before)-len(after) != 8 {
		t.Errorf("%d assets before, %d after", len(before), len(after))
	}
	if r := w.run(0, "pull"); !strings.Contains(r.out, "nothing changed") {
		t.Errorf("the pull after it said %q", r.out)
	}
	if r := w.run(0, "restore", "prod", "--at", "HEAD~1", "--yes"); !strings.Contains(r.out, "8 of 8 assets written, read back and equal") {
		t.Errorf("the restore said %q", r.out)
	}
	w.run(0, "pull")
	if d := w.git("dashboards", "diff", "--stat", "HEAD~2", "HEAD", "--", "prod"); d != "" {
		t.Errorf("deleted and restored is not as before:\n%s", d)
	}
	w.fsck()
}

// Shells complete the names of instances; what else goes wrong is not their
// business.
func TestCompletion_namesOfInstances(t *testing.T) {
	w := newWorld(t, &server{url: "http://127.0.0.1:1"}, &server{url: "http://127.0.0.1:1"})
	for line, want := range map[string]string{
		"manage ": "prod standby", "release ": "prod standby", "plan ": "prod standby", "pull prod ": "prod standby", "plan prod ": "",
	} {
		args := append([]string{"__complete"}, strings.Split(line, " ")...)
		r := w.run(0, args...)
		names, _, _ := strings.Cut(r.out, ":")
		if got := strings.Join(strings.Fields(names), " "); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	w.write("dashkeep.yaml", "version: 1\n")
	if r := w.run(0, "__complete", "manage", ""); strings.Contains(r.out, "prod") {
		t.Errorf("%+v", r)
	}
}

// Which instance is meant must be clear; what manage says is JSON on request.
func TestManage_oneInstanceAtATime(t *testing.T) {
	a, b := simulators(t)
	w := newWorld(t, a, b)
	w.run(0, "pull", "prod")
	if r := w.run(64, "manage"); !strings.Contains(r.err, "say which instance: prod, standby") {
		t.Errorf("%+v", r)
	}
	var run runReport
	if err := json.Unmarshal([]byte(w.run(0, "manage", "prod", "--select", "kind:dashboard", "--output", "json").out), &run); err != nil {
		t.Fatal(err)
	}
	if run.Op != "manage" || len(run.Assets) != 9 || *run.Managed != 9 || run.Assets[0].Action != "manage" || !run.Pushed {
		t.Errorf("%+v", run)
	}
	if r := w.run(0, "release", "prod"); !strings.Contains(r.out, "took 9 assets out of the inventory of prod; it has 0 assets now") {
		t.Errorf("%+v", r)
	}
	w.fsck()
}
