package sync

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// namer finds the file of an asset: the one it has, or a new one that clashes
// with nothing. Ask in order of ID, so that the answers are stable.
type namer struct {
	in     *Instance
	layout asset.Layout
	paths  map[asset.ID]string
	titles map[asset.ID]string
	alloc  *asset.Allocator
}

func newNamer(in *Instance, desired *asset.Set, broken []BrokenFile) *namer {
	n := &namer{in: in, layout: asset.Layout{Root: in.Root, Sharded: in.Sharded}, paths: map[asset.ID]string{}, titles: map[asset.ID]string{}}
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
// made of its title follows a new title, and one in a folder that dashkeep chose
// follows the rules to another; what a person named or moved stays.
func (n *namer) path(a *asset.Asset) string {
	dir := n.layout.Dir(n.in.rule(a.Info).Folder, a.ID)
	old, has := n.paths[a.ID]
	if has {
		was := asset.Slug(n.titles[a.ID])
		named := strings.HasPrefix(path.Base(old), was+".")
		if !n.chosen(a.ID, path.Dir(old)) {
			dir = path.Dir(old)
		}
		if !named || path.Dir(old) == dir && was == asset.Slug(a.Title) {
			return old
		}
		// The old name stays taken for this run: another asset that got it in the
		// same pull could be committed before the file moves away.
		n.paths[asset.ID{Kind: "moved", UID: old}] = old
		delete(n.paths, a.ID)
		n.alloc = n.layout.Allocator(maps.Clone(n.paths))
	}
	p := n.alloc.PathAt(dir, a.ID, a.Title)
	n.paths[a.ID], n.titles[a.ID] = p, a.Title
	return p
}

// chosen reports whether a folder is one that dashkeep puts assets of this kind in.
func (n *namer) chosen(id asset.ID, dir string) bool {
	return dir == n.layout.Dir("", id) || slices.ContainsFunc(n.in.Folders, func(f string) bool { return dir == n.layout.Dir(f, id) })
}
