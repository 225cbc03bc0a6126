package asset

import "gopkg.in/yaml.v3"

// tree is the sink that makes nodes. When the reading is over, the root is all
// that is on the stack.
type tree struct {
	slab
	bytes  int // of the document
	count  int // nodes so far
	opened []opened
}

// opened is a container whose parts are on the stack from first on.
type opened struct {
	node  *yaml.Node
	first int
}

func (t *tree) add(kind yaml.Kind, at position) *yaml.Node {
	n := t.node(t.bytes/10 - t.count)
	t.count++
	n.Kind, n.Line, n.Column = kind, at.line, at.column
	return n
}

func (t *tree) scalar(s scalar) bool {
	n := t.add(yaml.ScalarNode, s.at)
	n.Tag, n.Value = s.tag, s.text
	t.push(n)
	return t.count <= MaxNodes
}

func (t *tree) open(kind yaml.Kind, at position) bool {
	n := t.add(kind, at)
	n.Tag = TagSeq
	if kind == yaml.MappingNode {
		n.Tag = TagMap
	}
	t.opened = append(t.opened, opened{n, t.begin()})
	return t.count <= MaxNodes
}

func (t *tree) close() bool {
	last := len(t.opened) - 1
	n := t.opened[last].node
	n.Content = t.end(t.opened[last].first)
	t.opened = t.opened[:last]
	t.push(n)
	return n.Kind != yaml.MappingNode || duplicateKey(n) == nil
}
