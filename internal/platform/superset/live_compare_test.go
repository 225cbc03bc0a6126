package superset

import (
	"fmt"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// difference leaves aside what got's server cannot show, and what want does not say
// of who owns it and the like.
func difference(want, got map[asset.ID]*asset.Asset) []string {
	var out []string
	for id, w := range want {
		g := got[id]
		switch {
		case g == nil:
			out = append(out, fmt.Sprintf("%s %q is missing", id, w.Title))
		default:
			leave := append(unsaid(w, g), g.Unread...)
			if a, b := without(w, leave), without(g, leave); a != b {
				out = append(out, fmt.Sprintf("%s %q: %s", id, w.Title, firstLine(a, b)))
			}
		}
	}
	return out
}

// unsaid are the places of got's access section of which want says nothing.
func unsaid(want, got *asset.Asset) []string {
	var out []string
	w, err := asset.ParseDocument("want.yaml", want.Content)
	g, err2 := asset.ParseDocument("got.yaml", got.Content)
	if err != nil || err2 != nil {
		return nil
	}
	for key := range asset.Each(g.Access) {
		if asset.Get(w.Access, key) == nil {
			out = append(out, asset.Pointer("access", key))
		}
	}
	return out
}

// without is an asset's content less the values at some pointers.
func without(a *asset.Asset, pointers []string) string {
	doc, err := asset.ParseDocument(a.Path, a.Content)
	if err != nil {
		return err.Error()
	}
	for _, p := range pointers {
		keys, err := asset.Split(p)
		switch {
		case err != nil || len(keys) < 2:
		case keys[0] == "access" && doc.Access != nil:
			if asset.Delete(doc.Access, keys[1:]...); len(doc.Access.Content) == 0 {
				doc.Access = nil
			}
		case keys[0] == "spec":
			asset.Delete(doc.Spec, keys[1:]...)
		}
	}
	text, err := doc.Encode()
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func firstLine(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range x {
		if i >= len(y) || x[i] != y[i] {
			other := "(end)"
			if i < len(y) {
				other = y[i]
			}
			return fmt.Sprintf("line %d: %q became %q", i+1, x[i], other)
		}
	}
	return "longer"
}

func values(m map[asset.ID]*asset.Asset) []*asset.Asset {
	var out []*asset.Asset
	for _, a := range m {
		out = append(out, a)
	}
	return out
}

// richSecrets are the values behind the masks of dashboard-rich.zip.
func richSecrets(id asset.ID) map[string]secret.Value {
	if id.Kind != kindDatabase {
		return nil
	}
	return map[string]secret.Value{
		"password": secret.Literal("Fake-pg-password"),
		"extra/engine_params/connect_args/sslpassword": secret.Literal("FAKE-extra-s3cret"),
	}
}

func rich(t *testing.T) map[asset.ID]*asset.Asset {
	t.Helper()
	c := canonical(t, unzip(t, "6.1.0/dashboard-rich.zip"))
	for id, a := range c.assets {
		a.Path = "lab/" + id.Kind.Plural() + "/" + id.UID + ".yaml"
	}
	return c.assets
}

func apply(t *testing.T, c *conn, as map[asset.ID]*asset.Asset) {
	t.Helper()
	for _, r := range c.Import(t.Context(), values(as), nil) {
		if r.Err != nil {
			t.Errorf("import %s: %v", r.ID, r.Err)
		}
		for _, n := range r.Omitted {
			t.Logf("omitted %v", n)
		}
	}
}

func only(all, like map[asset.ID]*asset.Asset) map[asset.ID]*asset.Asset {
	out := map[asset.ID]*asset.Asset{}
	for id := range like {
		if all[id] != nil {
			out[id] = all[id]
		}
	}
	return out
}

// strip takes out of every asset what it can do without.
func strip(t *testing.T, as map[asset.ID]*asset.Asset) map[asset.ID]*asset.Asset {
	t.Helper()
	keep := map[string]bool{"allow_csv_upload": true, "allow_ctas": true, "allow_cvas": true, "allow_dml": true, "allow_run_async": true,
		"expose_in_sqllab": true, "sqlalchemy_uri": true, "database_uuid": true, "dataset_uuid": true, "viz_type": true, "position": true,
		"always_filter_main_dttm": true, "filter_select_enabled": true, "normalize_columns": true, "offset": true, "published": true}
	out := map[asset.ID]*asset.Asset{}
	for id, a := range as {
		doc, err := asset.ParseDocument(a.Path, a.Content)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range mapKeys(doc.Spec) {
			switch {
			case k == "columns":
				doc.Spec = stripRows(doc.Spec, k, "column_name")
			case k == "metrics":
				doc.Spec = stripRows(doc.Spec, k, "metric_name", "expression")
			case !keep[k]:
				asset.Delete(doc.Spec, k)
			}
		}
		doc.Title = "stripped " + doc.Title
		content, err := doc.Encode()
		if err != nil {
			t.Fatal(err)
		}
		b, err := normalize.Load(a.Path, content, Rules())
		if err != nil {
			t.Fatal(err)
		}
		out[id] = b
	}
	return out
}

func stripRows(spec *yaml.Node, list string, keep ...string) *yaml.Node {
	for i, n := range items(asset.Get(spec, list)) {
		row := asset.Map()
		for _, k := range keep {
			asset.Put(row, asset.Get(n, k), k)
		}
		asset.Get(spec, list).Content[i] = row
	}
	return spec
}

func rawOf(t *testing.T, c *conn, id asset.ID) *asset.Raw {
	t.Helper()
	for raw, err := range c.Export(t.Context(), []asset.ID{id}) {
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	t.Fatal("nothing exported")
	return nil
}
