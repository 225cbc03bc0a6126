package repo

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// Resolve finds the commit a person means: a full or short id (four digits or
// more), a branch, a tag, a full ref name, HEAD, each with ~N or ^N behind it.
// The error names what was tried.
func (s *Store) Resolve(rev string) (Revision, error) {
	name, steps, err := splitSteps(strings.TrimSpace(rev))
	if err != nil {
		return "", err
	}
	id, err := s.resolveName(name)
	if err != nil {
		return "", err
	}
	for _, st := range steps {
		if id, err = s.step(id, st); err != nil {
			return "", fmt.Errorf("%s: %w", rev, err)
		}
	}
	return revision(id), nil
}

// relation is "the Nth parent" (^) or "N first parents back" (~).
type relation struct {
	kind byte
	n    int
}

func splitSteps(rev string) (name string, steps []relation, err error) {
	i := strings.IndexAny(rev, "~^")
	if i < 0 {
		return rev, nil, nil
	}
	name, rest := rev[:i], rev[i:]
	for rest != "" {
		st := relation{kind: rest[0], n: 1}
		end := 1
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		if end > 1 {
			if st.n, err = strconv.Atoi(rest[1:end]); err != nil {
				return "", nil, fmt.Errorf("%q: %q is not a number of commits", rev, rest[1:end])
			}
		}
		if rest = rest[end:]; rest != "" && rest[0] != '~' && rest[0] != '^' {
			return "", nil, fmt.Errorf("%q: %q is not understood; use NAME~N or NAME^N", rev, rest)
		}
		steps = append(steps, st)
	}
	return name, steps, nil
}

func (s *Store) step(id oid, st relation) (oid, error) {
	back, parent := st.n, 0
	if st.kind == '^' {
		if st.n == 0 {
			return id, nil
		}
		back, parent = 1, st.n-1
	}
	for range back {
		c, err := s.obj.commit(id)
		if err != nil {
			return oid{}, err
		}
		if parent >= len(c.parents) {
			return oid{}, fmt.Errorf("%s has no parent %d", revision(id).Short(), parent+1)
		}
		id = c.parents[parent]
	}
	return id, nil
}

func (s *Store) resolveName(name string) (oid, error) {
	if name == "" || name == "@" {
		name = "HEAD"
	}
	if plumbing.IsHash(name) {
		return s.peel(plumbing.NewHash(name))
	}
	tried := []string{name, "refs/" + name, "refs/tags/" + name, headsPrefix + name, "refs/remotes/" + name}
	if !strings.HasPrefix(name, "refs/") && name != "HEAD" {
		tried = tried[1:]
	}
	for _, ref := range tried {
		id, err := s.resolveRef(ref)
		if err != nil {
			return oid{}, err
		}
		if !id.IsZero() {
			return s.peel(id)
		}
	}
	id, err := s.resolveShort(name)
	if err != nil || !id.IsZero() {
		return id, err
	}
	return oid{}, fmt.Errorf("%q is no revision of %s: tried %s and commit ids that start so; see git -C %s log",
		name, s.opt.Path, strings.Join(tried, ", "), s.opt.Path)
}

func (s *Store) resolveRef(ref string) (oid, error) {
	if ref == "HEAD" {
		target, err := s.headRef()
		if err != nil {
			return oid{}, err
		}
		if target != "" {
			return s.readRef(target)
		}
		return s.readRef("HEAD")
	}
	if checkRefName(ref) != nil {
		return oid{}, nil
	}
	id, err := s.readRef(ref)
	if errors.Is(err, errBrokenRef) {
		return oid{}, err
	}
	if err != nil {
		return oid{}, nil // a symbolic reference, or a folder in the way
	}
	return id, nil
}

// resolveShort finds the one commit whose id starts so.
func (s *Store) resolveShort(name string) (oid, error) {
	if len(name) < 4 || len(name) >= 40 {
		return oid{}, nil
	}
	low := strings.ToLower(name)
	prefix, err := hex.DecodeString(low[:len(low)&^1])
	if err != nil {
		return oid{}, nil
	}
	ids, err := s.obj.withPrefix(prefix)
	if err != nil {
		return oid{}, err
	}
	found := map[oid]bool{}
	for _, id := range ids {
		if !strings.HasPrefix(id.String(), low) {
			continue
		}
		if k, err := s.obj.kind(id); err == nil && k == plumbing.CommitObject {
			found[id] = true
		}
	}
	if len(found) > 1 {
		var list []string
		for id := range found {
			list = append(list, id.String()[:12])
		}
		return oid{}, fmt.Errorf("%q is short for %d commits: %s", name, len(list), strings.Join(list, ", "))
	}
	for id := range found {
		return id, nil
	}
	return oid{}, nil
}

// peel follows an annotated tag to its commit.
func (s *Store) peel(id oid) (oid, error) {
	for range 10 {
		kind, err := s.obj.kind(id)
		if err != nil {
			return oid{}, fmt.Errorf("%s is not in %s", id, s.opt.Path)
		}
		switch kind {
		case plumbing.CommitObject:
			return id, nil
		case plumbing.TagObject:
			data, err := s.obj.read(plumbing.TagObject, id)
			if err != nil {
				return oid{}, err
			}
			target, ok := strings.CutPrefix(string(data), "object ")
			if !ok || len(target) < 40 || !plumbing.IsHash(target[:40]) {
				return oid{}, fmt.Errorf("tag %s is malformed", id)
			}
			id = plumbing.NewHash(target[:40])
		default:
			return oid{}, fmt.Errorf("%s is a %s, not a commit", id, kind)
		}
	}
	return oid{}, fmt.Errorf("tag %s points to too many tags", id)
}
