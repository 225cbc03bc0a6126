package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing"
)

// Commit builds the commits in order on the head of the followed branch and then
// moves the branch once, so that either all of them are there or none. A commit
// whose changes are all in place already is left out. The result is the new
// head; with nothing left it is the old head and ErrNothingToCommit, and not a
// byte was written.
//
// After the branch has moved, working files are brought up to date; LeftAlone
// names those that were not. With HEAD on another branch only the branch moves.
//
// A commit that a person makes at the same moment is built upon, unless Base
// pins the head.
//
// Errors: ErrNothingToCommit, ErrReadOnly, *MovedError for another head than
// Base, *BusyError when a git command holds the branch's lock. After any of them
// the branch is where it was.
func (s *Store) Commit(ctx context.Context, cs []Commit) (Revision, error) {
	unlock, err := s.writer(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	pinned := len(cs) > 0 && !cs[0].Base.IsZero()
	for try := 1; ; try++ {
		head, err := s.readRef(s.branch)
		if err != nil {
			return "", err
		}
		if pinned && cs[0].Base.oid() != head {
			return "", &MovedError{Ref: s.branch, Expected: cs[0].Base, Have: revision(head)}
		}
		rev, err := s.commitOn(ctx, s.branch, head, head, cs)
		var moved *MovedError
		if !errors.As(err, &moved) || pinned || try == commitTries {
			return rev, err
		}
	}
}

// commitTries is how often a commit is built anew because a person committed in
// between; the changes are whole files, so they fit any head.
const commitTries = 5

// CommitTo is Commit for another branch or own ref: it builds on base and moves
// ref from expectedOld (zero: the ref is new). The working tree is not touched;
// a ref that is checked out is refused.
func (s *Store) CommitTo(ctx context.Context, ref string, expectedOld, base Revision, cs []Commit) (Revision, error) {
	unlock, err := s.writer(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := s.checkOwnRef(ref); err != nil {
		return "", err
	}
	return s.commitOn(ctx, ref, expectedOld.oid(), base.oid(), cs)
}

func (s *Store) commitOn(ctx context.Context, ref string, old, base oid, cs []Commit) (Revision, error) {
	b, err := s.builder(ref, base)
	if err != nil {
		return "", err
	}
	for i := range cs {
		if err := b.add(ctx, &cs[i]); err != nil {
			b.discard()
			return "", fmt.Errorf("commit %d of %d: %w", i+1, len(cs), err)
		}
	}
	if b.head == base && (old == base || len(cs) == 0) {
		b.discard()
		s.keepTree(ref, b)
		return revision(base), ErrNothingToCommit
	}
	return s.land(ctx, ref, old, b, reflogMessage(cs))
}

// keepTree remembers the tree that a commit on the followed branch read.
func (s *Store) keepTree(ref string, b *builder) {
	if ref == s.branch {
		s.head = b.tree
	}
}

// land makes what b built durable and moves ref to it.
func (s *Store) land(ctx context.Context, ref string, old oid, b *builder, why string) (Revision, error) {
	var pack *storedPack
	if !b.pack.empty() {
		var err error
		if pack, err = b.pack.finish(); err != nil {
			return "", fmt.Errorf("writing objects of %s: %w; it is where it was", ref, err)
		}
		defer pack.release()
		s.obj.remember(b.pack.recent)
		defer s.obj.remember(nil)
	}
	if err := s.moveBranch(ctx, ref, old, b.head, b.who, why); err != nil {
		return "", err
	}
	s.keepTree(ref, b)
	if pack != nil && !b.merged {
		s.fresh = &freshPack{base: b.base, new: b.head, path: pack.path}
	}
	return revision(b.head), nil
}

// builder makes commits into one pack.
type builder struct {
	s    *Store
	tree *treeCache
	pack *packWriter
	base oid
	head oid
	when time.Time // of the head; commit times never run backwards
	who  Signature

	merged bool // a parent came from elsewhere: the pack alone is not the step
}

func (s *Store) builder(ref string, base oid) (*builder, error) {
	b := &builder{s: s, base: base, head: base, pack: newPackWriter(s.gitDir, s.tmpDir()), who: s.opt.Committer}
	var root oid
	if !base.IsZero() {
		c, err := s.obj.commit(base)
		if err != nil {
			return nil, err
		}
		root, b.when = c.tree, c.committer.When
	}
	if ref == s.branch && s.head != nil && s.head.root.id == root && !s.head.root.changed {
		b.tree = s.head
		s.head = nil // until the commit has landed: a failure leaves it half edited
	} else {
		b.tree = newTreeCache(s.obj, root)
	}
	return b, nil
}

func (b *builder) discard() { b.pack.discard() }

// add builds one commit, unless it changes nothing.
func (b *builder) add(ctx context.Context, c *Commit) error {
	if strings.TrimSpace(c.Message) == "" {
		return errors.New("a commit needs a message")
	}
	changed, err := b.apply(ctx, c.Changes)
	if err != nil || !changed {
		return err
	}
	return b.seal(c, nil)
}

// seal writes the trees and the commit object.
func (b *builder) seal(c *Commit, merged []oid) error {
	root, err := b.tree.write(b.pack)
	if err != nil {
		return err
	}
	parents := merged
	if !b.head.IsZero() {
		parents = append([]oid{b.head}, merged...)
	}
	data, when, err := b.encode(c, root, parents)
	if err != nil {
		return err
	}
	id, err := b.pack.add(plumbing.CommitObject, data)
	if err != nil {
		return err
	}
	b.head, b.when, b.merged = id, when, b.merged || len(merged) > 0
	return nil
}

func (b *builder) encode(c *Commit, root oid, parents []oid) ([]byte, time.Time, error) {
	committer := c.Committer
	if committer.Name == "" && committer.Email == "" {
		committer = b.s.opt.Committer
	}
	if committer.When.IsZero() {
		committer.When = b.s.opt.Now()
	}
	if committer.When.Before(b.when) {
		committer.When = b.when
	}
	author := c.Author
	if author.Name == "" && author.Email == "" {
		author.Name, author.Email = committer.Name, committer.Email
	}
	if author.When.IsZero() {
		author.When = committer.When
	}
	b.who = committer
	var head bytes.Buffer
	fmt.Fprintf(&head, "tree %s\n", root)
	for _, p := range parents {
		fmt.Fprintf(&head, "parent %s\n", p)
	}
	fmt.Fprintf(&head, "author %s\ncommitter %s\n", author.encode(), committer.encode())
	body := "\n" + c.text()
	if b.s.opt.Sign == nil {
		return append(head.Bytes(), body...), committer.When, nil
	}
	sig, err := b.s.opt.Sign(append(bytes.Clone(head.Bytes()), body...))
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("signing: %w", err)
	}
	lines := strings.ReplaceAll(strings.TrimRight(sig, "\n"), "\n", "\n ")
	fmt.Fprintf(&head, "gpgsig %s\n", lines)
	return append(head.Bytes(), body...), committer.When, nil
}

// text is the message with its trailers in a paragraph of their own, so that
// no title or value can pass for one.
func (c *Commit) text() string {
	msg := strings.TrimRight(strings.TrimLeft(clean(c.Message, true), "\n"), " \n") + "\n"
	if len(c.Trailers) == 0 {
		return msg
	}
	var b strings.Builder
	b.WriteString(msg + "\n")
	for _, t := range c.Trailers {
		fmt.Fprintf(&b, "%s: %s\n", clean(t.Key, false), strings.TrimSpace(clean(t.Value, false)))
	}
	return b.String()
}

// encode is "Name <email> seconds zone". Characters that would end a field are
// left out, as git does.
func (g Signature) encode() string {
	name := person(g.Name)
	if name == "" {
		name = "unknown"
	}
	return fmt.Sprintf("%s <%s> %d %s", name, person(g.Email), max(0, g.When.Unix()), g.When.Format("-0700"))
}

func person(s string) string {
	s = strings.NewReplacer("<", "", ">", "").Replace(clean(s, false))
	return strings.Trim(s, " .,:;\"'\\")
}

// clean drops control characters; lines keeps line ends and tabs.
func clean(s string, lines bool) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\r\n", "\n"), "\uFFFD")
	return strings.Map(func(r rune) rune {
		switch {
		case lines && (r == '\n' || r == '\t'):
			return r
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, s)
}

func reflogMessage(cs []Commit) string {
	if len(cs) == 0 {
		return "dashkeep"
	}
	subject, _, _ := strings.Cut(strings.TrimSpace(cs[len(cs)-1].Message), "\n")
	if len(cs) > 1 {
		subject = strconv.Itoa(len(cs)) + " commits, last: " + subject
	}
	return "commit: " + clean(subject, false)
}
