package platformtest

import (
	"maps"
	"slices"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

func roundTrip(tb testing.TB, h *Harness) {
	_, _, from := filled(tb, h)
	p := connect(tb, h, h.bare(tb))
	as := from.portable(h)
	omitted := imported(tb, p, as, from.set(tb))
	want := map[asset.ID]*asset.Asset{}
	for _, a := range as {
		want[a.ID] = a
	}
	equalBut(tb, "on the other server", want, read(tb, h, p).assets, omitted)
}

func secondImport(tb testing.TB, h *Harness) {
	_, p, before := filled(tb, h)
	imported(tb, p, before.portable(h), before.set(tb))
	equal(tb, "after importing what is there", before.assets, read(tb, h, p).assets)
}

// narrowWrite changes one asset of each kind in turn and compares the whole
// server: an import that answers "OK" and writes too little or too much fails.
func narrowWrite(tb testing.TB, h *Harness) {
	_, p, before := filled(tb, h)
	for _, k := range h.kinds() {
		if h.whyNot(k, platform.Update) != "" || slices.Contains(before.unread, k) {
			continue
		}
		changed := edited(tb, h, before.one(tb, h, k), "Renamed "+string(k))
		deps := before.set(tb)
		imported(tb, p, []*asset.Asset{changed}, deps)
		want := maps.Clone(before.assets)
		want[changed.ID] = changed
		after := read(tb, h, p)
		equal(tb, "after editing a "+string(k), want, after.assets)
		before = after
	}
}

// dependenciesStay imports an asset with an outdated copy of what it refers to.
func dependenciesStay(tb testing.TB, h *Harness) {
	_, p, before := filled(tb, h)
	target := before.target(tb, h)
	portable := before.portable(h)
	var dep *asset.Asset
	for _, ref := range target.Refs {
		if i := slices.IndexFunc(portable, func(a *asset.Asset) bool { return a.ID == ref }); i >= 0 {
			dep = portable[i]
			break
		}
	}
	if dep == nil {
		tb.Skipf("no %s refers to anything that can be written", target.ID.Kind)
	}
	old := before.set(tb)
	newer := retitled(tb, h, dep, "Newer than in Git")
	imported(tb, p, []*asset.Asset{newer}, old)
	changed := retitled(tb, h, target, "Written over newer dependencies")
	imported(tb, p, []*asset.Asset{changed}, old)
	if got := alone(tb, h, p, dep.ID); !same(got, newer) {
		tb.Errorf("%s was %q on the server; after the import of %s with an older copy beside it, it is %q", dep.ID, newer.Title, target.ID, titleOf(got))
	}
}

// changeBetweenStays edits one asset after everything was read, and then writes
// another.
func changeBetweenStays(tb testing.TB, h *Harness) {
	s, p, before := filledThat(tb, h, "be edited behind the platform's back", func(s *Server) bool { return s.Edit != nil })
	target := before.target(tb, h)
	var other *asset.Asset
	for _, a := range before.portable(h) { // the last: of the same kind where there are two
		if a.ID != target.ID && !slices.Contains(target.Refs, a.ID) {
			other = a
		}
	}
	if other == nil {
		tb.Skipf("the filled server holds nothing beside %s", target.ID)
	}
	s.Edit(tb, other.ID, "Edited meanwhile")
	edited := alone(tb, h, connect(tb, h, s), other.ID)
	imported(tb, p, []*asset.Asset{retitled(tb, h, target, "Written after the edit")}, before.set(tb))
	if got := alone(tb, h, p, other.ID); !same(got, edited) {
		tb.Errorf("somebody made %s %q; writing %s made it %q", other.ID, titleOf(edited), target.ID, titleOf(got))
	}
}

func nonASCII(tb testing.TB, h *Harness) {
	_, p, before := filled(tb, h)
	target := before.target(tb, h)
	for _, title := range []string{"売上 📊 — résumé", "yes", "12:30:45", "1e3", "null", "~", "2020-01-01", "- a: b # c", `'"\`, "Ünï & <b>", "=", "0x1f", "1_000"} {
		changed := retitled(tb, h, target, title)
		imported(tb, p, []*asset.Asset{changed}, before.set(tb))
		switch got := alone(tb, h, p, target.ID); {
		case titleOf(got) != title:
			tb.Errorf("title %q became %q", title, titleOf(got))
		case !same(got, changed):
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
	k := h.last(tb)
	all := slices.DeleteFunc(before.portable(h), func(a *asset.Asset) bool { return a.ID.Kind != k })
	if len(all) < 3 {
		tb.Fatalf("the filled server has %d of kind %s that can be put back, this case needs 3: let Harness.Filled hold them", len(all), k)
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

// lyingServer writes to a server that only says OK. Whatever Import says, the
// next export must show what the server holds, not what was sent.
func lyingServer(tb testing.TB, h *Harness) {
	s, p, before := filledThat(tb, h, "lie", func(s *Server) bool { return s.Lie != nil })
	target := before.target(tb, h)
	s.Lie(tb)
	p.Import(tb.Context(), []*asset.Asset{retitled(tb, h, target, "Never written")}, before.set(tb))
	s.Mend()
	if got := alone(tb, h, p, target.ID); !same(got, target) {
		tb.Errorf("the export after a write that did not happen shows %q, the server holds %q", titleOf(got), target.Title)
	}
}

// limitsAreRefused tries everything that the factory says it cannot do.
func limitsAreRefused(tb testing.TB, h *Harness) {
	var p platform.Platform
	var have *content
	for _, k := range h.kinds() {
		for _, v := range []platform.Verb{platform.Update, platform.Delete, platform.Create} {
			if h.whyNot(k, v) == "" {
				continue
			}
			if have == nil {
				_, p, have = filled(tb, h)
			}
			i := slices.IndexFunc(have.ids(), func(id asset.ID) bool { return id.Kind == k })
			if i < 0 {
				tb.Fatalf("the filled server shows no %s: Harness.Filled must hold every kind", k)
			}
			have.refused(tb, h, p, v, have.assets[have.ids()[i]])
		}
	}
	if have == nil {
		tb.Skipf("the factory's Limits rule out no create, update or delete")
	}
}

func (c *content) refused(tb testing.TB, h *Harness, p platform.Platform, v platform.Verb, a *asset.Asset) {
	tb.Helper()
	said := false
	write := func(p platform.Platform, a *asset.Asset) {
		for _, r := range p.Import(tb.Context(), []*asset.Asset{a}, c.set(tb)) {
			said = said || r.Err != nil || len(r.Omitted) > 0
		}
	}
	switch v {
	case platform.Delete:
		said = p.Delete(tb.Context(), a.ID) != nil
	case platform.Update:
		write(p, retitled(tb, h, a, "Cannot be renamed"))
	case platform.Create:
		write(connect(tb, h, h.bare(tb)), a)
	}
	if !said {
		tb.Errorf("%s cannot %s a %s (%s); asked to do it with %s it reports success", h.Factory.Name, v, a.ID.Kind, h.whyNot(a.ID.Kind, v), a.ID)
	}
}
