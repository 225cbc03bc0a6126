package merge

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// keyed is a list by the identity of its elements.
type keyed struct {
	ids  []string
	byID map[string]*yaml.Node
}

func elements(list *yaml.Node, field string) keyed {
	k := keyed{byID: map[string]*yaml.Node{}}
	if list == nil {
		return k
	}
	for _, e := range list.Content {
		id := asset.ElementID(e, field)
		k.ids = append(k.ids, id)
		k.byID[id] = e
	}
	return k
}

func unionIDs(ks ...keyed) []string {
	var ids []string
	seen := map[string]bool{}
	for _, k := range ks {
		for _, id := range k.ids {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func renderOrder(list *yaml.Node, k keyed) *string {
	if list == nil {
		return nil
	}
	s := "order: " + strings.Join(k.ids, ", ")
	return &s
}

// mergeOrder puts the kept ids in order. What stands on both sides is ordered
// three-way: by the side that reordered, or as both say; agreed is false when
// both reordered differently, and ours is taken. What stands on one side only
// follows the neighbour it has there; the answer does not depend on which side
// is called ours, except after a disagreement.
func mergeOrder(base, ours, theirs []string, kept func(string) bool) (order []string, agreed bool) {
	inBase, inOurs, inTheirs := set(base), set(ours), set(theirs)
	common := func(id string) bool { return kept(id) && inOurs[id] && inTheirs[id] }
	settled := func(id string) bool { return common(id) && inBase[id] }
	o, t := only(ours, common), only(theirs, common)
	main, agreed := o, true
	if !slices.Equal(o, t) {
		was := only(base, settled)
		movedOurs := !slices.Equal(only(ours, settled), was)
		movedTheirs := !slices.Equal(only(theirs, settled), was)
		switch {
		case movedOurs == movedTheirs:
			agreed = false
		case movedTheirs:
			main = t
		}
	}
	return arrange(main, only(ours, kept), only(theirs, kept)), agreed
}

// arrange fills main up with what the sides have beyond it: each run of such ids
// follows the id of main it follows in its side. Two runs at one place are
// ordered by their text.
func arrange(main []string, sides ...[]string) []string {
	fixed := set(main)
	runs := map[string][][]string{} // by the id before them; "" is the start, no id is empty
	placed := map[string]bool{}
	for _, side := range sides {
		anchor := ""
		var run []string
		flush := func() {
			if len(run) > 0 {
				runs[anchor] = append(runs[anchor], run)
			}
			run = nil
		}
		for _, id := range side {
			if fixed[id] {
				flush()
				anchor = id
			} else if !placed[id] {
				placed[id] = true
				run = append(run, id)
			}
		}
		flush()
	}
	var out []string
	emit := func(anchor string) {
		slices.SortFunc(runs[anchor], slices.Compare)
		for _, r := range runs[anchor] {
			out = append(out, r...)
		}
	}
	emit("")
	for _, id := range main {
		out = append(out, id)
		emit(id)
	}
	return out
}

// order is mergeOrder under the options of the merge.
func (m *merger) order(base, ours, theirs []string, kept func(string) bool) (order []string, agreed bool) {
	first, second := ours, theirs
	if m.o.Theirs {
		first, second = theirs, ours
	}
	order, agreed = mergeOrder(base, first, second, kept)
	if agreed && m.o.Hold { // what only theirs reordered stays as ours has it
		order = arrange(only(ours, kept), only(theirs, kept))
	}
	return order, agreed
}

func only(ids []string, keep func(string) bool) []string {
	var out []string
	for _, id := range ids {
		if keep(id) {
			out = append(out, id)
		}
	}
	return out
}

func set(ids []string) map[string]bool {
	m := make(map[string]bool, len(ids))
	for _, id := range ids {
		m[id] = true
	}
	return m
}
