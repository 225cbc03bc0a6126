package sync

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/importer"
)

// ranch is a machine with 12 charts that went from "old" to "new" one pull later.
func ranch(t testing.TB) (*machine, *fakeServer) {
	t.Helper()
	l := newLab(t)
	s := newFake()
	for i := range 12 {
		s.set("Grace", n(i+1), "a", "old")
	}
	m := l.machine("clone", "", s)
	m.Instances[0].Brake.ChangedPercent = 100
	m.pull()
	for i := range 12 {
		s.set("Grace", n(i+1), "a", "new")
	}
	if run := m.pull(); run.Held != nil || len(run.Pulled) != 12 {
		t.Fatalf("%+v", run)
	}
	return m, s
}

func (m *machine) held() *Hold {
	m.l.Helper()
	h, err := m.Hold("prod")
	if err != nil {
		m.l.Fatal(err)
	}
	return h
}

// Many assets at once with the content that Git had before: a backup of the
// server was put back, even when its change times do not say so.
func TestPull_brakeOnReturnToOlderContent(t *testing.T) {
	tests := []struct {
		name string
		then func(*machine, *fakeServer)
		held bool
	}{
		{"all return", func(_ *machine, s *fakeServer) { setAll(s, 12, "old") }, true},
		{"as many as count", func(_ *machine, s *fakeServer) { setAll(s, 10, "old") }, true},
		{"too few", func(_ *machine, s *fakeServer) { setAll(s, 9, "old") }, false},
		{"all to something new", func(_ *machine, s *fakeServer) { setAll(s, 12, "newer") }, false},
		{"under another title, so in another file then", func(m *machine, s *fakeServer) {
			for i := range 12 {
				s.edit("Grace", n(i+1), func(o *object) { o.title = "Renamed" })
			}
			m.pull()
			for i := range 12 {
				s.edit("Grace", n(i+1), func(o *object) { o.title, o.fields["a"] = "Title "+n(i+1).UID, "old" })
			}
		}, true},
		{"to what Git had after base: somebody applied it by other means", func(m *machine, s *fakeServer) {
			for _, v := range []string{"next", "last"} {
				changes := map[string][]byte{}
				for id, a := range m.files() {
					changes[a.Path] = canon(m.l, id, a.Title, "a", v)
				}
				m.commit(changes)
			}
			setAll(s, 12, "next")
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, s := ranch(t)
			tt.then(m, s)
			run := m.pull()
			if (run.Held != nil) != tt.held || tt.held && !strings.Contains(run.Held.Error(), "went back to what Git held before, such as chart:0000000") {
				t.Fatalf("held: %v", run.Held)
			}
			if !tt.held {
				return
			}
			if run := m.pull(true); run.Held != nil || run.Commits == 0 || m.held() != nil {
				t.Errorf("--accept: %+v", run)
			}
		})
	}
}

func setAll(s *fakeServer, count int, value string) {
	for i := range count {
		s.set("Grace", n(i+1), "a", value)
	}
}

// Whoever edits a rolled-back server piece by piece does not bring it into Git
// piece by piece.
func TestPull_brakeStaysOnUntilAllIsBack(t *testing.T) {
	m, s := ranch(t)
	for _, o := range s.objects { // last week's backup
		o.fields["a"], o.at = "old", o.at.Add(-24*time.Hour)
	}
	first := m.pull()
	if first.Held == nil {
		t.Fatal("change times went back, and nothing holds")
	}
	hold := m.held()
	if hold == nil || hold.Run != first.ID || len(hold.Assets) != 12 {
		t.Fatalf("%+v", hold)
	}
	setAll(s, 12, "new") // nearly everybody notices
	s.set("Grace", n(12), "a", "edited on the old state")
	s.set("Grace", n(11), "a", "and this")
	head := m.head()
	run := m.pull()
	if run.Held == nil || m.head() != head || !strings.Contains(run.Held.Error(), "2 of the 12 assets that were gone or other than before then still are, such as chart:00000011-uid") || run.Code() != 3 {
		t.Fatalf("held: %v", run.Held)
	}
	if h := m.held(); h.Run != first.ID || !h.Since.Equal(hold.Since) {
		t.Errorf("%+v", h)
	}
	if _, plan := m.skips(importer.Policy{}); len(plan.Warnings) != 1 || !strings.Contains(plan.Warnings[0], "the pull brake holds since") {
		t.Errorf("plan: %v", plan.Warnings)
	}
	setAll(s, 12, "new")
	if run := m.pull(); run.Held != nil || run.Commits != 0 || m.held() != nil {
		t.Errorf("all is back, and: %+v", run)
	}
}

// What a restore wrote and read back is back, also when somebody edits it before
// the next pull.
func TestPull_brakeLetsGoOfWhatWasRestored(t *testing.T) {
	m, s := ranch(t)
	s.wipe()
	if run := m.pull(); run.Held == nil {
		t.Fatal("nothing holds")
	}
	p, _, err := m.PlanRestore(context.Background(), "prod", RestoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if run, err := m.Restore(context.Background(), p, nil); err != nil || run.Code() != 0 {
		t.Fatal(err, run)
	}
	s.set("Grace", n(1), "a", "at work again")
	if run := m.pull(); run.Held != nil || run.Commits != 1 || m.held() != nil {
		t.Errorf("%+v", run)
	}
}

// A dry run holds and remembers nothing.
func TestPull_brakeInADryRun(t *testing.T) {
	m, s := ranch(t)
	s.wipe()
	run, err := m.Pull(context.Background(), "prod", PullOptions{DryRun: true})
	if err != nil || run.Held == nil || m.held() != nil {
		t.Errorf("%v %+v", err, run)
	}
}

// While the brake holds, nothing is pruned, and Serve applies nothing.
func TestServe_appliesNothingWhileTheBrakeHolds(t *testing.T) {
	m, s := orchard(t, "")
	in := m.Instances[0]
	in.AutoApply, in.Prune.Enabled = true, true
	m.pull()
	s.drop(n(1), n(2))
	in.Brake.Removed = 1
	m.commit(map[string][]byte{"prod/charts/three.yaml": nil, "prod/charts/four.yaml": canon(t, n(4), "Four", "a", "2")})
	var said []string
	report := func(run *Run, err error) {
		if err != nil {
			t.Error(err)
			return
		}
		word := run.Op
		if run.Held != nil {
			word += " held"
		}
		said = append(said, word)
	}
	tick := func() { m.tick(context.Background(), context.Background(), in, PullOptions{}, report) }
	tick()
	s.set("Grace", n(2), "a", "1") // half of it is back, and no brake of today would hold
	tick()
	if got := strings.Join(said, ", "); got != "pull held, pull held" || s.field(n(4), "a") != "1" || s.objects[n(3)] == nil {
		t.Fatalf("%s; n(4) is %q", got, s.field(n(4), "a"))
	}
	if skips, _ := m.skips(prune()); !strings.Contains(skips[n(3)], "nothing is deleted now: the pull brake holds since") {
		t.Errorf("%v", skips)
	}
	s.set("Grace", n(1), "a", "1")
	tick()
	if got := strings.Join(said[2:], ", "); got != "pull, apply" || s.field(n(4), "a") != "2" || s.objects[n(3)] != nil {
		t.Fatalf("%s; n(4) is %q", got, s.field(n(4), "a"))
	}
	tick()
	if len(said) != 5 {
		t.Errorf("with nothing to do: %v", said)
	}
}

// Deletions above the cap are told of at each run and done at none.
func TestServe_pruneAboveTheCap(t *testing.T) {
	m, s := orchard(t, "")
	in := m.Instances[0]
	in.AutoApply, in.Prune.Enabled, in.Prune.Max = true, true, 1
	m.commit(map[string][]byte{"prod/charts/three.yaml": nil, "prod/charts/four.yaml": nil, "prod/dashboards/board.yaml": nil})
	var runs []*Run
	for range 2 {
		m.tick(context.Background(), context.Background(), in, PullOptions{}, func(run *Run, err error) {
			if err != nil {
				t.Error(err)
			}
			runs = append(runs, run)
		})
	}
	if len(runs) != 4 || runs[1].Op != "apply" || runs[1].Held == nil || runs[1].Code() != 3 || runs[3].Held == nil || len(s.objects) != 5 {
		t.Errorf("%d runs, server %v", len(runs), s.ids())
	}
}
