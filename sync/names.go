package sync

import (
	"maps"
	"path"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// namer finds the file of an asset: the one it has, or a new one that clashes
// with nothing. Ask in order of ID, so that the answers are stable.
type namer struct {
	layout asset.Layout
	paths  map[asset.ID]string
	titles map[asset.ID]string
	alloc  *asset.Allocator
}

func newNamer(in *Instance, desired *asset.Set, broken []BrokenFile) *namer {
	n := &namer{layout: asset.Layout{Root: in.Root, Sharded: in.Sharded}, paths: map[asset.ID]string{}, titles: map[asset.ID]string{}}
	for a := range desired.All() {
		n.paths[a.ID], n.titles[a.ID] = a.Path, a.Title
	}
	for _, b := range broken {
		n.paths[asset.ID{Kind: "broken", UID: b.Path}] = b.Path
	}
	n.alloc = n.layout.Allocator(maps.Clone(n.paths))
	return n
}

// path gives the file for an asset. A file that still carries the name dashkeep
// made of its title follows a new title; one that a person named stays.
func (n *namer) path(a *asset.Asset) string {
	old, has := n.paths[a.ID]
	if has {
		was := asset.Slug(n.titles[a.ID])
		if was == asset.Slug(a.Title) || !strings.HasPrefix(path.Base(old), was+".") {
			return old
		}
		// The old name stays taken for this run: another asset that got it in the
		// same pull could be committed before the file moves away.
		n.paths[asset.ID{Kind: "moved", UID: old}] = old
		delete(n.paths, a.ID)
		n.alloc = n.layout.Allocator(maps.Clone(n.paths))
	}
	p := n.alloc.Path(a.ID, a.Title)
	n.paths[a.ID], n.titles[a.ID] = p, a.Title
	return p
}
