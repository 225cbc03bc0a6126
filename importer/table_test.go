package importer_test

import (
	"fmt"
	"testing"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// TestOverwriteTable_CC3_cellByCell is the table of SPEC section 3, cell by cell, with every way to
// treat a conflict and a live edit: what the server holds after an apply, value by
// value. Base holds 0 in both values, so that one moves while the other stays.
func TestOverwriteTable_CC3_cellByCell(t *testing.T) {
	const u = "u1"
	moves := []struct{ name, git, live string }{
		{"only live moved", "0", "L"},
		{"only Git moved", "G", "0"},
		{"both moved", "G", "L"},
		{"both moved alike", "X", "X"},
		{"none moved", "0", "0"},
	}
	stop := "stop"
	type row struct {
		rule importer.Rule
		want [5]string // by moves; stop: the asset is left alone and is a conflict
	}
	rows := []row{
		{importer.Rule{}, [5]string{"L", "G", stop, "X", "0"}},
		{importer.Rule{Overwrite: importer.IfUnchanged, OnConflict: importer.Stop}, [5]string{"L", "G", stop, "X", "0"}},
		{importer.Rule{Overwrite: importer.IfUnchanged, OnConflict: importer.Branch}, [5]string{"L", "G", stop, "X", "0"}},
		{importer.Rule{Overwrite: importer.IfUnchanged, OnConflict: importer.Git}, [5]string{"L", "G", "G", "X", "0"}},
		{importer.Rule{Overwrite: importer.IfUnchanged, OnConflict: importer.Live}, [5]string{"L", "G", "L", "X", "0"}},
		{importer.Rule{OnLiveEdit: importer.Accept}, [5]string{"L", "G", stop, "X", "0"}},
		{importer.Rule{OnLiveEdit: importer.Notify}, [5]string{"L", "G", stop, "X", "0"}},
		{importer.Rule{OnLiveEdit: importer.Revert}, [5]string{"0", "G", stop, "X", "0"}},
		{importer.Rule{OnLiveEdit: importer.Revert, OnConflict: importer.Git}, [5]string{"0", "G", "G", "X", "0"}},
		{importer.Rule{OnLiveEdit: importer.Revert, OnConflict: importer.Live}, [5]string{"0", "G", "L", "X", "0"}},
	}
	for _, oc := range []importer.OnConflict{"", importer.Stop, importer.Git, importer.Live, importer.Branch} {
		for _, le := range []importer.OnLiveEdit{"", importer.Notify, importer.Revert} {
			rows = append(rows,
				row{importer.Rule{Overwrite: importer.Always, OnConflict: oc, OnLiveEdit: le}, [5]string{"0", "G", "G", "X", "0"}},
				row{importer.Rule{Overwrite: importer.Never, OnConflict: oc, OnLiveEdit: le}, [5]string{"L", "0", "L", "X", "0"}},
				row{importer.Rule{Protect: true, OnConflict: oc, OnLiveEdit: le}, [5]string{"L", "0", "L", "X", "0"}},
				row{importer.Rule{ReadOnly: "rights", OnConflict: oc, OnLiveEdit: le}, [5]string{"L", "0", "L", "X", "0"}},
				row{importer.Rule{Overwrite: importer.Always, OnConflict: oc, OnLiveEdit: le, Ignore: []string{"/spec/a"}}, [5]string{"L", "0", "L", "X", "0"}})
		}
	}
	for _, r := range rows {
		for i, m := range moves {
			t.Run(fmt.Sprintf("%+v/%s", r.rule, m.name), func(t *testing.T) {
				base, git, live := doc(t, u, "0", "0"), doc(t, u, m.git, "0"), doc(t, u, m.live, "0")
				p, err := importer.MakePlan(set(t, git), set(t, live), set(t, base), importer.Policy{Rule: func(asset.Info) importer.Rule { return r.rule }})
				if err != nil {
					t.Fatal(err)
				}
				after, stopped := live, false
				for _, c := range p.Changes {
					if c.Applies() {
						after = c.After
					}
					stopped = stopped || len(c.Conflicts) > 0 && c.Skip == ""
				}
				want := r.want[i]
				if stopped != (want == stop) {
					t.Errorf("conflict: %v, want %s", stopped, want)
				}
				if want == stop {
					want = m.live
				}
				if string(after.Content) != string(doc(t, u, want, "0").Content) {
					t.Errorf("the server has\n%s\nwant %s", after.Content, want)
				}
				if decided := len(p.Changes) > 0 && len(p.Changes[0].Decided) > 0; decided && r.want[i] == stop {
					t.Error("a conflict and decided")
				}
			})
		}
	}
}

// What a rule decided is told, with both values.
func TestMakePlan_decidedIsTold(t *testing.T) {
	rule := func(asset.Info) importer.Rule { return importer.Rule{OnConflict: importer.Git} }
	p, err := importer.MakePlan(set(t, doc(t, "u1", "G", "0")), set(t, doc(t, "u1", "L", "2")), set(t, doc(t, "u1", "0", "0")), importer.Policy{Rule: rule})
	if err != nil || len(p.Changes) != 1 {
		t.Fatal(err, p)
	}
	c := p.Changes[0]
	if len(c.Decided) != 1 || c.Decided[0].Path != "/spec/a" || *c.Decided[0].Ours != "G" || *c.Decided[0].Theirs != "L" || len(c.Conflicts) > 0 {
		t.Errorf("%+v", c)
	}
	if string(c.After.Content) != string(doc(t, "u1", "G", "2").Content) {
		t.Errorf("live's other edit is gone:\n%s", c.After.Content)
	}
}

// A value that the server put back counts as moved by both.
func TestMakePlan_returned(t *testing.T) {
	git, live := doc(t, "u1", "new", "0"), doc(t, "u1", "old", "0")
	returned := func(asset.ID, []byte, []byte) ([]string, error) { return []string{"/spec/a"}, nil }
	for oc, want := range map[importer.OnConflict]string{importer.Stop: "conflict", importer.Git: "new", importer.Live: "nothing"} {
		rule := func(asset.Info) importer.Rule { return importer.Rule{OnConflict: oc} }
		p, err := importer.MakePlan(set(t, git), set(t, live), set(t, git), importer.Policy{Rule: rule, Returned: returned})
		if err != nil {
			t.Fatal(err)
		}
		got := "nothing"
		for _, c := range p.Changes {
			if got = "conflict"; c.Applies() {
				got = "new"
				if string(c.After.Content) != string(git.Content) {
					t.Errorf("%s", c.After.Content)
				}
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", oc, got, want)
		}
	}
}
