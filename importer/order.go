package importer

import (
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Levels groups the changes that apply will write, in the order of writing:
//
//	level 0   refers to nothing that is written   database
//	level 1   refers to level 0                   dataset
//	level 2   …                                   chart
//	last      deletes, what refers before what is referred to
//
// Changes of one level do not depend on each other. Assets that refer to each
// other in a circle share the last level of creates and updates.
func (p *Plan) Levels() [][]Change {
	up, down := p.levels()
	return append(up, down...)
}

// levels are the writes, and the deletes that come after all of them.
func (p *Plan) levels() (up, down [][]Change) {
	writes, deletes := map[asset.ID]Change{}, map[asset.ID]Change{}
	for _, c := range p.Changes {
		switch {
		case !c.Applies():
		case c.Action == Delete:
			deletes[c.ID] = c
		default:
			writes[c.ID] = c
		}
	}
	up = layer(writes, func(c Change) []asset.ID { return c.After.Refs })
	down = layer(deletes, func(c Change) []asset.ID { return c.Before.Refs })
	slices.Reverse(down)
	return up, down
}

// layer sorts changes so that each stands in a later level than what it refers
// to. Within a level the order is by ID.
func layer(todo map[asset.ID]Change, refs func(Change) []asset.ID) [][]Change {
	var levels [][]Change
	for len(todo) > 0 {
		var level []Change
		for _, c := range todo {
			if !slices.ContainsFunc(refs(c), func(r asset.ID) bool {
				_, waits := todo[r]
				return waits && r != c.ID
			}) {
				level = append(level, c)
			}
		}
		if level == nil { // a circle: no order can be right
			for _, c := range todo {
				level = append(level, c)
			}
		}
		slices.SortFunc(level, func(a, b Change) int { return a.ID.Compare(b.ID) })
		for _, c := range level {
			delete(todo, c.ID)
		}
		levels = append(levels, level)
	}
	return levels
}
