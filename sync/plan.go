package sync

import (
	"context"
	"fmt"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// Plan compares a revision with the server: what Apply would do. rev "" is the
// head of the followed branch.
func (e *Engine) Plan(ctx context.Context, name, rev string, p importer.Policy) (*importer.Plan, *Run, error) {
	in, err := e.Instance(name)
	if err != nil {
		return nil, nil, err
	}
	run := e.newRun("plan", in)
	if err := e.fetch(ctx, in, run); err != nil {
		return nil, run, err
	}
	plan, err := e.plan(ctx, in, in, rev, p, run)
	return plan, run, err
}

// plan reads the server of to and makes the plan that brings from's files at rev
// there.
func (e *Engine) plan(ctx context.Context, from, to *Instance, rev string, p importer.Policy, run *Run) (*importer.Plan, error) {
	e.say(to, "reading %s", to.Name)
	live, err := e.live(ctx, to)
	if err != nil {
		return nil, err
	}
	return e.planFor(ctx, from, to, live, rev, p, run)
}

// planFor makes the plan from a reading of the server. Base counts only when both
// are the same instance.
func (e *Engine) planFor(ctx context.Context, from, to *Instance, live *asset.Set, rev string, p importer.Policy, run *Run) (*importer.Plan, error) {
	revision, err := e.revision(rev)
	if err != nil {
		return nil, err
	}
	desired, broken, err := e.desired(from, revision, live)
	if err != nil {
		return nil, err
	}
	if desired.Len() == 0 && len(broken) == 0 {
		return nil, fmt.Errorf("there is nothing under %s/ at %s: pull first, or name a revision that has it with --at or --rev", from.Root, revision.Short())
	}
	b := &base{}
	if from == to {
		if b, err = e.loadBase(to, desired, live); err != nil {
			return nil, err
		}
	}
	if live, err = e.recognize(ctx, to, live, desired, b.set); err != nil {
		return nil, err
	}
	if err := e.askForKnown(ctx, to, live, desired, b); err != nil {
		return nil, err
	}
	markBroken(desired, broken, live, b.set)
	for _, f := range broken {
		run.fail(from, e.Now(), Failure{ID: f.ID, Path: f.Path, Err: f.Err})
	}
	for _, f := range live.Failed() {
		run.fail(to, e.Now(), Failure{ID: f.ID, Title: f.Title, Err: f.Err})
	}
	run.sayNotRead(to, live)
	var back *returns
	if from == to {
		back = e.returns(to, live, b)
	}
	p = e.policy(to, p, back)
	if p.Prune, err = e.prunePolicy(to, p.Prune, desired, live, broken, run); err != nil {
		return nil, err
	}
	if from != to {
		own, err := e.loadBase(to, live)
		if err != nil {
			return nil, err
		}
		p.Prune.Base = own.set
	}
	plan, err := importer.MakePlan(desired, live, b.set, p)
	if err != nil {
		return nil, err
	}
	plan.Instance, plan.From, plan.Revision = to.Name, from.Name, string(revision)
	if head, _, err := e.Repo.Head(); err == nil && from == to {
		plan.Head = string(head)
	}
	run.Plan, run.Revision, run.Notes, run.Held = plan, revision, live.Notes, HeldBy(plan)
	return plan, nil
}

// reader is how an apply reads assets of the instance anew; nil ids are all there
// is, selected or not.
func (in *Instance) reader() func(context.Context, []asset.ID) (*asset.Set, error) {
	return func(ctx context.Context, ids []asset.ID) (*asset.Set, error) {
		return exporter.Export(ctx, in.Source, exporter.Options{Rules: in.Rules, IDs: ids})
	}
}
