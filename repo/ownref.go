package repo

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// Head is the commit of the followed branch; false when it has none yet.
func (s *Store) Head() (Revision, bool, error) { return s.ReadRef(s.branch) }

// ReadRef is the commit a reference names; false when there is none.
func (s *Store) ReadRef(name string) (Revision, bool, error) {
	id, err := s.readRef(name)
	return revision(id), !id.IsZero(), err
}

// ListRefs returns the references whose full name starts with prefix.
func (s *Store) ListRefs(prefix string) (map[string]Revision, error) {
	refs, err := s.listRefs(prefix)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Revision, len(refs))
	for name, id := range refs {
		out[name] = revision(id)
	}
	return out, nil
}

// WriteRef commits exactly files to an own ref, with the ref's value before as
// parent, and moves the ref durably. With the same files as before nothing is
// written and the old value is returned.
//
// expectedOld is the value the caller saw (zero: none); another one is a
// *MovedError. name is under OwnPrefix or refs/heads/, and not checked out.
func (s *Store) WriteRef(ctx context.Context, name string, expectedOld Revision, files map[string][]byte, message string) (Revision, error) {
	return s.writeRef(ctx, name, expectedOld, nil, files, message)
}

// MergeRef is WriteRef with a second parent: it ends a divergence of an own ref
// that Fetch reported (*DivergedError), with files as the joint content.
func (s *Store) MergeRef(ctx context.Context, name string, expectedOld, theirs Revision, files map[string][]byte, message string) (Revision, error) {
	return s.writeRef(ctx, name, expectedOld, []oid{theirs.oid()}, files, message)
}

func (s *Store) writeRef(ctx context.Context, name string, expectedOld Revision, merged []oid, files map[string][]byte, message string) (Revision, error) {
	return s.buildRef(ctx, name, expectedOld, message, func(b *builder, c *Commit) error { return b.become(ctx, files, c, merged) })
}

// buildRef moves an own ref from expectedOld to the commit that build makes of what
// it holds; a build that leaves the head where it is writes nothing.
func (s *Store) buildRef(ctx context.Context, name string, expectedOld Revision, message string, build func(*builder, *Commit) error) (Revision, error) {
	unlock, err := s.writer(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := s.checkOwnRef(name); err != nil {
		return "", err
	}
	old, err := s.readRef(name)
	if err != nil {
		return "", err
	}
	if revision(old) != expectedOld {
		return "", &MovedError{Ref: name, Expected: expectedOld, Have: revision(old)}
	}
	b, err := s.builder(name, old)
	if err != nil {
		return "", err
	}
	if err := build(b, &Commit{Message: message}); err != nil {
		b.discard()
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if b.head == old {
		b.discard()
		return revision(old), nil
	}
	return s.land(ctx, name, old, b, clean(message, false))
}

// become makes a commit that holds files and nothing else.
func (b *builder) become(ctx context.Context, files map[string][]byte, c *Commit, merged []oid) error {
	before := b.tree.root.id
	b.tree = newTreeCache(b.s.obj, oid{})
	if err := b.sameBlobs(files, before); err != nil {
		return err
	}
	content := make(map[string][]byte, len(files))
	for path, data := range files {
		if data == nil {
			data = []byte{} // an empty file; there is nothing to delete here
		}
		content[path] = data
	}
	if _, err := b.apply(ctx, content); err != nil {
		return err
	}
	if len(merged) == 0 && !b.head.IsZero() && b.tree.peek() == before {
		return nil
	}
	return b.seal(c, merged)
}

// sameBlobs keeps the content that the ref has already out of the new pack.
func (b *builder) sameBlobs(files map[string][]byte, before oid) error {
	if before.IsZero() {
		return nil
	}
	return b.s.obj.walkTree(before, "", func(path string, e entry) error {
		if data, ok := files[path]; ok && e.isFile() && hashObject(plumbing.BlobObject, data) == e.id {
			b.pack.seen[e.id] = true
		}
		return nil
	})
}

// peek is the id the tree would have, without writing it.
func (t *treeCache) peek() oid { return peekDir(t.root) }

func peekDir(d *dir) oid {
	if !d.changed {
		return d.id
	}
	items := make([]item, len(d.items))
	copy(items, d.items)
	for i := range items {
		if items[i].sub != nil && items[i].sub.changed {
			items[i].id = peekDir(items[i].sub)
		}
	}
	return hashObject(plumbing.TreeObject, encodeTree(items))
}

// DeleteRef removes an own ref, whatever its value. One that is not there is no
// error.
func (s *Store) DeleteRef(ctx context.Context, name string) error {
	unlock, err := s.writer(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.checkOwnRef(name); err != nil {
		return err
	}
	old, err := s.readRef(name)
	if err != nil || old.IsZero() {
		return err
	}
	return s.deleteRef(ctx, name, old)
}

// checkOwnRef refuses names that git would refuse, and refs that are not ours
// to write: the followed branch, and what is checked out.
func (s *Store) checkOwnRef(name string) error {
	if !strings.HasPrefix(name, OwnPrefix) && !strings.HasPrefix(name, headsPrefix) {
		return fmt.Errorf("ref %q is neither under %s nor under %s", name, OwnPrefix, headsPrefix)
	}
	if err := checkRefName(name); err != nil {
		return err
	}
	if name == s.branch {
		return fmt.Errorf("ref %q is the followed branch", name)
	}
	if head, err := s.headRef(); err != nil || head == name && s.work != nil {
		if err != nil {
			return err
		}
		return fmt.Errorf("ref %q is checked out in %s", name, s.opt.Path)
	}
	return nil
}

// checkRefName follows git check-ref-format.
func checkRefName(name string) error {
	bad := strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.HasSuffix(name, ".") ||
		strings.ContainsAny(name, " ~^:?*[\\\x7f") || len(name) > 1000
	for _, r := range name {
		bad = bad || r < 0x20
	}
	for part := range strings.SplitSeq(name, "/") {
		bad = bad || part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock")
	}
	if bad {
		return fmt.Errorf("ref name %q is not one git accepts", name)
	}
	return nil
}
