package repo

import (
	"context"
	"slices"
	"strings"
)

// LogEntry is one commit of a history.
type LogEntry struct {
	Revision          Revision
	Parents           []Revision
	Author, Committer Signature
	Subject, Body     string // Body without the trailers' paragraph
	Trailers          []Trailer
}

// Log lists the commits, youngest first, that changed what stands at prefix ("":
// every commit), starting at rev; max 0 is no limit. A merge that took one side
// as it was is followed on that side only, like git log.
func (s *Store) Log(rev Revision, prefix string, max int) ([]LogEntry, error) {
	return s.LogContext(context.Background(), rev, prefix, max)
}

// LogContext is Log that can be stopped.
func (s *Store) LogContext(ctx context.Context, rev Revision, prefix string, max int) ([]LogEntry, error) {
	if rev.IsZero() {
		return nil, nil
	}
	prefix = cleanPrefix(prefix)
	at := s.pathIDs(prefix)
	w := s.obj.walk()
	if err := w.add(rev.oid(), false); err != nil {
		return nil, err
	}
	var out []LogEntry
	for w.Len() > 0 && (max <= 0 || len(out) < max) {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		q := w.next()
		follow, changed, err := s.follows(q.c, prefix, at)
		if err != nil {
			return out, err
		}
		if changed {
			e, err := s.logEntry(q.id)
			if err != nil {
				return out, err
			}
			out = append(out, e)
		}
		for _, p := range follow {
			if err := w.add(p, false); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// pathIDs looks a path up in root trees and remembers the folders on the way:
// most commits leave most of them alone.
func (s *Store) pathIDs(prefix string) func(root oid) (entry, error) {
	type step struct {
		id   oid
		rest string
	}
	memo := map[step]entry{}
	var look func(id oid, rest string) (entry, error)
	look = func(id oid, rest string) (entry, error) {
		if rest == "" || id.IsZero() {
			return entry{modeTree, id}, nil
		}
		if e, ok := memo[step{id, rest}]; ok {
			return e, nil
		}
		items, err := s.obj.tree(id)
		if err != nil {
			return entry{}, err
		}
		name, deeper, more := strings.Cut(rest, "/")
		var found entry
		if i, ok := (&dir{items: items}).find(name, more); ok {
			found = items[i].entry
			if more {
				if !found.isDir() {
					found = entry{}
				} else if found, err = look(found.id, deeper); err != nil {
					return entry{}, err
				}
			}
		}
		memo[step{id, rest}] = found
		return found, nil
	}
	return func(root oid) (entry, error) { return look(root, prefix) }
}

// follows decides whether a commit changed the path, and which parents to go to.
func (s *Store) follows(c *commitObject, prefix string, at func(oid) (entry, error)) (parents []oid, changed bool, err error) {
	if prefix == "" {
		return s.present(c.parents), true, nil
	}
	here, err := at(c.tree)
	if err != nil {
		return nil, false, err
	}
	parents = s.present(c.parents)
	for _, p := range parents {
		pc, err := s.obj.commit(p)
		if err != nil {
			return nil, false, err
		}
		there, err := at(pc.tree)
		if err != nil {
			return nil, false, err
		}
		if there == here {
			return []oid{p}, false, nil
		}
	}
	return parents, len(parents) > 0 || !here.none(), nil
}

// present drops parents that a shallow clone does not have.
func (s *Store) present(parents []oid) []oid {
	if !exists(s.file("shallow")) {
		return parents
	}
	return slices.DeleteFunc(slices.Clone(parents), func(id oid) bool {
		known, err := s.obj.has(id)
		return err == nil && !known
	})
}

func (s *Store) logEntry(id oid) (LogEntry, error) {
	c, err := s.obj.fullCommit(id)
	if err != nil {
		return LogEntry{}, err
	}
	e := LogEntry{Revision: revision(id), Author: c.author, Committer: c.committer}
	for _, p := range c.parents {
		e.Parents = append(e.Parents, revision(p))
	}
	subject, body, _ := strings.Cut(strings.TrimSpace(c.message), "\n")
	e.Subject = subject
	e.Body, e.Trailers = splitTrailers(strings.TrimSpace(body))
	return e, nil
}

// splitTrailers takes a last paragraph of "Key: value" lines off a body.
func splitTrailers(body string) (string, []Trailer) {
	text, last := "", body
	if i := strings.LastIndex(body, "\n\n"); i >= 0 {
		text, last = body[:i], body[i+2:]
	}
	var list []Trailer
	for line := range strings.Lines(last) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || key == "" || strings.ContainsAny(key, " \t") {
			return body, nil
		}
		list = append(list, Trailer{key, value})
	}
	return text, list
}
