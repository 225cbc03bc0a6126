package normalize

import (
	"fmt"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// refValues turns the row ids that r.Path matches into references.
func (d *Doc) refValues(r Rule) {
	for _, p := range find(d.Root, r.Path) {
		switch {
		case p.node.Kind != yaml.ScalarNode:
		case d.Live && p.node.Tag == asset.TagInt:
			*p.node = *asset.Str(d.Refer(r.Kind, p.node.Value, p.pointer(), r.Weak))
		default:
			d.collect(r, p.node.Value)
		}
	}
}

// refKeys does the same for the keys of mappings.
func (d *Doc) refKeys(r Rule) error {
	for _, p := range find(d.Root, r.Path) {
		if !asset.IsMap(p.node) {
			continue
		}
		seen := map[string]string{}
		for i := 0; i < len(p.node.Content); i += 2 {
			k := p.node.Content[i]
			was := k.Value
			if _, err := strconv.ParseInt(was, 10, 64); d.Live && err == nil {
				*k = *asset.Str(d.Refer(r.Kind, was, p.pointer(), r.Weak))
			} else {
				d.collect(r, was)
			}
			if other, dup := seen[k.Value]; dup {
				return fmt.Errorf("rows %s and %s are both %s", other, was, k.Value)
			}
			seen[k.Value] = was
		}
	}
	return nil
}

// refText turns the row id that r.Match finds in a text into ${ref:kind:uid}.
func (d *Doc) refText(r Rule) {
	for _, p := range find(d.Root, r.Path) {
		text := asset.Text(p.node)
		if text == "" {
			continue
		}
		if !d.Live {
			for _, part := range asset.SplitText(text) {
				d.collect(r, part.Ref)
			}
			continue
		}
		parts := []asset.TextPart{{Text: text}}
		if m := r.Match.FindStringSubmatchIndex(text); len(m) >= 4 {
			ref := d.Refer(r.Kind, text[m[2]:m[3]], p.pointer(), r.Weak)
			parts = []asset.TextPart{{Text: text[:m[2]]}, {Ref: ref}, {Text: text[m[3]:]}}
		}
		*p.node = *asset.Str(asset.JoinText(parts...))
	}
}

// Refer is the reference for a server's row, with a note when there is no such
// row. The asset depends on it unless it is weak. pointer points into the spec.
func (d *Doc) Refer(k asset.Kind, row, pointer string, weak bool) string {
	if uid, ok := d.Row(k, row); ok {
		id := asset.ID{Kind: k, UID: uid}
		if !weak {
			d.Depend(id)
		}
		return asset.Ref(id)
	}
	if n, err := strconv.ParseInt(row, 10, 64); err == nil && n >= ParkedBase {
		row = strconv.FormatInt(n-ParkedBase, 10)
	}
	d.Note(pointer, fmt.Sprintf("refers to %s %s, which is not on the server", k, row))
	return asset.MissingRef(k, row)
}

// collect records the dependency of a reference that is there already.
func (d *Doc) collect(r Rule, ref string) {
	if id, ok := asset.ParseRef(ref); ok && !r.Weak {
		d.Depend(id)
	}
}
