package asset

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

type style uint8

const (
	plain style = iota
	single
	double
	literal
)

// styleOf chooses how a text is written. The choice depends on the text alone,
// and on no table that changes with a Unicode version.
func styleOf(s string) style {
	newline, text, odd, quote := false, false, false, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c > ':' && c < 0x7f {
			text = true
			continue
		}
		switch {
		case c == '\n':
			newline = true
		case c == '\t':
			quote = true
		case c == ' ':
		case c < ' ' || c == 0x7f:
			return double
		case c >= utf8.RuneSelf:
			odd, text = true, true
		default:
			text = true
			quote = quote || c == ':' && i+1 < len(s) && s[i+1] == ' ' || c == '#' && i > 0 && s[i-1] == ' '
		}
	}
	if odd && strings.ContainsFunc(s, escaped) {
		return double
	}
	if newline {
		if text {
			return literal
		}
		return double // blank lines only: easily lost by an editor
	}
	if quote || mustQuote(s) {
		return single
	}
	return plain
}

// escaped names the characters no YAML file may show: those that YAML 1.1
// readers refuse (PyYAML's reader, 6.0) or take for a line break, and the
// embedding and override marks that make text look other than it is.
func escaped(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ', r >= 0x7f && r <= 0x9f:
		return true
	case r < 0x2028:
		return false
	case r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return r == 0xfeff || r == 0xfffe || r == 0xffff
}

// mustQuote reports whether a one-line text without ": ", " #" and tabs would end,
// begin or mean something else when written bare, to any reader of YAML 1.1 or 1.2.
func mustQuote(s string) bool {
	if s == "" || s[len(s)-1] == ' ' || s[len(s)-1] == ':' {
		return true
	}
	switch c := s[0]; {
	case c >= '0' && c <= '9', c == '+', c == '.':
		return looksNumeric(s)
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		return len(s) <= len("false") && isWord(s)
	}
	return strings.IndexByte(" -?:,[]{}#&*!|>'\"%@`~=<", s[0]) >= 0
}

// isWord reports whether some reader takes s for null or a truth value.
func isWord(s string) bool {
	switch strings.ToLower(s) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return true
	}
	return false
}

// looksNumeric is deliberately wide: numbers of any base, with underscores,
// exponents or base 60, infinities and dates; s begins with a digit, + or a point.
func looksNumeric(s string) bool {
	d := strings.ToLower(strings.TrimPrefix(s, "+"))
	switch {
	case d == "" || strings.HasPrefix(d, "..."):
		return true
	case strings.HasPrefix(d, "0x"), strings.HasPrefix(d, "0o"), strings.HasPrefix(d, "0b"):
		return true
	case d == ".inf" || d == ".nan":
		return true
	}
	if strings.Trim(d, "0123456789_.:e+-") == "" {
		return true
	}
	return looksDate(d)
}

func looksDate(s string) bool {
	i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if i != 4 || s[4] != '-' {
		return false
	}
	rest := strings.TrimLeft(s[5:], "0123456789")
	if len(rest) == len(s[5:]) || rest == "" || rest[0] != '-' {
		return false
	}
	end := strings.TrimLeft(rest[1:], "0123456789")
	return len(end) < len(rest)-1 && (end == "" || end[0] == ' ' || end[0] == 't')
}

func appendDouble(out []byte, s string) []byte {
	out = append(out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r == '\n':
			out = append(out, '\\', 'n')
		case r == '\r':
			out = append(out, '\\', 'r')
		case r == '\t':
			out = append(out, '\\', 't')
		case !escaped(r):
			out = utf8.AppendRune(out, r)
		case r <= 0xff:
			out = fmt.Appendf(out, "\\x%02X", r)
		default:
			out = fmt.Appendf(out, "\\u%04X", r)
		}
	}
	return append(out, '"')
}
