package sync

import (
	"context"
	"errors"
	"fmt"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/repo"
)

// PullOnlyError refuses to write to an instance whose direction is pull.
type PullOnlyError struct{ Instance string }

func (e *PullOnlyError) Error() string {
	return fmt.Sprintf("instance %s is pull-only, so nothing is written to its server; to allow it, set `direction: apply` (or two-way) for %s in the config", e.Instance, e.Instance)
}

// Apply carries out a plan made by Plan: exactly that, or not at all. An error
// means that nothing was written; what became of each asset is in run.Outcome.
func (e *Engine) Apply(ctx context.Context, p *importer.Plan, progress func(importer.Done)) (*Run, error) {
	in, err := e.Instance(p.Instance)
	if err != nil {
		return nil, err
	}
	if in.Direction == PullOnly {
		return nil, &PullOnlyError{Instance: in.Name}
	}
	run := e.newRun("apply", in)
	run.Plan, run.Revision = p, repo.Revision(p.Revision)
	if p.Known == nil { // read from a file: what changes refer to comes from the commit it was made at
		if p.Known, _, err = e.desired(in, run.Revision); err != nil {
			return run, err
		}
		if err := e.stillPlanned(ctx, in, p, run); err != nil {
			return run, in.named(err)
		}
	}
	return run, e.carryOut(ctx, in, p, progress, run)
}

// carryOut is the one path by which dashkeep writes to a server. It holds the
// lease from the last reading before the writes until base has moved; a plan that
// waits for an answer keeps nobody out, and is refused when it got stale.
func (e *Engine) carryOut(ctx context.Context, in *Instance, p *importer.Plan, progress func(importer.Done), run *Run) error {
	defer func() { run.Ended = e.Now().UTC() }()
	for _, c := range p.Changes {
		if len(c.Conflicts) > 0 && c.Skip == "" {
			conflict := Conflict{ID: c.ID, Title: c.Title(), Values: c.Conflicts}
			if c.Action == importer.Delete {
				conflict.Text = deletedAndEdited
			}
			run.Conflicts = append(run.Conflicts, conflict)
		}
	}
	run.Held = HeldBy(p)
	if len(p.Levels()) == 0 {
		run.Outcome = &importer.Outcome{}
		return nil
	}
	if err := e.checkSigned(ctx, in, p); err != nil {
		return err
	}
	valid, release, err := e.lease(ctx, in, run)
	if err != nil {
		return err
	}
	defer release()
	out, err := importer.Apply(ctx, leasedTarget{in.Target, valid}, p, importer.ApplyOptions{
		Read:     in.reader(),
		Preimage: func(ctx context.Context, live *asset.Set) error { return e.preimage(ctx, in, p, live, run) },
		Progress: progress, OneByOne: in.OneByOne, Tolerate: in.tolerates(e.Now()), Uses: in.Prune.Uses,
		Created: func(ctx context.Context, created []importer.Change) { e.ownCreated(ctx, in, created, run) },
	})
	if err != nil {
		return in.named(err)
	}
	run.Outcome = out
	run.acceptOutcome(in, e.Now())
	if len(out.Done) == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if err := e.closeBackup(ctx, out, run); err != nil {
		run.warn("what became of the run is not noted beside its pre-image: %v", err)
	}
	if err := e.sweepBackups(ctx, in, run); err != nil {
		run.warn("old pre-images are not removed: %v", err)
	}
	e.buryDeleted(ctx, in, out, run)
	if err := e.putBack(ctx, in, out); err != nil {
		run.warn("the brake does not know yet what was put back: %v", err)
	}
	return errors.Join(e.rebase(ctx, in, out, run), e.push(ctx, in, run))
}

// preimage commits what the run is about to touch, as it is on the server now,
// to refs/dashkeep/backup/<instance>/<run>, and pushes it if it can.
func (e *Engine) preimage(ctx context.Context, in *Instance, p *importer.Plan, live *asset.Set, run *Run) error {
	if err := e.doubtPlanned(ctx, in, p); err != nil {
		return err
	}
	return e.writeBackup(ctx, in, p, live, run)
}

// fillDeleted adds to the pre-image of what is deleted the values that the server
// has and does not show, as both sides last knew them: nothing else will know them.
func (e *Engine) fillDeleted(in *Instance, p *importer.Plan, live *asset.Set, files map[string][]byte) error {
	var b *base
	for _, c := range p.Changes {
		a := live.Get(c.ID)
		if c.Action != importer.Delete || !c.Applies() || a == nil || len(a.Unread) == 0 {
			continue
		}
		if b == nil {
			var err error
			if b, err = e.loadBase(in, live); err != nil {
				return err
			}
		}
		full, err := takeUnread(a, content(b.set.Get(c.ID)))
		if err != nil {
			return err
		}
		files[basePath(c.ID)] = full
	}
	return nil
}

// rebase takes over into base what Git and the server agree on after writing.
func (e *Engine) rebase(ctx context.Context, in *Instance, out *importer.Outcome, run *Run) error {
	if out.Live == nil {
		return nil
	}
	head, _, err := e.Repo.Head()
	if err != nil {
		return err
	}
	desired, broken, err := e.desired(in, head)
	if err != nil {
		return err
	}
	b, err := e.loadBase(in, desired)
	if err != nil {
		return err
	}
	if b.rev == "" {
		return nil // never pulled: the first pull makes the base
	}
	markBroken(desired, broken, out.Live, b.set)
	git := map[asset.ID][]byte{}
	for _, d := range out.Done {
		if _, bad := desired.Unreadable(d.ID); !bad && d.Err == nil {
			git[d.ID] = content(desired.Get(d.ID))
		}
	}
	b.state.Written = writtenApart(b.state.Written, out, desired)
	if err := e.moveBase(ctx, in, b, git, out.Live, run); err != nil {
		return fmt.Errorf("the server is written, but base of %s did not move (the next pull puts it right): %w", in.Name, err)
	}
	return nil
}

func (e *Engine) revision(rev string) (repo.Revision, error) {
	if rev != "" {
		return e.Repo.Resolve(rev)
	}
	head, ok, err := e.Repo.Head()
	if err == nil && !ok {
		err = fmt.Errorf("the repository has no commit yet: run dashkeep pull first")
	}
	return head, err
}
