package sync

import (
	"bytes"
	"context"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/repo"
)

// stillPlanned refuses a plan from a file when the followed branch has moved what it
// writes or refers to since. Commits that touch other assets do not matter: pulls make
// them all the time.
func (e *Engine) stillPlanned(ctx context.Context, in *Instance, p *importer.Plan, run *Run) error {
	if p.Head == "" {
		return nil
	}
	if err := e.fetch(ctx, in, run); err != nil {
		return err
	}
	head, _, err := e.Repo.Head()
	if err != nil || head == repo.Revision(p.Head) {
		return err
	}
	then, _, err := e.desired(in, repo.Revision(p.Head))
	if err != nil {
		return err
	}
	now, broken, err := e.desired(in, head, then)
	if err != nil {
		return err
	}
	markBroken(now, broken, then)
	var moved []asset.ID
	look := func(id asset.ID) {
		if _, bad := now.Unreadable(id); bad || !bytes.Equal(content(then.Get(id)), content(now.Get(id))) {
			moved = append(moved, id)
		}
	}
	for _, c := range p.Changes {
		if c.Applies() {
			look(c.ID)
		}
	}
	for id := range p.Refers {
		look(id)
	}
	if len(moved) > 0 {
		return &importer.StaleError{Git: moved}
	}
	return nil
}
