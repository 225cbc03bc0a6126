package matih

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// escape begins the canonical name of a server's field that would otherwise be
// taken for another one: a field "name" where titles stand under "title".
const escape = "~"

// mapping translates field names between the canonical form and the wire, in
// both directions and without loss.
type mapping struct{ dashboard, widget names }

// names is the mapping of one kind of object.
type names struct {
	wire   map[string]string // canonical name to wire name, where they differ
	canon  map[string]string // the other way
	ids    []string          // wire names of the id, best first
	option string            // where a person sets it
}

// dashboardFields and widgetFields list what can be mapped.
func dashboardFields() []string {
	return []string{"id", "name", "description", "visibility", "tags", "filters", "widgets", "widget_count",
		"tenant_id", "created_by", "created_at", "updated_by", "updated_at"}
}

func widgetFields() []string {
	return []string{"id", "name", "widget_type", "position", "data_source", "config",
		"dashboard_id", "tenant_id", "created_by", "created_at", "updated_by", "updated_at"}
}

func newMapping(f Fields) (m mapping, err error) {
	if m.dashboard, err = newNames("options.fields.dashboard", f.Dashboard, dashboardFields(), "dashboard_id"); err != nil {
		return m, err
	}
	m.widget, err = newNames("options.fields.widget", f.Widget, widgetFields(), "widget_id")
	return m, err
}

func newNames(option string, given map[string]string, known []string, otherID string) (names, error) {
	n := names{wire: map[string]string{}, canon: map[string]string{}, ids: []string{"id", otherID}, option: option}
	for _, c := range known {
		w, ok := given[c]
		switch {
		case !ok || w == c:
			continue
		case w == "":
			return n, fmt.Errorf("%s.%s is empty: it must be the name of a field", option, c)
		case n.canon[w] != "":
			return n, fmt.Errorf("%s: %s and %s are both mapped to %q", option, n.canon[w], c, w)
		}
		n.wire[c], n.canon[w] = w, c
	}
	for c := range given {
		if !slices.Contains(known, c) {
			return n, fmt.Errorf("%s: unknown key %q (allowed: %s)", option, c, strings.Join(known, ", "))
		}
	}
	for c, w := range n.wire {
		if slices.Contains(known, w) && n.wire[w] == "" {
			return n, fmt.Errorf("%s: %s is mapped to %q, which is the name of another field: map that one too", option, c, w)
		}
	}
	if w, ok := given["id"]; ok {
		n.ids = []string{w}
	}
	return n, nil
}

// onWire is the server's name of a canonical field.
func (n names) onWire(canonical string) string {
	if w, ok := n.wire[canonical]; ok {
		return w
	}
	if rest, ok := strings.CutPrefix(canonical, escape); ok {
		return rest
	}
	return canonical
}

// canonical is the other way. A name that is already taken is escaped.
func (n names) canonical(wire string) string {
	if c, ok := n.canon[wire]; ok {
		return c
	}
	if _, taken := n.wire[wire]; taken || wire == "uid" || strings.HasPrefix(wire, escape) {
		return escape + wire
	}
	return wire
}

// id is the server's id of an object as it is on the wire, "" when it has none
// that can be used.
func (n names) id(object *yaml.Node) string {
	for _, name := range n.ids {
		v := asset.Get(object, name)
		if v == nil || v.Kind != yaml.ScalarNode || v.Tag != asset.TagStr && v.Tag != asset.TagInt {
			continue
		}
		if plainID(v.Value) {
			return v.Value
		}
	}
	return ""
}

// missing says which key to map for a canonical field that is not there.
func (n names) missing(canonical string) string {
	return fmt.Sprintf("no %q is there; when this server calls it otherwise, say so under %s.%s", n.onWire(canonical), n.option, canonical)
}

// in renames wire names to canonical ones, in place.
func (n names) in(object *yaml.Node) { rename(object, n.canonical) }

// out renames canonical names to wire names, in place, and takes "uid" out,
// which is ours.
func (n names) out(object *yaml.Node) {
	asset.Delete(object, "uid")
	rename(object, n.onWire)
}

func rename(object *yaml.Node, f func(string) string) {
	if !asset.IsMap(object) {
		return
	}
	for i := 0; i+1 < len(object.Content); i += 2 {
		if k := object.Content[i]; f(k.Value) != k.Value {
			object.Content[i] = asset.Str(f(k.Value))
		}
	}
}

func (m mapping) dashboardOut(n *yaml.Node) { m.dashboard.out(n) }
func (m mapping) widgetOut(n *yaml.Node)    { m.widget.out(n) }
func (m mapping) dashboardIn(n *yaml.Node)  { m.dashboard.in(n) }
func (m mapping) widgetIn(n *yaml.Node)     { m.widget.in(n) }
