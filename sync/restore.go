package sync

import (
	"context"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/repo"
)

// RestoreOptions are the choices of one restore.
type RestoreOptions struct {
	At     string                // revision to put back
	To     string                // another instance to write to; "" for the same
	Select func(asset.Info) bool // nil for everything
	Prune  bool                  // delete what is in the inventory and not in the revision
}

// PlanRestore is the plan of a restore: the files of name at a revision replace
// what the server of o.To has. Git's head stays where it is; the next pull
// commits the outcome.
func (e *Engine) PlanRestore(ctx context.Context, name string, o RestoreOptions) (*importer.Plan, *Run, error) {
	from, err := e.Instance(name)
	if err != nil {
		return nil, nil, err
	}
	to := from
	if o.To != "" {
		if to, err = e.Instance(o.To); err != nil {
			return nil, nil, err
		}
	}
	run := e.newRun("restore", to)
	if err := e.fetch(ctx, to, run); err != nil {
		return nil, run, err
	}
	p, err := e.plan(ctx, from, to, o.At, importer.Policy{Force: importer.Always, Select: o.Select, Prune: importer.Prune{Enabled: o.Prune, Restore: true}}, run)
	return p, run, err
}

// Restore carries out a plan made by PlanRestore. Like every write it is refused
// for a pull-only instance (*PullOnlyError).
func (e *Engine) Restore(ctx context.Context, p *importer.Plan, progress func(importer.Done)) (*Run, error) {
	in, err := e.Instance(p.Instance)
	if err != nil {
		return nil, err
	}
	if in.Direction == PullOnly {
		return nil, &PullOnlyError{Instance: in.Name}
	}
	run := e.newRun("restore", in)
	run.Plan, run.Revision = p, repo.Revision(p.Revision)
	return run, e.carryOut(ctx, in, p, progress, run)
}
