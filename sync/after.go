package sync

import (
	"context"
	"slices"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// Refresher is a Target that can make assets read anew what lies behind them: the
// columns of a table. An asset that has nothing to refresh gets no result.
type Refresher interface {
	Refresh(ctx context.Context, ids []asset.ID) []asset.Result
}

// Prober is a Target that can try the queries of assets. An asset without a query
// gets no result, one whose query cannot be tried a note.
type Prober interface {
	Probe(ctx context.Context, ids []asset.ID) []asset.Result
}

// Check is what came of a refresh or of trying a query.
type Check struct {
	ID    asset.ID
	Title string
	What  string // refresh or query
	Err   error
	Note  string // why it could not be tried
}

// Refresh makes what the run wrote read anew what lies behind it. What that changes
// on the server comes to Git with the next pull. It reports whether the platform
// can do it.
func (e *Engine) Refresh(ctx context.Context, run *Run) bool {
	in, err := e.Instance(run.Instance)
	if err != nil {
		return false
	}
	r, ok := in.Target.(Refresher)
	if ok {
		e.say(in, "refreshing")
		run.checked("refresh", r.Refresh(ctx, run.wellWritten())) // doubtPlanned has the next pull read them
	}
	return ok
}

// VerifyQueries tries the queries of what the run wrote and of what refers to it.
// It reports whether the platform can do it.
func (e *Engine) VerifyQueries(ctx context.Context, run *Run) bool {
	in, err := e.Instance(run.Instance)
	if err != nil {
		return false
	}
	p, ok := in.Target.(Prober)
	if ok {
		e.say(in, "trying queries")
		run.checked("query", p.Probe(ctx, withDependents(run.wellWritten(), run.Plan.Known)))
	}
	return ok
}

// wellWritten lists what the run created or updated, by ID.
func (r *Run) wellWritten() []asset.ID {
	var ids []asset.ID
	if r.Outcome != nil {
		for _, d := range r.Outcome.Done {
			if d.Err == nil && d.Action != importer.Delete {
				ids = append(ids, d.ID)
			}
		}
	}
	slices.SortFunc(ids, asset.ID.Compare)
	return ids
}

// withDependents adds what refers to one of the ids directly.
func withDependents(ids []asset.ID, known *asset.Set) []asset.ID {
	out := slices.Clone(ids)
	for a := range known.All() {
		if slices.ContainsFunc(a.Refs, func(ref asset.ID) bool { return slices.Contains(ids, ref) }) {
			out = append(out, a.ID)
		}
	}
	slices.SortFunc(out, asset.ID.Compare)
	return slices.Compact(out)
}

func (r *Run) checked(what string, results []asset.Result) {
	for _, res := range results {
		c := Check{ID: res.ID, What: what, Err: res.Err}
		if a := r.Plan.Known.Get(res.ID); a != nil {
			c.Title = a.Title
		}
		for _, n := range res.Omitted {
			c.Note = n.Text
		}
		r.Checks = append(r.Checks, c)
	}
}

// checksFailed reports whether a refresh or a query failed.
func (r *Run) checksFailed() bool {
	return slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Err != nil })
}
