package sync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/repo"
)

// settleAbsence decides what has become of assets that the last pull knew and
// this listing lacks, where a listing shows each account only what that account
// may see. An exporter.Witness finds out itself (hearWitness). With any other
// exporter.Viewer:
//
//	asked for by id it is there      read like every other
//	asked for by id it is forbidden  unreadable: kept and reported
//	not there, for the first time    kept; its name and the account go to base
//	not there, to the same account   gone
//	a second time, or accepted
func (e *Engine) settleAbsence(ctx context.Context, in *Instance, b *base, live *asset.Set, o PullOptions, run *Run) error {
	viewer, ok := in.Source.(exporter.Viewer)
	if !ok {
		return nil
	}
	if w, ok := viewer.(exporter.Witness); ok {
		return e.hearWitness(ctx, in, w, b, live, run)
	}
	var lost []asset.ID
	for _, id := range b.set.IDs() {
		if live.Absent(id) {
			lost = append(lost, id)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	if o.Accept || len(lost) <= max(in.Brake.Removed, askAtLeast) { // else the brake holds, whatever the answers
		var err error
		if lost, err = e.askFor(ctx, in, lost, live, b.set); err != nil || o.Accept {
			return err
		}
	}
	account, err := viewer.Viewer(ctx)
	if err != nil {
		return in.named(err)
	}
	for _, id := range lost {
		if was, before := b.state.Missing[id.String()]; before && was == account {
			continue
		}
		live.Hide(id, "it may be hidden or gone")
		run.missing[id.String()] = account
	}
	return nil
}

// sayMissing tells of what is kept although this account does not find it.
func (r *Run) sayMissing(b *base) {
	if len(r.missing) == 0 {
		return
	}
	first := slices.Min(slices.Collect(maps.Keys(r.missing)))
	if id, err := asset.ParseID(first); err == nil && b.set.Get(id) != nil {
		first = fmt.Sprintf("%q", b.set.Get(id).Title)
	}
	r.warn("%d of the assets this instance had are not shown to this account any more, such as %s; they stay in Git, and count as deleted when the next pull of the same account misses them too", len(r.missing), first)
}

// askAtLeast is how many missing assets are asked for one by one even when the
// brake would allow fewer to go.
const askAtLeast = 50

// askForKnown is for plans what settleAbsence is for pulls: an asset that is in no
// list of this account's but there, or refused, must not be created again.
func (e *Engine) askForKnown(ctx context.Context, in *Instance, live, desired *asset.Set, b *base) error {
	viewer, ok := in.Source.(exporter.Viewer)
	if !ok {
		return nil
	}
	lost := slices.DeleteFunc(allIDs(desired, b.set), func(id asset.ID) bool { return !live.Absent(id) })
	if len(lost) == 0 {
		return nil
	}
	if w, ok := viewer.(exporter.Witness); ok {
		account, err := w.Viewer(ctx)
		if err != nil {
			return in.named(err)
		}
		return in.named(hide(ctx, w, lost, live, b, account, desired))
	}
	_, err := e.askFor(ctx, in, lost, live, desired, b.set)
	return err
}

// askFor reads assets by id. What is there, or cannot be read, goes into live;
// what is not there comes back. known is where their titles are.
func (e *Engine) askFor(ctx context.Context, in *Instance, ids []asset.ID, live *asset.Set, known ...*asset.Set) ([]asset.ID, error) {
	found, err := in.reader()(ctx, ids)
	if err != nil {
		return nil, in.named(err)
	}
	for a := range found.All() {
		if in.Select.Match == nil || in.Select.Match(a.Info) {
			live.Add(a)
		} else {
			live.Unselect(a.ID, asset.Outside{Refs: a.Refs})
		}
	}
	for _, f := range found.Failed() {
		for _, s := range known { // it may be in no list that could name it
			if a := s.Get(f.ID); f.Title == "" && a != nil {
				f.Title = a.Title
			}
		}
		live.Fail(f)
	}
	return slices.DeleteFunc(ids, func(id asset.ID) bool { return !live.Absent(id) }), nil
}

// recognize gives assets back their uids when the map of ids was lost or never
// was: what the server has under uids that nobody knows may be what Git has
// under uids that the server does not show. The same goes for parts of an asset
// that waits in Git. It returns live, read again when something was recognized.
// known are Git and base.
func (e *Engine) recognize(ctx context.Context, in *Instance, live *asset.Set, known ...*asset.Set) (*asset.Set, error) {
	r, ok := in.Source.(platform.Recognizer)
	if !ok {
		return live, nil
	}
	has := func(id asset.ID) bool {
		return slices.ContainsFunc(known, func(s *asset.Set) bool { return !s.Absent(id) })
	}
	fresh := slices.ContainsFunc(live.IDs(), func(id asset.ID) bool { return !has(id) })
	parts := waits(live, known)
	if !fresh && !parts {
		return live, nil
	}
	var all []*asset.Asset
	lost := 0
	for _, id := range allIDs(known...) {
		for _, s := range known {
			if a := s.Get(id); a != nil {
				all = append(all, a)
				if live.Absent(id) {
					lost++
				}
				break
			}
		}
	}
	if lost == 0 && !parts {
		return live, nil
	}
	if fresh && lost > 0 {
		e.say(in, "looking for %d assets under other ids", lost)
	}
	n, err := r.Recognize(ctx, all) // all, for what the others are cannot be these
	switch {
	case errors.Is(err, repo.ErrReadOnly): // status: nothing can be bound
		return live, nil
	case err != nil:
		return nil, in.named(err)
	case n == 0:
		return live, nil
	}
	return e.live(ctx, in)
}

// waits reports whether Git has something for an asset of the server.
func waits(live *asset.Set, known []*asset.Set) bool {
	git, base := known[0], known[len(known)-1]
	return slices.ContainsFunc(git.IDs(), func(id asset.ID) bool {
		d, l := content(git.Get(id)), content(live.Get(id))
		return l != nil && !bytes.Equal(d, l) && !bytes.Equal(d, content(base.Get(id)))
	})
}
