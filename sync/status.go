package sync

import (
	"bytes"
	"context"
	"errors"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// State says how an asset stands on both sides.
type State string

// The states of an asset.
const (
	InSync     State = "in sync"
	LiveNewer  State = "live newer" // a pull brings it
	GitNewer   State = "git newer"  // an apply brings it
	BothMoved  State = "both moved"
	OnlyLive   State = "only live"
	OnlyGit    State = "only git"
	Unreadable State = "unreadable"
	NotShown   State = "not shown" // in Git, and the account may not be shown it
)

// AssetStatus is one asset of a status report.
type AssetStatus struct {
	Info  asset.Info
	State State
	Path  string
	Err   error // when Unreadable or NotShown
	// Accepted is why an Unreadable one is no failure (accept: in the config).
	Accepted string
	// Managed says that it is in the inventory, so that prune may delete it.
	Managed bool
	Note    string // what else is known of it
}

// Status is how an instance stands.
type Status struct {
	Assets  []AssetStatus
	NotRead []asset.KindError
	// Failures are kinds that the config names and the account may not read.
	Failures []Failure
}

// Status reads the server and says, per asset, which side moved. Nothing is
// written on either side.
func (e *Engine) Status(ctx context.Context, name string) (*Status, error) {
	in, err := e.Instance(name)
	if err != nil {
		return nil, err
	}
	live, err := e.live(ctx, in)
	if err != nil {
		return nil, err
	}
	if live, err = e.recognizeHead(ctx, in, live); err != nil {
		return nil, err
	}
	head, _, err := e.Repo.Head()
	if err != nil {
		return nil, err
	}
	desired, broken, err := e.desired(in, head, live)
	if err != nil {
		return nil, err
	}
	b, err := e.loadBase(in, live, desired)
	if err != nil {
		return nil, err
	}
	if err := e.askForKnown(ctx, in, live, desired, b); err != nil {
		return nil, err
	}
	markBroken(desired, broken, live, b.set)
	v, err := e.loadInventory(in)
	if err != nil {
		return nil, err
	}
	out := &Status{}
	out.NotRead, out.Failures = in.notRead(live)
	for _, id := range allIDs(desired, live) {
		if live.Unselected(id) {
			continue
		}
		s, err := statusOf(id, desired, live, b.set, in)
		if err != nil {
			return nil, err
		}
		s.Managed = v.owns(id)
		if t, buried := v.tombstone(id); buried && live.Get(id) != nil {
			s.Note = t.String() + " and on the server again"
		}
		if in.Accepted != nil && s.State == Unreadable {
			s.Accepted, _ = in.Accepted(id, e.Now())
		}
		out.Assets = append(out.Assets, s)
	}
	for _, f := range unnamed(broken) {
		out.Assets = append(out.Assets, AssetStatus{State: Unreadable, Path: f.Path, Err: f.Err})
	}
	return out, nil
}

func statusOf(id asset.ID, desired, live, base *asset.Set, in *Instance) (AssetStatus, error) {
	d, l, b := desired.Get(id), live.Get(id), base.Get(id)
	s := AssetStatus{Info: asset.Info{ID: id}}
	if d != nil {
		s.Info, s.Path = d.Info, d.Path
	}
	if l != nil {
		s.Info = l.Info
	}
	for _, set := range []*asset.Set{desired, live} {
		if f, bad := set.Unreadable(id); bad {
			s.State, s.Err = Unreadable, f.Err
			if s.Info.Title == "" {
				s.Info.Title = f.Title
			}
			return s, nil
		}
	}
	if why, hidden := live.Hidden(id); hidden {
		s.State, s.Err = NotShown, errors.New(why)
		return s, nil
	}
	switch {
	case l == nil:
		s.State = OnlyGit
		return s, nil
	case d == nil:
		s.State = OnlyLive
		return s, nil
	}
	hidden := content(b)
	if b == nil {
		hidden = d.Content
	}
	rule := in.rule(l.Info)
	have, err := visible(l, hidden, rule)
	if err != nil {
		return s, err
	}
	if have, err = merge.Take(have, d.Content, rule.Ignore); err != nil {
		return s, err
	}
	liveMoved, err := movedSince(l, b, rule)
	if err != nil {
		return s, err
	}
	gitMoved := b == nil || !bytes.Equal(d.Content, b.Content)
	switch {
	case bytes.Equal(have, d.Content):
		s.State = InSync
	case liveMoved && gitMoved:
		s.State = BothMoved
	case liveMoved && rule.OnLiveEdit != importer.Revert:
		s.State = LiveNewer
	default:
		s.State = GitNewer
	}
	return s, nil
}
