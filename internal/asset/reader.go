package asset

import (
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// reader reads the subset of YAML that Encode writes and that PyYAML's block dump
// does (what Superset exports), several times as fast as the library. It follows
// YAML's grammar, not an emitter's quoting rules, so that reading back what was
// written stays a check. Whatever it does not know (flow style, comments, other
// indentation, errors) it declines with nil, and the library decides; on what it
// accepts both give the same nodes, places included.
type reader struct {
	s     string // ends with a newline
	ascii bool   // a column is then a number of bytes
	mark
	depth int
	count int // nodes so far
	slab
}

// mark is a place in the text.
type mark struct {
	i     int // next byte
	line  int // of i, from 1
	start int // first byte of that line
}

// readQuick returns the root mapping, nil when it declines.
func readQuick(data []byte) *yaml.Node {
	r := reader{s: string(data), mark: mark{line: 1}}
	var ok bool
	if r.ascii, ok = shown(r.s); !ok || !strings.HasSuffix(r.s, "\n") {
		return nil
	}
	if root := r.mapping(0, nil); root != nil && r.i == len(r.s) {
		return root
	}
	return nil
}

// shown reports whether s has only characters that a YAML file may show, and no
// line breaks but newlines; and whether all of them are ASCII.
func shown(s string) (ascii, ok bool) {
	ascii = true
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= ' ' && c < 0x7f, c == '\n', c == '\t':
		case c < utf8.RuneSelf:
			return ascii, false
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			if escaped(r) {
				return false, false
			}
			ascii = false
			i += n - 1
		}
	}
	return ascii, true
}

// make makes a node that stands at i.
func (r *reader) make(kind yaml.Kind, tag string) *yaml.Node {
	n := r.node(r.expect())
	r.count++
	n.Kind, n.Tag = kind, tag
	n.Line, n.Column = r.line, 1+r.i-r.start
	if !r.ascii {
		n.Column = 1 + utf8.RuneCountInString(r.s[r.start:r.i])
	}
	return n
}

// expect guesses how many nodes are still to come.
func (r *reader) expect() int { return 2 + (len(r.s)-r.i)/8 }

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

// atStart reports whether i begins a line.
func (r *reader) atStart() bool { return r.i == r.start }

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

// dashAt reports whether the line at i is the element of a list at this indent.
func (r *reader) dashAt(indent int) bool {
	return r.indentIs(indent) && strings.HasPrefix(r.s[r.i+indent:], "- ")
}

func (r *reader) enter() bool { r.depth++; return r.depth < MaxDepth }

// mapping reads the pairs at indent. key is the first one's where it has been
// read, because its line began with something else ("- ").
func (r *reader) mapping(indent int, key *yaml.Node) *yaml.Node {
	if !r.enter() {
		return nil
	}
	m, first := r.make(yaml.MappingNode, TagMap), r.open()
	for key != nil || r.indentIs(indent) {
		if key == nil {
			r.i += indent
			key = r.scalar(indent)
		}
		if key == nil || !r.endKey(key) {
			return nil
		}
		v := r.value(indent)
		if v == nil || r.count > MaxNodes {
			return nil
		}
		r.push(key)
		r.push(v)
		key = nil
	}
	if m.Content = r.close(first, r.expect()); m.Content == nil {
		return nil
	}
	m.Line, m.Column = m.Content[0].Line, m.Content[0].Column
	r.depth--
	if duplicateKey(m) != nil {
		return nil
	}
	return m
}

// endKey steps over the colon behind key. A key stands on one line, and not on
// a long one. << has a meaning of its own when it is bare.
func (r *reader) endKey(key *yaml.Node) bool {
	if r.s[r.i] != ':' || r.s[r.i+1] != ' ' && r.s[r.i+1] != '\n' {
		return false
	}
	if r.line != key.Line || r.i-r.start > maxSimpleKey || key.Value == "<<" && r.s[r.i-1] == '<' {
		return false
	}
	r.i++
	return true
}

// value reads what follows "key:"; indent is the key's. A list may stand as deep
// as the key.
func (r *reader) value(indent int) *yaml.Node {
	if r.s[r.i] == ' ' {
		r.i++
		if n := r.leaf(indent); n != nil && r.atStart() {
			return n
		}
		return nil
	}
	switch r.endLine(); {
	case r.dashAt(indent):
		return r.sequence(indent, false)
	case r.dashAt(indent + 2):
		return r.sequence(indent+2, false)
	case r.indentIs(indent + 2):
		return r.mapping(indent+2, nil)
	}
	return nil
}

// sequence reads the elements at indent; inline when i stands on the first dash.
func (r *reader) sequence(indent int, inline bool) *yaml.Node {
	if !r.enter() {
		return nil
	}
	var l *yaml.Node
	first := r.open()
	for inline || r.dashAt(indent) {
		if !inline {
			r.i += indent
		}
		inline = false
		if l == nil {
			l = r.make(yaml.SequenceNode, TagSeq)
		}
		r.i += 2
		v := r.item(indent)
		if v == nil || r.count > MaxNodes {
			return nil
		}
		r.push(v)
	}
	l.Content = r.close(first, r.expect())
	r.depth--
	return l
}

// item reads what follows "- "; indent is the dash's.
func (r *reader) item(indent int) *yaml.Node {
	if strings.HasPrefix(r.s[r.i:], "- ") {
		return r.sequence(indent+2, true)
	}
	n := r.leaf(indent)
	if n != nil && !r.atStart() {
		return r.mapping(indent+2, n)
	}
	return n
}

// leaf reads a scalar or an empty container, and the end of its line unless the
// scalar may be a key: then i stands on what follows it.
func (r *reader) leaf(indent int) *yaml.Node {
	var n *yaml.Node
	switch rest := r.s[r.i:]; {
	case rest[0] == '|':
		return r.literal(indent + 2)
	case strings.HasPrefix(rest, "{}\n"):
		n = r.make(yaml.MappingNode, TagMap)
		r.i += 2
	case strings.HasPrefix(rest, "[]\n"):
		n = r.make(yaml.SequenceNode, TagSeq)
		r.i += 2
	default:
		n = r.scalar(indent)
	}
	if n != nil {
		r.endLine()
	}
	return n
}
