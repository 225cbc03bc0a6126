package config

import (
	"fmt"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// field is a key of a section, as its struct tags say.
type field struct {
	key      string
	doc      string
	required bool
	preset   string // default, "" for none
	index    []int
	typ      reflect.Type
}

func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "-" || !f.IsExported() {
			continue
		}
		if key == "" {
			key = strings.ToLower(f.Name)
		}
		in := field{key: key, doc: f.Tag.Get("doc"), index: f.Index, typ: f.Type}
		for _, word := range strings.Split(f.Tag.Get("jsonschema"), ",") {
			in.required = in.required || word == "required"
			if text, ok := strings.CutPrefix(word, "default="); ok {
				in.preset = text
			}
		}
		out = append(out, in)
	}
	return out
}

// ours reports types that are a single value in YAML although they are structs.
func ours(t reflect.Type) bool {
	return t == reflect.TypeFor[yaml.Node]() || t == reflect.TypeFor[secret.Value]() || t == reflect.TypeFor[asset.ID]()
}

func find(fields []field, key string) *field {
	for i := range fields {
		if fields[i].key == key {
			return &fields[i]
		}
	}
	return nil
}

func names(fields []field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.key
	}
	return out
}

// unknown is the message for a name that is not allowed.
func unknown(what, name string, allowed []string) string {
	hint := ""
	if near := nearest(name, allowed); near != "" {
		hint = fmt.Sprintf(", did you mean %q?", near)
	}
	return fmt.Sprintf("unknown %s %q%s (allowed: %s)", what, name, hint, strings.Join(allowed, ", "))
}

// oneOf is the message for a value that is not allowed, "" for one that is.
func oneOf(value string, allowed []string) string {
	for _, a := range allowed {
		if a == value {
			return ""
		}
	}
	hint := ""
	if near := nearest(value, allowed); near != "" {
		hint = fmt.Sprintf(", did you mean %q?", near)
	}
	return fmt.Sprintf("%q is not allowed%s (allowed: %s)", value, hint, strings.Join(allowed, ", "))
}

// nearest is the allowed name that a slip of the fingers would turn into name,
// "" when none is near.
func nearest(name string, allowed []string) string {
	fold := func(s string) string { return strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(s)) }
	best, limit := "", 1+len(name)/4
	for _, a := range allowed {
		if d := distance(fold(name), fold(a)); d <= limit && len(a) > d {
			best, limit = a, d-1
		}
	}
	return best
}

// distance counts the letters to insert, drop, change or swap with a neighbour
// to get from a to b.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	if len(s) > 64 || len(t) > 64 {
		return 64
	}
	d := make([][]int, len(s)+1)
	for i := range d {
		d[i] = make([]int, len(t)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(s)][len(t)]
}
