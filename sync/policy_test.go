package sync

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"

	"gopkg.in/yaml.v3"
)

// ruled is a machine with n(1) and n(2) pulled, whose every asset has this rule.
func ruled(t *testing.T, rule importer.Rule, remote bool) (*machine, *fakeServer) {
	t.Helper()
	l := newLab(t)
	s := newFake()
	for i := range 2 {
		s.set("Grace", n(i+1), "a", "0")
		s.set("Grace", n(i+1), "b", "0")
	}
	url := ""
	if remote {
		url = l.remote()
	}
	m := l.machine("clone", url, s)
	m.Now = l.now
	m.Instances[0].Rule = func(asset.Info) importer.Rule { return rule }
	m.pull()
	return m, s
}

// gitSet commits fields of an asset by hand.
func (m *machine) gitSet(id asset.ID, kv ...any) {
	m.l.Helper()
	f := m.files()[id]
	m.commit(map[string][]byte{f.Path: canon(m.l, id, f.Title, kv...)})
}

func (m *machine) gitField(id asset.ID, name string) string {
	m.l.Helper()
	a := m.files()[id]
	if a == nil {
		return "(absent)"
	}
	return read(m.l, a.Content)[name]
}

// TestPull_onConflict: a conflict of one asset under each policy, while the other
// asset goes on.
func TestPull_onConflict(t *testing.T) {
	tests := []struct {
		rule                importer.Rule
		git, live           string // a after a pull and an apply
		code, conflicts     int
		decided             int
		gitB, parked, after string
	}{
		{importer.Rule{}, "G", "L", 13, 1, 0, "0", "", "L"},
		{importer.Rule{OnConflict: importer.Stop}, "G", "L", 13, 1, 0, "0", "", "L"},
		{importer.Rule{OnConflict: importer.Git}, "G", "L", 0, 0, 1, "L2", "", "G"},
		{importer.Rule{OnConflict: importer.Live}, "L", "L", 0, 0, 1, "L2", "", "L"},
		{importer.Rule{OnConflict: importer.Branch}, "G", "L", 13, 1, 0, "0", "conflict/prod/chart/00000001-uid", "L"},
		{importer.Rule{Overwrite: importer.Always}, "G", "L", 0, 0, 1, "L2", "", "G"},
	}
	for _, tt := range tests {
		t.Run(string(tt.rule.OnConflict)+string(tt.rule.Overwrite), func(t *testing.T) {
			m, s := ruled(t, tt.rule, true)
			m.gitSet(n(1), "a", "G", "b", "0")
			s.set("Grace", n(1), "a", "L")
			s.set("Grace", n(1), "b", "L2")
			s.set("Grace", n(2), "a", "elsewhere")
			run := m.pull()
			if run.Code() != tt.code || len(run.Conflicts) != tt.conflicts || len(run.Decided) != tt.decided {
				t.Fatalf("code %d, conflicts %+v, decided %+v, warnings %v", run.Code(), run.Conflicts, run.Decided, run.Warnings)
			}
			if got := m.gitField(n(1), "a"); got != tt.git {
				t.Errorf("Git has a=%s, want %s", got, tt.git)
			}
			if got := m.gitField(n(1), "b"); got != tt.gitB {
				t.Errorf("Git has b=%s, want %s", got, tt.gitB)
			}
			if m.gitField(n(2), "a") != "elsewhere" {
				t.Error("the other asset did not go on")
			}
			head, parked := m.head(), ""
			if tt.conflicts > 0 {
				parked = run.Conflicts[0].Branch
			}
			if parked != tt.parked {
				t.Errorf("parked on %q, want %q", parked, tt.parked)
			}
			if again := m.pull(); m.head() != head || again.Code() != tt.code || len(again.Decided)+len(again.Conflicts) > 1 {
				t.Errorf("a second pull moves %s to %s: %+v", head, m.head(), again)
			}
			m.apply(importer.Policy{})
			if got := s.field(n(1), "a"); got != tt.after {
				t.Errorf("after an apply the server has a=%s, want %s", got, tt.after)
			}
			if s.field(n(1), "b") != "L2" {
				t.Error("live's edit of another value is gone")
			}
			if tt.conflicts == 0 {
				if run := m.pull(); run.Code() != 0 || len(run.Decided) > 0 || len(run.Pulled) > 0 {
					t.Errorf("it is not over: %+v", run)
				}
			}
		})
	}
}

// TestPull_parkedBranch: the branch carries the server's version on top of Git's
// head, is pushed, grows with each new version and by nothing else, and merging it
// ends the conflict.
func TestPull_parkedBranch(t *testing.T) {
	m, s := ruled(t, importer.Rule{OnConflict: importer.Branch}, true)
	m.gitSet(n(1), "a", "G", "b", "0")
	s.set("Grace", n(1), "a", "L")
	run := m.pull()
	branch := run.Conflicts[0].Branch
	show := func(dir string) string { return m.l.git(dir, "show", branch+":"+run.Conflicts[0].Path) }
	if !strings.Contains(show("remote.git"), "a: L") || m.l.git("remote.git", "log", "-1", "--format=%an", branch) != "Grace" {
		t.Errorf("the remote has\n%s", show("remote.git"))
	}
	first := m.l.git("clone", "rev-parse", branch)
	if m.pull(); m.l.git("clone", "rev-parse", branch) != first {
		t.Error("a pull without a new version moved the branch")
	}
	s.set("Ada", n(1), "a", "L2")
	m.pull()
	if !strings.Contains(show("remote.git"), "a: L2") || m.l.git("remote.git", "rev-parse", branch+"~1") != first {
		t.Errorf("the second version: %s", show("remote.git"))
	}
	m.l.git("clone", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "merge", "-q", branch)
	if run := m.pull(); run.Code() != 0 || m.gitField(n(1), "a") != "L2" {
		t.Errorf("after merging: %+v", run)
	}
	m.l.fsck("clone")
}

// A branch that the remote refuses costs a warning.
func TestPull_parkedBranchRefused(t *testing.T) {
	m, s := ruled(t, importer.Rule{OnConflict: importer.Branch}, true)
	m.l.hook("while read old new ref; do case $ref in refs/heads/conflict/*) echo no such branches here; exit 1;; esac; done")
	m.gitSet(n(1), "a", "G", "b", "0")
	s.set("Grace", n(1), "a", "L")
	run := m.pull()
	if run.Code() != 13 || !run.Pushed || len(run.Warnings) != 1 || !strings.Contains(run.Warnings[0], "no such branches here") {
		t.Errorf("%+v", run)
	}
}

// Deleted on one side, changed on the other, under each policy.
func TestPull_onConflictOfDeletion(t *testing.T) {
	for _, tt := range []struct {
		rule       importer.Rule
		gone, back string // what Git has of the asset deleted live, and of the one deleted in Git
		code       int
	}{
		{importer.Rule{}, "G", "(absent)", 13},
		{importer.Rule{OnConflict: importer.Git}, "G", "(absent)", 0},
		{importer.Rule{Overwrite: importer.Always}, "G", "(absent)", 0},
		{importer.Rule{OnConflict: importer.Live}, "(absent)", "L", 0},
		{importer.Rule{OnConflict: importer.Branch}, "G", "(absent)", 13},
	} {
		t.Run(string(tt.rule.OnConflict)+string(tt.rule.Overwrite), func(t *testing.T) {
			m, s := ruled(t, tt.rule, false)
			m.gitSet(n(1), "a", "G")
			s.drop(n(1))
			m.commit(map[string][]byte{m.files()[n(2)].Path: nil})
			s.set("Grace", n(2), "a", "L")
			run := m.pull(true)
			if run.Code() != tt.code || len(run.Conflicts)+len(run.Decided) != 2 {
				t.Fatalf("code %d, %+v %+v", run.Code(), run.Conflicts, run.Decided)
			}
			if got := m.gitField(n(1), "a"); got != tt.gone {
				t.Errorf("deleted on the server: Git has %s, want %s", got, tt.gone)
			}
			if got := m.gitField(n(2), "a"); got != tt.back {
				t.Errorf("deleted in Git: Git has %s, want %s", got, tt.back)
			}
			parked := slices.ContainsFunc(run.Conflicts, func(c Conflict) bool { return c.ID == n(2) && c.Branch != "" })
			if parked != (tt.rule.OnConflict == importer.Branch) {
				t.Errorf("parked: %v", parked)
			}
			before := m.head()
			if m.pull(true); m.head() != before {
				t.Error("a second pull changes something")
			}
		})
	}
}

func TestPull_onLiveEdit(t *testing.T) {
	for _, tt := range []struct {
		mode      importer.OnLiveEdit
		git, live string // b after pull and apply
		edits     int
	}{{"", "L", "L", 0}, {importer.Accept, "L", "L", 0}, {importer.Notify, "L", "L", 1}, {importer.Revert, "0", "0", 1}} {
		t.Run(string(tt.mode), func(t *testing.T) {
			m, s := ruled(t, importer.Rule{OnLiveEdit: tt.mode}, false)
			m.gitSet(n(1), "a", "G", "b", "0")
			s.set("Ada", n(1), "b", "L")
			run := m.pull()
			if run.Code() != 0 || len(run.Edits) != tt.edits || m.gitField(n(1), "b") != tt.git || m.gitField(n(1), "a") != "G" {
				t.Fatalf("%+v, Git has b=%s", run, m.gitField(n(1), "b"))
			}
			if tt.edits > 0 {
				if e := run.Edits[0]; e.Info.UpdatedBy.Name != "Ada" || len(e.Values) != 1 || e.Values[0].Path != "/spec/b" || *e.Values[0].Theirs != "L" || e.Reverted != (tt.mode == importer.Revert) {
					t.Errorf("%+v", e)
				}
			}
			s.set("Ada", n(1), "b", tt.live+"") // saved once more, the same or reverted meanwhile
			m.apply(importer.Policy{})
			if s.field(n(1), "b") != tt.live || s.field(n(1), "a") != "G" {
				t.Errorf("the server has a=%s b=%s", s.field(n(1), "a"), s.field(n(1), "b"))
			}
			if run := m.pull(); len(run.Pulled)+len(run.Edits)+len(run.Conflicts) > 0 {
				t.Errorf("it is not over: %+v", run)
			}
		})
	}
}

// Reverting goes on when the same value is edited again before the apply.
func TestPull_revertTwice(t *testing.T) {
	m, s := ruled(t, importer.Rule{OnLiveEdit: importer.Revert}, false)
	for _, v := range []string{"L1", "L2"} {
		s.set("Ada", n(1), "a", v)
		if run := m.pull(); run.Code() != 0 || len(run.Edits) != 1 || run.Commits > 0 {
			t.Fatalf("%s: %+v", v, run)
		}
	}
	if m.apply(importer.Policy{}); s.field(n(1), "a") != "0" {
		t.Errorf("the server has %s", s.field(n(1), "a"))
	}
}

// What is ignored is neither pulled nor written, and is no change for the brake.
func TestPull_ignore(t *testing.T) {
	m, s := ruled(t, importer.Rule{Ignore: []string{"/spec/b"}}, false)
	m.Instances[0].Brake.ChangedPercent = 40
	s.set("Grace", n(1), "b", "L")
	s.set("Grace", n(2), "b", "L")
	if run := m.pull(); run.Held != nil || len(run.Pulled) > 0 {
		t.Fatalf("%+v", run)
	}
	m.gitSet(n(1), "a", "G", "b", "G")
	s.set("Grace", n(1), "b", "L3")
	if m.apply(importer.Policy{}); s.field(n(1), "a") != "G" || s.field(n(1), "b") != "L3" {
		t.Errorf("the server has a=%s b=%s", s.field(n(1), "a"), s.field(n(1), "b"))
	}
	if run := m.pull(); len(run.Pulled)+len(run.Conflicts) > 0 || m.gitField(n(1), "b") != "G" {
		t.Errorf("%+v", run)
	}
	st, err := m.Status(context.Background(), "prod")
	if err != nil || slices.ContainsFunc(st.Assets, func(a AssetStatus) bool { return a.State != InSync }) {
		t.Errorf("%v %+v", err, st)
	}
}

// Files go to the folder of their rule, and move when the rule changes, with the
// next edit; what a person moved stays.
func TestPull_folders(t *testing.T) {
	m, s := ruled(t, importer.Rule{}, false)
	in := m.Instances[0]
	in.Folders = []string{"finance", "sales/eu"}
	folder := "finance"
	in.Rule = func(i asset.Info) importer.Rule {
		if i.ID == n(2) {
			return importer.Rule{}
		}
		return importer.Rule{Folder: folder}
	}
	s.set("Grace", n(3), "a", "0")
	if run := m.pull(); run.Pulled[0].Path != "prod/charts/finance/title-00000003-uid.00000003.yaml" || m.files()[n(1)].Path != "prod/charts/title-00000001-uid.00000001.yaml" {
		t.Fatalf("%+v", run.Pulled)
	}
	s.set("Grace", n(1), "a", "1")
	m.pull()
	if p := m.files()[n(1)].Path; p != "prod/charts/finance/title-00000001-uid.00000001.yaml" {
		t.Error(p)
	}
	folder = "sales/eu"
	s.set("Grace", n(1), "a", "2")
	s.set("Grace", n(2), "a", "2")
	m.pull()
	if p := m.files()[n(1)].Path; p != "prod/charts/sales/eu/title-00000001-uid.00000001.yaml" {
		t.Error(p)
	}
	if p := m.files()[n(2)].Path; p != "prod/charts/title-00000002-uid.00000002.yaml" {
		t.Error(p)
	}
	by := m.files()[n(3)]
	m.commit(map[string][]byte{by.Path: nil, "prod/charts/mine/title-00000003-uid.00000003.yaml": by.Content})
	s.edit("Grace", n(3), func(o *object) { o.title = "Renamed" })
	m.pull()
	if p := m.files()[n(3)].Path; p != "prod/charts/mine/renamed.00000003.yaml" {
		t.Error(p)
	}
	if run := m.pull(); len(run.Pulled) > 0 {
		t.Errorf("%+v", run.Pulled)
	}
}

// A value that the server has again as it was before an apply is a conflict, under
// the policies of one; later it is an edit; what dashkeep put back itself is none.
func TestPull_revertWindow(t *testing.T) {
	setup := func(t *testing.T, rule importer.Rule) (*machine, *fakeServer, *time.Time) {
		m, s := ruled(t, rule, false)
		m.Instances[0].RevertWindow = 24 * time.Hour
		now := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
		m.Now = func() time.Time { return now }
		s.clock = now
		m.gitSet(n(1), "a", "G", "b", "0")
		m.apply(importer.Policy{})
		return m, s, &now
	}
	t.Run("stale page", func(t *testing.T) {
		m, s, now := setup(t, importer.Rule{})
		s.edit("Ada", n(1), func(o *object) { o.fields["a"], o.fields["c"] = "0", "Ada's edit" }) // a page that was open since before
		run := m.pull()
		if run.Code() != 13 || len(run.Conflicts) != 1 || len(run.Conflicts[0].Values) != 1 || run.Conflicts[0].Values[0].Path != "/spec/a" || !strings.Contains(run.Conflicts[0].Text, "opened before") {
			t.Fatalf("%+v", run.Conflicts)
		}
		if p, _, err := m.Plan(context.Background(), "prod", "", importer.Policy{}); err != nil || len(p.Changes) != 1 || len(p.Changes[0].Conflicts) != 1 {
			t.Errorf("the plan does not know: %v %+v", err, p.Changes)
		}
		*now = now.Add(72 * time.Hour) // nobody decided: it is no edit by now
		s.set("Ada", n(1), "d", "much later")
		if run := m.pull(); len(run.Conflicts) != 1 || m.gitField(n(1), "a") != "G" {
			t.Errorf("%+v", run)
		}
		s.set("Ada", n(1), "a", "third") // of somebody who has not seen what the apply wrote
		if run := m.pull(); len(run.Conflicts) != 1 || m.gitField(n(1), "a") != "G" {
			t.Errorf("a third value ends it: %+v", run)
		}
		s.set("Ada", n(1), "a", "G")
		if run := m.pull(); run.Code() != 0 || m.gitField(n(1), "d") != "much later" {
			t.Errorf("both are equal again: %+v", run)
		}
	})
	t.Run("git", func(t *testing.T) {
		m, s, _ := setup(t, importer.Rule{OnConflict: importer.Git})
		s.edit("Ada", n(1), func(o *object) { o.fields["a"], o.fields["c"] = "0", "Ada's edit" })
		if run := m.pull(); run.Code() != 0 || len(run.Decided) != 1 || m.gitField(n(1), "a") != "G" || m.gitField(n(1), "c") != "Ada's edit" {
			t.Fatalf("%+v", run)
		}
		if m.apply(importer.Policy{}); s.field(n(1), "a") != "G" || s.field(n(1), "c") != "Ada's edit" {
			t.Errorf("the server has %+v", s.objects[n(1)].fields)
		}
	})
	t.Run("late", func(t *testing.T) {
		m, s, now := setup(t, importer.Rule{})
		*now = now.Add(25 * time.Hour)
		s.clock = *now
		s.set("Ada", n(1), "a", "0")
		if run := m.pull(); run.Code() != 0 || m.gitField(n(1), "a") != "0" {
			t.Errorf("%+v", run)
		}
	})
	t.Run("edited in time, pulled late", func(t *testing.T) {
		m, s, now := setup(t, importer.Rule{})
		s.set("Ada", n(1), "a", "0")
		*now = now.Add(48 * time.Hour)
		if run := m.pull(); run.Code() != 13 {
			t.Errorf("%+v", run)
		}
	})
	t.Run("off", func(t *testing.T) {
		m, s, _ := setup(t, importer.Rule{})
		m.Instances[0].RevertWindow = 0
		s.set("Ada", n(1), "a", "0")
		if run := m.pull(); run.Code() != 0 || m.gitField(n(1), "a") != "0" {
			t.Errorf("%+v", run)
		}
	})
	t.Run("restored by dashkeep", func(t *testing.T) {
		m, s, now := setup(t, importer.Rule{})
		*now = now.Add(time.Minute)
		p, _, err := m.PlanRestore(context.Background(), "prod", RestoreOptions{At: "HEAD~1"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Restore(context.Background(), p, nil); err != nil || s.field(n(1), "a") != "0" {
			t.Fatal(err)
		}
		if run := m.pull(); run.Code() != 0 || m.gitField(n(1), "a") != "0" {
			t.Errorf("%+v", run.Conflicts)
		}
	})
}

// A structure that merging would break is a conflict in pull and plan.
func TestPull_brokenStructure(t *testing.T) {
	m, s := ruled(t, importer.Rule{}, false)
	in := m.Instances[0]
	chart := in.Rules.Kinds["chart"]
	chart.Whole = []normalize.Structure{{Path: "", Why: "a and b must not both be set", Check: func(n *yaml.Node) []string {
		if asset.Text(asset.Get(n, "a")) != "0" && asset.Text(asset.Get(n, "b")) != "0" {
			return []string{"a and b are set"}
		}
		return nil
	}}}
	in.Rules.Kinds = map[asset.Kind]normalize.KindRules{"chart": chart, "dashboard": in.Rules.Kinds["dashboard"]}
	m.gitSet(n(1), "a", "G", "b", "0")
	s.set("Grace", n(1), "b", "L")
	run := m.pull()
	if run.Code() != 13 || len(run.Conflicts) != 1 || !strings.Contains(run.Conflicts[0].Values[0].Text, "a and b are set") {
		t.Fatalf("%+v", run.Conflicts)
	}
	if p, _, err := m.Plan(context.Background(), "prod", "", importer.Policy{}); err != nil || len(p.Changes) != 1 || p.Changes[0].Applies() {
		t.Errorf("%v %+v", err, p)
	}
}

// An open conflict stays one over a pull that cannot read the asset.
func TestPull_returnedAndUnreadable(t *testing.T) {
	m, s := ruled(t, importer.Rule{}, false)
	m.Instances[0].RevertWindow = 24 * time.Hour
	s.clock = m.l.now()
	m.gitSet(n(1), "a", "G", "b", "0")
	m.apply(importer.Policy{})
	s.set("Ada", n(1), "a", "0")
	m.pull()
	s.set("Ada", n(1), "a", "third")
	s.broken[n(1)] = true
	m.pull()
	delete(s.broken, n(1))
	if run := m.pull(); len(run.Conflicts) != 1 || m.gitField(n(1), "a") != "G" {
		t.Errorf("%+v", run)
	}
}
