package asset

import (
	"fmt"
	"iter"
	"net/url"
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	refPrefix     = "ref:"
	missingPrefix = "missing-"
	textOpen      = "{ref:"
)

// Ref is how a document names another asset, as value or key: "ref:chart:c3d643cd-…".
func Ref(id ID) string { return refPrefix + id.String() }

// ParseRef reads what Ref writes. ok is false for other text and for a
// reference to nothing (ParseMissing).
func ParseRef(s string) (id ID, ok bool) {
	kind, uid, ok := cutRef(s)
	if !ok || strings.HasPrefix(uid, missingPrefix) {
		return ID{}, false
	}
	return ID{Kind: kind, UID: uid}, true
}

// MissingRef keeps a reference visible whose row the server does not list:
// "ref:chart:missing-7". Characters that a reference cannot hold are percent-encoded.
func MissingRef(kind Kind, row string) string {
	row = strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(row), "~", "%7E"), ".", "%2E")
	return refPrefix + string(kind) + ":" + missingPrefix + row
}

// ParseMissing reads what MissingRef writes.
func ParseMissing(s string) (kind Kind, row string, ok bool) {
	kind, uid, ok := cutRef(s)
	uid, missing := strings.CutPrefix(uid, missingPrefix)
	if !ok || !missing {
		return "", "", false
	}
	row, err := url.QueryUnescape(uid)
	return kind, row, err == nil
}

// IsMissing reports whether s is a reference to nothing.
func IsMissing(s string) bool {
	_, _, ok := ParseMissing(s)
	return ok
}

// cutRef splits "ref:kind:uid": a kind of lower-case letters, digits, - and _,
// and a uid of letters, digits and -_+% only.
func cutRef(s string) (kind Kind, uid string, ok bool) {
	s, ok = strings.CutPrefix(s, refPrefix)
	if !ok {
		return "", "", false
	}
	k, uid, ok := strings.Cut(s, ":")
	if !ok || k == "" || uid == "" || strings.IndexFunc(k, notKind) >= 0 || strings.IndexFunc(uid, notUID) >= 0 {
		return "", "", false
	}
	return Kind(k), uid, true
}

func notKind(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
}

func notUID(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_+%", r))
}

// References yields every reference in n with the node that holds it: values and
// keys that are one, and those inside texts, dangling ones (ParseMissing) too.
func References(n *yaml.Node) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) { references(n, yield) }
}

func references(n *yaml.Node, yield func(string, *yaml.Node) bool) bool {
	if n == nil {
		return true
	}
	if n.Kind == yaml.ScalarNode && n.Tag == TagStr && strings.Contains(n.Value, refPrefix) {
		if _, _, ok := cutRef(n.Value); ok {
			return yield(n.Value, n)
		}
		for _, p := range SplitText(n.Value) {
			if p.Ref != "" && !yield(p.Ref, n) {
				return false
			}
		}
	}
	for _, c := range n.Content {
		if !references(c, yield) {
			return false
		}
	}
	return true
}

// TextPart is a piece of a text with references: literal Text, or, when Ref is
// not empty, a reference as Ref or MissingRef writes it.
type TextPart struct{ Text, Ref string }

// JoinText writes parts as one text: a reference as "${ref:query:UUID}", a
// literal "${ref:" as "$${ref:". Before "{ref:" an odd number of dollars makes
// a reference and an even one literal text; literal dollars there are doubled,
// so that every sequence of parts reads back.
func JoinText(parts ...TextPart) string {
	var b, lit strings.Builder
	flush := func(reference bool) {
		s := lit.String()
		lit.Reset()
		for {
			i := strings.Index(s, textOpen)
			if i < 0 {
				break
			}
			b.WriteString(doubleDollars(s[:i]) + textOpen)
			s = s[i+len(textOpen):]
		}
		if reference {
			s = doubleDollars(s)
		}
		b.WriteString(s)
	}
	for _, p := range parts {
		if p.Ref == "" {
			lit.WriteString(p.Text)
			continue
		}
		flush(true)
		b.WriteString("${" + p.Ref + "}")
	}
	flush(false)
	return b.String()
}

func doubleDollars(s string) string {
	return s + s[len(strings.TrimRight(s, "$")):]
}

// SplitText is the inverse of JoinText. Something that only looks like a
// reference ("${ref:" without kind, uid and brace) stays literal.
func SplitText(s string) []TextPart {
	var parts []TextPart
	var lit strings.Builder
	for {
		i := strings.Index(s, textOpen)
		if i < 0 {
			break
		}
		before := strings.TrimRight(s[:i], "$")
		dollars := i - len(before)
		rest := s[i+len(textOpen):]
		lit.WriteString(before + strings.Repeat("$", dollars/2))
		body, after, closed := strings.Cut(rest, "}")
		_, _, valid := cutRef(refPrefix + body)
		switch {
		case dollars%2 == 1 && closed && valid:
			if lit.Len() > 0 {
				parts = append(parts, TextPart{Text: lit.String()})
				lit.Reset()
			}
			parts = append(parts, TextPart{Ref: refPrefix + body})
			s = after
		case dollars%2 == 1:
			lit.WriteString("$" + textOpen)
			s = rest
		default:
			lit.WriteString(textOpen)
			s = rest
		}
	}
	if lit.WriteString(s); lit.Len() > 0 {
		parts = append(parts, TextPart{Text: lit.String()})
	}
	return parts
}

// EscapeText writes any text so that nothing in it reads as a reference.
func EscapeText(s string) string { return JoinText(TextPart{Text: s}) }

// UnescapeText is the inverse of EscapeText. References in s stay as they stand.
func UnescapeText(s string) string {
	var b strings.Builder
	for _, p := range SplitText(s) {
		if p.Ref != "" {
			b.WriteString("${" + p.Ref + "}")
		}
		b.WriteString(p.Text)
	}
	return b.String()
}

// ExpandText gives the text a server gets: every reference replaced by what f
// says for it ("ref:query:UUID", see ParseRef and ParseMissing), the rest unescaped.
func ExpandText(s string, f func(ref string) (string, error)) (string, error) {
	var b strings.Builder
	for _, p := range SplitText(s) {
		b.WriteString(p.Text)
		if p.Ref == "" {
			continue
		}
		v, err := f(p.Ref)
		if err != nil {
			return "", fmt.Errorf("%s in a text: %w", p.Ref, err)
		}
		b.WriteString(v)
	}
	return b.String(), nil
}
