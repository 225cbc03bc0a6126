package superset_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
	"github.com/dashkeep/dashkeep/internal/platform/superset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// TestOwnersOfDatasetsDisturbNothing: a PUT of a dataset changes its catalog and
// always_filter_main_dttm unless that is prevented, and where it cannot be, the
// catalog counts more than who owns it.
func TestOwnersOfDatasetsDisturbNothing(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		old := strings.HasSuffix(o.Name(), "4.1.4")
		was := o.read(o.svc, idOf(st.Dataset, o.first(st.Dataset)))
		for catalog, want := range map[string]struct {
			notes   []string
			catalog string
			owners  string
		}{
			"warehouse": {nil, "warehouse", "[mia@example.com]"}, // the connection's own
			"":          {[]string{`/spec/catalog: Superset writes the connection's default catalog, "warehouse"`}, "warehouse", "[mia@example.com]"},
			"other":     {[]string{`/access/owners: this account stays among the owners`}, "other", "[mia@example.com, svc@example.com]"},
		} {
			if old && catalog == "other" {
				want.notes, want.owners = nil, "[mia@example.com]"
			}
			a := platformtest.Altered(t, superset.Rules(), said(t, was, "owners", list("mia@example.com")), func(d *asset.Document) {
				asset.Put(d.Spec, asset.Bool(true), "always_filter_main_dttm")
				asset.Delete(d.Spec, "catalog")
				if catalog != "" {
					asset.Put(d.Spec, asset.Str(catalog), "catalog")
				}
			})
			o.write(o.svc, a, want.notes...)
			got := o.read(o.svc, was.ID)
			doc, err := asset.ParseDocument("x.yaml", got.Content)
			if err != nil {
				t.Fatal(err)
			}
			if c := asset.Text(asset.Get(doc.Spec, "catalog")); c != want.catalog || asset.Get(doc.Spec, "always_filter_main_dttm").Value != "true" {
				t.Errorf("catalog %q became %q:\n%s", catalog, c, got.Content)
			}
			if got := access(t, got); !strings.Contains(got, "owners: "+want.owners) {
				t.Errorf("catalog %q: owners %s, want %s", catalog, got, want.owners)
			}
		}
	})
}

// seen drains a complete reading and gives what to ask with next.
func seen(t *testing.T, c changer) *asset.Seen {
	t.Helper()
	ch, err := c.Changed(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range ch.Export(t.Context(), nil) {
		continue
	}
	return ch.Seen()
}

// TestCheapQuestionSeesWhoOwnsWhat: owners, roles, tags and the managed flag move no
// change time, and are in the rows that the question compares.
func TestCheapQuestionSeesWhoOwnsWhat(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		c := o.svc.(changer)
		it := o.first(st.Dashboard)
		at := fmt.Sprintf("/api/v1/dashboard/%d", it.ID)
		for what, edit := range map[string]func(){
			"owners": func() { o.send(http.MethodPut, at, map[string]any{"owners": []int{o.person("ada")}}) },
			"roles":  func() { o.send(http.MethodPut, at, map[string]any{"roles": []int{o.role("Finance")}}) },
			"tags": func() {
				o.send(http.MethodPost, fmt.Sprintf("/api/v1/tag/3/%d/", it.ID), map[string]any{"properties": map[string]any{"tags": []string{"new"}}})
			},
			"nothing": func() {},
		} {
			before := seen(t, c)
			edit()
			ch, err := c.Changed(t.Context(), before)
			if err != nil || ch.All != "" {
				t.Fatal(ch, err)
			}
			changed := slices.DeleteFunc(ch.Changed, func(id asset.ID) bool { return id.Kind == st.Tag })
			if sees := slices.Contains(changed, idOf(st.Dashboard, it)); sees != (what != "nothing") || len(changed) > 1 {
				t.Errorf("%s: changed %v", what, ch.Changed)
			}
		}
	})
}

// TestAccessOfWhatTheQuestionDidNotLookAt: an old asset of a large kind is read
// because something else changed, and its row is asked for.
func TestAccessOfWhatTheQuestionDidNotLookAt(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		it := o.chartWithDataset()
		if err := o.sim.Crowd(it.UUID, 250); err != nil {
			t.Fatal(err)
		}
		o.send(http.MethodPut, fmt.Sprintf("/api/v1/chart/%d", it.ID), map[string]any{"owners": []int{o.person("ada")}})
		for _, other := range o.sim.Objects(st.Chart) { // all others are newer
			if other.UUID != it.UUID {
				if err := o.sim.EditAs("admin", st.Chart, other.UUID, func(f map[string]any) { f["description"] = "newer" }); err != nil {
					t.Fatal(err)
				}
			}
		}
		c := o.svc.(changer)
		before := seen(t, c)
		ch, err := c.Changed(t.Context(), before)
		if err != nil || ch.All != "" || len(ch.Changed) != 0 {
			t.Fatal(ch, err)
		}
		o.sim.ResetLog()
		for raw, err := range ch.Export(t.Context(), []asset.ID{idOf(st.Chart, it)}) {
			if err != nil {
				t.Fatal(err)
			}
			a, _, err := normalize.Canonical(raw, superset.Rules())
			if err != nil || !strings.Contains(access(t, a), "owners: [ada@example.com]") {
				t.Errorf("%s, %v", access(t, a), err)
			}
		}
		if n := o.sim.Count(http.MethodGet, "/api/v1/chart/"); n != 2 { // the export and the row
			t.Errorf("%d requests for one chart: %v", n, o.sim.Requests())
		}
	})
}

// TestOwnerWhoIsNew is found by asking once more.
func TestOwnerWhoIsNew(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		it := o.first(st.Dashboard)
		was := o.read(o.svc, idOf(st.Dashboard, it))
		id, err := o.admin.AddUser(t.Context(), st.User{Username: "new", Password: "x", First: "Ne", Last: "W", Email: "new@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		o.write(o.svc, said(t, was, "owners", list("new@example.com")))
		if object, _ := o.sim.Object(st.Dashboard, it.UUID); !slices.Equal(object.Owners, []string{"new"}) {
			t.Errorf("owners are %v", object.Owners)
		}
		if _, err := o.admin.AddUser(t.Context(), st.User{Username: "newer", Password: "x", First: "New", Last: "Er", Email: "newer@example.com"}); err != nil {
			t.Fatal(err)
		}
		o.send(http.MethodPut, fmt.Sprintf("/api/v1/dashboard/%d", it.ID), map[string]any{"owners": []int{id, id + 1}})
		if got := access(t, o.read(o.svc, was.ID)); !strings.Contains(got, "owners: [new@example.com, newer@example.com]") {
			t.Error(got)
		}
	})
}

// TestDetailsOfWhatDidNotMove are left to the last reading: an edited chart has its
// dashboards read again, and nobody asks which of these are embedded.
func TestDetailsOfWhatDidNotMove(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		c := o.svc.(changer)
		before := seen(t, c)
		chart, d := o.chartWithDataset(), o.first(st.Dashboard)
		o.send(http.MethodPut, fmt.Sprintf("/api/v1/chart/%d", chart.ID), map[string]any{"description": "edited"})
		ch, err := c.Changed(t.Context(), before)
		if err != nil || ch.All != "" || !slices.Contains(ch.Changed, idOf(st.Dashboard, d)) {
			t.Fatal(ch, err)
		}
		o.sim.ResetLog()
		for raw, err := range ch.Export(t.Context(), ch.Changed) {
			if err != nil {
				t.Fatal(err)
			}
			left := ch.Kept(raw.ID)
			if raw.ID.Kind == st.Dashboard && (!slices.Equal(left, []string{"/access/embedded"}) || !slices.Contains(raw.Unread, left[0])) {
				t.Errorf("left to the last reading %v, unread %v", left, raw.Unread)
			}
			if raw.ID.Kind == st.Chart && left != nil {
				t.Errorf("of the edited chart %v is left to the last reading", left)
			}
		}
		if n := o.sim.Count("", "/embedded"); n != 0 {
			t.Errorf("asked %d times who is embedded", n)
		}
		o.send(http.MethodPut, fmt.Sprintf("/api/v1/dashboard/%d", d.ID), map[string]any{"dashboard_title": "edited"})
		if ch, err = c.Changed(t.Context(), before); err != nil || ch.Kept(idOf(st.Dashboard, d)) != nil {
			t.Errorf("of an edited dashboard %v is left to the last reading, %v", ch.Kept(idOf(st.Dashboard, d)), err)
		}
	})
}

// TestTagsOfSavedQueries go by requests of their own both ways.
func TestTagsOfSavedQueries(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		admin := o.as("admin", "admin") // Superset shows them to whoever made them
		o.send(http.MethodPost, "/api/v1/saved_query/", map[string]any{"label": "Q", "sql": "SELECT 1", "db_id": o.first(st.Database).ID, "schema": "public"})
		all := of(readAll(t, admin), "saved_query")
		for _, was := range all {
			for _, tags := range [][]string{{"a b", "ü"}, {"ü"}, {}, {"a b"}} {
				o.write(admin, said(t, was, "tags", list(tags...)))
				if got := access(t, o.read(admin, was.ID)); got != "{tags: ["+strings.Join(tags, ", ")+"]}" {
					t.Errorf("tags %v, got %s", tags, got)
				}
			}
		}
		if len(all) != 1 {
			t.Errorf("%d saved queries", len(all))
		}
	})
}
