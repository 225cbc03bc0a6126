package exporter

import (
	"github.com/dashkeep/dashkeep/internal/asset"
)

// Selection says which assets are kept. The zero value keeps everything.
type Selection struct {
	Match func(asset.Info) bool // nil: every asset
}

// apply keeps what is selected and, so that it can be restored, everything that
// refers to; the rest becomes Unselected.
func (s Selection) apply(set *asset.Set) (*asset.Set, error) {
	if s.Match == nil {
		return set, nil
	}
	keep := map[asset.ID]bool{}
	var visit func(id asset.ID)
	visit = func(id asset.ID) {
		if keep[id] {
			return
		}
		keep[id] = true
		if a := set.Get(id); a != nil {
			for _, ref := range a.Refs {
				visit(ref)
			}
		}
	}
	for a := range set.All() {
		if s.Match(a.Info) {
			visit(a.ID)
		}
	}
	var kept []*asset.Asset
	for a := range set.All() {
		if keep[a.ID] {
			kept = append(kept, a)
		}
	}
	out, err := asset.NewSet(kept...)
	if err != nil {
		return nil, err
	}
	for a := range set.All() {
		if !keep[a.ID] {
			out.Unselect(a.ID, asset.Outside{Refs: a.Refs})
		}
	}
	for _, f := range set.Failed() {
		if s.Match(f.Info) || keep[f.ID] {
			out.Fail(f)
		} else {
			out.Unselect(f.ID, asset.Outside{Err: f.Err})
		}
	}
	for _, k := range set.Kinds() {
		out.SkipKind(k)
	}
	for _, n := range set.Notes {
		if keep[n.ID] {
			out.Notes = append(out.Notes, n)
		}
	}
	return out, nil
}
