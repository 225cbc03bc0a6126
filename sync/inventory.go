package sync

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/repo"
)

// inventory is what of an instance dashkeep may delete on the server: what it
// created there, or was told to manage. It is kept in refs/dashkeep/inventory/
// <instance>, pushed like base, with what it deleted in the last months.
type inventory struct {
	rev     repo.Revision
	Assets  map[string]Owned     `json:"assets"`            // by asset.ID.String()
	Deleted map[string]Tombstone `json:"deleted,omitempty"` // the same
}

// Owned is why an asset is in the inventory.
type Owned struct {
	Title string    `json:"title"`
	How   string    `json:"how"` // created, managed
	Run   string    `json:"run"`
	At    time.Time `json:"at"`
}

// Tombstone is what is remembered of an asset that a run deleted on the server.
type Tombstone struct {
	Title    string    `json:"title"`
	Run      string    `json:"run"`
	Revision string    `json:"revision"` // of Git, which no longer had it
	At       time.Time `json:"at"`
}

func (t Tombstone) String() string {
	return fmt.Sprintf("deleted by run %s on %s", t.Run, t.At.UTC().Format("2006-01-02"))
}

// How an asset came into the inventory.
const (
	howCreated = "created"
	howManaged = "managed"
)

const inventoryFile = "inventory.json"

// Tombstones are kept this long, and at most this many of them.
const (
	tombstoneAge   = 90 * 24 * time.Hour
	tombstoneCount = 1000
)

func (v *inventory) owns(id asset.ID) bool { _, ok := v.Assets[id.String()]; return ok }

func (v *inventory) tombstone(id asset.ID) (Tombstone, bool) {
	t, ok := v.Deleted[id.String()]
	return t, ok
}

// own takes an asset in, and forgets that it was ever deleted.
func (v *inventory) own(id asset.ID, o Owned) {
	v.Assets[id.String()] = o
	delete(v.Deleted, id.String())
}

// bury takes an asset out because a run deleted it.
func (v *inventory) bury(id asset.ID, t Tombstone) {
	delete(v.Assets, id.String())
	v.Deleted[id.String()] = t
}

// trim drops tombstones that are too old or too many.
func (v *inventory) trim(now time.Time) {
	maps.DeleteFunc(v.Deleted, func(_ string, t Tombstone) bool { return now.Sub(t.At) > tombstoneAge })
	if n := len(v.Deleted) - tombstoneCount; n > 0 {
		oldest := slices.SortedFunc(maps.Keys(v.Deleted), func(a, b string) int {
			return cmp.Or(v.Deleted[a].At.Compare(v.Deleted[b].At), cmp.Compare(a, b))
		})
		for _, id := range oldest[:n] {
			delete(v.Deleted, id)
		}
	}
}

func decodeInventory(data []byte) (*inventory, error) {
	v := &inventory{Assets: map[string]Owned{}, Deleted: map[string]Tombstone{}}
	if data == nil {
		return v, nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return nil, err
	}
	v.Assets, v.Deleted = notNil(v.Assets), notNil(v.Deleted) // "null" makes them so
	for _, ids := range [][]string{slices.Collect(maps.Keys(v.Assets)), slices.Collect(maps.Keys(v.Deleted))} {
		for _, id := range ids {
			if _, err := asset.ParseID(id); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func notNil[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

// loadInventory reads the inventory; a missing one is empty.
func (e *Engine) loadInventory(in *Instance) (*inventory, error) {
	ref := refName("inventory", in.Name)
	rev, ok, err := e.Repo.ReadRef(ref)
	if err != nil {
		return nil, err
	}
	var data []byte
	if ok {
		files, err := e.Repo.Files(rev, "")
		if err != nil {
			return nil, err
		}
		data = files[inventoryFile]
	}
	v, err := decodeInventory(data)
	if err != nil {
		return nil, fmt.Errorf("inventory of instance %s in %s: %w", in.Name, ref, err)
	}
	v.rev = rev
	return v, nil
}

// inventoryTries is how often a change of the inventory is made anew because
// another process moved it.
const inventoryTries = 3

// changeInventory makes a change of the inventory durable. A change that changes
// nothing writes nothing.
func (e *Engine) changeInventory(ctx context.Context, in *Instance, why string, change func(*inventory)) error {
	var err error
	for range inventoryTries {
		var v *inventory
		if v, err = e.loadInventory(in); err != nil {
			return err
		}
		before, err2 := json.Marshal(v)
		if err2 != nil {
			return err2
		}
		change(v)
		if after, err2 := json.Marshal(v); err2 != nil || string(after) == string(before) {
			return err2
		}
		v.trim(e.Now())
		data, err2 := json.MarshalIndent(v, "", " ") // keys sorted: stable bytes
		if err2 != nil {
			return err2
		}
		_, err = e.Repo.WriteRef(ctx, refName("inventory", in.Name), v.rev, map[string][]byte{inventoryFile: append(data, '\n')}, "inventory of "+in.Name+": "+why)
		var moved *repo.MovedError
		if !errors.As(err, &moved) {
			break
		}
	}
	return err
}

// now is the time that goes into the inventory.
func (e *Engine) now() time.Time { return e.Now().UTC().Truncate(time.Second) }

// ownCreated notes what a run has just created. What cannot be noted is not lost,
// only never deleted by dashkeep.
func (e *Engine) ownCreated(ctx context.Context, in *Instance, created []importer.Change, run *Run) {
	err := e.changeInventory(ctx, in, run.Op+" "+run.ID, func(v *inventory) {
		for _, c := range created {
			v.own(c.ID, Owned{Title: c.Title(), How: howCreated, Run: run.ID, At: e.now()})
		}
	})
	if err != nil {
		run.warn("%d assets that were created did not get into the inventory, so prune leaves them alone: %v; dashkeep manage %s --select %s puts one there", len(created), err, in.Name, created[0].ID)
	}
}

// buryDeleted notes what a run deleted and found gone.
func (e *Engine) buryDeleted(ctx context.Context, in *Instance, out *importer.Outcome, run *Run) {
	n := 0
	err := e.changeInventory(ctx, in, run.Op+" "+run.ID, func(v *inventory) {
		n = 0
		for _, d := range out.Done {
			if d.Action == importer.Delete && d.Verified {
				v.bury(d.ID, Tombstone{Title: d.Title(), Run: run.ID, Revision: string(run.Revision), At: e.now()})
				n++
			}
		}
	})
	if err != nil {
		run.warn("%d assets that were deleted are in the inventory all the same: %v; dashkeep release %s takes them out", n, err, in.Name)
	}
}

// joinInventory takes what either machine did since the fork. What one took out
// and the other did not touch is out.
func joinInventory(fork, ours, theirs []byte) []byte {
	f, err1 := decodeInventory(fork)
	a, err2 := decodeInventory(ours)
	b, err3 := decodeInventory(theirs)
	if err := errors.Join(err1, err2, err3); err != nil {
		return theirs
	}
	for id := range f.Assets {
		if _, ours := a.Assets[id]; !ours && b.Assets[id] == f.Assets[id] {
			delete(b.Assets, id)
		}
	}
	for id, o := range a.Assets {
		_, theirs := b.Assets[id]
		was, before := f.Assets[id]
		if !theirs && (!before || was != o) {
			b.Assets[id] = o
		}
	}
	for id, t := range a.Deleted {
		if t.At.After(b.Deleted[id].At) {
			b.Deleted[id] = t
		}
	}
	for id, o := range b.Assets { // what came later counts
		switch t, both := b.Deleted[id]; {
		case both && o.At.After(t.At):
			delete(b.Deleted, id)
		case both:
			delete(b.Assets, id)
		}
	}
	return encodeOwn(b, theirs)
}
