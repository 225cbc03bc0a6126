package sync

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/lint"
	"github.com/dashkeep/dashkeep/repo"
)

// Parked is the server's version of an asset in conflict, to be kept on a branch of
// its own (on_conflict: branch).
type Parked struct {
	Info    asset.Info
	Path    string
	Content []byte
}

// parkRef is the branch for the server's version of an asset.
func parkRef(in *Instance, id asset.ID) string {
	return path.Join("refs/heads/conflict", in.Name, string(id.Kind), plainName(id.UID))
}

// park commits the server's versions to their branches, on top of what a branch has
// already or of the head, so that people can compare, merge and review them with
// their usual tools. It tells the run's conflicts where they are. What cannot be
// parked is a warning: both sides are as they were.
func (e *Engine) park(ctx context.Context, in *Instance, parked []Parked, run *Run) {
	for _, p := range parked {
		branch, err := e.parkOne(ctx, in, p, run)
		if err != nil {
			run.warn("%s %q is not parked on a branch: %v; it is as it was on the server and in Git", p.Info.ID, p.Info.Title, err)
			continue
		}
		for i := range run.Conflicts {
			if run.Conflicts[i].ID == p.Info.ID {
				run.Conflicts[i].Branch = branch
			}
		}
	}
}

func (e *Engine) parkOne(ctx context.Context, in *Instance, p Parked, run *Run) (branch string, err error) {
	for _, f := range lint.Secrets(p.Path, p.Content) {
		if f.Code == lint.CodeSecret {
			return "", fmt.Errorf("line %d looks like a secret (%s)", f.Line, f.Message)
		}
	}
	ref := parkRef(in, p.Info.ID)
	old, _, err := e.Repo.ReadRef(ref)
	if err != nil {
		return "", err
	}
	on := old
	if on == "" {
		on = run.Revision
	}
	who := e.author(in, Pulled{Info: p.Info, Action: "changed"})
	c := repo.Commit{Changes: map[string][]byte{p.Path: p.Content}, Author: who, Committer: e.Committer,
		Message:  fmt.Sprintf("%s: %s as it is on the server, in conflict with Git\n\nMerge this branch to take it, or: dashkeep resolve %s/%s --take git|live\n", in.Name, p.Info.Title, in.Name, p.Info.ID),
		Trailers: []repo.Trailer{{Key: "Dashkeep-Run", Value: run.ID}, {Key: "Dashkeep-Instance", Value: in.Name}}}
	_, err = e.Repo.CommitTo(ctx, ref, old, on, []repo.Commit{c})
	if err != nil && !errors.Is(err, repo.ErrNothingToCommit) {
		return "", err
	}
	return ref[len("refs/heads/"):], nil
}

// pushParked brings the branches of this run's conflicts to the remote. Each goes
// alone, so that a host that refuses one still has the rest.
func (e *Engine) pushParked(ctx context.Context, run *Run) {
	for _, c := range run.Conflicts {
		if c.Branch == "" {
			continue
		}
		if err := e.Repo.Push(ctx, "refs/heads/"+c.Branch); err != nil {
			run.warn("branch %s is in the local clone only: %v", c.Branch, err)
		}
	}
}
