package sync

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/dashkeep/dashkeep/importer"
)

// stopGrace is how long a run may go on after Serve was told to stop: it
// finishes what it has in hand (SPEC section 8).
const stopGrace = 25 * time.Second

// ErrNothingScheduled says that Serve has nothing to do.
var ErrNothingScheduled = errors.New("no instance has a schedule: add `schedule: \"*/5 * * * *\"` to at least one instance")

// Serve pulls every instance on its schedule, and applies where auto_apply says
// so, until ctx ends; then it lets running runs finish. Each instance has one
// run at a time; a tick that finds one going is dropped, not queued. report is
// called after every run and must be safe for concurrent use.
func (e *Engine) Serve(ctx context.Context, report func(*Run, error)) error {
	jobs, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var crons []*cron.Cron
	for _, in := range e.Instances {
		if in.Schedule != nil || in.FullPull != nil {
			crons = append(crons, e.scheduled(ctx, jobs, in, report))
		}
	}
	if crons == nil {
		return ErrNothingScheduled
	}
	for _, c := range crons {
		c.Start()
	}
	<-ctx.Done()
	grace := time.AfterFunc(stopGrace, cancel)
	defer grace.Stop()
	var ends []context.Context
	for _, c := range crons { // all of them first: waiting for one must not let another go on
		ends = append(ends, c.Stop())
	}
	for _, end := range ends {
		<-end.Done()
	}
	return nil
}

// scheduled is the cron of one instance, with a first run at once: what was
// missed while nothing ran is caught up in one go. All its entries share one
// lock, so that a run still going is not started twice. When serving ends
// nothing new begins; a run goes on until ctx ends.
func (e *Engine) scheduled(serving, ctx context.Context, in *Instance, report func(*Run, error)) *cron.Cron {
	log := cronLog{e.Log.With("instance", in.Name)}
	c := cron.New(cron.WithLocation(time.UTC), cron.WithChain(cron.Recover(log)))
	var going sync.Mutex
	tick := func(o PullOptions) cron.Job {
		return cron.FuncJob(func() {
			if !going.TryLock() {
				log.Info("a run is still going, this one is dropped")
				return
			}
			func() {
				defer going.Unlock()
				e.tick(serving, ctx, in, o, report)
			}()
			e.Tidy(serving, 0) // the next run does not wait for it, and neither does the end
		})
	}
	c.Schedule(&once{}, tick(PullOptions{}))
	if in.Schedule != nil {
		c.Schedule(in.Schedule, tick(PullOptions{}))
	}
	if in.FullPull != nil { // one that is dropped is due at the next pull
		c.Schedule(in.FullPull, tick(PullOptions{Full: true}))
	}
	return c
}

// once is a schedule that fires one time, at once.
type once struct{ fired bool }

// Next implements cron.Schedule; cron calls it from one goroutine.
func (o *once) Next(now time.Time) time.Time {
	if o.fired {
		return time.Time{} // never again
	}
	o.fired = true
	return now
}

// tick is one scheduled run of an instance.
func (e *Engine) tick(serving, ctx context.Context, in *Instance, o PullOptions, report func(*Run, error)) {
	if serving.Err() != nil {
		return
	}
	run, err := e.Pull(ctx, in.Name, o)
	report(run, err)
	if err != nil || !in.AutoApply || in.Direction == PullOnly || run.Held != nil || serving.Err() != nil {
		return
	}
	if run, err := e.autoApply(ctx, in, run); run != nil || err != nil {
		report(run, err)
	}
}

// autoApply brings what waits in Git to the server, planned on what the pull just
// read; apply looks at the planned assets once more before it writes. It returns
// nil, nil when nothing waits.
func (e *Engine) autoApply(ctx context.Context, in *Instance, pulled *Run) (*Run, error) {
	live := pulled.live
	waits, err := e.waits(in)
	if err != nil || !waits && !pulled.overrules() {
		return nil, err
	}
	run := e.newRun("apply", in)
	p, err := e.planFor(ctx, in, in, live, "", importer.Policy{Prune: importer.Prune{Enabled: in.Prune.Enabled}}, run)
	if err != nil {
		return run, err
	}
	if len(p.Levels()) == 0 {
		if run.Held != nil {
			run.Ended = e.Now().UTC()
			return run, nil
		}
		return nil, nil
	}
	mark, err := fingerprint(p)
	if err != nil || mark == in.refused {
		return nil, err // the server refused just this before; a new commit or a new state of the server tries again
	}
	run, err = e.Apply(ctx, p, nil)
	if in.refused = ""; err == nil && len(run.Outcome.Failed()) > 0 {
		in.refused = mark
	}
	return run, err
}

// fingerprint tells one plan's writes from another's.
func fingerprint(p *importer.Plan) (string, error) {
	data, err := importer.EncodePlan(&importer.Plan{Instance: p.Instance, Changes: slices.Concat(p.Levels()...)}, time.Time{})
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

// waits reports whether Git holds something that base does not: the cheap
// question before the server is read again.
func (e *Engine) waits(in *Instance) (bool, error) {
	head, ok, err := e.Repo.Head()
	if err != nil || !ok {
		return false, err
	}
	desired, _, err := e.desired(in, head)
	if err != nil {
		return false, err
	}
	b, err := e.loadBase(in, desired)
	if err != nil {
		return false, err
	}
	for _, id := range desired.IDs() {
		if !bytes.Equal(content(desired.Get(id)), content(b.set.Get(id))) {
			return true, nil
		}
	}
	for _, id := range b.set.IDs() {
		if in.Prune.Enabled && desired.Get(id) == nil {
			return true, nil
		}
	}
	return false, nil
}

// cronLog passes what cron says to slog.
type cronLog struct{ log *slog.Logger }

// Info implements cron.Logger.
func (l cronLog) Info(msg string, kv ...any) { l.log.Debug("schedule: "+msg, kv...) }

// Error implements cron.Logger.
func (l cronLog) Error(err error, msg string, kv ...any) {
	l.log.Error("schedule: "+msg, append(kv, "error", err)...)
}
