package supersettest

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// The plain scalars of YAML 1.1 as PyYAML resolves them, which is not what
// yaml.v3 does: yes, on and 12:30:45 are not strings there.
var (
	yamlFloat = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	yamlInt   = regexp.MustCompile(`^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	yamlDate  = regexp.MustCompile(`^\d{4}-\d\d-\d\d$|^\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?$`)
)

const yamlMaxDepth = 200

// parseYAML reads one document with PyYAML's rules for plain scalars. Keys
// become strings, as they do once Superset has stored the document as JSON.
func parseYAML(text string) (any, error) {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		return nil, err
	}
	if n.Kind == 0 {
		return nil, nil
	}
	return yamlValue(n.Content[0], 0)
}

func yamlValue(n *yaml.Node, depth int) (any, error) {
	if depth > yamlMaxDepth {
		return nil, errors.New("document is nested too deeply")
	}
	switch n.Kind {
	case yaml.AliasNode:
		return yamlValue(n.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := yamlValue(c, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		return yamlMapping(n, depth)
	}
	plain := n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	if !plain || n.Style&yaml.TaggedStyle != 0 && n.ShortTag() == "!!str" {
		return n.Value, nil
	}
	return yamlScalar(n.Value)
}

func yamlMapping(n *yaml.Node, depth int) (any, error) {
	o := newObject()
	for i := 0; i+1 < len(n.Content); i += 2 {
		v, err := yamlValue(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		k, err := yamlValue(n.Content[i], depth+1)
		if err != nil {
			return nil, err
		}
		key, ok := k.(string)
		if !ok {
			if key, err = encodeJSON(k); err != nil {
				return nil, err
			}
		}
		o.set(key, v)
	}
	return o, nil
}

func yamlScalar(s string) (any, error) {
	if s != "" && !strings.Contains("-+.0123456789~=<nNyYtTfFoO", s[:1]) {
		return s, nil // PyYAML asks its resolvers by first character too
	}
	switch s {
	case "", "~", "null", "Null", "NULL":
		return nil, nil
	case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return true, nil
	case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return false, nil
	}
	switch c := s[0]; {
	case c >= 'A' && c != '~':
		return s, nil
	case yamlInt.MatchString(s):
		return yamlInteger(s)
	case yamlFloat.MatchString(s):
		return yamlReal(s)
	case yamlDate.MatchString(s):
		return date(s), nil
	case s == "=" || s == "<<":
		return nil, fmt.Errorf("could not determine a constructor for %q", s)
	}
	return s, nil
}

func yamlInteger(s string) (any, error) {
	digits := strings.ReplaceAll(s, "_", "")
	sign := ""
	if digits[0] == '-' || digits[0] == '+' {
		sign, digits = strings.TrimPrefix(digits[:1], "+"), digits[1:]
	}
	if strings.Contains(digits, ":") {
		total := 0
		for part := range strings.SplitSeq(digits, ":") {
			d, err := strconv.Atoi(part)
			if err != nil {
				return nil, err
			}
			total = total*60 + d
		}
		return number(sign + strconv.Itoa(total)), nil
	}
	n, ok := new(big.Int).SetString(digits, 0)
	if !ok {
		return nil, fmt.Errorf("not an integer: %q", s)
	}
	if n.Sign() == 0 {
		sign = ""
	}
	return number(sign + n.String()), nil
}

func yamlReal(s string) (any, error) {
	t := strings.ToLower(strings.ReplaceAll(s, "_", ""))
	if strings.Contains(t, ":") {
		return nil, fmt.Errorf("base 60 floats are not supported: %q", s)
	}
	f, err := strconv.ParseFloat(strings.NewReplacer(".inf", "inf", ".nan", "nan").Replace(t), 64)
	if err != nil {
		return nil, err
	}
	return pyFloat(f), nil
}

// emitYAML writes a document in PyYAML's block layout with ASCII only, as every
// release up to 6.1.0 does (facts F18).
func emitYAML(o *object) string {
	var b strings.Builder
	emitMapping(&b, o, "")
	return b.String()
}

func emitMapping(b *strings.Builder, o *object, indent string) {
	for _, k := range o.keys {
		b.WriteString(indent)
		b.WriteString(yamlString(k))
		b.WriteByte(':')
		emitMember(b, o.vals[k], indent)
	}
}

// emitMember writes what follows "key:". Sequences stand at the key's own
// indentation, as PyYAML places them.
func emitMember(b *strings.Builder, v any, indent string) {
	switch v := v.(type) {
	case *object:
		if len(v.keys) > 0 {
			b.WriteByte('\n')
			emitMapping(b, v, indent+"  ")
			return
		}
	case []any:
		if len(v) > 0 {
			b.WriteByte('\n')
			emitSequence(b, v, indent)
			return
		}
	}
	b.WriteByte(' ')
	b.WriteString(yamlLeaf(v))
	b.WriteByte('\n')
}

func emitSequence(b *strings.Builder, list []any, indent string) {
	for _, v := range list {
		var inner strings.Builder
		switch v := v.(type) {
		case *object:
			emitMapping(&inner, v, indent+"  ")
		case []any:
			emitSequence(&inner, v, indent+"  ")
		}
		b.WriteString(indent)
		b.WriteString("- ")
		if inner.Len() == 0 {
			b.WriteString(yamlLeaf(v))
			b.WriteByte('\n')
			continue
		}
		b.WriteString(inner.String()[len(indent)+2:])
	}
}

func yamlLeaf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case number:
		return strings.NewReplacer("Infinity", ".inf", "NaN", ".nan").Replace(yamlExponent(string(v)))
	case string:
		return yamlString(v)
	case []any:
		return "[]"
	case *object:
		return "{}"
	}
	return fmt.Sprint(v)
}

// yamlExponent adds the dot without which YAML 1.1 reads 1e+16 as a string.
func yamlExponent(s string) string {
	if m, e, ok := strings.Cut(s, "e"); ok && !strings.Contains(m, ".") {
		return m + ".0e" + e
	}
	return s
}

// isPlain reports whether a string may stand without quotes, if it is a string
// to YAML 1.1: a letter first, no blank at the end, nothing with a meaning.
func isPlain(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || c == '_' || c == '.' || c == '/' || c == '(' || c == ')' || c == '+'):
		case i > 0 && i < len(s)-1 && (c == ' ' || c == '-'):
		default:
			return false
		}
	}
	return s != ""
}

func yamlString(s string) string {
	if isPlain(s) {
		if v, err := yamlScalar(s); err == nil && v == any(s) {
			return s
		}
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02X`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
