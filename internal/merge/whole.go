package merge

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Structure is a value whose parts must fit together, such as the layout of a
// dashboard: two changes that do not touch each other may still break it.
type Structure struct {
	Path string // JSON pointer
	// Check lists what is wrong with the value, in a fixed order; nil is absent. It
	// is given values that people edited, so it must take any form.
	Check func(*yaml.Node) []string
}

// whole makes a conflict of every structure that merging broke: one that has
// something wrong with it that is wrong on neither side. It is then one value, taken
// from one side.
func (m *merger) whole(merged, base, ours, theirs *yaml.Node) *yaml.Node {
	if !asset.IsMap(merged) || !asset.IsMap(ours) || !asset.IsMap(theirs) {
		return merged
	}
	for _, s := range m.o.Whole {
		keys, err := asset.Split(s.Path)
		if err != nil || len(keys) == 0 {
			continue
		}
		b, o, t := asset.Get(base, keys...), asset.Get(ours, keys...), asset.Get(theirs, keys...)
		broken := s.broken(asset.Get(merged, keys...), o, t)
		if len(broken) == 0 {
			continue
		}
		m.conflicts = slices.DeleteFunc(m.conflicts, func(c Conflict) bool { return c.Path == s.Path || strings.HasPrefix(c.Path, s.Path+"/") })
		m.conflicts = append(m.conflicts, Conflict{Path: s.Path, Base: moves(b, b), Ours: moves(b, o), Theirs: moves(b, t),
			Text: "the changes of both sides together break it: " + strings.Join(broken, "; ")})
		from := o
		if m.o.Theirs {
			from = t
		}
		merged = asset.Clone(merged)
		if from == nil {
			asset.Delete(merged, keys...)
		} else {
			asset.Put(merged, from, keys...)
		}
	}
	return merged
}

// broken lists what is wrong with the merged value only, at most three things.
func (s Structure) broken(merged, ours, theirs *yaml.Node) []string {
	if asset.Equal(merged, ours) || asset.Equal(merged, theirs) {
		return nil
	}
	known := append(s.Check(ours), s.Check(theirs)...)
	wrong := slices.DeleteFunc(s.Check(merged), func(p string) bool { return slices.Contains(known, p) })
	if len(wrong) > 3 {
		wrong = append(wrong[:3:3], fmt.Sprintf("and %d more", len(wrong)-3))
	}
	return wrong
}

// moves shows a structure by the parts that a side moved: the whole of it would
// fill the screen.
func moves(base, side *yaml.Node) *string {
	if side == nil || !asset.IsMap(side) || base != nil && !asset.IsMap(base) {
		return render(side)
	}
	var added, removed, changed []string
	was, is := index(base), index(side)
	for _, k := range union(base, side) {
		switch o, n := was[k.Value], is[k.Value]; {
		case o == nil:
			added = append(added, k.Value)
		case n == nil:
			removed = append(removed, k.Value)
		case !asset.Equal(o, n):
			changed = append(changed, k.Value)
		}
	}
	text := fmt.Sprintf("%d parts", len(is))
	for _, part := range []struct {
		word string
		keys []string
	}{{"added", added}, {"removed", removed}, {"changed", changed}} {
		if len(part.keys) > 0 {
			slices.Sort(part.keys)
			text += ", " + part.word + " " + strings.Join(part.keys, " ")
		}
	}
	return &text
}
