package normalize

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// place is one node and where it stands.
type place struct {
	node   *yaml.Node
	parent *yaml.Node // nil for the root
	index  int        // of the node in parent.Content
	keys   []string   // from the root
}

func (p place) pointer() string { return asset.Pointer(p.keys...) }

// list is the pointer of the list the place is an element of.
func (p place) list() string { return asset.Pointer(p.keys[:max(0, len(p.keys)-1)]...) }

func (p place) inList() bool { return p.parent != nil && p.parent.Kind == yaml.SequenceNode }

// find lists the nodes that pattern matches. Elements of a sequence come last
// one first, so that removing them one by one keeps the indexes of the rest right.
func find(root *yaml.Node, pattern string) []place {
	var out []place
	walk(place{node: root}, segments(pattern), func(p place) { out = append(out, p) })
	return out
}

func segments(pattern string) []string {
	if pattern == "" {
		return nil
	}
	return strings.Split(strings.TrimPrefix(pattern, "/"), "/")
}

func walk(p place, segs []string, f func(place)) {
	if len(segs) == 0 {
		f(p)
		return
	}
	seg, rest := segs[0], segs[1:]
	if seg != "*" && seg != "**" {
		if c, ok := p.child(seg); ok {
			walk(c, rest, f)
		}
		return
	}
	if seg == "**" {
		walk(p, rest, f)
		rest = segs
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
	return place{p.node.Content[i], p.node, i, append(p.keys[:len(p.keys):len(p.keys)], key)}
}

func (p place) children(f func(place)) {
	switch p.node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(p.node.Content); i += 2 {
			f(p.at(i+1, p.node.Content[i].Value))
		}
	case yaml.SequenceNode:
		field, named := "", false
		if len(p.node.Content) > 0 && asset.IsMap(p.node.Content[0]) {
			field, named = asset.Identity(p.node)
		}
		for i := len(p.node.Content) - 1; i >= 0; i-- {
			key := strconv.Itoa(i)
			if named {
				key = field + "=" + asset.ElementID(p.node.Content[i], field)
			}
			f(p.at(i, key))
		}
	}
}

// remove takes the node out of its parent.
func (p place) remove() {
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
	c := p.parent.Content
	last := first + 1
	if p.parent.Kind == yaml.MappingNode {
		last++
	}
	p.parent.Content = append(c[:first:first], c[last:]...)
}

// cut splits a pattern into the pattern of the parent and the last key.
func cut(pattern string) (parent, key string) {
	i := strings.LastIndexByte(pattern, '/')
	if i < 0 {
		return "", pattern
	}
	return pattern[:i], pattern[i+1:]
}
