package matih

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// spot is a text that holds a mask, and the keys that lead to it within the
// spec: "widgets", "uid=…", "data_source", "password".
type spot struct {
	node   *yaml.Node
	keys   []string
	secret bool // one of keys names a secret
}

// name is what the value is called under secrets: in the config:
// "widgets/<uid>/data_source/password".
func (s spot) name() string {
	parts := make([]string, len(s.keys))
	for i, k := range s.keys {
		parts[i] = k
		if id, ok := asset.CutIdentity(k); ok {
			parts[i] = id
		}
	}
	return strings.Join(parts, "/")
}

func (s spot) pointer() string { return asset.Pointer(append([]string{"spec"}, s.keys...)...) }

// whole reports that the mask stands for all of the value, not for a part of a
// text.
func (s spot) whole() bool { return s.node.Value == normalize.Mask }

// widget is the uid of the widget that the spot is in, "" for none.
func (s spot) widget() string {
	if len(s.keys) > 1 && s.keys[0] == "widgets" {
		uid, _ := asset.CutIdentity(s.keys[1])
		return uid
	}
	return ""
}

// masked lists the spots of a document. A whole mask counts only where the rules
// put one, below a key that names a secret: ten X in a heading are a heading.
func masked(root *yaml.Node) []spot {
	var out []spot
	for key, v := range asset.Each(root) {
		if key != "name" { // titles are never masked
			out = append(out, below(v, normalize.SecretKey(key), []string{key})...)
		}
	}
	return out
}

// below lists the spots of n, which stands at keys. secret says that one of them
// names a secret.
func below(n *yaml.Node, secret bool, keys []string) []spot {
	if n.Kind == yaml.ScalarNode {
		if isMask(n, secret) {
			return []spot{{n, slices.Clone(keys), secret}}
		}
		return nil
	}
	var out []spot
	for key, v := range asset.Each(n) {
		out = append(out, below(v, secret || normalize.SecretKey(key), append(keys, key))...)
	}
	if n.Kind == yaml.SequenceNode {
		field, named := identity(n, keys)
		for i, v := range n.Content {
			key := strconv.Itoa(i)
			if named {
				key = field + "=" + asset.ElementID(v, field)
			}
			out = append(out, below(v, secret, append(keys, key))...)
		}
	}
	return out
}

// identity is what names the elements of a list; widgets have uids, whatever
// else they have.
func identity(list *yaml.Node, keys []string) (string, bool) {
	if len(keys) == 1 && keys[0] == "widgets" {
		return "uid", true
	}
	return asset.Identity(list)
}

func isMask(n *yaml.Node, secret bool) bool {
	if n.Tag != asset.TagStr {
		return false
	}
	return secret && n.Value == normalize.Mask || normalize.HoldsMask(n.Value)
}

// reveal puts values where spec has masks: what the server has at the same place
// now, else what the config gives under secrets. live is nil for a dashboard
// that is yet to be created. A secret that is nowhere to be had is an error for
// what is created, before anything is written; in what is there already the
// value stays as the server has it, and a note says so. spec is changed. What was
// put in is scrubbed from errors from now on: servers may quote what they refuse.
func (c *conn) reveal(ctx context.Context, doc *asset.Document, spec, live *yaml.Node) ([]asset.Note, error) {
	values := c.secrets(doc.ID())
	var notes []asset.Note
	var missing []string
	for _, s := range masked(spec) {
		if has := held(spec, live, s); has != nil {
			c.sent.Add(has.Value, behind(s.node.Value, has.Value))
			*s.node = *asset.Clone(has)
			continue
		}
		text, ok, err := configured(ctx, doc.ID(), values, s.name())
		switch {
		case err != nil:
			return nil, err
		case ok:
			c.sent.Add(text)
			s.node.Value = strings.ReplaceAll(s.node.Value, normalize.Mask, text)
			continue
		}
		if !there(live, s) || !leave(spec, live, s) {
			missing = append(missing, s.name())
			continue
		}
		notes = append(notes, asset.Note{ID: doc.ID(), Path: s.pointer(),
			Text: fmt.Sprintf("a secret that is neither on the server nor in the config; left as the server has it (secrets: of instance %s, name %s)", c.instance, s.name())})
	}
	if len(missing) > 0 {
		return nil, c.lacking(doc, missing)
	}
	if left := masked(spec); len(left) > 0 {
		return nil, fmt.Errorf("%s still holds a mask", left[0].name())
	}
	return notes, nil
}

// held is the server's value at the same place, when that is what the mask
// stands for; nil otherwise.
func held(spec, live *yaml.Node, s spot) *yaml.Node {
	has := asset.Get(live, s.keys...)
	switch {
	case !samePlace(spec, live, s.keys):
		return nil
	case has == nil || has.Kind != yaml.ScalarNode || has.Value == "":
		return nil
	case has.Tag != asset.TagStr && has.Tag != asset.TagInt && has.Tag != asset.TagFloat:
		return nil
	case isMask(has, s.secret):
		return nil // the server shows no secrets either
	case s.whole() || normalize.MaskText(has.Value) == s.node.Value:
		return has
	}
	return nil
}

// behind is what the one mask in a text stands for, "" when there are several.
func behind(masked, text string) string {
	before, after, _ := strings.Cut(masked, normalize.Mask)
	if len(before)+len(after) > len(text) || strings.Contains(after, normalize.Mask) {
		return ""
	}
	return text[len(before) : len(text)-len(after)]
}

// samePlace reports whether keys lead to the same thing in both. A position in a
// list whose elements nothing names does so only while the list is as long as it
// was: a secret must not move to its neighbour.
func samePlace(a, b *yaml.Node, keys []string) bool {
	for i, k := range keys {
		x, y := asset.Get(a, keys[:i]...), asset.Get(b, keys[:i]...)
		if _, named := asset.CutIdentity(k); asset.IsSeq(x) && !named && (y == nil || len(x.Content) != len(y.Content)) {
			return false
		}
	}
	return true
}

// there reports whether what the spot is a part of is on the server already.
func there(live *yaml.Node, s spot) bool {
	if live == nil {
		return false
	}
	uid := s.widget()
	return uid == "" || asset.Get(live, "widgets", "uid="+uid) != nil
}

// leave makes a value that cannot be had what the server has, be it nothing. It
// reports false where that cannot be told, and in a list, where taking an element
// out would move the others.
func leave(spec, live *yaml.Node, s spot) bool {
	if !samePlace(spec, live, s.keys) {
		return false
	}
	if has := asset.Get(live, s.keys...); has != nil && len(below(has, s.secret, s.keys)) == 0 {
		*s.node = *asset.Clone(has)
		return true
	}
	if !asset.IsMap(asset.Get(spec, s.keys[:len(s.keys)-1]...)) {
		return false
	}
	return asset.Delete(spec, s.keys...)
}

// configured is the value the config gives for name.
func configured(ctx context.Context, id asset.ID, values map[string]secret.Value, name string) (string, bool, error) {
	v, ok := values[name]
	if !ok {
		return "", false, nil
	}
	text, err := v.Resolve(ctx)
	if err != nil {
		return "", false, fmt.Errorf("secrets of %s, %s: %w", id, name, err)
	}
	if text == "" || strings.Contains(text, normalize.Mask) {
		return "", false, fmt.Errorf("secrets of %s, %s: the value is empty or a mask", id, name)
	}
	return text, true, nil
}

// lacking names the config lines to add.
func (c *conn) lacking(doc *asset.Document, names []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "it needs secrets that are neither in Git nor on this server. Add to instance %s in dashkeep.yaml:\n", c.instance)
	fmt.Fprintf(&b, "    secrets:\n      %q:\n", doc.ID().String())
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		fmt.Fprintf(&b, "        %s: {env: YOUR_VARIABLE}\n", name)
	}
	return errors.New(strings.TrimRight(b.String(), "\n"))
}
