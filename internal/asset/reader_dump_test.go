package asset

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"
)

// TestReaderReadsDumps dumps documents made at random as PyYAML does, with lines
// broken where YAML allows it: the quick reader must take them, read what was
// dumped, and agree with the library, also once they are damaged.
func TestReaderReadsDumps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := dumper{T: rt}
		doc := d.randomMap(3)
		d.mapping(doc, 0, false)
		data := []byte(d.String())
		if !agree(t, data) {
			rt.Fatalf("declined:\n%s", data)
		}
		if got := readQuick(data); !Equal(got, doc) {
			rt.Fatalf("reads as another value:\n%s", data)
		}
		g := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		for range 5 {
			agree(t, damaged(g, string(data)))
		}
	})
}

// dumper makes a document and its text.
type dumper struct {
	*rapid.T
	strings.Builder
}

func (d *dumper) pick(n int) int { return rapid.IntRange(0, n-1).Draw(d.T, "n") }

var words = []string{
	"a", "SELECT", "x.y", "'", "''", "\"", "\\", "#", "#x", "x#", ":", "::", ":x", "a:b", "-", "--", "?", "|", ">", "&a", "*", "!", "%d", "@", "`", "{{", "}}", "[", "]", ",", "...", "---", "<<", "=", "~",
	"1", "0.5", "null", "true", "\n", "\n", "\n\n", " ", "  ", "\t", "\r\n", "\x00", "\x1b", "é", "日本", "\U0001F4CA", "\u0085", "\u00a0", "\u2028", "\ufeff", "\u0301",
}

func (d *dumper) randomText() string {
	parts := make([]string, d.pick(9))
	for i := range parts {
		parts[i] = words[d.pick(len(words))]
	}
	return strings.Join(parts, []string{"", " "}[d.pick(2)])
}

func (d *dumper) randomMap(depth int) *yaml.Node {
	m := Map()
	for range 1 + d.pick(4) {
		k := d.randomText()
		if Get(m, k) == nil {
			m.Content = append(m.Content, Str(k), d.randomValue(depth-1))
		}
	}
	return m
}

func (d *dumper) randomValue(depth int) *yaml.Node {
	n := d.pick(10)
	switch {
	case n < 2 && depth > 0:
		return d.randomMap(depth)
	case n < 4 && depth > 0:
		l := Seq()
		for range 1 + d.pick(4) {
			l.Content = append(l.Content, d.randomValue(depth-1))
		}
		return l
	case n == 4:
		return []*yaml.Node{Seq(), Map(), Null(), Bool(true), Int(-12), Float(1.5)}[d.pick(6)]
	}
	return Str(d.randomText())
}

func (d *dumper) indent(n int) { d.WriteString(strings.Repeat(" ", n)) }

func (d *dumper) mapping(m *yaml.Node, indent int, inline bool) {
	for i := 0; i < len(m.Content); i += 2 {
		if !inline {
			d.indent(indent)
		}
		inline = false
		d.scalar(m.Content[i], -1)
		d.WriteString(":")
		switch v := m.Content[i+1]; {
		case len(v.Content) == 0:
			d.WriteString(" ")
			d.leaf(v, indent)
		case v.Kind == yaml.SequenceNode:
			d.WriteString("\n")
			d.sequence(v, indent+2*d.pick(2), false)
		default:
			d.WriteString("\n")
			d.mapping(v, indent+2, false)
		}
	}
}

func (d *dumper) sequence(l *yaml.Node, indent int, inline bool) {
	for _, v := range l.Content {
		if !inline {
			d.indent(indent)
		}
		inline = false
		d.WriteString("- ")
		switch {
		case len(v.Content) == 0:
			d.leaf(v, indent)
		case v.Kind == yaml.SequenceNode:
			d.sequence(v, indent+2, true)
		default:
			d.mapping(v, indent+2, true)
		}
	}
}

func (d *dumper) leaf(v *yaml.Node, indent int) {
	switch v.Kind {
	case yaml.MappingNode:
		d.WriteString("{}\n")
	case yaml.SequenceNode:
		d.WriteString("[]\n")
	default:
		d.scalar(v, indent)
		d.WriteString("\n")
	}
}

// scalar writes a value, broken into lines where that changes nothing. A key, with
// an indent of -1, keeps to one.
func (d *dumper) scalar(v *yaml.Node, indent int) {
	double := strings.ContainsFunc(v.Value, escaped) || strings.Contains(v.Value, "\t") || strings.Contains(v.Value, "\n ") || strings.Contains(v.Value, " \n")
	switch {
	case v.Tag != TagStr:
		d.WriteString(v.Value)
	case !double && indent < 0 && !strings.Contains(v.Value, "\n") && d.pick(2) == 0,
		!double && indent >= 0 && d.pick(2) == 0:
		d.WriteString("'" + d.broken(strings.ReplaceAll(v.Value, "'", "''"), indent) + "'")
	case !double && styleOf(v.Value) == plain && d.pick(4) > 0:
		d.plain(v.Value, indent)
	default:
		d.double(v.Value, indent)
	}
}

// broken writes line breaks as YAML has them, and some for blanks.
func (d *dumper) broken(s string, indent int) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		alone := s[i] == ' ' && i > 0 && i+1 < len(s) && !strings.ContainsRune(" \n", rune(s[i-1])) && !strings.ContainsRune(" \n", rune(s[i+1]))
		switch {
		case s[i] == '\n':
			b.WriteString("\n")
			if i+1 == len(s) || s[i+1] != '\n' {
				b.WriteString("\n" + strings.Repeat(" ", indent+1+d.pick(3)))
			}
		case alone && indent >= 0 && d.pick(3) == 0:
			b.WriteString("\n" + strings.Repeat(" ", indent+1+d.pick(3)))
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// plain breaks before any word that does not begin a comment.
func (d *dumper) plain(s string, indent int) {
	for i, word := range strings.Split(s, " ") {
		switch {
		case i == 0:
		case indent >= 0 && word != "" && !strings.HasSuffix(d.String(), " ") && d.pick(3) == 0:
			d.WriteString("\n" + strings.Repeat(" ", indent+1+d.pick(3)))
		default:
			d.WriteString(" ")
		}
		d.WriteString(word)
	}
}

// double escapes what it likes, and breaks lines anywhere behind a backslash.
func (d *dumper) double(s string, indent int) {
	d.WriteString("\"")
	broken := false
	for _, r := range s {
		if indent >= 0 && d.pick(8) == 0 {
			d.WriteString("\\\n" + strings.Repeat(" ", indent+1+d.pick(3)))
			broken = true
		}
		switch {
		case (r == ' ' || r == '\t') && broken:
			d.WriteString("\\" + string(r))
		case escaped(r) || r == '\n' || r == '"' || r == '\\' || d.pick(6) == 0:
			d.WriteString(d.escape(r))
		default:
			d.WriteString(string(r))
		}
		broken = false
	}
	d.WriteString("\"")
}

func (d *dumper) escape(r rune) string {
	if i := strings.IndexRune(escapeBytes, r); i >= 0 && d.pick(2) == 0 {
		return "\\" + escapeNames[i:i+1]
	}
	if i := strings.IndexRune("\u0085\u00a0\u2028\u2029", r); i >= 0 && d.pick(2) == 0 {
		return "\\" + map[rune]string{0x85: "N", 0xa0: "_", 0x2028: "L", 0x2029: "P"}[r]
	}
	switch {
	case r <= 0xff && d.pick(2) == 0:
		return fmt.Sprintf("\\x%02X", r)
	case r <= 0xffff && d.pick(2) == 0:
		return fmt.Sprintf("\\u%04x", r)
	}
	return fmt.Sprintf("\\U%08X", r)
}
