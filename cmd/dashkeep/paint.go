package main

import (
	"strings"
	"unicode"
)

// The few colours dashkeep uses: what is added, taken away, changed or in need
// of a person.
const (
	green  = "32"
	red    = "31"
	yellow = "33"
	cyan   = "36"
	bold   = "1"
	dim    = "2"
)

// paint colours text on a terminal and leaves it alone elsewhere.
func (a *app) paint(code, s string) string {
	if !a.color() || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// paintDiff colours a unified diff by line.
func (a *app) paintDiff(diff string) string {
	if !a.color() {
		return diff
	}
	lines := strings.Split(diff, "\n")
	for i, l := range lines {
		switch {
		case strings.HasPrefix(l, "+"):
			lines[i] = a.paint(green, l)
		case strings.HasPrefix(l, "-"):
			lines[i] = a.paint(red, l)
		case strings.HasPrefix(l, "@@"):
			lines[i] = a.paint(cyan, l)
		}
	}
	return strings.Join(lines, "\n")
}

// safeText shows control characters and direction overrides as escapes, so that
// a title from a server cannot drive the terminal (row SE4).
func safeText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case unicode.IsControl(r) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) || r == 0x200e || r == 0x200f:
			b.WriteString(escapeRune(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func escapeRune(r rune) string {
	const hex = "0123456789abcdef"
	if r < 0x100 {
		return `\x` + string(hex[r>>4&15]) + string(hex[r&15])
	}
	return `\u` + string(hex[r>>12&15]) + string(hex[r>>8&15]) + string(hex[r>>4&15]) + string(hex[r&15])
}

// hanging shows a message of several lines, such as config lines to add, with
// the later ones indented.
func hanging(s string) string { return strings.ReplaceAll(safeText(s), "\n", "\n    ") }

// oneLine is safeText without line breaks.
func oneLine(s string) string {
	return safeText(strings.NewReplacer("\n", `\n`, "\t", " ").Replace(s))
}
