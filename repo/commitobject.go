package repo

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// commitObject is a parsed commit. Author and message are kept as text and
// parsed when somebody asks.
type commitObject struct {
	tree      oid
	parents   []oid
	committer Signature
}

// commit reads a commit. What is read is remembered: walks come back to it.
func (o *objects) commit(id oid) (*commitObject, error) {
	o.mu.Lock()
	c := o.commits[id]
	o.mu.Unlock()
	if c != nil {
		return c, nil
	}
	full, err := o.fullCommit(id)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.commits) >= cachedCommits {
		clear(o.commits)
	}
	o.commits[id] = &full.commitObject
	return &full.commitObject, nil
}

// fullCommitObject is a commit with what people read.
type fullCommitObject struct {
	commitObject
	author  Signature
	message string
}

func (o *objects) fullCommit(id oid) (*fullCommitObject, error) {
	data, err := o.read(plumbing.CommitObject, id)
	if err != nil {
		return nil, err
	}
	c, err := parseCommit(string(data))
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", id, err)
	}
	return c, nil
}

func parseCommit(text string) (*fullCommitObject, error) {
	head, message, _ := strings.Cut(text, "\n\n")
	c := &fullCommitObject{message: message}
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "tree":
			if !plumbing.IsHash(value) {
				return nil, fmt.Errorf("malformed tree line")
			}
			c.tree = plumbing.NewHash(value)
		case "parent":
			if !plumbing.IsHash(value) {
				return nil, fmt.Errorf("malformed parent line")
			}
			c.parents = append(c.parents, plumbing.NewHash(value))
		case "author":
			c.author = parseSignature(value)
		case "committer":
			c.committer = parseSignature(value)
		}
	}
	if c.tree.IsZero() {
		return nil, fmt.Errorf("no tree line")
	}
	return c, nil
}

// parseSignature reads "Name <email> seconds zone", and what it can of less.
func parseSignature(s string) Signature {
	open, end := strings.IndexByte(s, '<'), strings.LastIndexByte(s, '>')
	if open < 0 || end < open {
		return Signature{Name: strings.TrimSpace(s)}
	}
	g := Signature{Name: strings.TrimSpace(s[:open]), Email: s[open+1 : end]}
	f := strings.Fields(s[end+1:])
	if len(f) == 0 {
		return g
	}
	sec, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		return g
	}
	g.When = time.Unix(sec, 0).UTC()
	if len(f) > 1 {
		if z, err := time.Parse("-0700", f[1]); err == nil {
			g.When = g.When.In(z.Location())
		}
	}
	return g
}
