package normalize

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// DropUnknown takes out of a canonical document, in place, what a server of this
// version does not take by the table's Since, and names each place. "" is the
// newest version. Denormalize does it too; an importer that looks for secrets
// first asks for none that would not be sent.
func DropUnknown(doc *asset.Document, kr KindRules, version string) []asset.Note {
	return dropUnknown(asset.ID{Kind: doc.Kind, UID: doc.UID}, doc.Spec, kr, version)
}

func dropUnknown(id asset.ID, spec *yaml.Node, kr KindRules, version string) (out []asset.Note) {
	for _, r := range kr.Rules {
		if r.Op != Default || !Older(version, r.Since) {
			continue
		}
		for _, p := range find(spec, r.Path) {
			p.remove()
			out = append(out, asset.Note{ID: id, Path: "/spec" + p.pointer(),
				Text: fmt.Sprintf("version %s of the server does not know this field, it came with %s", version, r.Since)})
		}
	}
	return out
}

// Hidden lists the places of a document from a server of this version at which
// the table says that such a server shows nothing (Since, Shown), as pointers into
// the canonical document, for asset.Raw.Unread. What the document does show is not
// listed. "" is the newest version.
func Hidden(doc *yaml.Node, kr KindRules, version string) []string {
	var out []string
	for _, r := range kr.Rules {
		if r.Op != Default || !Older(version, r.Since) && !Older(version, r.Shown) {
			continue
		}
		parent, key := cut(r.Path)
		for _, p := range find(doc, parent) {
			if asset.IsMap(p.node) && asset.Get(p.node, key) == nil {
				out = append(out, asset.Pointer(append(append([]string{"spec"}, p.way.keys()...), key)...))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Older reports whether version v comes before another, dotted numbers both. "" is
// the newest; nothing is older
// than "".
func Older(v, than string) bool {
	if v == "" || than == "" {
		return false
	}
	a, b := strings.Split(v, "."), strings.Split(than, ".")
	for i := range b {
		x := 0
		if i < len(a) {
			x = leadingNumber(a[i])
		}
		if y := leadingNumber(b[i]); x != y {
			return x < y
		}
	}
	return false
}

// leadingNumber reads "0rc1" as 0.
func leadingNumber(s string) int {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		s = s[:end]
	}
	n, _ := strconv.Atoi(s)
	return n
}
