package sync

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// witness is a server that shows an account only a part, and says of what is
// missing whether it may be there.
type witness struct {
	*fakeServer
	account string
	cannot  map[string]map[asset.ID]bool // account -> what it is not shown
	kinds   []asset.KindError
	asked   []asset.Lost
	err     error
}

func (w *witness) Viewer(context.Context) (string, error) { return w.account, nil }

func (w *witness) List(ctx context.Context) ([]asset.Info, error) {
	infos, err := w.fakeServer.List(ctx)
	return slices.DeleteFunc(infos, func(i asset.Info) bool { return w.cannot[w.account][i.ID] }), err
}

func (w *witness) Export(ctx context.Context, ids []asset.ID) iter.Seq2[*asset.Raw, error] {
	return func(yield func(*asset.Raw, error) bool) {
		for _, k := range w.kinds {
			if !yield(nil, &k) {
				return
			}
		}
		for raw, err := range w.fakeServer.Export(ctx, ids) {
			if err == nil && w.cannot[w.account][raw.ID] {
				continue
			}
			if !yield(raw, err) {
				return
			}
		}
	}
}

func (w *witness) Hidden(_ context.Context, lost []asset.Lost) (map[asset.ID]string, error) {
	w.asked = append(w.asked, lost...)
	out := map[asset.ID]string{}
	for _, l := range lost {
		if w.objects[l.ID] != nil {
			out[l.ID] = "it may be private"
		}
	}
	return out, w.err
}

// witnessed has pulled four charts once, as ann.
func witnessed(t *testing.T) (*machine, *witness) {
	t.Helper()
	l := newLab(t)
	w := &witness{fakeServer: newFake(), account: "ann", cannot: map[string]map[asset.ID]bool{"ann": {}, "bob": {}}}
	for i := range 4 {
		w.set("Grace", n(i+1), "a", "old")
	}
	m := l.machine("clone", "", w.fakeServer)
	m.Instances[0].Source = w
	m.Instances[0].Brake.Removed = 2
	m.pull()
	return m, w
}

func TestWitness_goneLeavesAtOnce(t *testing.T) {
	m, w := witnessed(t)
	w.drop(n(1))
	if run := m.pull(); len(m.files()) != 3 || run.Code() != 0 {
		t.Errorf("%d files, code %d", len(m.files()), run.Code())
	}
	if len(w.asked) != 1 || !w.asked[0].Own {
		t.Errorf("asked %+v", w.asked)
	}
}

// What the account could see before and cannot any more is kept, under --accept
// too, and is a failure of each pull until it can be seen, is accepted or is
// deleted in Git.
func TestWitness_lostSightIsAFailure(t *testing.T) {
	m, w := witnessed(t)
	w.cannot["ann"][n(1)] = true
	for i := range 3 {
		run := m.pull(make([]bool, i)...)
		if len(m.files()) != 4 || len(run.Failures) != 1 || run.Failures[0].ID != n(1) || run.Code() != 3 || len(run.Hidden) != 0 {
			t.Fatalf("pull %d: %d files, failures %v, hidden %v, code %d", i+1, len(m.files()), run.Failures, run.Hidden, run.Code())
		}
		if text := run.Failures[0].Err.Error(); !strings.Contains(text, "it may be private") || !strings.Contains(text, "ann") {
			t.Error(text)
		}
	}
	m.Instances[0].Accepted = func(id asset.ID, _ time.Time) (string, bool) { return "known", id == n(1) }
	if run := m.pull(); len(run.Accepted) != 1 || run.Code() != 0 {
		t.Errorf("accepted %v, code %d", run.Accepted, run.Code())
	}
	m.Instances[0].Accepted = nil
	delete(w.cannot["ann"], n(1))
	if run := m.pull(); run.Code() != 0 || len(m.files()) != 4 {
		t.Errorf("code %d, %d files", run.Code(), len(m.files()))
	}
	w.drop(n(1))
	if m.pull(); len(m.files()) != 3 {
		t.Error("what was seen again and then deleted stays in Git")
	}
}

// Another account is shown less: listed, no failure, nothing deleted, and the
// brake does not hold however much it is.
func TestWitness_anotherAccountSeesLess(t *testing.T) {
	m, w := witnessed(t)
	w.account, w.cannot["bob"] = "bob", map[asset.ID]bool{n(1): true, n(2): true, n(3): true}
	for range 2 {
		run := m.pull()
		if len(m.files()) != 4 || len(run.Hidden) != 3 || run.Code() != 0 || run.Held != nil {
			t.Fatalf("%d files, hidden %v, code %d, held %v", len(m.files()), run.Hidden, run.Code(), run.Held)
		}
	}
	w.set("Grace", n(4), "a", "new")
	w.drop(n(1)) // which bob cannot know, but the witness does
	if run := m.pull(); len(m.files()) != 3 || len(run.Pulled) != 2 {
		t.Errorf("%d files, pulled %v", len(m.files()), run.Pulled)
	}
	for _, l := range w.asked {
		if l.Own {
			t.Errorf("%s is said to have been shown to bob", l.ID)
		}
	}
}

// A person deletes the file of what nobody can see: it is not spoken of again,
// and is not created by an apply.
func TestWitness_deletedInGit(t *testing.T) {
	m, w := witnessed(t)
	w.cannot["ann"][n(1)] = true
	m.pull()
	m.commit(map[string][]byte{m.files()[n(1)].Path: nil})
	if run := m.pull(); run.Code() != 0 || len(m.files()) != 3 {
		t.Errorf("code %d, %d files", run.Code(), len(m.files()))
	}
}

func TestWitness_planAndStatus(t *testing.T) {
	m, w := witnessed(t)
	w.cannot["ann"][n(1)] = true
	fresh, gone := m.files()[n(1)].Path, m.files()[n(2)].Path
	m.commit(map[string][]byte{
		fresh: canon(t, n(1), "Title", "a", "newer"), gone: canon(t, n(2), "Title", "a", "newer"),
		"prod/charts/fresh.yaml": canon(t, n(9), "Fresh", "a", "b"),
	})
	w.drop(n(2))
	p, _, err := m.Plan(t.Context(), "prod", "", importer.Policy{Force: importer.Always})
	if err != nil {
		t.Fatal(err)
	}
	got := map[asset.ID]importer.Change{}
	for _, c := range p.Changes {
		got[c.ID] = c
	}
	if c := got[n(1)]; c.Applies() || !strings.Contains(c.Skip, "it may be private") {
		t.Errorf("what is hidden: %+v", c)
	}
	if c := got[n(2)]; !c.Applies() || c.Action != importer.Create {
		t.Errorf("what is gone: %+v", c)
	}
	if c := got[n(9)]; !c.Applies() || c.Action != importer.Create {
		t.Errorf("what is new: %+v", c)
	}
	st, err := m.Status(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range st.Assets {
		if want := map[asset.ID]State{n(1): NotShown, n(2): OnlyGit, n(9): OnlyGit}[s.Info.ID]; want != "" && s.State != want {
			t.Errorf("%s is %q, want %q", s.Info.ID, s.State, want)
		}
	}
}

func TestWitness_errorSaysNothing(t *testing.T) {
	m, w := witnessed(t)
	w.drop(n(1))
	w.err = errors.New("503")
	if _, err := m.Pull(t.Context(), "prod", PullOptions{}); err == nil || len(m.files()) != 4 {
		t.Errorf("%v, %d files", err, len(m.files()))
	}
}

// A kind that may not be read is told and never empty; one that the config names
// is a failure; one that the config leaves out is not spoken of.
func TestNotRead(t *testing.T) {
	m, w := witnessed(t)
	w.cannot["ann"] = map[asset.ID]bool{n(1): true, n(2): true, n(3): true, n(4): true}
	for _, c := range []struct {
		reason asset.KindReason
		named  bool
		told   int
		failed int
	}{
		{asset.Forbidden, false, 1, 0}, {asset.Forbidden, true, 1, 1}, {asset.NotThere, true, 1, 0}, {asset.NotChosen, false, 0, 0},
	} {
		w.kinds = []asset.KindError{{Kind: "chart", Why: "because", Reason: c.reason}}
		if m.Instances[0].Named = nil; c.named {
			m.Instances[0].Named = []asset.Kind{"chart"}
		}
		run := m.pull()
		_, planned, err := m.Plan(t.Context(), "prod", "", importer.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		st, err := m.Status(t.Context(), "prod")
		if err != nil {
			t.Fatal(err)
		}
		for what, got := range map[string][2]int{"pull": {len(run.NotRead), len(run.Failures)}, "plan": {len(planned.NotRead), len(planned.Failures)},
			"status": {len(st.NotRead), len(st.Failures)}} {
			if got != [2]int{c.told, c.failed} {
				t.Errorf("%+v: %s tells %v", c, what, got)
			}
		}
		if len(m.files()) != 4 || len(w.asked) != 0 || (run.Code() == 3) != (c.failed > 0) {
			t.Errorf("%+v: %d files, asked %v, code %d", c, len(m.files()), w.asked, run.Code())
		}
	}
}

// Shown in part: told, and what is missing is asked about.
func TestNotRead_inPart(t *testing.T) {
	m, w := witnessed(t)
	w.kinds = []asset.KindError{{Kind: "chart", Why: "only some", Reason: asset.InPart}}
	w.drop(n(1))
	if run := m.pull(); len(run.NotRead) != 1 || len(m.files()) != 3 || run.Code() != 0 {
		t.Errorf("%v, %d files, code %d", run.NotRead, len(m.files()), run.Code())
	}
}
