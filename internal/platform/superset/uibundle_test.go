package superset_test

import (
	"bytes"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform/superset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// TestBundleIsWhatTheImportButtonTakes imports a bundle as a person would, by the
// server's own endpoint and without dashkeep, into an empty server of each version
// that has other row ids, and reads it back.
func TestBundleIsWhatTheImportButtonTakes(t *testing.T) {
	for _, v := range versions {
		t.Run(v, func(t *testing.T) {
			_, full := simulator(t, versions[0], true)
			from := readAll(t, full)
			empty, target := simulator(t, v, false)
			srv := httptest.NewServer(empty)
			t.Cleanup(srv.Close)
			known := setOf(t, from)
			b, err := superset.Factory().Bundle(slices.Collect(maps.Values(from)), known, v)
			if err != nil {
				t.Fatal(err)
			}
			if b.Page != "Dashboards" || len(b.Holds) == 0 {
				t.Fatalf("page %q, %d assets", b.Page, len(b.Holds))
			}
			client, err := st.Login(t.Context(), srv.URL, "admin", "admin")
			if err != nil {
				t.Fatal(err)
			}
			if err := client.Import(t.Context(), st.Dashboard, b.Data, map[string]string{"passwords": passwordsFor(b.Holds)}); err != nil {
				t.Fatal(err)
			}
			got := readAll(t, target)
			left := map[asset.ID]bool{}
			for _, n := range b.Left {
				left[n.ID] = true
			}
			same := 0 // but dashboards: what no import maps (F13) is stale in them
			for _, id := range b.Holds {
				switch g := got[id]; {
				case g == nil:
					t.Errorf("%s %q is not there", id, from[id].Title)
				case !left[id] && v == versions[0] && id.Kind != st.Dashboard && !bytes.Equal(g.Content, from[id].Content):
					t.Errorf("%s differs:\n%s", id, g.Content)
				default:
					same++
				}
			}
			if same == 0 {
				t.Error("nothing was compared")
			}
			for id := range from {
				if !slices.Contains(b.Holds, id) && !left[id] {
					t.Errorf("%s is neither in the bundle nor named", id)
				}
			}
		})
	}
}

// TestBundleNamesWhatItLeaves: a chart that lost its dataset would make Superset
// refuse the whole archive.
func TestBundleNamesWhatItLeaves(t *testing.T) {
	doc := func(k asset.Kind, uid, spec string) *asset.Asset {
		content := "dashkeep: superset/1\nkind: " + string(k) + "\nuid: " + uid + "\ntitle: T\nspec:\n" + spec
		return &asset.Asset{Info: asset.Info{ID: asset.ID{Kind: k, UID: uid}, Title: "T"}, Path: "p/" + uid + ".yaml", Content: []byte(content)}
	}
	lost := doc(st.Chart, "11111111-1111-4111-8111-111111111111", "  viz_type: table\n")
	b, err := superset.Factory().Bundle([]*asset.Asset{lost}, setOf(t, map[asset.ID]*asset.Asset{lost.ID: lost}), "")
	if err != nil {
		t.Fatal(err)
	}
	if b.Data != nil || len(b.Left) != 1 || !strings.Contains(b.Left[0].Text, "dataset") {
		t.Errorf("data %d bytes, left %v", len(b.Data), b.Left)
	}
	plain := doc(st.Dataset, "33333333-3333-4333-8333-333333333333", "  database_uuid: 44444444-4444-4444-8444-444444444444\n")
	db := doc(st.Database, "44444444-4444-4444-8444-444444444444", "  sqlalchemy_uri: sqlite://\n  allow_csv_upload: false\n")
	tag := doc(st.Tag, "55555555-5555-4555-8555-555555555555", "  description: x\n")
	b, err = superset.Factory().Bundle([]*asset.Asset{plain, tag}, setOf(t, map[asset.ID]*asset.Asset{plain.ID: plain, db.ID: db, tag.ID: tag}), "")
	if err != nil || len(b.Holds) != 2 || len(b.Left) != 1 || b.Left[0].Text != "no page of Superset imports it" {
		t.Errorf("%v, holds %v, left %v", err, b.Holds, b.Left)
	}
	rule := doc("role", "22222222-2222-4222-8222-222222222222", "  name: x\n")
	if _, err := superset.Factory().Bundle([]*asset.Asset{rule}, setOf(t, nil), ""); err == nil {
		t.Error("a role can be imported on no page")
	}
}

func setOf(t *testing.T, as map[asset.ID]*asset.Asset) *asset.Set {
	t.Helper()
	set, err := asset.NewSet(slices.Collect(maps.Values(as))...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// passwordsFor answers what Superset's page asks: the password of each connection.
func passwordsFor(ids []asset.ID) string {
	var parts []string
	for _, id := range ids {
		if id.Kind == st.Database {
			parts = append(parts, `"databases/`+id.UID+`.yaml": "pw"`)
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}
