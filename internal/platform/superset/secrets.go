package superset

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// reveal puts values where the document has masks: what the config gives under
// secrets, else what the server has now. The names are the pointers within spec
// ("extra/engine_params/connect_args/sslpassword", "encrypted_extra/…",
// "ssh_tunnel/password"), and for the connection URL "password" and
// "uri_query/<parameter>". A secret that is nowhere to be had is an error, so
// that a mask is never written as a value.
func (im *importing) reveal(ctx context.Context, doc *asset.Document, exists bool) (*revealing, error) {
	v := &revealing{im: im, ctx: ctx, doc: doc, exists: exists, forms: map[string]string{}, values: im.c.secrets(doc.ID())}
	masked := maskedPlaces(doc.Kind, doc.Spec)
	for _, p := range masked {
		var err error
		switch {
		case doc.Kind == kindDatabase && p.is("sqlalchemy_uri"):
			err = v.url(p.node)
		case doc.Kind == kindDatabase && p.keys[0] == "ssh_tunnel":
			err = v.tunnel(p)
		case doc.Kind == kindReport && p.keys[0] == "recipients":
			err = v.link(p)
		default:
			err = v.value(p)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(v.missing) > 0 {
		return nil, v.lacking()
	}
	return v, nil
}

// spot is a masked text and its keys within the spec.
type spot struct {
	node *yaml.Node
	keys []string
}

func (s spot) is(key string) bool { return len(s.keys) == 1 && s.keys[0] == key }
func (s spot) name() string       { return strings.Join(s.keys, "/") }

// maskedPlaces lists the texts that hold a mask. Outside databases only what
// MaskText makes counts, and in reports what hides a link: ten X in a heading are a
// heading.
func maskedPlaces(k asset.Kind, n *yaml.Node, keys ...string) []spot {
	if n.Kind == yaml.ScalarNode {
		masked := strings.Contains(n.Value, normalize.Mask)
		if masked && k != kindDatabase {
			masked = strings.Contains(n.Value, ":"+normalize.Mask+"@") || strings.Contains(n.Value, "-----"+normalize.Mask) ||
				k == kindReport && isHidden(n.Value)
		}
		if masked {
			return []spot{{n, slices.Clone(keys)}}
		}
		return nil
	}
	var out []spot
	for key, v := range asset.Each(n) {
		out = append(out, maskedPlaces(k, v, append(keys, key)...)...)
	}
	for i, v := range items(n) {
		out = append(out, maskedPlaces(k, v, append(keys, fmt.Sprint(i))...)...)
	}
	return out
}

// leftMask finds a mask that would be written as a value. Superset knows its own
// mask in two places: the password of the URL, and masked_encrypted_extra.
func leftMask(k asset.Kind, node *yaml.Node) string {
	for _, p := range maskedPlaces(k, node) {
		if k == kindDatabase && p.is("masked_encrypted_extra") {
			continue
		}
		if k == kindDatabase && p.is("sqlalchemy_uri") && !strings.Contains(afterUser(p.node.Value), normalize.Mask) {
			continue
		}
		return p.name()
	}
	return ""
}

func afterUser(uri string) string {
	base, query, _ := strings.Cut(uri, "?")
	return base[strings.LastIndexByte(base, '@')+1:] + "?" + query
}

// revealing is the search for the secrets of one document.
type revealing struct {
	im      *importing
	ctx     context.Context
	doc     *asset.Document
	exists  bool
	values  map[string]secret.Value
	forms   map[string]string
	missing []string
	live    *yaml.Node // the server's spec, secrets included; nil until asked for
	keeps   bool       // the server masks encrypted_extra itself and keeps what is masked

	keepsTunnel bool // a secret of the SSH tunnel stays what it is
}

// configured is the value the config gives for name.
func (v *revealing) configured(name string) (string, bool, error) {
	s, ok := v.values[name]
	if !ok {
		return "", false, nil
	}
	text, err := s.Resolve(v.ctx)
	if err != nil {
		return "", false, fmt.Errorf("secrets of %s, %s: %w", v.doc.ID(), name, err)
	}
	if text == "" || strings.Contains(text, normalize.Mask) {
		return "", false, fmt.Errorf("secrets of %s, %s: the value is empty or a mask", v.doc.ID(), name)
	}
	return text, true, nil
}

// onServer reads the asset's spec from the server, secrets included, once.
func (v *revealing) onServer() (*yaml.Node, error) {
	if v.live != nil || !v.exists {
		return v.live, nil
	}
	for raw, err := range v.im.c.Export(v.ctx, []asset.ID{v.doc.ID()}) {
		if err != nil {
			return nil, fmt.Errorf("read the secrets the server has now: %w", err)
		}
		v.keeps = asset.Get(raw.Doc, "masked_encrypted_extra") != nil
		if v.live, err = normalize.Open(raw, Rules()); err != nil {
			return nil, err
		}
	}
	return v.live, nil
}

// value fills a masked text from the config, else from the same place on the
// server when that place, masked, says the same.
func (v *revealing) value(p spot) error {
	text, ok, err := v.configured(p.name())
	if err != nil {
		return err
	}
	if ok {
		p.node.Value = strings.ReplaceAll(p.node.Value, normalize.Mask, text)
		return nil
	}
	live, err := v.onServer()
	if err != nil {
		return err
	}
	has := asset.Get(live, p.keys...)
	switch {
	case has == nil || has.Kind != yaml.ScalarNode || asset.IsNull(has):
	case has.Value == normalize.Mask && !(v.keeps && p.keys[0] == "encrypted_extra"):
	case p.node.Value == normalize.Mask || normalize.MaskText(has.Value) == p.node.Value:
		*p.node = *asset.Clone(has)
		return nil
	}
	v.missing = append(v.missing, p.name())
	return nil
}

// tunnel handles the secrets of an SSH tunnel. Those that are not configured stay
// what they are on the server (settleTunnel).
func (v *revealing) tunnel(p spot) error {
	text, ok, err := v.configured(p.name())
	if err != nil {
		return err
	}
	if ok {
		p.node.Value = text
		return nil
	}
	live, err := v.onServer()
	if err != nil {
		return err
	}
	if asset.Get(live, p.keys...) == nil {
		v.missing = append(v.missing, p.name())
	}
	v.keepsTunnel = true
	return nil
}

// url handles the connection URL: Superset keeps the password of a connection it
// has when the URL shows its mask, but writes a masked query as it stands.
func (v *revealing) url(n *yaml.Node) error {
	base, query, hasQuery := strings.Cut(n.Value, "?")
	if strings.Contains(base, ":"+normalize.Mask+"@") {
		text, ok, err := v.configured("password")
		switch {
		case err != nil:
			return err
		case ok:
			v.forms["passwords"] = text
		case !v.exists:
			v.missing = append(v.missing, "password")
		}
	}
	if !hasQuery {
		return nil
	}
	params := strings.Split(query, "&")
	for i, p := range params {
		key, value, _ := strings.Cut(p, "=")
		if !strings.Contains(value, normalize.Mask) {
			continue
		}
		filled, err := v.parameter(key)
		if err != nil {
			return err
		}
		params[i] = key + "=" + filled
	}
	n.Value = base + "?" + strings.Join(params, "&")
	return nil
}

// parameter is the escaped value of a masked query parameter.
func (v *revealing) parameter(key string) (string, error) {
	plain, err := url.QueryUnescape(key)
	if err != nil {
		plain = key
	}
	text, ok, err := v.configured("uri_query/" + plain)
	if err != nil || ok {
		return url.QueryEscape(text), err
	}
	live, err := v.onServer()
	if err != nil {
		return "", err
	}
	_, query, _ := strings.Cut(asset.Text(asset.Get(live, "sqlalchemy_uri")), "?")
	for _, p := range strings.Split(query, "&") {
		if k, value, ok := strings.Cut(p, "="); ok && k == key && !strings.Contains(value, normalize.Mask) {
			return value, nil
		}
	}
	v.missing = append(v.missing, "uri_query/"+plain)
	return normalize.Mask, nil
}

// lacking names the config lines to add.
func (v *revealing) lacking() error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q needs secrets that are neither in Git nor on this server; nothing was written. Add to instance %s in dashkeep.yaml:\n",
		v.doc.ID(), v.doc.Title, v.im.c.instance)
	fmt.Fprintf(&b, "    secrets:\n      %q:\n", v.doc.ID().String())
	slices.Sort(v.missing)
	for _, name := range slices.Compact(v.missing) {
		fmt.Fprintf(&b, "        %s: {env: YOUR_VARIABLE}\n", name)
	}
	return errors.New(strings.TrimRight(b.String(), "\n"))
}

// finish renames encrypted_extra where values stay masked: under the other name
// Superset puts its own values back (6.1.0, database/importers/v1/utils.py).
func (v *revealing) finish(node *yaml.Node) {
	extra := asset.Get(node, "encrypted_extra")
	if v.keeps && strings.Contains(asset.Text(extra), normalize.Mask) {
		asset.Delete(node, "encrypted_extra")
		asset.Put(node, extra, "masked_encrypted_extra")
	}
}
