package exporter

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// Changer is a Source that can tell in a request or two per kind what has changed
// since it was last read. It errs on the side of too much: what it cannot vouch
// for is Changed, or All.
type Changer interface {
	// Changed puts the question. since is what an earlier answer's Seen returned,
	// nil when there was none; the answer is then All.
	Changed(ctx context.Context, since *asset.Seen) (*asset.Changes, error)
}

// Reading is everything that a source had at one time, before any selection.
type Reading struct {
	Set    *asset.Set
	Server string      // version, "" when unknown
	Seen   *asset.Seen // nil when the source cannot tell what changes from here on
	All    string      // why everything was read; "" when only what had changed was
	Read   []asset.ID  // what was read for this, in order
	// Doubt is what the next reading reads whatever the source answers.
	Doubt []asset.ID
}

// Select keeps what is selected and what that refers to.
func (r *Reading) Select(s Selection) (*asset.Set, error) { return s.apply(r.Set) }

// Read brings the last reading up to date: it asks what changed and reads that,
// or everything where there is no last reading, the source cannot tell, or
// anything is in doubt. What the last reading lists and does not hold, because
// it could not be read, is asked for again each time. The result is what a
// complete reading would give, as far as the source's answer is right. last is
// not changed; an error is as that of Export.
func Read(ctx context.Context, src Source, rules normalize.Rules, last *Reading) (*Reading, error) {
	c, ok := src.(Changer)
	if !ok {
		set, err := readAll(ctx, src, src.Export, rules)
		if err != nil {
			return nil, err
		}
		return &Reading{Set: set, All: "this platform cannot tell what changed", Read: set.IDs()}, nil
	}
	var since *asset.Seen
	if last != nil {
		since = last.Seen
	}
	ch, err := c.Changed(ctx, since)
	if err != nil {
		return nil, err
	}
	why := ch.All
	if since == nil {
		why = "there is nothing to compare with"
	}
	if why == "" {
		next, doubt, err := readChanged(ctx, ch, rules, last)
		if err != nil || doubt == "" {
			return next, err
		}
		if ch, err = c.Changed(ctx, nil); err != nil {
			return nil, err
		}
		why = doubt
	}
	set, err := readAll(ctx, src, ch.Export, rules)
	if err != nil {
		return nil, err
	}
	r := &Reading{Set: set, Server: ch.Server, Seen: ch.Seen(), All: why, Read: set.IDs()}
	for _, id := range r.Read {
		if _, ok := r.Seen.Marks[id]; !ok { // a later answer would seem to say that it is gone
			r.Seen = nil
			break
		}
	}
	return r, nil
}

// readAll is the reading that Export promises, by an export of the caller's.
func readAll(ctx context.Context, src Source, export exporting, rules normalize.Rules) (*asset.Set, error) {
	var listed []asset.Info
	c := &collector{rules: rules}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		listed, err = src.List(gctx)
		return err
	})
	g.Go(func() error { return c.read(gctx, export, nil) })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	set, err := c.set()
	if err != nil {
		return nil, err
	}
	complete(set, listed)
	return set, nil
}

// readChanged reads what the answer calls for and joins it with the last
// reading. doubt says why the outcome is not to be relied on.
func readChanged(ctx context.Context, ch *asset.Changes, rules normalize.Rules, last *Reading) (next *Reading, doubt string, err error) {
	listed := make(map[asset.ID]bool, len(ch.Listed))
	for _, id := range ch.Listed {
		listed[id] = true
	}
	want := wanted(ch, listed, last)
	for _, id := range want {
		if !listed[id] {
			return nil, fmt.Sprintf("%s is said to have changed and not listed", id), nil
		}
	}
	c := &collector{rules: rules}
	if len(want) > 0 { // nil ids would mean all
		if err := c.read(ctx, ch.Export, want); err != nil {
			return nil, "", err
		}
	}
	got, err := c.set()
	if err != nil {
		return nil, "", err
	}
	for _, id := range want {
		if got.Absent(id) {
			return nil, fmt.Sprintf("%s is listed and not exported", id), nil
		}
	}
	for _, ids := range [][]asset.ID{got.IDs(), failedIDs(got)} {
		for _, id := range ids {
			if _, asked := slices.BinarySearchFunc(want, id, asset.ID.Compare); !asked {
				return nil, fmt.Sprintf("%s was exported and not asked for", id), nil
			}
		}
	}
	for _, k := range ch.Skipped {
		got.SkipKind(k)
	}
	join(got, want, listed, last.Set)
	if err := keep(got, want, ch.Kept, last.Set); err != nil {
		return nil, "", err
	}
	return &Reading{Set: got, Server: ch.Server, Seen: ch.Seen(), Read: want}, "", nil
}

// join puts into got what of the last reading still holds: assets that are listed
// and were not read again, and what a listing said of those that were, where the
// answer does not say it anew.
func join(got *asset.Set, want []asset.ID, listed map[asset.ID]bool, last *asset.Set) {
	holds := func(id asset.ID) bool {
		_, again := slices.BinarySearchFunc(want, id, asset.ID.Compare)
		return listed[id] && !again
	}
	for a := range last.All() {
		if holds(a.ID) {
			got.Add(a)
		}
	}
	for _, n := range last.Notes {
		if holds(n.ID) {
			got.Notes = append(got.Notes, n)
		}
	}
	known := func(id asset.ID) asset.Info {
		if a := last.Get(id); a != nil {
			return a.Info
		}
		f, _ := last.Unreadable(id)
		return f.Info
	}
	for _, id := range want {
		if a := got.Get(id); a != nil && a.UpdatedAt.IsZero() {
			a.Info = merged(a.Info, known(id))
		}
		if f, bad := got.Unreadable(id); bad && f.UpdatedAt.IsZero() {
			f.Info = merged(f.Info, known(id))
			got.Fail(f)
		}
	}
}

// wanted is what must be read, in order: what changed, what is there and not
// known, and what names something that is gone or suspect.
func wanted(ch *asset.Changes, listed map[asset.ID]bool, last *Reading) []asset.ID {
	known, want := last.Set, slices.Clone(ch.Changed)
	for _, id := range last.Doubt {
		if listed[id] {
			want = append(want, id)
		}
	}
	for _, id := range ch.Listed {
		if known.Get(id) == nil {
			want = append(want, id)
		}
	}
	var texts [][]byte
	for _, t := range ch.Texts {
		texts = append(texts, []byte(t))
	}
	skipped := map[asset.Kind]bool{}
	for _, k := range ch.Skipped {
		skipped[k.Kind] = skipped[k.Kind] || k.Reason != asset.InPart
	}
	for _, id := range known.IDs() {
		if !listed[id] && !skipped[id.Kind] {
			texts = append(texts, []byte(id.UID))
		}
	}
	if len(texts) > 0 {
		for a := range known.All() {
			if listed[a.ID] && slices.ContainsFunc(texts, func(t []byte) bool { return bytes.Contains(a.Content, t) }) {
				want = append(want, a.ID)
			}
		}
	}
	slices.SortFunc(want, asset.ID.Compare)
	return slices.Compact(want)
}

func failedIDs(s *asset.Set) []asset.ID {
	var ids []asset.ID
	for _, f := range s.Failed() {
		ids = append(ids, f.ID)
	}
	return ids
}
