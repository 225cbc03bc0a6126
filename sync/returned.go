package sync

import (
	"path"
	"slices"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// returns finds values that a server has put back, soon after an apply, to what
// they were before it: somebody saved a page that was opened earlier (SPEC promise 4).
// Runs are looked at only when something moved on the server alone.
type returns struct {
	e    *Engine
	in   *Instance
	live *asset.Set
	kept map[string][]string // runs by asset, of conflicts that are open since an earlier pull

	refs  []string               // of runs not looked at yet, newest first
	runs  map[asset.ID][]*Backup // newest first; nil until asked for
	found map[string][]string    // as kept, of this pull
}

func (e *Engine) returns(in *Instance, live *asset.Set, b *base) *returns {
	return &returns{e: e, in: in, live: live, kept: b.state.Returned, found: map[string][]string{}}
}

// of lists the pointers of an asset's values that went back.
func (r *returns) of(id asset.ID, base, live []byte) ([]string, error) {
	if r.in.RevertWindow <= 0 && len(r.kept[id.String()]) == 0 {
		return nil, nil
	}
	since := r.since(id)
	if err := r.upTo(since); err != nil {
		return nil, err
	}
	var writes []merge.Write
	for _, b := range r.runs[id] {
		w := merge.Write{Old: b.Started.Before(since)}
		var err error
		if w.Before, err = r.e.optionalFile(b.rev, basePath(id)); err != nil {
			return nil, err
		}
		if w.After, err = r.e.optionalFile(b.rev, path.Join(afterDir, basePath(id))); err != nil {
			return nil, err
		}
		writes = append(writes, w)
	}
	found, by, err := merge.Returned(base, live, writes)
	for _, i := range by {
		r.found[id.String()] = append(r.found[id.String()], r.runs[id][i].Run)
	}
	return found, err
}

// upTo reads runs back to a moment, and notes which assets they wrote.
func (r *returns) upTo(since time.Time) error {
	if r.runs == nil {
		r.runs = map[asset.ID][]*Backup{}
		var err error
		if r.refs, err = r.e.backupRefs(r.in); err != nil {
			return err
		}
		slices.Reverse(r.refs)
	}
	for len(r.refs) > 0 {
		ref := r.refs[0]
		if at, _ := runTime(path.Base(ref)); at.Before(since) {
			return nil
		}
		r.refs = r.refs[1:]
		rev, _, err := r.e.Repo.ReadRef(ref)
		if err != nil {
			return err
		}
		b, err := r.e.readBackup(rev)
		if err != nil {
			r.e.Log.Warn("a pre-image cannot be read", "ref", ref, "error", err)
			continue
		}
		for _, c := range b.Changes {
			if id, err := asset.ParseID(c.ID); err == nil {
				r.runs[id] = append(r.runs[id], b)
			}
		}
	}
	return nil
}

// since is how far back runs matter for an asset: the window before its last edit,
// or before now where the server does not tell, and the runs of an open conflict.
func (r *returns) since(id asset.ID) time.Time {
	at := r.e.Now()
	if l := r.live.Get(id); l != nil && !l.UpdatedAt.IsZero() && l.UpdatedAt.Before(at) {
		at = l.UpdatedAt
	}
	since := at.Add(-r.in.RevertWindow)
	for _, run := range r.kept[id.String()] {
		if at, ok := runTime(run); ok && at.Before(since) {
			since = at
		}
	}
	return since
}

// open are the runs behind the conflicts that nobody decided.
func (r *returns) open(rec *reconciled) map[string][]string {
	out := map[string][]string{}
	for _, c := range rec.Conflicts {
		if runs := r.found[c.ID.String()]; len(runs) > 0 {
			out[c.ID.String()] = runs
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
