package asset

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxSimpleKey keeps "key: value" on one line. YAML readers look for the colon
// within 1,024 characters only; longer keys are written "? key" and ": value".
const maxSimpleKey = 1000

// headerOrder is the order of the keys that stand first in a document.
var headerOrder = [...]string{"dashkeep", "kind", "uid", "title", "spec", "access"}

// Encode writes doc, a mapping, as canonical YAML (SPEC section 5). It is the
// program's only YAML writer: yaml.v3's own loses leading newlines and writes
// texts that PyYAML reads as numbers. What was written is parsed again and
// compared with doc; a difference is an error and nothing is returned. doc is
// not changed.
func Encode(doc *yaml.Node) ([]byte, error) {
	if doc != nil && doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		doc = doc.Content[0]
	}
	if doc == nil || doc.Kind != yaml.MappingNode {
		return nil, errors.New("only a mapping can be encoded as a document")
	}
	e := emitter{out: make([]byte, 0, 2048), said: make([]*yaml.Node, 0, 128)}
	if len(doc.Content) == 0 {
		e.out = append(e.out, "{}\n"...)
	} else if err := e.mapping(doc, 0, false); err != nil {
		return nil, err
	}
	if len(e.out) > MaxBytes {
		return nil, fmt.Errorf("the document would have %d bytes, the limit is %d", len(e.out), MaxBytes)
	}
	if err := e.readBack(doc); err != nil {
		return nil, err
	}
	return e.out, nil
}

type emitter struct {
	out   []byte
	depth int
	nodes int
	said  []*yaml.Node // all that was written, in the order of the text
}

func (e *emitter) enter(n *yaml.Node) error {
	if n == nil {
		return errors.New("a value is missing (nil node)")
	}
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		return errors.New("anchors and aliases cannot be encoded")
	}
	if e.nodes++; e.nodes > MaxNodes {
		return fmt.Errorf("the document has more than %d parts", MaxNodes)
	}
	if e.depth++; e.depth > MaxDepth {
		return fmt.Errorf("the document is nested deeper than %d levels", MaxDepth)
	}
	e.said = append(e.said, n)
	return nil
}

// mapping writes n's pairs at indent; inline when the first line has begun ("- ").
func (e *emitter) mapping(n *yaml.Node, indent int, inline bool) error {
	if err := e.enter(n); err != nil {
		return err
	}
	keys, err := sortedKeys(n, indent == 0 && !inline)
	if err != nil {
		return err
	}
	for j, i := range keys {
		if j > 0 || !inline {
			e.indent(indent)
		}
		start := len(e.out)
		e.said = append(e.said, n.Content[i])
		if err := e.scalar(n.Content[i]); err != nil {
			return err
		}
		if len(e.out)-start > maxSimpleKey {
			e.out = slices.Insert(e.out, start, '?', ' ')
			e.out = append(e.out, '\n')
			e.indent(indent)
		}
		e.out = append(e.out, ':')
		if err := e.value(n.Content[i+1], indent); err != nil {
			return inKey(n.Content[i].Value, err)
		}
	}
	e.depth--
	return nil
}

// value writes what stands behind "key:".
func (e *emitter) value(v *yaml.Node, indent int) error {
	if v != nil && len(v.Content) > 0 {
		switch v.Kind {
		case yaml.MappingNode:
			e.out = append(e.out, '\n')
			return e.mapping(v, indent+2, false)
		case yaml.SequenceNode:
			e.out = append(e.out, '\n')
			return e.sequence(v, indent+2, false)
		}
	}
	e.out = append(e.out, ' ')
	return e.leaf(v, indent)
}

func (e *emitter) sequence(n *yaml.Node, indent int, inline bool) error {
	if err := e.enter(n); err != nil {
		return err
	}
	for j, v := range n.Content {
		if j > 0 || !inline {
			e.indent(indent)
		}
		e.out = append(e.out, '-', ' ')
		var err error
		switch {
		case v != nil && len(v.Content) > 0 && v.Kind == yaml.MappingNode:
			err = e.mapping(v, indent+2, true)
		case v != nil && len(v.Content) > 0 && v.Kind == yaml.SequenceNode:
			err = e.sequence(v, indent+2, true)
		default:
			err = e.leaf(v, indent)
		}
		if err != nil {
			return inKey(fmt.Sprint(j), err)
		}
	}
	e.depth--
	return nil
}

// leaf writes a scalar or an empty container and ends the line.
func (e *emitter) leaf(v *yaml.Node, indent int) error {
	if err := e.enter(v); err != nil {
		return err
	}
	e.depth--
	switch v.Kind {
	case yaml.MappingNode:
		e.out = append(e.out, "{}\n"...)
		return nil
	case yaml.SequenceNode:
		e.out = append(e.out, "[]\n"...)
		return nil
	}
	st := styleOf(v.Value)
	if st == literal && v.Kind == yaml.ScalarNode && v.Tag == TagStr {
		e.literal(v.Value, indent+2)
		return nil
	}
	if err := e.oneLine(v, st); err != nil {
		return err
	}
	e.out = append(e.out, '\n')
	return nil
}

// scalar writes v on one line.
func (e *emitter) scalar(v *yaml.Node) error {
	if v == nil {
		return errors.New("a key must be a single value")
	}
	return e.oneLine(v, styleOf(v.Value))
}

// oneLine writes v on one line; st is the style of its text.
func (e *emitter) oneLine(v *yaml.Node, st style) error {
	if v.Kind != yaml.ScalarNode {
		return errors.New("a key must be a single value")
	}
	if v.Anchor != "" {
		return errors.New("anchors and aliases cannot be encoded")
	}
	if v.Tag != TagStr {
		text, err := normalScalar(v.Tag, v.Value)
		if err != nil {
			return err
		}
		e.out = append(e.out, text...)
		return nil
	}
	if !utf8.ValidString(v.Value) {
		return fmt.Errorf("the text %s is not valid UTF-8", quoteShort(v.Value))
	}
	switch st {
	case plain:
		e.out = append(e.out, v.Value...)
	case single:
		e.out = append(e.out, '\'')
		e.out = append(e.out, strings.ReplaceAll(v.Value, "'", "''")...)
		e.out = append(e.out, '\'')
	default:
		e.out = appendDouble(e.out, v.Value)
	}
	return nil
}

// literal writes a block whose every byte counts. The indentation indicator is
// given only where a reader would guess wrongly: it measures the first line, so
// a text that begins with blank, tab or newline needs it. Elsewhere the plain
// "|" is what people know, and what editors write.
func (e *emitter) literal(s string, indent int) {
	e.out = append(e.out, '|')
	if s[0] == ' ' || s[0] == '\t' || s[0] == '\n' {
		e.out = append(e.out, '2')
	}
	switch {
	case !strings.HasSuffix(s, "\n"):
		e.out = append(e.out, '-')
	case strings.HasSuffix(s, "\n\n"):
		e.out = append(e.out, '+')
	}
	e.out = append(e.out, '\n')
	for line := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		if line != "" {
			e.indent(indent)
			e.out = append(e.out, line...)
		}
		e.out = append(e.out, '\n')
	}
}

func (e *emitter) indent(n int) {
	const blanks = "                                "
	for ; n > len(blanks); n -= len(blanks) {
		e.out = append(e.out, blanks...)
	}
	e.out = append(e.out, blanks[:n]...)
}

// inKey puts the place of a failure before it: "spec: columns: 3: …".
func inKey(key string, err error) error {
	var s *placed
	if errors.As(err, &s) {
		return &placed{append([]string{key}, s.path...), s.err}
	}
	return &placed{[]string{key}, err}
}

type placed struct {
	path []string
	err  error
}

func (p *placed) Error() string { return Pointer(p.path...) + ": " + p.err.Error() }
func (p *placed) Unwrap() error { return p.err }

// Render shows a value to a person: one-line text and other scalars as they are
// written in a file, longer text as it is, mappings and lists as canonical
// YAML without a final newline. It is for messages; nothing is read back.
func Render(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	var e emitter
	var err error
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == TagStr && styleOf(n.Value) == literal:
		return strings.TrimSuffix(n.Value, "\n")
	case n.Kind == yaml.ScalarNode:
		err = e.scalar(n)
	case len(n.Content) == 0:
		err = e.leaf(n, 0)
	case n.Kind == yaml.MappingNode:
		err = e.mapping(n, 0, false)
	default:
		err = e.sequence(n, 0, false)
	}
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return strings.TrimSuffix(string(e.out), "\n")
}
