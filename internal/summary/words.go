package summary

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxShort   = 60
	maxSubject = 72
	maxPhrases = 3
)

// Line says what became of one asset: "Sales Dashboard: title changed, 2 charts
// moved". Without changes it is the title alone.
func Line(kind, title string, changes []Change) string {
	name := shorten(title)
	if name == "" {
		name = kind
	}
	if p := phrases(changes); len(p) > 0 {
		if len(p) > maxPhrases {
			p = append(p[:maxPhrases-1:maxPhrases-1], fmt.Sprintf("%d more changes", len(p)-maxPhrases+1))
		}
		return name + ": " + strings.Join(p, ", ")
	}
	return name
}

// phrases groups changes by the part of the document they are in.
func phrases(changes []Change) []string {
	type group struct {
		noun, path, verb string
		parts            map[string]bool
	}
	var groups []*group
	for _, c := range changes {
		noun, part, whole := partOf(c)
		verb := verbOf(c, whole)
		if i := slices.IndexFunc(groups, func(g *group) bool { return g.noun == noun && g.verb == verb }); i >= 0 {
			groups[i].parts[part] = true
			continue
		}
		groups = append(groups, &group{noun, c.Path, verb, map[string]bool{part: true}})
	}
	var out []string
	for _, g := range groups {
		switch {
		case g.path == "":
			out = append(out, g.verb)
		case len(g.parts) == 1 && !g.parts[""] && !inLayout(g.path) && g.verb != string(Moved):
			out = append(out, g.path+" "+g.verb)
		case g.parts[""]:
			out = append(out, g.noun+" "+g.verb)
		default:
			out = append(out, plural(len(g.parts), g.noun)+" "+g.verb)
		}
	}
	return out
}

// partOf names the thing that a change is about: in a list or a mapping of
// things its noun ("column", "chart") and which one; otherwise the value itself,
// with no part. whole tells that the thing as such came or went.
func partOf(c Change) (noun, part string, whole bool) {
	head, rest, bracket := strings.Cut(c.Path, "[")
	if bracket && !strings.Contains(head, ".") {
		id, deeper, _ := strings.Cut(rest, "]")
		return singular(head), id, deeper == ""
	}
	top, rest, dotted := strings.Cut(c.Path, ".")
	if dotted && isLayout(top) {
		key, deeper, inside := strings.Cut(rest, ".")
		if prefix, _, ok := strings.Cut(key, "-"); ok && prefix != "" && strings.ToUpper(prefix) == prefix {
			return strings.ToLower(prefix), key, !inside && deeper == ""
		}
		return "layout item", key, !inside
	}
	return c.Path, "", true
}

// isLayout names the mappings that say where things stand on a dashboard.
func isLayout(key string) bool { return key == "position" || key == "position_json" || key == "layout" }

func inLayout(path string) bool {
	top, _, inside := strings.Cut(path, ".")
	return inside && isLayout(top)
}

// placeFields are values of a thing that only say where it stands and how large it is.
var placeFields = [...]string{"parents", "children", "width", "height", "row", "col", "x", "y", "w", "h", "size_x", "size_y", "sizeX", "sizeY", "position"}

// verbOf is the kind of a change as seen from its thing: a changed width moves
// a chart, an added description changes a column.
func verbOf(c Change, whole bool) string {
	if whole {
		return string(c.Kind)
	}
	last := c.Path[strings.LastIndexAny(c.Path, ".]")+1:]
	if slices.Contains(placeFields[:], last) {
		return string(Moved)
	}
	return string(Changed)
}

func singular(noun string) string {
	switch {
	case strings.HasSuffix(noun, "ies"):
		return strings.TrimSuffix(noun, "ies") + "y"
	case strings.HasSuffix(noun, "ss"):
		return noun
	}
	return strings.TrimSuffix(noun, "s")
}

func plural(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "y") && !strings.HasSuffix(noun, "ay") && !strings.HasSuffix(noun, "ey"):
		return fmt.Sprintf("%d %sies", n, noun[:len(noun)-1])
	case strings.HasSuffix(noun, "s"):
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// shorten puts a text on one line of at most maxShort runes with nothing in it
// that a terminal, a log or a commit message would obey.
func shorten(s string) string { return cut(Printable(strings.TrimSpace(s)), maxShort) }

func cut(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return strings.TrimRight(string([]rune(s)[:limit-1]), " ") + "…"
}

// Printable escapes what is not plain text on one line: control characters
// and line breaks, marks that reorder text, bytes that are no UTF-8.
func Printable(s string) string {
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func hidden(r rune) bool {
	return r < ' ' || r >= 0x7f && r <= 0x9f || r == utf8.RuneError || r == 0x61c || r == 0xfeff ||
		r >= 0x200e && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
