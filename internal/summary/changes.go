// Package summary says in words what changed between two canonical documents:
// for commit messages, plans, status and notifications.
package summary

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Kind of a change.
type Kind string

const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
	Moved   Kind = "moved" // elements of a list stand in another order
)

// Change is one value that differs.
type Change struct {
	Path     string // for people: "columns[order_date].description"
	Pointer  string // for programs, as in merge.Conflict
	Kind     Kind
	Old, New string // shortened, on one line, safe to print; "" where absent
}

// Changes lists what differs between two canonical documents, in the order of
// the file. nil is an absent document: all of it is then one change at Path "".
// A document that does not parse counts as text without parts.
func Changes(before, after []byte) []Change {
	var d differ
	a, okA := parse(before)
	b, okB := parse(after)
	switch {
	case !okA || !okB:
		d.add(nil, Changed, asset.Str(string(before)), asset.Str(string(after)))
	default:
		d.value(nil, a, b)
	}
	return d.changes
}

func parse(data []byte) (*yaml.Node, bool) {
	if data == nil {
		return nil, true
	}
	n, err := asset.Parse(data)
	return n, err == nil
}

type differ struct{ changes []Change }

func (d *differ) add(path []string, k Kind, before, after *yaml.Node) {
	d.changes = append(d.changes, Change{human(path), asset.Pointer(path...), k, short(before), short(after)})
}

func (d *differ) value(path []string, a, b *yaml.Node) {
	switch {
	case asset.Equal(a, b):
	case a == nil:
		d.add(path, Added, nil, b)
	case b == nil:
		d.add(path, Removed, a, nil)
	case asset.IsMap(a) && asset.IsMap(b):
		d.mapping(path, a, b)
	case asset.IsSeq(a) && asset.IsSeq(b):
		if field, ok := asset.Identity(a, b); ok {
			d.list(path, field, a, b)
			return
		}
		fallthrough
	default:
		d.add(path, Changed, a, b)
	}
}

func (d *differ) mapping(path []string, a, b *yaml.Node) {
	for k, v := range asset.Each(a) {
		d.value(extend(path, k), v, asset.Get(b, k))
	}
	for k, v := range asset.Each(b) {
		if asset.Get(a, k) == nil {
			d.value(extend(path, k), nil, v)
		}
	}
}

func (d *differ) list(path []string, field string, a, b *yaml.Node) {
	before, after := byID(a, field), byID(b, field)
	for _, e := range a.Content {
		id := asset.ElementID(e, field)
		d.value(extend(path, field+"="+id), e, after[id])
	}
	for _, e := range b.Content {
		if id := asset.ElementID(e, field); before[id] == nil {
			d.value(extend(path, field+"="+id), nil, e)
		}
	}
	if x, y := order(a, field, after), order(b, field, before); !slices.Equal(x, y) {
		d.changes = append(d.changes, Change{human(path), asset.Pointer(path...), Moved, shorten(strings.Join(x, ", ")), shorten(strings.Join(y, ", "))})
	}
}

func byID(list *yaml.Node, field string) map[string]*yaml.Node {
	m := make(map[string]*yaml.Node, len(list.Content))
	for _, e := range list.Content {
		m[asset.ElementID(e, field)] = e
	}
	return m
}

// order lists the ids that stand in the other list too.
func order(list *yaml.Node, field string, other map[string]*yaml.Node) []string {
	var ids []string
	for _, e := range list.Content {
		if id := asset.ElementID(e, field); other[id] != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func extend(path []string, key string) []string { return append(slices.Clip(path), key) }

// human writes a path without "spec", elements in brackets: columns[order_date].type.
func human(path []string) string {
	if len(path) > 1 && path[0] == "spec" {
		path = path[1:]
	}
	var b strings.Builder
	for _, k := range path {
		if id, ok := asset.CutIdentity(k); ok {
			b.WriteString("[" + shorten(id) + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(shorten(k))
	}
	return b.String()
}

// short shows a value on one line: texts as they are, containers by their size.
func short(n *yaml.Node) string {
	switch {
	case n == nil:
		return ""
	case asset.IsMap(n) && len(n.Content) > 0:
		return plural(len(n.Content)/2, "value")
	case asset.IsSeq(n) && len(n.Content) > 0:
		return listShort(n)
	}
	return shorten(asset.Render(n))
}

// listShort shows the items of a short list of scalars, and counts any other.
func listShort(n *yaml.Node) string {
	var items []string
	for _, c := range n.Content {
		if c.Kind != yaml.ScalarNode {
			return plural(len(n.Content), "item")
		}
		items = append(items, asset.Render(c))
	}
	if s := strings.Join(items, ", "); len(s) <= maxShort {
		return shorten(s)
	}
	return plural(len(n.Content), "item")
}
