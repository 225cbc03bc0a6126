package importer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// pruned makes a plan that deletes everything the server has beside "keep", and
// applies it. during runs after the plan was made.
func pruned(t *testing.T, s *server, policy importer.Policy, o func(*server, *importer.ApplyOptions), during func()) *importer.Outcome {
	t.Helper()
	keep := doc(t, "keep", "1", "1")
	s.has[keep.ID] = keep
	p, err := importer.MakePlan(set(t, keep), s.set(t), s.set(t), policy)
	if err != nil {
		t.Fatal(err)
	}
	if during != nil {
		during()
	}
	var pre []asset.ID
	opts := s.options(&pre)
	if o != nil {
		o(s, &opts)
	}
	out, err := importer.Apply(t.Context(), s, p, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range slices.Concat(p.Levels()...) {
		if !slices.Contains(pre, c.ID) {
			t.Errorf("%s is to be deleted and in no pre-image", c.ID)
		}
	}
	return out
}

func said(out *importer.Outcome) string {
	var b strings.Builder
	for _, d := range out.Done {
		fmt.Fprintf(&b, "%s %s verified %v: %v\n", d.Action, d.ID, d.Verified, d.Err)
	}
	return b.String()
}

func TestApply_deletesInReverseOrder(t *testing.T) {
	source := kindDoc(t, "dataset", "s", "1", "1")
	c := doc(t, "c", "1", "1", source.ID)
	board := kindDoc(t, "dashboard", "d", "1", "1", c.ID)
	s := newServer(source, c, board)
	out := pruned(t, s, pruning(source.ID, c.ID, board.ID), nil, nil)
	if got := strings.Join(s.deleted, " "); got != "dashboard:d chart:c dataset:s" || len(out.Failed()) > 0 || len(s.has) != 1 || len(out.Done) != 3 || !out.Done[2].Verified {
		t.Errorf("deleted %q\n%s", got, said(out))
	}
}

// What a failed deletion leaves refers to the rest, which then stays.
func TestApply_failedDeletionKeepsWhatItUses(t *testing.T) {
	source := kindDoc(t, "dataset", "s", "1", "1")
	c, free := doc(t, "c", "1", "1", source.ID), doc(t, "free", "1", "1")
	board := kindDoc(t, "dashboard", "d", "1", "1", c.ID)
	s := newServer(source, c, board, free)
	s.refuse[board.ID] = errors.New("403")
	out := pruned(t, s, pruning(source.ID, c.ID, board.ID, free.ID), nil, nil)
	if got := strings.Join(s.deleted, " "); got != "chart:free" || len(out.Failed()) != 3 || !strings.Contains(said(out), `chart:c verified false: not deleted: dashboard:d "Chart d" uses it and could not be deleted`) {
		t.Errorf("deleted %q\n%s", got, said(out))
	}
}

// NB4: the server says yes and keeps the asset.
func TestApply_NB4_lyingDeletionIsAFailure(t *testing.T) {
	gone := doc(t, "gone", "1", "1")
	s := newServer(gone)
	s.lie[gone.ID] = true
	out := pruned(t, s, pruning(gone.ID), nil, nil)
	if len(out.Failed()) != 1 || !strings.Contains(said(out), "accepted the deletion, but it is still there") {
		t.Error(said(out))
	}
}

// Whatever happens between plan and deletion, nothing is deleted that somebody
// uses or edited, and nothing after a reading with a hole.
func TestApply_lookBeforeDeleting(t *testing.T) {
	gone := doc(t, "gone", "1", "1")
	tests := []struct {
		name   string
		opts   func(*server, *importer.ApplyOptions)
		during func(*server)
		want   string
	}{
		{"somebody uses it since", nil, func(s *server) {
			user := kindDoc(t, "dashboard", "user", "1", "1", gone.ID)
			s.has[user.ID] = user
		}, `not deleted: dashboard:user "Chart user" uses it`},
		{"a kind that may use it is not read any more", func(_ *server, o *importer.ApplyOptions) {
			read := o.Read
			o.Uses = func(by, of asset.Kind) bool { return by == "dashboard" && of == "chart" }
			o.Read = func(ctx context.Context, ids []asset.ID) (*asset.Set, error) {
				set, err := read(ctx, ids)
				set.SkipKind(asset.KindError{Kind: "dashboard", Why: "403"})
				return set, err
			}
		}, nil, "not deleted: whether one of the dashboards uses it is not known (403)"},
		{"the server cannot be read", func(s *server, o *importer.ApplyOptions) {
			read := o.Read
			o.Read = func(ctx context.Context, ids []asset.ID) (*asset.Set, error) {
				if ids == nil {
					return nil, errors.New("502")
				}
				return read(ctx, ids)
			}
		}, nil, "not deleted: the server could not be read once more: 502"},
		{"one asset cannot be read", func(s *server, o *importer.ApplyOptions) {
			read := o.Read
			o.Read = func(ctx context.Context, ids []asset.ID) (*asset.Set, error) {
				set, err := read(ctx, ids)
				if ids == nil {
					set.Fail(asset.Failure{Info: asset.Info{ID: chart("bad"), Title: "Bad"}, Err: errors.New("500")})
				}
				return set, err
			}
		}, nil, `not deleted: the server could not be read completely: chart:bad "Bad": 500`},
		{"edited after everything was read", func(s *server, o *importer.ApplyOptions) {
			read := o.Read
			o.Read = func(ctx context.Context, ids []asset.ID) (*asset.Set, error) {
				set, err := read(ctx, ids)
				if ids == nil {
					s.has[gone.ID] = doc(t, "gone", "1", "hers")
				}
				return set, err
			}
		}, nil, importer.ErrEditedMeanwhile.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(doc(t, "gone", "1", "1"))
			out := pruned(t, s, pruning(gone.ID), tt.opts, func() {
				if tt.during != nil {
					tt.during(s)
				}
			})
			if s.has[gone.ID] == nil || !strings.Contains(said(out), tt.want) {
				t.Errorf("deleted %v\n%s", s.deleted, said(out))
			}
		})
	}
}

// trash is a server that keeps what it deletes.
type trash struct{ *server }

func (s trash) Trash(ctx context.Context, id asset.ID) (string, error) {
	return "in the trash for 30 days", s.Delete(ctx, id)
}

func TestApply_softDeleteIsSaid(t *testing.T) {
	gone, keep := doc(t, "gone", "1", "1"), doc(t, "keep", "1", "1")
	s := newServer(gone, keep)
	p, err := importer.MakePlan(set(t, keep), s.set(t), s.set(t), pruning(gone.ID))
	if err != nil {
		t.Fatal(err)
	}
	var pre []asset.ID
	out, err := importer.Apply(t.Context(), trash{s}, p, s.options(&pre))
	if err != nil || len(out.Done) != 1 || !out.Done[0].Verified || out.Done[0].Kept != "in the trash for 30 days" {
		t.Errorf("%v %+v", err, out)
	}
}

// A held plan says so when it was saved and read again.
func TestPlanFile_held(t *testing.T) {
	data, err := importer.EncodePlan(&importer.Plan{Instance: "prod", Held: "too many"}, at0)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := importer.DecodePlan(data); err != nil || p.Held != "too many" {
		t.Errorf("%v %+v", err, p)
	}
}

// model is a server, Git, base and inventory that people and dashkeep work on.
type model struct {
	rt        *rapid.T
	s         *server
	git, base map[asset.ID]*asset.Asset
	owned     map[asset.ID]bool
	broken    map[asset.ID]bool // listed, and cannot be read
}

// TestPrune_deletesNothingItShouldNot plays random sequences of edits, deletions,
// releases and partial reads. After each apply, what is gone from the server was in
// the inventory, gone from Git, as both sides last knew it, used by nobody, within
// the caps, and read completely.
func TestPrune_deletesNothingItShouldNot(t *testing.T) {
	ids := []asset.ID{{Kind: "dataset", UID: "s1"}, {Kind: "chart", UID: "c1"}, {Kind: "chart", UID: "c2"}, {Kind: "chart", UID: "c3"},
		{Kind: "dashboard", UID: "d1"}, {Kind: "dashboard", UID: "d2"}}
	deletions := 0
	for range 10 { // rapid's hundred are few for what takes so many steps
		rapid.Check(t, func(rt *rapid.T) { deletions += playPrune(t, rt, ids) })
	}
	t.Logf("%d deletions", deletions)
	if deletions < 20 && !testing.Short() { // which plays a fifth
		t.Errorf("only %d deletions: this tests little", deletions)
	}
}

func playPrune(t *testing.T, rt *rapid.T, ids []asset.ID) (deletions int) {
	m := &model{rt: rt, s: newServer(), git: map[asset.ID]*asset.Asset{}, base: map[asset.ID]*asset.Asset{}, owned: map[asset.ID]bool{}, broken: map[asset.ID]bool{}}
	pick := rapid.SampledFrom(ids)
	value := rapid.SampledFrom([]string{"1", "2", "3"})
	build := func(id asset.ID) *asset.Asset {
		var refs []asset.ID
		for _, r := range ids {
			if r.Kind < id.Kind && id.Kind != "dashboard" && r.Kind == "dataset" || id.Kind == "dashboard" && r.Kind == "chart" {
				if rapid.Bool().Draw(rt, "refers to "+r.String()) {
					refs = append(refs, r)
				}
			}
		}
		return kindDoc(t, id.Kind, id.UID, value.Draw(rt, "a"), fmt.Sprint(refs), refs...)
	}
	for _, id := range ids { // in sync, and most of it in the inventory
		a := build(id)
		m.git[id], m.base[id], m.s.has[id] = a, a, a
		m.owned[id] = value.Draw(rt, "owned") != "3"
	}
	rt.Repeat(map[string]func(*rapid.T){
		"edit in Git":     func(*rapid.T) { a := build(pick.Draw(rt, "edited")); m.git[a.ID] = a },
		"delete in Git":   func(*rapid.T) { delete(m.git, pick.Draw(rt, "gone")) },
		"edit live":       func(*rapid.T) { a := build(pick.Draw(rt, "edited")); m.s.has[a.ID] = a },
		"delete live":     func(*rapid.T) { delete(m.s.has, pick.Draw(rt, "gone")) },
		"manage":          func(*rapid.T) { m.owned[pick.Draw(rt, "managed")] = true },
		"release":         func(*rapid.T) { delete(m.owned, pick.Draw(rt, "released")) },
		"a read fails":    func(*rapid.T) { m.broken[pick.Draw(rt, "unreadable")] = true },
		"it reads again":  func(*rapid.T) { clear(m.broken) },
		"a refused write": func(*rapid.T) { m.s.refuse[pick.Draw(rt, "refused")] = errors.New("422") },
		"it takes it":     func(*rapid.T) { clear(m.s.refuse) },
		"pull":            func(*rapid.T) { m.agree(ids) },
		"apply":           func(*rapid.T) { deletions += m.apply(t, ids) },
		"":                func(*rapid.T) {},
	})
	return deletions
}

// agree moves base as a pull does: to what both sides have in common.
func (m *model) agree(ids []asset.ID) {
	for _, id := range ids {
		g, l := m.git[id], m.s.has[id]
		switch {
		case m.broken[id]:
		case g == nil && l == nil:
			delete(m.base, id)
		case g != nil && l != nil && string(g.Content) == string(l.Content):
			m.base[id] = g
		}
	}
}

// read is the server with holes.
func (m *model) read(ctx context.Context, ids []asset.ID) (*asset.Set, error) {
	set, err := m.s.read(ctx, ids)
	if err != nil {
		return nil, err
	}
	var as []*asset.Asset
	for a := range set.All() {
		if !m.broken[a.ID] {
			as = append(as, a)
		}
	}
	out, err := asset.NewSet(as...)
	for a := range set.All() {
		if m.broken[a.ID] {
			out.Fail(asset.Failure{Info: a.Info, Err: errors.New("500")})
		}
	}
	return out, err
}

func (m *model) apply(t *testing.T, ids []asset.ID) int {
	rt := m.rt
	policy := always(rapid.SampledFrom([]importer.Overwrite{importer.IfUnchanged, importer.IfUnchanged, importer.Always, importer.Always, importer.Never}).Draw(rt, "overwrite"))
	policy.Prune = importer.Prune{Enabled: rapid.IntRange(0, 5).Draw(rt, "prune") > 0, Max: rapid.IntRange(0, 3).Draw(rt, "max"), MaxPercent: rapid.SampledFrom([]int{0, 10, 50, 100, 100}).Draw(rt, "percent"),
		Owned: func(id asset.ID) bool { return m.owned[id] }, Restore: rapid.Bool().Draw(rt, "restore"), Instance: "prod"}
	live, err := m.read(t.Context(), nil)
	if err != nil {
		rt.Fatal(err)
	}
	was := map[asset.ID]*asset.Asset{}
	for id, a := range m.s.has {
		was[id] = a
	}
	p, err := importer.MakePlan(set(t, values(m.git)...), live, set(t, values(m.base)...), policy)
	if err != nil {
		rt.Fatal(err)
	}
	if rapid.IntRange(0, 5).Draw(rt, "a read fails meanwhile") == 5 {
		m.broken[rapid.SampledFrom(ids).Draw(rt, "unreadable")] = true
	}
	created := map[asset.ID]bool{}
	partial := false
	for id := range m.broken {
		partial = partial || was[id] != nil
	}
	out, err := importer.Apply(t.Context(), m.s, p, importer.ApplyOptions{Read: m.read, OneByOne: rapid.Bool().Draw(rt, "one by one"),
		Preimage: func(context.Context, *asset.Set) error { return nil },
		Created: func(_ context.Context, cs []importer.Change) {
			for _, c := range cs {
				created[c.ID] = true
			}
		}})
	var stale *importer.StaleError
	if err != nil && !errors.As(err, &stale) {
		rt.Fatal(err)
	}
	n := 0
	for id, a := range was {
		if m.s.has[id] != nil {
			continue
		}
		n++
		switch {
		case !policy.Prune.Enabled:
			rt.Fatalf("%s is deleted and pruning is off", id)
		case !m.owned[id]:
			rt.Fatalf("%s is deleted and not in the inventory", id)
		case m.git[id] != nil || len(m.git) == 0:
			rt.Fatalf("%s is deleted, and Git has it, or nothing", id)
		case m.base[id] == nil || string(m.base[id].Content) != string(a.Content):
			rt.Fatalf("%s is deleted, and somebody edited it", id)
		case partial:
			rt.Fatalf("%s is deleted after a reading with holes", id)
		}
		for other, b := range m.s.has {
			if slices.Contains(b.Refs, id) {
				rt.Fatalf("%s is deleted, and %s uses it", id, other)
			}
		}
	}
	if share := max(1, len(was)*policy.Prune.MaxPercent/100); n > policy.Prune.Max || n > 0 && policy.Prune.MaxPercent == 0 || n > share {
		rt.Fatalf("%d of %d are deleted, with %+v", n, len(was), policy.Prune)
	}
	for id := range created {
		if was[id] != nil || m.s.has[id] == nil {
			rt.Fatalf("%s is called created", id)
		}
		m.owned[id] = true
	}
	if out != nil {
		for id, a := range m.s.has { // what the run read back as Git has it is common now
			if g := m.git[id]; g != nil && string(g.Content) == string(a.Content) && was[id] == nil {
				m.base[id] = g
			}
		}
	}
	return n
}

func values(m map[asset.ID]*asset.Asset) []*asset.Asset {
	var out []*asset.Asset
	for _, a := range m {
		out = append(out, a)
	}
	return out
}
