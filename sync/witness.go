package sync

import (
	"context"
	"errors"
	"fmt"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// hearWitness decides what has become of assets that base has and a listing
// lacks, where the source can find out. What may be hidden stays in Git for good,
// also under --accept, which is said of what is gone: it leaves Git when its file
// is deleted there by a person. Where this same account saw it before, that is a
// failure of each pull until it is accepted (accept: in the config), because the
// asset is no longer kept; else it is listed.
//
// Hidden assets are not counted by the brake: nothing happens to them.
func (e *Engine) hearWitness(ctx context.Context, in *Instance, w exporter.Witness, b *base, live *asset.Set, run *Run) error {
	account, err := w.Viewer(ctx)
	if err != nil {
		return in.named(err)
	}
	run.account, run.hidden = account, map[string]string{}
	var lost []asset.ID
	for _, id := range b.set.IDs() {
		if live.Absent(id) {
			lost = append(lost, id)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	if err := hide(ctx, w, lost, live, b, account, nil); err != nil {
		return in.named(err)
	}
	for _, id := range lost {
		if _, hidden := live.Hidden(id); !hidden {
			continue
		}
		run.hidden[id.String()] = ""
		if b.sawLast(id, account) || account != "" && b.state.Hidden[id.String()] == account {
			run.hidden[id.String()] = account
		}
	}
	return nil
}

// hide asks about assets that live lacks and hides those that may be there.
// desired is asked for what base does not have; nil for none.
func hide(ctx context.Context, w exporter.Witness, ids []asset.ID, live *asset.Set, b *base, account string, desired *asset.Set) error {
	var lost []asset.Lost
	for _, id := range ids {
		a, fresh := b.set.Get(id), false
		if a == nil {
			a, fresh = desired.Get(id), true
		}
		if a != nil {
			lost = append(lost, asset.Lost{Asset: a, Own: b.sawLast(id, account), Fresh: fresh})
		}
	}
	hidden, err := w.Hidden(ctx, lost)
	if err != nil {
		return err
	}
	for id, why := range hidden {
		live.Hide(id, why)
	}
	return nil
}

// sawLast reports whether the last pull read as this account and was shown the
// asset.
func (b *base) sawLast(id asset.ID, account string) bool {
	_, hidden := b.state.Hidden[id.String()]
	return account != "" && b.state.Account == account && b.set.Get(id) != nil && !hidden
}

// sayHidden tells of what Git has and a witness cannot tell from hidden.
func (e *Engine) sayHidden(in *Instance, desired, live *asset.Set, run *Run) {
	run.Hidden = nil
	for _, id := range desired.IDs() {
		why, hidden := live.Hidden(id)
		account, heard := run.hidden[id.String()]
		if !hidden || !heard {
			continue
		}
		a := desired.Get(id)
		f := Failure{ID: id, Title: a.Title, Path: a.Path, Err: errors.New(why)}
		if account == "" {
			run.Hidden = append(run.Hidden, f)
			continue
		}
		f.Err = fmt.Errorf("not shown to this account any more, and no longer kept: %s; Git has it as it was. Give %s the right to see it, or delete the file in Git, or list it under accept:", why, account)
		run.fail(in, e.Now(), f)
	}
}
