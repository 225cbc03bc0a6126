package sync

import (
	"context"
	"errors"
	"fmt"

	"github.com/dashkeep/dashkeep/repo"
)

// pushTries is how often a push is tried against a remote that keeps moving.
const pushTries = 3

// push brings local commits and this instance's refs to the remote. When the
// remote moved, its commits are merged in, never overwritten. A remote that
// cannot be reached costs a warning: the commits are safe here and go out with
// the next run.
func (e *Engine) push(ctx context.Context, in *Instance, run *Run) error {
	if !e.Remote {
		return nil
	}
	var err error
	for range pushTries {
		err = e.pushState(ctx, in, run)
		if !errors.Is(err, repo.ErrNonFastForward) {
			break
		}
		e.say(in, "the remote moved, merging")
		if err := e.fetch(ctx, in, run); err != nil {
			return fmt.Errorf("instance %s: %w", in.Name, err)
		}
		head, _, headErr := e.Repo.Head()
		if headErr != nil {
			return headErr
		}
		run.Revision = head
	}
	var unreachable *repo.UnreachableError
	var rejected *repo.RejectedError
	switch {
	case errors.As(err, &unreachable):
		run.Unpushed = true
		run.warn("not pushed, the Git remote cannot be reached: %v; the commits are kept here and go out with the next run", err)
		return nil
	case errors.As(err, &rejected): // which says that they are kept
		return fmt.Errorf("instance %s: pushing: %w, and go out with the first run that the server takes them from", in.Name, err)
	case err != nil:
		return fmt.Errorf("instance %s: pushing: %w; the commits are kept in the local clone", in.Name, err)
	}
	run.Pushed = true
	e.pushParked(ctx, run)
	return nil
}
