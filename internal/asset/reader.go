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
// indentation, errors) it declines with false, and the library decides; on what it
// accepts both give the same nodes, places included.
type reader struct {
	s     string // ends with a newline
	ascii bool   // a column is then a number of bytes
	mark
	depth int
	out   sink
}

// mark is a place in the text.
type mark struct {
	i     int // next byte
	line  int // of i, from 1
	start int // first byte of that line
}

// sink takes what the reader finds, in the order of the text. It ends the reading
// with false.
type sink interface {
	scalar(scalar) bool
	open(kind yaml.Kind, at position) bool // a mapping or sequence; its parts follow
	close() bool
}

type position struct{ line, column int }

type scalar struct {
	tag, text string
	at        position
}

// readQuick returns the root mapping, nil when it declines.
func readQuick(data []byte) *yaml.Node {
	t := tree{bytes: len(data), opened: make([]opened, 0, 16)}
	if !read(data, &t) {
		return nil
	}
	return t.stack[0]
}

// read gives a document to a sink. It reports false when it declines.
func read(data []byte, out sink) bool {
	r := reader{s: string(data), mark: mark{line: 1}, out: out}
	var ok bool
	if r.ascii, ok = shown(r.s); !ok || !strings.HasSuffix(r.s, "\n") {
		return false
	}
	return r.indentIs(0) && r.mapping(0, scalar{}) && r.i == len(r.s)
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

// position is that of a byte on the current line.
func (r *reader) position(i int) position {
	if r.ascii {
		return position{r.line, 1 + i - r.start}
	}
	return position{r.line, 1 + utf8.RuneCountInString(r.s[r.start:i])}
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

// mapping reads the pairs at indent. first is the first key where it has been
// read, because its line began with something else ("- ").
func (r *reader) mapping(indent int, first scalar) bool {
	at := first.at
	if first.tag == "" {
		at = r.position(r.i + indent)
	}
	if !r.enter() || !r.out.open(yaml.MappingNode, at) {
		return false
	}
	for key := first; key.tag != "" || r.indentIs(indent); key.tag = "" {
		if key.tag == "" {
			r.i += indent
			var ok bool
			if key, ok = r.scalar(indent); !ok {
				return false
			}
		}
		if !r.endKey(key) || !r.out.scalar(key) || !r.value(indent) {
			return false
		}
	}
	r.depth--
	return r.out.close()
}

// endKey steps over the colon behind key. A key stands on one line, and not on
// a long one. << has a meaning of its own when it is bare.
func (r *reader) endKey(key scalar) bool {
	if r.atStart() || r.s[r.i] != ':' || r.s[r.i+1] != ' ' && r.s[r.i+1] != '\n' {
		return false
	}
	if r.line != key.at.line || r.i-r.start > maxSimpleKey || key.text == "<<" && r.s[r.i-1] == '<' {
		return false
	}
	r.i++
	return true
}

// value reads what follows "key:"; indent is the key's. A list may stand as deep
// as the key.
func (r *reader) value(indent int) bool {
	if r.s[r.i] == ' ' {
		r.i++
		return r.leaf(indent, false)
	}
	switch r.endLine(); {
	case r.dashAt(indent):
		return r.sequence(indent, false)
	case r.dashAt(indent + 2):
		return r.sequence(indent+2, false)
	case r.indentIs(indent + 2):
		return r.mapping(indent+2, scalar{})
	}
	return false
}

// sequence reads the elements at indent; inline when i stands on the first dash.
func (r *reader) sequence(indent int, inline bool) bool {
	at := r.position(r.i)
	if !inline {
		at = r.position(r.i + indent)
	}
	if !r.enter() || !r.out.open(yaml.SequenceNode, at) {
		return false
	}
	for inline || r.dashAt(indent) {
		if !inline {
			r.i += indent
		}
		inline = false
		r.i += len("- ")
		if strings.HasPrefix(r.s[r.i:], "- ") {
			if !r.sequence(indent+2, true) {
				return false
			}
		} else if !r.leaf(indent, true) {
			return false
		}
	}
	r.depth--
	return r.out.close()
}

// leaf reads a scalar or an empty container and the end of its line. In a list
// the scalar may be a key: then it reads the mapping.
func (r *reader) leaf(indent int, inList bool) bool {
	var kind yaml.Kind
	switch rest := r.s[r.i:]; {
	case strings.HasPrefix(rest, "{}\n"):
		kind = yaml.MappingNode
	case strings.HasPrefix(rest, "[]\n"):
		kind = yaml.SequenceNode
	default:
		s, ok := r.scalar(indent)
		if !ok {
			return false
		}
		if r.atStart() || r.endLine() {
			return r.out.scalar(s)
		}
		return inList && r.mapping(indent+2, s)
	}
	at := r.position(r.i)
	r.i += len("{}")
	return r.endLine() && r.out.open(kind, at) && r.out.close()
}
