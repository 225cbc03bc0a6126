package importer_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// server is a BI server in miniature: it keeps contents and can misbehave.
type server struct {
	has     map[asset.ID]*asset.Asset
	calls   []string
	deleted []string
	refuse  map[asset.ID]error
	lie     map[asset.ID]bool      // answers 200 and keeps the old content
	before  func(s *server, n int) // runs before the nth import
}

func newServer(as ...*asset.Asset) *server {
	s := &server{has: map[asset.ID]*asset.Asset{}, refuse: map[asset.ID]error{}, lie: map[asset.ID]bool{}}
	for _, a := range as {
		s.has[a.ID] = a
	}
	return s
}

func (s *server) Import(_ context.Context, as []*asset.Asset, _ *asset.Set) []asset.Result {
	if s.before != nil {
		s.before(s, len(s.calls))
	}
	var out []asset.Result
	var names []string
	for _, a := range as {
		names = append(names, a.ID.String())
		if err := s.refuse[a.ID]; err != nil {
			out = append(out, asset.Result{ID: a.ID, Err: err})
			continue
		}
		if !s.lie[a.ID] {
			s.has[a.ID] = a
		}
		out = append(out, asset.Result{ID: a.ID})
	}
	s.calls = append(s.calls, strings.Join(names, " "))
	return out
}

func (s *server) Delete(_ context.Context, id asset.ID) error {
	if err := s.refuse[id]; err != nil {
		return err
	}
	s.deleted = append(s.deleted, id.String())
	if !s.lie[id] {
		delete(s.has, id)
	}
	return nil
}

func (s *server) read(_ context.Context, ids []asset.ID) (*asset.Set, error) {
	var as []*asset.Asset
	for id, a := range s.has {
		if ids == nil || slices.Contains(ids, id) {
			as = append(as, a)
		}
	}
	return asset.NewSet(as...)
}

func (s *server) set(t testing.TB) *asset.Set {
	all, err := s.read(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (s *server) options(pre *[]asset.ID) importer.ApplyOptions {
	return importer.ApplyOptions{Read: s.read, Preimage: func(_ context.Context, live *asset.Set) error {
		if len(s.calls) > 0 {
			return errors.New("a write came before the pre-image")
		}
		*pre = live.IDs()
		return nil
	}}
}

func TestApply_writesVerifiesAndKeepsAPreimage(t *testing.T) {
	old := doc(t, "u1", "1", "1")
	s := newServer(old)
	p, err := importer.MakePlan(set(t, doc(t, "u1", "2", "1"), doc(t, "u2", "1", "1")), s.set(t), nil, always(importer.Always))
	if err != nil {
		t.Fatal(err)
	}
	var pre []asset.ID
	out, err := importer.Apply(t.Context(), s, p, s.options(&pre))
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Failed()) != 0 || len(out.Done) != 2 || !out.Done[0].Verified || !out.Done[1].Verified {
		t.Errorf("outcome %+v", out.Done)
	}
	if len(pre) != 1 || pre[0] != old.ID {
		t.Errorf("pre-image of %v", pre)
	}
}

// NB4: the server answers 200 and keeps what it had.
func TestApply_NB4_lyingServerIsAFailure(t *testing.T) {
	old := doc(t, "u1", "1", "1")
	s := newServer(old)
	s.lie[old.ID] = true
	p, _ := importer.MakePlan(set(t, doc(t, "u1", "2", "1")), s.set(t), nil, always(importer.Always))
	var pre []asset.ID
	out, err := importer.Apply(t.Context(), s, p, s.options(&pre))
	if err != nil {
		t.Fatal(err)
	}
	var verify *importer.VerifyError
	if len(out.Failed()) != 1 || !errors.As(out.Done[0].Err, &verify) || !strings.Contains(verify.Error(), "/spec/a") {
		t.Errorf("outcome %+v", out.Done)
	}
}

func TestApply_stalePlanWritesNothing(t *testing.T) {
	s := newServer(doc(t, "u1", "1", "1"))
	p, _ := importer.MakePlan(set(t, doc(t, "u1", "2", "1")), s.set(t), nil, always(importer.Always))
	s.has[asset.ID{Kind: "chart", UID: "u1"}] = doc(t, "u1", "somebody", "1")
	s.has[asset.ID{Kind: "chart", UID: "other"}] = doc(t, "other", "1", "1") // the server moved, the plan's assets decide
	var pre []asset.ID
	_, err := importer.Apply(t.Context(), s, p, s.options(&pre))
	var stale *importer.StaleError
	if !errors.As(err, &stale) || len(stale.IDs) != 1 || len(s.calls) != 0 || pre != nil {
		t.Errorf("err %v, calls %v, pre-image %v", err, s.calls, pre)
	}
}

// Live is read again before each level: what was edited meanwhile is left alone.
func TestApply_editedBetweenLevelsIsLeftAlone(t *testing.T) {
	dep := asset.ID{Kind: "chart", UID: "u1"}
	first, second := doc(t, "u1", "1", "1"), kindDoc(t, "dashboard", "u2", "1", "1", dep)
	s := newServer(first, second)
	p, _ := importer.MakePlan(set(t, doc(t, "u1", "2", "1"), kindDoc(t, "dashboard", "u2", "2", "1", dep)), s.set(t), nil, always(importer.Always))
	edited := kindDoc(t, "dashboard", "u2", "somebody", "1", dep)
	s.before = func(s *server, n int) {
		if n == 0 {
			s.has[second.ID] = edited
		}
	}
	var pre []asset.ID
	out, err := importer.Apply(t.Context(), s, p, s.options(&pre))
	if err != nil {
		t.Fatal(err)
	}
	if f := out.Failed(); len(f) != 1 || !errors.Is(f[0].Err, importer.ErrEditedMeanwhile) || s.has[second.ID] != edited {
		t.Errorf("outcome %+v", out.Done)
	}
}

// One refused asset takes with it only what cannot be without it: what is new is
// left to the server to judge, what is there already is not made worse.
func TestApply_oneBadAssetNeverStopsTheRest(t *testing.T) {
	bad, strict := asset.ID{Kind: "chart", UID: "bad"}, asset.ID{Kind: "chart", UID: "strict"}
	known := kindDoc(t, "dashboard", "known", "0", "0")
	desired := set(t, doc(t, "bad", "1", "1"), doc(t, "good", "1", "1"), kindDoc(t, "chart", "strict", "1", "1", bad),
		kindDoc(t, "dashboard", "lax", "1", "1", bad), kindDoc(t, "dashboard", "known", "1", "1", bad),
		kindDoc(t, "dashboard", "free", "1", "1", asset.ID{Kind: "chart", UID: "good"}))
	s := newServer(known)
	s.refuse[bad], s.refuse[strict] = errors.New("422"), errors.New("no dataset")
	p, _ := importer.MakePlan(desired, set(t, known), set(t, known), importer.Policy{})
	var pre []asset.ID
	out, err := importer.Apply(t.Context(), s, p, s.options(&pre))
	if err != nil {
		t.Fatal(err)
	}
	failed := map[string]string{}
	for _, d := range out.Failed() {
		failed[d.ID.String()] = d.Err.Error()
	}
	want := map[string]string{"chart:bad": "422", "chart:strict": "no dataset (chart:bad was not written either)",
		"dashboard:known": "not written, because chart:bad failed"}
	if !maps.Equal(failed, want) {
		t.Errorf("failed %v\nwant %v", failed, want)
	}
	if len(s.has) != 4 || s.has[known.ID] != known {
		t.Errorf("the server has %d, and the known dashboard was touched: %v", len(s.has), s.has[known.ID] != known)
	}
}

// A pre-image that cannot be kept stops the run before the first write.
func TestApply_noPreimageNoWrite(t *testing.T) {
	s := newServer()
	p, _ := importer.MakePlan(set(t, doc(t, "u1", "1", "1")), nil, nil, importer.Policy{})
	_, err := importer.Apply(t.Context(), s, p, importer.ApplyOptions{Read: s.read,
		Preimage: func(context.Context, *asset.Set) error { return errors.New("disk full") }})
	if err == nil || len(s.calls) != 0 {
		t.Errorf("err %v, calls %v", err, s.calls)
	}
}

// Applying a plan and planning again gives nothing to do, whatever the states
// were, and never a write that policy forbids.
func TestApply_converges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		value := rapid.SampledFrom([]string{"1", "2", "3"})
		pick := func(name, uid string) *asset.Asset {
			if rapid.Bool().Draw(rt, name+" present") {
				return doc(t, uid, value.Draw(rt, name+" a"), value.Draw(rt, name+" b"))
			}
			return nil
		}
		var desired, live, base []*asset.Asset
		for _, uid := range []string{"u1", "u2"} {
			desired = append(desired, pick("git "+uid, uid))
			live = append(live, pick("live "+uid, uid))
			base = append(base, pick("base "+uid, uid))
		}
		s := newServer(slices.DeleteFunc(slices.Clone(live), func(a *asset.Asset) bool { return a == nil })...)
		policy := always(rapid.SampledFrom([]importer.Overwrite{importer.IfUnchanged, importer.Always, importer.Never}).Draw(rt, "overwrite"))
		p, err := importer.MakePlan(set(t, desired...), s.set(t), set(t, base...), policy)
		if err != nil {
			rt.Fatal(err)
		}
		var pre []asset.ID
		out, err := importer.Apply(t.Context(), s, p, s.options(&pre))
		if err != nil || len(out.Failed()) > 0 {
			rt.Fatalf("apply: %v %+v", err, out)
		}
		again, err := importer.MakePlan(set(t, desired...), s.set(t), set(t, base...), policy)
		if err != nil {
			rt.Fatal(err)
		}
		if n := len(again.Levels()); n != 0 {
			rt.Fatalf("after apply the plan still has %d levels: %+v", n, again.Changes)
		}
	})
}

var at0 = time.Unix(0, 0)

func TestPlanFile_roundTripAndTamper(t *testing.T) {
	s := newServer(doc(t, "u1", "1", "1"))
	p, _ := importer.MakePlan(set(t, doc(t, "u1", "2", "1"), doc(t, "u2", "1", "1", asset.ID{Kind: "dataset", UID: "d"})), s.set(t), nil, always(importer.Always))
	p.Instance, p.Revision = "prod", "abc"
	data, err := importer.EncodePlan(p, at0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := importer.DecodePlan(data)
	if err != nil {
		t.Fatal(err)
	}
	if got.Instance != "prod" || len(got.Changes) != 2 || string(got.Changes[0].After.Content) != string(p.Changes[0].After.Content) || len(got.Changes[1].After.Refs) != 1 {
		t.Errorf("got %+v", got)
	}
	if _, err := importer.DecodePlan([]byte(strings.Replace(string(data), `a: '2'`, `a: '3'`, 1))); err == nil {
		t.Error("a plan edited by hand was taken")
	}
	if _, err := importer.DecodePlan([]byte("{")); err == nil {
		t.Error("half a plan was taken")
	}
}

// Keeping the pre-image may push to a slow Git host. An edit in that time is in
// no pre-image; where assets are written one by one it is seen and left alone.
func TestApply_oneByOneLooksAgainAfterThePreimage(t *testing.T) {
	old, hers := doc(t, "u1", "1", "1"), doc(t, "u1", "hers", "1")
	s := newServer(old)
	p, err := importer.MakePlan(set(t, doc(t, "u1", "2", "1")), s.set(t), nil, always(importer.Always))
	if err != nil {
		t.Fatal(err)
	}
	out, err := importer.Apply(t.Context(), s, p, importer.ApplyOptions{Read: s.read, OneByOne: true, Preimage: func(context.Context, *asset.Set) error {
		s.has[old.ID] = hers
		return nil
	}})
	if err != nil || len(out.Done) != 1 || !errors.Is(out.Done[0].Err, importer.ErrEditedMeanwhile) || s.has[old.ID] != hers {
		t.Errorf("%v, %+v, the server has\n%s", err, out.Done, s.has[old.ID].Content)
	}
}
