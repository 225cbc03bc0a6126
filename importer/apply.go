package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Target is a server that can be written.
type Target interface {
	// Import makes each asset on the server become exactly its content and touches
	// nothing else; deps holds what they refer to. One Result per asset.
	Import(ctx context.Context, as []*asset.Asset, deps *asset.Set) []asset.Result
	// Delete removes one asset; an absent one is no error.
	Delete(ctx context.Context, id asset.ID) error
}

// ApplyOptions are what Apply needs besides the plan.
type ApplyOptions struct {
	// Read exports these assets anew, or everything the server has when ids is nil;
	// absent ones are absent from the set. It is called before the first write,
	// before each later level, before the first deletion (all of it), and to verify.
	Read func(ctx context.Context, ids []asset.ID) (*asset.Set, error)
	// Preimage is given the live state of everything the plan touches, before the
	// first write. An error stops the run with nothing written.
	Preimage func(ctx context.Context, live *asset.Set) error
	// OneByOne writes one asset at a time and reads each again right before: for
	// servers that take a while for each, where an edit could slip in between.
	OneByOne bool
	// Created is told, right after each write, what the server now has that it had
	// not; may be nil.
	Created func(ctx context.Context, created []Change)
	// Tolerate and Uses are as in Prune.
	Tolerate func(asset.ID) bool
	Uses     func(by, of asset.Kind) bool
	// Progress is told about each asset as it is finished; may be nil.
	Progress func(Done)
}

// Done is what became of one change.
type Done struct {
	Change
	Err      error
	Taken    bool         // the server said yes, whatever the read-back says
	Verified bool         // read back and equal, but for Omitted and Unread; gone, if deleted
	Kept     string       // where the server keeps what was deleted, "" when it does not say
	Omitted  []asset.Note // what this server cannot hold
	Unread   []string     // pointers that could not be verified
	URL      string
}

// Outcome is what became of a plan.
type Outcome struct {
	Done []Done     // in the order of writing
	Live *asset.Set // the read-back of everything that was written
}

// Failed lists what did not become what was planned.
func (o *Outcome) Failed() []Done {
	return slices.DeleteFunc(slices.Clone(o.Done), func(d Done) bool { return d.Err == nil })
}

// StaleError says that planned assets, or what they refer to, changed since the plan
// was made. Nothing was written.
type StaleError struct {
	IDs      []asset.ID // planned, and changed on the server
	Referred []asset.ID // what planned ones refer to, changed on the server
	Git      []asset.ID // of either sort, changed in Git
}

func (e *StaleError) Error() string {
	var parts []string
	for _, part := range []struct {
		ids  []asset.ID
		what string
	}{{e.IDs, "changed on the server"}, {e.Referred, "which it refers to, changed on the server"}, {e.Git, "changed in Git"}} {
		if len(part.ids) > 0 {
			parts = append(parts, namesOf(part.ids)+" "+part.what)
		}
	}
	return fmt.Sprintf("the plan is stale: %s since it was made; nothing was written, plan again", strings.Join(parts, "; "))
}

func namesOf(ids []asset.ID) string {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, asset.ID.Compare)
	var names []string
	for i, id := range ids {
		if i == 5 {
			names = append(names, fmt.Sprintf("and %d more", len(ids)-i))
			break
		}
		names = append(names, id.String())
	}
	return strings.Join(names, ", ")
}

// ErrEditedMeanwhile is why an asset was not written: the server's version is
// neither what the plan was made from nor what it wanted.
var ErrEditedMeanwhile = errors.New("edited on the server while this ran; left as it is, pull and plan again")

// Apply carries out the plan: check that live did not move, keep the pre-image,
// write level by level, read everything back and compare; then, when there is
// something to delete, read all of the server and delete what nothing refers to.
// A non-nil error means that nothing was written; per-asset failures are in the
// Outcome.
func Apply(ctx context.Context, t Target, p *Plan, o ApplyOptions) (*Outcome, error) {
	levels, deletes := p.levels()
	r := &run{target: t, plan: p, o: o, failed: map[asset.ID]bool{}, out: &Outcome{}}
	all := slices.Concat(append(slices.Clone(levels), deletes...)...)
	touched := idsOf(all)
	if len(touched) == 0 {
		return r.out, nil
	}
	live, err := o.Read(ctx, touched)
	if err != nil {
		return nil, fmt.Errorf("reading the server before writing: %w", err)
	}
	stale := StaleError{IDs: moved(all, live)}
	if stale.Referred, err = r.referredMoved(ctx); err != nil {
		return nil, err
	}
	if len(stale.IDs)+len(stale.Referred) > 0 {
		return nil, &stale
	}
	if err := o.Preimage(ctx, live); err != nil {
		return nil, fmt.Errorf("keeping the pre-image: %w; nothing was written", err)
	}
	for i, level := range levels {
		r.level(ctx, level, i > 0)
	}
	r.verify(ctx, r.out.Done)
	r.prune(ctx, deletes)
	return r.out, nil
}

// run is the state of one Apply.
type run struct {
	target Target
	plan   *Plan
	o      ApplyOptions
	failed map[asset.ID]bool
	out    *Outcome
}

// level writes changes that do not depend on each other. reread says that the
// server was last read before something else was written.
func (r *run) level(ctx context.Context, level []Change, reread bool) {
	if !r.o.OneByOne {
		r.write(ctx, level, reread)
		return
	}
	for i := range level { // the first too: keeping the pre-image may have taken a while
		r.write(ctx, level[i:i+1], true)
	}
}

func (r *run) write(ctx context.Context, level []Change, reread bool) {
	level = r.runnable(ctx, level, reread)
	var as []*asset.Asset
	byID := map[asset.ID]Change{}
	for _, c := range level {
		byID[c.ID] = c
		as = append(as, c.After)
	}
	if len(as) == 0 {
		return
	}
	work, cancel := finishing(ctx)
	defer cancel()
	var created []Change
	for _, res := range r.target.Import(work, as, r.plan.Known) {
		c, ok := byID[res.ID]
		if !ok {
			continue
		}
		delete(byID, res.ID)
		if failed := r.dependsOnFailed(c); res.Err != nil && failed != "" {
			res.Err = fmt.Errorf("%w (%s was not written either)", res.Err, failed)
		}
		r.done(Done{Change: c, Err: res.Err, Taken: res.Err == nil, Omitted: append(res.Omitted, c.unsaid()...), URL: res.URL})
		if res.Err == nil && c.Action == Create {
			created = append(created, c)
		}
	}
	for _, a := range as {
		if c, left := byID[a.ID]; left {
			r.done(Done{Change: c, Err: errors.New("the connector gave no result for it")})
		}
	}
	if r.o.Created != nil && len(created) > 0 {
		r.o.Created(context.WithoutCancel(ctx), created)
	}
}

// runnable takes out of a level what must not be written now and says why.
func (r *run) runnable(ctx context.Context, level []Change, reread bool) []Change {
	if ctx.Err() != nil {
		for _, c := range level {
			r.done(Done{Change: c, Err: fmt.Errorf("not written: %w", context.Cause(ctx))})
		}
		return nil
	}
	var stale []asset.ID
	if reread {
		live, err := r.o.Read(ctx, idsOf(level))
		if err != nil {
			for _, c := range level {
				r.done(Done{Change: c, Err: fmt.Errorf("not written, the server could not be read again: %w", err)})
			}
			return nil
		}
		stale = moved(level, live)
	}
	var out []Change
	for _, c := range level {
		switch {
		case slices.Contains(stale, c.ID):
			r.done(Done{Change: c, Err: ErrEditedMeanwhile})
		case r.dependsOnFailed(c) != "" && c.Action != Create:
			r.done(Done{Change: c, Err: fmt.Errorf("not written, because %s failed", r.dependsOnFailed(c))})
		default:
			out = append(out, c)
		}
	}
	return out
}

// dependsOnFailed names a reference that was to be created and was not. An update
// is held back then: what the server has is better than a part of what Git has. A
// creation is tried: the connector knows what the asset cannot do without, and
// after a loss a dashboard that lacks one chart is better than none.
func (r *run) dependsOnFailed(c Change) string {
	if c.Action == Delete { // see prune
		return ""
	}
	for _, ref := range c.After.Refs {
		if r.failed[ref] {
			return ref.String()
		}
	}
	return ""
}

func (r *run) done(d Done) {
	if d.Err != nil && d.Action == Create {
		r.failed[d.ID] = true
	}
	r.out.Done = append(r.out.Done, d)
}

// moved lists the changes whose live state is not what the plan was made from.
func moved(level []Change, live *asset.Set) []asset.ID {
	var ids []asset.ID
	for _, c := range level {
		if _, bad := live.Unreadable(c.ID); bad || !bytes.Equal(content(c.Before), content(live.Get(c.ID))) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func idsOf(cs []Change) []asset.ID {
	ids := make([]asset.ID, len(cs))
	for i, c := range cs {
		ids[i] = c.ID
	}
	return ids
}
