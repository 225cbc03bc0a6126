package repo

import (
	"context"

	"github.com/go-git/go-git/v5/plumbing"
)

// NotReplaced is the age of a content that no commit took away.
const NotReplaced = -1

// Replaced says of each content how long ago a commit replaced or deleted a file
// below prefix that held it: 0 for the youngest commit that changed anything
// there, 1 for the one before, NotReplaced when none of the last max did. Files
// are told by content alone, wherever they lay. What rev itself holds is not
// looked at.
func (s *Store) Replaced(ctx context.Context, rev Revision, prefix string, contents [][]byte, max int) ([]int, error) {
	ages := make([]int, len(contents))
	wanted := map[oid][]int{}
	for i, data := range contents {
		ages[i] = NotReplaced
		id := hashObject(plumbing.BlobObject, data)
		wanted[id] = append(wanted[id], i)
	}
	log, err := s.LogContext(ctx, rev, prefix, max)
	if err != nil {
		return nil, err
	}
	prefix = cleanPrefix(prefix)
	for age, e := range log {
		for _, p := range e.Parents {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			err := s.changesBelow(p.oid(), e.Revision.oid(), prefix, func(c change) error {
				for _, i := range wanted[c.old.id] {
					if ages[i] == NotReplaced {
						ages[i] = age
					}
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return ages, nil
}

// changesBelow is diffTrees of two commits for what lies below a path. A parent
// that a shallow clone lacks changed nothing.
func (s *Store) changesBelow(from, to oid, prefix string, fn func(change) error) error {
	if known, err := s.obj.has(from); err != nil || !known {
		return err
	}
	var at [2]entry
	for i, id := range []oid{from, to} {
		root, err := s.treeOf(id)
		if err != nil {
			return err
		}
		if at[i], err = s.obj.entryAt(root, prefix); err != nil {
			return err
		}
	}
	for i := range at {
		if !at[i].isDir() {
			at[i] = entry{} // a file where the folder was
		}
	}
	return s.obj.diffTrees(at[0].id, at[1].id, fn)
}
