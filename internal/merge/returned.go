package merge

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Write is what one of our own writes did to a document: nil is absent.
type Write struct{ Before, After []byte }

// Returned lists, as pointers, the values in which live differs from base because
// they are again what they were before a write; writes are given newest first. A
// value that the newest write of it left there is no such value: we put it there
// ourselves. Of texts of several lines a part of the write's lines is enough.
func Returned(base, live []byte, writes []Write) ([]string, error) {
	if base == nil || live == nil || len(writes) == 0 {
		return nil, nil
	}
	moved, err := Differences(base, live)
	if err != nil || len(moved) == 0 {
		return nil, err
	}
	now, err := parse("live", live)
	if err != nil {
		return nil, err
	}
	old := make([]written, len(writes))
	for i, w := range writes {
		if old[i].before, err = parse("before", w.Before); err != nil {
			return nil, err
		}
		if old[i].after, err = parse("after", w.After); err != nil {
			return nil, err
		}
	}
	var pointers []string
	for _, m := range moved {
		keys, err := asset.Split(m.Path)
		if err != nil {
			return nil, err
		}
		if returned(old, now, keys) {
			pointers = append(pointers, m.Path)
		}
	}
	return pointers, nil
}

// Moved are those of the pointers at which the documents differ.
func Moved(a, b []byte, pointers []string) ([]string, error) {
	if len(pointers) == 0 {
		return nil, nil
	}
	x, err := parse("a", a)
	if err != nil {
		return nil, err
	}
	y, err := parse("b", b)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range pointers {
		keys, err := asset.Split(p)
		if err != nil {
			return nil, err
		}
		if !asset.Equal(asset.Get(x, keys...), asset.Get(y, keys...)) {
			out = append(out, p)
		}
	}
	return out, nil
}

type written struct{ before, after *yaml.Node }

// returned reports whether a value went back behind one of the writes.
func returned(writes []written, live *yaml.Node, keys []string) bool {
	now := asset.Get(live, keys...)
	for _, w := range writes {
		before, after := asset.Get(w.before, keys...), asset.Get(w.after, keys...)
		switch {
		case w.before == nil || w.after == nil: // created or deleted: there was no page to save
			return false
		case asset.Equal(now, after):
			return false
		case asset.Equal(before, after): // this write left it alone
		case asset.Equal(now, before), linesReturned(before, after, now):
			return true
		}
	}
	return false
}

// linesReturned reports whether a text has some of its lines again as they were
// before a write that changed them.
func linesReturned(before, after, now *yaml.Node) bool {
	if !isBlock(before) || !isText(after) || !isText(now) {
		return false
	}
	lines := splitLines(before.Value)
	wrote, ok := hunks(lines, splitLines(after.Value))
	edited, okEdited := hunks(lines, splitLines(now.Value))
	if !ok || !okEdited || strings.Count(now.Value, "\n") == 0 {
		return false
	}
	for _, g := range meet(wrote, edited) {
		if len(g.theirs) == 0 {
			return true // what was written there is as if it never was
		}
	}
	return false
}
