// Package repo keeps files in a Git repository: Git, in bytes and paths. It
// knows nothing of dashboards.
//
// # What it promises
//
// A commit that Commit, WriteRef or FetchAndMerge acknowledged is on the disk
// and reachable, whatever is killed or loses power afterwards. The branch names
// the old or the new commit at every instant, never nothing. History is only
// added to: nothing here rewrites or forces a branch. A working file that a
// person has edited and not committed is never overwritten.
//
// # How a write happens
//
//	new objects ──► tmp pack ──fsync──► tmp idx ──fsync──► rename .idx, rename .pack, fsync folder
//	                                                          │
//	journal (old, new) ──► <ref>.lock ──► ref == old? ──► tmp ref ──fsync──► RENAME ──► fsync folder
//	                                                                        = the commit point
//	reflog line ──► index.lock ──► working files (temp + rename) ──► index (temp + rename) ──► journal done
//
// All objects of a call go into one pack; there are no loose objects. A crash
// before the rename leaves a pack nobody refers to; a crash after it leaves
// working files that the next Open brings up to date from the journal.
//
// go-git speaks the network protocol, stores what is fetched and applies deltas. Its
// worktree, its reference writer and its reader of objects are not used: v5.19.3
// truncates references in place, never calls fsync, takes an empty reference for a
// branch without commits, and reads the whole index of every pack at each start
// without comparing an object with its id.
package repo

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Limits of what is read from a repository.
const (
	MaxBlob  = 16 << 20 // bytes of one file
	MaxFiles = 200_000  // files of one Files call
	MaxFetch = 8 << 30  // bytes of one fetched pack
)

// oid is the id of a Git object.
type oid = plumbing.Hash

// Revision is the id of a commit: 40 hex digits, or "" for none.
type Revision string

// IsZero reports whether the revision names no commit.
func (r Revision) IsZero() bool { return r == "" }

// Short is the abbreviated id, for people.
func (r Revision) Short() string {
	if len(r) > 8 {
		return string(r[:8])
	}
	return string(r)
}

func (r Revision) oid() oid { return plumbing.NewHash(string(r)) }

func revision(id oid) Revision {
	if id.IsZero() {
		return ""
	}
	return Revision(id.String())
}

// Signature names a person and a moment. A zero When is the time of the commit.
type Signature struct {
	Name, Email string
	When        time.Time
}

// Trailer is one "Key: value" line at the end of a commit message.
type Trailer struct{ Key, Value string }

// Commit is one commit to be made.
type Commit struct {
	// Changes maps slash paths to their new content; nil deletes the file.
	// A path that is already so is no change.
	Changes map[string][]byte
	Author  Signature
	// Committer defaults to Options.Committer.
	Committer Signature
	Message   string
	Trailers  []Trailer
	// Base, when set on the first commit of a call, is the head that Changes
	// were computed on: with another head nothing is committed (*MovedError).
	Base Revision
}

// Auth holds what the remote asks for. At most one of Basic and SSHKeyFile is
// set; with neither, HTTP is anonymous and SSH asks the agent.
type Auth struct {
	// Basic returns user and password (or token). It is called for each session,
	// so that a rotated credential is picked up.
	Basic func(context.Context) (username, password string, err error)
	// SSHKeyFile is a private key; Passphrase opens it when it is encrypted.
	SSHKeyFile string
	Passphrase func(context.Context) (string, error)
	// KnownHosts is a known_hosts file; "" is OpenSSH's own places. An unknown
	// or changed host key is always refused.
	KnownHosts string
}

// Options says which repository, and how.
type Options struct {
	Path   string // the working tree (or a bare repository); made when missing
	Remote string // http(s)://, ssh://, user@host:path, file:// or a folder; "" is local only. file:// and folders need a git binary
	Branch string // the followed branch; "" is what HEAD (or the remote's HEAD) names, else "main"
	Auth   Auth
	// Committer signs merge commits and own refs, and commits without one.
	Committer Signature
	// Sign returns an armored signature of the encoded commit; nil signs nothing.
	Sign func(commit []byte) (string, error)
	Now  func() time.Time // nil is time.Now
	Log  *slog.Logger     // nil discards
	// ReadOnly opens without the process lock and without repairing anything.
	// Every method that writes returns ErrReadOnly.
	ReadOnly bool
}

// Store is an open repository. Its methods may be called from several
// goroutines; writers wait for each other, readers do not wait for the network.
type Store struct {
	opt    Options
	gitDir string
	work   *os.Root // nil: bare
	branch string   // full name of the followed branch
	obj    *objects
	lock   *processLock // nil: read only
	remote *remote      // nil: local only
	jour   *journal
	// tracking: origin is our remote, so its tracking branches are ours to move.
	tracking bool

	write sync.Mutex // one writer at a time
	head  *treeCache // tree of the branch, guarded by write
	fresh *freshPack // what the last commit wrote, for Push; guarded by write
	left  []string   // guarded by write

	clone  string // see cloneID; guarded by write until the first lease, fixed then
	leases leaseSet

	compacting sync.Mutex // one Compact at a time
}

// Path is the working tree, or the repository itself when it is bare.
func (s *Store) Path() string { return s.opt.Path }

// Branch is the short name of the followed branch.
func (s *Store) Branch() string { return s.branch[len(headsPrefix):] }

// LeftAlone lists the paths that the last Commit, Fetch, FetchAndMerge or Open
// did not write to the working tree, because an uncommitted edit, a link or
// something else of a person's stands there. The branch has the new content.
func (s *Store) LeftAlone() []string {
	s.write.Lock()
	defer s.write.Unlock()
	return append([]string(nil), s.left...)
}

// Close releases the process lock and open files.
func (s *Store) Close() error {
	s.write.Lock()
	defer s.write.Unlock()
	s.obj.close()
	if s.work != nil {
		s.work.Close()
	}
	if s.lock == nil {
		return nil
	}
	err := s.lock.release()
	s.lock = nil
	s.opt.ReadOnly = true
	return err
}

// writer takes the write lock, or says why there is no writing.
func (s *Store) writer(ctx context.Context) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.write.Lock()
	if s.opt.ReadOnly {
		s.write.Unlock()
		return nil, ErrReadOnly
	}
	return s.write.Unlock, nil
}
