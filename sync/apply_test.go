package sync

import (
	"context"
	"errors"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// bench is a machine without a remote whose Git is ahead of the server in n(1)
// and n(2); n(3) is as it is.
func bench(t *testing.T) (*machine, *fakeServer) {
	t.Helper()
	l := newLab(t)
	s := newFake()
	for i := range 3 {
		s.set("Grace", n(i+1), "a", "old")
	}
	m := l.machine("clone", "", s, newFake())
	m.pull()
	files := m.files()
	m.commit(map[string][]byte{
		files[n(1)].Path: canon(t, n(1), files[n(1)].Title, "a", "new"), files[n(2)].Path: canon(t, n(2), files[n(2)].Title, "a", "new")})
	return m, s
}

func (m *machine) backups() map[string]map[string][]byte {
	m.l.Helper()
	refs, err := m.Repo.ListRefs(refName("backup", "prod"))
	if err != nil {
		m.l.Fatal(err)
	}
	out := map[string]map[string][]byte{}
	for ref, rev := range refs {
		if out[ref], err = m.Repo.Files(rev, ""); err != nil {
			m.l.Fatal(err)
		}
	}
	return out
}

// TestApply_preimageBeforeTheFirstWrite: when the first write arrives at the
// server, a ref holds exactly what was live there, and no more than is touched.
func TestApply_preimageBeforeTheFirstWrite(t *testing.T) {
	m, s := bench(t)
	seen := false
	s.onImport = func(asset.ID) error {
		if seen {
			return nil
		}
		seen = true
		kept := m.backups()
		if len(kept) != 1 {
			t.Errorf("%d pre-images at the first write", len(kept))
		}
		for _, files := range kept {
			for _, id := range []asset.ID{n(1), n(2)} {
				if want := canon(t, id, "Title "+id.UID, "a", "old"); string(files[basePath(id)]) != string(want) {
					t.Errorf("pre-image of %s is\n%s", id, files[basePath(id)])
				}
			}
			for _, id := range []asset.ID{n(1), n(2)} {
				if want := canon(t, id, "Title "+id.UID, "a", "new"); string(files["after/"+basePath(id)]) != string(want) {
					t.Errorf("%s is to become\n%s", id, files["after/"+basePath(id)])
				}
			}
			if record := string(files[backupFile]); len(files) != 5 || strings.Count(record, `"action": "update"`) != 2 || !strings.Contains(record, `"ended": false`) {
				t.Errorf("the pre-image holds %d files, %s", len(files), record)
			}
		}
		return nil
	}
	run := m.apply(importer.Policy{})
	if !seen || run.Code() != 0 || m.backups()[run.Backup] == nil {
		t.Errorf("%+v", run)
	}
	if record := string(m.backups()[run.Backup][backupFile]); !strings.Contains(record, `"ended": true`) {
		t.Errorf("its outcome is not noted: %s", record)
	}
	if m.apply(importer.Policy{}); len(m.backups()) != 1 {
		t.Error("an apply without changes keeps a pre-image")
	}
}

// Without a pre-image nothing is written.
func TestApply_noPreimageNoWrite(t *testing.T) {
	m, s := bench(t)
	dir := m.l.path("clone", ".git", "refs", "dashkeep")
	if err := os.WriteFile(path.Join(dir, "backup"), nil, 0o444); err != nil { // no folder can be made here
		t.Fatal(err)
	}
	plan, _, err := m.Plan(context.Background(), "prod", "", importer.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Apply(context.Background(), plan, nil); err == nil || len(s.writes) > 0 {
		t.Errorf("err %v, writes %v", err, s.writes)
	}
}

// What failed stays waiting; what went through is base.
func TestApply_partialFailure(t *testing.T) {
	m, s := bench(t)
	s.onImport = func(id asset.ID) error {
		if id == n(1) {
			return errors.New("422")
		}
		return nil
	}
	if run := m.apply(importer.Policy{}); run.Code() != 3 || len(run.Outcome.Failed()) != 1 {
		t.Fatalf("%+v", run.Outcome)
	}
	_, base := m.base()
	if read(t, base[basePath(n(1))])["a"] != "old" || read(t, base[basePath(n(2))])["a"] != "new" {
		t.Errorf("base %s%s", base[basePath(n(1))], base[basePath(n(2))])
	}
	s.onImport = nil
	if run := m.pull(); run.Commits != 0 || len(run.Conflicts) > 0 {
		t.Errorf("the next pull: %+v", run)
	}
	s.writes = nil
	if run := m.apply(importer.Policy{}); run.Code() != 0 || len(s.writes) != 1 || s.field(n(1), "a") != "new" {
		t.Errorf("the next apply writes %v", s.writes)
	}
}

// TestCR3_baseDidNotMove: what a kill between the server's yes and the move of
// base leaves. The next pull is right and nothing is written twice.
func TestCR3_baseDidNotMove(t *testing.T) {
	m, s := bench(t)
	lock := m.l.path("clone", ".git", "refs", "dashkeep", "base", "prod.lock")
	plan, _, err := m.Plan(context.Background(), "prod", "", importer.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := m.base()
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	run, err := m.Apply(context.Background(), plan, nil)
	if err == nil || run.Outcome == nil || len(s.writes) != 2 {
		t.Fatalf("err %v, writes %v: the lock was to keep base from moving", err, s.writes)
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if now, _ := m.base(); now != before {
		t.Fatal("base moved all the same")
	}
	if run := m.pull(); run.Commits != 0 || len(run.Conflicts) > 0 || run.Code() != 0 {
		t.Errorf("the next pull: %+v", run)
	}
	_, base := m.base()
	if m.apply(importer.Policy{}); len(s.writes) != 2 || read(t, base[basePath(n(1))])["a"] != "new" {
		t.Errorf("writes %v, base %s", s.writes, base[basePath(n(1))])
	}
}

// A restore to another instance is no business of the first.
func TestRestore_elsewhereLeavesBaseAlone(t *testing.T) {
	m, s := bench(t)
	other := m.Instances[1].Source.(*fakeServer)
	before, _ := m.base()
	p, _, err := m.PlanRestore(context.Background(), "prod", RestoreOptions{To: m.Instances[1].Name})
	if err != nil {
		t.Fatal(err)
	}
	run, err := m.Restore(context.Background(), p, nil)
	if err != nil || len(run.Outcome.Failed()) > 0 || len(other.objects) != 3 || other.field(n(1), "a") != "new" {
		t.Fatalf("%v %+v", err, run)
	}
	if now, _ := m.base(); now != before || len(s.writes) > 0 {
		t.Errorf("base moved from %s to %s, writes %v", before, now, s.writes)
	}
}

// A restore of an older commit is the next pull's news, committed like any edit.
func TestRestore_olderCommitIsPulledBack(t *testing.T) {
	m, s := bench(t)
	m.apply(importer.Policy{})
	p, _, err := m.PlanRestore(context.Background(), "prod", RestoreOptions{At: "HEAD~1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Restore(context.Background(), p, nil); err != nil || s.field(n(1), "a") != "old" {
		t.Fatal(err, s.field(n(1), "a"))
	}
	if run := m.pull(); run.Commits != 1 || len(run.Pulled) != 2 || read(t, m.files()[n(1)].Content)["a"] != "old" {
		t.Errorf("%+v", run)
	}
	if m.apply(importer.Policy{}); s.field(n(1), "a") != "old" {
		t.Error("the restore is undone by an apply")
	}
}

// Live is read again before each level: who edits while the run goes on keeps
// the edit, and the next pull brings it.
func TestApply_editedMeanwhile(t *testing.T) {
	l := newLab(t)
	s := newFake()
	board := asset.ID{Kind: "dashboard", UID: "board-0001"}
	s.set("Grace", n(1), "a", "old")
	s.edit("Grace", board, func(o *object) { o.fields["a"], o.charts = "old", []string{n(1).UID} })
	m := l.machine("clone", "", s)
	m.pull()
	for _, id := range []asset.ID{n(1), board} {
		f := m.files()[id]
		_, _, charts, err := fieldsOf(f.Content)
		if err != nil {
			t.Fatal(err)
		}
		kv := []any{"a", "new"}
		if charts != nil {
			kv = append(kv, "charts", asset.Seq(asset.Str(charts[0])))
		}
		m.commit(map[string][]byte{f.Path: canon(t, id, f.Title, kv...)})
	}
	s.onImport = func(id asset.ID) error {
		if id == n(1) {
			s.set("Grace", board, "b", "meanwhile")
		}
		return nil
	}
	run := m.apply(importer.Policy{})
	failed := run.Outcome.Failed()
	if len(failed) != 1 || !errors.Is(failed[0].Err, importer.ErrEditedMeanwhile) || s.field(board, "b") != "meanwhile" || s.field(board, "a") != "old" {
		t.Fatalf("failed %+v, live %+v", failed, s.objects[board])
	}
	s.onImport = nil
	m.pull()
	if m.apply(importer.Policy{}); s.field(board, "b") != "meanwhile" || s.field(board, "a") != "new" {
		t.Errorf("live %+v", s.objects[board])
	}
}

// A plan whose asset moved on the server since is refused whole.
func TestApply_stalePlan(t *testing.T) {
	m, s := bench(t)
	plan, _, err := m.Plan(context.Background(), "prod", "", importer.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	s.set("Grace", n(3), "a", "not planned, so no reason to refuse")
	s.set("Grace", n(2), "b", "moved")
	_, err = m.Apply(context.Background(), plan, nil)
	var stale *importer.StaleError
	if !errors.As(err, &stale) || len(stale.IDs) != 1 || stale.IDs[0] != n(2) || len(s.writes) > 0 || len(m.backups()) > 0 {
		t.Errorf("err %v, writes %v", err, s.writes)
	}
}

// A pull-only instance is not written by apply.
func TestApply_pullOnly(t *testing.T) {
	m, s := bench(t)
	m.Instances[0].Direction = PullOnly
	plan, _, err := m.Plan(context.Background(), "prod", "", importer.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	var only *PullOnlyError
	if _, err := m.Apply(context.Background(), plan, nil); !errors.As(err, &only) || len(s.writes) > 0 {
		t.Errorf("err %v, writes %v", err, s.writes)
	}
}

// A planned asset carries the title that its content has, also when that is the
// server's.
func TestPlan_titleOfTheMergedContent(t *testing.T) {
	m, s := bench(t)
	s.edit("Grace", n(1), func(o *object) { o.title = "Live title" })
	plan, _, err := m.Plan(context.Background(), "prod", "", importer.Policy{})
	if err != nil || len(plan.Changes) != 2 || plan.Changes[0].Title() != "Live title" {
		t.Errorf("%v %+v", err, plan.Changes)
	}
}
