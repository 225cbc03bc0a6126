package repo

import (
	"errors"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// CC1: a git gc can move an object twice while it is looked for. What something
// refers to is looked for until that is over, what may be absent only once more.
func TestCC1_AnObjectThatMovesIsFound(t *testing.T) {
	o := newObjects(newGitObjects(t).dir)
	defer o.close()
	for _, tt := range []struct {
		must        presence
		misses      int
		looks       int
		found, gone bool
	}{
		{needed, 3, 4, true, false}, {needed, 100, readTries + 1, false, true},
		{maybe, 1, 2, true, false}, {maybe, 3, 2, false, true},
	} {
		looks := 0
		err := o.again(tt.must, func() error {
			if looks++; looks <= tt.misses {
				return plumbing.ErrObjectNotFound
			}
			return nil
		})
		if looks != tt.looks || (err == nil) != tt.found || errors.Is(err, plumbing.ErrObjectNotFound) != tt.gone {
			t.Errorf("%v, %d misses: %d looks, %v", tt.must, tt.misses, looks, err)
		}
	}
}
