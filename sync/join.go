package sync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"path"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
	"github.com/dashkeep/dashkeep/repo"
)

// forkDepth bounds how far back the point is looked for where two machines' own
// refs parted.
const forkDepth = 5000

// joinOwnRefs settles base, ids and inventory where two machines moved them apart, from the
// errors of a fetch. Other errors come back.
func (e *Engine) joinOwnRefs(ctx context.Context, err error) error {
	var rest []error
	for _, err := range flatten(err) {
		var d *repo.DivergedError
		if !errors.As(err, &d) || d.Remote == "" || !joined(d.Ref) {
			rest = append(rest, err)
			continue
		}
		if err := e.joinRef(ctx, d); err != nil {
			rest = append(rest, err)
		}
	}
	return errors.Join(rest...)
}

// joined reports whether a ref's content can be put together from two machines'.
func joined(ref string) bool {
	for _, sort := range []string{"base", "ids", "inventory"} {
		if strings.HasPrefix(ref, refName(sort, "")+"/") {
			return true
		}
	}
	return false
}

func (e *Engine) joinRef(ctx context.Context, d *repo.DivergedError) error {
	fork, err := e.fork(ctx, d.Local, d.Remote)
	if err != nil {
		return err
	}
	var files [3]map[string][]byte
	for i, rev := range []repo.Revision{fork, d.Local, d.Remote} {
		if files[i], err = e.Repo.Files(rev, ""); err != nil {
			return err
		}
	}
	joined := joinFiles(files[0], files[1], files[2])
	_, err = e.Repo.MergeRef(ctx, d.Ref, d.Local, d.Remote, joined, path.Base(path.Dir(d.Ref))+": joined with what another machine learned")
	return err
}

// fork is the youngest commit that both have, "" when none is found.
func (e *Engine) fork(ctx context.Context, ours, theirs repo.Revision) (repo.Revision, error) {
	log, err := e.Repo.LogContext(ctx, ours, "", forkDepth)
	if err != nil {
		return "", err
	}
	known := map[repo.Revision]bool{}
	for _, c := range log {
		known[c.Revision] = true
	}
	if log, err = e.Repo.LogContext(ctx, theirs, "", forkDepth); err != nil {
		return "", err
	}
	for _, c := range log {
		if known[c.Revision] {
			return c.Revision, nil
		}
	}
	return "", nil
}

// joinFiles takes, value by value, what either machine learned since the fork:
// base must not fall back, or a person's return to an older value would look like
// no edit. Where both learned something theirs is taken. Either was common to Git
// and live once, so that costs at most a conflict that is none.
func joinFiles(fork, ours, theirs map[string][]byte) map[string][]byte {
	names := maps.Clone(theirs)
	maps.Copy(names, ours)
	joined := map[string][]byte{}
	for name := range names {
		if data := joinFile(name, fork[name], ours[name], theirs[name]); data != nil {
			joined[name] = data
		}
	}
	return joined
}

func joinFile(name string, fork, ours, theirs []byte) []byte {
	switch {
	case bytes.Equal(ours, theirs), bytes.Equal(ours, fork):
		return theirs
	case bytes.Equal(theirs, fork):
		return ours
	case ours == nil || theirs == nil:
		return theirs
	case name == stateFile:
		return joinState(ours, theirs)
	case name == idsFile:
		return joinIDs(ours, theirs)
	case name == inventoryFile:
		return joinInventory(fork, ours, theirs)
	}
	merged, _, err := merge.Three(fork, theirs, ours)
	if err != nil {
		return theirs
	}
	return merged
}

// joinState remembers the later of the newest change times, and what is open on
// either machine.
func joinState(ours, theirs []byte) []byte {
	var a, b baseState
	if json.Unmarshal(ours, &a) != nil || json.Unmarshal(theirs, &b) != nil {
		return theirs
	}
	if b.Newest == nil {
		b.Newest = map[asset.Kind]newest{}
	}
	for kind, n := range a.Newest {
		if n.At.After(b.Newest[kind].At) {
			b.Newest[kind] = n
		}
	}
	if len(a.Returned) > 0 {
		if b.Returned == nil {
			b.Returned = map[string][]string{}
		}
		maps.Copy(b.Returned, a.Returned)
	}
	for id, own := range a.Written {
		if _, ok := b.Written[id]; !ok {
			b.Written = notNil(b.Written)
			b.Written[id] = own
		}
	}
	return encodeOwn(b, theirs)
}

// joinIDs is every binding of both.
func joinIDs(ours, theirs []byte) []byte {
	a, b := map[string]string{}, map[string]string{}
	if json.Unmarshal(ours, &a) != nil || json.Unmarshal(theirs, &b) != nil {
		return theirs
	}
	maps.Copy(a, b)
	return encodeOwn(a, theirs)
}

func encodeOwn(v any, otherwise []byte) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		return otherwise
	}
	return append(data, '\n')
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, one := range j.Unwrap() {
			out = append(out, flatten(one)...)
		}
		return out
	}
	return []error{err}
}
