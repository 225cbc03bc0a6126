package asset

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Pointer joins keys to a JSON pointer (RFC 6901): "/spec/columns/0". No keys
// give "", the whole document. In a list whose elements have an identity the key
// may be "field=value" instead of a position, which stays right when the list
// is reordered.
func Pointer(keys ...string) string {
	var b strings.Builder
	for _, k := range keys {
		b.WriteByte('/')
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(k, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

// Split is the inverse of Pointer. A text that is neither empty nor begins with
// a slash is an error.
func Split(pointer string) ([]string, error) {
	if pointer == "" {
		return nil, nil
	}
	if pointer[0] != '/' {
		return nil, fmt.Errorf("the JSON pointer %s does not begin with a slash", quoteShort(pointer))
	}
	keys := strings.Split(pointer[1:], "/")
	for i, k := range keys {
		keys[i] = strings.ReplaceAll(strings.ReplaceAll(k, "~1", "/"), "~0", "~")
	}
	return keys, nil
}

// identityFields are the keys that may name an element of a list, best first.
var identityFields = [...]string{"uuid", "uid", "id", "column_name", "metric_name", "short_descr", "name"}

// Identity finds the field that names the elements of lists: the first that
// every element of every list has, with values unique within each list. ok is
// false when an element is no mapping or no field serves; nil and empty lists
// say nothing either way.
func Identity(lists ...*yaml.Node) (field string, ok bool) {
	for _, f := range identityFields {
		if found, any := identifies(f, lists); found && any {
			return f, true
		}
	}
	return "", false
}

func identifies(field string, lists []*yaml.Node) (ok, any bool) {
	for _, l := range lists {
		if l == nil {
			continue
		}
		if l.Kind != yaml.SequenceNode {
			return false, any
		}
		seen := make(map[string]bool, len(l.Content))
		for _, e := range l.Content {
			id := ElementID(e, field)
			if id == "" || seen[id] {
				return false, any
			}
			seen[id], any = true, true
		}
	}
	return true, any
}

// ElementID is the text of a list element's identity field, "" when it has none.
func ElementID(e *yaml.Node, field string) string {
	if e == nil || e.Kind != yaml.MappingNode {
		return ""
	}
	v := Get(e, field)
	if v == nil || v.Kind != yaml.ScalarNode || v.Tag == TagNull {
		return ""
	}
	return v.Value
}

// CutIdentity takes a pointer's key for a list element apart: "column_name=ds"
// gives "ds". ok is false for other keys.
func CutIdentity(key string) (id string, ok bool) {
	field, id, ok := strings.Cut(key, "=")
	return id, ok && slices.Contains(identityFields[:], field)
}
