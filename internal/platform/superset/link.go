package superset

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// maskLink hides what follows the host of a link: the address of a hook is the
// right to post to it. Other text is left as it is.
func maskLink(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	host, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	host, query, _ := strings.Cut(host, "?")
	if path == "" && query == "" {
		return scheme + "://" + host
	}
	return scheme + "://" + host + "/" + normalize.Mask
}

// isHidden reports whether a text is what maskLink leaves of a link, or nothing but
// the mask.
func isHidden(s string) bool { return s == normalize.Mask || strings.HasSuffix(s, "/"+normalize.Mask) }

// link fills in the hidden link of a recipient: the whole of it from the config, or
// what follows the host; else the one on the server that looks the same.
func (v *revealing) link(p spot) error {
	text, ok, err := v.configured(p.name())
	switch {
	case err != nil:
		return err
	case ok && strings.Contains(text, "://"):
		p.node.Value = text
		return nil
	case ok:
		p.node.Value = strings.ReplaceAll(p.node.Value, normalize.Mask, strings.TrimPrefix(text, "/"))
		return nil
	}
	live, err := v.onServer()
	if err != nil {
		return err
	}
	var same []string
	for _, n := range linksOf(live) {
		if maskLink(asset.Text(n)) == p.node.Value {
			same = append(same, asset.Text(n))
		}
	}
	if at := asset.Text(asset.Get(live, p.keys...)); len(slices.Compact(slices.Sorted(slices.Values(same)))) > 1 && slices.Contains(same, at) {
		same = []string{at}
	}
	if len(same) == 0 || len(slices.Compact(slices.Sorted(slices.Values(same)))) > 1 {
		v.missing = append(v.missing, p.name())
		return nil
	}
	p.node.Value = same[0]
	return nil
}

// linksOf are the texts that say where a report's recipients are.
func linksOf(spec *yaml.Node) []*yaml.Node {
	var out []*yaml.Node
	for _, r := range items(asset.Get(spec, "recipients")) {
		for _, n := range asset.Each(asset.Get(r, "recipient_config_json")) {
			out = append(out, n)
		}
	}
	return out
}
