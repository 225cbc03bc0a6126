package importer

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// MakeUndo plans how to take back a run: ids are the assets it wrote, before is what
// they were, after what the run made of them, live what they are now. It is a plan
// like any other, with before as Git and after as base, so what people did since
// stays where it does not collide and is a conflict where it does:
//
//	before  after  now
//	 x       y     y     x is written
//	 x       y     x     nothing: the run did not get that far, or it is undone
//	 x       y     z     merged by value, or a conflict
//	 -       y     y     deleted: the run created it
//	 -       y     z     left alone: somebody changed it since
//	 x       -     -     created: the run deleted it
//
// Of the policy's rules Protect, ReadOnly and Ignore count. It is pure.
func MakeUndo(ids []asset.ID, before, after, live *asset.Set, p Policy) (*Plan, error) {
	rules := p
	p.Rule = func(info asset.Info) Rule {
		r := rules.rule(info)
		mode := IfUnchanged
		if rules.Force == Always {
			mode = Always
		}
		return Rule{Overwrite: mode, Protect: r.Protect, ReadOnly: r.ReadOnly, Ignore: r.Ignore, Where: r.Where}
	}
	p.Force, p.Returned = "", nil
	p.Select = func(info asset.Info) bool { return slices.Contains(ids, info.ID) }
	plan := &Plan{}
	var err error
	if plan.Known, err = overlay(before, live); err != nil {
		return nil, err
	}
	ids = slices.Clone(ids)
	slices.SortFunc(ids, asset.ID.Compare)
	for _, id := range slices.Compact(ids) {
		var c *Change
		if before.Absent(id) {
			c, err = uncreate(id, ids, after.Get(id), live, p)
		} else {
			c, err = change(id, before, live, after, p)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
		if c != nil {
			plan.Changes = append(plan.Changes, *c)
		}
	}
	plan.Refers = plan.refers(live)
	return plan, nil
}

// uncreate deletes what the run created, unless somebody did something with it since.
func uncreate(id asset.ID, ids []asset.ID, made *asset.Asset, live *asset.Set, p Policy) (*Change, error) {
	l := live.Get(id)
	c := &Change{Action: Delete, ID: id, Before: l}
	if f, bad := live.Unreadable(id); bad {
		return skip(c, Delete, "the server lists it but it cannot be read: "+f.Err.Error()), nil
	}
	if l == nil || made == nil {
		return nil, nil
	}
	rule := p.rule(l.Info)
	have, err := merge.Take(l.Content, made.Content, slices.Concat(l.Unread, rule.Ignore))
	if err != nil {
		return nil, err
	}
	switch user := userOf(id, ids, live); {
	case rule.Protect:
		return skip(c, Delete, "protected"+at(rule)), nil
	case rule.ReadOnly != "":
		return skip(c, Delete, rule.ReadOnly), nil
	case user != nil:
		return skip(c, Delete, fmt.Sprintf("%s %q uses it by now, so it is left alone", user.ID, user.Title)), nil
	case rule.Overwrite != Always && !bytes.Equal(have, made.Content):
		return skip(c, Delete, "changed on the server since the run created it, so it is left alone"), nil
	}
	return c, nil
}

// userOf is an asset of the server, other than those of the run, that refers to id.
func userOf(id asset.ID, ids []asset.ID, live *asset.Set) *asset.Asset {
	for a := range live.All() {
		if slices.Contains(a.Refs, id) && !slices.Contains(ids, a.ID) {
			return a
		}
	}
	return nil
}
