package asset

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Str makes a text node.
func Str(s string) *yaml.Node { return scalarNode(TagStr, s) }

// Int makes an integer node.
func Int[T int | int32 | int64 | uint64](i T) *yaml.Node {
	return scalarNode(TagInt, fmt.Sprint(i))
}

// Float makes a floating point node.
func Float(f float64) *yaml.Node { return scalarNode(TagFloat, formatFloat(f)) }

// Bool makes a truth value.
func Bool(b bool) *yaml.Node { return scalarNode(TagBool, strconv.FormatBool(b)) }

// Null makes a null.
func Null() *yaml.Node { return scalarNode(TagNull, "null") }

// Seq makes a list.
func Seq(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: TagSeq, Content: items}
}

// Map makes a mapping from keys and values in turn. A key is a string; a value
// is a *yaml.Node, string, int, int64, float64, bool or nil. Anything else gives
// a document that Encode refuses.
func Map(kv ...any) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode, Tag: TagMap}
	if len(kv) > 0 {
		m.Content = make([]*yaml.Node, 0, len(kv))
	}
	for _, v := range kv {
		m.Content = append(m.Content, valueNode(v))
	}
	return m
}

func valueNode(v any) *yaml.Node {
	switch v := v.(type) {
	case *yaml.Node:
		if v == nil {
			return Null()
		}
		return v
	case string:
		return Str(v)
	case int:
		return Int(v)
	case int64:
		return Int(v)
	case float64:
		return Float(v)
	case bool:
		return Bool(v)
	case nil:
		return Null()
	}
	return scalarNode(fmt.Sprintf("%T", v), fmt.Sprint(v))
}

func scalarNode(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

// Text returns the value of a text node, "" for anything else (nil included).
func Text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag != TagStr {
		return ""
	}
	return n.Value
}

// IsNull reports whether n is an explicit null. An absent value (nil) is none.
func IsNull(n *yaml.Node) bool { return n != nil && n.Kind == yaml.ScalarNode && n.Tag == TagNull }

// IsMap reports whether n is a mapping.
func IsMap(n *yaml.Node) bool { return n != nil && n.Kind == yaml.MappingNode }

// IsSeq reports whether n is a list.
func IsSeq(n *yaml.Node) bool { return n != nil && n.Kind == yaml.SequenceNode }

// Each yields the keys and values of a mapping in their order; nothing for
// anything else. Values may be changed meanwhile, not the mapping.
func Each(n *yaml.Node) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		if !IsMap(n) {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i].Value, n.Content[i+1]) {
				return
			}
		}
	}
}

// Get follows keys from n and returns what is there, nil when nothing is. In a
// mapping a key is the key's text; in a list it is a position ("0") or the
// identity of an element ("column_name=order_date", see Identity).
func Get(n *yaml.Node, keys ...string) *yaml.Node {
	for _, k := range keys {
		i := child(n, k)
		if i < 0 {
			return nil
		}
		n = n.Content[i]
	}
	return n
}

// child returns the position of the value named key in n.Content, or -1.
func child(n *yaml.Node, key string) int {
	if n == nil {
		return -1
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return i + 1
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(key); err == nil {
			if i >= 0 && i < len(n.Content) && strconv.Itoa(i) == key {
				return i
			}
			return -1
		}
		field, value, ok := strings.Cut(key, "=")
		if !ok {
			return -1
		}
		return slices.IndexFunc(n.Content, func(e *yaml.Node) bool { return ElementID(e, field) == value && value != "" })
	}
	return -1
}

// Put puts v at keys below n, making the mappings on the way. It reports false,
// and changes nothing of the target, when the way leads through a scalar or to
// no element of a list.
func Put(n, v *yaml.Node, keys ...string) bool {
	if len(keys) == 0 || n == nil {
		return false
	}
	i := child(n, keys[0])
	if i < 0 && n.Kind != yaml.MappingNode {
		return false
	}
	if i < 0 {
		next := v
		if len(keys) > 1 {
			next = Map()
			if !Put(next, v, keys[1:]...) {
				return false
			}
		}
		n.Content = append(n.Content, Str(keys[0]), next)
		return true
	}
	if len(keys) == 1 {
		n.Content[i] = v
		return true
	}
	return Put(n.Content[i], v, keys[1:]...)
}

// Delete removes what is at keys and reports whether something was there.
func Delete(n *yaml.Node, keys ...string) bool {
	if len(keys) == 0 {
		return false
	}
	parent := Get(n, keys[:len(keys)-1]...)
	i := child(parent, keys[len(keys)-1])
	if i < 0 {
		return false
	}
	first := i
	if parent.Kind == yaml.MappingNode {
		first--
	}
	parent.Content = slices.Delete(parent.Content, first, i+1)
	return true
}

// Clone copies n and all below it.
func Clone(n *yaml.Node) *yaml.Node {
	if n == nil {
		return nil
	}
	c := cloner{left: size(n)}
	return c.clone(n)
}

// size counts n and all below it.
func size(n *yaml.Node) int {
	if n == nil {
		return 0
	}
	total := 1
	for _, c := range n.Content {
		total += size(c)
	}
	return total
}

type cloner struct {
	slab
	left int // nodes to come
}

func (c *cloner) clone(n *yaml.Node) *yaml.Node {
	if n == nil {
		return nil
	}
	out := c.node(c.left)
	c.left--
	if n.Alias == nil && n.Anchor == "" && n.HeadComment == "" && n.LineComment == "" && n.FootComment == "" {
		// as Parse leaves them; these six are quicker to copy than all
		out.Kind, out.Style, out.Tag, out.Value, out.Line, out.Column = n.Kind, n.Style, n.Tag, n.Value, n.Line, n.Column
	} else {
		*out = *n
		out.Content = nil
	}
	if len(n.Content) > 0 {
		out.Content = c.list(len(n.Content))
		for i, k := range n.Content {
			out.Content[i] = c.clone(k)
		}
	}
	return out
}

// Equal reports whether a and b have the same value. The order of keys does not
// count, that of lists does; 1 and 1.0 differ; nil equals only nil.
func Equal(a, b *yaml.Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || len(a.Content) != len(b.Content) {
		return false
	}
	switch a.Kind {
	case yaml.ScalarNode:
		return equalScalar(a, b)
	case yaml.SequenceNode:
		for i := range a.Content {
			if !Equal(a.Content[i], b.Content[i]) {
				return false
			}
		}
		return true
	case yaml.MappingNode:
		return equalMapping(a, b)
	}
	return false
}

func equalScalar(a, b *yaml.Node) bool {
	if a.Tag != b.Tag {
		return false
	}
	if a.Value == b.Value {
		return true
	}
	if a.Tag == TagStr {
		return false
	}
	x, errA := normalScalar(a.Tag, a.Value)
	y, errB := normalScalar(b.Tag, b.Value)
	return errA == nil && errB == nil && x == y
}

// equalMapping compares pair by pair while the keys stand in the same order and
// looks the rest up.
func equalMapping(a, b *yaml.Node) bool {
	i := 0
	for ; i+1 < len(a.Content) && equalScalar(a.Content[i], b.Content[i]); i += 2 {
		if !Equal(a.Content[i+1], b.Content[i+1]) {
			return false
		}
	}
	if i == len(a.Content) {
		return true
	}
	rest := indexKeys(b.Content[i:])
	for ; i+1 < len(a.Content); i += 2 {
		j := rest.find(keyText(a.Content[i]))
		if j < 0 || !equalScalar(a.Content[i], rest.pairs[j]) || !Equal(a.Content[i+1], rest.pairs[j+1]) {
			return false
		}
	}
	return true
}

func keyText(k *yaml.Node) string {
	if v, err := normalScalar(k.Tag, k.Value); err == nil {
		return v
	}
	return k.Value
}
