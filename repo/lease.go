package repo

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/google/uuid"
	"github.com/klauspost/compress/zlib"
)

// leasePrefix holds one ref per leased name. A lease is a commit without
// parents; taking one creates the ref and giving it back deletes it, each by
// compare-and-swap on the server, so of two machines one loses.
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
	return fmt.Sprintf("%s is leased by %s until %s", e.Name, e.Holder, e.Until.UTC().Format(time.RFC3339))
}

// Is makes errors.Is(err, ErrLeased) true.
func (e *LeasedError) Is(target error) bool { return target == ErrLeased }

// leaseRecord is the message of a lease commit.
type leaseRecord struct {
	Holder string    `json:"holder"`
	ID     string    `json:"id"`
	Until  time.Time `json:"until"`
}

// Lease keeps other machines from working on the same name (an instance) until
// release is called or ttl is over; the process lock does that on one machine.
// An expired lease is taken over. Without a remote there is nobody to keep out,
// and Lease does nothing.
//
// ttl must be longer than the work and than the clocks differ; release before
// Close. Errors: one that
// is ErrLeased, *OwnRefsError when the server takes no own refs (a caller may go
// on without), those of Push.
func (s *Store) Lease(ctx context.Context, name string, ttl time.Duration) (release func(), err error) {
	unlock, err := s.writer(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	ref := leasePrefix + name
	if err := checkRefName(ref); err != nil {
		return nil, err
	}
	if s.remote == nil {
		return func() {}, nil
	}
	refs, err := s.download(ctx, ref)
	if err != nil {
		return nil, err
	}
	if held := refs[ref]; !held.IsZero() {
		rec, err := s.readLease(held)
		if err != nil {
			return nil, err
		}
		if s.opt.Now().Before(rec.Until) {
			return nil, &LeasedError{Name: name, Holder: rec.Holder, Until: rec.Until}
		}
		if err := s.swapLease(ctx, name, held, nil); err != nil {
			return nil, err
		}
	}
	mine, err := s.makeLease(ttl)
	if err != nil {
		return nil, err
	}
	if err := s.swapLease(ctx, name, oid{}, mine); err != nil {
		return nil, err
	}
	id := hashObject(plumbing.CommitObject, mine)
	return func() { s.release(ctx, name, id) }, nil
}

// release gives a lease back; when that fails it runs out by itself.
func (s *Store) release(ctx context.Context, name string, id oid) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dialTimeout)
	defer cancel()
	unlock, err := s.writer(ctx)
	if err == nil {
		defer unlock()
		err = s.swapLease(ctx, name, id, nil)
	}
	if err != nil {
		s.opt.Log.Warn("the lease could not be given back and runs out by itself", "name", name, "error", err)
	}
}

func (s *Store) makeLease(ttl time.Duration) ([]byte, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	rec := leaseRecord{Holder: fmt.Sprintf("%s (pid %d)", host, os.Getpid()), ID: uuid.NewString(), Until: s.opt.Now().Add(ttl).UTC()}
	text, err := json.Marshal(rec)
	if err != nil {
		return nil, err
	}
	who := s.opt.Committer
	who.When = s.opt.Now()
	return fmt.Appendf(nil, "tree %s\nauthor %s\ncommitter %s\n\n%s\n", emptyTree(), who.encode(), who.encode(), text), nil
}

func emptyTree() oid { return hashObject(plumbing.TreeObject, nil) }

func (s *Store) readLease(id oid) (leaseRecord, error) {
	c, err := s.obj.fullCommit(id)
	if err != nil {
		return leaseRecord{}, err
	}
	var rec leaseRecord
	if err := json.Unmarshal([]byte(strings.TrimSpace(c.message)), &rec); err != nil {
		return rec, fmt.Errorf("lease %s of the remote is not readable: %w", id, err)
	}
	rec.Holder = clean(rec.Holder, false)
	return rec, nil
}

// swapLease moves the server's lease ref from held to the commit mine, or
// deletes it when mine is nil. Nothing is stored here.
func (s *Store) swapLease(ctx context.Context, name string, held oid, mine []byte) error {
	ref := leasePrefix + name
	sess, adv, err := s.remote.receive(ctx)
	if err != nil {
		return err
	}
	defer sess.Close()
	if adv.References[ref] != held {
		return &LeasedError{Name: name}
	}
	cmd := &packp.Command{Name: plumbing.ReferenceName(ref), Old: held}
	var said serverText
	req := s.pushRequest([]*packp.Command{cmd}, adv, &said)
	if mine != nil {
		cmd.New = hashObject(plumbing.CommitObject, mine)
		pack, err := leasePack(mine)
		if err != nil {
			return err
		}
		req.Packfile = io.NopCloser(bytes.NewReader(pack))
	}
	report, err := sess.ReceivePack(ctx, req)
	if report == nil || report.UnpackStatus != "ok" {
		if err == nil {
			err = errors.New("the server sent no report")
		}
		return s.pushFailure(err, said.String())
	}
	rejected := map[string]string{ref: "the server did not report on it"}
	for _, st := range report.CommandStatuses {
		if st.ReferenceName.String() != ref {
			continue
		}
		if delete(rejected, ref); st.Status != "ok" {
			rejected[ref] = clean(st.Status, false)
		}
	}
	err = verdict(rejected, said.String())
	if errors.Is(err, ErrNonFastForward) {
		return &LeasedError{Name: name}
	}
	return err
}

// leasePack holds the commit and its empty tree.
func leasePack(commit []byte) ([]byte, error) {
	var b bytes.Buffer
	b.Write(appendPackHeader(nil, 2))
	zip := zlib.NewWriter(io.Discard)
	for _, o := range []struct {
		kind plumbing.ObjectType
		data []byte
	}{{plumbing.CommitObject, commit}, {plumbing.TreeObject, nil}} {
		if err := writeEntry(&b, zip, o.kind, o.data); err != nil {
			return nil, err
		}
	}
	sum := sha1.Sum(b.Bytes())
	return append(b.Bytes(), sum[:]...), nil
}
