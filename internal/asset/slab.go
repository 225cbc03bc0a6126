package asset

import "gopkg.in/yaml.v3"

// slab makes the nodes of one tree, many at a time: a node is large, and a
// document has thousands. A node that is kept keeps up to 63 neighbours.
type slab struct {
	nodes []yaml.Node
	lists []*yaml.Node
	stack []*yaml.Node // children whose parents are not complete
}

// node makes a node; expect is about how many are still to come.
func (s *slab) node(expect int) *yaml.Node {
	if len(s.nodes) == 0 {
		s.nodes = make([]yaml.Node, min(64, max(expect, 1)))
	}
	n := &s.nodes[0]
	s.nodes = s.nodes[1:]
	return n
}

// list makes a list of n nodes, to be filled in.
func (s *slab) list(n, expect int) []*yaml.Node {
	if n > len(s.lists) {
		s.lists = make([]*yaml.Node, max(n, min(64, expect)))
	}
	out := s.lists[:n:n]
	s.lists = s.lists[n:]
	return out
}

// open begins a list of children; close with what it returned ends it.
func (s *slab) open() int {
	if s.stack == nil {
		s.stack = make([]*yaml.Node, 0, 64)
	}
	return len(s.stack)
}

func (s *slab) push(n *yaml.Node) { s.stack = append(s.stack, n) }

func (s *slab) close(first, expect int) []*yaml.Node {
	if first == len(s.stack) {
		return nil
	}
	out := s.list(len(s.stack)-first, expect)
	copy(out, s.stack[first:])
	s.stack = s.stack[:first]
	return out
}
