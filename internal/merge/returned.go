package merge

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Write is what one of our own writes did to a document: nil is absent.
type Write struct {
	Before, After []byte
	Old           bool // too long ago to be the reason of anything
}

// Returned lists, as pointers, the values in which live differs from base because
// they are again what they were before a write; writes are given newest first. A
// value that the newest write of it left there is no such value: we put it there
// ourselves. Of texts of several lines a part of the write's lines is enough. by are
// the writes that were taken back.
func Returned(base, live []byte, writes []Write) (pointers []string, by []int, err error) {
	if base == nil || live == nil || len(writes) == 0 {
		return nil, nil, nil
	}
	moved, err := Differences(base, live)
	if err != nil || len(moved) == 0 {
		return nil, nil, err
	}
	now, err := parse("live", live)
	if err != nil {
		return nil, nil, err
	}
	old := make([]written, len(writes))
	for i, w := range writes {
		old[i].old = w.Old
		if old[i].before, err = parse("before", w.Before); err != nil {
			return nil, nil, err
		}
		if old[i].after, err = parse("after", w.After); err != nil {
			return nil, nil, err
		}
	}
	taken := map[int]bool{}
	for _, m := range moved {
		keys, err := asset.Split(m.Path)
		if err != nil {
			return nil, nil, err
		}
		if i, ok := returnedTo(old, now, keys); ok {
			pointers = append(pointers, m.Path)
			taken[i] = true
		}
	}
	for i := range writes {
		if taken[i] {
			by = append(by, i)
		}
	}
	return pointers, by, nil
}

type written struct {
	before, after *yaml.Node
	old           bool
}

// returnedTo finds the write that a value went back behind.
func returnedTo(writes []written, live *yaml.Node, keys []string) (int, bool) {
	now := asset.Get(live, keys...)
	for i, w := range writes {
		before, after := asset.Get(w.before, keys...), asset.Get(w.after, keys...)
		switch {
		case w.before == nil || w.after == nil: // created or deleted: there was no page to save
			return 0, false
		case asset.Equal(now, after):
			return 0, false
		case asset.Equal(before, after): // this write left it alone
		case asset.Equal(now, before), linesReturned(before, after, now):
			return i, !w.old
		}
	}
	return 0, false
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
