package normalize

import (
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// spot is one node and its parent.
type spot struct {
	node   *yaml.Node
	parent *yaml.Node // nil for the root
	index  int        // of the node in parent.Content
}

// place is a spot with the way there.
type place struct {
	spot
	way  *step // nil for the root
	bare bool  // the way is not wanted
}

// step is a key and what leads to it.
type step struct {
	up  *step
	key string
}

// keys lists the keys from the root.
func (s *step) keys() []string {
	if s == nil {
		return nil
	}
	return append(s.up.keys(), s.key)
}

func (p place) pointer() string { return asset.Pointer(p.way.keys()...) }

// list is the pointer of the list the place is an element of.
func (p place) list() string { return asset.Pointer(p.way.up.keys()...) }

func (s spot) inList() bool { return s.parent != nil && s.parent.Kind == yaml.SequenceNode }

// find lists the nodes that pattern matches. Elements of a sequence come last
// one first, so that removing them one by one keeps the indexes of the rest right.
func find(root *yaml.Node, pattern string) []place {
	var out []place
	walk(place{spot: spot{node: root}}, pattern, func(p place) { out = append(out, p) })
	return out
}

// spots is find without the way, which costs more than the search.
func spots(root *yaml.Node, pattern string) []spot {
	var out []spot
	walk(place{spot: spot{node: root}, bare: true}, pattern, func(p place) { out = append(out, p.spot) })
	return out
}

func walk(p place, pattern string, f func(place)) {
	if pattern == "" {
		f(p)
		return
	}
	seg, rest := strings.TrimPrefix(pattern, "/"), ""
	if i := strings.IndexByte(seg, '/'); i >= 0 {
		seg, rest = seg[:i], seg[i:]
	}
	if seg != "*" && seg != "**" {
		if c, ok := p.child(seg); ok {
			walk(c, rest, f)
		}
		return
	}
	if seg == "**" {
		walk(p, rest, f)
		rest = pattern
	}
	p.children(func(c place) { walk(c, rest, f) })
}

func (p place) child(key string) (place, bool) {
	if p.node.Kind != yaml.MappingNode {
		return place{}, false
	}
	for i := 0; i+1 < len(p.node.Content); i += 2 {
		if p.node.Content[i].Value == key {
			return p.at(i+1, key), true
		}
	}
	return place{}, false
}

func (p place) at(i int, key string) place {
	c := place{spot{p.node.Content[i], p.node, i}, nil, p.bare}
	if !p.bare {
		c.way = &step{p.way, key}
	}
	return c
}

func (p place) children(f func(place)) {
	switch p.node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(p.node.Content); i += 2 {
			f(p.at(i+1, p.node.Content[i].Value))
		}
	case yaml.SequenceNode:
		key := p.elementKey()
		for i := len(p.node.Content) - 1; i >= 0; i-- {
			f(p.at(i, key(i)))
		}
	}
}

// elementKey names the elements of a list.
func (p place) elementKey() func(i int) string {
	if p.bare {
		return func(int) string { return "" }
	}
	if len(p.node.Content) > 0 && asset.IsMap(p.node.Content[0]) {
		if field, named := asset.Identity(p.node); named {
			return func(i int) string { return field + "=" + asset.ElementID(p.node.Content[i], field) }
		}
	}
	return strconv.Itoa
}

// remove takes the node out of its parent.
func (p spot) remove() {
	if p.parent == nil {
		return
	}
	first := p.index
	if p.parent.Kind == yaml.MappingNode {
		for first = 1; first < len(p.parent.Content) && p.parent.Content[first] != p.node; first += 2 {
		}
		if first >= len(p.parent.Content) {
			return
		}
		first--
	}
	last := first + 1
	if p.parent.Kind == yaml.MappingNode {
		last++
	}
	p.parent.Content = slices.Delete(p.parent.Content, first, last)
}

// cut splits a pattern into the pattern of the parent and the last key.
func cut(pattern string) (parent, key string) {
	i := strings.LastIndexByte(pattern, '/')
	if i < 0 {
		return "", pattern
	}
	return pattern[:i], pattern[i+1:]
}
