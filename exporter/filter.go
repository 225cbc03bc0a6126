package exporter

import (
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Selection says which assets are kept. The zero value keeps everything.
type Selection struct {
	Kinds []asset.Kind          // empty: every kind
	Match func(asset.Info) bool // nil: every asset
}

// IsZero reports whether the selection keeps everything.
func (s Selection) IsZero() bool { return len(s.Kinds) == 0 && s.Match == nil }

func (s Selection) wants(info asset.Info) bool {
	if len(s.Kinds) > 0 && !slices.Contains(s.Kinds, info.ID.Kind) {
		return false
	}
	return s.Match == nil || s.Match(info)
}

// apply keeps what is selected and, so that it can be restored, everything that
// refers to; the rest becomes Unselected.
func (s Selection) apply(set *asset.Set) (*asset.Set, error) {
	if s.IsZero() {
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
		if s.wants(a.Info) {
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
			out.Unselect(a.ID)
		}
	}
	for _, f := range set.Failed() {
		if s.wants(f.Info) || keep[f.ID] {
			out.Fail(f)
		} else {
			out.Unselect(f.ID)
		}
	}
	for _, n := range set.Notes {
		if keep[n.ID] {
			out.Notes = append(out.Notes, n)
		}
	}
	return out, nil
}
