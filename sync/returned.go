package sync

import (
	"path"
	"slices"
	"time"

	"github.com/dashkeep/dashkeep/importer"
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
	kept map[string][]string // pointers by asset, of conflicts that are open since an earlier pull

	refs  []string               // of runs not looked at yet, newest first
	runs  map[asset.ID][]*Backup // newest first; nil until asked for
	found map[asset.ID][]string  // what this reading is contested at
}

func (e *Engine) returns(in *Instance, live *asset.Set, b *base) *returns {
	return &returns{e: e, in: in, live: live, kept: b.state.Returned, found: map[asset.ID][]string{}}
}

// of lists the pointers of an asset's values that went back. One that a conflict is
// open about since an earlier pull stays one until base or the server has moved to
// the other: who edits it meanwhile has not seen what the apply wrote.
func (r *returns) of(id asset.ID, base, live []byte) ([]string, error) {
	found, err := merge.Moved(base, live, r.kept[id.String()])
	if err != nil {
		return nil, err
	}
	if r.in.RevertWindow > 0 {
		now, err := r.recent(id, base, live)
		if err != nil {
			return nil, err
		}
		found = append(found, now...)
	}
	slices.Sort(found)
	found = slices.Compact(found)
	r.found[id] = found
	return found, nil
}

// recent looks at the runs within the window.
func (r *returns) recent(id asset.ID, base, live []byte) ([]string, error) {
	since := r.since(id)
	if err := r.upTo(since); err != nil {
		return nil, err
	}
	var writes []merge.Write
	for _, b := range r.runs[id] {
		if b.Started.Before(since) {
			break
		}
		var w merge.Write
		var err error
		if w.Before, err = r.e.optionalFile(b.rev, basePath(id)); err != nil {
			return nil, err
		}
		if w.After, err = r.e.optionalFile(b.rev, path.Join(afterDir, basePath(id))); err != nil {
			return nil, err
		}
		writes = append(writes, w)
	}
	return merge.Returned(base, live, writes)
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
	within := func() bool {
		if len(r.refs) == 0 {
			return false
		}
		at, _ := runTime(path.Base(r.refs[0]))
		return !at.Before(since.Truncate(time.Second))
	}
	if !within() {
		return nil
	}
	for within() {
		ref := r.refs[0]
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
	for _, runs := range r.runs {
		slices.SortFunc(runs, newestFirst)
	}
	return nil
}

// since is how far back runs matter for an asset: the window before its last edit,
// or before now where the server does not tell.
func (r *returns) since(id asset.ID) time.Time {
	at := r.e.Now()
	if l := r.live.Get(id); l != nil && !l.UpdatedAt.IsZero() && l.UpdatedAt.Before(at) {
		at = l.UpdatedAt
	}
	return at.Add(-r.in.RevertWindow)
}

// open are the pointers of what nobody has decided, or a rule for Git, which the
// server does not have yet. What could not be looked at stays open.
func (r *returns) open(rec *reconciled, desired *asset.Set) map[string][]string {
	out := map[string][]string{}
	for text, pointers := range r.kept {
		id, err := asset.ParseID(text)
		if err != nil {
			continue
		}
		_, broken := desired.Unreadable(id)
		if broken || r.live.Get(id) == nil && !r.live.Absent(id) {
			out[text] = pointers
		}
	}
	for _, c := range slices.Concat(rec.Conflicts, rec.Decided) {
		for _, v := range c.Values {
			if c.Winner != importer.Live && slices.Contains(r.found[c.ID], v.Path) {
				out[c.ID.String()] = append(out[c.ID.String()], v.Path)
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
