package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// leasePrefix holds one ref per leased name. A lease is a commit that says who
// holds it and until when. Taking one creates the ref, renewing it or taking over
// one that has run out adds a commit, giving it back deletes the ref: each by
// compare-and-swap on the server, and never by force, so of two machines one loses.
const leasePrefix = OwnPrefix + "lease/"

// LeasedError says who holds a lease. It is an ErrLeased.
type LeasedError struct {
	Name, Holder string
	Until        time.Time
}

func (e *LeasedError) Error() string {
	if e.Holder == "" {
		return fmt.Sprintf("%s was leased by another machine a moment ago", e.Name)
	}
	return fmt.Sprintf("%s is leased by %s until %s, or longer when it goes on", e.Name, e.Holder, e.Until.UTC().Format(time.RFC3339))
}

// Is makes errors.Is(err, ErrLeased) true.
func (e *LeasedError) Is(target error) bool { return target == ErrLeased }

// Lease is a lease that this process holds, see Store.Lease. Its methods may be
// called from several goroutines.
type Lease struct {
	s    *Store // nil: there is no remote, so nobody to keep out
	name string
	ttl  time.Duration

	mu    sync.Mutex
	id    oid   // the server's value, as far as is known
	tried []oid // sent since, and the answer was lost
	until time.Time
}

// Lease keeps other machines from working on the same name (an instance) until
// Release is called or ttl is over; the process lock does that on one machine.
// Without a remote there is nobody to keep out, and the lease is always valid.
//
// A lease that has run out is taken over, and so is one that an earlier process
// on this clone took: the process lock proves that it is dead. ttl must be longer
// than the clocks of the machines differ; Renew it while the work goes on.
//
// Errors: one that is ErrLeased, *OwnRefsError when the server takes no own refs
// (a caller may go on without), those of Push.
func (s *Store) Lease(ctx context.Context, name string, ttl time.Duration) (*Lease, error) {
	if err := checkRefName(leasePrefix + name); err != nil {
		return nil, err
	}
	if s.remote == nil {
		return &Lease{}, nil
	}
	clone, err := s.cloneID(ctx)
	if err != nil {
		return nil, err
	}
	if !s.leases.add(name) {
		return nil, &LeasedError{Name: name, Holder: "this process", Until: s.opt.Now().Add(ttl)}
	}
	l := &Lease{s: s, name: name, ttl: ttl}
	if err := l.take(ctx, clone); err != nil {
		s.leases.drop(name)
		return nil, s.naming(ctx, err)
	}
	return l, nil
}

// naming lets an error about a race say who won it.
func (s *Store) naming(ctx context.Context, err error) error {
	var lost *LeasedError
	if !errors.As(err, &lost) || lost.Holder != "" {
		return err
	}
	rec, e := s.fetchLease(ctx, lost.Name)
	if e != nil || rec.commit.IsZero() {
		return err
	}
	return &LeasedError{Name: lost.Name, Holder: rec.Holder, Until: rec.Until}
}

func (l *Lease) take(ctx context.Context, clone string) error {
	sess, held, err := l.s.leaseSession(ctx, l.name)
	if err != nil {
		return err
	}
	if held.IsZero() {
		defer sess.Close()
		return l.swap(ctx, sess, held)
	}
	sess.Close() // the server must not wait while its objects are fetched
	rec, err := l.s.fetchLease(ctx, l.name)
	if err != nil {
		return err
	}
	if rec.Clone != clone && l.s.opt.Now().Before(rec.Until) {
		return &LeasedError{Name: l.name, Holder: rec.Holder, Until: rec.Until}
	}
	l.s.opt.Log.Info("taking over a lease", "name", l.name, "of", rec.Holder, "until", rec.Until)
	return l.swapFrom(ctx, rec.commit)
}

// Renew lets the lease run for another ttl from now. An ErrLeased says that it
// had run out and that another machine has it.
func (l *Lease) Renew(ctx context.Context) error {
	if l.s == nil {
		return nil
	}
	l.mu.Lock()
	held := l.id
	l.mu.Unlock()
	return l.swapFrom(ctx, held)
}

// Valid reports whether nobody else can have the lease by now: it is to be asked
// right before each piece of the work, since a machine may have been asleep.
func (l *Lease) Valid() bool {
	if l.s == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.s.opt.Now().Before(l.until)
}

// Release gives the lease back. When that fails it runs out by itself. Call it
// before Close.
func (l *Lease) Release() {
	if l.s == nil {
		return
	}
	defer l.s.leases.drop(l.name)
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	if err := l.giveBack(ctx); err != nil {
		l.s.opt.Log.Warn("the lease could not be given back and runs out by itself", "name", l.name, "error", err)
	}
}

func (l *Lease) giveBack(ctx context.Context) error {
	sess, held, err := l.s.leaseSession(ctx, l.name)
	if err != nil {
		return err
	}
	defer sess.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until = (time.Time{}); !l.mine(held) {
		return nil // it ran out, and is another's or gone
	}
	err = sess.move(ctx, held, nil)
	var refused *OwnRefsError
	if !errors.As(err, &refused) {
		return err
	}
	// A host that deletes no refs is told that the lease is over instead.
	sess.Close()
	if sess, held, err = l.s.leaseSession(ctx, l.name); err != nil {
		return err
	}
	defer sess.Close()
	if !l.mine(held) {
		return nil
	}
	over, _, err := l.s.makeLease(0, held)
	if err != nil {
		return err
	}
	return sess.move(ctx, held, over)
}

// mine reports whether a value of the ref is this lease.
func (l *Lease) mine(held oid) bool {
	return !held.IsZero() && (held == l.id || slices.Contains(l.tried, held))
}

func (l *Lease) swapFrom(ctx context.Context, held oid) error {
	sess, have, err := l.s.leaseSession(ctx, l.name)
	if err != nil {
		return err
	}
	defer sess.Close()
	l.mu.Lock()
	lost := have != held && !l.mine(have)
	l.mu.Unlock()
	if lost {
		return &LeasedError{Name: l.name}
	}
	return l.swap(ctx, sess, have)
}

// swap moves the server's ref from held to a new commit of this lease.
func (l *Lease) swap(ctx context.Context, sess *leaseSession, held oid) error {
	mine, until, err := l.s.makeLease(l.ttl, held)
	if err != nil {
		return err
	}
	id := commitID(mine)
	l.mu.Lock()
	l.tried = append(l.tried, id)
	l.mu.Unlock()
	if err := sess.move(ctx, held, mine); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.id, l.tried, l.until = id, nil, until
	return nil
}

// leaseSet names what this process has leased: a second run of one instance is
// kept out here, before the server is asked.
type leaseSet struct {
	mu    sync.Mutex
	names map[string]bool
}

func (s *leaseSet) add(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names[name] {
		return false
	}
	if s.names == nil {
		s.names = map[string]bool{}
	}
	s.names[name] = true
	return true
}

func (s *leaseSet) drop(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.names, name)
}
