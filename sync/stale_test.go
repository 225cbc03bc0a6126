package sync

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// savedPlan is a plan that went through a file: Git is ahead in the dashboard, which
// holds n(1); n(2) stands apart.
func savedPlan(t *testing.T) (*machine, *fakeServer, asset.ID, func() (*importer.Plan, error)) {
	t.Helper()
	l := newLab(t)
	s := newFake()
	board := asset.ID{Kind: "dashboard", UID: "board-0001"}
	s.set("Grace", n(1), "a", "old")
	s.set("Grace", n(2), "a", "old")
	s.edit("Grace", board, func(o *object) { o.fields["a"], o.charts = "old", []string{n(1).UID} })
	m := l.machine("clone", "", s)
	m.pull()
	f := m.files()[board]
	m.commit(map[string][]byte{f.Path: canon(t, board, f.Title, "a", "new", "charts", asset.Seq(asset.Str(n(1).UID)))})
	plan, _, err := m.Plan(context.Background(), "prod", "", importer.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := importer.EncodePlan(plan, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return m, s, board, func() (*importer.Plan, error) { return importer.DecodePlan(data) }
}

// TestSavedPlan: a plan from a file is refused when what it writes or refers to has
// moved, on either side, and not when something else has.
func TestSavedPlan(t *testing.T) {
	tests := []struct {
		name string
		move func(*machine, *fakeServer, asset.ID)
		want string // of the error; "" for none
	}{
		{"nothing moved", func(*machine, *fakeServer, asset.ID) {}, ""},
		{"another asset moved on the server", func(_ *machine, s *fakeServer, _ asset.ID) { s.set("Ada", n(2), "a", "x") }, ""},
		{"a new asset on the server", func(_ *machine, s *fakeServer, _ asset.ID) { s.set("Ada", n(9), "a", "x") }, ""},
		{"another asset moved in Git", func(m *machine, _ *fakeServer, _ asset.ID) { m.gitSet(n(2), "a", "x") }, ""},
		{"pulled meanwhile", func(m *machine, s *fakeServer, _ asset.ID) { s.set("Ada", n(2), "a", "x"); m.pull() }, ""},
		{"the asset moved on the server", func(_ *machine, s *fakeServer, b asset.ID) { s.set("Ada", b, "b", "x") }, "dashboard:board-0001 changed on the server"},
		{"what it refers to moved on the server", func(_ *machine, s *fakeServer, _ asset.ID) { s.set("Ada", n(1), "a", "x") }, "chart:00000001-uid which it refers to, changed on the server"},
		{"what it refers to is gone", func(_ *machine, s *fakeServer, _ asset.ID) { s.drop(n(1)) }, "chart:00000001-uid which it refers to"},
		{"the asset moved in Git", func(m *machine, _ *fakeServer, b asset.ID) {
			m.gitSet(b, "a", "newer", "charts", asset.Seq(asset.Str(n(1).UID)))
		}, "dashboard:board-0001 changed in Git"},
		{"what it refers to moved in Git", func(m *machine, _ *fakeServer, _ asset.ID) { m.gitSet(n(1), "a", "x") }, "chart:00000001-uid changed in Git"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, s, board, load := savedPlan(t)
			tt.move(m, s, board)
			p, err := load()
			if err != nil {
				t.Fatal(err)
			}
			_, err = m.Apply(context.Background(), p, nil)
			var stale *importer.StaleError
			if tt.want == "" {
				if err != nil || s.field(board, "a") != "new" {
					t.Fatalf("%v, the server has %q", err, s.field(board, "a"))
				}
				return
			}
			if !errors.As(err, &stale) || !strings.Contains(err.Error(), tt.want) || len(s.writes) > 0 || len(m.backups()) > 0 {
				t.Errorf("%v, writes %v", err, s.writes)
			}
		})
	}
}

// A plan file says all that the plan says, and none that somebody changed is taken.
func TestSavedPlan_file(t *testing.T) {
	m, s, _, load := savedPlan(t)
	s.set("Ada", n(2), "a", "L")
	m.gitSet(n(2), "a", "G")
	m.Instances[0].Rule = func(asset.Info) importer.Rule { return importer.Rule{OnConflict: importer.Git} }
	plan, _, err := m.Plan(context.Background(), "prod", "", importer.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := importer.EncodePlan(plan, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	back, err := importer.DecodePlan(data)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := importer.EncodePlan(back, time.Time{}); err != nil || len(back.Changes) != 2 || len(back.Refers) != 1 || back.Head == "" ||
		!slices.ContainsFunc(back.Changes, func(c importer.Change) bool { return len(c.Decided) == 1 }) {
		t.Errorf("%v %s", err, again)
	}
	for _, edit := range [][2]string{
		{`"action": "update"`, `"action": "create"`},
		{"a: new", "a: other"},
		{`"schema_version": 1,`, `"schema_version": 1, "note": "harmless",`},
		{`"refers": {`, `"refers": {"chart:x": "",`},
		{`"head": "`, `"head": "0`},
	} {
		if !strings.Contains(string(data), edit[0]) {
			t.Fatalf("no %s in\n%s", edit[0], data)
		}
		if _, err := importer.DecodePlan([]byte(strings.Replace(string(data), edit[0], edit[1], 1))); err == nil || !strings.Contains(err.Error(), "changed after it was written") {
			t.Errorf("%s: %v", edit[1], err)
		}
	}
	if _, err := load(); err != nil {
		t.Error(err)
	}
}
