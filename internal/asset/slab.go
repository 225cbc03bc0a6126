package asset

import "gopkg.in/yaml.v3"

// slab makes the nodes of one tree, many at a time: a node is large, and a
// document has thousands. A node that is kept keeps its neighbours.
type slab struct {
	nodes []yaml.Node
	lists []*yaml.Node
	stack []*yaml.Node // children whose parents are not complete
}

// The nodes made at a time fill 4 KB, as the runtime counts; the lists 512 bytes.
const (
	slabNodes = 26
	slabLists = 64
)

// node makes a node; expect is about how many are still to come.
func (s *slab) node(expect int) *yaml.Node {
	if len(s.nodes) == 0 {
		s.nodes = make([]yaml.Node, min(slabNodes, max(expect, 4)))
	}
	n := &s.nodes[0]
	s.nodes = s.nodes[1:]
	return n
}

// list makes a list of n nodes, to be filled in.
func (s *slab) list(n int) []*yaml.Node {
	if n > len(s.lists) {
		s.lists = make([]*yaml.Node, max(n, slabLists))
	}
	out := s.lists[:n:n]
	s.lists = s.lists[n:]
	return out
}

// begin begins a list of children; end with what it returned makes it.
func (s *slab) begin() int { return len(s.stack) }

func (s *slab) push(n *yaml.Node) {
	if s.stack == nil {
		s.stack = make([]*yaml.Node, 0, slabLists)
	}
	s.stack = append(s.stack, n)
}

func (s *slab) end(first int) []*yaml.Node {
	if first == len(s.stack) {
		return nil
	}
	out := s.list(len(s.stack) - first)
	copy(out, s.stack[first:])
	s.stack = s.stack[:first]
	return out
}
