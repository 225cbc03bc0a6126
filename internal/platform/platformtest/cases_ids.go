package platformtest

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

func idsStay(tb testing.TB, h *Harness) {
	_, _, from := filled(tb, h)
	s := h.bare(tb)
	p := connect(tb, h, s)
	as := from.portable(h)
	imported(tb, p, as, from.set(tb))
	asked := map[asset.ID]bool{}
	for _, a := range as {
		asked[a.ID] = true
	}
	listedAs := func(when string, p platform.Platform) {
		infos, err := p.List(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		got := map[asset.ID]bool{}
		for _, i := range infos {
			got[i.ID] = true
			if !asked[i.ID] {
				tb.Errorf("%s: %s %q is listed, under an id that nothing was imported with", when, i.ID, i.Title)
			}
		}
		for id := range asked {
			if !got[id] {
				tb.Errorf("%s: %s was imported and is not listed under this id", when, id)
			}
		}
	}
	listedAs("on the connection that imported", p)
	listedAs("on a later connection", connect(tb, h, s))
}

// lost connects to the server as somebody who has no map of its ids.
func lost(tb testing.TB, h *Harness, s *Server) (platform.Platform, platform.Recognizer) {
	tb.Helper()
	again := *s
	again.Config.IDs = NewIDs("lost")
	p := connect(tb, h, &again)
	r, ok := p.(platform.Recognizer)
	if !ok {
		tb.Fatal("Caps.StableUID is false, so the platform must be a platform.Recognizer")
	}
	return p, r
}

func minted(tb testing.TB, h *Harness) {
	tb.Helper()
	if h.Factory.Caps.StableUID {
		tb.Skipf("the uids are the server's own: there is no map to lose")
	}
}

func lostMapIsRebuilt(tb testing.TB, h *Harness) {
	minted(tb, h)
	s, _, before := filled(tb, h)
	want := before.distinct(tb, h)
	if len(want) == 0 {
		tb.Fatal("every asset of the filled server has a twin: let Harness.Filled hold some that differ")
	}
	p, r := lost(tb, h, s)
	n, err := r.Recognize(tb.Context(), before.all())
	if err != nil {
		tb.Fatal(err)
	}
	if n != len(want) {
		tb.Errorf("%d assets can be told apart, Recognize counts %d", len(want), n)
	}
	after := read(tb, h, p)
	if len(after.listed) != len(before.listed) {
		tb.Errorf("%d assets are listed after the map was rebuilt, %d before it was lost", len(after.listed), len(before.listed))
	}
	maps.DeleteFunc(after.assets, func(id asset.ID, _ *asset.Asset) bool { return want[id] == nil })
	equal(tb, "after the map was rebuilt", want, after.assets)
}

// distinct are the assets that kind, title and content tell apart, and that refer
// only to such.
func (c *content) distinct(tb testing.TB, h *Harness) map[asset.ID]*asset.Asset {
	tb.Helper()
	byKey := map[string][]asset.ID{}
	for id, a := range c.assets {
		key := string(Altered(tb, h.Factory.Rules, a, func(d *asset.Document) { d.UID = "x" }).Content)
		byKey[key] = append(byKey[key], id)
	}
	out := maps.Clone(c.assets)
	for _, ids := range byKey {
		for _, id := range ids {
			if len(ids) > 1 {
				delete(out, id)
			}
		}
	}
	for range h.Factory.Kinds { // as deep as references go
		maps.DeleteFunc(out, func(_ asset.ID, a *asset.Asset) bool {
			return slices.ContainsFunc(a.Refs, func(ref asset.ID) bool { return c.assets[ref] != nil && out[ref] == nil })
		})
	}
	return out
}

// twinsAreLeftAlone adds a copy of an asset under another uid. Whatever binds
// either of them by a guess would write one over the other some day.
func twinsAreLeftAlone(tb testing.TB, h *Harness) {
	minted(tb, h)
	s, first, before := filled(tb, h)
	target, twin := before.twins(tb, h, first)
	both := read(tb, h, first)
	p, r := lost(tb, h, s)
	if _, err := r.Recognize(tb.Context(), both.all()); err != nil {
		tb.Fatal(err)
	}
	after := read(tb, h, p)
	for _, id := range []asset.ID{target.ID, twin.ID} {
		if _, listed := after.listed[id]; listed {
			tb.Errorf("%s %q has a twin, and one of the two was taken for it", id, target.Title)
		}
	}
	if len(after.listed) != len(both.listed) {
		tb.Errorf("%d assets are listed, %d before the map was lost", len(after.listed), len(both.listed))
	}
}

// twins adds to the server what is like an asset that it holds.
func (c *content) twins(tb testing.TB, h *Harness, p platform.Platform) (target, twin *asset.Asset) {
	tb.Helper()
	twinOf := h.Twin
	if twinOf == nil {
		twinOf = func(tb testing.TB, a *asset.Asset) *asset.Asset {
			return Altered(tb, h.Factory.Rules, a, func(d *asset.Document) { d.UID = uuid.NewSHA1(uuid.NameSpaceURL, []byte(d.UID)).String() })
		}
	}
	k, refused := h.last(tb), error(nil)
	for _, a := range c.portable(h) {
		if a.ID.Kind != k {
			continue
		}
		twin := twinOf(tb, a)
		if refused = p.Import(tb.Context(), []*asset.Asset{twin}, c.set(tb))[0].Err; refused == nil {
			return a, twin
		}
	}
	tb.Skipf("this server takes no second asset of one title and content (Harness.Twin helps when it is for the uids of parts): %v", refused)
	return nil, nil
}
