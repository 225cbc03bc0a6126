package normalize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Values says which values of a field its platform documents. Others are kept,
// compared and sent like every value; lint warns of them, because a misspelt one
// is taken by servers that do not check.
type Values struct {
	Path  string // into the spec, as in Rule
	Known []string
}

// Odd is a value that the rules do not know.
type Odd struct {
	Line, Col int
	Path      string // pointer into the document
	Text      string // for people
}

// Unknown lists the texts that stand where KindRules.Values knows others, in the
// order of the file.
func Unknown(doc *asset.Document, kr KindRules) []Odd {
	var out []Odd
	for _, v := range kr.Values {
		for _, p := range find(doc.Spec, v.Path) {
			text := asset.Text(p.node)
			if text == "" || slices.Contains(v.Known, text) {
				continue
			}
			out = append(out, Odd{p.node.Line, p.node.Column, "/spec" + p.pointer(),
				fmt.Sprintf("%q is no value that is documented for %s (%s); it is kept and sent as it is", text, p.way.key, strings.Join(v.Known, ", "))})
		}
	}
	slices.SortFunc(out, func(a, b Odd) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Col - b.Col
	})
	return out
}
