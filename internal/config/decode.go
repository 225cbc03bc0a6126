package config

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/secret"
)

// decoder fills structs from YAML nodes and collects every problem on the way.
// yaml.v3's own decoder stops at the first, has no columns and forgets
// KnownFields inside Node.Decode (go-yaml issue 460).
type decoder struct {
	file     string
	dir      string
	redactor *secret.Redactor
	at       map[string]*yaml.Node // where each key's value stands
	failed   map[string]bool       // keys with a problem already
	problems []Problem
	warnings []Problem
}

func (d *decoder) problem(n *yaml.Node, key, format string, args ...any) {
	d.add(d.note(n, key, format, args...))
}

// add drops a second problem with one value: it follows from the first.
func (d *decoder) add(p Problem) {
	id := fmt.Sprintf("%s@%d:%d", p.Key, p.Line, p.Column)
	if d.failed[id] {
		return
	}
	d.failed[id] = true
	d.problems = append(d.problems, p)
}

func (d *decoder) warn(n *yaml.Node, key, format string, args ...any) {
	d.warnings = append(d.warnings, d.note(n, key, format, args...))
}

func (d *decoder) note(n *yaml.Node, key, format string, args ...any) Problem {
	p := Problem{File: d.file, Key: key, Message: short(fmt.Sprintf(format, args...))}
	if n != nil {
		p.Line, p.Column = n.Line, n.Column
	}
	return p
}

// short keeps a message readable when the file holds a very long value.
func short(s string) string {
	const limit = 600
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" && n.Anchor == ""
}

// value decodes n into v. An empty value (null) is the same as a missing key.
func (d *decoder) value(n *yaml.Node, v reflect.Value, key string) {
	d.at[key] = n
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		d.problem(n, key, "anchors and aliases are not read in a config: write the value out (a text that begins with & or * must stand in quotes)")
		return
	}
	if n.Style&yaml.TaggedStyle != 0 {
		d.problem(n, key, "YAML tags are not read in a config: put a value that begins with ! in quotes")
		return
	}
	if d.special(n, v, key) {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, v, key)
	case reflect.Map:
		d.table(n, v, key)
	case reflect.Slice:
		d.list(n, v, key)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), key)
	default:
		d.scalar(n, v, key)
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, key, "expected keys and values, got %s", what(n))
		return
	}
	fields := fieldsOf(v.Type())
	present := map[string]bool{}
	d.pairs(n, key, func(k, val *yaml.Node) {
		f := find(fields, k.Value)
		switch {
		case f == nil && isNull(val) && holdsSecrets(fields):
			d.problem(k, key, "%s has no value; keys here: %s", shown(k), strings.Join(names(fields), ", "))
			return
		case f == nil:
			d.problem(k, key, "%s", unknown("key", k.Value, names(fields)))
			return
		case isNull(val) && f.typ == reflect.TypeFor[secret.Value]():
			d.problem(k, join(key, f.key), "is empty; a text that begins with # must stand in quotes")
			return
		case isNull(val):
			return
		}
		present[f.key] = true
		d.value(val, v.FieldByIndex(f.index), join(key, f.key))
	})
	for _, f := range fields {
		if present[f.key] {
			continue
		}
		if f.required {
			d.problem(n, key, "%s is missing: %s", f.key, f.doc)
		}
		d.absent(v.FieldByIndex(f.index), f)
	}
}

// absent fills in defaults, also those below a missing section.
func (d *decoder) absent(v reflect.Value, f field) {
	if f.preset != "" {
		d.preset(v, f.preset)
		return
	}
	if _, reads := v.Addr().Interface().(encoding.TextUnmarshaler); reads || v.Kind() != reflect.Struct || ours(v.Type()) {
		return
	}
	for _, in := range fieldsOf(v.Type()) {
		d.absent(v.FieldByIndex(in.index), in)
	}
}

// preset sets a default, which stands in a struct tag and so is known good
// (a test decodes every one).
func (d *decoder) preset(v reflect.Value, text string) {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	if !d.special(n, v, "default") {
		d.scalar(n, v, "default")
	}
}

// pairs visits the keys of a mapping once each.
func (d *decoder) pairs(n *yaml.Node, key string, visit func(k, val *yaml.Node)) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, val := n.Content[i], n.Content[i+1]
		switch line, twice := seen[k.Value]; {
		case k.Kind != yaml.ScalarNode:
			d.problem(k, key, "a key must be a text")
			continue
		case k.ShortTag() == "!!merge":
			d.problem(k, key, "merge keys (<<) are not read in a config: write the values out")
			continue
		case twice:
			d.problem(k, key, "key %q stands twice, first in line %d", k.Value, line)
			continue
		}
		seen[k.Value] = k.Line
		visit(k, val)
	}
}

func (d *decoder) table(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, key, "expected keys and values, got %s", what(n))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(n, key, func(k, val *yaml.Node) {
		name := reflect.New(v.Type().Key()).Elem()
		if !d.special(k, name, key) {
			name.SetString(k.Value)
		}
		if isNull(val) {
			d.problem(k, key, "%s has no value", shown(k))
			return
		}
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(val, elem, join(key, k.Value))
		v.SetMapIndex(name, elem)
	})
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.SequenceNode {
		d.problem(n, key, "expected a list, got %s", what(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, c := range n.Content {
		at := fmt.Sprintf("%s[%d]", key, i)
		if isNull(c) {
			d.at[at] = c
			d.problem(c, at, "is empty")
			continue
		}
		d.value(c, v.Index(i), at)
	}
}

// shown is a key that has no value. Where the blank after a colon is missing,
// the value, perhaps a secret, is a part of the key and is left out.
func shown(k *yaml.Node) string {
	if name, _, ok := strings.Cut(k.Value, ":"); ok {
		return strconv.Quote(name+":…") + " (is the blank after the colon missing?)"
	}
	return "a key"
}

func holdsSecrets(fields []field) bool {
	return slices.ContainsFunc(fields, func(f field) bool { return f.typ == reflect.TypeFor[secret.Value]() })
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func join(key, name string) string {
	if !plainKey.MatchString(name) {
		return key + "[" + short(strconv.Quote(name)) + "]"
	}
	if key == "" {
		return name
	}
	return key + "." + name
}
