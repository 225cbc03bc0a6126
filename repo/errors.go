package repo

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// What callers tell apart.
var (
	// ErrNothingToCommit: every file is already so; nothing was written.
	ErrNothingToCommit = errors.New("nothing to commit")
	// ErrNonFastForward: the remote has commits this repository has not merged.
	// The local commits are kept; call FetchAndMerge and push again.
	ErrNonFastForward = errors.New("the remote has moved")
	// ErrReadOnly: the store was opened read only, or is closed.
	ErrReadOnly = errors.New("repository is open read only")
	// ErrNoRemote: Options.Remote is empty.
	ErrNoRemote = errors.New("no remote is configured")
	// ErrNotFound: no such file in the revision.
	ErrNotFound = errors.New("not found")
	// ErrLeased: another machine holds the lease.
	ErrLeased = errors.New("leased by another machine")
)

// Holder says who holds the process lock.
type Holder struct {
	PID     int
	Host    string
	Since   time.Time
	Command string
}

// LockedError: another process has the repository open for writing.
type LockedError struct {
	Path   string
	Holder Holder // zero when the holder has not written its name yet
}

func (e *LockedError) Error() string {
	if e.Holder.PID == 0 {
		return fmt.Sprintf("repository %s is locked by another process", e.Path)
	}
	return fmt.Sprintf("repository %s is locked by pid %d on %s since %s (%s)", e.Path,
		e.Holder.PID, e.Holder.Host, e.Holder.Since.Format(time.RFC3339), e.Holder.Command)
}

// BusyError: a lock file of Git stands in the way, so another git command is
// running or was killed.
type BusyError struct {
	File string
	Age  time.Duration
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("%s exists for %s: another git command is running; if none is, remove that file",
		e.File, e.Age.Round(time.Second))
}

// MovedError: a reference no longer has the value the caller saw.
type MovedError struct {
	Ref            string
	Expected, Have Revision
}

func (e *MovedError) Error() string {
	return fmt.Sprintf("%s moved meanwhile: expected %s, it is %s; nothing was changed", e.Ref, orNone(e.Expected), orNone(e.Have))
}

// DivergedError: local and remote history cannot be joined without a person.
// Both are kept.
type DivergedError struct {
	Ref           string
	Local, Remote Revision
	Seen          Revision // the remote's value last seen, when it was taken back since
	Paths         []string // changed on both sides; nil when that was not looked at
	next          string   // what to type
}

func (e *DivergedError) Error() string {
	var b strings.Builder
	switch {
	case !e.Seen.IsZero() && e.Remote.IsZero():
		fmt.Fprintf(&b, "%s was deleted on the remote (it was %s; local is %s)", e.Ref, e.Seen.Short(), orNone(e.Local))
	case !e.Seen.IsZero():
		fmt.Fprintf(&b, "%s was rewritten on the remote: it was %s and is %s (local is %s)", e.Ref, e.Seen.Short(), e.Remote.Short(), orNone(e.Local))
	default:
		fmt.Fprintf(&b, "%s has diverged: local %s, remote %s", e.Ref, e.Local.Short(), e.Remote.Short())
	}
	if len(e.Paths) > 0 {
		fmt.Fprintf(&b, "; changed on both sides: %s", strings.Join(clip(e.Paths, 10), ", "))
	}
	b.WriteString("; both histories are kept")
	if e.next != "" {
		b.WriteString("; " + e.next)
	}
	return b.String()
}

// RejectedError: the server took the pack and refused the reference.
type RejectedError struct {
	Ref    string
	Reason string // the server's reason
	Text   string // what hooks printed
}

func (e *RejectedError) Error() string {
	msg := fmt.Sprintf("the server refused %s: %s", e.Ref, e.Reason)
	if e.Text != "" {
		msg += "; it said: " + e.Text
	}
	return msg + "; the commits are kept locally"
}

// OwnRefsError: the server takes the branch but not refs/dashkeep/*. A caller
// may go on: those refs stay local, so no second machine can take over.
type OwnRefsError struct {
	Refs   []string
	Reason string
}

func (e *OwnRefsError) Error() string {
	return fmt.Sprintf("the server refuses refs under %s (%s): %s", OwnPrefix, strings.Join(clip(e.Refs, 5), ", "), e.Reason)
}

// AuthError: the remote refused the credentials, or asks for some.
type AuthError struct {
	Remote string
	Reason string
}

func (e *AuthError) Error() string {
	return fmt.Sprintf("remote %s: login refused: %s", e.Remote, e.Reason)
}

// UnreachableError: the remote did not answer as a Git server does: no network,
// no such host, a proxy's page, a server error. What is local is whole; a caller
// may go on and push later.
type UnreachableError struct {
	Remote string
	Reason string
}

func (e *UnreachableError) Error() string { return fmt.Sprintf("remote %s: %s", e.Remote, e.Reason) }

// EntriesError lists tree entries that were not read: links, submodules, names
// that are unsafe on some system, files over a limit. What could be read was
// returned beside it.
type EntriesError struct {
	Revision Revision
	Entries  []BadEntry
}

// BadEntry is one entry that was not read.
type BadEntry struct{ Path, Reason string }

func (e *EntriesError) Error() string {
	list := make([]string, 0, len(e.Entries))
	for _, b := range e.Entries {
		list = append(list, fmt.Sprintf("%q (%s)", b.Path, b.Reason))
	}
	return fmt.Sprintf("revision %s: %d entries were not read: %s", e.Revision.Short(), len(list), strings.Join(clip(list, 10), ", "))
}

// UnsupportedError: the repository uses something this package does not handle.
// Nothing was touched.
type UnsupportedError struct {
	Path, What, Next string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("repository %s: %s; %s", e.Path, e.What, e.Next)
}

// BrokenError: a reference or object is damaged and could not be repaired.
// Nothing was changed.
type BrokenError struct {
	Path, What, Next string

	lost bool // objects are missing or damaged, which a fetch may cure
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("repository %s is damaged: %s; nothing was changed; %s", e.Path, e.What, e.Next)
}

func orNone(r Revision) string {
	if r.IsZero() {
		return "none"
	}
	return r.Short()
}

func clip(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(append([]string(nil), list[:n]...), fmt.Sprintf("and %d more", len(list)-n))
}
