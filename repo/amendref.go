package repo

import (
	"context"
	"fmt"
)

// AmendRef is WriteRef for a cache: the ref holds what it held with changes made
// to it (nil deletes a file), in a commit without a parent. So a small change
// costs little, and what the ref held before is kept by nothing: git gc can let
// go of it.
func (s *Store) AmendRef(ctx context.Context, name string, expectedOld Revision, changes map[string][]byte, message string) (Revision, error) {
	unlock, err := s.writer(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := s.checkOwnRef(name); err != nil {
		return "", err
	}
	old, err := s.readRef(name)
	if err != nil {
		return "", err
	}
	if revision(old) != expectedOld {
		return "", &MovedError{Ref: name, Expected: expectedOld, Have: revision(old)}
	}
	b, err := s.builder(name, old)
	if err != nil {
		return "", err
	}
	changed, err := b.apply(ctx, changes)
	if err == nil && (changed || old.IsZero()) {
		b.head, b.merged = oid{}, true // its pack alone does not hold the whole commit
		err = b.seal(&Commit{Message: message}, nil)
	}
	if err != nil {
		b.discard()
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if b.head == old {
		b.discard()
		return revision(old), nil
	}
	return s.land(ctx, name, old, b, clean(message, false))
}
