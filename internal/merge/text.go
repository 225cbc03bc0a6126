package merge

import (
	"slices"
	"strings"

	"github.com/sergi/go-diff/diffmatchpatch"
	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// maxTextLines bounds the texts that are merged by lines: go-diff takes time that
// grows with lines times differences, and a merge must not depend on a clock.
const maxTextLines = 20_000 // fewer than there are runes below the surrogates

// hunk is what a side did to a text: the lines from..to of base became put.
type hunk struct {
	from, to int
	put      []string
}

// isBlock reports whether a value is a text of several lines, as SQL, Markdown
// and CSS are; such a text is merged by lines.
func isBlock(n *yaml.Node) bool { return isText(n) && strings.Contains(n.Value, "\n") }

func isText(n *yaml.Node) bool {
	return n != nil && n.Kind == yaml.ScalarNode && n.Tag == asset.TagStr
}

// mergeText merges what ours and theirs did to the lines of base. As in git,
// changes merge when at least one line that neither touched stands between them;
// the same change on both sides is one. ok is false when they do not.
//
// Where lines repeat, a difference can be told in several ways and what is merged
// might look unmerged the next time. So a result counts only when merging either
// side into it once more leaves it as it is.
func mergeText(base, ours, theirs string) (merged string, ok bool) {
	if merged, ok = joinHunks(base, ours, theirs); !ok {
		return "", false
	}
	for _, side := range []string{ours, theirs} {
		if again, ok := joinHunks(base, merged, side); !ok || again != merged {
			return "", false
		}
	}
	return merged, true
}

func joinHunks(base, ours, theirs string) (string, bool) {
	b := splitLines(base)
	o, okO := hunks(b, splitLines(ours))
	t, okT := hunks(b, splitLines(theirs))
	if !okO || !okT {
		return "", false
	}
	var all []hunk
	for _, g := range meet(o, t) {
		switch {
		case len(g.theirs) == 0:
			all = append(all, g.ours...)
		case len(g.ours) == 0, g.same(b):
			all = append(all, g.theirs...)
		default:
			return "", false
		}
	}
	return strings.Join(patch(b, all), "\n"), true
}

// agreeText is base with every change to its lines that a and b have both made. A
// merge of a and b comes out the same from it as from base, or base stays.
func agreeText(base, a, b string) string {
	common, ok := commonHunks(base, a, b)
	if !ok {
		return base
	}
	if again, ok := commonHunks(common, a, b); !ok || again != common {
		return base
	}
	was, merged := mergeText(base, a, b)
	if now, still := mergeText(common, a, b); merged && (!still || now != was) {
		return base
	}
	return common
}

func commonHunks(base, a, b string) (string, bool) {
	lines := splitLines(base)
	x, okX := hunks(lines, splitLines(a))
	y, okY := hunks(lines, splitLines(b))
	if !okX || !okY {
		return "", false
	}
	var both []hunk
	for _, g := range meet(x, y) {
		if len(g.ours) > 0 && len(g.theirs) > 0 && g.same(lines) {
			both = append(both, g.ours...)
		}
	}
	return strings.Join(patch(lines, both), "\n"), true
}

// meeting is a stretch of base in which hunks of the sides touch each other.
type meeting struct{ ours, theirs []hunk }

// same reports whether both sides made the same of the stretch.
func (g meeting) same(base []string) bool {
	from := min(g.ours[0].from, g.theirs[0].from)
	to := max(g.ours[len(g.ours)-1].to, g.theirs[len(g.theirs)-1].to)
	return slices.Equal(patch(base[from:to], shift(g.ours, from)), patch(base[from:to], shift(g.theirs, from)))
}

func shift(hs []hunk, by int) []hunk {
	out := make([]hunk, len(hs))
	for i, h := range hs {
		out[i] = hunk{h.from - by, h.to - by, h.put}
	}
	return out
}

// meet groups the hunks of two sides, in order of base. A hunk that touches none
// of the other side's is a group of its own.
func meet(ours, theirs []hunk) []meeting {
	var out []meeting
	end := -1 // of the last group
	for len(ours)+len(theirs) > 0 {
		mine := len(theirs) == 0 || len(ours) > 0 && ours[0].from <= theirs[0].from
		side := &theirs
		if mine {
			side = &ours
		}
		h := (*side)[0]
		*side = (*side)[1:]
		if end < 0 || h.from > end {
			out = append(out, meeting{})
		}
		end = max(end, h.to)
		last := &out[len(out)-1]
		if mine {
			last.ours = append(last.ours, h)
		} else {
			last.theirs = append(last.theirs, h)
		}
	}
	return out
}

// splitLines cuts a text so that joining with newlines gives it back: a newline
// at the end is an empty last line.
func splitLines(s string) []string { return strings.Split(s, "\n") }

// patch is base with hunks applied.
func patch(base []string, hs []hunk) []string {
	var out []string
	at := 0
	for _, h := range hs {
		out = append(out, base[at:h.from]...)
		out = append(out, h.put...)
		at = h.to
	}
	return append(out, base[at:]...)
}

// hunks says what a side did to base. Lines are given to go-diff as runes of our
// own making: it calls texts equal that are not when they are no valid UTF-8.
// Without a timeout its answer is always the shortest one.
func hunks(base, side []string) ([]hunk, bool) {
	if len(base)+len(side) > maxTextLines {
		return nil, false
	}
	number := map[string]rune{}
	encode := func(lines []string) []rune {
		out := make([]rune, len(lines))
		for i, l := range lines {
			if _, known := number[l]; !known {
				number[l] = rune(len(number) + 1) // below the surrogates, which strings do not keep
			}
			out[i] = number[l]
		}
		return out
	}
	dmp := diffmatchpatch.New()
	dmp.DiffTimeout = 0
	var out []hunk
	at, to := 0, 0
	for _, d := range dmp.DiffMainRunes(encode(base), encode(side), false) {
		n := len([]rune(d.Text))
		if d.Type == diffmatchpatch.DiffEqual {
			at, to = at+n, to+n
			continue
		}
		if len(out) == 0 || out[len(out)-1].to < at {
			out = append(out, hunk{from: at, to: at})
		}
		last := &out[len(out)-1]
		if d.Type == diffmatchpatch.DiffDelete {
			at += n
			last.to = at
			continue
		}
		last.put = append(last.put, side[to:to+n]...)
		to += n
	}
	return out, true
}
