package merge

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Agree returns base with every value that a and b share now. Being absent
// counts as a value; nil is an absent document. It is how base moves: what Git
// and live have in common becomes base, where they differ base stays, so an edit
// that waits on one side is still seen as one. The result does not depend on
// which side is called a.
func Agree(base, a, b []byte) ([]byte, error) {
	if same(a, b) {
		return a, nil
	}
	if a == nil || b == nil {
		return base, nil
	}
	old, err := parse("base", base)
	if err != nil {
		return nil, err
	}
	x, err := parse("a", a)
	if err != nil {
		return nil, err
	}
	y, err := parse("b", b)
	if err != nil {
		return nil, err
	}
	return encode(agree(old, x, y))
}

func agree(base, a, b *yaml.Node) *yaml.Node {
	switch {
	case asset.Equal(a, b):
		return a
	case asset.IsMap(a) && asset.IsMap(b):
		return agreeMapping(base, a, b)
	case asset.IsSeq(a) && asset.IsSeq(b) && (base == nil || asset.IsSeq(base)):
		if field, ok := asset.Identity(base, a, b); ok {
			return agreeList(field, base, a, b)
		}
		if agreed, ok := agreeTexts(base, a, b); ok {
			return agreed
		}
	case isBlock(base) && isText(a) && isText(b):
		return asset.Str(agreeText(base.Value, a.Value, b.Value))
	}
	return base
}

func agreeMapping(base, a, b *yaml.Node) *yaml.Node {
	out := asset.Map()
	was, x, y := index(base), index(a), index(b)
	for _, k := range union(base, a, b) {
		if v := agree(was[k.Value], x[k.Value], y[k.Value]); v != nil {
			out.Content = append(out.Content, k, v)
		}
	}
	return out
}

// agreeList takes the order too where both sides have the same.
func agreeList(field string, base, a, b *yaml.Node) *yaml.Node {
	was, x, y := elements(base, field), elements(a, field), elements(b, field)
	kept := map[string]*yaml.Node{}
	for _, id := range unionIDs(was, x, y) {
		if v := agree(was.byID[id], x.byID[id], y.byID[id]); v != nil {
			kept[id] = v
		}
	}
	out := asset.Seq()
	for _, id := range agreeOrder(was.ids, x.ids, y.ids, func(id string) bool { return kept[id] != nil }) {
		out.Content = append(out.Content, kept[id])
	}
	return out
}

// agreeOrder puts the kept ids in the order that both sides have, or in base's.
func agreeOrder(base, a, b []string, kept func(string) bool) []string {
	inA, inB := set(a), set(b)
	both := func(id string) bool { return kept(id) && inA[id] && inB[id] }
	main := only(a, both)
	sides := [][]string{only(base, kept)}
	if !slices.Equal(main, only(b, both)) {
		sides = [][]string{only(a, kept), only(b, kept)}
		slices.SortFunc(sides, slices.Compare)
		main = only(base, kept)
	}
	return arrange(main, sides...)
}
