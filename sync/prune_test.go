package sync

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

func dashboardID(uid string) asset.ID { return asset.ID{Kind: "dashboard", UID: uid} }

// orchard is a machine whose server holds n(1) and n(2), made by people, and
// n(3), n(4) and a dashboard with n(4) on it, made by dashkeep.
func orchard(t testing.TB, remote string) (*machine, *fakeServer) {
	t.Helper()
	l := newLab(t)
	if remote != "" {
		remote = l.remote()
	}
	s := newFake()
	s.set("Grace", n(1), "a", "1")
	s.set("Grace", n(2), "a", "1")
	m := l.machine("clone", remote, s)
	m.Instances[0].Prune = importer.Prune{Max: 10, MaxPercent: 100}
	m.pull()
	m.commit(map[string][]byte{
		"prod/charts/three.yaml": canon(t, n(3), "Three", "a", "1"), "prod/charts/four.yaml": canon(t, n(4), "Four", "a", "1"),
		"prod/dashboards/board.yaml": canon(t, dashboardID("board-0001"), "Board", "charts", asset.Seq(asset.Str(n(4).UID))),
	})
	if run := m.apply(importer.Policy{}); run.Code() != 0 || len(run.Warnings) > 0 {
		t.Fatalf("%+v", run)
	}
	return m, s
}

func (m *machine) inventory() *inventory {
	m.l.Helper()
	v, err := m.loadInventory(m.Instances[0])
	if err != nil {
		m.l.Fatal(err)
	}
	return v
}

// remove takes the files of assets out of Git.
func (m *machine) remove(ids ...asset.ID) {
	m.l.Helper()
	files, changes := m.files(), map[string][]byte{}
	for _, id := range ids {
		changes[files[id].Path] = nil
	}
	m.commit(changes)
}

func prune() importer.Policy { return importer.Policy{Prune: importer.Prune{Enabled: true}} }

// skips are the reasons of a plan, by asset.
func (m *machine) skips(p importer.Policy) (map[asset.ID]string, *Run) {
	m.l.Helper()
	plan, run, err := m.Plan(context.Background(), "prod", "", p)
	if err != nil {
		m.l.Fatal(err)
	}
	out := map[asset.ID]string{}
	for _, c := range plan.Changes {
		out[c.ID] = c.Skip
	}
	return out, run
}

// The whole way: created, so in the inventory; deleted in Git, so deleted on the
// server once that is asked for; kept in a pre-image; remembered.
func TestPrune_whatDashkeepMade(t *testing.T) {
	m, s := orchard(t, "remote")
	board := dashboardID("board-0001")
	v := m.inventory()
	if len(v.Assets) != 3 || v.Assets[n(3).String()].How != "created" || v.Assets[n(3).String()].Title != "Three" || v.owns(n(1)) {
		t.Fatalf("inventory %+v", v)
	}
	if rev := m.l.git("remote.git", "rev-parse", refName("inventory", "prod")); rev != string(v.rev) {
		t.Error("the inventory is not pushed")
	}
	m.remove(n(1), n(3), n(4), board)
	if skips, _ := m.skips(importer.Policy{}); !strings.Contains(skips[n(3)], "pruning is off") || !strings.Contains(skips[n(1)], "dashkeep manage prod --select chart:00000001-uid") {
		t.Errorf("skips %v", skips)
	}
	if run := m.apply(importer.Policy{}); len(run.Outcome.Done) > 0 {
		t.Fatalf("%+v", run.Outcome)
	}
	run := m.apply(prune())
	if run.Code() != 0 || len(run.Outcome.Done) != 3 || run.Outcome.Done[0].ID != board || len(s.objects) != 2 || s.objects[n(1)] == nil {
		t.Fatalf("%+v, server %v", run.Outcome, s.ids())
	}
	kept := m.backups()[run.Backup]
	if string(kept[basePath(n(3))]) != string(canon(t, n(3), "Three", "a", "1")) || len(kept) != 4 || strings.Count(string(kept[backupFile]), `"action": "delete"`) != 3 {
		t.Errorf("the pre-image holds %q", kept)
	}
	v = m.inventory()
	grave, ok := v.tombstone(n(3))
	if len(v.Assets) != 0 || !ok || grave.Run != run.ID || grave.Title != "Three" || grave.Revision != string(m.head()) {
		t.Errorf("inventory %+v", v)
	}
	if _, base := m.base(); base[basePath(n(3))] != nil || base[basePath(n(1))] == nil {
		t.Error("base is not what both have in common")
	}
	if run := m.pull(); run.Commits != 0 || run.Code() != 0 || len(run.Warnings) > 0 {
		t.Errorf("the next pull: %+v", run)
	}
	if skips, _ := m.skips(prune()); len(skips) != 1 || !strings.Contains(skips[n(1)], "did not create it") {
		t.Errorf("the next plan: %v", skips)
	}
	m.commit(map[string][]byte{"prod/charts/three.yaml": canon(t, n(3), "Three", "a", "1")}) // on second thoughts
	if run := m.apply(prune()); run.Code() != 0 || s.objects[n(3)] == nil {
		t.Errorf("%+v", run)
	}
	if v := m.inventory(); len(v.Assets) != 1 || !v.owns(n(3)) || len(v.Deleted) != 2 {
		t.Errorf("inventory %+v", v)
	}
}

// A value that the server has and does not show is in the pre-image all the same.
func TestPrune_preimageHoldsWhatTheServerHides(t *testing.T) {
	m, s := orchard(t, "")
	s.set("Grace", n(3), "hidden", "h")
	m.pull()
	s.shy = true
	m.remove(n(3))
	run := m.apply(prune())
	if kept := m.backups()[run.Backup][basePath(n(3))]; run.Code() != 0 || read(t, kept)["hidden"] != "h" {
		t.Errorf("%+v\n%s", run, kept)
	}
}

// What people made is deleted only after manage, and not after release.
func TestPrune_manageAndRelease(t *testing.T) {
	m, s := orchard(t, "")
	only := func(id asset.ID) func(asset.Info) bool { return func(i asset.Info) bool { return i.ID == id } }
	run, err := m.Manage(context.Background(), "prod", nil)
	if err != nil || len(run.Inventory) != 2 || run.Managed != 5 {
		t.Fatalf("%v %+v", err, run)
	}
	if run, err = m.Manage(context.Background(), "prod", only(n(1))); err != nil || len(run.Inventory) != 0 || m.inventory().Assets[n(1).String()].How != "managed" {
		t.Fatalf("%v %+v", err, run)
	}
	if run, err = m.Release(context.Background(), "prod", only(n(2))); err != nil || len(run.Inventory) != 1 || run.Managed != 4 {
		t.Fatalf("%v %+v", err, run)
	}
	var none *NothingSelectedError
	if _, err = m.Release(context.Background(), "prod", only(n(2))); !errors.As(err, &none) {
		t.Error(err)
	}
	if _, err = m.Manage(context.Background(), "prod", only(n(9))); !errors.As(err, &none) {
		t.Error(err)
	}
	m.remove(n(1), n(2))
	if run := m.apply(prune()); run.Code() != 0 || s.objects[n(1)] != nil || s.objects[n(2)] == nil {
		t.Errorf("%+v, server %v", run.Outcome, s.ids())
	}
	s.onExport = func(context.Context, []asset.ID) error { return errors.New("the server is down") }
	if run, err = m.Release(context.Background(), "prod", nil); err != nil || run.Managed != 0 || len(run.Inventory) != 3 {
		t.Errorf("%v %+v", err, run)
	}
}

// A run that half fails leaves what it created in the inventory, one that is
// killed what it created before.
func TestPrune_inventoryOfAHalfFailedRun(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.set("Grace", n(1), "a", "1")
	m := l.machine("clone", "", s)
	m.pull()
	board := dashboardID("board-0001")
	m.commit(map[string][]byte{"prod/charts/two.yaml": canon(t, n(2), "Two", "a", "1"), "prod/charts/three.yaml": canon(t, n(3), "Three", "a", "1"),
		"prod/dashboards/board.yaml": canon(t, board, "Board", "charts", asset.Seq(asset.Str(n(2).UID)))})
	s.onImport = func(id asset.ID) error {
		if id == n(3) {
			return errors.New("422")
		}
		if id == board && !m.inventory().owns(n(2)) {
			t.Error("the first level is written, and not in the inventory when the second is")
		}
		return nil
	}
	if run := m.apply(importer.Policy{}); run.Code() != 3 {
		t.Fatalf("%+v", run)
	}
	if v := m.inventory(); len(v.Assets) != 2 || !v.owns(n(2)) || !v.owns(board) {
		t.Errorf("inventory %+v", v)
	}
}

// NB3: after a reading with a hole nothing is deleted, on either side.
func TestPrune_NB3_nothingAfterAPartialRead(t *testing.T) {
	m, s := orchard(t, "")
	m.remove(n(3))
	s.broken[n(1)] = true
	skips, run := m.skips(prune())
	if !strings.Contains(skips[n(3)], "the server could not be read completely: chart:00000001-uid") || run.Code() != 3 {
		t.Errorf("%v, code %d", skips, run.Code())
	}
	clear(s.broken)
	plan, _, err := m.Plan(context.Background(), "prod", "", prune())
	if err != nil || len(plan.Levels()) != 1 {
		t.Fatal(err, plan)
	}
	s.omit[n(2)] = true // listed, and not in the export that comes before the deletion
	if run, err := m.Apply(context.Background(), plan, nil); err != nil || run.Code() != 3 || s.objects[n(3)] == nil || !strings.Contains(run.Outcome.Done[0].Err.Error(), "could not be read completely") {
		t.Errorf("%v %+v", err, run.Outcome)
	}
	m.Instances[0].Accepted = func(id asset.ID, _ time.Time) (string, bool) { return "known", id == n(2) }
	if run := m.apply(prune()); run.Code() != 0 || s.objects[n(3)] != nil {
		t.Errorf("what is accepted as broken stands in the way: %+v", run)
	}
}

// Files that cannot be read, or two for one asset, stop every deletion.
func TestPrune_brokenFilesInGit(t *testing.T) {
	for name, file := range map[string]struct{ text, why string }{
		"not YAML": {"{", "cannot be read"}, "not YAML, named after nobody": {"]", "cannot be read"},
		"a second file of an asset": {string(canon(t, n(1), "One again", "a", "7")), "it holds chart:00000001-uid, and so does prod/charts/"},
	} {
		t.Run(name, func(t *testing.T) {
			m, s := orchard(t, "")
			m.commit(map[string][]byte{"prod/charts/odd.yaml": []byte(file.text)})
			m.commit(map[string][]byte{"prod/charts/three.yaml": nil})
			_, run := m.skips(prune())
			if len(run.Failures) == 0 || run.Code() != 3 {
				t.Errorf("%+v", run)
			}
			if run := m.apply(prune()); len(run.Outcome.Done) > 0 || s.objects[n(3)] == nil || s.field(n(1), "a") != "1" {
				t.Errorf("%+v, n(1) is %q", run.Outcome.Done, s.field(n(1), "a"))
			}
			skips, _ := m.skips(prune())
			if !strings.Contains(skips[n(3)], "nothing is deleted now: ") || !strings.Contains(skips[n(3)], file.why) {
				t.Errorf("%v", skips)
			}
			if run := m.pull(); run.Commits > 0 || len(run.Failures) == 0 {
				t.Errorf("pull: %+v", run)
			}
		})
	}
}

// A person moves a file and edits it: that is an edit, whatever its name.
func TestPrune_movedFilesAreNoDeletions(t *testing.T) {
	m, s := orchard(t, "")
	if _, err := m.Manage(context.Background(), "prod", nil); err != nil {
		t.Fatal(err)
	}
	old := m.files()[n(1)].Path
	m.commit(map[string][]byte{old: nil, "prod/charts/finance/what-counts.yaml": canon(t, n(1), "What counts", "a", "2")})
	m.commit(map[string][]byte{"prod/charts/three.yaml": nil, "prod/charts/drei.00000003.yaml": canon(t, n(3), "Three", "a", "1")})
	run := m.apply(prune())
	if run.Code() != 0 || len(run.Outcome.Done) != 1 || run.Outcome.Done[0].Action != importer.Update || run.Outcome.Done[0].ID != n(1) || s.field(n(1), "a") != "2" || len(s.objects) != 5 {
		t.Errorf("%+v", run.Outcome)
	}
	if run := m.pull(); run.Commits != 0 || m.files()[n(1)].Path != "prod/charts/finance/what-counts.yaml" {
		t.Errorf("%+v", run)
	}
}

// CC3: who edits what Git deletes is asked.
func TestPrune_CC3_editedOnTheServer(t *testing.T) {
	m, s := orchard(t, "")
	m.remove(n(3))
	s.set("Grace", n(3), "a", "hers")
	run := m.apply(prune())
	if run.Code() != 13 || len(run.Conflicts) != 1 || run.Conflicts[0].Text != deletedAndEdited || *run.Conflicts[0].Values[0].Theirs != "hers" || s.objects[n(3)] == nil {
		t.Errorf("%+v", run)
	}
}

func TestPrune_restore(t *testing.T) {
	m, s := orchard(t, "")
	s.set("Grace", n(5), "a", "1")
	m.pull()
	for _, o := range []RestoreOptions{{At: "HEAD~2"}, {At: "HEAD~2", Prune: true}} { // before n(3), n(4), n(5) and the dashboard
		p, _, err := m.PlanRestore(context.Background(), "prod", o)
		if err != nil {
			t.Fatal(err)
		}
		run, err := m.Restore(context.Background(), p, nil)
		if err != nil || run.Code() != 0 {
			t.Fatalf("%v %+v", err, run)
		}
		if want := map[bool]int{false: 6, true: 3}[o.Prune]; len(s.objects) != want || s.objects[n(5)] == nil {
			t.Errorf("%+v leaves %v", o, s.ids())
		}
	}
	if v := m.inventory(); len(v.Assets) != 0 || len(v.Deleted) != 3 {
		t.Errorf("%+v", v)
	}
	m.Instances[0].Brake.Removed = 0 // what dashkeep itself deleted is no loss
	if run := m.pull(); run.Held != nil || len(run.Pulled) != 3 || len(m.files()) != 3 {
		t.Errorf("%+v", run)
	}
	s.drop(n(5))
	if run := m.pull(); run.Held == nil {
		t.Error("the brake forgets")
	}
}

// A restore of an old state is no rollback, however much it changes.
func TestPull_brakeKnowsWhatARestoreWrote(t *testing.T) {
	l := newLab(t)
	s := newFake()
	for i := range 12 {
		s.set("Grace", n(i+1), "a", "old")
	}
	m := l.machine("clone", "", s)
	m.pull()
	for i := range 12 {
		s.set("Grace", n(i+1), "a", "new")
	}
	m.pull(true)
	p, _, err := m.PlanRestore(context.Background(), "prod", RestoreOptions{At: "HEAD~1"})
	if err != nil {
		t.Fatal(err)
	}
	if run, err := m.Restore(context.Background(), p, nil); err != nil || len(run.Outcome.Done) != 12 {
		t.Fatal(err)
	}
	if run := m.pull(); run.Held != nil || len(run.Pulled) != 12 {
		t.Errorf("held: %v", run.Held)
	}
	editAll(s, 12)
	if run := m.pull(); run.Held == nil {
		t.Error("the brake forgets")
	}
}

// What was pruned and is on the server again is new there, and is said to be.
func TestPrune_aliveAgain(t *testing.T) {
	m, s := orchard(t, "")
	m.remove(n(3))
	run := m.apply(prune())
	s.set("Grace", n(3), "a", "quite another")
	states, err := m.Status(context.Background(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range states.Assets {
		if (st.Note != "") != (st.Info.ID == n(3)) || st.Note != "" && !strings.Contains(st.Note, "deleted by run "+run.ID) || st.Managed != (st.Info.ID == n(4) || st.Info.ID == dashboardID("board-0001")) {
			t.Errorf("%+v", st)
		}
	}
	skips, plan := m.skips(prune())
	if len(skips) != 0 || len(plan.Warnings) != 1 || !strings.Contains(plan.Warnings[0], "on the server again, though it was deleted by run "+run.ID) {
		t.Errorf("%v %v", skips, plan.Warnings)
	}
	pull := m.pull()
	if pull.Commits != 1 || len(pull.Warnings) != 1 || len(pull.Conflicts) > 0 || read(t, m.files()[n(3)].Content)["a"] != "quite another" {
		t.Errorf("%+v", pull)
	}
	if v := m.inventory(); v.owns(n(3)) || len(v.Deleted) != 0 {
		t.Errorf("%+v", v)
	}
	m.remove(n(3))
	if run := m.apply(prune()); s.objects[n(3)] == nil || len(run.Outcome.Done) > 0 {
		t.Error("a person's asset is deleted")
	}
}

// The same when base did not move after the deletion, as after a kill.
func TestPrune_CR3_aliveAgainBeforeBaseMoved(t *testing.T) {
	m, s := orchard(t, "")
	m.remove(n(3))
	before, files := m.base()
	m.apply(prune())
	now, _ := m.base()
	files[stateFile] = []byte("{}\n")
	if _, err := m.Repo.WriteRef(context.Background(), refName("base", "prod"), now, files, "as it was at "+string(before)); err != nil {
		t.Fatal(err)
	}
	s.set("Grace", n(3), "a", "quite another")
	if run := m.pull(); len(run.Conflicts) > 0 || run.Commits != 1 || read(t, m.files()[n(3)].Content)["a"] != "quite another" {
		t.Errorf("%+v", run)
	}
}

// What is gone from both sides is nobody's any more.
func TestPrune_deletedByHandLeavesTheInventory(t *testing.T) {
	m, s := orchard(t, "")
	s.drop(n(3))
	if run := m.pull(); run.Commits != 1 {
		t.Fatalf("%+v", run)
	}
	if v := m.inventory(); v.owns(n(3)) || !v.owns(n(4)) || len(v.Deleted) != 0 {
		t.Errorf("%+v", v)
	}
}

// binServer keeps what it deletes.
type binServer struct{ *fakeServer }

func (s binServer) Trash(ctx context.Context, id asset.ID) (string, error) {
	return "in the trash", s.Delete(ctx, id)
}

func TestPrune_softDeleteIsReported(t *testing.T) {
	m, s := orchard(t, "")
	m.Instances[0].Target = binServer{s}
	m.remove(n(3))
	if run := m.apply(prune()); run.Code() != 0 || run.Outcome.Done[0].Kept != "in the trash" || s.objects[n(3)] != nil {
		t.Errorf("%+v", run.Outcome)
	}
}

// A restore to another instance prunes by that one's inventory and base.
func TestPrune_restoreElsewhere(t *testing.T) {
	l := newLab(t)
	s, other := newFake(), newFake()
	for i := range 4 {
		s.set("Grace", n(i+1), "a", "1")
	}
	m := l.machine("clone", "", s, other)
	in := m.Instances[1]
	in.Prune = importer.Prune{Max: 10, MaxPercent: 100}
	restore := func() *Run {
		t.Helper()
		p, _, err := m.PlanRestore(context.Background(), "prod", RestoreOptions{To: in.Name, Prune: true})
		if err != nil {
			t.Fatal(err)
		}
		run, err := m.Restore(context.Background(), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	m.pull()
	if run := restore(); run.Code() != 0 || len(other.objects) != 4 {
		t.Fatalf("%+v", run)
	}
	m.remove(n(1), n(2))
	if run := restore(); len(other.objects) != 4 || !strings.Contains(run.Plan.Changes[0].Skip, "never pulled") {
		t.Fatalf("deleted, though nobody knows whether somebody edited it: %+v", run.Plan.Changes)
	}
	if _, err := m.Pull(context.Background(), in.Name, PullOptions{}); err != nil {
		t.Fatal(err)
	}
	other.set("Grace", n(2), "a", "at work")
	other.set("Grace", n(7), "a", "at work")
	run := restore()
	if run.Code() != 13 || other.objects[n(1)] != nil || other.field(n(2), "a") != "at work" || other.objects[n(7)] == nil || len(s.objects) != 4 {
		t.Errorf("%+v, left %v", run, other.ids())
	}
}
