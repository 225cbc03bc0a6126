package sync

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

func (m *machine) undo(id string, o importer.Overwrite) *Run {
	m.l.Helper()
	b, err := m.FindBackup(id, m.Instances)
	if err != nil {
		m.l.Fatal(err)
	}
	p, planned, err := m.PlanUndo(context.Background(), b, o)
	if err != nil {
		m.l.Fatal(err)
	}
	run, err := m.Undo(context.Background(), b, p, nil)
	if err != nil {
		m.l.Fatal(err)
	}
	run.Conflicts = append(run.Conflicts, planned.Conflicts...)
	return run
}

// state is what a server holds, without who edited it when.
func (s *fakeServer) state() string {
	var out []string
	for _, id := range s.ids() {
		o := s.objects[id]
		out = append(out, fmt.Sprint(id, o.title, o.fields, o.charts))
	}
	return strings.Join(out, "\n")
}

// threeWrites is a machine whose plan creates n(9), which the dashboard takes in, and
// changes n(1).
func threeWrites(t *testing.T) (*machine, *fakeServer, asset.ID) {
	t.Helper()
	l := newLab(t)
	s := newFake()
	board := asset.ID{Kind: "dashboard", UID: "board-0001"}
	s.set("Grace", n(1), "a", "old")
	s.edit("Grace", board, func(o *object) { o.fields["a"], o.charts = "old", []string{n(1).UID} })
	m := l.machine("clone", "", s)
	m.Now = l.now
	m.pull()
	f := m.files()[board]
	m.commit(map[string][]byte{
		f.Path:                  canon(t, board, f.Title, "a", "new", "charts", asset.Seq(asset.Str(n(1).UID), asset.Str(n(9).UID))),
		"prod/charts/nine.yaml": canon(t, n(9), "Nine", "a", "created"),
	})
	m.gitSet(n(1), "a", "new")
	return m, s, board
}

// TestUndo_whole: an undo puts the server back to equal, an undo of the undo puts the
// run back, and so on; each is a run with a pre-image.
func TestUndo_whole(t *testing.T) {
	m, s, _ := threeWrites(t)
	before := s.state()
	m.apply(importer.Policy{})
	after := s.state()
	for i, want := range []string{before, after, before, after} {
		run := m.undo("", importer.IfUnchanged)
		if run.Code() != 0 || s.state() != want || run.Undoes == "" || run.Backup == "" {
			t.Fatalf("undo %d: %+v\n%s\nwant\n%s", i+1, run, s.state(), want)
		}
	}
	all, err := m.Backups("prod")
	if err != nil || len(all) != 5 || all[0].Op != "undo" || all[4].Op != "apply" || !all[0].Ended || all[0].Undoes != all[1].Run {
		t.Errorf("%v %+v", err, all)
	}
	// an undo of a run that is undone has nothing to do
	m.undo(all[4].Run, importer.IfUnchanged)
	if s.state() != before {
		t.Fatal(s.state())
	}
	b, _ := m.FindBackup(all[4].Run[:18], m.Instances)
	p, _, err := m.PlanUndo(context.Background(), b, importer.IfUnchanged)
	if err != nil || len(p.Changes) != 0 {
		t.Errorf("%v %+v", err, p.Changes)
	}
}

// The next pull brings to Git what an undo took back, without a conflict, also within
// the revert window.
func TestUndo_thenPull(t *testing.T) {
	m, s, board := threeWrites(t)
	m.Instances[0].RevertWindow = 24 * time.Hour
	m.Instances[0].Brake.ChangedPercent = 100
	m.apply(importer.Policy{})
	m.pull()
	m.undo("", importer.IfUnchanged)
	if run := m.pull(); run.Code() != 0 || m.gitField(board, "a") != "old" || m.gitField(n(1), "a") != "old" || m.gitField(n(9), "a") != "(absent)" {
		t.Errorf("%+v", run)
	}
	if m.apply(importer.Policy{}); s.field(n(1), "a") != "old" {
		t.Error("an apply does the run again")
	}
}

// An apply and its undo within one second: their ids do not say which came first.
func TestUndo_withinASecond(t *testing.T) {
	for range 6 { // ids are random beyond the second
		m, s, board := threeWrites(t)
		m.Instances[0].RevertWindow = 24 * time.Hour
		m.Instances[0].Brake.ChangedPercent = 100
		now := m.Now().Truncate(time.Second)
		m.Now = func() time.Time { now = now.Add(time.Millisecond); return now }
		before := s.state()
		m.apply(importer.Policy{})
		for range 3 { // of the apply, of that, and of that
			m.undo("", importer.IfUnchanged)
		}
		if s.state() != before {
			t.Fatalf("undo took another run than the last one:\n%s\nwant\n%s", s.state(), before)
		}
		if run := m.pull(); run.Code() != 0 || m.gitField(board, "a") != "old" {
			t.Fatalf("what dashkeep put back is taken for a person's stale page: %+v", run.Conflicts)
		}
	}
}

// TestUndo_killed: a run that was killed after each of its writes is taken back; the
// edit in Git waits as before.
func TestUndo_killed(t *testing.T) {
	for kill := range 3 {
		t.Run(fmt.Sprint(kill), func(t *testing.T) {
			m, s, _ := threeWrites(t)
			before := s.state()
			writes := 0
			s.onImport = func(asset.ID) error {
				if writes++; writes > kill {
					panic("killed")
				}
				return nil
			}
			func() {
				defer func() { _ = recover() }()
				m.apply(importer.Policy{})
			}()
			s.onImport = nil
			all, err := m.Backups("prod")
			if err != nil || len(all) != 1 || all[0].Ended {
				t.Fatalf("%v %+v", err, all)
			}
			if kill > 0 && s.state() == before {
				t.Fatal("nothing was written before the kill")
			}
			b := all[0]
			p, _, err := m.PlanUndo(context.Background(), b, importer.IfUnchanged)
			if err != nil || len(p.Levels()) == 0 != (kill == 0) {
				t.Fatalf("%v %+v", err, p)
			}
			if run, err := m.Undo(context.Background(), b, p, nil); err != nil || run.Code() != 0 || s.state() != before {
				t.Fatalf("%v %+v\n%s\nwant\n%s", err, run, s.state(), before)
			}
			if run := m.pull(); run.Code() != 0 || run.Commits > 0 {
				t.Errorf("the next pull: %+v", run)
			}
			if p, _, err := m.Plan(context.Background(), "prod", "", importer.Policy{}); err != nil || len(p.Levels()) == 0 {
				t.Errorf("the edits do not wait any more: %v %+v", err, p.Changes)
			}
		})
	}
}

// A run that failed half way is taken back as far as it got.
func TestUndo_halfFailed(t *testing.T) {
	m, s, _ := threeWrites(t)
	before := s.state()
	s.onImport = func(id asset.ID) error {
		if id == n(1) {
			return errors.New("422")
		}
		return nil
	}
	run := m.apply(importer.Policy{})
	if run.Code() != 3 || s.state() == before {
		t.Fatalf("%+v", run.Outcome)
	}
	s.onImport = nil
	all, _ := m.Backups("prod")
	if !slices.ContainsFunc(all[0].Changes, func(c BackupChange) bool { return c.Error == "422" }) {
		t.Errorf("%+v", all[0].Changes)
	}
	if run := m.undo("", importer.IfUnchanged); run.Code() != 0 || s.state() != before {
		t.Errorf("%+v\n%s", run, s.state())
	}
}

// What people did since stays: merged where it does not collide, a conflict where it
// does, and overwritten only when asked for.
func TestUndo_editedSince(t *testing.T) {
	m, s, board := threeWrites(t)
	before := s.state()
	m.apply(importer.Policy{})
	s.set("Ada", n(1), "b", "since")     // beside what the run wrote
	s.set("Ada", board, "a", "collides") // what it wrote
	s.set("Ada", n(9), "b", "since")     // what it created
	run := m.undo("", importer.IfUnchanged)
	if run.Code() != 13 || len(run.Conflicts) != 1 || run.Conflicts[0].ID != board {
		t.Fatalf("%+v", run)
	}
	if s.field(n(1), "a") != "old" || s.field(n(1), "b") != "since" || s.field(board, "a") != "collides" || s.field(n(9), "a") != "created" {
		t.Errorf("%s", s.state())
	}
	all, _ := m.Backups("prod")
	m.undo(all[1].Run, importer.Always)
	delete(s.objects[n(1)].fields, "b")
	if s.state() != before {
		t.Errorf("%s\nwant\n%s", s.state(), before)
	}
}

// What a run created and somebody uses by now is not deleted, nor what is protected.
func TestUndo_createdAndUsed(t *testing.T) {
	m, s, _ := threeWrites(t)
	m.apply(importer.Policy{})
	s.edit("Ada", asset.ID{Kind: "dashboard", UID: "board-ada"}, func(o *object) { o.charts = []string{n(9).UID} })
	b, _ := m.FindBackup("", m.Instances)
	p, _, err := m.PlanUndo(context.Background(), b, importer.Always)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(p.Changes, func(c importer.Change) bool { return c.ID == n(9) })
	if i < 0 || !strings.Contains(p.Changes[i].Skip, "uses it by now") {
		t.Errorf("%+v", p.Changes)
	}
	m.Instances[0].Rule = func(i asset.Info) importer.Rule { return importer.Rule{Protect: true} }
	if p, _, err = m.PlanUndo(context.Background(), b, importer.Always); err != nil || len(p.Levels()) > 0 {
		t.Errorf("%v %+v", err, p.Changes)
	}
}

// What a run deleted is created again. Restores can be undone like applies.
func TestUndo_ofRestoreElsewhere(t *testing.T) {
	m, s := bench(t)
	other := m.Instances[1].Source.(*fakeServer)
	other.set("Ada", n(1), "a", "theirs")
	before, first := other.state(), s.state()
	p, _, err := m.PlanRestore(context.Background(), "prod", RestoreOptions{To: m.Instances[1].Name})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Restore(context.Background(), p, nil); err != nil {
		t.Fatal(err)
	}
	if run := m.undo("", importer.IfUnchanged); run.Code() != 0 || other.state() != before || s.state() != first || run.Instance != m.Instances[1].Name {
		t.Errorf("%+v\n%s\nwant\n%s", run, other.state(), before)
	}
}

// Values that the server does not show are as the run left them.
func TestUndo_unread(t *testing.T) {
	m, s := ruled(t, importer.Rule{}, false)
	s.set("Grace", n(1), "hidden", "secretly")
	m.pull()
	s.shy = true
	m.gitSet(n(1), "a", "G", "b", "0", "hidden", "secretly")
	m.apply(importer.Policy{})
	run := m.undo("", importer.IfUnchanged)
	if run.Code() != 0 || s.field(n(1), "a") != "0" || s.field(n(1), "hidden") != "secretly" {
		t.Errorf("%+v %+v", run, s.objects[n(1)].fields)
	}
}

func TestFindBackup(t *testing.T) {
	m, _, _ := threeWrites(t)
	var unknown *UnknownRunError
	if _, err := m.FindBackup("", m.Instances); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "nothing to undo") {
		t.Error(err)
	}
	m.apply(importer.Policy{})
	m.undo("", importer.IfUnchanged)
	if _, err := m.FindBackup("2026", m.Instances); !errors.As(err, &unknown) || len(unknown.Found) != 2 {
		t.Error(err)
	}
	if _, err := m.FindBackup("1999", m.Instances); !errors.As(err, &unknown) || len(unknown.Found) != 0 || !strings.Contains(err.Error(), "dashkeep runs") {
		t.Error(err)
	}
}

// TestBackups_keptByAgeAndCount: a pre-image goes when it is old and many newer ones
// are there, at the remote too; another machine forgets it with the next fetch.
func TestBackups_keptByAgeAndCount(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.set("Grace", n(1), "a", "0")
	m := l.machine("clone", l.remote(), s)
	now := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	m.Now = func() time.Time { return now }
	m.Instances[0].Keep = Keep{Age: 30 * 24 * time.Hour, Last: 2}
	m.pull()
	other := l.machine("other", l.path("remote.git"), s)
	apply := func(v string) {
		m.gitSet(n(1), "a", v)
		if run := m.apply(importer.Policy{}); len(run.Warnings) > 0 {
			t.Fatal(run.Warnings)
		}
		if _, err := other.Repo.Fetch(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	count := func(want ...int) {
		t.Helper()
		for i, dir := range []string{"clone", "remote.git", "other"} {
			if refs := strings.Fields(l.git(dir, "for-each-ref", "--format=%(refname)", "refs/dashkeep/backup/prod/")); len(refs) != want[i] {
				t.Errorf("%s has %v, want %d", dir, refs, want[i])
			}
		}
	}
	for i := range 4 {
		apply(fmt.Sprint("v", i))
		now = now.Add(time.Hour)
	}
	count(4, 4, 4) // many, but young
	now = now.Add(40 * 24 * time.Hour)
	apply("later")
	count(2, 2, 2)
	all, err := m.Backups("prod")
	if err != nil || len(all) != 2 || path.Base(all[0].Ref()) != all[0].Run {
		t.Errorf("%v %+v", err, all)
	}
	theirs, err := other.Backups("prod")
	if err != nil || !slices.EqualFunc(all, theirs, func(a, b *Backup) bool { return a.Run == b.Run && a.Ended == b.Ended }) {
		t.Errorf("another machine sees %v %+v", err, theirs)
	}
	l.fsck("clone")
}
