package sync

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// side makes a set of at most one asset, as Git or a server would give it.
func side(t testing.TB, path string, content []byte) *asset.Set {
	t.Helper()
	var as []*asset.Asset
	if content != nil {
		a, err := normalize.Load("x.yaml", content, fakeRules())
		if err != nil {
			t.Fatal(err)
		}
		a.Path = path
		as = append(as, a)
	}
	s, err := asset.NewSet(as...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const filePath = "prod/charts/title.u1.yaml"

var u1 = chartID("u1")

// TestReconcile_allStates goes through every presence and value of base, Git and
// live, and through every reason for which a side cannot be trusted.
func TestReconcile_allStates(t *testing.T) {
	values := []string{"", "1", "2"}
	for _, b := range values {
		for _, g := range values {
			for _, l := range values {
				for _, trouble := range []string{"", "unreadable", "unselected", "dirty", "broken file"} {
					t.Run(fmt.Sprintf("base=%s git=%s live=%s %s", b, g, l, trouble), func(t *testing.T) {
						reconcileState(t, b, g, l, trouble)
					})
				}
			}
		}
	}
}

func reconcileState(t *testing.T, b, g, l, trouble string) {
	doc := func(v string) []byte {
		if v == "" {
			return nil
		}
		return canon(t, u1, "Title", "a", v)
	}
	desired, live, base := side(t, filePath, doc(g)), side(t, "", doc(l)), side(t, "", doc(b))
	dirty := map[string]bool{}
	switch trouble {
	case "unreadable":
		live = side(t, "", nil)
		live.Fail(asset.Failure{Info: asset.Info{ID: u1}, Err: errors.New("500")})
	case "unselected":
		live = side(t, "", nil)
		live.Unselect(u1, asset.Outside{})
	case "broken file":
		desired = side(t, "", nil)
		desired.Fail(asset.Failure{Info: asset.Info{ID: u1}, Err: errors.New("not YAML")})
	case "dirty":
		dirty[filePath] = true
	}
	r, err := reconcile(desired, live, base, ways{pathOf: func(*asset.Asset) string { return filePath }, dirty: dirty})
	if err != nil {
		t.Fatal(err)
	}
	seen := trouble == "" || trouble == "dirty"
	want, conflict := g, false
	switch {
	case !seen, g == l, l == b:
	case g == b:
		want = l
	default:
		conflict = true
	}
	isDirty := trouble == "dirty" && want != g
	if isDirty {
		want = g
	}
	got, known := r.Git[u1]
	if known == (trouble == "broken file") && (b+g+l != "" && trouble != "unselected" || known) {
		t.Errorf("Git known: %v", known)
	}
	if known && !bytes.Equal(got, doc(want)) {
		t.Errorf("Git holds\n%swant\n%s", got, doc(want))
	}
	if (len(r.Conflicts) == 1) != conflict || (len(r.Dirty) == 1) != isDirty || (len(r.Pulled) == 1) != (want != g) {
		t.Errorf("conflicts %d (want %v), dirty %d (want %v), pulled %d (want %v)", len(r.Conflicts), conflict, len(r.Dirty), isDirty, len(r.Pulled), want != g)
	}
	if removed := seen && b != "" && l == ""; (len(r.Removed) == 1) != removed {
		t.Errorf("removed %v, want %v", r.Removed, removed)
	}
	after, err := (&Engine{}).agree(u1, asBase(base), r.Git, live, nil)
	if err != nil {
		t.Fatal(err)
	}
	if (!seen || (want == "") != (l == "") || b == "" && want == "" && l == "") && !bytes.Equal(after, doc(b)) {
		t.Errorf("base moved to\n%s", after)
	}
	if seen && want == l && !bytes.Equal(after, doc(l)) {
		t.Errorf("base is\n%swant what both hold\n%s", after, doc(l))
	}
}

func asBase(s *asset.Set) *base { return &base{set: s} }

// fields is a drawn document; nil is an absent one.
type fields map[string]string

func drawDoc(t *rapid.T, name string) fields {
	if rapid.IntRange(0, 5).Draw(t, name+" absent") == 0 {
		return nil
	}
	f := fields{}
	for _, k := range []string{"a", "b", "c"} {
		if v := rapid.SampledFrom([]string{"", "1", "2", "3"}).Draw(t, name+" "+k); v != "" {
			f[k] = v
		}
	}
	return f
}

func (f fields) content(t testing.TB) []byte {
	if f == nil {
		return nil
	}
	var kv []any
	for _, k := range []string{"a", "b", "c"} {
		if v, ok := f[k]; ok {
			kv = append(kv, k, v)
		}
	}
	return canon(t, u1, "Title", kv...)
}

func read(t testing.TB, content []byte) fields {
	if content == nil {
		return nil
	}
	_, f, _, err := fieldsOf(content)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestReconcile_valueMovedOnOneSideIsKept: a value that only one side moved since
// base survives the pull, in Git or live; a second pull changes nothing.
func TestReconcile_valueMovedOnOneSideIsKept(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b, g, l := drawDoc(rt, "base"), drawDoc(rt, "git"), drawDoc(rt, "live")
		git, baseDoc, live := g.content(t), b.content(t), side(t, "", l.content(t))
		r := mustReconcile(t, side(t, filePath, git), live, side(t, "", baseDoc))
		after := read(t, r.Git[u1])
		if len(r.Conflicts) > 0 && !bytes.Equal(r.Git[u1], git) {
			rt.Fatalf("a conflict is reported and Git is changed to %v", after)
		}
		if len(r.Conflicts) == 0 && b != nil && g != nil && l != nil {
			for _, k := range []string{"a", "b", "c"} {
				want := g[k]
				if g[k] == b[k] {
					want = l[k]
				}
				if after[k] != want {
					rt.Errorf("%s: base %q git %q live %q became %q", k, b[k], g[k], l[k], after[k])
				}
				if g[k] != b[k] && l[k] != b[k] && g[k] != l[k] {
					rt.Errorf("%s: both moved (base %q git %q live %q) and no conflict is reported", k, b[k], g[k], l[k])
				}
			}
		}
		next, err := (&Engine{}).agree(u1, asBase(side(t, "", baseDoc)), r.Git, live, nil)
		if err != nil {
			rt.Fatal(err)
		}
		again := mustReconcile(t, side(t, filePath, r.Git[u1]), live, side(t, "", next))
		if len(again.Pulled) > 0 || len(again.Conflicts) != len(r.Conflicts) {
			rt.Errorf("a second pull: %d changes, %d conflicts (first: %d)", len(again.Pulled), len(again.Conflicts), len(r.Conflicts))
		}
		next2, err := (&Engine{}).agree(u1, asBase(side(t, "", next)), again.Git, live, nil)
		if err != nil || !bytes.Equal(next, next2) {
			rt.Errorf("base moved again: %v\n%s\n%s", err, next, next2)
		}
		planKeepsLive(rt, t, r.Git[u1], live, side(t, "", next))
	})
}

// planKeepsLive checks that what a plan would write holds every value that only
// the server moved.
func planKeepsLive(rt *rapid.T, t testing.TB, git []byte, live, base *asset.Set) {
	p, err := importer.MakePlan(side(t, filePath, git), live, base, importer.Policy{})
	if err != nil {
		rt.Fatal(err)
	}
	for _, c := range p.Changes {
		if !c.Applies() || c.Before == nil || base.Get(u1) == nil {
			continue
		}
		was, now, will := read(t, base.Get(u1).Content), read(t, c.Before.Content), read(t, c.After.Content)
		for _, k := range []string{"a", "b", "c"} {
			if now[k] != was[k] && will[k] != now[k] {
				rt.Errorf("the plan replaces %s=%q, which only the server moved from %q, by %q", k, now[k], was[k], will[k])
			}
		}
	}
}

func mustReconcile(t testing.TB, desired, live, base *asset.Set) *reconciled {
	t.Helper()
	r, err := reconcile(desired, live, base, ways{pathOf: func(*asset.Asset) string { return filePath }})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A value that this server does not show is no change, also when Git deleted the
// asset and base still has the value.
func TestReconcile_deletedInGitAndHiddenLive(t *testing.T) {
	base := side(t, "", canon(t, u1, "Title", "a", "1", "hidden", "h"))
	live := side(t, "", canon(t, u1, "Title", "a", "1"))
	live.Get(u1).Unread = []string{"/spec/hidden"}
	r := mustReconcile(t, side(t, "", nil), live, base)
	if len(r.Conflicts) > 0 || len(r.Changed) != 0 {
		t.Errorf("nothing moved on the server, but: %+v, %v changed", r.Conflicts, r.Changed)
	}
}

// A value that nobody moved on the server does not count for the brake because
// Git has another one where the server shows none.
func TestReconcile_hiddenEditInGitIsNoServerChange(t *testing.T) {
	base := side(t, "", canon(t, u1, "Title", "a", "1", "hidden", "h"))
	git := side(t, filePath, canon(t, u1, "Title", "a", "1", "hidden", "other"))
	live := side(t, "", canon(t, u1, "Title", "a", "1"))
	live.Get(u1).Unread = []string{"/spec/hidden"}
	if r := mustReconcile(t, git, live, base); len(r.Changed) != 0 || len(r.Pulled) > 0 || len(r.Conflicts) > 0 {
		t.Errorf("nothing moved on the server, but: %+v", r)
	}
}
