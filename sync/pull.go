package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/lint"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/repo"
)

// PullOptions are the choices of one pull.
type PullOptions struct {
	Accept bool // go on although the brake holds
	DryRun bool // find out what would be committed and stop there
	Full   bool // read everything, whatever the server says has changed; Accept does too
}

// HeldError says that the brake held a pull: nothing was committed.
type HeldError struct {
	Instance string
	Held     *exporter.Held
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("instance %s: the pull brake holds: %s; nothing was committed and Git is as it was. "+
		"If the server lost content, put it back: dashkeep restore %s --at HEAD. If this is right, take it over: dashkeep pull %s --accept",
		e.Instance, e.Held.Error(), e.Instance, e.Instance)
}

func (e *HeldError) Unwrap() error { return e.Held }

// Pull brings what people did on the server to Git. All commits are built before
// the branch moves once. A non-nil error means that nothing was committed; what
// concerns single assets is in the Run.
func (e *Engine) Pull(ctx context.Context, name string, o PullOptions) (*Run, error) {
	in, err := e.Instance(name)
	if err != nil {
		return nil, err
	}
	run := e.newRun("pull", in)
	defer func() { run.Ended = e.Now().UTC() }()
	if err := e.fetch(ctx, in, run); err != nil {
		return run, err
	}
	for try := 1; ; try++ {
		if err := e.readFor(ctx, in, o, run); err != nil {
			return run, err
		}
		err := e.bring(ctx, in, run.live, o, run)
		var moved *repo.MovedError
		if !errors.As(err, &moved) && !errors.Is(err, errPulledMeanwhile) || try == commitTries {
			return run, err
		}
		e.say(in, "the branch moved, looking again")
	}
}

// readFor reads the server for a pull, unless it was read and nobody pulled since.
// What somebody else pulled after this reading would look deleted by it.
func (e *Engine) readFor(ctx context.Context, in *Instance, o PullOptions, run *Run) error {
	base, _, err := e.Repo.ReadRef(refName("base", in.Name))
	if err != nil || run.live != nil && base == run.base {
		return err
	}
	e.say(in, "reading %s", in.Name)
	read, err := e.readLive(ctx, in, o, run)
	if err != nil {
		return err
	}
	live, err := e.recognizeHead(ctx, in, read)
	if err != nil {
		return err
	}
	if live != read { // under other ids than are remembered
		if err := e.Repo.DeleteRef(ctx, refName("live", in.Name)); err != nil {
			return err
		}
	}
	run.live, run.base, run.missing = live, base, nil
	return nil
}

// errPulledMeanwhile is why a reading of the server is too old to be used.
var errPulledMeanwhile = errors.New("another process pulled this instance at the same time")

// recognizeHead is recognize against what Git and base have now.
func (e *Engine) recognizeHead(ctx context.Context, in *Instance, live *asset.Set) (*asset.Set, error) {
	if _, ok := in.Source.(platform.Recognizer); !ok {
		return live, nil
	}
	head, _, err := e.Repo.Head()
	if err != nil {
		return nil, err
	}
	desired, _, err := e.desired(in, head, live)
	if err != nil {
		return nil, err
	}
	b, err := e.loadBase(in, live, desired)
	if err != nil {
		return nil, err
	}
	return e.recognize(ctx, in, live, desired, b.set)
}

// commitTries is how often a pull is computed anew because somebody else moved
// the branch between reading and committing.
const commitTries = 3

// bring reconciles live with Git as it is now, commits, moves base and pushes.
func (e *Engine) bring(ctx context.Context, in *Instance, live *asset.Set, o PullOptions, run *Run) error {
	if err := e.record(ctx, in, live, o, run); err != nil || run.Held != nil || o.DryRun {
		return err
	}
	return e.push(ctx, in, run)
}

// record is the part of bring that happens in the local clone. Instances take
// turns in it: they share the branch, and one that always finds it moved by
// another would never get its commit in.
func (e *Engine) record(ctx context.Context, in *Instance, live *asset.Set, o PullOptions, run *Run) error {
	e.recording.Lock()
	defer e.recording.Unlock()
	run.Conflicts, run.Dirty, run.Failures, run.Accepted, run.alive = nil, nil, nil, nil, nil
	rec, b, err := e.lookAt(ctx, in, live, o, run)
	if err != nil {
		return err
	}
	if err := e.brake(ctx, in, b, live, rec, o, run); err != nil {
		var held *HeldError
		if !errors.As(err, &held) {
			return err
		}
		run.Held = held
		return nil
	}
	run.sayMissing(b)
	if o.DryRun {
		run.Pulled = rec.Pulled
		return nil
	}
	if err := e.commit(ctx, in, b, rec, live, run); err != nil {
		return err
	}
	e.park(ctx, in, rec.Parked, run)
	if err := e.moveBase(ctx, in, b, rec.Git, live, run); err != nil {
		return fmt.Errorf("the pull of %s is committed, but base did not move (the next pull puts it right): %w", in.Name, err)
	}
	if err := e.settle(ctx, in, rec, live, run); err != nil {
		return err
	}
	if in.IDs != nil {
		if err := in.IDs.Keep(); err != nil {
			run.warn("the map of ids is not kept: %v; the next pull keeps it", err)
		}
	}
	return nil
}

// lookAt compares live with Git and base and records what cannot be handled.
func (e *Engine) lookAt(ctx context.Context, in *Instance, live *asset.Set, o PullOptions, run *Run) (*reconciled, *base, error) {
	head, _, err := e.Repo.Head()
	if err != nil {
		return nil, nil, err
	}
	run.Revision = head
	desired, broken, err := e.desired(in, head, live)
	if err != nil {
		return nil, nil, err
	}
	b, err := e.loadBase(in, live, desired)
	if err != nil {
		return nil, nil, err
	}
	if b.rev != run.base {
		return nil, nil, in.named(errPulledMeanwhile)
	}
	if run.missing == nil { // else this is another try with the same reading
		run.missing = map[string]string{}
		if err := e.settleAbsence(ctx, in, b, live, o, run); err != nil {
			return nil, nil, err
		}
	}
	markBroken(desired, broken, live, b.set)
	for _, f := range broken {
		run.fail(in, e.Now(), Failure{ID: f.ID, Path: f.Path, Err: f.Err})
	}
	for _, f := range live.Failed() {
		run.fail(in, e.Now(), Failure{ID: f.ID, Title: f.Title, Err: f.Err})
	}
	run.sayNotRead(in, live)
	run.sayBroken(in, e.Now(), live)
	e.sayHidden(in, desired, live, run)
	run.Notes = live.Notes
	if err := e.takeAsNew(in, b, desired, live, run); err != nil {
		return nil, nil, err
	}
	dirty, err := e.Repo.Dirty(ctx, in.Root+"/")
	if err != nil {
		return nil, nil, err
	}
	back := e.returns(in, live, b)
	rec, err := reconcile(desired, live, b.set, ways{pathOf: newNamer(in, desired, broken).path, dirty: dirty, policy: e.policy(in, importer.Policy{}, back)})
	if err != nil {
		return nil, nil, err
	}
	run.Conflicts, run.Decided, run.Edits, run.Dirty, run.returned = rec.Conflicts, rec.Decided, rec.Edits, rec.Dirty, back.open(rec, desired)
	if un := unnamed(broken); len(un) > 0 && len(rec.Pulled) > 0 {
		rec.holdAdditions(un, run)
	}
	return rec, b, nil
}

// holdAdditions keeps a pull from adding a second file for an asset whose own
// file is broken beyond telling which asset it holds.
func (r *reconciled) holdAdditions(broken []BrokenFile, run *Run) {
	var kept []Pulled
	for _, p := range r.Pulled {
		if p.Action == "added" {
			delete(r.Git, p.Info.ID)
			run.Failures = append(run.Failures, Failure{ID: p.Info.ID, Title: p.Info.Title, Path: p.Path,
				Err: fmt.Errorf("not added while %s cannot be read: it may be the same asset", broken[0].Path)})
			continue
		}
		kept = append(kept, p)
	}
	r.Pulled = kept
}

// commit turns what changed into commits, refusing what looks like a secret.
func (e *Engine) commit(ctx context.Context, in *Instance, b *base, rec *reconciled, live *asset.Set, run *Run) error {
	rec.Pulled = e.withoutSecrets(in, rec, run)
	run.Pulled = rec.Pulled
	if len(rec.Pulled) == 0 {
		return nil
	}
	if in.Ping != nil && run.Server == "" { // for the commit message only, so a failure is none
		if server, err := in.Ping(ctx); err == nil {
			run.Server = server.Version
		}
	}
	commits := e.commitsFor(in, b.rev == "", rec.Pulled, live, run)
	commits[0].Base = run.Revision
	e.say(in, "committing %d changes", len(rec.Pulled))
	head, err := e.Repo.Commit(ctx, commits)
	if errors.Is(err, repo.ErrNothingToCommit) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("committing the pull of %s: %w; nothing was committed", in.Name, err)
	}
	run.Revision, run.Commits = head, len(commits)
	return nil
}

// withoutSecrets drops every change whose new content has the shape of a secret:
// one that the rules did not know must not reach Git (SPEC promise 7). A value
// that only stands under a name like "password" is a warning: it may be a label.
func (e *Engine) withoutSecrets(in *Instance, rec *reconciled, run *Run) []Pulled {
	var clean []Pulled
	for _, p := range rec.Pulled {
		found := slices.DeleteFunc(lint.Secrets(p.Path, p.After), func(f lint.Finding) bool {
			if f.Code == lint.CodeSecretKey {
				run.warn("%s: %s; look whether that may be in Git", p.Path, f.Message)
			}
			return f.Code != lint.CodeSecret
		})
		if len(found) == 0 {
			clean = append(clean, p)
			continue
		}
		rec.Git[p.Info.ID] = p.Before
		run.fail(in, e.Now(), Failure{ID: p.Info.ID, Title: p.Info.Title, Path: p.Path,
			Err: fmt.Errorf("not committed: line %d looks like a secret (%s)", found[0].Line, found[0].Message)})
	}
	return clean
}
