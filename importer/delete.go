package importer

import (
	"context"
	"fmt"
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Trasher is a Target whose server keeps what it deletes for a while.
type Trasher interface {
	// Trash is Target.Delete and says, in words, where the asset can be got back;
	// "" when it is gone for good.
	Trash(ctx context.Context, id asset.ID) (kept string, err error)
}

// prune carries out the deletions, after everything else was written and read
// back. What refers to an asset may have changed since the plan was made, so all
// of the server is read once more first.
func (r *run) prune(ctx context.Context, levels [][]Change) {
	if len(levels) == 0 {
		return
	}
	first := len(r.out.Done)
	users, err := r.users(ctx, levels)
	for _, level := range levels {
		for _, c := range level { // each read again right before
			if err != nil {
				r.done(Done{Change: c, Err: fmt.Errorf("not deleted: %w", err)})
				continue
			}
			r.deleteOne(ctx, c, users)
		}
	}
	r.verify(ctx, r.out.Done[first:])
}

func (r *run) deleteOne(ctx context.Context, c Change, users map[asset.ID]string) {
	if why := r.inUse(c, users); why != "" {
		r.done(Done{Change: c, Err: fmt.Errorf("not deleted: %s", why)})
		return
	}
	if len(r.runnable(ctx, []Change{c}, true)) == 0 {
		return // and runnable said why
	}
	work, cancel := finishing(ctx)
	defer cancel()
	d := Done{Change: c}
	if t, ok := r.target.(Trasher); ok {
		d.Kept, d.Err = t.Trash(work, c.ID)
	} else {
		d.Err = r.target.Delete(work, c.ID)
	}
	d.Taken = d.Err == nil
	r.done(d)
}

// inUse says what still refers to an asset: something that stays, or something
// whose own deletion failed.
func (r *run) inUse(c Change, users map[asset.ID]string) string {
	if why := users[c.ID]; why != "" {
		return why
	}
	for _, d := range r.out.Done {
		if d.Action == Delete && d.Err != nil && d.ID != c.ID && slices.Contains(d.Before.Refs, c.ID) {
			return fmt.Sprintf("%s %q uses it and could not be deleted", d.ID, d.Title())
		}
	}
	return ""
}

// users says, of each asset that is to go, what refers to it now and stays, or may.
// It is an error when nobody can tell of any.
func (r *run) users(ctx context.Context, levels [][]Change) (map[asset.ID]string, error) {
	live, err := r.o.Read(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("the server could not be read once more: %w", err)
	}
	for _, f := range live.Failed() {
		if r.o.Tolerate == nil || !r.o.Tolerate(f.ID) {
			return nil, fmt.Errorf("the server could not be read completely: %s %q: %w", f.ID, f.Title, f.Err)
		}
	}
	goes, users := map[asset.ID]bool{}, map[asset.ID]string{}
	for _, c := range slices.Concat(levels...) {
		goes[c.ID] = true
		if why := unseenUser(r.o.Uses, c.ID.Kind, live); why != "" {
			users[c.ID] = why
		}
	}
	stays := func(a *asset.Asset) {
		for _, ref := range a.Refs {
			if goes[ref] && users[ref] == "" {
				users[ref] = fmt.Sprintf("%s %q uses it", a.ID, a.Title)
			}
		}
	}
	for a := range live.All() {
		if !goes[a.ID] {
			stays(a)
		}
	}
	for _, f := range live.Failed() { // what Git says of them is all that is known
		if a := r.plan.Known.Get(f.ID); a != nil {
			stays(a)
		}
	}
	return users, nil
}
