package repo

import (
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// change is one path that differs between two trees. Either side may be none.
type change struct {
	path     string
	old, new entry
}

// errStop ends a walk early.
var errStop = errors.New("stop")

// maxDepth bounds the nesting of folders.
const maxDepth = 128

// tree reads and parses one tree object; the zero id is an empty tree.
func (o *objects) tree(id oid) ([]item, error) {
	if id.IsZero() {
		return nil, nil
	}
	data, err := o.read(plumbing.TreeObject, id)
	if err != nil {
		return nil, err
	}
	items, err := parseTree(data)
	if err != nil {
		return nil, fmt.Errorf("tree %s: %w", id, err)
	}
	return items, nil
}

// diffTrees calls fn for each path that differs, files, links and submodules
// alike, in Git's order. Folders that are equal are not read.
func (o *objects) diffTrees(a, b oid, fn func(change) error) error {
	return o.diffDirs(a, b, "", 0, fn)
}

func (o *objects) diffDirs(a, b oid, at string, depth int, fn func(change) error) error {
	if a == b {
		return nil
	}
	if depth > maxDepth {
		return fmt.Errorf("folders nest deeper than %d at %q", maxDepth, at)
	}
	as, err := o.tree(a)
	if err != nil {
		return err
	}
	bs, err := o.tree(b)
	if err != nil {
		return err
	}
	for i, j := 0, 0; i < len(as) || j < len(bs); {
		var x, y item
		switch {
		case j == len(bs) || i < len(as) && as[i].key() < bs[j].key():
			x, i = as[i], i+1
		case i == len(as) || bs[j].key() < as[i].key():
			y, j = bs[j], j+1
		default:
			x, y, i, j = as[i], bs[j], i+1, j+1
		}
		if x.entry == y.entry {
			continue
		}
		if err := o.diffItem(x, y, at, depth, fn); err != nil {
			return err
		}
	}
	return nil
}

func (o *objects) diffItem(x, y item, at string, depth int, fn func(change) error) error {
	name := x.name
	if x.none() {
		name = y.name
	}
	if x.isDir() || y.isDir() { // the keys are equal, so both are folders or one is none
		return o.diffDirs(x.id, y.id, at+name+"/", depth+1, fn)
	}
	return fn(change{path: at + name, old: x.entry, new: y.entry})
}

// walkTree calls fn for every entry below a tree that is no folder.
func (o *objects) walkTree(id oid, at string, fn func(path string, e entry) error) error {
	if at != "" {
		at += "/"
	}
	return o.diffDirs(oid{}, id, at, 0, func(c change) error { return fn(c.path, c.new) })
}

// entryAt returns what stands at path in a tree; "" is the tree itself.
func (o *objects) entryAt(root oid, path string) (entry, error) {
	if root.IsZero() {
		return entry{}, nil
	}
	return newTreeCache(o, root).lookup(path)
}
