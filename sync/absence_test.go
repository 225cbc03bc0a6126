package sync

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// viewed is a server that shows each account only a part, and whose uids are not
// its own: another map of ids shows the same objects under other uids.
type viewed struct {
	*fakeServer
	account   string
	unlisted  map[asset.ID]bool // there, and found when asked for
	forbidden map[asset.ID]bool // there, and refused when asked for
	asked     [][]asset.ID
	renamed   map[string]string // uid shown -> uid of the object
	binds     bool              // what Recognize finds holds
	known     []asset.ID        // what Recognize was told of
}

func (v *viewed) Viewer(context.Context) (string, error) { return v.account, nil }

func (v *viewed) List(ctx context.Context) ([]asset.Info, error) {
	infos, err := v.fakeServer.List(ctx)
	return slices.DeleteFunc(infos, func(i asset.Info) bool { return v.unlisted[i.ID] || v.forbidden[i.ID] }), err
}

func (v *viewed) Export(ctx context.Context, ids []asset.ID) iter.Seq2[*asset.Raw, error] {
	v.asked = append(v.asked, ids)
	return func(yield func(*asset.Raw, error) bool) {
		for raw, err := range v.fakeServer.Export(ctx, ids) {
			switch {
			case err != nil:
			case ids == nil && (v.unlisted[raw.ID] || v.forbidden[raw.ID]):
				continue
			case v.forbidden[raw.ID]:
				raw, err = nil, &asset.Error{Info: raw.Info, Err: errors.New("403")}
			}
			if !yield(raw, err) {
				return
			}
		}
	}
}

// viewedMachine has pulled four charts once.
func viewedMachine(t *testing.T) (*machine, *viewed) {
	t.Helper()
	l := newLab(t)
	v := &viewed{fakeServer: newFake(), account: "acme/ann", unlisted: map[asset.ID]bool{}, forbidden: map[asset.ID]bool{}}
	for i := range 4 {
		v.set("Grace", n(i+1), "a", "old")
	}
	m := l.machine("clone", "", v.fakeServer)
	m.Instances[0].Source = v
	m.Instances[0].Brake.Removed = 2
	m.pull()
	v.asked = nil
	return m, v
}

func TestAbsence_countsTheSecondTime(t *testing.T) {
	m, v := viewedMachine(t)
	v.drop(n(1))
	for i, want := range []int{4, 3} {
		run := m.pull()
		if len(m.files()) != want || len(run.Warnings) != 1-i || run.Code() != 0 {
			t.Errorf("pull %d: %d files, want %d; warnings %v, code %d", i+1, len(m.files()), want, run.Warnings, run.Code())
		}
	}
	if v.asked = nil; len(m.pull().Pulled) != 0 || len(v.asked) != 1 {
		t.Errorf("what is gone is still asked for: %v", v.asked)
	}
}

func TestAbsence_otherAccountStartsAgain(t *testing.T) {
	m, v := viewedMachine(t)
	v.drop(n(1))
	for i, account := range []string{"acme/ann", "acme/bob", "acme/ann", "acme/ann"} {
		v.account = account
		m.pull()
		if gone := len(m.files()) == 3; gone != (i == 3) {
			t.Fatalf("pull %d as %s: %d files", i+1, account, len(m.files()))
		}
	}
}

// It comes back before the second pull: forgotten, not counted.
func TestAbsence_comesBack(t *testing.T) {
	m, v := viewedMachine(t)
	kept := v.objects[n(1)]
	for range 3 {
		v.drop(n(1))
		m.pull()
		v.objects[n(1)] = kept
		m.pull()
	}
	if len(m.files()) != 4 {
		t.Errorf("%d files", len(m.files()))
	}
}

func TestAbsence_askedForById(t *testing.T) {
	m, v := viewedMachine(t)
	v.unlisted[n(1)], v.forbidden[n(2)] = true, true
	v.set("Grace", n(1), "a", "new")
	for range 3 {
		run := m.pull()
		files := m.files()
		if len(files) != 4 || !strings.Contains(string(files[n(1)].Content), "a: new") {
			t.Fatalf("%d files, the unlisted one is\n%s", len(files), files[n(1)].Content)
		}
		if len(run.Failures) != 1 || run.Failures[0].ID != n(2) || run.Code() != 3 {
			t.Errorf("failures %v, code %d", run.Failures, run.Code())
		}
	}
}

// More missing than the brake allows holds at once, and is not asked for one by
// one when it is very many.
func TestAbsence_manyHold(t *testing.T) {
	m, v := viewedMachine(t)
	v.wipe()
	for range 2 {
		if run := m.pull(); run.Held == nil || len(m.files()) != 4 {
			t.Fatalf("held %v, %d files", run.Held, len(m.files()))
		}
	}
	if run := m.pull(true); run.Held != nil || len(m.files()) != 0 {
		t.Errorf("accepted: held %v, %d files", run.Held, len(m.files()))
	}
}

// What an account may not see just now is not created again.
func TestAbsence_planLeavesHiddenAlone(t *testing.T) {
	m, v := viewedMachine(t)
	v.drop(n(1))
	run := m.pull()
	p, err := m.planFor(t.Context(), m.Instances[0], m.Instances[0], run.live, "", importer.Policy{Force: importer.Always}, m.newRun("apply", m.Instances[0]))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Changes) != 1 || p.Changes[0].Skip == "" {
		t.Errorf("%+v", p.Changes)
	}
}

// Recognize is platform.Recognizer: by title and content, as a platform does it.
func (v *viewed) Recognize(_ context.Context, known []*asset.Asset) (int, error) {
	if v.renamed == nil {
		return 0, nil
	}
	v.known = nil
	for _, a := range known {
		v.known = append(v.known, a.ID)
	}
	n := 0
	for _, a := range known {
		if uid, ok := v.renamed[a.ID.UID]; ok && v.objects[asset.ID{Kind: a.ID.Kind, UID: uid}] != nil {
			n++
			if v.binds {
				v.objects[a.ID] = v.objects[asset.ID{Kind: a.ID.Kind, UID: uid}]
				v.drop(asset.ID{Kind: a.ID.Kind, UID: uid})
			}
		}
	}
	return n, nil
}

// TestRecognize_lostMap: the server shows every object under another uid; the
// files stay what they are, and neither a pull nor a plan sees a change.
func TestRecognize_lostMap(t *testing.T) {
	for _, op := range []string{"pull", "plan", "status"} {
		m, v := viewedMachine(t)
		before := m.files()
		v.renamed, v.binds = map[string]string{}, true
		for i := range 4 {
			other := asset.ID{Kind: "chart", UID: fmt.Sprintf("other-%d", i+1)}
			v.objects[other] = v.objects[n(i+1)]
			v.drop(n(i + 1))
			v.renamed[n(i+1).UID] = other.UID
		}
		switch op {
		case "pull":
			if run := m.pull(); len(run.Pulled) > 0 || run.Held != nil || !maps.EqualFunc(before, m.files(), func(a, b *asset.Asset) bool { return string(a.Content) == string(b.Content) }) {
				t.Errorf("pulled %v, held %v", run.Pulled, run.Held)
			}
		case "plan":
			if p, _, err := m.Plan(t.Context(), "prod", "", importer.Policy{Force: importer.Always}); err != nil || len(p.Changes) > 0 {
				t.Errorf("%v %+v", err, p)
			}
		case "status":
			st, err := m.Status(t.Context(), "prod")
			states := st.Assets
			if err != nil || len(states) != 4 || slices.ContainsFunc(states, func(s AssetStatus) bool { return s.State != InSync }) {
				t.Errorf("%v %+v", err, states)
			}
		}
	}
}

// TestIDs_keepMinted: a pull makes durable which object each asset was, in one
// write; a renamed uid does not come back from the dead.
func TestIDs_keepMinted(t *testing.T) {
	l := newLab(t)
	m := l.machine("clone", "", newFake())
	ids, err := LoadIDs(m.Repo, "prod")
	if err != nil {
		t.Fatal(err)
	}
	var want []asset.ID
	for i := range 5 {
		want = append(want, asset.ID{Kind: "dashboard", UID: ids.UID("dashboard", fmt.Sprint(i))})
	}
	own := asset.ID{Kind: "dashboard", UID: "own"}
	if err := ids.Bind(platform.Binding{ID: own, Server: "4"}); err != nil {
		t.Fatal(err)
	}
	if err := ids.Keep(); err != nil {
		t.Fatal(err)
	}
	rev, _, _ := m.Repo.ReadRef(refName("ids", "prod"))
	if err := ids.Keep(); err != nil {
		t.Fatal(err)
	}
	if again, _, _ := m.Repo.ReadRef(refName("ids", "prod")); again != rev {
		t.Error("keeping again what is kept wrote the map again")
	}
	other, err := LoadIDs(m.Repo, "prod")
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range want[:4] {
		if s, ok := other.Server(id); !ok || s != fmt.Sprint(i) {
			t.Errorf("%s is %q, %t", id, s, ok)
		}
	}
	if s, ok := other.Server(want[4]); ok {
		t.Errorf("the minted id of an object that is bound to another asset is kept: %q", s)
	}
	if s, ok := other.Server(own); !ok || s != "4" || other.UID("dashboard", "4") != "own" {
		t.Errorf("own is %q, %t", s, ok)
	}
}

// TestUnseen_editIsWrittenOnce: a value that the server never shows is planned
// when Git moves it, written, named as not verifiable, and then left alone.
func TestUnseen_editIsWrittenOnce(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.shy = true
	s.set("Grace", n(1), "a", "old")
	m := l.machine("clone", "", s)
	m.pull()
	path := m.files()[n(1)].Path
	for _, value := range []string{"one", "two"} {
		m.commit(map[string][]byte{path: canon(t, n(1), "Title "+n(1).UID, "a", "old", "hidden", value)})
		if run := m.pull(); len(run.Pulled) > 0 || len(run.Conflicts) > 0 {
			t.Fatalf("a pull took the edit back: %+v", run)
		}
		if st, err := m.Status(t.Context(), "prod"); err != nil || st.Assets[0].State != GitNewer {
			t.Errorf("status %v %v", st, err)
		}
		p, _, err := m.Plan(t.Context(), "prod", "", importer.Policy{})
		if err != nil || len(p.Changes) != 1 || !slices.Equal(p.Changes[0].Unseen, []string{"/spec/hidden"}) {
			t.Fatalf("%v %+v", err, p)
		}
		if before, after := p.Changes[0].Compared(); strings.Contains(string(before), "hidden") || !strings.Contains(string(after), "hidden: "+value) {
			t.Errorf("shown as\n%s\n%s", before, after)
		}
		run, err := m.Apply(t.Context(), p, nil)
		if err != nil || run.Code() != 0 || s.field(n(1), "hidden") != value || !slices.Equal(run.Outcome.Done[0].Unread, []string{"/spec/hidden"}) {
			t.Fatalf("%v, server has %q, %+v", err, s.field(n(1), "hidden"), run.Outcome)
		}
		for range 2 {
			if p, _, err := m.Plan(t.Context(), "prod", "", importer.Policy{}); err != nil || len(p.Changes) > 0 {
				t.Errorf("planned again: %v %+v", err, p.Changes)
			}
			m.pull()
		}
	}
	// another edit shows only itself, and the value that is not shown stays
	m.commit(map[string][]byte{path: canon(t, n(1), "Title "+n(1).UID, "a", "new", "hidden", "two")})
	p, _, err := m.Plan(t.Context(), "prod", "", importer.Policy{})
	if err != nil || len(p.Changes) != 1 || p.Changes[0].Unseen != nil {
		t.Fatalf("%v %+v", err, p)
	}
	if before, _ := p.Changes[0].Compared(); !strings.Contains(string(before), "hidden: two") {
		t.Errorf("before is shown as\n%s", before)
	}
	// taken out in Git: told once, because nobody can see what became of it
	m.commit(map[string][]byte{path: canon(t, n(1), "Title "+n(1).UID, "a", "new")})
	for i := range 2 {
		run := m.apply(importer.Policy{})
		if i == 1 {
			if len(run.Outcome.Done) > 0 {
				t.Errorf("written again: %+v", run.Outcome.Done)
			}
			break
		}
		if d := run.Outcome.Done[0]; len(d.Omitted) != 1 || d.Omitted[0].Path != "/spec/hidden" || run.Code() != 3 {
			t.Errorf("omitted %v, code %d", d.Omitted, run.Code())
		}
	}
}

// TestApply_oneByOne: where each write takes a while, an asset that somebody
// edits during the run is left as that person made it.
func TestApply_oneByOne(t *testing.T) {
	m, s := bench(t)
	m.Instances[0].OneByOne = true
	wrote := 0
	s.onImport = func(asset.ID) error {
		if wrote++; wrote == 1 {
			s.set("Grace", n(2), "a", "hers")
		}
		return nil
	}
	run := m.apply(importer.Policy{})
	if s.field(n(1), "a") != "new" || s.field(n(2), "a") != "hers" || wrote != 1 {
		t.Errorf("%q %q, %d writes", s.field(n(1), "a"), s.field(n(2), "a"), wrote)
	}
	if failed := run.Outcome.Failed(); len(failed) != 1 || !errors.Is(failed[0].Err, importer.ErrEditedMeanwhile) {
		t.Errorf("%+v", failed)
	}
}

// What lists do not show, and what is refused, is there all the same: a plan that
// took it for absent would create it, and be stale at each apply for ever.
func TestAbsence_planAsksToo(t *testing.T) {
	m, v := viewedMachine(t)
	v.unlisted[n(1)], v.forbidden[n(2)] = true, true
	files := m.files()
	m.commit(map[string][]byte{
		files[n(1)].Path: canon(t, n(1), "Title "+n(1).UID, "a", "new"),
		files[n(2)].Path: canon(t, n(2), "Title "+n(2).UID, "a", "new"),
		files[n(3)].Path: canon(t, n(3), "Title "+n(3).UID, "a", "new"),
	})
	for name, plan := range map[string]func() (*importer.Plan, *Run, error){
		"plan": func() (*importer.Plan, *Run, error) {
			return m.Plan(t.Context(), "prod", "", importer.Policy{Force: importer.Always})
		},
		"restore": func() (*importer.Plan, *Run, error) {
			return m.PlanRestore(t.Context(), "prod", RestoreOptions{At: "HEAD"})
		},
	} {
		p, run, err := plan()
		if err != nil {
			t.Fatal(name, err)
		}
		for _, c := range p.Changes {
			if c.Action != importer.Update || (c.Skip == "") != (c.ID != n(2)) {
				t.Errorf("%s: %s %s, skipped because %q", name, c.Action, c.ID, c.Skip)
			}
		}
		if len(p.Changes) != 3 || len(run.Failures) != 1 || run.Failures[0].ID != n(2) || run.Failures[0].Title == "" {
			t.Errorf("%s: %d changes, failures %+v", name, len(p.Changes), run.Failures)
		}
	}
	st, err := m.Status(t.Context(), "prod")
	states := st.Assets
	if err != nil || len(states) != 4 || states[0].State != GitNewer || states[1].State != Unreadable || states[2].State != GitNewer || states[3].State != InSync {
		t.Errorf("%v %+v", err, states)
	}
	run := m.apply(importer.Policy{Force: importer.Always})
	if v.field(n(1), "a") != "new" || v.field(n(2), "a") != "old" || v.field(n(3), "a") != "new" {
		t.Errorf("not applied: %+v", run.Outcome)
	}
}

// TestRecognize_isToldOfAll: which objects are already an asset's can only be
// told from all assets, not from the lost ones.
func TestRecognize_isToldOfAll(t *testing.T) {
	m, v := viewedMachine(t)
	v.objects[chartID("other-1")] = v.objects[n(1)]
	v.drop(n(1))
	v.renamed = map[string]string{}
	m.pull()
	if len(v.known) != 4 {
		t.Errorf("told of %v", v.known)
	}
}

// TestRecognize_parts: of an asset that waits in Git a killed run may have left
// parts on the server that nobody bound.
func TestRecognize_parts(t *testing.T) {
	m, v := viewedMachine(t)
	v.renamed = map[string]string{}
	if m.pull(); v.known != nil {
		t.Error("asked although all is as it was")
	}
	m.commit(map[string][]byte{m.files()[n(1)].Path: canon(t, n(1), "Title "+n(1).UID, "a", "new")})
	if m.pull(); len(v.known) != 4 {
		t.Errorf("told of %v", v.known)
	}
}

// TestAbsence_pulledMeanwhile: what another process pulled after this one had read
// the server is not missing, neither where lists show all nor where they do not.
func TestAbsence_pulledMeanwhile(t *testing.T) {
	for _, plain := range []bool{false, true} {
		m, v := viewedMachine(t)
		if plain {
			m.Instances[0].Source = v.fakeServer
		}
		in := *m.Instances[0]
		other := &Engine{Repo: m.Repo, Instances: []*Instance{&in}, Committer: m.Committer, Now: m.Now, Log: m.Log}
		v.set("Grace", n(1), "a", "new")
		m.Instances[0].Ping = func(ctx context.Context) (platform.Server, error) {
			m.Instances[0].Ping = nil
			v.set("Grace", n(9), "a", "1")
			_, err := other.Pull(ctx, "prod", PullOptions{})
			return platform.Server{}, err
		}
		run := m.pull()
		if files := m.files(); files[n(9)] == nil {
			t.Errorf("taken out of Git: %+v", run.Pulled)
		}
	}
}
