package sync

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
	"github.com/dashkeep/dashkeep/repo"
)

// Run is one recorded execution: what a command reports.
type Run struct {
	ID       string
	Op       string // pull, apply, restore, undo, resolve, manage, release
	Instance string
	Server   string // version, when known
	Started  time.Time
	Ended    time.Time

	Revision  repo.Revision // Git's head after the run
	Commits   int
	Pushed    bool
	Unpushed  bool       // the remote could not be reached: commits wait here
	Pulled    []Pulled   // files that changed in Git
	Conflicts []Conflict // a person must choose
	Decided   []Conflict // the rules chose
	Edits     []LiveEdit // edits on the server of which on_live_edit says more than accept
	Dirty     []string   // files a person edited and did not commit; left alone
	Failures  []Failure  // assets that could not be handled
	Accepted  []Failure  // the same, listed under accept: in the config
	Hidden    []Failure  // in Git and not shown to this account, which was never shown them
	NotRead   []asset.KindError
	Broken    []Failure // kept in Git, and no server takes it back as it is
	Notes     []asset.Note
	Warnings  []string
	Held      error // the brake holds: nothing was committed
	Full      bool  // everything was read, not only what the server says has changed
	Read      int   // assets read from the server

	live    *asset.Set        // what a pull read
	base    repo.Revision     // base before that
	missing map[string]string // what it did not find for the first time, and the account
	account string            // who it read as, of a witness
	hidden  map[string]string // what a witness may be hiding, and the account that had seen it
	alive   []string          // what it found again though a run had deleted it, in words

	returned map[string][]string // see baseState

	Checks    []Check      // what was refreshed or tried afterwards
	Inventory []asset.Info // what manage took in, or release took out
	Managed   int          // assets in the inventory afterwards

	Plan    *importer.Plan
	Outcome *importer.Outcome
	Backup  string // ref of the pre-image
	Undoes  string // the run that this one puts back

	backup *Backup
}

// Pulled is one file that a pull changed.
type Pulled struct {
	Info   asset.Info
	Action string // added, changed, removed
	From   string // the file it was in before, when it moved
	Path   string
	Before []byte
	After  []byte
}

// Conflict is an asset on which Git and the server moved the same value.
type Conflict struct {
	ID     asset.ID
	Title  string
	Path   string
	Values []merge.Conflict    // empty when one side deleted the asset
	Text   string              // what happened, when Values do not say it
	Winner importer.OnConflict // whose values count, when a rule says so
	Branch string              // where the server's version is parked, "" for nowhere
}

// LiveEdit is an edit on the server of an asset whose rule does not just accept it.
type LiveEdit struct {
	Info     asset.Info // with who edited it
	Path     string
	Values   []merge.Conflict // Ours is what Git has, Theirs what the server has
	Reverted bool             // the next apply writes Git's values; else the pull took them
}

// Failure is an asset that a run could not handle.
type Failure struct {
	ID     asset.ID
	Title  string
	Path   string
	Err    error
	Reason string // why it is accepted
}

func (e *Engine) newRun(op string, in *Instance) *Run {
	now := e.Now().UTC()
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand documentation, Go 1.24)
	return &Run{
		ID: now.Format("20060102T150405Z") + "-" + hex.EncodeToString(b[:]),
		Op: op, Instance: in.Name, Started: now,
	}
}

func (r *Run) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// fail records an asset that could not be handled, sorting out accepted ones.
func (r *Run) fail(in *Instance, now time.Time, f Failure) {
	if reason, ok := in.accepts(f.ID, now); ok {
		f.Reason = reason
		r.Accepted = append(r.Accepted, f)
		return
	}
	r.Failures = append(r.Failures, f)
}

// sayBroken tells of what is read and kept and cannot be put back as it is.
func (r *Run) sayBroken(in *Instance, now time.Time, live *asset.Set) {
	r.Broken = nil
	for _, n := range live.Notes {
		a := live.Get(n.ID)
		if !n.Broken || a == nil {
			continue
		}
		f := Failure{ID: n.ID, Title: a.Title, Err: errors.New(n.Text)}
		if reason, ok := in.accepts(n.ID, now); ok {
			f.Reason = reason
			r.Accepted = append(r.Accepted, f)
			continue
		}
		r.Broken = append(r.Broken, f)
	}
}

func (in *Instance) accepts(id asset.ID, now time.Time) (string, bool) {
	if in.Accepted == nil {
		return "", false
	}
	return in.Accepted(id, now)
}

// acceptOutcome sorts out, of what could not be written, what is accepted.
func (r *Run) acceptOutcome(in *Instance, now time.Time) {
	for _, d := range r.Outcome.Failed() {
		if reason, ok := in.accepts(d.ID, now); ok {
			r.Accepted = append(r.Accepted, Failure{ID: d.ID, Title: d.Title(), Err: d.Err, Reason: reason})
		}
	}
}

// accepted reports whether a failure of an asset is accepted.
func (r *Run) accepted(id asset.ID) bool {
	return slices.ContainsFunc(r.Accepted, func(f Failure) bool { return f.ID == id })
}

// namesAccepted reports whether a text names an accepted asset: what is left out of
// another one because that is not there is accepted with it.
func (r *Run) namesAccepted(text string) bool {
	return slices.ContainsFunc(r.Accepted, func(f Failure) bool { return f.ID.UID != "" && strings.Contains(text, f.ID.UID) })
}

// Refused is what could not be written and is not accepted.
func (r *Run) Refused() []importer.Done {
	if r.Outcome == nil {
		return nil
	}
	return slices.DeleteFunc(r.Outcome.Failed(), func(d importer.Done) bool { return r.accepted(d.ID) })
}

// written is what the run put on the server, by asset.
func (r *Run) written() map[asset.ID][]byte {
	out := map[asset.ID][]byte{}
	if r.Outcome == nil {
		return out
	}
	for _, d := range r.Outcome.Done {
		if d.Err == nil && d.Action != importer.Delete {
			out[d.ID] = content(d.After)
		}
	}
	return out
}

// overrules reports whether a rule says that what the server has is to be
// overwritten although Git has nothing new.
func (r *Run) overrules() bool {
	return slices.ContainsFunc(r.Edits, func(e LiveEdit) bool { return e.Reverted }) ||
		slices.ContainsFunc(r.Decided, func(c Conflict) bool { return c.Winner == importer.Git })
}

// leftOut reports whether something that Git holds could not be put on the
// server. A reference that Git itself knows leads nowhere is no loss.
func (r *Run) leftOut() bool {
	if r.Outcome == nil {
		return false
	}
	for _, d := range r.Outcome.Done {
		for _, n := range d.Omitted {
			if !strings.Contains(n.Text, ":missing-") && !r.accepted(d.ID) && !r.namesAccepted(n.Text) {
				return true
			}
		}
	}
	return false
}

// Code is the exit code the run deserves (SPEC promise 10).
func (r *Run) Code() int {
	switch {
	case r.leftOut() || r.checksFailed() || len(r.Failures) > 0 || r.Held != nil || r.Unpushed || len(r.Refused()) > 0:
		return 3
	case len(r.Conflicts) > 0 || len(r.Dirty) > 0:
		return 13
	}
	return 0
}
