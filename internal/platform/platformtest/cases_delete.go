package platformtest

import (
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// deletable picks an asset that can be deleted and put back.
func (c *content) deletable(tb testing.TB, h *Harness) *asset.Asset {
	tb.Helper()
	as := c.portable(h)
	for i := len(as) - 1; i >= 0; i-- { // the last kind first: nothing refers to it
		if h.whyNot(as[i].ID.Kind, platform.Delete) == "" {
			return c.one(tb, h, as[i].ID.Kind)
		}
	}
	tb.Skipf("%s cannot delete what it could create again", h.Factory.Name)
	return nil
}

func deleteAndReturn(tb testing.TB, h *Harness) {
	_, p, before := filled(tb, h)
	target := before.deletable(tb, h)
	for range 2 { // what is not there is no error
		if err := p.Delete(tb.Context(), target.ID); err != nil {
			tb.Fatal(err)
		}
	}
	after := read(tb, h, p)
	if _, listed := after.listed[target.ID]; listed || after.assets[target.ID] != nil {
		tb.Errorf("%s is deleted, and still listed: %t, exported: %t", target.ID, listed, after.assets[target.ID] != nil)
	}
	imported(tb, p, []*asset.Asset{target}, before.set(tb))
	if got := alone(tb, h, p, target.ID); !same(got, target) {
		tb.Errorf("%s %q was imported again after its deletion, and is now %q", target.ID, target.Title, titleOf(got))
	}
}

func deleteIsNarrow(tb testing.TB, h *Harness) {
	_, p, before := filled(tb, h)
	target := before.deletable(tb, h)
	if err := p.Delete(tb.Context(), target.ID); err != nil {
		tb.Fatal(err)
	}
	after := read(tb, h, p)
	delete(before.assets, target.ID)
	delete(after.assets, target.ID)
	equal(tb, "beside what was deleted", before.assets, after.assets)
}

func lyingDelete(tb testing.TB, h *Harness) {
	s, p, before := filledThat(tb, h, "lie", func(s *Server) bool { return s.Lie != nil })
	target := before.deletable(tb, h)
	s.Lie(tb)
	_ = p.Delete(tb.Context(), target.ID) // it may notice, and need not
	s.Mend()
	after := read(tb, h, p)
	if _, listed := after.listed[target.ID]; !listed || !same(after.assets[target.ID], target) {
		tb.Errorf("the server kept %s %q; listed: %t, exported as %q", target.ID, target.Title, listed, titleOf(after.assets[target.ID]))
	}
}
