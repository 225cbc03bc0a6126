package sync

import (
	"context"
	"fmt"
	"time"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// PruneHeldError says that a plan would delete more than the config allows.
// Everything else in it is as good as ever.
type PruneHeldError struct{ Instance, Reason string }

func (e *PruneHeldError) Error() string {
	return fmt.Sprintf("instance %s: prune holds: %s", e.Instance, e.Reason)
}

// HeldBy is a run's word for a plan whose deletions are held.
func HeldBy(p *importer.Plan) error {
	if p.Held == "" {
		return nil
	}
	return &PruneHeldError{Instance: p.Instance, Reason: p.Held}
}

// prunePolicy completes what a caller wants of pruning with what the instance, the
// inventory, the brake and the reading of Git say.
func (e *Engine) prunePolicy(in *Instance, p importer.Prune, desired, live *asset.Set, broken []BrokenFile, run *Run) (importer.Prune, error) {
	p.Max, p.MaxPercent, p.Cannot, p.Uses = in.Prune.Max, in.Prune.MaxPercent, in.Prune.Cannot, in.Prune.Uses
	p.Instance, p.Tolerate = in.Name, in.tolerates(e.Now())
	if len(broken) > 0 {
		p.Unsafe = fmt.Sprintf("a file in Git cannot be read, and it may be the missing one (%v)", broken[0].Err)
	}
	hold, err := e.hold(in)
	if err != nil {
		return p, in.named(err)
	}
	if hold != nil {
		p.Unsafe = hold.String()
		if !p.Restore { // which is what people do about it
			run.warn("%s: what the server has now may be wrong", hold)
		}
	}
	v, err := e.loadInventory(in)
	if err != nil {
		return p, err
	}
	p.Owned = v.owns
	for _, a := range alive(v, desired, live) {
		run.warn("%s", aliveAgain(v, a))
	}
	return p, nil
}

// tolerates says which assets may be unreadable without anything being in doubt.
func (in *Instance) tolerates(now time.Time) func(asset.ID) bool {
	return func(id asset.ID) bool {
		if in.Accepted == nil {
			return false
		}
		_, ok := in.Accepted(id, now)
		return ok
	}
}

// takeAsNew makes a pull forget what it knew of assets that a run deleted and that
// are on the server again: whoever made them anew meant them.
func (e *Engine) takeAsNew(in *Instance, b *base, desired, live *asset.Set, run *Run) error {
	v, err := e.loadInventory(in)
	if err != nil {
		return err
	}
	again := alive(v, desired, live)
	if len(again) == 0 {
		return nil
	}
	for _, a := range again {
		run.alive = append(run.alive, aliveAgain(v, a))
	}
	b.set, err = without(b.set, again)
	return err
}

func aliveAgain(v *inventory, a *asset.Asset) string {
	t, _ := v.tombstone(a.ID)
	return fmt.Sprintf("%s %q is on the server again, though it was %s; it counts as new", a.ID, a.Title, t)
}

// settle brings inventory and brake in line with a pull that went through: what is
// gone from both sides is nobody's, what is new again was not deleted, and nothing
// is held.
func (e *Engine) settle(ctx context.Context, in *Instance, rec *reconciled, live *asset.Set, run *Run) error {
	for _, text := range run.alive {
		run.warn("%s", text)
	}
	err := e.changeInventory(ctx, in, "pull "+run.ID, func(v *inventory) {
		for text := range v.Assets {
			if id, err := asset.ParseID(text); err == nil && live.Absent(id) {
				if g, known := rec.Git[id]; known && g == nil {
					delete(v.Assets, text)
				}
			}
		}
		for text := range v.Deleted {
			if id, err := asset.ParseID(text); err == nil && live.Get(id) != nil && rec.Git[id] != nil {
				delete(v.Deleted, text)
			}
		}
	})
	if err != nil {
		run.warn("the inventory is not brought up to date: %v; the next pull does it", err)
	}
	return e.letGo(ctx, in)
}

// alive are assets of the server that a run deleted there and Git does not have.
func alive(v *inventory, desired, live *asset.Set) []*asset.Asset {
	var out []*asset.Asset
	if len(v.Deleted) == 0 {
		return nil
	}
	for a := range live.All() {
		if _, buried := v.tombstone(a.ID); buried && desired.Absent(a.ID) {
			out = append(out, a)
		}
	}
	return out
}

// without is a set less some of its assets.
func without(s *asset.Set, gone []*asset.Asset) (*asset.Set, error) {
	drop := map[asset.ID]bool{}
	for _, a := range gone {
		drop[a.ID] = true
	}
	var kept []*asset.Asset
	for a := range s.All() {
		if !drop[a.ID] {
			kept = append(kept, a)
		}
	}
	return asset.NewSet(kept...)
}
