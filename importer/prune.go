package importer

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// Prune says which assets that Git no longer has may be deleted on the server.
// The zero value deletes nothing. MakePlan itself deletes nothing either while
// Git holds no asset at all, or anything on either side could not be read.
type Prune struct {
	Enabled bool
	// Owned reports whether the asset is in the inventory: dashkeep created it, or
	// was told to manage it. nil: nothing is.
	Owned func(asset.ID) bool
	// Base is what the server's own files and the server last had in common; nil
	// for the plan's base. It differs when another instance's files are brought.
	Base *asset.Set
	// Max and MaxPercent (of the assets that the server has) are how many one plan
	// may delete. Above either of them it deletes none. One is within any share
	// that is not 0.
	Max, MaxPercent int
	// Cannot says why the platform cannot delete assets of a kind, "" when it can.
	Cannot func(asset.Kind) string
	// Uses reports whether assets of kind by may refer to one of kind of, so that one
	// of the latter is deleted only when the former are read. nil: none do.
	Uses func(by, of asset.Kind) bool
	// Tolerate reports whether an asset is known to be unreadable, so that the rest
	// counts as completely read. nil: none is.
	Tolerate func(asset.ID) bool
	// Unsafe is why nothing may be deleted now, "" when nothing speaks against it.
	Unsafe   string
	Instance string // for what to type
	Restore  bool   // the plan brings back an old revision
}

func (p Prune) owned(id asset.ID) bool { return p.Owned != nil && p.Owned(id) }

// gone says why the asset is considered at all.
func (p Prune) gone() string {
	if p.Restore {
		return "not in the revision that is restored"
	}
	return "deleted in Git"
}

// change decides an asset that live has and Git has not. common is what both
// sides last agreed on, nil when they never did; rule is the config's own, for no
// flag makes a deletion out of "never".
func (p Prune) change(c *Change, rule Rule, common *asset.Asset, live *asset.Set) (*Change, error) {
	manage := fmt.Sprintf("dashkeep manage %s --select %s", p.Instance, c.ID)
	if common == nil {
		if p.Restore && p.Enabled && p.owned(c.ID) {
			return skip(c, Delete, fmt.Sprintf("%s, and never pulled, so whether somebody edited it is not known: dashkeep pull %s, then restore again", p.gone(), p.Instance)), nil
		}
		return nil, nil // new on the server: the next pull brings it
	}
	cannot := ""
	if p.Cannot != nil {
		cannot = p.Cannot(c.ID.Kind)
	}
	switch why := rule.keeps(); {
	case !p.Enabled && p.owned(c.ID):
		return skip(c, Delete, p.gone()+"; pruning is off, so the server keeps it: --prune deletes it there"), nil
	case !p.Enabled:
		return skip(c, Delete, p.gone()+"; pruning is off, so the server keeps it, and dashkeep did not create it: to have it deleted, "+manage+", then --prune"), nil
	case cannot != "":
		return skip(c, Delete, p.gone()+"; delete it on the server by hand: "+cannot), nil
	case why != "":
		return skip(c, Delete, p.gone()+"; "+why+", so the server keeps it: delete it there by hand, or change the rule"), nil
	case !p.owned(c.ID):
		return skip(c, Delete, p.gone()+", but dashkeep did not create it, so the server keeps it: to have it deleted, "+manage+", then run this again"), nil
	case p.Unsafe != "":
		return skip(c, Delete, p.gone()+"; nothing is deleted now: "+p.Unsafe), nil
	}
	if why := unseenUser(p.Uses, c.ID.Kind, live); why != "" {
		return skip(c, Delete, fmt.Sprintf("%s, but %s, so the server keeps it", p.gone(), why)), nil
	}
	c.Action = Delete
	err := c.editedSince(common)
	return c, err
}

// unseenUser says which kind was not read, or in part only, of which one may refer
// to an asset of kind of; "" when there is none. What the server does not have
// refers to nothing.
func unseenUser(uses func(by, of asset.Kind) bool, of asset.Kind, live *asset.Set) string {
	for _, e := range live.Kinds() {
		if uses != nil && e.Reason != asset.NotThere && uses(e.Kind, of) {
			return fmt.Sprintf("whether one of the %s uses it is not known (%s)", e.Kind.Plural(), e.Why)
		}
	}
	return ""
}

// editedSince makes a conflict of every value that the server moved since both
// sides last agreed: whoever deleted the file did not see it.
func (c *Change) editedSince(common *asset.Asset) error {
	have, err := merge.Take(c.Before.Content, common.Content, c.Before.Unread)
	if err != nil || bytes.Equal(have, common.Content) {
		return err
	}
	moved, err := merge.Differences(common.Content, have)
	if err != nil {
		return err
	}
	for _, v := range moved {
		c.Conflicts = append(c.Conflicts, merge.Conflict{Path: v.Path, Base: v.Ours, Theirs: v.Theirs})
	}
	return nil
}

// incomplete says why absence from Git, or that nothing refers to an asset,
// cannot be told from what was read; "" when it can.
func (p Prune) incomplete(desired, live *asset.Set) string {
	if desired.Len() == 0 {
		return "Git holds no asset of this instance at all"
	}
	if fs := desired.Failed(); len(fs) > 0 {
		return fmt.Sprintf("the file of %s in Git cannot be read (%v)", fs[0].ID, fs[0].Err)
	}
	for _, f := range live.Failed() {
		if p.Tolerate == nil || !p.Tolerate(f.ID) {
			return fmt.Sprintf("the server could not be read completely: %s %q (%v); mend it, or name it under accept: in the config", f.ID, f.Title, f.Err)
		}
	}
	for id, o := range live.Outside() {
		if o.Err != nil && (p.Tolerate == nil || !p.Tolerate(id)) {
			return fmt.Sprintf("the server could not be read completely: %s, which is not selected (%v); mend it, or name it under accept: in the config", id, o.Err)
		}
	}
	return ""
}

// keepUsed takes out of the deletions whatever something that stays refers to.
// What is kept so may refer to more, which is then kept too.
func (p *Plan) keepUsed(desired, live, base *asset.Set, gone string) {
	deletes := map[asset.ID]*Change{}
	changes := map[asset.ID]*Change{}
	for i := range p.Changes {
		c := &p.Changes[i]
		changes[c.ID] = c
		if c.Action == Delete && c.Applies() {
			deletes[c.ID] = c
		}
	}
	type use struct{ by, of asset.ID }
	var uses []use
	stays := func(id asset.ID, refs []asset.ID) {
		for _, r := range refs {
			if deletes[r] != nil && r != id {
				uses = append(uses, use{id, r})
			}
		}
	}
	for _, id := range union(desired, live, base) {
		if deletes[id] == nil {
			stays(id, refsAfter(id, desired, live, base, changes[id]))
		}
	}
	for id, o := range live.Outside() {
		stays(id, o.Refs)
	}
	for len(uses) > 0 {
		u := uses[0]
		uses = uses[1:]
		c := deletes[u.of]
		if c == nil {
			continue
		}
		delete(deletes, u.of)
		skip(c, Delete, fmt.Sprintf("%s, but %s uses it and stays, so the server keeps it: take it out there, or delete both", gone, nameOf(u.by, desired, live)))
		stays(c.ID, c.Before.Refs)
	}
}

// refsAfter is what an asset that stays refers to when the plan is done: what
// Git says, and what the server has, unless the plan takes it out. Of what cannot
// be read the last known state counts.
func refsAfter(id asset.ID, desired, live, base *asset.Set, c *Change) []asset.ID {
	var refs []asset.ID
	if d := desired.Get(id); d != nil {
		refs = slices.Clone(d.Refs)
	}
	l := live.Get(id)
	if l == nil {
		if b := base.Get(id); b != nil && !live.Absent(id) {
			refs = append(refs, b.Refs...)
		}
		return refs
	}
	for _, r := range l.Refs {
		takenOut := c != nil && c.Action == Update && c.Applies() && !bytes.Contains(c.After.Content, []byte(r.UID))
		if !takenOut {
			refs = append(refs, r)
		}
	}
	return refs
}

func nameOf(id asset.ID, sets ...*asset.Set) string {
	for _, s := range sets {
		if a := s.Get(id); a != nil {
			return fmt.Sprintf("%s %q", id, a.Title)
		}
	}
	return id.String()
}

// brake holds all deletions when they are more than Max or MaxPercent allows.
func (p *Plan) brake(pr Prune, known int) {
	n := 0
	for _, c := range p.Changes {
		if c.Action == Delete && c.Applies() {
			n++
		}
	}
	if n <= pr.allowed(known) {
		return
	}
	p.Held = fmt.Sprintf("%d assets %s would be deleted on the server, more than prune allows (max is %d, max_percent is %d of %d assets), so none is. "+
		"If that is right, take fewer at a time with --select, or set prune: {max: %d, max_percent: %d} for instance %s in the config",
		n, pr.gone(), pr.Max, pr.MaxPercent, known, max(n, pr.Max), max(needed(n, known), pr.MaxPercent), pr.Instance)
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Action == Delete && c.Applies() {
			skip(c, Delete, fmt.Sprintf("%s; held: %d deletions are more than prune allows", pr.gone(), n))
		}
	}
}

// allowed is how many of known assets one plan may delete.
func (p Prune) allowed(known int) int {
	share := known * p.MaxPercent / 100
	if share == 0 && p.MaxPercent > 0 {
		share = 1
	}
	return min(p.Max, share)
}

// needed is the smallest max_percent that allows n of known.
func needed(n, known int) int {
	return min(100, (n*100+known-1)/max(known, 1))
}
