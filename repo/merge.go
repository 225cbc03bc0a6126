package repo

import (
	"context"
	"fmt"
	"sort"
	"strings"
)

// FetchAndMerge is Fetch, and joins what has diverged by a merge commit when the
// two sides changed different files. A file that both changed, to different
// content, makes it a *DivergedError that lists the paths; nothing is merged
// then. Commits of both sides stay as they are and stay reachable. The result is
// the head to build or push on.
func (s *Store) FetchAndMerge(ctx context.Context) (Revision, error) {
	unlock, err := s.writer(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	return s.fetch(ctx, s.merge)
}

// merge joins theirs into ref.
func (s *Store) merge(ctx context.Context, ref string, local, theirs oid) error {
	base, err := s.obj.mergeBase(ctx, local, theirs)
	if err != nil {
		return err
	}
	trees := [3]oid{}
	for i, id := range []oid{base, local, theirs} {
		if trees[i], err = s.treeOf(id); err != nil {
			return err
		}
	}
	take, both, err := s.mergeChanges(trees[0], trees[1], trees[2])
	if err != nil {
		return err
	}
	if len(both) > 0 || base.IsZero() {
		return &DivergedError{Ref: ref, Local: revision(local), Remote: revision(theirs), Paths: both}
	}
	b, err := s.builder(ref, local)
	if err != nil {
		return err
	}
	if err := b.merge(ref, theirs, take); err != nil {
		b.discard()
		return fmt.Errorf("merging %s: %w", ref, err)
	}
	_, err = s.land(ctx, ref, local, b, "merge: "+revision(theirs).Short())
	return err
}

// merge commits the other side's changes on top of ours. No content is read or
// written: the entries point to what was fetched.
func (b *builder) merge(ref string, theirs oid, take []change) error {
	for _, gone := range []bool{true, false} {
		for _, c := range take {
			if c.new.none() != gone {
				continue
			}
			if err := b.tree.set(c.path, c.new); err != nil {
				return err
			}
		}
	}
	msg := fmt.Sprintf("Merge %s of the remote\n\nBoth sides had new commits; they change different files.",
		strings.TrimPrefix(strings.TrimPrefix(ref, headsPrefix), "refs/"))
	return b.seal(&Commit{Message: msg}, []oid{theirs})
}

// mergeChanges lists what the other side changed and we did not, and the paths
// that cannot be decided: changed by both, or a file on one side where the other
// has a folder.
func (s *Store) mergeChanges(base, ours, theirs oid) (take []change, both []string, err error) {
	mine := map[string]entry{}
	err = s.obj.diffTrees(base, ours, func(c change) error {
		mine[c.path] = c.new
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	err = s.obj.diffTrees(base, theirs, func(c change) error {
		e, changed := mine[c.path]
		switch {
		case !changed:
			take = append(take, c)
		case e != c.new:
			both = append(both, c.path)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	both = append(both, clashes(mine, take)...)
	sort.Strings(both)
	return take, both, nil
}

// clashes finds files of one side that lie below a file of the other.
func clashes(mine map[string]entry, take []change) []string {
	ours, theirs := map[string]bool{}, map[string]bool{}
	for p, e := range mine {
		if !e.none() {
			ours[p] = true
		}
	}
	for _, c := range take {
		if !c.new.none() {
			theirs[c.path] = true
		}
	}
	var found []string
	below := func(files, other map[string]bool) {
		for p := range files {
			for i := range len(p) {
				if p[i] == '/' && other[p[:i]] {
					found = append(found, p)
					break
				}
			}
		}
	}
	below(ours, theirs)
	below(theirs, ours)
	return found
}
