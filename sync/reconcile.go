package sync

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// reconciled is what a pull makes of one look at Git, live and base.
type reconciled struct {
	Pulled    []Pulled
	Conflicts []Conflict
	Decided   []Conflict
	Edits     []LiveEdit
	Parked    []Parked
	Dirty     []string
	Removed   []asset.ID          // gone from the server since the last pull, selection aside
	Changed   []asset.ID          // the server changed them since the last pull
	Git       map[asset.ID][]byte // content after the pull; nil is absent, no entry is unknown
	w         ways
}

// reconcile decides, per asset, what Git must hold after a pull:
//
//	base  Git  live
//	 b     b    x     live moved: Git takes x
//	 b     x    b     Git moved: it stays and waits for apply
//	 b     x    y     both moved: merged by value, or a conflict
//
// where each of b, x and y may be absence, and the rule of the asset may say
// otherwise (importer.Rule.Settle).
func reconcile(desired, live, base *asset.Set, w ways) (*reconciled, error) {
	r := &reconciled{Git: map[asset.ID][]byte{}, w: w}
	for _, id := range allIDs(desired, live, base) {
		if _, bad := desired.Unreadable(id); bad {
			continue
		}
		if err := r.one(id, desired.Get(id), live, base.Get(id)); err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
	}
	return r, nil
}

// ways are how a pull treats assets; all but pathOf may be nil.
type ways struct {
	pathOf func(*asset.Asset) string // the file of an asset
	dirty  map[string]bool           // files that a person edited and did not commit
	policy importer.Policy
}

func (w ways) rule(info asset.Info) importer.Rule {
	if w.policy.Rule == nil {
		return importer.Rule{}
	}
	return w.policy.Rule(info)
}

func (r *reconciled) one(id asset.ID, d *asset.Asset, live *asset.Set, b *asset.Asset) error {
	r.Git[id] = content(d)
	l := live.Get(id)
	switch {
	case live.Absent(id):
		r.gone(id, d, b)
		return nil
	case l == nil: // unreadable or outside the selection: never treated as absent
		return nil
	}
	rule := r.w.rule(l.Info)
	have, err := visible(l, content(d), rule)
	if err != nil {
		return err
	}
	moved, err := movedSince(l, b, rule)
	if err != nil {
		return err
	}
	if b != nil && moved {
		r.Changed = append(r.Changed, id)
	}
	if d == nil {
		r.fresh(l, b, moved, rule)
		return nil
	}
	return r.both(d, l, have, b, rule)
}

// visible is live's content with from's word for what live cannot show, and for
// what the rule does not compare.
func visible(l *asset.Asset, from []byte, rule importer.Rule) ([]byte, error) {
	have, err := takeUnread(l, from)
	if err != nil {
		return nil, err
	}
	return merge.Take(have, from, rule.Ignore)
}

// gone handles an asset that the server no longer has.
func (r *reconciled) gone(id asset.ID, d, b *asset.Asset) {
	if b == nil {
		return // new in Git, waits for apply
	}
	r.Removed = append(r.Removed, id)
	if d == nil {
		return // gone on both sides
	}
	if !bytes.Equal(d.Content, b.Content) {
		rule := r.w.rule(d.Info)
		c := Conflict{ID: id, Title: d.Title, Path: d.Path, Text: "deleted on the server, but changed in Git since both last agreed"}
		if !r.decide(c, rule) || rule.Prefers(importer.Git) {
			return
		}
	}
	switch {
	case r.w.dirty[d.Path]:
		r.Dirty = append(r.Dirty, d.Path)
	default:
		r.Git[id] = nil
		r.Pulled = append(r.Pulled, Pulled{Info: d.Info, Action: "removed", Path: d.Path, Before: d.Content})
	}
}

// decide settles a conflict by the rule, or leaves it to a person; it reports which.
func (r *reconciled) decide(c Conflict, rule importer.Rule) bool {
	c.Winner = rule.Winner()
	if c.Winner == "" {
		r.Conflicts = append(r.Conflicts, c)
		return false
	}
	r.Decided = append(r.Decided, c)
	return true
}

// fresh handles an asset that is live and not in Git.
func (r *reconciled) fresh(l, b *asset.Asset, moved bool, rule importer.Rule) {
	if b != nil { // deleted in Git since: waits for apply, unless live moved too
		if !moved {
			return
		}
		c := Conflict{ID: l.ID, Title: l.Title, Text: deletedAndEdited}
		if !r.decide(c, rule) {
			if rule.OnConflict == importer.Branch {
				r.Parked = append(r.Parked, Parked{Info: l.Info, Path: r.w.pathOf(l), Content: l.Content})
			}
			return
		}
		if rule.Prefers(importer.Git) {
			return
		}
	}
	p := r.w.pathOf(l)
	if r.w.dirty[p] {
		r.Dirty = append(r.Dirty, p)
		return
	}
	r.Git[l.ID] = l.Content
	r.Pulled = append(r.Pulled, Pulled{Info: l.Info, Action: "added", Path: p, After: l.Content})
}

const deletedAndEdited = "deleted in Git, but changed on the server since both last agreed"

// movedSince reports whether live differs from base in what it can show and the
// rule compares. Without a base everything counts as moved.
func movedSince(l, b *asset.Asset, rule importer.Rule) (bool, error) {
	if b == nil {
		return true, nil
	}
	have, err := visible(l, b.Content, rule)
	return !bytes.Equal(have, b.Content), err
}

// both handles an asset that stands on both sides. have is what live holds.
func (r *reconciled) both(d, l *asset.Asset, have []byte, b *asset.Asset, rule importer.Rule) error {
	if bytes.Equal(d.Content, have) {
		return nil
	}
	want, err := merge.Unsaid(d.Content, have)
	if err != nil {
		return err
	}
	contest, err := r.w.policy.Contest(d.ID, content(b), have)
	if err != nil {
		return err
	}
	s, err := rule.Settle(content(b), want, have, contest)
	if err != nil {
		return err
	}
	if len(s.Conflicts)+len(s.Decided) > 0 {
		c := Conflict{ID: d.ID, Title: d.Title, Path: d.Path, Values: append(s.Conflicts, s.Decided...), Text: returnedText(contest, s)}
		if !r.decide(c, rule) {
			if rule.OnConflict == importer.Branch {
				r.Parked = append(r.Parked, Parked{Info: l.Info, Path: d.Path, Content: have})
			}
			return nil
		}
	}
	changed := !bytes.Equal(s.Content, d.Content)
	if changed && r.w.dirty[d.Path] {
		r.Dirty = append(r.Dirty, d.Path)
		return nil
	}
	if len(s.Edits) > 0 {
		r.Edits = append(r.Edits, LiveEdit{Info: l.Info, Path: d.Path, Values: s.Edits, Reverted: rule.OnLiveEdit == importer.Revert})
	}
	if !changed {
		return nil // only Git moved
	}
	r.change(d, l, s.Content)
	return nil
}

// change gives an asset's file a new content, and a new name where its title moved.
func (r *reconciled) change(d, l *asset.Asset, to []byte) {
	r.Git[d.ID] = to
	info := l.Info
	info.Title = titleOf(to, l.Title)
	r.Pulled = append(r.Pulled, Pulled{Info: info, Action: "changed", Path: d.Path, Before: d.Content, After: to})
	if p := r.w.pathOf(&asset.Asset{Info: info, Path: d.Path}); p != d.Path && !r.w.dirty[p] {
		last := &r.Pulled[len(r.Pulled)-1]
		last.From, last.Path = d.Path, p
	}
}

// returnedText says that values are in conflict because the server put them back.
func returnedText(c importer.Contest, s importer.Settled) string {
	for _, v := range append(s.Conflicts, s.Decided...) {
		if slices.Contains(c.Returned, v.Path) {
			return "the server has values again that an apply had replaced: somebody may have saved a page that was opened before"
		}
	}
	return ""
}

func titleOf(doc []byte, otherwise string) string {
	if d, err := asset.ParseDocument("", doc); err == nil {
		return d.Title
	}
	return otherwise
}

func allIDs(sets ...*asset.Set) []asset.ID {
	seen := map[asset.ID]bool{}
	var ids []asset.ID
	for _, s := range sets {
		for _, f := range s.Failed() {
			seen[f.ID] = true
			ids = append(ids, f.ID)
		}
		for _, id := range s.IDs() {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	slices.SortFunc(ids, asset.ID.Compare)
	return slices.Compact(ids)
}
