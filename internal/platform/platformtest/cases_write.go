package platformtest

import (
	"bytes"
	"maps"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
)

func roundTrip(tb testing.TB, h *Harness) {
	_, _, from := filled(tb, h)
	p := connect(tb, h, h.Empty(tb))
	as := from.portable(tb, h)
	omitted := imported(tb, p, as, from.set(tb))
	want := map[asset.ID]*asset.Asset{}
	for _, a := range as {
		want[a.ID] = a
	}
	equalBut(tb, "on the other server", want, read(tb, h, p).assets, omitted)
}

func secondImport(tb testing.TB, h *Harness) {
	_, p, before := filled(tb, h)
	imported(tb, p, before.portable(tb, h), before.set(tb))
	equal(tb, "after importing what is there", before.assets, read(tb, h, p).assets)
}

// narrowWrite changes one asset of each kind in turn and compares the whole
// server: an import that answers "OK" and writes too little or too much fails.
func narrowWrite(tb testing.TB, h *Harness) {
	_, p, before := filled(tb, h)
	for _, k := range h.Factory.Kinds {
		changed := retitled(tb, h, before.one(tb, h, k), "Renamed "+string(k))
		deps := before.set(tb)
		imported(tb, p, []*asset.Asset{changed}, deps)
		want := maps.Clone(before.assets)
		want[changed.ID] = changed
		after := read(tb, h, p)
		equal(tb, "after renaming a "+string(k), want, after.assets)
		before = after
	}
}

// dependenciesStay imports an asset with outdated copies of what it refers to.
func dependenciesStay(tb testing.TB, h *Harness) {
	_, p, before := filled(tb, h)
	last := h.Factory.Kinds[len(h.Factory.Kinds)-1]
	target := before.one(tb, h, last)
	if len(target.Refs) == 0 {
		tb.Skipf("no %s refers to anything", last)
	}
	old := before.set(tb)
	want := maps.Clone(before.assets)
	for _, ref := range target.Refs {
		a := before.assets[ref]
		if a == nil || h.Cannot != nil && h.Cannot(a) != "" {
			continue
		}
		newer := retitled(tb, h, a, "Newer than in Git")
		imported(tb, p, []*asset.Asset{newer}, old)
		want[ref] = newer
		break
	}
	changed := retitled(tb, h, target, "Written over newer dependencies")
	want[changed.ID] = changed
	imported(tb, p, []*asset.Asset{changed}, old)
	equal(tb, "after importing with older dependencies", want, read(tb, h, p).assets)
}

func nonASCII(tb testing.TB, h *Harness) {
	_, p, before := filled(tb, h)
	target := before.one(tb, h, h.Factory.Kinds[len(h.Factory.Kinds)-1])
	for _, title := range []string{"売上 📊 — résumé", "yes", "12:30:45", "1e3", "null", "~", "2020-01-01", "- a: b # c", `'"\`, "Ünï & <b>", "=", "0x1f", "1_000"} {
		changed := retitled(tb, h, target, title)
		imported(tb, p, []*asset.Asset{changed}, before.set(tb))
		after := &content{}
		if err := after.export(tb.Context(), h, p, []asset.ID{target.ID}); err != nil {
			tb.Fatal(err)
		}
		if got := after.assets[target.ID]; got == nil || got.Title != title {
			tb.Errorf("title %q became %q", title, titleOf(got))
		} else if !bytes.Equal(got.Content, changed.Content) {
			tb.Errorf("title %q changed more than the title\n%s", title, firstDifference(changed.Content, got.Content))
		}
	}
}

func titleOf(a *asset.Asset) string {
	if a == nil {
		return "nothing"
	}
	return a.Title
}

func badAssetAlone(tb testing.TB, h *Harness) {
	need(tb, h.Bad != nil, "be given an asset that it refuses")
	_, p, before := filled(tb, h)
	k := h.Factory.Kinds[len(h.Factory.Kinds)-1]
	var all []*asset.Asset
	for _, a := range before.portable(tb, h) {
		if a.ID.Kind == k {
			all = append(all, a)
		}
	}
	if len(all) < 3 {
		tb.Fatalf("the filled server has %d of kind %s, this case needs 3", len(all), k)
	}
	bad := h.Bad(tb, all[1])
	batch := []*asset.Asset{retitled(tb, h, all[0], "Good one"), bad, retitled(tb, h, all[2], "Good two")}
	want := maps.Clone(before.assets)
	want[batch[0].ID], want[batch[2].ID] = batch[0], batch[2]
	for _, r := range p.Import(tb.Context(), batch, before.set(tb)) {
		switch {
		case r.ID == bad.ID && r.Err == nil:
			tb.Errorf("the bad asset %s was reported as written", r.ID)
		case r.ID != bad.ID && r.Err != nil:
			tb.Errorf("the good asset %s was held up by the bad one: %v", r.ID, r.Err)
		}
	}
	equal(tb, "after a batch with a bad asset", want, read(tb, h, p).assets)
}

func deleteAndReturn(tb testing.TB, h *Harness) {
	need(tb, h.Factory.Caps.Delete, "delete")
	_, p, before := filled(tb, h)
	target := before.one(tb, h, h.Factory.Kinds[len(h.Factory.Kinds)-1])
	for range 2 { // what is not there is no error
		if err := p.Delete(tb.Context(), target.ID); err != nil {
			tb.Fatal(err)
		}
	}
	want := maps.Clone(before.assets)
	delete(want, target.ID)
	after := read(tb, h, p)
	equal(tb, "after the deletion", want, after.assets)
	if _, ok := after.listed[target.ID]; ok {
		tb.Errorf("%s is still listed", target.ID)
	}
	imported(tb, p, []*asset.Asset{target}, before.set(tb))
	equal(tb, "after its return", before.assets, read(tb, h, p).assets)
}

// lyingServer writes to a server that only says OK. Whatever Import says, the
// next export must show what the server holds, not what was sent.
func lyingServer(tb testing.TB, h *Harness) {
	need(tb, h.Empty(tb).Lie != nil, "lie")
	s, p, before := filled(tb, h)
	target := before.one(tb, h, h.Factory.Kinds[len(h.Factory.Kinds)-1])
	changed := retitled(tb, h, target, "Never written")
	s.Lie(tb)
	p.Import(tb.Context(), []*asset.Asset{changed}, before.set(tb))
	s.Mend()
	c := &content{}
	if err := c.export(tb.Context(), h, p, []asset.ID{target.ID}); err != nil {
		tb.Fatal(err)
	}
	if got := c.assets[target.ID]; got == nil || !bytes.Equal(got.Content, target.Content) {
		tb.Errorf("the export after a write that did not happen shows %q, the server holds %q", titleOf(got), target.Title)
	}
}
