package sync

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/repo"
)

// Backup is what a run that wrote to a server left behind, at
// refs/dashkeep/backup/<instance>/<run>, so that it can be undone. The tree:
//
//	run.json                        this
//	<kind plural>/<uid>.yaml        each asset as it was before, unless it was not there
//	after/<kind plural>/<uid>.yaml  what the run makes of it, unless it deletes it
//
// It is written before the first write, and once more with what became of each
// asset: a backup without an outcome belongs to a run that was killed.
type Backup struct {
	Run      string         `json:"run"`
	Op       string         `json:"op"`
	Instance string         `json:"instance"`
	Started  time.Time      `json:"started"`
	Revision string         `json:"revision,omitempty"` // commit that was brought to the server
	Undoes   string         `json:"undoes,omitempty"`   // run that this one put back
	Changes  []BackupChange `json:"changes"`
	Ended    bool           `json:"ended"` // its outcome is known

	rev repo.Revision
}

// BackupChange is one asset that a run writes.
type BackupChange struct {
	Action string   `json:"action"`
	ID     string   `json:"id"`
	Title  string   `json:"title"`
	Unread []string `json:"unread,omitempty"` // pointers that the server did not show before
	Error  string   `json:"error,omitempty"`  // why it is not as planned
}

const (
	backupFile = "run.json"
	afterDir   = "after"
)

// Ref is where it is kept.
func (b *Backup) Ref() string { return refName("backup", b.Instance) + "/" + b.Run }

// backupOf is the backup of a run that is about to write, and its files.
func backupOf(in *Instance, p *importer.Plan, live *asset.Set, run *Run) (*Backup, map[string][]byte) {
	b := &Backup{Run: run.ID, Op: run.Op, Instance: in.Name, Started: run.Started, Revision: p.Revision, Undoes: run.Undoes}
	files := map[string][]byte{}
	for a := range live.All() {
		files[basePath(a.ID)] = a.Content
	}
	for _, c := range p.Changes {
		if !c.Applies() {
			continue
		}
		bc := BackupChange{Action: c.Action.String(), ID: c.ID.String(), Title: c.Title()}
		if l := live.Get(c.ID); l != nil {
			bc.Unread = l.Unread
		}
		b.Changes = append(b.Changes, bc)
		if c.Action != importer.Delete {
			files[path.Join(afterDir, basePath(c.ID))] = c.After.Content
		}
	}
	return b, files
}

func (b *Backup) encode() ([]byte, error) {
	data, err := json.MarshalIndent(b, "", "  ")
	return append(data, '\n'), err
}

// writeBackup makes the pre-image durable: nothing is written to a server before.
func (e *Engine) writeBackup(ctx context.Context, in *Instance, p *importer.Plan, live *asset.Set, run *Run) error {
	b, files := backupOf(in, p, live, run)
	if err := e.fillDeleted(in, p, live, files); err != nil {
		return err
	}
	data, err := b.encode()
	if err != nil {
		return err
	}
	files[backupFile] = data
	b.rev, err = e.Repo.WriteRef(ctx, b.Ref(), "", files, fmt.Sprintf("pre-image of %s %s on %s", run.Op, run.ID, in.Name))
	if err != nil {
		return err
	}
	run.Backup, run.backup = b.Ref(), b
	if e.Remote {
		if err := e.Repo.Push(ctx, run.Backup); err != nil {
			run.warn("the pre-image is kept in the local clone only: %v", err)
		}
	}
	return nil
}

// closeBackup adds to the pre-image what became of each asset: how it reads back,
// and why it failed. Without that the run can be undone all the same.
func (e *Engine) closeBackup(ctx context.Context, out *importer.Outcome, run *Run) error {
	b := run.backup
	if b == nil {
		return nil
	}
	files, err := e.Repo.Files(b.rev, "")
	if err != nil {
		return err
	}
	b.Ended = true
	for _, d := range out.Done {
		for i := range b.Changes {
			if b.Changes[i].ID == d.ID.String() && d.Err != nil {
				b.Changes[i].Error = d.Err.Error()
			}
		}
		if l := out.Live.Get(d.ID); l != nil && d.Err == nil && d.Action != importer.Delete {
			after, err := takeUnread(l, content(d.After))
			if err != nil {
				return err
			}
			files[path.Join(afterDir, basePath(d.ID))] = after
		}
	}
	if files[backupFile], err = b.encode(); err != nil {
		return err
	}
	b.rev, err = e.Repo.WriteRef(ctx, b.Ref(), b.rev, files, fmt.Sprintf("outcome of %s %s on %s", run.Op, run.ID, b.Instance))
	return err
}

// Backups lists the runs that wrote to an instance and can be undone, the newest
// first. A ref that holds none is left out.
func (e *Engine) Backups(instance string) ([]*Backup, error) {
	refs, err := e.Repo.ListRefs(refName("backup", instance) + "/")
	if err != nil {
		return nil, err
	}
	var out []*Backup
	for ref, rev := range refs {
		b, err := e.readBackup(rev)
		if err != nil {
			e.Log.Warn("a pre-image cannot be read", "ref", ref, "error", err)
			continue
		}
		if b.Ref() == ref {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, newestFirst)
	return out, nil
}

// newestFirst orders runs by when they began. Ids only begin with the second of that:
// an apply and its undo can fall into one.
func newestFirst(a, b *Backup) int {
	return cmp.Or(b.Started.Compare(a.Started), strings.Compare(b.Run, a.Run))
}

func (e *Engine) readBackup(rev repo.Revision) (*Backup, error) {
	data, err := e.Repo.File(rev, backupFile)
	if err != nil {
		return nil, err
	}
	var b Backup
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("%s: %w", backupFile, err)
	}
	b.rev = rev
	return &b, nil
}

// runTime is when a run began, from its id.
func runTime(id string) (time.Time, bool) {
	stamp, _, _ := strings.Cut(id, "-")
	at, err := time.Parse("20060102T150405Z", stamp)
	return at, err == nil
}

// backupRefs lists the refs of an instance's pre-images, the oldest first.
func (e *Engine) backupRefs(in *Instance) ([]string, error) {
	refs, err := e.Repo.ListRefs(refName("backup", in.Name) + "/")
	var names []string
	for ref := range refs {
		if _, ok := runTime(path.Base(ref)); ok {
			names = append(names, ref)
		}
	}
	slices.Sort(names)
	return names, err
}

// optionalFile is a file of a revision, nil when it has none.
func (e *Engine) optionalFile(rev repo.Revision, name string) ([]byte, error) {
	data, err := e.Repo.File(rev, name)
	if errors.Is(err, repo.ErrNotFound) {
		return nil, nil
	}
	return data, err
}

// Keep says how long pre-images are kept. One is removed when it is older than Age
// and not among the Last newest ones.
type Keep struct {
	Age  time.Duration // 0 is DefaultKeep's
	Last int           // 0 is DefaultKeep's
}

// DefaultKeep is what holds where the config says nothing.
func DefaultKeep() Keep { return Keep{Age: 90 * 24 * time.Hour, Last: 20} }

// sweepBackups forgets pre-images that are old and many, here and at the remote.
func (e *Engine) sweepBackups(ctx context.Context, in *Instance, run *Run) error {
	keep, standard := in.Keep, DefaultKeep()
	if keep.Age == 0 {
		keep.Age = standard.Age
	}
	if keep.Last == 0 {
		keep.Last = standard.Last
	}
	names, err := e.backupRefs(in)
	if err != nil {
		return err
	}
	var gone []string
	for _, ref := range names[:max(0, len(names)-keep.Last)] {
		if at, _ := runTime(path.Base(ref)); e.Now().Sub(at) > keep.Age {
			if err := e.Repo.DeleteRef(ctx, ref); err != nil {
				return err
			}
			gone = append(gone, ref)
		}
	}
	if len(gone) == 0 || !e.Remote {
		return nil
	}
	err = e.Repo.Push(ctx, gone...)
	var refused *repo.OwnRefsError
	var away *repo.UnreachableError
	if errors.As(err, &refused) || errors.As(err, &away) || errors.Is(err, repo.ErrNonFastForward) {
		return nil // they never got there, or go with a later run
	}
	return err
}
