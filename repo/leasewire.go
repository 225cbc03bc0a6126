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
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/google/uuid"
	"github.com/klauspost/compress/zlib"
)

// leaseRecord is the message of a lease commit.
type leaseRecord struct {
	Holder string    `json:"holder"`
	ID     string    `json:"id"` // so that no two lease commits are one object
	Clone  string    `json:"clone,omitempty"`
	Until  time.Time `json:"until"`

	commit oid
}

// makeLease encodes a lease commit on top of the one that the server has. Its
// content is stored nowhere here.
func (s *Store) makeLease(ttl time.Duration, before oid) (commit []byte, until time.Time, err error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	now := s.opt.Now()
	until = now.Add(ttl).Round(0) // by the wall clock: the other one stands still while a machine sleeps
	rec := leaseRecord{Holder: fmt.Sprintf("%s (pid %d, %s)", host, os.Getpid(), commandLine()), ID: uuid.NewString(), Clone: s.clone, Until: until.UTC()}
	text, err := json.Marshal(rec)
	if err != nil {
		return nil, until, err
	}
	who := s.opt.Committer
	who.When = now
	parent := ""
	if !before.IsZero() {
		parent = "parent " + before.String() + "\n"
	}
	return fmt.Appendf(nil, "tree %s\n%sauthor %s\ncommitter %s\n\n%s\n", emptyTree(), parent, who.encode(), who.encode(), text), until, nil
}

func emptyTree() oid { return hashObject(plumbing.TreeObject, nil) }

func commitID(data []byte) oid { return hashObject(plumbing.CommitObject, data) }

// fetchLease reads what another process left on the server.
func (s *Store) fetchLease(ctx context.Context, name string) (leaseRecord, error) {
	unlock, err := s.writer(ctx) // a fetch stores objects
	if err != nil {
		return leaseRecord{}, err
	}
	defer unlock()
	ref := leasePrefix + name
	refs, err := s.download(ctx, ref)
	if err != nil {
		return leaseRecord{}, err
	}
	held := refs[ref]
	if held.IsZero() {
		return leaseRecord{}, nil // given back this moment
	}
	c, err := s.obj.fullCommit(held)
	if err != nil {
		return leaseRecord{}, err
	}
	rec := leaseRecord{commit: held}
	if err := json.Unmarshal([]byte(strings.TrimSpace(c.message)), &rec); err != nil {
		return rec, fmt.Errorf("%s on the remote is not readable (%w); if no other machine writes to %s, delete it: git push REMOTE :%s", ref, err, name, ref)
	}
	rec.Holder = clean(rec.Holder, false)
	return rec, nil
}

// leaseSession is one push session about one lease.
type leaseSession struct {
	s    *Store
	ref  string
	sess transport.ReceivePackSession
	adv  *packp.AdvRefs
	once sync.Once
}

// leaseSession opens one and says what the server has now. It takes no lock of
// the store: it touches no file, and a lease must be renewed while somebody else
// pushes for long.
func (s *Store) leaseSession(ctx context.Context, name string) (*leaseSession, oid, error) {
	sess, adv, err := s.remote.receive(ctx)
	if err != nil {
		return nil, oid{}, err
	}
	l := &leaseSession{s: s, ref: leasePrefix + name, sess: sess, adv: adv}
	return l, adv.References[l.ref], nil
}

func (l *leaseSession) Close() { l.once.Do(func() { l.sess.Close() }) }

// move asks the server to move the ref from held to the commit mine, or to delete
// it when mine is nil.
func (l *leaseSession) move(ctx context.Context, held oid, mine []byte) error {
	cmd := &packp.Command{Name: plumbing.ReferenceName(l.ref), Old: held}
	var said serverText
	if mine != nil {
		cmd.New = commitID(mine)
	}
	req := l.s.pushRequest([]*packp.Command{cmd}, l.adv, &said)
	if mine != nil {
		pack, err := leasePack(mine)
		if err != nil {
			return err
		}
		req.Packfile = io.NopCloser(bytes.NewReader(pack))
	}
	report, err := l.sess.ReceivePack(ctx, req)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if report == nil || report.UnpackStatus != "ok" {
		if err == nil {
			err = errors.New("the server sent no report")
		}
		return l.s.pushFailure(err, said.String())
	}
	rejected := map[string]string{l.ref: "the server did not report on it"}
	for _, st := range report.CommandStatuses {
		if st.ReferenceName.String() != l.ref {
			continue
		}
		if delete(rejected, l.ref); st.Status != "ok" {
			rejected[l.ref] = clean(st.Status, false)
		}
	}
	if err = verdict(rejected, said.String()); errors.Is(err, ErrNonFastForward) {
		return &LeasedError{Name: strings.TrimPrefix(l.ref, leasePrefix)}
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

// cloneID names this clone, so that a lease that a killed process of it left is
// known: whoever holds the process lock of the clone is its only writer. A copy
// of the folder is another clone: it stands elsewhere, or on another machine.
func (s *Store) cloneID(ctx context.Context) (string, error) {
	unlock, err := s.writer(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	if s.clone != "" {
		return s.clone, nil
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		return s.newClone(), nil // nothing to know a copy by: good for this process
	}
	place := host + " " + s.opt.Path
	name := filepath.Join(s.tmpDir(), "clone")
	if data, err := readSmall(name, 64<<10); err == nil {
		if id, at, ok := strings.Cut(strings.TrimSuffix(string(data), "\n"), " "); ok && at == place && id != "" {
			s.clone = id
			return id, nil
		}
	}
	return s.newClone(), replaceFile(s.tmpDir(), name, []byte(s.clone+" "+place+"\n"))
}

func (s *Store) newClone() string {
	s.clone = uuid.NewString()
	return s.clone
}
