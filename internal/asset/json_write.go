package asset

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// ToJSON writes n as Python's json.dumps does by default: ", " and ": " between
// the parts, everything beyond ASCII escaped (what BI servers written in Python
// store themselves, and what a three-byte MySQL column can hold); keys are
// sorted. json.loads reads the value back equal, NaN and Infinity included.
func ToJSON(n *yaml.Node) (string, error) {
	out, err := appendJSON(nil, n, 1)
	return string(out), err
}

func appendJSON(out []byte, n *yaml.Node, depth int) ([]byte, error) {
	if n == nil || depth > MaxDepth {
		return nil, fmt.Errorf("a value is missing or nested deeper than %d levels", MaxDepth)
	}
	var err error
	switch n.Kind {
	case yaml.ScalarNode:
		return appendJSONScalar(out, n)
	case yaml.SequenceNode:
		out = append(out, '[')
		for i, c := range n.Content {
			if i > 0 {
				out = append(out, ", "...)
			}
			if out, err = appendJSON(out, c, depth+1); err != nil {
				return nil, err
			}
		}
		return append(out, ']'), nil
	case yaml.MappingNode:
		keys, err := sortedKeys(n, false)
		if err != nil {
			return nil, err
		}
		out = append(out, '{')
		for i, k := range keys {
			if i > 0 {
				out = append(out, ", "...)
			}
			out = append(appendJSONString(out, n.Content[k].Value), ": "...)
			if out, err = appendJSON(out, n.Content[k+1], depth+1); err != nil {
				return nil, err
			}
		}
		return append(out, '}'), nil
	}
	return nil, errors.New("only values can be written as JSON")
}

func appendJSONScalar(out []byte, n *yaml.Node) ([]byte, error) {
	if n.Tag == TagStr {
		if !utf8.ValidString(n.Value) {
			return nil, errors.New("a text is not valid UTF-8")
		}
		return appendJSONString(out, n.Value), nil
	}
	v, err := normalScalar(n.Tag, n.Value)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(jsonWords[:], func(w struct{ text, tag, value string }) bool { return w.tag == n.Tag && w.value == v })
	if i >= 0 {
		v = jsonWords[i].text
	}
	return append(out, v...), nil
}

func appendJSONString(out []byte, s string) []byte {
	out = append(out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r >= ' ' && r < 0x7f:
			out = append(out, byte(r))
		case r == '\n':
			out = append(out, '\\', 'n')
		case r == '\r':
			out = append(out, '\\', 'r')
		case r == '\t':
			out = append(out, '\\', 't')
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, "\\u%04x\\u%04x", hi, lo)
		default:
			out = fmt.Appendf(out, "\\u%04x", r)
		}
	}
	return append(out, '"')
}
