package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/repo"
)

// Whoever writes to a server holds the lease of the instance (SPEC section 7).
// What a machine that died held blocks the others for at most leaseTTL; clocks
// may differ by a little less than leaseTTL minus leaseRenew.
const (
	leaseTTL   = 10 * time.Minute
	leaseRenew = 2 * time.Minute
)

// LeaseError says that another machine is writing to the instance: nothing was
// written from here. It is a repo.ErrLeased.
type LeaseError struct {
	Instance string
	Err      error
}

func (e *LeaseError) Error() string {
	return fmt.Sprintf("instance %s: another machine is writing to it: %v; nothing was written from here; run this again when that has ended "+
		"(should that machine be dead, its lease ends by itself at the time given)", e.Instance, e.Err)
}

func (e *LeaseError) Unwrap() error { return e.Err }

// errLeaseLost is why an asset was not written.
var errLeaseLost = errors.New("not written: the lease of this instance ran out, and another machine may be writing by now (was this one asleep, or the Git remote away?); " +
	"pull and plan again")

// lease keeps other machines from writing to the instance until release is
// called. One that holds it is a *LeaseError. A remote that takes no leases, or
// is away, costs a warning: a restore must not hang on it, and what is written is
// compared with the plan before and after either way.
func (e *Engine) lease(ctx context.Context, in *Instance, run *Run) (valid func() bool, release func(), err error) {
	held, err := e.Repo.Lease(ctx, in.Name, leaseTTL)
	switch {
	case errors.Is(err, repo.ErrLeased):
		return nil, nil, &LeaseError{Instance: in.Name, Err: err}
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case err != nil:
		run.warn("no other machine is kept from writing to %s at the same time: no lease could be taken: %v", in.Name, err)
		return func() bool { return true }, func() {}, nil
	}
	// What is in hand is finished after a signal too, and under the lease.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ticks, stop := e.every(leaseRenew)
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.renew(ctx, in, held, ticks)
	}()
	return held.Valid, func() {
		cancel()
		stop()
		<-done
		held.Release()
	}, nil
}

// renew renews a lease at every tick until ctx ends or another machine has it.
func (e *Engine) renew(ctx context.Context, in *Instance, held *repo.Lease, ticks <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		err := held.Renew(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
		case errors.Is(err, repo.ErrLeased):
			e.Log.Error("the lease is lost", "instance", in.Name, "error", err)
			return
		default:
			e.Log.Warn("the lease could not be renewed, trying again", "instance", in.Name, "error", err)
		}
	}
}

// every is a ticker, or what a test put in its place.
func (e *Engine) every(d time.Duration) (ticks <-chan time.Time, stop func()) {
	if e.ticker != nil {
		return e.ticker(d)
	}
	t := time.NewTicker(d)
	return t.C, t.Stop
}

// leasedTarget writes only while the lease is valid.
type leasedTarget struct {
	importer.Target
	valid func() bool
}

// Import implements importer.Target.
func (t leasedTarget) Import(ctx context.Context, as []*asset.Asset, deps *asset.Set) []asset.Result {
	if t.valid() {
		return t.Target.Import(ctx, as, deps)
	}
	out := make([]asset.Result, len(as))
	for i, a := range as {
		out[i] = asset.Result{ID: a.ID, Err: errLeaseLost}
	}
	return out
}

// Delete implements importer.Target.
func (t leasedTarget) Delete(ctx context.Context, id asset.ID) error {
	_, err := t.Trash(ctx, id)
	return err
}

// Trash implements importer.Trasher, for targets that do and for others.
func (t leasedTarget) Trash(ctx context.Context, id asset.ID) (string, error) {
	if !t.valid() {
		return "", errLeaseLost
	}
	if bin, ok := t.Target.(importer.Trasher); ok {
		return bin.Trash(ctx, id)
	}
	return "", t.Target.Delete(ctx, id)
}
