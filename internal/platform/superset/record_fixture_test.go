package superset_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
	"github.com/dashkeep/dashkeep/internal/platform/superset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// fillRecords makes, as people do in the pages of a server, what no export holds,
// and lets a chart use an annotation layer.
func fillRecords(tb testing.TB, c *st.Client) {
	tb.Helper()
	type obj = map[string]any
	post := func(path string, body any) int {
		tb.Helper()
		status, raw, err := c.Do(tb.Context(), http.MethodPost, path, body)
		if err != nil || status != http.StatusCreated {
			tb.Fatalf("POST %s: %d %s %v", path, status, raw, err)
		}
		var out struct{ ID int }
		if err := json.Unmarshal(raw, &out); err != nil {
			tb.Fatal(err)
		}
		return out.ID
	}
	post("/api/v1/css_template/", obj{"template_name": "Corporate ü", "css": ".dashboard {\n  background: #fff;\n}\n"})
	post("/api/v1/css_template/", obj{"template_name": "bare", "css": nil})
	for name, description := range map[string]any{"quarterly": "Closed each quarter\nby finance", "nobody's": nil, "team:sales": ""} {
		post("/api/v1/tag/", obj{"name": name, "description": description, "objects_to_tag": []any{}})
	}
	post("/api/v1/annotation_layer/", obj{"name": "Unused", "descr": ""})
	layer := post("/api/v1/annotation_layer/", obj{"name": "Releases", "descr": "What was shipped, and when"})
	for i, more := range []obj{
		{"long_descr": "First line\nsecond line\n", "json_metadata": `{"ticket":  "OPS-1", "weights": [1.0, 2], "who": "Mia Öz"}`},
		{"long_descr": nil, "json_metadata": nil}, {"long_descr": "", "json_metadata": ""}, {"json_metadata": `"a text"`},
	} {
		more["short_descr"] = fmt.Sprintf("v1.%d", 9-i)
		more["start_dttm"], more["end_dttm"] = fmt.Sprintf("2026-01-%02dT00:00:00", i+1), fmt.Sprintf("2026-02-%02dT10:11:12.5", i+1)
		post(fmt.Sprintf("/api/v1/annotation_layer/%d/annotation/", layer), more)
	}
	useLayer(tb, c, "Share", layer)
}

// useLayer puts an annotation layer on a chart, in params and in the copies of it
// that query_context holds.
func useLayer(tb testing.TB, c *st.Client, chart string, layer int) {
	tb.Helper()
	item, err := c.Get(tb.Context(), st.Chart, chart)
	if err != nil {
		tb.Fatal(err)
	}
	native := map[string]any{"annotationType": "EVENT", "name": "shipped", "show": true, "sourceType": "NATIVE", "value": layer, "overrides": map[string]any{"time_range": nil}}
	formula := map[string]any{"annotationType": "FORMULA", "name": "line", "show": true, "value": "x+1"}
	fields := map[string]any{}
	for _, f := range []string{"params", "query_context"} {
		text, _ := item[f].(string)
		var v map[string]any
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			tb.Fatal(err)
		}
		layers := []any{formula, native}
		if f == "params" {
			v["annotation_layers"] = layers
		} else {
			if form, ok := v["form_data"].(map[string]any); ok {
				form["annotation_layers"] = layers
			}
			queries, _ := v["queries"].([]any)
			for _, q := range queries {
				q.(map[string]any)["annotation_layers"] = layers
			}
		}
		raw, err := json.Marshal(v)
		if err != nil {
			tb.Fatal(err)
		}
		fields[f] = string(raw)
	}
	if err := c.Put(tb.Context(), st.Chart, chart, fields); err != nil {
		tb.Fatal(err)
	}
}

// editedRecord edits what is known by its name somewhere else.
func editedRecord(tb testing.TB, a *asset.Asset) *asset.Asset {
	tb.Helper()
	var edit func(*asset.Document)
	switch a.ID.Kind {
	case st.Tag:
		edit = func(d *asset.Document) { asset.Put(d.Spec, asset.Str("Edited in Git"), "description") }
	case st.CSSTemplate:
		edit = func(d *asset.Document) { asset.Put(d.Spec, asset.Str("b {\n  color: blue;\n}\n"), "css") }
	case st.AnnotationLayer:
		edit = editAnnotations
	default:
		return nil
	}
	return platformtest.Altered(tb, superset.Rules(), a, edit)
}

// editAnnotations deletes an annotation, edits one and adds one.
func editAnnotations(d *asset.Document) {
	added := asset.Map("short_descr", "new", "start_dttm", "2026-05-01", "end_dttm", "2026-05-02T00:00:00+02:00", "json_metadata", `{"a": 1}`)
	asset.Put(d.Spec, asset.Str("Edited in Git"), "descr")
	list := asset.Get(d.Spec, "annotations")
	if list == nil {
		list = asset.Seq()
		asset.Put(d.Spec, list, "annotations")
	}
	if len(list.Content) > 1 {
		list.Content = list.Content[1:]
		asset.Put(list.Content[0], asset.Str("Edited"), "long_descr")
	}
	list.Content = append(list.Content, added)
}
