package asset

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// singleQuoted reads the scalar whose opening quote stands at i.
func (r *reader) singleQuoted(indent int) (text string, ok bool) {
	r.i++
	var b []byte
	for from := r.i; ; {
		for r.s[r.i] != '\'' && r.s[r.i] != '\n' {
			r.i++
		}
		part := r.s[from:r.i]
		switch {
		case r.s[r.i] == '\n':
			if b, ok = r.foldQuoted(b, part, indent); !ok {
				return "", false
			}
		case r.s[r.i+1] == '\'':
			b = append(append(b, part...), '\'')
			r.i += 2
		default:
			r.i++
			return whole(b, part), true
		}
		from = r.i
	}
}

// whole is the text of a quoted scalar: b with its last part.
func whole(b []byte, part string) string {
	if b == nil {
		return part
	}
	return string(append(b, part...))
}

// doubleQuoted reads the scalar whose opening quote stands at i.
func (r *reader) doubleQuoted(indent int) (text string, ok bool) {
	r.i++
	var b []byte
	for from := r.i; ; from = r.i {
		for r.s[r.i] != '"' && r.s[r.i] != '\\' && r.s[r.i] != '\n' {
			r.i++
		}
		part := r.s[from:r.i]
		switch r.s[r.i] {
		case '"':
			r.i++
			return whole(b, part), true
		case '\n':
			b, ok = r.foldQuoted(b, part, indent)
		default:
			r.i++
			b, ok = r.escape(append(b, part...), indent)
		}
		if !ok {
			return "", false
		}
	}
}

// foldQuoted adds the last part of a line and what the line break at i is read
// as. Blanks around the break do not count; tabs the library may judge.
func (r *reader) foldQuoted(b []byte, part string, indent int) ([]byte, bool) {
	part = strings.TrimRight(part, " ")
	breaks, ok := r.fold(indent)
	return appendFolded(append(b, part...), breaks), ok && !strings.HasSuffix(part, "\t")
}

// escape adds the character whose backslash stands before i. A line break there
// counts for nothing, empty lines behind it do.
func (r *reader) escape(b []byte, indent int) ([]byte, bool) {
	c := r.s[r.i]
	if c == '\n' {
		breaks, ok := r.fold(indent)
		return appendNewlines(b, breaks-1), ok
	}
	r.i++
	switch c {
	case 'x':
		return r.escapedRune(b, 2)
	case 'u':
		return r.escapedRune(b, 4)
	case 'U':
		return r.escapedRune(b, 8)
	}
	if i := strings.IndexByte(escapeNames, c); i >= 0 {
		return append(b, escapeBytes[i]), true
	}
	switch c {
	case 'N':
		return append(b, "\u0085"...), true
	case '_':
		return append(b, "\u00a0"...), true
	case 'L':
		return append(b, "\u2028"...), true
	case 'P':
		return append(b, "\u2029"...), true
	}
	return nil, false // \/ too: YAML 1.1 has it not, and the library refuses it
}

// escapeNames are the letters behind a backslash that stand for one byte each.
const (
	escapeNames = "\"\\ 0abt\tnvfre"
	escapeBytes = "\"\\ \x00\a\b\t\t\n\v\f\r\x1b"
)

// escapedRune adds the character whose number stands at i, in so many digits.
func (r *reader) escapedRune(b []byte, digits int) ([]byte, bool) {
	if r.i+digits > len(r.s) {
		return nil, false
	}
	v, err := strconv.ParseUint(r.s[r.i:r.i+digits], 16, 32)
	if err != nil || v > utf8.MaxRune || !utf8.ValidRune(rune(v)) {
		return nil, false
	}
	r.i += digits
	return utf8.AppendRune(b, rune(v)), true
}
