package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/repo"
)

// Hold is the pull brake when it holds. It lies in the local ref refs/dashkeep/
// held/<instance> until a person accepts what the server has or all that was gone
// or changed is back: a disaster must not get into Git piece by piece, because
// somebody edits a rolled-back server. Nothing is applied by Serve meanwhile.
type Hold struct {
	Since   time.Time `json:"since"`
	Run     string    `json:"run"`
	Reasons []string  `json:"reasons"`
	Assets  []string  `json:"assets"` // gone, changed or of an earlier time when the brake took hold
}

func (h *Hold) String() string {
	return fmt.Sprintf("the pull brake holds since %s (run %s)", h.Since.UTC().Format(time.RFC3339), h.Run)
}

const holdFile = "held.json"

// Hold is the brake's state of an instance, nil when it does not hold.
func (e *Engine) Hold(name string) (*Hold, error) {
	in, err := e.Instance(name)
	if err != nil {
		return nil, err
	}
	return e.hold(in)
}

func (e *Engine) hold(in *Instance) (*Hold, error) {
	ref := refName("held", in.Name)
	rev, ok, err := e.Repo.ReadRef(ref)
	if err != nil || !ok {
		return nil, err
	}
	data, err := e.Repo.File(rev, holdFile)
	if err != nil {
		return nil, err
	}
	h := &Hold{}
	if err := json.Unmarshal(data, h); err != nil {
		return nil, fmt.Errorf("%s in %s: %w; dashkeep pull %s --accept writes it anew", holdFile, ref, err, in.Name)
	}
	return h, nil
}

// seen is what the brake looks at in one pull.
type seen struct {
	removed, changed []asset.ID
	back             []exporter.WentBack
	older            []asset.ID // went back to what Git had before base
}

func (s seen) ids() []asset.ID {
	ids := slices.Concat(s.removed, s.changed)
	for _, w := range s.back {
		ids = append(ids, w.ID)
	}
	slices.SortFunc(ids, asset.ID.Compare)
	return slices.Compact(ids)
}

// look gathers it. What dashkeep itself put on the server, by a restore of an old
// revision, is no sign of anything.
func (e *Engine) look(ctx context.Context, in *Instance, b *base, live *asset.Set, rec *reconciled, run *Run) (seen, error) {
	var s seen
	for _, id := range rec.Removed {
		if own, ok := b.state.Written[id.String()]; !ok || own != "" {
			s.removed = append(s.removed, id)
		}
	}
	for id := range run.missing { // not counted as gone yet, and many of them are a disaster already
		if parsed, err := asset.ParseID(id); err == nil {
			s.removed = append(s.removed, parsed)
		}
	}
	for _, id := range rec.Changed {
		if own := b.state.Written[id.String()]; own == "" || own != importer.Digest(content(live.Get(id))) {
			s.changed = append(s.changed, id)
		}
	}
	s.back = wentBack(b.state, live)
	var err error
	if len(s.changed) >= exporter.BrakeMinimum {
		s.older, err = e.returned(ctx, in, s.changed, b, live, run)
	}
	return s, err
}

// historyBound is how many commits are looked through for older contents.
const historyBound = 500

// returned finds assets that have the content on the server that Git held before
// the one that both sides last had in common.
func (e *Engine) returned(ctx context.Context, in *Instance, ids []asset.ID, b *base, live *asset.Set, run *Run) ([]asset.ID, error) {
	contents := make([][]byte, 0, 2*len(ids))
	for _, id := range ids {
		contents = append(contents, content(live.Get(id)), content(b.set.Get(id)))
	}
	ages, err := e.Repo.Replaced(ctx, run.Revision, in.Root, contents, historyBound)
	if err != nil {
		return nil, fmt.Errorf("looking for older contents of %s: %w", in.Name, err)
	}
	var older []asset.ID
	for i, id := range ids {
		now, before := ages[2*i], ages[2*i+1]
		if now != repo.NotReplaced && (before == repo.NotReplaced || before < now) {
			older = append(older, id)
		}
	}
	return older, nil
}

// brake holds a pull that would take too much out of Git (SPEC promise 6), and one
// after which a disaster seen before would be only half over.
func (e *Engine) brake(ctx context.Context, in *Instance, b *base, live *asset.Set, rec *reconciled, o PullOptions, run *Run) error {
	if o.Accept {
		return nil
	}
	s, err := e.look(ctx, in, b, live, rec, run)
	if err != nil {
		return err
	}
	held := in.Brake.Check(exporter.Seen{Known: b.set.Len(), Live: live.Len() + len(live.Failed()), Removed: s.removed, Changed: len(s.changed), WentBack: s.back, Older: s.older})
	before, err := e.hold(in)
	if err != nil {
		return in.named(err)
	}
	if held == nil && before != nil {
		held = before.stillHolds(s.ids())
	}
	if held == nil {
		return nil
	}
	if !o.DryRun {
		if err := e.keepHold(ctx, in, before, held, s.ids(), run); err != nil {
			return in.named(err)
		}
	}
	return &HeldError{Instance: in.Name, Held: held}
}

// stillHolds says what of the old hold is not back as it was.
func (h *Hold) stillHolds(now []asset.ID) *exporter.Held {
	var left []asset.ID
	for _, id := range now {
		if _, found := slices.BinarySearch(h.Assets, id.String()); found {
			left = append(left, id)
		}
	}
	if len(left) == 0 {
		return nil
	}
	return &exporter.Held{Reasons: []string{fmt.Sprintf("it holds since %s, and %d of the %d assets that were gone or other than before then still are, such as %s (then: %s)",
		h.Since.UTC().Format(time.RFC3339), len(left), len(h.Assets), left[0], h.Reasons[0])}}
}

// keepHold notes that the brake holds; what it held for already stays noted.
func (e *Engine) keepHold(ctx context.Context, in *Instance, before *Hold, held *exporter.Held, ids []asset.ID, run *Run) error {
	h := &Hold{Since: run.Started, Run: run.ID, Reasons: held.Reasons}
	if before != nil {
		h = before
	}
	for _, id := range ids {
		h.Assets = append(h.Assets, id.String())
	}
	slices.Sort(h.Assets)
	h.Assets = slices.Compact(h.Assets)
	return e.writeHold(ctx, in, h)
}

func (e *Engine) writeHold(ctx context.Context, in *Instance, h *Hold) error {
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	ref := refName("held", in.Name)
	rev, _, err := e.Repo.ReadRef(ref)
	if err != nil {
		return err
	}
	_, err = e.Repo.AmendRef(ctx, ref, rev, map[string][]byte{holdFile: append(data, '\n')}, "the pull brake of "+in.Name)
	return err
}

// putBack takes out of a hold what a run wrote and read back: it is as dashkeep
// meant it, whoever edits it from here on.
func (e *Engine) putBack(ctx context.Context, in *Instance, out *importer.Outcome) error {
	h, err := e.hold(in)
	if err != nil || h == nil {
		return err
	}
	done := map[string]bool{}
	for _, d := range out.Done {
		done[d.ID.String()] = d.Verified
	}
	h.Assets = slices.DeleteFunc(h.Assets, func(id string) bool { return done[id] })
	return e.writeHold(ctx, in, h)
}

// letGo ends a hold, for the pull has gone through.
func (e *Engine) letGo(ctx context.Context, in *Instance) error {
	return e.Repo.DeleteRef(ctx, refName("held", in.Name))
}

// writtenApart remembers what a run put on the server that Git's head does not
// say: the pull that brings it is no disaster. old is what was remembered before.
func writtenApart(old map[string]string, out *importer.Outcome, git *asset.Set) map[string]string {
	next := map[string]string{}
	for id, own := range old {
		next[id] = own
	}
	for _, d := range out.Done {
		if d.Err != nil {
			continue
		}
		l, g := content(out.Live.Get(d.ID)), content(git.Get(d.ID))
		switch {
		case string(l) == string(g):
			delete(next, d.ID.String())
		case l == nil:
			next[d.ID.String()] = ""
		default:
			next[d.ID.String()] = importer.Digest(l)
		}
	}
	return next
}
