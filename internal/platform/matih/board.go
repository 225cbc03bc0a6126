package matih

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// board is a dashboard taken apart, so that it can be compared, matched and
// written piece by piece.
type board struct {
	meta    *yaml.Node // all but uid and widgets
	widgets []widget   // in the order of the document
}

// widget is one of them; node is without its uid. Two with the same text are
// equal in all but their uids.
type widget struct {
	uid  string
	node *yaml.Node
	text string // canonical
}

// split takes a mapping with a list of widgets apart. root is not changed. A
// widget without uid, or a uid that stands twice, is an error: such a list could
// not be matched with what the server has.
func split(root *yaml.Node) (*board, error) {
	b := &board{meta: asset.Clone(root)}
	list := asset.Get(b.meta, "widgets")
	asset.Delete(b.meta, "widgets")
	if list == nil || asset.IsNull(list) {
		return b, nil
	}
	if !asset.IsSeq(list) {
		return nil, fmt.Errorf("widgets must be a list")
	}
	seen := map[string]bool{}
	for i, n := range list.Content {
		uid := asset.Text(asset.Get(n, "uid"))
		switch {
		case uid == "":
			return nil, fmt.Errorf("widgets/%d has no uid: give it any text that no other widget has, a new UUID for instance", i)
		case seen[uid]:
			return nil, fmt.Errorf("the uid %s stands twice among the widgets: give one of them another", uid)
		}
		seen[uid] = true
		asset.Delete(n, "uid")
		w := widget{uid: uid, node: n}
		if err := w.read(); err != nil {
			return nil, err
		}
		b.widgets = append(b.widgets, w)
	}
	return b, nil
}

// read brings text up to date with node.
func (w *widget) read() error {
	text, err := asset.Encode(w.node)
	if err != nil {
		return fmt.Errorf("widget %s: %w", w.uid, err)
	}
	w.text = string(text)
	return nil
}

// boardOf takes a canonical asset apart: secrets masked, defaults left out, the
// title among the meta values.
func boardOf(a *asset.Asset) (*board, error) {
	doc, err := asset.ParseDocument(a.Path, a.Content)
	if err != nil {
		return nil, err
	}
	b, err := split(doc.Spec)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", a.ID, doc.Title, err)
	}
	asset.Put(b.meta, asset.Str(doc.Title), "name")
	return b, nil
}

// state is a dashboard as the server has it now.
type state struct {
	*board             // canonical, secrets masked
	d       *detail    // as read
	content []byte     // canonical, as a pull would show it
	open    *yaml.Node // the spec with its secrets, to be kept in memory only
}

func (c *conn) stateOf(d *detail) (*state, error) {
	raw := c.raw(d)
	a, _, err := normalize.Canonical(raw, Rules())
	if err != nil {
		return nil, err
	}
	open, err := normalize.Open(raw, Rules())
	if err != nil {
		return nil, err
	}
	b, err := boardOf(a)
	if err != nil {
		return nil, err
	}
	return &state{board: b, d: d, content: a.Content, open: open}, nil
}

// get is the node of the widget with this uid, or nil.
func (b *board) get(uid string) *yaml.Node {
	for _, w := range b.widgets {
		if w.uid == uid {
			return w.node
		}
	}
	return nil
}

// fingerprint is the whole board as comparable text, whatever the uids and the
// order of the widgets.
func (b *board) fingerprint() (string, error) {
	meta, err := asset.Encode(b.meta)
	if err != nil {
		return "", err
	}
	parts := make([]string, len(b.widgets))
	for i, w := range b.widgets {
		parts[i] = w.text
	}
	slices.Sort(parts)
	return string(meta) + "\x00" + strings.Join(parts, "\x00"), nil
}

// twins pairs widgets of equal content: the uid in a to the uid in b. Several of
// one content are paired in the order of their uids, which is stable, and any
// pairing of them is right.
func twins(a, b []widget) map[string]string {
	return pair(a, b, func(w widget) string { return w.text })
}

// pair joins widgets for which key says the same, in the order of their uids.
func pair(a, b []widget, key func(widget) string) map[string]string {
	byUID := func(x, y widget) int { return strings.Compare(x.uid, y.uid) }
	free := map[string][]string{} // key to uids in b
	for _, w := range slices.SortedFunc(slices.Values(b), byUID) {
		free[key(w)] = append(free[key(w)], w.uid)
	}
	pairs := map[string]string{}
	for _, w := range slices.SortedFunc(slices.Values(a), byUID) {
		if uids := free[key(w)]; len(uids) > 0 {
			pairs[w.uid], free[key(w)] = uids[0], uids[1:]
		}
	}
	return pairs
}

// complete is the object to send so that a server that replaces the whole and
// one that takes over only the keys it is sent end equal: the wanted values,
// known keys that are not wanted as their empty value (which the rules have put
// there), and null for what only the server has. What the server owns is not
// sent, for a strict one refuses it. Sharing that a server shows goes back as it
// is: replacing the whole without it could take people's access away.
func complete(want, live *yaml.Node, owned map[string]bool) *yaml.Node {
	out := asset.Map()
	for key, v := range asset.Each(want) {
		if !owned[key] {
			asset.Put(out, asset.Clone(v), key)
		}
	}
	for key, v := range asset.Each(live) {
		switch {
		case key == "shared_with" || key == "permissions":
			asset.Put(out, asset.Clone(v), key)
		case !owned[key] && asset.Get(out, key) == nil:
			asset.Put(out, asset.Null(), key)
		}
	}
	return out
}

// ownedKeys are the keys below prefix ("/", "/widgets/*/") that are never sent:
// what the rules drop, the uid, which is ours, and the widgets, which have calls
// of their own.
func ownedKeys(prefix string) map[string]bool {
	owned := map[string]bool{"uid": true, "widgets": prefix == "/"}
	for _, r := range Rules().Kinds[kindDashboard].Rules {
		if key, ok := strings.CutPrefix(r.Path, prefix); ok && r.Op == normalize.Drop && !strings.Contains(key, "/") {
			owned[key] = true
		}
	}
	return owned
}
