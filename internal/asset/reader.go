package asset

import (
	"strconv"
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

// barePlain reports whether s is one plain scalar of block context to every
// YAML reader, and nothing else beside it.
func barePlain(s string) bool {
	if s == "" || s[len(s)-1] == ' ' || s[len(s)-1] == ':' || strings.HasPrefix(s, "...") {
		return false
	}
	switch s[0] {
	case ' ', '?', ':', ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`':
		return false
	case '-':
		if len(s) == 1 || s[1] != '.' && (s[1] < '0' || s[1] > '9') {
			return false
		}
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\t':
			return false
		case ':':
			if i+1 < len(s) && s[i+1] == ' ' {
				return false
			}
		case '#':
			if i > 0 && s[i-1] == ' ' {
				return false
			}
		}
	}
	return true
}

// quoted reads the quoted scalar that line begins with, and says where it ends.
func quoted(line string) (text string, end int, ok bool) {
	if line[0] == '"' {
		return doubleQuoted(line)
	}
	i := 1
	for {
		j := strings.IndexByte(line[i:], '\'')
		if j < 0 {
			return "", 0, false
		}
		if i += j + 1; i == len(line) || line[i] != '\'' {
			break
		}
		i++
	}
	text = line[1 : i-1]
	if strings.IndexByte(text, '\'') >= 0 {
		text = strings.ReplaceAll(text, "''", "'")
	}
	return text, i, true
}

// doubleQuoted knows the escapes that Encode writes.
func doubleQuoted(line string) (text string, end int, ok bool) {
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		switch line[i] {
		case '"':
			return b.String(), i + 1, true
		default:
			b.WriteByte(line[i])
			continue
		case '\\':
		}
		if i++; i == len(line) {
			break
		}
		size := 0
		switch line[i] {
		case '"', '\\':
			b.WriteByte(line[i])
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'x':
			size = 2
		case 'u':
			size = 4
		default:
			return "", 0, false
		}
		if size == 0 {
			continue
		}
		if i+size >= len(line) {
			break
		}
		v, err := strconv.ParseUint(line[i+1:i+1+size], 16, 32)
		if err != nil || !utf8.ValidRune(rune(v)) {
			break
		}
		b.WriteRune(rune(v))
		i += size
	}
	return "", 0, false
}

// literal reads a block scalar whose lines are indented by indent.
func (r *reader) literal(header string, indent int) (*yaml.Node, bool) {
	n := r.node(yaml.ScalarNode, TagStr, r.i)
	chomp, explicit := strings.CutPrefix(header[1:], "2")
	if chomp != "" && chomp != "-" && chomp != "+" {
		return nil, false
	}
	r.i += len(header)
	r.endLine()
	var b strings.Builder
	lines, blank := 0, 0 // blank: empty lines at the end so far
	for r.i < len(r.s) {
		line := r.rest()
		if line == "" {
			blank++
		} else {
			text, ok := r.blockLine(line, indent)
			if !ok {
				return nil, false
			}
			if len(text) == len(line) {
				break // the block has ended
			}
			if lines == 0 && !explicit && (blank > 0 || text[0] == ' ' || text[0] == '\t') {
				return nil, false // the reader would have to guess
			}
			for range blank {
				b.WriteByte('\n')
			}
			b.WriteString(text)
			b.WriteByte('\n')
			lines, blank = lines+1, 0
		}
		r.i += len(line)
		r.endLine()
	}
	if lines == 0 || blank > 0 && chomp != "+" {
		return nil, false
	}
	for range blank {
		b.WriteByte('\n')
	}
	n.Value = b.String()
	if chomp == "-" {
		n.Value = n.Value[:len(n.Value)-1]
	}
	return n, true
}

// blockLine takes the indentation off a line of a block. A line with less is
// returned whole: it stands behind the block. ok is false for blank lines that
// are shorter than the indentation, and for tabs in it.
func (r *reader) blockLine(line string, indent int) (text string, ok bool) {
	spaces := 0
	for spaces < len(line) && spaces < indent && line[spaces] == ' ' {
		spaces++
	}
	switch {
	case spaces == len(line):
		return "", false
	case spaces == indent:
		return line[indent:], true
	}
	return line, line[spaces] != '\t'
}
