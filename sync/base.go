package sync

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"time"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
	"github.com/dashkeep/dashkeep/repo"
)

// base is, value by value, what Git and live last had in common, with what the
// brake must remember. It is kept as a tree at refs/dashkeep/base/<instance>:
// <kind plural>/<uid>.yaml and state.json.
type base struct {
	set   *asset.Set
	files map[string][]byte
	rev   repo.Revision // "" when the instance was never pulled
	state baseState
}

// baseState is what the brake compares the next listing with.
type baseState struct {
	Newest map[asset.Kind]newest `json:"newest,omitempty"`
	// Missing are assets that the last pull did not find, with the account that
	// missed them (see settleAbsence).
	Missing map[string]string `json:"missing,omitempty"`
	// Account is who the last pull read as, and Hidden what that account was not
	// shown, with the account that had seen it before, if it had (see hearWitness).
	Account string            `json:"account,omitempty"`
	Hidden  map[string]string `json:"hidden,omitempty"`
	// Written are assets that dashkeep itself made other than Git's head says since
	// the last pull, with the digest of their content, "" for deleted ones.
	Written map[string]string `json:"written,omitempty"`
	// Returned are, as pointers by asset, values that the server put back to what they
	// were before an apply: a conflict that is open yet (see returns).
	Returned map[string][]string `json:"returned,omitempty"`
}

type newest struct {
	UID string    `json:"uid"`
	At  time.Time `json:"at"`
}

const stateFile = "state.json"

// plainUID is a uid that any file name can hold and that is no reserved name.
var plainUID = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]{4,63}$`)

// basePath is where an asset lies in base and in a pre-image. The name only has
// to be one and the same each time: the file itself says which asset it is.
func basePath(id asset.ID) string {
	return path.Join(id.Kind.Plural(), plainName(id.UID)+".yaml")
}

// plainName is a uid as a file or branch may be called.
func plainName(uid string) string {
	if plainUID.MatchString(uid) {
		return uid
	}
	sum := sha256.Sum256([]byte(uid))
	return hex.EncodeToString(sum[:])
}

func (e *Engine) loadBase(in *Instance, known ...*asset.Set) (*base, error) {
	b := &base{files: map[string][]byte{}}
	rev, ok, err := e.Repo.ReadRef(refName("base", in.Name))
	if err != nil {
		return nil, err
	}
	var assets []*asset.Asset
	if ok {
		b.rev = rev
		if b.files, err = e.Repo.Files(rev, ""); err != nil {
			return nil, err
		}
	}
	load := loader(in, known)
	for p, data := range b.files {
		if p == stateFile {
			if err := json.Unmarshal(data, &b.state); err != nil {
				return nil, fmt.Errorf("state of instance %s in %s: %w", in.Name, refName("base", in.Name), err)
			}
			continue
		}
		a, err := load(p, data)
		if err != nil {
			return nil, fmt.Errorf("base of instance %s: %w", in.Name, err)
		}
		a.Path = "" // not a working file: names that differ by case are two
		assets = append(assets, a)
	}
	b.set, err = asset.NewSet(assets...)
	return b, err
}

// moveBase takes over every value that is equal in Git and live now and keeps
// the rest. Nothing is written when nothing moved.
func (e *Engine) moveBase(ctx context.Context, in *Instance, b *base, git map[asset.ID][]byte, live *asset.Set, run *Run) error {
	files := map[string][]byte{}
	ids := map[asset.ID]bool{}
	for _, id := range b.set.IDs() {
		ids[id] = true
	}
	for id := range git {
		ids[id] = true
	}
	for _, id := range live.IDs() {
		ids[id] = true
	}
	written := run.written()
	for id := range ids {
		agreed, err := e.agree(id, b, git, live, written[id])
		if err != nil {
			return fmt.Errorf("base of %s: %w", id, err)
		}
		if agreed != nil {
			files[basePath(id)] = agreed
		}
	}
	next := b.state
	if run.Op == "pull" {
		next = nextState(b.state, live)
		next.Missing, next.Account, next.Hidden, next.Returned = run.missing, run.account, run.hidden, run.returned
	}
	state, err := json.Marshal(next)
	if err != nil {
		return err
	}
	files[stateFile] = append(state, '\n')
	_, err = e.Repo.WriteRef(ctx, refName("base", in.Name), b.rev, files, "base of "+in.Name+" after "+run.Op+" "+run.ID)
	return err
}

// agree is the new base of one asset. Where one side cannot be seen the old base
// stays; of values that live cannot show it takes Git's when they are what was
// written just now, or when there is no older base to keep.
func (e *Engine) agree(id asset.ID, b *base, git map[asset.ID][]byte, live *asset.Set, written []byte) ([]byte, error) {
	old := content(b.set.Get(id))
	g, known := git[id]
	_, bad := live.Unreadable(id)
	if _, hidden := live.Hidden(id); bad || hidden || !known || live.Unselected(id) {
		return old, nil
	}
	l := live.Get(id)
	if l == nil {
		return merge.Agree(old, g, nil)
	}
	hidden := written
	switch {
	case written != nil:
	case old != nil:
		hidden = old
	default:
		hidden = g
	}
	have, err := takeUnread(l, hidden)
	if err != nil {
		return nil, err
	}
	return merge.Agree(old, g, have)
}

// takeUnread is live's content with from's word for what live cannot show.
func takeUnread(l *asset.Asset, from []byte) ([]byte, error) {
	if len(l.Unread) == 0 || from == nil {
		return l.Content, nil
	}
	return merge.Take(l.Content, from, l.Unread)
}

func content(a *asset.Asset) []byte {
	if a == nil {
		return nil
	}
	return a.Content
}

// nextState remembers, per kind, the asset with the newest change time.
func nextState(old baseState, live *asset.Set) baseState {
	next := baseState{Newest: map[asset.Kind]newest{}}
	for a := range live.All() {
		if n := next.Newest[a.ID.Kind]; a.UpdatedAt.After(n.At) {
			next.Newest[a.ID.Kind] = newest{UID: a.ID.UID, At: a.UpdatedAt.UTC()}
		}
	}
	if live.Len() == 0 {
		next.Newest = old.Newest
	}
	return next
}

// wentBack finds newest-of-their-kind assets whose change time moved back.
func wentBack(old baseState, live *asset.Set) []exporter.WentBack {
	var out []exporter.WentBack
	for kind, n := range old.Newest {
		id := asset.ID{Kind: kind, UID: n.UID}
		if a := live.Get(id); a != nil && !a.UpdatedAt.IsZero() && a.UpdatedAt.Before(n.At) {
			out = append(out, exporter.WentBack{ID: id, Was: n.At, Now: a.UpdatedAt})
		}
	}
	return out
}

// pushState pushes the branch and this instance's own refs. A host that refuses
// refs/dashkeep/* costs a warning: state is then local to this clone.
func (e *Engine) pushState(ctx context.Context, in *Instance, run *Run) error {
	if !e.Remote {
		return nil
	}
	var refs []string
	if _, born, err := e.Repo.Head(); err != nil {
		return err
	} else if born {
		refs = append(refs, "refs/heads/"+e.Repo.Branch())
	}
	backups, err := e.Repo.ListRefs(refName("backup", in.Name) + "/")
	if err != nil {
		return err
	}
	refs = slices.AppendSeq(refs, maps.Keys(backups))
	for _, sort := range []string{"base", "ids", "inventory"} { // pushing an absent ref would delete it there
		name := refName(sort, in.Name)
		if _, ok, err := e.Repo.ReadRef(name); err != nil {
			return err
		} else if ok {
			refs = append(refs, name)
		}
	}
	if refs == nil {
		return nil
	}
	err = e.Repo.Push(ctx, refs...)
	var refused *repo.OwnRefsError
	if errors.As(err, &refused) {
		run.warn("%v; a second machine cannot continue from this clone", err)
		return nil
	}
	return err
}
