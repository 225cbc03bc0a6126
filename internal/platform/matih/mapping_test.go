package matih

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// TestMappingLosesNothing translates any object to canonical names and back:
// also names that are other fields' canonical names, "uid" and escaped ones.
func TestMappingLosesNothing(t *testing.T) {
	m, err := newMapping(Fields{Dashboard: map[string]string{"name": "title", "description": "about", "id": "key"}})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"title", "name", "about", "description", "key", "id", "uid", "~uid", "~name", "~~x", "tags", "other", "~"}), rapid.ID).Draw(t, "keys")
		n := asset.Map()
		for i, k := range keys {
			asset.Put(n, asset.Int(i), k)
		}
		before := asset.Clone(n)
		m.dashboardIn(n)
		seen := map[string]bool{}
		for k := range asset.Each(n) {
			if seen[k] || k == "uid" {
				t.Fatalf("%v gives %q twice, or our own uid", keys, k)
			}
			seen[k] = true
		}
		m.dashboardOut(n)
		if !asset.Equal(before, n) {
			t.Fatalf("%v came back as something else", keys)
		}
	})
}

func TestMappingOfNames(t *testing.T) {
	m, err := newMapping(Fields{Dashboard: map[string]string{"name": "title"}, Widget: map[string]string{"id": "tile"}})
	if err != nil {
		t.Fatal(err)
	}
	n := asset.Map("title", "Sales", "name", "sales-internal", "uid", "theirs")
	m.dashboardIn(n)
	if got := asset.Text(asset.Get(n, "name")); got != "Sales" {
		t.Errorf("name is %q", got)
	}
	if got := asset.Text(asset.Get(n, "~name")); got != "sales-internal" {
		t.Errorf("the server's own name is %q", got)
	}
	asset.Put(n, asset.Str("ours"), "uid")
	m.dashboardOut(n)
	if got := asset.Text(asset.Get(n, "uid")); got != "theirs" || asset.Text(asset.Get(n, "title")) != "Sales" {
		t.Errorf("on the wire uid is %q, title %q", got, asset.Text(asset.Get(n, "title")))
	}
	for _, c := range []struct {
		object string
		want   string
	}{
		{`{"tile": 7, "id": "no"}`, "7"}, {`{"id": "w1"}`, ""}, {`{"tile": "a/b"}`, ""}, {`{"tile": ".."}`, ""},
		{`{"tile": null}`, ""}, {`{"tile": 1.5}`, ""}, {`{"tile": "ü-1"}`, "ü-1"},
	} {
		n, err := asset.FromJSON(c.object)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.widget.id(n); got != c.want {
			t.Errorf("%s has id %q, want %q", c.object, got, c.want)
		}
	}
}
