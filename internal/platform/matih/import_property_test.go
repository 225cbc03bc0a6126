package matih

import (
	"fmt"
	"testing"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
)

// TestAnyDashboardBecomesAnyOther makes a dashboard of one random content on the
// server, writes another over it and reads that back, byte for byte and with the
// uids of its widgets, on servers of both kinds of PUT.
func TestAnyDashboardBecomesAnyOther(t *testing.T) {
	const names = "fields: {dashboard: {name: title, widgets: panels}, widget: {id: pid, config: options}}"
	kinds := []struct {
		name, options string
		opts          []matihtest.Option
	}{
		{"full", "", nil},
		{"partial", "", []matihtest.Option{matihtest.WithPartialPut()}},
		{"full, nulls", "", []matihtest.Option{matihtest.WithNullDefaults(), matihtest.WithCreated(201, matihtest.CreatedLocation)}},
		{"partial, no ids", "", []matihtest.Option{matihtest.WithPartialPut(), matihtest.WithCreated(200, matihtest.CreatedNothing)}},
		{"full, other names", names, []matihtest.Option{matihtest.WithDashboardNames(map[string]string{"name": "title", "widgets": "panels"}), matihtest.WithWidgetNames(map[string]string{"id": "pid", "config": "options"})}},
	}
	var rigs []*rig
	for _, k := range kinds {
		rigs = append(rigs, newRig(t, k.options, k.opts...))
	}
	rapid.Check(t, func(rt *rapid.T) {
		i := rapid.IntRange(0, len(kinds)-1).Draw(rt, "kind of server")
		rt.Log(kinds[i].name)
		r := rigs[i]
		r.t = rt
		r.connect(kinds[i].options)
		for _, left := range r.read() { // of a check that failed
			if err := r.c.Delete(t.Context(), left.ID); err != nil {
				rt.Fatal(err)
			}
		}
		a := dashOf(rt, "u-1", title(rt, "title"), randomSpec(rt, nil), nil)
		r.write(a)
		r.same(a)
		r.connect(kinds[i].options) // as another instance sees it
		var live *asset.Asset
		for _, live = range r.read() {
		}
		doc, err := asset.ParseDocument("live.yaml", live.Content)
		if err != nil {
			rt.Fatal(err)
		}
		b := dashOf(rt, live.ID.UID, title(rt, "new title"), randomSpec(rt, asset.Get(doc.Spec, "widgets")), nil)
		r.write(b)
		r.same(b)
		writes := r.s.Writes()
		r.write(b)
		if r.s.Writes() != writes {
			rt.Fatal("a second import writes again")
		}
		if err := r.c.Delete(t.Context(), live.ID); err != nil {
			rt.Fatal(err)
		}
		r.same()
	})
}

func title(rt *rapid.T, label string) string {
	return rapid.SampledFrom([]string{"Sales", "売上 📊", "yes", "1e3", "a: b # c"}).Draw(rt, label)
}

// randomSpec makes a dashboard. Some of its widgets are those of old, changed or
// not.
func randomSpec(rt *rapid.T, old *yaml.Node) *yaml.Node {
	spec := asset.Map("visibility", rapid.SampledFrom([]string{"private", "team", "public", "tenant"}).Draw(rt, "visibility"))
	maybe(rt, spec, "description", asset.Str("some\ntext\n"), asset.Str("x"))
	maybe(rt, spec, "tags", asset.Seq(asset.Str("a")), asset.Seq(asset.Str("a"), asset.Str("b")))
	maybe(rt, spec, "filters", asset.Seq(asset.Map("field", "region", "operator", "in", "values", asset.Seq(asset.Str("US")))))
	maybe(rt, spec, "theme", asset.Str("dark"), asset.Map("color", "red", "deep", asset.Map()))
	maybe(rt, spec, "refresh", asset.Int(60), asset.Float(0.5), asset.Bool(false))
	ws := asset.Seq()
	if old != nil {
		for _, w := range old.Content {
			switch rapid.SampledFrom([]string{"drop", "keep", "change", "rename"}).Draw(rt, "old widget") {
			case "keep":
				ws.Content = append(ws.Content, asset.Clone(w))
			case "change":
				n := randomWidget(rt)
				asset.Put(n, asset.Clone(asset.Get(w, "uid")), "uid")
				ws.Content = append(ws.Content, n)
			case "rename": // the same under another uid
				n := asset.Clone(w)
				asset.Put(n, asset.Str(asset.Text(asset.Get(w, "uid"))+"-r"), "uid")
				ws.Content = append(ws.Content, n)
			}
		}
	}
	for i := range rapid.IntRange(0, 3).Draw(rt, "new widgets") {
		n := randomWidget(rt)
		asset.Put(n, asset.Str(fmt.Sprintf("new-%d", i)), "uid")
		ws.Content = append(ws.Content, n)
	}
	asset.Put(spec, ws, "widgets")
	return spec
}

// randomWidget draws from few values, so that twins are common.
func randomWidget(rt *rapid.T) *yaml.Node {
	w := asset.Map("name", rapid.SampledFrom([]string{"A", "B"}).Draw(rt, "name"),
		"widget_type", rapid.SampledFrom([]string{"text", "kpi_card", "vega"}).Draw(rt, "type"),
		"position", asset.Map("x", rapid.IntRange(0, 1).Draw(rt, "x"), "y", 0, "width", 6, "height", 4))
	maybe(rt, w, "data_source", asset.Map("sql", "SELECT 1\n"), asset.Map("metric", "m", "cache_ttl_seconds", 0))
	maybe(rt, w, "config", asset.Map("a", 1), asset.Map("b", asset.Null(), "c", asset.Seq()))
	maybe(rt, w, "extra", asset.Str("v"), asset.Seq(asset.Int(1)))
	return w
}

func maybe(rt *rapid.T, m *yaml.Node, key string, values ...*yaml.Node) {
	if i := rapid.IntRange(0, len(values)).Draw(rt, key); i > 0 {
		asset.Put(m, asset.Clone(values[i-1]), key)
	}
}
