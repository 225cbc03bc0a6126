package diff

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// Unified gives the difference of two files in git's format, which git apply
// takes. A name is a slash path; "" is an absent file, so a file is created or
// deleted; two names are a rename. ctx is the number of unchanged lines shown
// around a change. Equal files of one name give "".
func Unified(oldName, newName string, a, b []byte, ctx int) string {
	if bytes.Equal(a, b) && oldName == newName {
		return ""
	}
	var w strings.Builder
	header(&w, oldName, newName)
	if bytes.Equal(a, b) {
		return w.String()
	}
	from, to := "/dev/null", "/dev/null"
	if oldName != "" {
		from = quote("a/" + oldName)
	}
	if newName != "" {
		to = quote("b/" + newName)
	}
	fmt.Fprintf(&w, "--- %s\n+++ %s\n", from, to)
	h := hunks{w: &w, ctx: max(ctx, 0)}
	for _, o := range lineOps(a, b) {
		h.add(o)
	}
	h.flush()
	return w.String()
}

func header(w *strings.Builder, oldName, newName string) {
	from, to := oldName, newName
	if from == "" {
		from = newName
	}
	if to == "" {
		to = oldName
	}
	fmt.Fprintf(w, "diff --git %s %s\n", quote("a/"+from), quote("b/"+to))
	switch {
	case oldName == "":
		w.WriteString("new file mode 100644\n")
	case newName == "":
		w.WriteString("deleted file mode 100644\n")
	case oldName != newName:
		fmt.Fprintf(w, "rename from %s\nrename to %s\n", quote(oldName), quote(newName))
	}
}

// quote writes a name as git does (quote.c): in C quotes when it has bytes that
// are control characters, quotes, backslashes or beyond ASCII.
func quote(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r >= 0x7f || r == '"' || r == '\\' }) {
		return name
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(name) {
		switch c := name[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, "\\%03o", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// hunks collects lines and writes them in groups with ctx lines around.
type hunks struct {
	w   *strings.Builder
	ctx int

	oldLine, newLine   int // lines of each side seen so far
	oldStart, newStart int // of the open hunk
	body               []string
	olds, news         int
	tail               []string // unchanged lines since the last change
	open               bool
}

func (h *hunks) add(o op) {
	for _, l := range o.lines {
		if o.kind == diffmatchpatch.DiffEqual {
			h.tail = append(h.tail, l)
			h.oldLine++
			h.newLine++
			if !h.open && len(h.tail) > h.ctx {
				h.tail = h.tail[1:]
			} else if h.open && len(h.tail) > 2*h.ctx {
				h.flush()
			}
			continue
		}
		if !h.open {
			h.open = true
			h.oldStart, h.newStart = h.oldLine-len(h.tail), h.newLine-len(h.tail)
		}
		h.keep(len(h.tail))
		if o.kind == diffmatchpatch.DiffDelete {
			h.line('-', l)
			h.olds++
			h.oldLine++
		} else {
			h.line('+', l)
			h.news++
			h.newLine++
		}
	}
}

// keep moves the first n unchanged lines into the open hunk.
func (h *hunks) keep(n int) {
	for _, l := range h.tail[:n] {
		h.line(' ', l)
	}
	h.olds += n
	h.news += n
	h.tail = h.tail[n:]
}

func (h *hunks) line(mark byte, l string) {
	if !strings.HasSuffix(l, "\n") {
		l += "\n\\ No newline at end of file\n"
	}
	h.body = append(h.body, string(mark)+l)
}

// flush writes the open hunk and keeps what may stand before the next one.
func (h *hunks) flush() {
	if !h.open {
		return
	}
	h.keep(min(len(h.tail), h.ctx))
	fmt.Fprintf(h.w, "@@ -%s +%s @@\n", span(h.oldStart, h.olds), span(h.newStart, h.news))
	for _, l := range h.body {
		h.w.WriteString(l)
	}
	h.open, h.body, h.olds, h.news = false, nil, 0, 0
	if len(h.tail) > h.ctx {
		h.tail = h.tail[len(h.tail)-h.ctx:]
	}
}

// span is "start,count" with start counted from 1; an empty one names the line before it.
func span(start, count int) string {
	switch count {
	case 0:
		return fmt.Sprintf("%d,0", start)
	case 1:
		return fmt.Sprint(start + 1)
	}
	return fmt.Sprintf("%d,%d", start+1, count)
}

// unsafe names what a terminal would obey or show in another order.
func unsafe(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ', r >= 0x7f && r <= 0x9f, r == utf8.RuneError:
		return true
	}
	return r >= 0x200e && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x61c || r == 0xfeff
}

// writeEscaped writes r, whose first byte in the text is first.
func writeEscaped(b *strings.Builder, r rune, first byte) {
	switch {
	case r == utf8.RuneError && first != 0xef: // a byte that is no UTF-8, not U+FFFD itself
		fmt.Fprintf(b, "\\x%02x", first)
	case r <= 0xff:
		fmt.Fprintf(b, "\\x%02x", r)
	default:
		fmt.Fprintf(b, "\\u%04x", r)
	}
}
