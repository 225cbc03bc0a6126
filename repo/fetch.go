package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// sharedPrefixes are the own refs that a second machine needs to take over.
// Others (leases, caches) are not fetched with the branch.
func sharedPrefixes() []string {
	return []string{OwnPrefix + "base/", OwnPrefix + "ids/", OwnPrefix + "backup/", OwnPrefix + "inventory/"}
}

// seenPrefix is where the remote's values of own refs are remembered.
const seenPrefix = "refs/dashkeep-remote/"

// Fetch brings the followed branch and the shared own refs from the remote, and
// fast-forwards the local ones where the remote is ahead; working files follow
// by the rules of Commit. Local commits that the remote lacks are fine, and so
// is a remote that is empty or lacks the branch. The result is the local head.
//
// When both sides have commits of their own the error is a *DivergedError and
// the local ref stays; FetchAndMerge joins them. It is also a *DivergedError,
// with Seen set, when the remote took back commits it had shown before: that is
// for a person to decide. Each ref fails for itself; their errors are joined.
func (s *Store) Fetch(ctx context.Context) (Revision, error) {
	unlock, err := s.writer(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	return s.fetch(ctx, nil)
}

// merger joins two values of a ref that have both moved.
type merger func(ctx context.Context, ref string, local, theirs oid) error

func (s *Store) fetch(ctx context.Context, join merger) (Revision, error) {
	if s.remote == nil {
		return "", ErrNoRemote
	}
	theirs, err := s.download(ctx)
	if err != nil {
		return "", err
	}
	seen, err := s.seenRefs()
	if err != nil {
		return "", err
	}
	for ref := range seen {
		if _, ok := theirs[ref]; !ok {
			theirs[ref] = oid{} // gone from the remote
		}
	}
	var errs []error
	for _, ref := range sortedKeys(theirs) {
		if err := s.take(ctx, ref, theirs[ref], seen[ref], join); err != nil {
			errs = append(errs, err)
		}
	}
	head, err := s.readRef(s.branch)
	if err != nil {
		errs = append(errs, err)
	}
	return revision(head), errors.Join(errs...)
}

// take moves one local ref to the remote's value, if that only adds to it.
func (s *Store) take(ctx context.Context, ref string, theirs, seen oid, join merger) error {
	local, err := s.readRef(ref)
	if err != nil {
		return err
	}
	if theirs.IsZero() {
		return s.gone(ctx, ref, local, seen)
	}
	if _, err := s.obj.commit(theirs); err != nil {
		return fmt.Errorf("%s of the remote is not a readable commit: %w", ref, err)
	}
	if known, err := s.obj.has(seen); err != nil {
		return err
	} else if known && seen != theirs && local != theirs {
		adds, err := s.obj.isAncestor(ctx, seen, theirs)
		if err != nil {
			return err
		}
		if !adds {
			return &DivergedError{Ref: ref, Local: revision(local), Remote: revision(theirs), Seen: revision(seen), next: s.forget(ref)}
		}
	}
	if err := s.takeValue(ctx, ref, local, theirs, join); err != nil {
		return err
	}
	return s.markSeen(ctx, ref, theirs)
}

func (s *Store) takeValue(ctx context.Context, ref string, local, theirs oid, join merger) error {
	if local == theirs {
		return nil
	}
	ahead, err := s.obj.isAncestor(ctx, theirs, local)
	if err != nil || ahead {
		return err
	}
	behind := local.IsZero()
	if !behind {
		if behind, err = s.obj.isAncestor(ctx, local, theirs); err != nil {
			return err
		}
	}
	if behind {
		return s.moveBranch(ctx, ref, local, theirs, s.opt.Committer, "fetch: fast-forward")
	}
	if join != nil {
		return join(ctx, ref, local, theirs)
	}
	return &DivergedError{Ref: ref, Local: revision(local), Remote: revision(theirs)}
}

// gone handles a ref that the remote had and has no more. The branch of people
// must not be made again without asking; an own ref follows its deletion when
// nothing was added here since.
func (s *Store) gone(ctx context.Context, ref string, local, seen oid) error {
	if strings.HasPrefix(ref, OwnPrefix) {
		if local == seen && !local.IsZero() {
			if err := s.deleteRef(ctx, ref, local); err != nil {
				return err
			}
		}
		return s.markSeen(ctx, ref, oid{})
	}
	return &DivergedError{Ref: ref, Local: revision(local), Seen: revision(seen), next: s.forget(ref)}
}

// forget is what to type to accept what the remote did.
func (s *Store) forget(ref string) string {
	return fmt.Sprintf("to go on with the local history run: git -C %s update-ref -d %s", s.opt.Path, s.seenName(ref))
}

// seenName is where the last known value of a remote ref is kept: the usual
// tracking branch for branches, so that git status knows it, unless origin is
// some other repository.
func (s *Store) seenName(ref string) string {
	if own, ok := strings.CutPrefix(ref, OwnPrefix); ok {
		return seenPrefix + own
	}
	if s.tracking {
		return "refs/remotes/origin/" + strings.TrimPrefix(ref, headsPrefix)
	}
	return seenPrefix + strings.TrimPrefix(ref, "refs/")
}

// markSeen remembers what the remote has.
func (s *Store) markSeen(ctx context.Context, ref string, theirs oid) error {
	name := s.seenName(ref)
	have, err := s.readRef(name)
	if err != nil || have == theirs {
		return err
	}
	if theirs.IsZero() {
		return s.deleteRef(ctx, name, have)
	}
	return s.casRef(ctx, name, have, theirs, s.opt.Committer, "fetch")
}

// seenRefs returns the last known values of the remote, by local name.
func (s *Store) seenRefs() (map[string]oid, error) {
	out := map[string]oid{}
	refs, err := s.listRefs(seenPrefix)
	if err != nil {
		return nil, err
	}
	for name, id := range refs {
		ref := OwnPrefix + strings.TrimPrefix(name, seenPrefix)
		if shared(ref) {
			out[ref] = id
		}
	}
	id, err := s.readRef(s.seenName(s.branch))
	if err == nil && !id.IsZero() {
		out[s.branch] = id
	}
	return out, err
}

func shared(ref string) bool {
	for _, p := range sharedPrefixes() {
		if strings.HasPrefix(ref, p) {
			return true
		}
	}
	return false
}

// download fetches the objects behind the refs we follow and returns those.
func (s *Store) download(ctx context.Context, extra ...string) (map[string]oid, error) {
	refs, err := s.downloadOnce(ctx, whatIsNew, extra)
	if err != nil && s.remote.needsMultiAck() && ctx.Err() == nil {
		// go-git cannot read what Azure answers to a list of what we have.
		s.opt.Log.Warn("fetching again without telling what is here", "remote", s.remote.clean, "error", err)
		return s.downloadOnce(ctx, withoutHaves, extra)
	}
	return refs, err
}

// extent is how much of what the refs lead to is asked for.
type extent int

const (
	whatIsNew    extent = iota // nothing that is here
	withoutHaves               // new tips, with all they lead to
	everything                 // also what seems to be here
)

func (s *Store) downloadOnce(ctx context.Context, much extent, extra []string) (map[string]oid, error) {
	sess, adv, err := s.remote.upload(ctx)
	if err != nil {
		return nil, err
	}
	defer sess.Close()
	refs := map[string]oid{}
	for name, id := range adv.References {
		if name == s.branch || shared(name) && checkRefName(name) == nil || contains(extra, name) {
			refs[name] = id
		}
	}
	req := packp.NewUploadPackRequest()
	for _, name := range sortedKeys(refs) {
		known, err := s.obj.has(refs[name])
		if err != nil {
			return nil, err
		}
		if !known || much == everything {
			req.Wants = append(req.Wants, refs[name])
		}
	}
	if len(req.Wants) == 0 {
		return refs, nil
	}
	askFor(req.Capabilities, adv.Capabilities, s.remote.needsMultiAck())
	if much == whatIsNew {
		if req.Haves, err = s.haves(ctx); err != nil {
			return nil, err
		}
	}
	return refs, s.receivePack(ctx, sess, req)
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// askFor sets the capabilities that both sides understand. Packs come complete
// (no thin-pack), so that they can be stored as they are.
func askFor(want, have *capability.List, multiAck bool) {
	if multiAck {
		want.Set(capability.MultiACK)
	}
	if have.Supports(capability.Sideband64k) {
		want.Set(capability.Sideband64k)
	} else if have.Supports(capability.Sideband) {
		want.Set(capability.Sideband)
	}
	if have.Supports(capability.OFSDelta) {
		want.Set(capability.OFSDelta)
	}
	if have.Supports(capability.Agent) {
		want.Set(capability.Agent, capability.DefaultAgent())
	}
}

// receivePack stores the pack of one request. It is durable, or not there.
func (s *Store) receivePack(ctx context.Context, sess transport.UploadPackSession, req *packp.UploadPackRequest) error {
	res, err := sess.UploadPack(ctx, req)
	if errors.Is(err, transport.ErrEmptyUploadPackRequest) {
		return fmt.Errorf("remote %s sent no objects", s.remote.clean)
	}
	if err != nil {
		return s.remote.failure(err)
	}
	defer res.Close()
	var said serverText
	var r io.Reader = res
	switch caps := req.Capabilities; {
	case caps.Supports(capability.Sideband64k):
		r = demux(sideband.Sideband64k, res, &said)
	case caps.Supports(capability.Sideband):
		r = demux(sideband.Sideband, res, &said)
	}
	st := newStorage(newSafeFS(s.gitDir))
	defer st.ObjectStorage.Close()
	err = packfile.UpdateObjectStorage(st, &bounded{ctx: ctx, r: r, left: MaxFetch})
	if err != nil {
		s.dropFetched()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return s.remote.failure(fmt.Errorf("receiving objects: %w", err))
	}
	for _, id := range req.Wants {
		known, err := s.obj.has(id)
		if err != nil {
			return err
		}
		if !known {
			return fmt.Errorf("remote %s did not send %s", s.remote.clean, id)
		}
	}
	return nil
}

// dropFetched removes the temporary files that go-git leaves when it fails. Others
// may be in use: packs are joined while something is fetched.
func (s *Store) dropFetched() {
	for _, name := range names(s.tmpDir()) {
		if strings.HasPrefix(name, ownTemp+"tmp_") {
			os.Remove(filepath.Join(s.tmpDir(), name))
		}
	}
}

func demux(t sideband.Type, r io.Reader, said io.Writer) io.Reader {
	d := sideband.NewDemuxer(t, r)
	d.Progress = said
	return d
}

// bounded stops at a size and at the end of the context.
type bounded struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, fmt.Errorf("the pack is larger than %d bytes", int64(MaxFetch))
	}
	return n, err
}

// serverText keeps the last part of what the other side says to people.
type serverText struct{ buf bytes.Buffer }

const maxServerText = 16 << 10

func (t *serverText) Write(p []byte) (int, error) {
	t.buf.Write(p)
	if over := t.buf.Len() - maxServerText; over > 0 {
		t.buf.Next(over)
	}
	return len(p), nil
}

// String is the text without progress lines, which end in a carriage return.
func (t *serverText) String() string {
	var kept []string
	for line := range strings.SplitSeq(t.buf.String(), "\n") {
		if i := strings.LastIndexByte(strings.TrimSuffix(line, "\r"), '\r'); i >= 0 {
			line = line[i+1:]
		}
		if line = strings.TrimSpace(clean(line, false)); line != "" {
			kept = append(kept, line)
		}
	}
	text := strings.Join(kept, "; ")
	if len(text) > 2000 {
		text = text[:2000] + "…"
	}
	return text
}

// haves lists commits that are here: the tips, and ever sparser ancestors, so
// that the remote finds the common part of any history.
func (s *Store) haves(ctx context.Context) ([]plumbing.Hash, error) {
	refs, err := s.listRefs("refs/")
	if err != nil {
		return nil, err
	}
	seen := map[oid]bool{}
	var list []plumbing.Hash
	for _, name := range sortedKeys(refs) {
		id := refs[name]
		if len(list) > 1000 {
			break
		}
		for step, next := 0, 0; !seen[id] && len(list) <= 1000; step++ {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			c, err := s.obj.commit(id)
			if err != nil {
				break // a tag or something foreign
			}
			if step == next {
				seen[id] = true
				list = append(list, id)
				if next = step + 1; step >= 32 {
					next = step * 2
				}
			}
			if len(c.parents) == 0 || step > 4096 {
				break
			}
			id = c.parents[0]
		}
	}
	return list, nil
}
