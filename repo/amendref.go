package repo

import "context"

// AmendRef is WriteRef for a cache: the ref holds what it held with changes made
// to it (nil deletes a file), in a commit without a parent. So a small change
// costs little, and what the ref held before is kept by nothing: git gc can let
// go of it.
func (s *Store) AmendRef(ctx context.Context, name string, expectedOld Revision, changes map[string][]byte, message string) (Revision, error) {
	return s.buildRef(ctx, name, expectedOld, message, func(b *builder, c *Commit) error {
		born := !b.head.IsZero()
		changed, err := b.apply(ctx, changes)
		if err != nil || !changed && born {
			return err
		}
		b.head, b.merged = oid{}, true // its pack alone does not hold the whole commit
		return b.seal(c, nil)
	})
}
