package repo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Signed is what is needed to check who signed a commit.
type Signed struct {
	Revision  Revision
	Author    Signature
	Committed time.Time
	Signature string // armored; "" when it is not signed
	Content   []byte // what is signed: the commit without its signature
}

// Signed reads a commit for checking its signature. Whether it counts is for the
// caller to say: this package knows no keys.
func (s *Store) Signed(rev Revision) (Signed, error) {
	data, err := s.obj.read(plumbing.CommitObject, rev.oid())
	if err != nil {
		return Signed{}, err
	}
	c, err := parseCommit(string(data))
	if err != nil {
		return Signed{}, fmt.Errorf("commit %s: %w", rev, err)
	}
	sig, content := splitSignature(string(data))
	return Signed{Revision: rev, Author: c.author, Committed: c.committer.When, Signature: sig, Content: []byte(content)}, nil
}

// splitSignature takes the gpgsig header out of a commit: its value is continued
// on lines that begin with a space (git, Documentation/gitformat-signature). A
// commit with several is as good as unsigned.
func splitSignature(text string) (sig, rest string) {
	head, body, _ := strings.Cut(text, "\n\n")
	var kept, sigs []string
	in := false
	for line := range strings.SplitSeq(head, "\n") {
		value, begins := strings.CutPrefix(line, "gpgsig ")
		more, continues := strings.CutPrefix(line, " ")
		switch {
		case begins:
			in = true
			sigs = append(sigs, value)
		case in && continues:
			sigs[len(sigs)-1] += "\n" + more
		default:
			in = false
			kept = append(kept, line)
		}
	}
	if len(sigs) != 1 {
		return "", text
	}
	return sigs[0], strings.Join(kept, "\n") + "\n\n" + body
}

// Origins finds, for each path, the commits of rev's history in which what it
// holds at rev (or that it is absent) came up: no parent has the same there. Those
// are the commits whose author answers for it. Content that two lines of history
// brought alike has two; a path that never was has none.
func (s *Store) Origins(ctx context.Context, rev Revision, paths []string) (map[string][]Revision, error) {
	w := &originWalk{s: s, found: map[string][]Revision{}, wanted: map[oid]map[string]bool{}, done: map[oid]map[string]bool{}}
	all := map[string]bool{}
	for _, p := range paths {
		if why := checkPath(p); why != "" {
			return nil, badPath(p, why)
		}
		all[p] = true
	}
	w.want(rev.oid(), all)
	for len(w.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		id := w.queue[0]
		w.queue = w.queue[1:]
		if err := w.visit(id); err != nil {
			return nil, err
		}
	}
	return w.found, nil
}

type originWalk struct {
	s      *Store
	queue  []oid
	wanted map[oid]map[string]bool // paths to look at in a queued commit
	done   map[oid]map[string]bool // and in those that were visited
	found  map[string][]Revision
}

func (w *originWalk) want(id oid, paths map[string]bool) {
	fresh := map[string]bool{}
	for p := range paths {
		if !w.done[id][p] {
			fresh[p] = true
		}
	}
	if len(fresh) == 0 {
		return
	}
	if w.wanted[id] == nil {
		w.wanted[id] = fresh
		w.queue = append(w.queue, id)
		return
	}
	for p := range fresh {
		w.wanted[id][p] = true
	}
}

func (w *originWalk) visit(id oid) error {
	paths := w.wanted[id]
	delete(w.wanted, id)
	if w.done[id] == nil {
		w.done[id] = map[string]bool{}
	}
	for p := range paths {
		w.done[id][p] = true
	}
	c, err := w.s.obj.commit(id)
	if err != nil {
		return err
	}
	parents := c.parents
	if len(parents) == 0 {
		parents = []oid{{}}
	}
	here := map[string]bool{} // came up in this commit, as far as is known
	for p := range paths {
		here[p] = true
	}
	for _, parent := range parents {
		same, err := w.same(c.tree, parent, paths)
		if err != nil {
			return err
		}
		for p := range same {
			delete(here, p)
		}
		if !parent.IsZero() {
			w.want(parent, same)
		}
	}
	for p := range here {
		if !slices.Contains(w.found[p], revision(id)) {
			w.found[p] = append(w.found[p], revision(id))
		}
	}
	return nil
}

// same lists the paths that a parent has just as the tree has them.
func (w *originWalk) same(tree, parent oid, paths map[string]bool) (map[string]bool, error) {
	before, err := w.s.treeOf(parent)
	if err != nil {
		return nil, err
	}
	same := map[string]bool{}
	for p := range paths {
		same[p] = true
	}
	err = w.s.obj.diffTrees(before, tree, func(c change) error {
		delete(same, c.path)
		return nil
	})
	return same, err
}

// Removal is a file that a commit took away.
type Removal struct {
	Revision Revision
	Path     string
}

// Removals finds, below a prefix, files that rev's history once held and does not
// hold under that path any more, with the youngest commit that took each away.
// keep is asked about their last content, and says which are meant.
func (s *Store) Removals(ctx context.Context, rev Revision, prefix string, keep func(path string, data []byte) bool) ([]Removal, error) {
	prefix = cleanPrefix(prefix)
	log, err := s.LogContext(ctx, rev, prefix, 0)
	if err != nil {
		return nil, err
	}
	var out []Removal
	seen := map[string]bool{}
	for _, e := range log {
		c, err := s.obj.commit(e.Revision.oid())
		if err != nil {
			return nil, err
		}
		for _, parent := range c.parents {
			before, err := s.treeOf(parent)
			if err != nil {
				return nil, err
			}
			err = s.obj.diffTrees(before, c.tree, func(ch change) error {
				if !ch.new.none() || !ch.old.isFile() || !under(ch.path, prefix) || seen[ch.path] {
					return nil
				}
				data, why, err := s.readEntry(ch.path, ch.old)
				if err != nil || why != "" || !keep(ch.path, data) {
					return err
				}
				seen[ch.path] = true
				out = append(out, Removal{e.Revision, ch.path})
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
