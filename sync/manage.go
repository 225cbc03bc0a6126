package sync

import (
	"context"
	"fmt"
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// NothingSelectedError says that a selection matches no asset.
type NothingSelectedError struct{ Instance, Where string }

func (e *NothingSelectedError) Error() string {
	return fmt.Sprintf("nothing %s of instance %s matches; nothing was changed (dashkeep status %s --all lists what there is)", e.Where, e.Instance, e.Instance)
}

// Manage takes assets that the server has into the inventory, so that prune may
// delete them there once Git no longer has them. sel nil is all of the instance.
// Neither the server nor the branch is written.
func (e *Engine) Manage(ctx context.Context, name string, sel func(asset.Info) bool) (*Run, error) {
	in, run, err := e.inventoryRun(ctx, "manage", name)
	if err != nil {
		return run, err
	}
	e.say(in, "reading %s", in.Name)
	live, err := e.live(ctx, in)
	if err != nil {
		return run, err
	}
	if live, err = e.recognizeHead(ctx, in, live); err != nil {
		return run, err
	}
	var found []asset.Info
	for a := range live.All() {
		if sel == nil || sel(a.Info) {
			found = append(found, a.Info)
		}
	}
	for _, f := range live.Failed() {
		if sel == nil || sel(f.Info) {
			run.fail(in, e.Now(), Failure{ID: f.ID, Title: f.Title, Err: f.Err})
		}
	}
	if len(found)+len(run.Failures)+len(run.Accepted) == 0 {
		return run, &NothingSelectedError{Instance: in.Name, Where: "on the server"}
	}
	err = e.changeInventory(ctx, in, "manage "+run.ID, func(v *inventory) {
		run.Inventory = nil
		for _, info := range found {
			if !v.owns(info.ID) {
				v.own(info.ID, Owned{Title: info.Title, How: howManaged, Run: run.ID, At: e.now()})
				run.Inventory = append(run.Inventory, info)
			}
		}
		run.Managed = len(v.Assets)
	})
	return e.endInventoryRun(ctx, in, run, err)
}

// Release takes assets out of the inventory: prune no longer deletes them. sel nil
// is everything in it. The server is read only where the selection may need more
// than kind, uid and title.
func (e *Engine) Release(ctx context.Context, name string, sel func(asset.Info) bool) (*Run, error) {
	in, run, err := e.inventoryRun(ctx, "release", name)
	if err != nil {
		return run, err
	}
	var live *asset.Set
	if sel != nil {
		if live, err = e.live(ctx, in); err != nil {
			return run, fmt.Errorf("%w; without --select the whole inventory is released, and the server is not asked", err)
		}
	}
	err = e.changeInventory(ctx, in, "release "+run.ID, func(v *inventory) {
		run.Inventory = nil
		for text, o := range v.Assets {
			id, err := asset.ParseID(text)
			if err != nil {
				continue
			}
			info := asset.Info{ID: id, Title: o.Title}
			if a := live.Get(id); a != nil {
				info = a.Info
			}
			if sel == nil || sel(info) {
				delete(v.Assets, text)
				run.Inventory = append(run.Inventory, info)
			}
		}
		slices.SortFunc(run.Inventory, func(a, b asset.Info) int { return a.ID.Compare(b.ID) })
		run.Managed = len(v.Assets)
	})
	if err == nil && len(run.Inventory) == 0 && sel != nil {
		return run, &NothingSelectedError{Instance: in.Name, Where: "in the inventory"}
	}
	return e.endInventoryRun(ctx, in, run, err)
}

func (e *Engine) inventoryRun(ctx context.Context, op, name string) (*Instance, *Run, error) {
	in, err := e.Instance(name)
	if err != nil {
		return nil, nil, err
	}
	run := e.newRun(op, in)
	return in, run, e.fetch(ctx, in, run)
}

func (e *Engine) endInventoryRun(ctx context.Context, in *Instance, run *Run, err error) (*Run, error) {
	defer func() { run.Ended = e.Now().UTC() }()
	if err != nil {
		return run, in.named(fmt.Errorf("changing the inventory: %w; it is as it was", err))
	}
	return run, e.push(ctx, in, run)
}
