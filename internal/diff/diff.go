// Package diff shows how two texts differ. It is for reading and for git apply;
// whether something changed is decided by comparing bytes, never here.
package diff

import (
	"bytes"
	"strings"
	"time"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// Timeout bounds the search for the shortest difference; beyond it the result
// is longer but still right.
const Timeout = 2 * time.Second

// op is a run of whole lines, each with its newline unless the text ends without one.
type op struct {
	kind  diffmatchpatch.Operation
	lines []string
}

// lineOps compares line by line. Lines become runes of our own making, because
// go-diff takes texts apart that are not valid UTF-8 and then calls some equal
// that are not; surrogates are left out since they do not survive its strings.
func lineOps(a, b []byte) []op {
	numbers := map[string]rune{}
	var lines []string
	encode := func(text []byte) []rune {
		var out []rune
		for l := range bytes.Lines(text) {
			r, known := numbers[string(l)]
			if !known {
				r = toRune(len(lines))
				numbers[string(l)] = r
				lines = append(lines, string(l))
			}
			out = append(out, r)
		}
		return out
	}
	dmp := diffmatchpatch.New()
	dmp.DiffTimeout = Timeout
	x, y := encode(a), encode(b)
	if len(lines) > maxLines {
		return replaced(a, b)
	}
	var ops []op
	for _, d := range dmp.DiffMainRunes(x, y, false) {
		o := op{kind: d.Type}
		for _, r := range d.Text {
			o.lines = append(o.lines, lines[fromRune(r)])
		}
		ops = append(ops, o)
	}
	return ops
}

const (
	surrogates    = 0xd800
	surrogatesEnd = 0xe000
	maxLines      = 0x10ffff - (surrogatesEnd - surrogates) - 1
)

func toRune(i int) rune {
	if i++; i >= surrogates {
		i += surrogatesEnd - surrogates
	}
	return rune(i)
}

func fromRune(r rune) int {
	if r >= surrogatesEnd {
		r -= surrogatesEnd - surrogates
	}
	return int(r) - 1
}

// replaced is the difference of texts with more distinct lines than there are runes.
func replaced(a, b []byte) []op {
	split := func(text []byte) (lines []string) {
		for l := range bytes.Lines(text) {
			lines = append(lines, string(l))
		}
		return lines
	}
	return []op{{diffmatchpatch.DiffDelete, split(a)}, {diffmatchpatch.DiffInsert, split(b)}}
}

// Stat counts the lines that b has more and less than a.
func Stat(a, b []byte) (added, removed int) {
	if bytes.Equal(a, b) {
		return 0, 0
	}
	for _, o := range lineOps(a, b) {
		switch o.kind {
		case diffmatchpatch.DiffInsert:
			added += len(o.lines)
		case diffmatchpatch.DiffDelete:
			removed += len(o.lines)
		}
	}
	return added, removed
}

// Display makes a text safe for a terminal: escapes, other control characters,
// marks that reorder text, and bytes that are no UTF-8 are shown as \x1b or
// \u202e; newlines and tabs stay.
func Display(s string) string {
	if !strings.ContainsFunc(s, unsafe) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if !unsafe(r) {
			b.WriteRune(r)
			continue
		}
		writeEscaped(&b, r, s[i])
	}
	return b.String()
}
