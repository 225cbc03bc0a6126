package supersettest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// said is an answer of one of the two servers, without what is each server's own.
type said struct {
	Status int
	Body   any
}

var named = regexp.MustCompile(`\{([a-z_]+) ([^}]*)\}`)

// ask sends one request. "{tag x}" in the path is the row id of what is called so,
// "{note x}" that of an annotation of the layer Releases.
func (m *mirror) ask(c *Client, method, path string, body any) said {
	m.t.Helper()
	path = named.ReplaceAllStringFunc(path, func(ref string) string {
		part := named.FindStringSubmatch(ref)
		if part[1] != "note" {
			it, err := c.Find(m.t.Context(), part[1], part[2])
			if err != nil {
				m.t.Fatal(err)
			}
			return fmt.Sprint(it.ID)
		}
		it, err := c.Find(m.t.Context(), AnnotationLayer, "Releases")
		if err != nil {
			m.t.Fatal(err)
		}
		notes, err := c.Annotations(m.t.Context(), it.ID)
		if err != nil {
			m.t.Fatal(err)
		}
		if id, ok := notes[part[2]]; ok {
			return fmt.Sprint(id)
		}
		m.t.Fatalf("no annotation %q", part[2])
		return ""
	})
	if p, q, ok := strings.Cut(path, "?q="); ok {
		path = p + "?q=" + url.QueryEscape(q)
	}
	status, raw, err := c.Do(m.t.Context(), method, path, body)
	if err != nil {
		m.t.Fatal(err)
	}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		v = string(raw)
	}
	return said{status, ownless(v)}
}

// ownless takes out ids, times, and what describes the columns of an answer.
func ownless(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range []string{"id", "ids", "layer", "label_columns", "description_columns", "list_columns", "show_columns", "show_title", "order_columns",
			"list_title", "changed_on", "changed_on_delta_humanized", "created_on", "created_on_delta_humanized"} {
			delete(v, k)
		}
		for k := range v {
			v[k] = ownless(v[k])
		}
		if by, ok := v["created_by"].(map[string]any); ok && by["password"] != nil {
			v["created_by"] = "with a password hash"
		}
	case []any:
		for i := range v {
			v[i] = ownless(v[i])
		}
	}
	return v
}

func TestLiveSimulatorMirrorsRecords(t *testing.T) {
	m := newMirror(t)
	type obj = map[string]any
	const layers, notes, css, tag = "/api/v1/annotation_layer/", "/api/v1/annotation_layer/{annotation_layer Releases}/annotation/", "/api/v1/css_template/", "/api/v1/tag/"
	const customTags = "filters:!((col:type,opr:custom_tag,value:!t)),order_column:name,order_direction:asc"
	at := func(short string, more obj) obj {
		o := obj{"short_descr": short, "start_dttm": "2026-01-01T00:00:00", "end_dttm": "2026-01-02T00:00:00"}
		for k, v := range more {
			o[k] = v
		}
		return o
	}
	for _, step := range []struct {
		method, path string
		body         any
	}{
		{"POST", layers, obj{"name": "Releases", "descr": "what was shipped"}},
		{"POST", layers, obj{"name": "Releases", "descr": nil}},
		{"POST", layers, obj{"descr": "x"}},
		{"POST", layers, obj{"name": ""}},
		{"POST", layers, obj{"name": "empty", "descr": ""}},
		{"POST", layers, obj{"name": "x", "foo": 1}},
		{"GET", layers + "?q=(order_column:name,order_direction:asc,columns:!(id,uuid,name,descr,changed_on,changed_by.id,changed_by.first_name))", nil},
		{"GET", layers + "?q=(order_column:id)", nil},
		{"POST", notes, at("r1", obj{"long_descr": "x\n", "json_metadata": `{"a":  1}`, "end_dttm": "2026-01-02T10:11:12.5"})},
		{"POST", notes, at("r1", nil)},
		{"POST", notes, at("r2", obj{"json_metadata": "", "end_dttm": "2026-01-02T10:11:12+02:00"})},
		{"POST", notes, at("r2", obj{"json_metadata": "", "start_dttm": "2026-01-01T00:00:00Z", "end_dttm": "2026-01-02T10:11:12+02:00"})},
		{"POST", notes, at("r3", obj{"json_metadata": nil, "long_descr": nil})},
		{"POST", notes, at("r4", obj{"start_dttm": "2026-01-03T00:00:00"})},
		{"POST", notes, at("r5", obj{"json_metadata": "{bad"})},
		{"POST", notes, at("r6", obj{"foo": 1})},
		{"POST", notes, at("r7", obj{"start_dttm": "2026-01-01"})},
		{"POST", notes, obj{"short_descr": "r8"}},
		{"POST", notes, at("r9", obj{"json_metadata": " 3 "})},
		{"GET", notes + "?q=(order_column:short_descr,order_direction:asc,columns:!(id,short_descr,long_descr,start_dttm,end_dttm,json_metadata))", nil},
		{"GET", notes + "?q=(order_column:short_descr,order_direction:asc,filters:!((col:json_metadata,opr:neq,value:'')),columns:!(id,short_descr))", nil},
		{"GET", notes + "{note r1}", nil},
		{"GET", notes + "{note r1}?q=(columns:!(json_metadata))", nil},
		{"GET", notes + "99999", nil},
		{"GET", layers + "99999/annotation/", nil},
		{"PUT", notes + "{note r3}", obj{"json_metadata": "", "long_descr": ""}},
		{"PUT", notes + "{note r3}", obj{"short_descr": "r3b", "end_dttm": "2026-01-03T00:00:00.000001"}},
		{"GET", notes + "{note r3b}", nil},
		{"PUT", notes + "{note r3b}", obj{"short_descr": "r1"}},
		{"PUT", notes + "{note r3b}", obj{"start_dttm": nil}},
		{"PUT", notes + "99999", obj{"short_descr": "r1"}},
		{"PUT", layers + "{annotation_layer Releases}", obj{"descr": nil}},
		{"PUT", layers + "{annotation_layer Releases}", obj{"descr": ""}},
		{"PUT", layers + "{annotation_layer Releases}", obj{"name": "empty"}},
		{"PUT", layers + "99999", obj{"descr": ""}},
		{"DELETE", layers + "{annotation_layer Releases}", nil},
		{"DELETE", notes + "?q=!({note r1},99999)", nil},
		{"DELETE", notes + "?q=!({note r1},{note r2})", nil},
		{"DELETE", notes + "{note r3b}", nil},
		{"DELETE", notes + "{note r9}", nil},
		{"DELETE", notes + "99999", nil},
		{"DELETE", layers + "{annotation_layer Releases}", nil},
		{"DELETE", layers + "99999", nil},
		{"GET", layers + "?q=(columns:!(id,name,descr))", nil},

		{"POST", css, obj{"template_name": "A", "css": ".a {\n  color: red;\n}\n"}},
		{"POST", css, obj{"template_name": "A", "css": "b"}},
		{"POST", css, obj{"template_name": "none"}},
		{"POST", css, obj{"template_name": "null", "css": nil}},
		{"POST", css, obj{"css": "x"}},
		{"POST", css, obj{"template_name": "unk", "foo": 1}},
		{"POST", css, obj{"template_name": strings.Repeat("x", 251)}},
		{"GET", css + "?q=(order_column:template_name,order_direction:asc,columns:!(id,uuid,template_name,css,changed_on,changed_by.id))", nil},
		{"GET", css + "?q=(order_column:changed_on_delta_humanized)", nil},
		{"PUT", css + "{css_template none}", obj{"css": nil}},
		{"GET", css + "{css_template none}", nil},
		{"PUT", css + "{css_template none}", obj{"css": "", "template_name": "none"}},
		{"PUT", css + "{css_template none}", obj{"cs": ""}},
		{"PUT", css + "99999", obj{"css": ""}},
		{"DELETE", css + "{css_template none}", nil},
		{"DELETE", css + "99999", nil},

		{"POST", tag, obj{"name": "finance", "description": "money", "objects_to_tag": []any{}}},
		{"POST", tag, obj{"name": "finance", "description": "again", "objects_to_tag": []any{}}},
		{"POST", tag, obj{"name": "plain"}},
		{"POST", tag, obj{"name": "nul", "description": nil, "objects_to_tag": []any{}}},
		{"POST", tag, obj{"name": " a&b <x> ", "description": "d", "objects_to_tag": []any{}}},
		{"POST", tag, obj{"name": "", "objects_to_tag": []any{}}},
		{"POST", tag, obj{"name": "x", "foo": 1}},
		{"GET", tag + "?q=(" + customTags + ",columns:!(id,name,type,description,changed_by.id,changed_by.first_name))", nil},
		{"GET", tag + "?q=(" + strings.Replace(customTags, "!t", "!f", 1) + ",columns:!(id,name,type))", nil},
		{"GET", tag + "?q=(filters:!((col:type,opr:custom_tag,value:!t),(col:name,opr:eq,value:'finance')),columns:!(name))", nil},
		{"GET", tag + "?q=(order_column:changed_on)", nil},
		{"GET", tag + "{tag finance}", nil},
		{"POST", tag + "bulk_create", obj{"tags": []any{obj{"name": "finance", "description": "edited", "objects_to_tag": []any{}}}}},
		{"POST", tag + "bulk_create", obj{"tags": []any{obj{"name": "finance", "description": nil, "objects_to_tag": []any{}}}}},
		{"POST", tag + "bulk_create", obj{"tags": []any{obj{"name": "finance", "description": "x"}}}},
		{"POST", tag + "bulk_create", obj{"tags": []any{obj{"name": " bulk new ", "description": "x", "objects_to_tag": []any{}}}}},
		{"PUT", tag + "{tag bulk new}", obj{"name": "R&D <ü>", "description": "x", "objects_to_tag": []any{}}},
		{"PUT", tag + "{tag finance}", obj{"name": "R&D <ü>", "description": "x", "objects_to_tag": []any{}}},
		{"PUT", tag + "{tag finance}", obj{"description": "x"}},
		{"PUT", tag + "{tag finance}", obj{"name": "finance", "x": 1}},
		{"PUT", tag + "{tag finance}", obj{"name": "finance", "description": "put"}},
		{"PUT", tag + "99999", obj{"name": "finance", "objects_to_tag": []any{}}},
		{"GET", tag + "?q=(" + customTags + ",columns:!(name,description))", nil},
		{"DELETE", tag + "{tag finance}", nil},
		{"DELETE", tag + "99999", nil},
		{"DELETE", tag + "?q=!(nul)", nil},
		{"DELETE", tag + "?q=!(nul)", nil},
		{"GET", tag + "?q=(" + customTags + ",columns:!(name,description))", nil},
	} {
		sim, real := m.ask(m.sim, step.method, step.path, step.body), m.ask(m.real, step.method, step.path, step.body)
		if d := cmp.Diff(real, sim); d != "" {
			t.Errorf("%s %s %v: the real server (-) and the simulator (+) disagree\n%s", step.method, step.path, step.body, d)
		}
	}
	for _, c := range []*Client{m.sim, m.real} {
		if err := c.DeleteRecords(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
