// Package importer brings canonical assets to a server: a plan as data, made by
// a pure function, and one path that carries it out and checks the outcome.
package importer

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// Action is what a change does to the server.
type Action uint8

// The actions.
const (
	Noop Action = iota
	Create
	Update
	Delete
)

// String is the word shown to people and written to plan files.
func (a Action) String() string {
	return [...]string{"noop", "create", "update", "delete"}[a]
}

// Change is one asset of a plan.
type Change struct {
	Action        Action
	ID            asset.ID
	Before, After *asset.Asset     // After = merge of base, desired and live under the policy
	Conflicts     []merge.Conflict // live and Git both moved since base
	Decided       []merge.Conflict // both moved them too, and the rule says whose value counts
	Skip          string           // why policy leaves it alone; "" means it will be applied
	// Unseen are the pointers among Before.Unread at which Git moved since base: they
	// are written, and nobody can see whether they arrived.
	Unseen []string
}

// Title is the name to show for the asset.
func (c Change) Title() string {
	if c.After != nil {
		return c.After.Title
	}
	if c.Before != nil {
		return c.Before.Title
	}
	return ""
}

// Applies reports whether apply will write this change.
func (c Change) Applies() bool {
	return c.Action != Noop && c.Skip == "" && len(c.Conflicts) == 0
}

// Compared is what the server has and what it gets, for showing the difference:
// what the server cannot show stands on both sides, unless Git moved it.
func (c Change) Compared() (before, after []byte) {
	before, after = content(c.Before), content(c.After)
	if c.Before == nil || c.After == nil {
		return before, after
	}
	hidden := slices.DeleteFunc(slices.Clone(c.Before.Unread), func(p string) bool { return slices.Contains(c.Unseen, p) })
	if filled, err := merge.Take(before, after, hidden); err == nil {
		before = filled
	}
	return before, after
}

// Plan is what apply would do: data, so that it can be shown, saved and applied
// exactly.
type Plan struct {
	Instance string
	From     string   // instance whose files those are; "" for the same
	Revision string   // commit the desired state was read from
	Undoes   string   // the run that it takes back, "" for every other plan
	Head     string   // of the followed branch when it was made; "" when nobody has to ask
	Changes  []Change // by ID; assets in sync are not listed
	// Refers are the digests, on the server, of what the changes refer to; "" for what
	// was not there.
	Refers map[asset.ID]string
	// Known is everything the plan was made from (desired over live), so that what
	// changes refer to can travel along.
	Known *asset.Set
	// Held is why a brake holds: too many deletions, so that none is done; "" when
	// none does. The other changes are as good as ever.
	Held string
}

// MakePlan compares desired (Git), live (server) and base (what both last had
// in common). It is pure: no context, no clock, no I/O. Any set may be nil.
func MakePlan(desired, live, base *asset.Set, p Policy) (*Plan, error) {
	known, err := overlay(desired, live)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Known: known}
	if p.Select != nil {
		p.Select = closed(p.Select, desired, live)
	}
	if why := p.Prune.incomplete(desired, live); why != "" && p.Prune.Unsafe == "" {
		p.Prune.Unsafe = why
	}
	for _, id := range union(desired, live) {
		c, err := change(id, desired, live, base, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
		if c != nil {
			plan.Changes = append(plan.Changes, *c)
		}
	}
	plan.keepUsed(desired, live, base, p.Prune.gone())
	plan.brake(p.Prune, live.Len())
	plan.Refers = plan.refers(live)
	return plan, nil
}

// closed is a selection with what the selected assets of Git refer to and the
// server does not have: without it they could not become what Git says.
func closed(selected func(asset.Info) bool, desired, live *asset.Set) func(asset.Info) bool {
	needed := map[asset.ID]bool{}
	var need func(a *asset.Asset)
	need = func(a *asset.Asset) {
		for _, ref := range a.Refs {
			if d := desired.Get(ref); d != nil && live.Absent(ref) && !needed[ref] {
				needed[ref] = true
				need(d)
			}
		}
	}
	for a := range desired.All() {
		if selected(infoOf(a, live.Get(a.ID))) {
			need(a)
		}
	}
	return func(info asset.Info) bool { return needed[info.ID] || selected(info) }
}

// change decides one asset; nil means there is nothing to say about it.
func change(id asset.ID, desired, live, base *asset.Set, p Policy) (*Change, error) {
	d, l, b := desired.Get(id), live.Get(id), base.Get(id)
	info := infoOf(d, l)
	if p.Select != nil && !p.Select(info) {
		return nil, nil
	}
	c := &Change{ID: id, Before: l, After: d}
	if f, bad := desired.Unreadable(id); bad {
		return skip(c, Update, "its file in Git cannot be read: "+f.Err.Error()), nil
	}
	if f, bad := live.Unreadable(id); bad {
		if d == nil {
			return nil, nil
		}
		return skip(c, Update, "the server lists it but it cannot be read: "+f.Err.Error()), nil
	}
	rule := p.rule(info)
	if why, skipped := live.Skipped(id.Kind); skipped && d != nil && l == nil {
		return skip(c, Create, why), nil
	}
	why, hidden := live.Hidden(id)
	switch {
	case d == nil && l == nil:
		return nil, nil
	case d == nil && p.Prune.Base != nil:
		return p.Prune.change(c, p.deleteRule(info), p.Prune.Base.Get(id), live)
	case d == nil:
		return p.Prune.change(c, p.deleteRule(info), b, live)
	case l == nil && live.Unselected(id):
		return skip(c, Update, "outside the instance's selection"), nil
	case l == nil && hidden:
		return skip(c, Update, "not shown to this account: "+why), nil
	case l == nil:
		return createChange(c, rule, b, p), nil
	}
	contest, err := p.Contest(id, content(b), content(l))
	if err != nil {
		return nil, err
	}
	return updateChange(c, rule, d, l, b, contest)
}

func createChange(c *Change, rule Rule, base *asset.Asset, p Policy) *Change {
	c.Action = Create
	switch {
	case rule.ReadOnly != "":
		return skip(c, Create, rule.ReadOnly)
	case rule.Protect:
		return skip(c, Create, "protected"+at(rule))
	case base != nil && rule.Overwrite != Always && p.Select == nil:
		return skip(c, Create, "deleted on the server since the last pull; the next pull takes it out of Git, or name it with --select to create it again")
	}
	return c
}

func updateChange(c *Change, rule Rule, d, l, b *asset.Asset, contest Contest) (*Change, error) {
	c.Action = Update
	have, err := c.assume(d, l, b)
	if err != nil {
		return nil, err
	}
	want, err := merge.Take(d.Content, have, rule.Ignore)
	if err != nil {
		return nil, err
	}
	// Only what live shows: what it cannot show and Git took out is told (unsaid).
	if want, err = merge.Unsaid(want, l.Content); err != nil {
		return nil, err
	}
	if bytes.Equal(want, have) {
		return nil, nil
	}
	if rule.Overwrite == IfUnchanged {
		s, err := rule.Settle(content(b), want, have, contest)
		if err != nil {
			return nil, err
		}
		want, c.Conflicts, c.Decided = s.Content, s.Conflicts, s.Decided
		if len(c.Conflicts) == 0 && bytes.Equal(want, have) {
			return nil, nil // only live moved: the next pull brings it
		}
	}
	after := *d
	after.Refs = mergedRefs(d, l)
	if len(c.Conflicts) == 0 {
		after.Content = want
		if doc, err := asset.ParseDocument(d.Path, want); err == nil {
			after.Title = doc.Title // live's, when only live moved it
		}
	}
	c.After = &after
	switch {
	case rule.ReadOnly != "":
		return skip(c, Update, rule.ReadOnly), nil
	case rule.Protect:
		return skip(c, Update, "protected"+at(rule)), nil
	case rule.Overwrite == Never:
		return skip(c, Update, "overwrite is never"+at(rule)), nil
	}
	return c, nil
}

// assume is live's content with what live cannot show filled in: the value it had
// when both sides last agreed, so that an edit of it in Git is seen as one; Git's
// where that is not known.
func (c *Change) assume(d, l, b *asset.Asset) ([]byte, error) {
	if b == nil || len(l.Unread) == 0 {
		return merge.Take(l.Content, d.Content, l.Unread)
	}
	have, err := merge.Take(l.Content, b.Content, l.Unread)
	if err != nil {
		return nil, err
	}
	for _, p := range l.Unread {
		with, err := merge.Take(have, d.Content, []string{p})
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(with, have) {
			c.Unseen = append(c.Unseen, p)
		}
	}
	return have, nil
}

// unsaid names what Git took out where the server cannot show it: a connector is
// given what is to be there, and can take back only what it sees.
func (c Change) unsaid() []asset.Note {
	var out []asset.Note
	for _, p := range c.Unseen {
		if len(holding(c.After.Content, []string{p})) == 0 {
			out = append(out, asset.Note{ID: c.ID, Path: p, Text: "it was taken out in Git; this server does not show it, so whether it is still there must be looked up on the server"})
		}
	}
	return out
}

func skip(c *Change, a Action, why string) *Change {
	c.Action, c.Skip = a, why
	return c
}

func at(r Rule) string {
	if r.Where == "" {
		return ""
	}
	return " (" + r.Where + ")"
}

func content(a *asset.Asset) []byte {
	if a == nil {
		return nil
	}
	return a.Content
}

func infoOf(d, l *asset.Asset) asset.Info {
	switch {
	case l != nil:
		return l.Info // tags and owners are known to the server only
	case d != nil:
		return d.Info
	}
	return asset.Info{}
}

func mergedRefs(d, l *asset.Asset) []asset.ID {
	refs := slices.Clone(d.Refs)
	for _, r := range l.Refs {
		if !slices.Contains(refs, r) {
			refs = append(refs, r)
		}
	}
	return refs
}

func union(sets ...*asset.Set) []asset.ID {
	seen := map[asset.ID]bool{}
	var ids []asset.ID
	add := func(id asset.ID) {
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	for _, s := range sets {
		for _, id := range s.IDs() {
			add(id)
		}
		for _, f := range s.Failed() {
			add(f.ID)
		}
	}
	slices.SortFunc(ids, asset.ID.Compare)
	return ids
}

// overlay is everything known about what assets are, Git's word over live's.
func overlay(desired, live *asset.Set) (*asset.Set, error) {
	var all []*asset.Asset
	for _, id := range union(desired, live) {
		a := desired.Get(id)
		if a == nil {
			a = live.Get(id)
		}
		if a != nil {
			bare := *a
			bare.Path = "" // paths of two origins may clash, and nobody needs them here
			all = append(all, &bare)
		}
	}
	return asset.NewSet(all...)
}
