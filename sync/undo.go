package sync

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// UnknownRunError says that no run that can be undone has this id.
type UnknownRunError struct {
	Run   string // "" when there is none at all
	Found []string
}

func (e *UnknownRunError) Error() string {
	switch {
	case e.Run == "":
		return "no run has written to a server yet, so there is nothing to undo"
	case len(e.Found) > 0:
		return fmt.Sprintf("%q begins the ids of %d runs: %s; write more of it", e.Run, len(e.Found), strings.Join(e.Found, ", "))
	}
	return fmt.Sprintf("no run that can be undone has the id %q: dashkeep runs lists them", e.Run)
}

// FindBackup finds the run to undo among some instances: by its id or the beginning
// of it, or the last one that wrote, for "".
func (e *Engine) FindBackup(id string, instances []*Instance) (*Backup, error) {
	var found []*Backup
	var last *Backup
	for _, in := range instances {
		all, err := e.Backups(in.Name)
		if err != nil {
			return nil, err
		}
		for _, b := range all {
			if last == nil || newestFirst(b, last) < 0 {
				last = b
			}
			if id != "" && strings.HasPrefix(b.Run, id) {
				found = append(found, b)
			}
		}
	}
	switch {
	case id == "" && last != nil:
		return last, nil
	case len(found) == 1:
		return found[0], nil
	}
	miss := &UnknownRunError{Run: id}
	for _, b := range found {
		if b.Run == id {
			return b, nil
		}
		miss.Found = append(miss.Found, b.Run)
	}
	return nil, miss
}

// FetchOwn brings what other machines did, as far as the remote can be reached, so
// that their runs can be undone here.
func (e *Engine) FetchOwn(ctx context.Context) error {
	if len(e.Instances) == 0 {
		return nil
	}
	return e.fetch(ctx, e.Instances[0], &Run{})
}

// PlanUndo plans how to put back what a run replaced. overwrite Always takes what
// people did since for nothing.
func (e *Engine) PlanUndo(ctx context.Context, b *Backup, overwrite importer.Overwrite) (*importer.Plan, *Run, error) {
	in, err := e.Instance(b.Instance)
	if err != nil {
		return nil, nil, err
	}
	run := e.newRun("undo", in)
	run.Undoes = b.Run
	e.say(in, "reading %s", in.Name)
	live, err := e.live(ctx, in)
	if err != nil {
		return nil, run, err
	}
	ids, before, after, err := e.openBackup(in, b, live)
	if err != nil {
		return nil, run, fmt.Errorf("the pre-image of run %s: %w", b.Run, err)
	}
	if live, err = e.recognize(ctx, in, live, before, after); err != nil {
		return nil, run, err
	}
	seen, err := e.loadBase(in, live)
	if err != nil {
		return nil, run, err
	}
	if err := e.askForKnown(ctx, in, live, before, &base{set: after, state: seen.state}); err != nil {
		return nil, run, err
	}
	for _, f := range live.Failed() {
		run.fail(in, e.Now(), Failure{ID: f.ID, Title: f.Title, Err: f.Err})
	}
	p, err := importer.MakeUndo(ids, before, after, live, e.policy(in, importer.Policy{Force: overwrite}, nil))
	if err != nil {
		return nil, run, err
	}
	p.Instance, p.Revision, p.Undoes = in.Name, b.Revision, b.Run
	run.Plan, run.Notes = p, live.Notes
	return p, run, nil
}

// Undo carries out a plan made by PlanUndo for a run. It is a run itself, which can
// be undone. Git's head stays where it is; the next pull commits the outcome.
func (e *Engine) Undo(ctx context.Context, b *Backup, p *importer.Plan, progress func(importer.Done)) (*Run, error) {
	in, err := e.Instance(p.Instance)
	if err != nil {
		return nil, err
	}
	if in.Direction == PullOnly {
		return nil, &PullOnlyError{Instance: in.Name}
	}
	run := e.newRun("undo", in)
	run.Plan, run.Undoes = p, b.Run
	return run, e.carryOut(ctx, in, p, progress, run)
}

// openBackup reads what a run's assets were before it and what it made of them.
func (e *Engine) openBackup(in *Instance, b *Backup, known ...*asset.Set) (ids []asset.ID, before, after *asset.Set, err error) {
	files, err := e.Repo.Files(b.rev, "")
	if err != nil {
		return nil, nil, nil, err
	}
	load := loader(in, known)
	var was, made []*asset.Asset
	for _, c := range b.Changes {
		id, err := asset.ParseID(c.ID)
		if err != nil {
			return nil, nil, nil, err
		}
		ids = append(ids, id)
		old, new := files[basePath(id)], files[path.Join(afterDir, basePath(id))]
		if old != nil && new != nil { // what was not shown then is as it was left
			if old, err = merge.Take(old, new, c.Unread); err != nil {
				return nil, nil, nil, err
			}
		}
		for _, side := range []struct {
			data []byte
			to   *[]*asset.Asset
		}{{old, &was}, {new, &made}} {
			if side.data == nil {
				continue
			}
			a, err := load(basePath(id), side.data)
			if err != nil {
				return nil, nil, nil, err
			}
			if a.ID != id {
				return nil, nil, nil, fmt.Errorf("the file of %s holds %s", id, a.ID)
			}
			a.Path = ""
			*side.to = append(*side.to, a)
		}
	}
	if before, err = asset.NewSet(was...); err != nil {
		return nil, nil, nil, err
	}
	after, err = asset.NewSet(made...)
	return ids, before, after, err
}
