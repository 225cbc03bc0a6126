// Package sync is the engine: what happens to an instance, in what order. Pull
// brings live to Git; plan, apply and restore bring Git to the server. It knows
// no platform and no command line; everything it needs is handed to it.
//
// Importers write it as syncer "github.com/dashkeep/dashkeep/sync", always.
package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/repo"
)

// Direction says which way an instance may be written.
type Direction string

// The directions. With PullOnly every write to the server is refused.
const (
	PullOnly Direction = "pull"
	ApplyTo  Direction = "apply"
	TwoWay   Direction = "two-way"
)

// Instance is one configured server and what the config says about it.
type Instance struct {
	Name      string
	Platform  string
	Root      string // its folder in the repository, a slash path
	Sharded   bool   // layout: sharded
	Direction Direction
	AutoApply bool
	Source    exporter.Source
	Target    importer.Target
	OneByOne  bool // the server takes a while for each write: see importer.ApplyOptions
	IDs       *IDs // the map that Source and Target use; nil when they need none
	Rules     normalize.Rules
	Kinds     []asset.Kind // in dependency order
	Top       asset.Kind   // what people open: what stands on just one of these is said to belong to it
	Named     []asset.Kind // those that the config names (select.kinds)
	Select    exporter.Selection
	Brake     exporter.Brake
	Prune     importer.Prune // of the config: Enabled, Max, MaxPercent, and what the platform cannot delete
	Rule      func(asset.Info) importer.Rule
	Folders   []string // that rules name, so that a file in one may move when its rule changes
	// RevertWindow is how long after an apply a value that returns to what it was
	// before is a conflict; 0 for never.
	RevertWindow time.Duration
	Keep         Keep // how long pre-images are kept
	// Accepted says why a known-broken asset does not fail a run; ok is false for
	// every other asset.
	Accepted func(id asset.ID, now time.Time) (reason string, ok bool)
	// Author is the Git author for a server's user; ok is false when commits of
	// that user are to carry the committer's name.
	Author func(p asset.Person) (sig repo.Signature, ok bool)
	// Rights tells what the account may do; nil where the platform cannot.
	Rights func(ctx context.Context) ([]platform.KindRights, bool, error)
	// Ping logs in and says what the server is.
	Ping func(ctx context.Context) (platform.Server, error)

	refused string // fingerprint of the plan that auto_apply could not bring in; used by the one run at a time

	Schedule cron.Schedule // when Serve pulls; nil for never
	FullPull cron.Schedule // when a pull reads everything again; nil for a day after it last did
}

// Engine carries out runs on one repository. Its methods may be called from
// several goroutines; runs on one instance must not overlap (Serve sees to it).
type Engine struct {
	Repo      *repo.Store
	Instances []*Instance // in config order
	Committer repo.Signature
	Remote    bool // the repository has a remote: fetch and push
	Now       func() time.Time
	Log       *slog.Logger
	// Signed says who signed a commit; an error why that does not count. When it is
	// set, only what signed commits brought is written to a server; nil asks nobody.
	Signed func(repo.Signed) (who string, err error)
	Build  string // of the program: another one reads everything again
	// Progress is told what happens while it happens, for people; may be nil.
	Progress func(Event)

	recording sync.Mutex                                     // held while a pull looks at the branch and commits
	ticker    func(time.Duration) (<-chan time.Time, func()) // nil is time.NewTicker
}

// Event is a step of a run.
type Event struct {
	Instance string
	Text     string // one line
	Done     int    // of Total assets; both 0 when this step cannot be counted
	Total    int
}

// Instance finds an instance by name; the error lists the names there are.
func (e *Engine) Instance(name string) (*Instance, error) {
	var names []string
	for _, in := range e.Instances {
		if in.Name == name {
			return in, nil
		}
		names = append(names, in.Name)
	}
	return nil, &UnknownInstanceError{Name: name, Known: names}
}

// UnknownInstanceError says that no instance has this name.
type UnknownInstanceError struct {
	Name  string
	Known []string
}

func (e *UnknownInstanceError) Error() string {
	return fmt.Sprintf("no instance is called %q; the config has %v", e.Name, e.Known)
}

func (e *Engine) say(in *Instance, format string, args ...any) {
	if e.Progress != nil {
		e.Progress(Event{Instance: in.Name, Text: fmt.Sprintf(format, args...)})
	}
}

// live reads the whole instance, whatever the last pull read.
func (e *Engine) live(ctx context.Context, in *Instance) (*asset.Set, error) {
	if err := in.IDs.Refresh(); err != nil {
		return nil, in.named(err)
	}
	set, err := exporter.Export(ctx, in.Source, exporter.Options{Rules: in.Rules, Select: in.Select})
	if err != nil {
		return nil, in.named(err)
	}
	return set, nil
}

// named makes an error say which instance it is about, once.
func (in *Instance) named(err error) error {
	prefix := "instance " + in.Name + ": "
	if err == nil || strings.HasPrefix(err.Error(), prefix) {
		return err
	}
	return fmt.Errorf("%s%w", prefix, err)
}

// desired loads the instance's asset files at a revision. Files that cannot be
// read are in the second result, by path.
func (e *Engine) desired(in *Instance, rev repo.Revision, known ...*asset.Set) (*asset.Set, []BrokenFile, error) {
	if rev == "" {
		set, err := asset.NewSet()
		return set, nil, err
	}
	files, err := e.Repo.Files(rev, in.Root+"/")
	var unread *repo.EntriesError
	if err != nil && !errors.As(err, &unread) {
		return nil, nil, err
	}
	set, broken, err := loadTree(in, files, known...)
	if unread != nil {
		for _, bad := range unread.Entries {
			if kind, ok := kindOfPath(in, bad.Path); ok {
				broken = append(broken, BrokenFile{Path: bad.Path, ID: idOfPath(kind, bad.Path), Err: fmt.Errorf("%s: %s", bad.Path, bad.Reason)})
			}
		}
	}
	return set, broken, err
}

// BrokenFile is an asset file in Git that cannot be read.
type BrokenFile struct {
	Path string
	ID   asset.ID // what the file's name says it holds; zero when it does not
	Err  error
}

// refName is where an instance's state of one sort is kept.
func refName(sort, instance string) string { return path.Join("refs/dashkeep", sort, instance) }

// fetch brings what others pushed and joins it with local commits that are not
// pushed yet. A remote that cannot be reached is a warning in the run, not an
// error: commits pile up locally and are pushed later.
func (e *Engine) fetch(ctx context.Context, in *Instance, run *Run) error {
	if !e.Remote {
		return nil
	}
	_, err := e.Repo.FetchAndMerge(ctx)
	var unreachable *repo.UnreachableError
	if errors.As(err, &unreachable) {
		run.warn("working with the local clone: %v", err)
		return nil
	}
	return e.joinOwnRefs(ctx, err)
}
