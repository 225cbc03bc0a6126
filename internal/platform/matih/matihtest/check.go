package matihtest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Refused is a description or a widget type that the server always refuses, so
// that a test can make an asset that is bad.
const Refused = "refuse-me"

const columns = 12 // of the grid, as the seed says

func dashboardKeys() []string {
	return []string{"name", "description", "visibility", "tags", "filters"}
}

func dashboardOwned() []string {
	return []string{"id", "tenant_id", "created_by", "created_at", "updated_at", "updated_by", "widget_count", "widgets"}
}

func widgetKeys() []string {
	return []string{"name", "widget_type", "position", "data_source", "config"}
}

func widgetOwned() []string { return []string{"id", "dashboard_id"} }

func (s *Server) dashboardDefaults() map[string]any {
	if s.nulls {
		return map[string]any{"description": nil, "visibility": "private", "tags": nil, "filters": nil}
	}
	return map[string]any{"description": "", "visibility": "private", "tags": []any{}, "filters": []any{}}
}

func (s *Server) widgetDefaults() map[string]any {
	position := map[string]any{"x": json.Number("0"), "y": json.Number("0"), "width": json.Number("6"), "height": json.Number("4")}
	if s.nulls {
		return map[string]any{"position": position, "data_source": nil, "config": nil}
	}
	return map[string]any{"position": position, "data_source": map[string]any{}, "config": map[string]any{}}
}

// input is a body under check: what is wrong with it is collected.
type input struct {
	names    names
	body     map[string]any // canonical names
	problems []problem
}

func (in *input) report(key, message, kind string, more ...any) {
	in.problems = append(in.problems, problem{append([]any{"body", in.names.wire(key)}, more...), message, kind, in.body[key]})
}

// text checks a string; an empty one is refused where it is required.
func (in *input) text(key string, required, null bool) {
	v, there := in.body[key]
	t, isText := v.(string)
	switch {
	case !there && required:
		in.report(key, "Field required", "missing")
	case !there, v == nil && null:
	case !isText:
		in.report(key, "Input should be a valid string", "string_type")
	case t == Refused:
		in.report(key, "Value error, "+Refused, "value_error")
	case strings.TrimSpace(t) == "" && !null:
		in.report(key, "String should have at least 1 character", "string_too_short")
	}
}

func (in *input) list(key string, good func(any) bool) {
	v, there := in.body[key]
	if !there || v == nil {
		return
	}
	l, ok := v.([]any)
	if !ok {
		in.report(key, "Input should be a valid list", "list_type")
	}
	for i, e := range l {
		if !good(e) {
			in.report(key, "Input is not valid here", "type_error", i)
		}
	}
}

func (in *input) dict(key string) {
	if v, there := in.body[key]; there && v != nil {
		if _, ok := v.(map[string]any); !ok {
			in.report(key, "Input should be a valid dictionary", "dict_type")
		}
	}
}

// position wants whole numbers within the grid's columns.
func (in *input) position() {
	v, there := in.body["position"]
	if !there {
		return
	}
	p, ok := v.(map[string]any)
	if !ok {
		in.report("position", "Input should be a valid dictionary", "dict_type")
		return
	}
	at := map[string]int64{}
	for key, least := range map[string]int64{"x": 0, "y": 0, "width": 1, "height": 1} {
		n, _ := p[key].(json.Number)
		whole, err := n.Int64()
		if err != nil || whole < least {
			in.report("position", "Input should be a whole number, not below the least one", "int_type", key)
		}
		at[key] = whole
	}
	if at["x"]+at["width"] > columns {
		in.report("position", "The widget leaves the 12 columns", "value_error", "width")
	}
}

// closed refuses keys other than the known ones.
func (in *input) closed(known []string) {
	for _, key := range slices.Sorted(maps.Keys(in.body)) {
		if !slices.Contains(known, key) {
			in.report(key, "Extra inputs are not permitted", "extra_forbidden")
		}
	}
}

// checked makes fields of a body: without what belongs to the server, refused
// as a whole when anything is wrong.
func (in *input) checked(strict bool, known, owned []string) (map[string]any, *refusal) {
	if strict {
		in.closed(known)
	}
	if len(in.problems) > 0 {
		return nil, invalid(in.problems...)
	}
	out := maps.Clone(in.body)
	for _, key := range owned {
		delete(out, key)
	}
	return out, nil
}

// dashboardInput is the body of a create or a PUT; partly lets required keys be
// absent.
func (s *Server) dashboardInput(c *call, partly bool) (map[string]any, *refusal) {
	raw, f := c.object()
	if f != nil {
		return nil, f
	}
	in := &input{names: s.dashboard, body: s.dashboard.decode(raw)}
	in.text("name", !partly, false)
	in.text("description", false, true)
	in.text("visibility", false, false)
	in.list("tags", func(v any) bool { _, ok := v.(string); return ok })
	in.list("filters", func(v any) bool { m, ok := v.(map[string]any); return ok && m["field"] != nil })
	return in.checked(s.strict, dashboardKeys(), dashboardOwned())
}

// widgetInput is the same for a widget. Types that the seed does not list are
// taken.
func (s *Server) widgetInput(c *call, partly bool) (map[string]any, *refusal) {
	raw, f := c.object()
	if f != nil {
		return nil, f
	}
	in := &input{names: s.widget, body: s.widget.decode(raw)}
	in.text("name", !partly, false)
	in.text("widget_type", !partly, false)
	in.dict("data_source")
	in.dict("config")
	if s.grid {
		in.position()
	}
	return in.checked(s.strict, widgetKeys(), widgetOwned())
}

// over lays values over others.
func over(base, values map[string]any) map[string]any {
	out := maps.Clone(base)
	maps.Copy(out, values)
	return out
}
