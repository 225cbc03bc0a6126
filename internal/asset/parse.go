package asset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Limits of one document. They hold before or while decoding, so a hostile file
// costs bounded memory and time.
const (
	MaxBytes = 16 << 20
	MaxDepth = 200
	MaxNodes = 1_000_000
)

// Short tags of the five scalar types and the two containers. Every node that
// Parse returns carries one of them.
const (
	TagNull  = "!!null"
	TagBool  = "!!bool"
	TagInt   = "!!int"
	TagFloat = "!!float"
	TagStr   = "!!str"
	TagSeq   = "!!seq"
	TagMap   = "!!map"
)

// SyntaxError says where a document is not what dashkeep reads. Line and Col
// count from 1.
type SyntaxError struct {
	Line, Col int
	Msg       string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Col, e.Msg) }

// Parse reads one YAML document whose root is a mapping and returns that
// mapping. Scalars are resolved the same way for files PyYAML wrote and for our
// own, their Tag set and their Value normalized; comments and styles are
// dropped, line and column kept. Anchors, aliases, tags, merge keys, duplicate
// keys, keys that are not scalars, several documents, invalid UTF-8 and
// documents over the limits are a *SyntaxError.
func Parse(data []byte) (*yaml.Node, error) {
	if err := precheck(data); err != nil {
		return nil, err
	}
	if root := readQuick(data); root != nil {
		return root, nil
	}
	return parseAny(data)
}

// parseAny has the library read what the quick reader declines.
func parseAny(data []byte) (*yaml.Node, error) {
	root, err := decode(data)
	if err != nil {
		return nil, err
	}
	if root.Kind != yaml.MappingNode {
		return nil, at(root, "the document must be a mapping (key: value)")
	}
	r := resolver{}
	if err := r.node(root, 1); err != nil {
		return nil, err
	}
	return root, nil
}

// precheck bounds what the library may be asked to decode. Every node beyond the
// first costs at least one of the counted characters, so their number bounds the
// nodes; text has them too, hence the factor.
func precheck(data []byte) error {
	if len(data) > MaxBytes {
		return &SyntaxError{1, 1, fmt.Sprintf("the document has %d bytes, the limit is %d", len(data), MaxBytes)}
	}
	if !utf8.Valid(data) {
		line, col := 1, 1
		for len(data) > 0 {
			r, n := utf8.DecodeRune(data)
			if r == utf8.RuneError && n == 1 {
				break
			}
			data, col = data[n:], col+1
			if r == '\n' {
				line, col = line+1, 1
			}
		}
		return &SyntaxError{line, col, "the document is not valid UTF-8"}
	}
	if len(data) <= MaxNodes {
		return nil
	}
	n := 0
	for _, c := range data {
		switch c {
		case '\n', ',', '[', '{', ':', '-', '?':
			n++
		}
	}
	if n > 3*MaxNodes {
		return &SyntaxError{1, 1, fmt.Sprintf("the document has too many parts, the limit is %d", MaxNodes)}
	}
	return nil
}

// decode runs the library. Its panics on malformed input become errors.
func decode(data []byte) (root *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, &SyntaxError{1, 1, fmt.Sprintf("malformed YAML: %v", r)}
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, &SyntaxError{1, 1, "the document is empty"}
	case err != nil:
		return nil, libraryError(err)
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		return nil, at(&second, "a second document begins here, a file holds one")
	case !errors.Is(err, io.EOF):
		return nil, libraryError(err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, &SyntaxError{1, 1, "the document is empty"}
	}
	return doc.Content[0], nil
}

// libraryError takes the line out of yaml.v3's message; it gives no column.
func libraryError(err error) *SyntaxError {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if rest, ok := strings.CutPrefix(msg, "line "); ok {
		if num, text, ok := strings.Cut(rest, ": "); ok {
			if n, err := strconv.Atoi(num); err == nil {
				line, msg = n, text
			}
		}
	}
	return &SyntaxError{line, 1, msg}
}

func at(n *yaml.Node, format string, args ...any) *SyntaxError {
	return &SyntaxError{max(n.Line, 1), max(n.Column, 1), fmt.Sprintf(format, args...)}
}

// resolver walks a decoded tree once: checks it and normalizes every node.
type resolver struct{ nodes int }

func (r *resolver) node(n *yaml.Node, depth int) error {
	if r.nodes++; r.nodes > MaxNodes {
		return at(n, "the document has more than %d parts", MaxNodes)
	}
	if depth > MaxDepth {
		return at(n, "nested deeper than %d levels", MaxDepth)
	}
	switch {
	case n.Kind == yaml.AliasNode:
		return at(n, "aliases (*%s) are not allowed, write the value out", n.Value)
	case n.Anchor != "":
		return at(n, "anchors (&%s) are not allowed, write the value out", n.Anchor)
	case n.Style&yaml.TaggedStyle != 0:
		return at(n, "the tag %s is not allowed, use quotes for text", n.Tag)
	}
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	switch n.Kind {
	case yaml.MappingNode:
		return r.mapping(n, depth)
	case yaml.SequenceNode:
		n.Tag, n.Style = TagSeq, 0
		for _, c := range n.Content {
			if err := r.node(c, depth+1); err != nil {
				return err
			}
		}
		return nil
	case yaml.ScalarNode:
		if n.Style == 0 {
			n.Tag, n.Value = resolvePlain(n.Value)
		} else {
			n.Tag = TagStr
		}
		n.Style = 0
		return nil
	}
	return at(n, "unexpected YAML node")
}

func (r *resolver) mapping(n *yaml.Node, depth int) error {
	n.Tag, n.Style = TagMap, 0
	for i := 0; i < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind == yaml.ScalarNode && k.Tag == "!!merge" {
			return at(k, "merge keys (<<) are not allowed, write the values out")
		}
		if err := r.node(k, depth+1); err != nil {
			return err
		}
		if k.Kind != yaml.ScalarNode {
			return at(k, "a key must be a single value, not a mapping or list")
		}
		if err := r.node(v, depth+1); err != nil {
			return err
		}
	}
	if d := duplicateKey(n); d != nil {
		return at(d, "the key %s stands twice in this mapping", quoteShort(d.Value))
	}
	return nil
}

// quoteShort shows foreign text in a message: escaped, on one line, not endless.
func quoteShort(s string) string {
	if utf8.RuneCountInString(s) > 60 {
		s = string([]rune(s)[:59]) + "…"
	}
	return strconv.QuoteToGraphic(s)
}
