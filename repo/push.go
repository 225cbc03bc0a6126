package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
)

// Push sends refs to the remote, full names; none means the followed branch. A
// ref that is gone here is deleted there, which only own refs may be. Nothing is
// ever forced: each ref moves only from the value the remote showed, and only
// forward. A push counts as done when the server said ok for every ref.
//
// Errors: ErrNonFastForward (call FetchAndMerge and push again), *RejectedError
// with the server's words, *OwnRefsError when only refs under OwnPrefix were
// refused (the branch, when asked for, is pushed), *AuthError, ErrNoRemote.
func (s *Store) Push(ctx context.Context, refs ...string) error {
	unlock, err := s.writer(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if s.remote == nil {
		return ErrNoRemote
	}
	if len(refs) == 0 {
		refs = []string{s.branch}
	}
	return s.push(ctx, refs)
}

func (s *Store) push(ctx context.Context, refs []string) error {
	rejected, text, err := s.pushOnce(ctx, refs)
	if err != nil {
		return err
	}
	// A hook that dislikes one ref fails all of them. The branch goes first then.
	if own, other := splitOwn(refs); len(rejected) > 1 && len(own) > 0 && len(other) > 0 {
		again, said, err := s.pushOnce(ctx, other)
		if err != nil {
			return err
		}
		if err := verdict(again, said); err != nil {
			return err
		}
		if rejected, text, err = s.pushOnce(ctx, own); err != nil {
			return err
		}
	}
	return verdict(rejected, text)
}

func splitOwn(refs []string) (own, other []string) {
	for _, r := range refs {
		if strings.HasPrefix(r, OwnPrefix) {
			own = append(own, r)
		} else {
			other = append(other, r)
		}
	}
	return own, other
}

// verdict turns refusals into one error.
func verdict(rejected map[string]string, text string) error {
	var ownRefs []string
	var moved, refused error
	for _, ref := range sortedKeys(rejected) {
		reason := rejected[ref]
		switch {
		case lostRace(reason):
			moved = errors.Join(moved, fmt.Errorf("%s: %w (%s)", ref, ErrNonFastForward, reason))
		case strings.HasPrefix(ref, OwnPrefix):
			ownRefs = append(ownRefs, ref)
		default:
			refused = errors.Join(refused, &RejectedError{Ref: ref, Reason: reason, Text: text})
		}
	}
	switch {
	case moved != nil || refused != nil:
		return errors.Join(moved, refused)
	case len(ownRefs) > 0:
		reason := rejected[ownRefs[0]]
		if text != "" {
			reason += "; it said: " + text
		}
		return &OwnRefsError{Refs: ownRefs, Reason: reason}
	}
	return nil
}

// lostRace reports whether a refusal means that somebody else was faster. The
// texts are those of git receive-pack 2.30 to 2.49, and of JGit.
func lostRace(reason string) bool {
	for _, t := range []string{"non-fast-forward", "fetch first", "failed to update ref", "cannot lock ref", "failed to lock",
		"incorrect old value", "reference already exists", "stale info", "LOCK_FAILURE", "is at "} {
		if strings.Contains(reason, t) {
			return true
		}
	}
	return false
}

// pushOnce is one session. rejected maps a ref to the server's reason.
func (s *Store) pushOnce(ctx context.Context, refs []string) (rejected map[string]string, text string, err error) {
	sess, adv, err := s.remote.receive(ctx)
	if err != nil {
		return nil, "", err
	}
	defer func() {
		if e := sess.Close(); e != nil && err == nil {
			s.opt.Log.Debug("closing the push session", "error", e)
		}
	}()
	cmds, err := s.pushCommands(ctx, refs, adv)
	if err != nil || len(cmds) == 0 {
		return nil, "", err
	}
	var said serverText
	req := s.pushRequest(cmds, adv, &said)
	if req.Packfile, err = s.pushPack(ctx, cmds, adv); err != nil {
		return nil, "", err
	}
	pack := &cutPack{ReadCloser: req.Packfile}
	if req.Packfile != nil {
		defer req.Packfile.Close() // a session that fails early leaves it unread
		req.Packfile = pack
	}
	report, err := sess.ReceivePack(ctx, req)
	if ctx.Err() != nil {
		return nil, "", ctx.Err()
	}
	if pack.err != nil {
		return nil, "", fmt.Errorf("push: %w; nothing was pushed, the commits are kept locally; dashkeep check --repo says what is damaged", pack.err)
	}
	if report == nil {
		if err == nil {
			err = errors.New("the server sent no report")
		}
		return nil, "", s.pushFailure(err, said.String())
	}
	rejected = map[string]string{}
	if report.UnpackStatus != "ok" {
		return nil, "", s.pushFailure(fmt.Errorf("the server could not take the objects: %s", report.UnpackStatus), said.String())
	}
	return s.readReport(ctx, cmds, report, rejected), said.String(), nil
}

// cutPack ends where reading fails, and keeps the error. go-git leaves the
// server waiting for the rest of a request that it could not write, and then waits
// for the server; a pack without its end is refused by every server.
type cutPack struct {
	io.ReadCloser
	err error
}

func (c *cutPack) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		c.err, err = err, io.EOF
	}
	return n, err
}

func (s *Store) pushFailure(err error, text string) error {
	if text != "" {
		err = fmt.Errorf("%w; it said: %s", err, text)
	}
	return s.remote.failure(fmt.Errorf("push: %w; the commits are kept locally", err))
}

// readReport notes what was accepted. A ref without a word is a refusal.
func (s *Store) readReport(ctx context.Context, cmds []*packp.Command, report *packp.ReportStatus, rejected map[string]string) map[string]string {
	status := map[string]string{}
	for _, st := range report.CommandStatuses {
		status[st.ReferenceName.String()] = st.Status
	}
	for _, cmd := range cmds {
		name := cmd.Name.String()
		switch st, ok := status[name]; {
		case !ok:
			rejected[name] = "the server did not report on it"
		case st != "ok":
			rejected[name] = clean(st, false)
		default:
			if err := s.markSeen(ctx, name, cmd.New); err != nil {
				s.opt.Log.Warn("what the remote has now could not be noted", "ref", name, "error", err)
			}
		}
	}
	return rejected
}

// pushCommands says which refs move from what to what.
func (s *Store) pushCommands(ctx context.Context, refs []string, adv *packp.AdvRefs) ([]*packp.Command, error) {
	var cmds []*packp.Command
	for _, ref := range slices.Compact(slices.Sorted(slices.Values(refs))) {
		if err := checkRefName(ref); err != nil || !strings.HasPrefix(ref, "refs/") {
			return nil, fmt.Errorf("push: %q is not a full ref name", ref)
		}
		local, err := s.readRef(ref)
		if err != nil {
			return nil, err
		}
		theirs := adv.References[ref]
		if local == theirs {
			if err := s.markSeen(ctx, ref, local); err != nil {
				return nil, err
			}
			continue
		}
		if local.IsZero() && !strings.HasPrefix(ref, OwnPrefix) {
			return nil, fmt.Errorf("push: there is no %s here", ref)
		}
		if err := s.mayMove(ctx, ref, local, theirs); err != nil {
			return nil, err
		}
		cmds = append(cmds, &packp.Command{Name: plumbing.ReferenceName(ref), Old: theirs, New: local})
	}
	return cmds, nil
}

// mayMove refuses what would drop commits of the remote.
func (s *Store) mayMove(ctx context.Context, ref string, local, theirs oid) error {
	if local.IsZero() {
		// A deletion: only of the value that is known here.
		if seen, err := s.readRef(s.seenName(ref)); err != nil || seen != theirs {
			return errors.Join(err, fmt.Errorf("push: %s: %w (it is to be deleted and has a value not seen yet)", ref, ErrNonFastForward))
		}
		return nil
	}
	if theirs.IsZero() {
		seen, err := s.readRef(s.seenName(ref))
		if err == nil && ref == s.branch && !seen.IsZero() {
			return &DivergedError{Ref: ref, Local: revision(local), Seen: revision(seen), next: s.forget(ref)}
		}
		return err
	}
	ok, err := s.obj.isAncestor(ctx, theirs, local)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("push: %s: %w (it is at %s)", ref, ErrNonFastForward, revision(theirs).Short())
	}
	return nil
}

func (s *Store) pushRequest(cmds []*packp.Command, adv *packp.AdvRefs, said io.Writer) *packp.ReferenceUpdateRequest {
	req := packp.NewReferenceUpdateRequest()
	req.Commands = cmds
	req.Progress = said
	req.Capabilities.Set(capability.ReportStatus) // a server without it is not believed
	if adv.Capabilities.Supports(capability.Sideband64k) {
		req.Capabilities.Set(capability.Sideband64k)
	}
	if adv.Capabilities.Supports(capability.Agent) {
		req.Capabilities.Set(capability.Agent, capability.DefaultAgent())
	}
	for _, c := range cmds {
		if c.New.IsZero() {
			req.Capabilities.Set(capability.DeleteRefs)
		}
	}
	return req
}
