package merge

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// textsOf are the elements of lists that hold nothing but texts, each once: such
// an element is its own identity. Lists of numbers are not meant: [0, 10] is a
// range far more often than a set. nil and empty lists say nothing either way.
func textsOf(lists ...*yaml.Node) (out [][]string, ok bool) {
	any := false
	for _, l := range lists {
		var texts []string
		seen := map[string]bool{}
		if l != nil {
			if !asset.IsSeq(l) {
				return nil, false
			}
			for _, e := range l.Content {
				if !isText(e) || e.Value == "" || seen[e.Value] {
					return nil, false
				}
				seen[e.Value], any = true, true
				texts = append(texts, e.Value)
			}
		}
		out = append(out, texts)
	}
	return out, any
}

func listOfTexts(texts []string) *yaml.Node {
	out := asset.Seq()
	for _, t := range texts {
		out.Content = append(out.Content, asset.Str(t))
	}
	return out
}

// sorted reports whether all lists stand in order, as sets do in canonical form.
func sorted(lists [][]string) bool {
	return !slices.ContainsFunc(lists, func(l []string) bool { return !slices.IsSorted(l) })
}

// mergeTexts merges lists of texts by what was added and removed. ok is false when both
// sides added at one place, so that nobody knows what comes first, or reordered
// differently, or where no base says what was there before.
func mergeTexts(base, ours, theirs *yaml.Node) (*yaml.Node, bool) {
	lists, ok := textsOf(base, ours, theirs)
	if !ok || base == nil {
		return nil, false
	}
	inBase, inOurs, inTheirs := set(lists[0]), set(lists[1]), set(lists[2])
	kept := func(id string) bool {
		if inOurs[id] == inBase[id] {
			return inTheirs[id]
		}
		return inOurs[id]
	}
	if sorted(lists) {
		all := slices.Concat(lists[1], lists[2])
		slices.Sort(all)
		return listOfTexts(only(slices.Compact(all), kept)), true
	}
	order, agreed := mergeOrder(lists[0], lists[1], lists[2], kept)
	if !agreed || meetAtOnePlace(lists[1], lists[2], kept) {
		return nil, false
	}
	return listOfTexts(order), true
}

// meetAtOnePlace reports whether each side added something behind the same
// element that both have.
func meetAtOnePlace(ours, theirs []string, kept func(string) bool) bool {
	inOurs, inTheirs := set(ours), set(theirs)
	places := func(side []string) map[string]bool {
		out, at := map[string]bool{}, ""
		for _, id := range only(side, kept) {
			if inOurs[id] && inTheirs[id] {
				at = id
			} else {
				out[at] = true
			}
		}
		return out
	}
	o := places(ours)
	for at := range places(theirs) {
		if o[at] {
			return true
		}
	}
	return false
}

// agreeTexts is base with what a and b have both added and both removed.
func agreeTexts(base, a, b *yaml.Node) (*yaml.Node, bool) {
	lists, ok := textsOf(base, a, b)
	if !ok || base == nil {
		return nil, false
	}
	inBase, inA, inB := set(lists[0]), set(lists[1]), set(lists[2])
	kept := func(id string) bool {
		if inA[id] == inB[id] {
			return inA[id]
		}
		return inBase[id]
	}
	if sorted(lists) {
		all := slices.Concat(lists...)
		slices.Sort(all)
		return listOfTexts(only(slices.Compact(all), kept)), true
	}
	return listOfTexts(agreeOrder(lists[0], lists[1], lists[2], kept)), true
}
