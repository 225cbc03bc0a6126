package main

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The picture of the README is what "dashkeep demo" prints on a terminal, drawn
// as SVG. Nothing in it is written by hand: lines are left out, commit ids and
// times are shortened because they differ each time, long lines are wrapped.

// pictureColumns is where lines are wrapped.
const pictureColumns = 98

// left are the lines that the picture leaves out: long lists, the headers of
// diffs, and what "apply" repeats of the plan above it.
var left = []*regexp.Regexp{
	regexp.MustCompile(`^\+ (\S+\.yaml|.* \w+:[0-9a-f-]{36})$`),
	regexp.MustCompile(`^  … and \d+ more`),
	regexp.MustCompile(`^ *(diff --git|index [0-9a-f]+\.\.|--- a/|\+\+\+ b/)`),
	regexp.MustCompile(`^     (dashkeep: superset/1|kind: dashboard|uid: .*|spec:|  metadata:|    chart_configuration: .*)$`),
	regexp.MustCompile(`^    @@ .* @@$`), // its context is left out too
	regexp.MustCompile(`^  what was there before is kept at `),
	regexp.MustCompile(`^prod: \d+ to (create|update)`),
	regexp.MustCompile(`^   look around: |^The repository: `),
}

// shortened is what differs from one telling to the next.
var shortened = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(` \([0-9a-f]{10}\)$`), ""},
	{regexp.MustCompile(`(dashboard:[0-9a-f]{8})-[0-9a-f-]{27}`), "$1…"},
}

var sgr = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// span is text in one style; style is a class of the picture, "" for plain.
type span struct{ text, style string }

// pictureLines chooses, shortens and wraps lines of a terminal's output.
func pictureLines(terminal string) [][]span {
	var out [][]span
	applying := false
	for _, line := range spans(strings.ReplaceAll(terminal, "\r", "")) {
		text := plainOf(line)
		if strings.HasPrefix(text, "$ ") {
			applying = strings.Contains(text, " apply ")
		}
		// what stands between the command and its verdict was shown by the plan
		repeated := applying && (strings.HasPrefix(text, "~ ") || strings.HasPrefix(text, "    "))
		if repeated || leftOut(text) || (text == "" && (len(out) == 0 || len(out[len(out)-1]) == 0)) {
			continue
		}
		out = append(out, wrap(shorten(line))...)
	}
	for len(out) > 0 && len(out[len(out)-1]) == 0 {
		out = out[:len(out)-1]
	}
	return out
}

func leftOut(text string) bool {
	for _, re := range left {
		if re.MatchString(text) {
			return true
		}
	}
	return false
}

// spans reads lines with the colours that paint writes; a colour may go on over
// the end of a line.
func spans(s string) [][]span {
	classes := map[string]string{green: "g", red: "r", yellow: "y", cyan: "c", bold: "b", dim: "d"}
	out := [][]span{nil}
	style := ""
	text := func(t string) {
		for i, part := range strings.Split(t, "\n") {
			if i > 0 {
				out = append(out, nil)
			}
			if part != "" {
				out[len(out)-1] = append(out[len(out)-1], span{part, style})
			}
		}
	}
	for {
		at := sgr.FindStringSubmatchIndex(s)
		if at == nil {
			text(s)
			return out
		}
		text(s[:at[0]])
		style, s = classes[s[at[2]:at[3]]], s[at[1]:]
	}
}

func plainOf(line []span) string {
	var b strings.Builder
	for _, s := range line {
		b.WriteString(s.text)
	}
	return b.String()
}

func shorten(line []span) []span {
	for i := range line {
		for _, s := range shortened {
			line[i].text = s.re.ReplaceAllString(line[i].text, s.with)
		}
	}
	return line
}

// wrap breaks a line at blanks.
func wrap(line []span) [][]span {
	out := [][]span{nil}
	used := 0
	for _, s := range line {
		for _, word := range strings.SplitAfter(s.text, " ") {
			n := utf8.RuneCountInString(word)
			if used+n > pictureColumns && used > 0 {
				out = append(out, []span{{"  ", ""}})
				used = 2
			}
			last := &out[len(out)-1]
			if k := len(*last); k > 0 && (*last)[k-1].style == s.style {
				(*last)[k-1].text += word
			} else if word != "" {
				*last = append(*last, span{word, s.style})
			}
			used += n
		}
	}
	return out
}

// drawPicture makes the SVG. It has a ground of its own, so that it reads on a
// light and on a dark page.
func drawPicture(lines [][]span) string {
	const size, pitch, pad, bar = 13, 19, 22, 40 // a character of 13 px is at most 7.83 px wide
	width, height := pictureColumns*783/100+2*pad, bar+len(lines)*pitch+pad
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="A terminal that runs dashkeep demo">
<!-- Made from what dashkeep demo prints: go test ./cmd/dashkeep -run TestPicture -update -->
<style>
text{font:%dpx ui-monospace,SFMono-Regular,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;fill:#d6dde6;white-space:pre}
.g{fill:#56d364}.r{fill:#ff7b72}.y{fill:#e3b341}.c{fill:#79c0ff}.b{fill:#f0f6fc;font-weight:700}.d{fill:#9aa5b1}
</style>
<rect x=".5" y=".5" width="%d" height="%d" rx="10" fill="#161b22" stroke="#3d444d"/>
<circle cx="22" cy="20" r="6" fill="#ff5f57"/><circle cx="42" cy="20" r="6" fill="#febc2e"/><circle cx="62" cy="20" r="6" fill="#28c840"/>
<text x="%d" y="24" class="d" text-anchor="middle">dashkeep demo</text>
`, width, height, width, height, size, width-1, height-1, width/2)
	for i, line := range lines {
		if len(line) == 0 {
			continue
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" xml:space="preserve">`, pad, bar+(i+1)*pitch-5)
		for _, s := range line {
			if text := html.EscapeString(s.text); s.style == "" {
				b.WriteString(text)
			} else {
				fmt.Fprintf(&b, `<tspan class="%s">%s</tspan>`, s.style, text)
			}
		}
		b.WriteString("</text>\n")
	}
	return b.String() + "</svg>\n"
}
