package sync

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// reconciled is what a pull makes of one look at Git, live and base.
type reconciled struct {
	Pulled    []Pulled
	Conflicts []Conflict
	Dirty     []string
	Removed   []asset.ID          // gone from the server since the last pull, selection aside
	Changed   []asset.ID          // the server changed them since the last pull
	Git       map[asset.ID][]byte // content after the pull; nil is absent, no entry is unknown
}

// reconcile decides, per asset, what Git must hold after a pull:
//
//	base  Git  live
//	 b     b    x     live moved: Git takes x
//	 b     x    b     Git moved: it stays and waits for apply
//	 b     x    y     both moved: merged by value, or a conflict
//
// where each of b, x and y may be absence. pathOf names the file of an asset;
// dirty says whether a person edited it and did not commit.
func reconcile(desired, live, base *asset.Set, pathOf func(*asset.Asset) string, dirty map[string]bool) (*reconciled, error) {
	r := &reconciled{Git: map[asset.ID][]byte{}}
	for _, id := range allIDs(desired, live, base) {
		if _, bad := desired.Unreadable(id); bad {
			continue
		}
		if err := r.one(id, desired.Get(id), live, base.Get(id), pathOf, dirty); err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
	}
	return r, nil
}

func (r *reconciled) one(id asset.ID, d *asset.Asset, live *asset.Set, b *asset.Asset, pathOf func(*asset.Asset) string, dirty map[string]bool) error {
	r.Git[id] = content(d)
	l := live.Get(id)
	switch {
	case live.Absent(id):
		r.gone(id, d, b, dirty)
		return nil
	case l == nil: // unreadable or outside the selection: never treated as absent
		return nil
	}
	have, err := takeUnread(l, content(d))
	if err != nil {
		return err
	}
	moved, err := movedSince(l, b)
	if err != nil {
		return err
	}
	if b != nil && moved {
		r.Changed = append(r.Changed, id)
	}
	if d == nil {
		r.fresh(l, b, moved, pathOf, dirty)
		return nil
	}
	return r.both(d, l, have, b, pathOf, dirty)
}

// gone handles an asset that the server no longer has.
func (r *reconciled) gone(id asset.ID, d, b *asset.Asset, dirty map[string]bool) {
	if b == nil {
		return // new in Git, waits for apply
	}
	r.Removed = append(r.Removed, id)
	switch {
	case d == nil: // gone on both sides
	case !bytes.Equal(d.Content, b.Content):
		r.Conflicts = append(r.Conflicts, Conflict{ID: id, Title: d.Title, Path: d.Path,
			Text: "deleted on the server, but changed in Git since both last agreed"})
	case dirty[d.Path]:
		r.Dirty = append(r.Dirty, d.Path)
	default:
		r.Git[id] = nil
		r.Pulled = append(r.Pulled, Pulled{Info: d.Info, Action: "removed", Path: d.Path, Before: d.Content})
	}
}

// fresh handles an asset that is live and not in Git.
func (r *reconciled) fresh(l, b *asset.Asset, moved bool, pathOf func(*asset.Asset) string, dirty map[string]bool) {
	if b != nil { // deleted in Git since: waits for apply, unless live moved too
		if moved {
			r.Conflicts = append(r.Conflicts, Conflict{ID: l.ID, Title: l.Title,
				Text: deletedAndEdited})
		}
		return
	}
	p := pathOf(l)
	if dirty[p] {
		r.Dirty = append(r.Dirty, p)
		return
	}
	r.Git[l.ID] = l.Content
	r.Pulled = append(r.Pulled, Pulled{Info: l.Info, Action: "added", Path: p, After: l.Content})
}

const deletedAndEdited = "deleted in Git, but changed on the server since both last agreed"

// movedSince reports whether live differs from base in what it can show. Without
// a base everything counts as moved.
func movedSince(l, b *asset.Asset) (bool, error) {
	if b == nil {
		return true, nil
	}
	have, err := takeUnread(l, b.Content)
	return !bytes.Equal(have, b.Content), err
}

// both handles an asset that stands on both sides.
func (r *reconciled) both(d, l *asset.Asset, have []byte, b *asset.Asset, pathOf func(*asset.Asset) string, dirty map[string]bool) error {
	if bytes.Equal(d.Content, have) {
		return nil
	}
	merged, conflicts, err := merge.Three(content(b), d.Content, have)
	if err != nil {
		return err
	}
	if len(conflicts) > 0 {
		r.Conflicts = append(r.Conflicts, Conflict{ID: d.ID, Title: d.Title, Path: d.Path, Values: conflicts})
		return nil
	}
	if bytes.Equal(merged, d.Content) {
		return nil // only Git moved
	}
	if dirty[d.Path] {
		r.Dirty = append(r.Dirty, d.Path)
		return nil
	}
	r.Git[d.ID] = merged
	info := l.Info
	info.Title = titleOf(merged, l.Title)
	r.Pulled = append(r.Pulled, Pulled{Info: info, Action: "changed", Path: d.Path, Before: d.Content, After: merged})
	if to := pathOf(&asset.Asset{Info: info, Path: d.Path}); to != d.Path && !dirty[to] {
		last := &r.Pulled[len(r.Pulled)-1]
		last.From, last.Path = d.Path, to
	}
	return nil
}

func titleOf(doc []byte, otherwise string) string {
	if d, err := asset.ParseDocument("", doc); err == nil {
		return d.Title
	}
	return otherwise
}

func allIDs(sets ...*asset.Set) []asset.ID {
	seen := map[asset.ID]bool{}
	var ids []asset.ID
	for _, s := range sets {
		for _, f := range s.Failed() {
			seen[f.ID] = true
			ids = append(ids, f.ID)
		}
		for _, id := range s.IDs() {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	slices.SortFunc(ids, asset.ID.Compare)
	return slices.Compact(ids)
}
