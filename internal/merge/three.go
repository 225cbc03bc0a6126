// Package merge combines canonical documents value by value: three-way, by what
// two sides agree on, and by pointer. Mappings are merged by key. Lists whose
// elements carry an identity (asset.Identity) are merged by element, with their
// order as a value of its own, and so are lists of different texts; other lists,
// where only the position says what an element is, are one value. Texts of
// several lines are merged by lines.
package merge

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Conflict is a value that both sides moved away from base, to different values.
type Conflict struct {
	Path string `json:"path"` // JSON pointer; an element of a list with identity is "field=value"
	// As shown to a person (asset.Render); nil where the value is absent.
	Base   *string `json:"base"`
	Ours   *string `json:"git"`
	Theirs *string `json:"server"`
	// Text says why the values are in conflict, where that is not that both moved.
	Text string `json:"text,omitempty"`
}

// Options are the choices of a merge. The zero value is what Three does.
type Options struct {
	Theirs bool // in a conflict theirs is taken, not ours
	Hold   bool // what only theirs moved stays as it is
	// Contested are pointers, as Conflict has them, at which a move of theirs alone
	// is a conflict too.
	Contested []string
	Whole     []Structure
}

// Three merges what ours and theirs changed since base. nil is an absent
// document; the others must be canonical. Where only one side moved its value is
// taken; where both moved to the same value, that one; where they moved apart the
// place is a Conflict and merged holds ours. Deleting what the other side changed
// is a conflict too. merged is canonical, nil when the document is to be absent. An
// error says which side does not parse.
func Three(base, ours, theirs []byte) (merged []byte, conflicts []Conflict, err error) {
	return Merge(base, ours, theirs, Options{})
}

// Merge is Three with choices.
func Merge(base, ours, theirs []byte, o Options) (merged []byte, conflicts []Conflict, err error) {
	switch {
	case same(ours, theirs), same(base, theirs):
		return ours, nil, nil
	case same(base, ours) && o.Hold && len(o.Contested) == 0:
		return ours, nil, nil
	case same(base, ours) && len(o.Contested) == 0:
		return theirs, nil, nil
	}
	var n [3]*yaml.Node
	for i, side := range []struct {
		name string
		data []byte
	}{{"base", base}, {"ours", ours}, {"theirs", theirs}} {
		if n[i], err = parse(side.name, side.data); err != nil {
			return nil, nil, err
		}
	}
	m := merger{o: o}
	out := m.value(nil, n[0], n[1], n[2])
	out = m.whole(out, n[0], n[1], n[2])
	merged, err = encode(out)
	return merged, m.conflicts, err
}

// same tells absent from empty.
func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func parse(name string, data []byte) (*yaml.Node, error) {
	if data == nil {
		return nil, nil
	}
	n, err := asset.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("merge: %s: %w", name, err)
	}
	return n, nil
}

func encode(n *yaml.Node) ([]byte, error) {
	if n == nil {
		return nil, nil
	}
	out, err := asset.Encode(n)
	if err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	return out, nil
}

type merger struct {
	o         Options
	conflicts []Conflict
}

// value merges one value; nil is absent.
func (m *merger) value(path []string, base, ours, theirs *yaml.Node) *yaml.Node {
	contested := m.contested(path)
	switch {
	case asset.Equal(ours, theirs), asset.Equal(base, theirs):
		return ours
	case contested == here:
		return m.conflict(path, base, ours, theirs)
	case asset.Equal(base, ours) && contested == nowhere:
		return m.held(ours, theirs)
	}
	switch {
	case asset.IsMap(ours) && asset.IsMap(theirs) && (base == nil || asset.IsMap(base)):
		return m.mapping(path, base, ours, theirs)
	case asset.IsSeq(ours) && asset.IsSeq(theirs) && (base == nil || asset.IsSeq(base)):
		if field, ok := asset.Identity(base, ours, theirs); ok {
			return m.list(path, field, base, ours, theirs)
		}
		if merged, ok := mergeTexts(base, ours, theirs); ok {
			return m.held(ours, merged)
		}
	case isBlock(base) && isText(ours) && isText(theirs):
		if merged, ok := mergeText(base.Value, ours.Value, theirs.Value); ok {
			return m.held(ours, asset.Str(merged))
		}
	}
	return m.conflict(path, base, ours, theirs)
}

// held is a value that was merged from parts: what theirs moved of it may be held back.
func (m *merger) held(ours, merged *yaml.Node) *yaml.Node {
	if m.o.Hold {
		return ours
	}
	return merged
}

func (m *merger) conflict(path []string, base, ours, theirs *yaml.Node) *yaml.Node {
	m.conflicts = append(m.conflicts, Conflict{Path: asset.Pointer(path...), Base: render(base), Ours: render(ours), Theirs: render(theirs)})
	if m.o.Theirs {
		return theirs
	}
	return ours
}

// Where a contested value stands, seen from a place in the document.
const (
	nowhere = iota // neither at it nor below it
	here
	below
)

func (m *merger) contested(path []string) int {
	if len(m.o.Contested) == 0 {
		return nowhere
	}
	p, at := asset.Pointer(path...), nowhere
	for _, c := range m.o.Contested {
		switch {
		case c == p:
			return here
		case strings.HasPrefix(c, p+"/"):
			at = below
		}
	}
	return at
}

func render(n *yaml.Node) *string {
	if n == nil {
		return nil
	}
	s := asset.Render(n)
	return &s
}

func (m *merger) mapping(path []string, base, ours, theirs *yaml.Node) *yaml.Node {
	out := asset.Map()
	b, o, t := index(base), index(ours), index(theirs)
	for _, k := range union(base, ours, theirs) {
		key := k.Value
		if v := m.value(extend(path, key), b[key], o[key], t[key]); v != nil {
			out.Content = append(out.Content, k, v)
		}
	}
	return out
}

func (m *merger) list(path []string, field string, base, ours, theirs *yaml.Node) *yaml.Node {
	b, o, t := elements(base, field), elements(ours, field), elements(theirs, field)
	kept := map[string]*yaml.Node{}
	for _, id := range unionIDs(b, o, t) {
		if v := m.value(extend(path, field+"="+id), b.byID[id], o.byID[id], t.byID[id]); v != nil {
			kept[id] = v
		}
	}
	order, agreed := m.order(b.ids, o.ids, t.ids, func(id string) bool { return kept[id] != nil })
	if !agreed {
		m.conflicts = append(m.conflicts, Conflict{Path: asset.Pointer(path...), Base: renderOrder(base, b), Ours: renderOrder(ours, o), Theirs: renderOrder(theirs, t)})
	}
	out := asset.Seq()
	for _, id := range order {
		out.Content = append(out.Content, kept[id])
	}
	return out
}

// index gives the values of a mapping by key.
func index(n *yaml.Node) map[string]*yaml.Node {
	m := map[string]*yaml.Node{}
	for k, v := range asset.Each(n) {
		m[k] = v
	}
	return m
}

// union lists the keys of some mappings, each once.
func union(ns ...*yaml.Node) []*yaml.Node {
	var keys []*yaml.Node
	seen := map[string]bool{}
	for _, n := range ns {
		if !asset.IsMap(n) {
			continue
		}
		for i := 0; i < len(n.Content); i += 2 {
			if k := n.Content[i]; !seen[k.Value] {
				seen[k.Value] = true
				keys = append(keys, k)
			}
		}
	}
	return keys
}

func extend(path []string, key string) []string { return append(slices.Clip(path), key) }
