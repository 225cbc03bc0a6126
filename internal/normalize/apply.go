package normalize

import (
	"cmp"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// apply runs the table over the document, in its order.
func (d *Doc) apply(kr KindRules) error {
	for _, r := range kr.Rules {
		if err := d.rule(r); err != nil {
			return fmt.Errorf("%s: %w", r.Path, err)
		}
	}
	return d.tidyAccess(kr.Access)
}

func (d *Doc) rule(r Rule) error {
	switch r.Op {
	case Drop:
		for _, p := range spots(d.Root, r.Path) {
			p.remove()
		}
	case Default:
		return d.defaults(r)
	case JSON:
		return d.openJSON(r)
	case Rename:
		return d.rename(r)
	case RefValue:
		d.refValues(r)
	case RefKeys:
		return d.refKeys(r)
	case RefText:
		d.refText(r)
	case Depend:
		for _, p := range spots(d.Root, r.Path) {
			if uid := asset.Text(p.node); uid != "" {
				d.Depend(asset.ID{Kind: r.Kind, UID: uid})
			}
		}
	case SortSet:
		for _, p := range spots(d.Root, r.Path) {
			sortList(p.node, func(n *yaml.Node) string { return n.Value })
		}
	case SortBy:
		for _, p := range spots(d.Root, r.Path) {
			sortList(p.node, func(n *yaml.Node) string { return asset.ElementID(n, r.By) })
		}
	case Redact, RedactKeys, RedactURL, RedactText:
		d.redact(r)
	case Call:
		if r.Hook.Canonical != nil {
			return r.Hook.Canonical(d)
		}
	}
	return nil
}

func sortList(n *yaml.Node, key func(*yaml.Node) string) {
	if !asset.IsSeq(n) {
		return
	}
	slices.SortStableFunc(n.Content, func(a, b *yaml.Node) int {
		return cmp.Or(cmp.Compare(key(a), key(b)), cmp.Compare(a.Tag, b.Tag))
	})
}

func (d *Doc) defaults(r Rule) error {
	for _, p := range spots(d.Root, r.Path) {
		same, err := means(p.node, r.Value)
		for i := 0; i < len(r.Also) && !same && err == nil; i++ {
			same, err = means(p.node, r.Also[i])
		}
		if err != nil {
			return err
		}
		if same {
			p.remove()
		}
	}
	return nil
}

// means reports whether a node has the value that the flow text of a rule says.
// Most texts are one of a few; parsing one takes longer than the rest of a rule.
func means(n *yaml.Node, text string) (bool, error) {
	switch text {
	case "null":
		return asset.IsNull(n), nil
	case "{}":
		return asset.IsMap(n) && len(n.Content) == 0, nil
	case "[]":
		return asset.IsSeq(n) && len(n.Content) == 0, nil
	case `""`:
		return n.Kind == yaml.ScalarNode && n.Tag == asset.TagStr && n.Value == "", nil
	case "true", "false":
		return n.Kind == yaml.ScalarNode && n.Tag == asset.TagBool && n.Value == text, nil
	}
	v, err := literal(text)
	return err == nil && asset.Equal(v, n), err
}

// literal parses the flow text of a rule.
func literal(text string) (*yaml.Node, error) {
	n, err := asset.Parse([]byte("v: " + text + "\n"))
	if err != nil {
		return nil, fmt.Errorf("rule value %q: %w", text, err)
	}
	return asset.Get(n, "v"), nil
}

// openJSON opens text that holds a JSON object or list. Any other text stays:
// the server did not understand it either.
func (d *Doc) openJSON(r Rule) error {
	for _, p := range spots(d.Root, r.Path) {
		text := asset.Text(p.node)
		if !looksLikeJSON(text) {
			continue
		}
		if n, err := asset.FromJSON(text); err == nil && n.Kind != yaml.ScalarNode {
			*p.node = *n
		}
	}
	return nil
}

func looksLikeJSON(s string) bool {
	for _, c := range s {
		switch c {
		case ' ', '\t', '\n', '\r':
			continue
		}
		return c == '{' || c == '['
	}
	return false
}

// rename gives a key its other name. Where both stand, the target's value wins.
func (d *Doc) rename(r Rule) error {
	for _, p := range spots(d.Root, r.Path) {
		p.remove()
		if asset.Get(p.parent, r.To) == nil {
			asset.Put(p.parent, p.node, r.To)
		}
	}
	return nil
}
