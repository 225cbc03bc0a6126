package asset

import (
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// reader reads the subset of YAML that Encode writes, several times as fast as
// the library. It follows YAML's grammar, not the emitter's quoting rules, so
// that reading back what was written stays a check. Whatever it does not know
// (flow style, comments, other indentation, errors) it declines, and the library
// decides; on what it accepts both give the same nodes, places included.
type reader struct {
	s     string
	i     int // next byte
	line  int // of i, from 1
	start int // first byte of that line
	depth int
	nodes int
	slab  []yaml.Node
}

// readCanonical returns the root mapping, nil when it declines.
func readCanonical(data []byte) *yaml.Node {
	for _, c := range data {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return nil
		}
	}
	r := reader{s: string(data), line: 1}
	if r.s == "" || r.s[len(r.s)-1] != '\n' || strings.ContainsFunc(r.s, func(c rune) bool { return c >= 0x7f && escaped(c) }) {
		return nil
	}
	if root, ok := r.mapping(0, false); ok && r.i == len(r.s) {
		return root
	}
	return nil
}

// node makes a node that stands at byte i.
func (r *reader) node(kind yaml.Kind, tag string, i int) *yaml.Node {
	if len(r.slab) == 0 {
		r.slab = make([]yaml.Node, 32)
	}
	n := &r.slab[0]
	r.slab = r.slab[1:]
	r.nodes++
	n.Kind, n.Tag = kind, tag
	n.Line, n.Column = r.line, 1+utf8.RuneCountInString(r.s[r.start:i])
	return n
}

// rest is what remains of the current line, without its newline.
func (r *reader) rest() string {
	return r.s[r.i : r.i+strings.IndexByte(r.s[r.i:], '\n')]
}

// endLine steps over the newline at i.
func (r *reader) endLine() bool {
	if r.s[r.i] != '\n' {
		return false
	}
	r.i++
	r.line++
	r.start = r.i
	return true
}

// indentIs reports whether the line at i is indented by n spaces and goes on
// with something else.
func (r *reader) indentIs(n int) bool {
	if r.i+n >= len(r.s) {
		return false
	}
	for j := range n {
		if r.s[r.i+j] != ' ' {
			return false
		}
	}
	return r.s[r.i+n] != ' ' && r.s[r.i+n] != '\n' && r.s[r.i+n] != '\t'
}

func (r *reader) enter() bool { r.depth++; return r.depth < MaxDepth && r.nodes < MaxNodes }

// mapping reads the pairs at indent; inline when the first one begins at i.
func (r *reader) mapping(indent int, inline bool) (*yaml.Node, bool) {
	if !r.enter() {
		return nil, false
	}
	var m *yaml.Node
	for inline || r.indentIs(indent) {
		if !inline {
			r.i += indent
		}
		inline = false
		if m == nil {
			m = r.node(yaml.MappingNode, TagMap, r.i)
		}
		k, ok := r.key()
		if !ok {
			return nil, false
		}
		v, ok := r.value(indent)
		if !ok {
			return nil, false
		}
		m.Content = append(m.Content, k, v)
	}
	r.depth--
	return m, m != nil && duplicateKey(m) == nil
}

// key reads a key and its colon.
func (r *reader) key() (*yaml.Node, bool) {
	line := r.rest()
	var k *yaml.Node
	n := 0
	switch {
	case line == "":
		return nil, false
	case line[0] == '\'' || line[0] == '"':
		var text string
		var ok bool
		if text, n, ok = quoted(line); !ok {
			return nil, false
		}
		k = r.node(yaml.ScalarNode, TagStr, r.i)
		k.Value = text
	default:
		if n = colon(line); n < 0 || !barePlain(line[:n]) || line[:n] == "<<" {
			return nil, false
		}
		k = r.node(yaml.ScalarNode, "", r.i)
		k.Tag, k.Value = resolvePlain(line[:n])
	}
	if n > maxSimpleKey || n == len(line) || line[n] != ':' || n+1 < len(line) && line[n+1] != ' ' {
		return nil, false
	}
	r.i += n + 1
	return k, true
}

// colon finds the colon that ends a plain key.
func colon(line string) int {
	if i := strings.Index(line, ": "); i >= 0 {
		return i
	}
	if strings.HasSuffix(line, ":") {
		return len(line) - 1
	}
	return -1
}

// value reads what follows "key:"; indent is the key's.
func (r *reader) value(indent int) (*yaml.Node, bool) {
	if r.s[r.i] == ' ' {
		r.i++
		return r.leaf(indent)
	}
	if !r.endLine() || !r.indentIs(indent+2) {
		return nil, false
	}
	if strings.HasPrefix(r.s[r.i+indent+2:], "- ") {
		return r.sequence(indent+2, false)
	}
	return r.mapping(indent+2, false)
}

func (r *reader) sequence(indent int, inline bool) (*yaml.Node, bool) {
	if !r.enter() {
		return nil, false
	}
	var l *yaml.Node
	for inline || r.indentIs(indent) {
		if !inline {
			r.i += indent
		}
		inline = false
		if !strings.HasPrefix(r.s[r.i:], "- ") {
			return nil, false
		}
		if l == nil {
			l = r.node(yaml.SequenceNode, TagSeq, r.i)
		}
		r.i += 2
		v, ok := r.item(indent)
		if !ok {
			return nil, false
		}
		l.Content = append(l.Content, v)
	}
	r.depth--
	return l, l != nil
}

// item reads what follows "- "; indent is the dash's.
func (r *reader) item(indent int) (*yaml.Node, bool) {
	line := r.rest()
	if line == "" {
		return nil, false
	}
	switch line[0] {
	case '-':
		if strings.HasPrefix(line, "- ") {
			return r.sequence(indent+2, true)
		}
	case '\'', '"':
		if _, n, ok := quoted(line); ok && n < len(line) {
			return r.mapping(indent+2, true)
		}
		return r.leaf(indent)
	case '|':
		return r.leaf(indent)
	}
	if colon(line) >= 0 {
		return r.mapping(indent+2, true)
	}
	return r.leaf(indent)
}

// leaf reads a scalar or an empty container and the end of its line.
func (r *reader) leaf(indent int) (*yaml.Node, bool) {
	line := r.rest()
	if line == "" {
		return nil, false
	}
	var n *yaml.Node
	switch line[0] {
	case '|':
		return r.literal(line, indent+2)
	case '\'', '"':
		text, end, ok := quoted(line)
		if !ok || end != len(line) {
			return nil, false
		}
		n = r.node(yaml.ScalarNode, TagStr, r.i)
		n.Value = text
	case '{', '[':
		switch line {
		case "{}":
			n = r.node(yaml.MappingNode, TagMap, r.i)
		case "[]":
			n = r.node(yaml.SequenceNode, TagSeq, r.i)
		default:
			return nil, false
		}
	default:
		if !barePlain(line) {
			return nil, false
		}
		n = r.node(yaml.ScalarNode, "", r.i)
		n.Tag, n.Value = resolvePlain(line)
	}
	r.i += len(line)
	return n, r.endLine()
}
