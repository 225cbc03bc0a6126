package asset

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// barePlain reports whether s is one plain scalar of block context to every
// YAML reader, and nothing else beside it.
func barePlain(s string) bool {
	if s == "" || s[len(s)-1] == ' ' || s[len(s)-1] == ':' || strings.HasPrefix(s, "...") {
		return false
	}
	switch s[0] {
	case ' ', '?', ':', ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`':
		return false
	case '-':
		if len(s) == 1 || s[1] != '.' && (s[1] < '0' || s[1] > '9') {
			return false
		}
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\t':
			return false
		case ':':
			if i+1 < len(s) && s[i+1] == ' ' {
				return false
			}
		case '#':
			if i > 0 && s[i-1] == ' ' {
				return false
			}
		}
	}
	return true
}

// quoted reads the quoted scalar that line begins with, and says where it ends.
func quoted(line string) (text string, end int, ok bool) {
	if line[0] == '"' {
		return doubleQuoted(line)
	}
	i := 1
	for {
		j := strings.IndexByte(line[i:], '\'')
		if j < 0 {
			return "", 0, false
		}
		if i += j + 1; i == len(line) || line[i] != '\'' {
			break
		}
		i++
	}
	text = line[1 : i-1]
	if strings.IndexByte(text, '\'') >= 0 {
		text = strings.ReplaceAll(text, "''", "'")
	}
	return text, i, true
}

// doubleQuoted knows the escapes that Encode writes.
func doubleQuoted(line string) (text string, end int, ok bool) {
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		switch line[i] {
		case '"':
			return b.String(), i + 1, true
		default:
			b.WriteByte(line[i])
			continue
		case '\\':
		}
		if i++; i == len(line) {
			break
		}
		size := 0
		switch line[i] {
		case '"', '\\':
			b.WriteByte(line[i])
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'x':
			size = 2
		case 'u':
			size = 4
		default:
			return "", 0, false
		}
		if size == 0 {
			continue
		}
		if i+size >= len(line) {
			break
		}
		v, err := strconv.ParseUint(line[i+1:i+1+size], 16, 32)
		if err != nil || !utf8.ValidRune(rune(v)) {
			break
		}
		b.WriteRune(rune(v))
		i += size
	}
	return "", 0, false
}

// literal reads a block scalar whose lines are indented by indent.
func (r *reader) literal(header string, indent int) (*yaml.Node, bool) {
	n := r.node(yaml.ScalarNode, TagStr, r.i)
	chomp, explicit := strings.CutPrefix(header[1:], "2")
	if chomp != "" && chomp != "-" && chomp != "+" {
		return nil, false
	}
	r.i += len(header)
	r.endLine()
	var b strings.Builder
	lines, blank := 0, 0 // blank: empty lines at the end so far
	for r.i < len(r.s) {
		line := r.rest()
		if line == "" {
			blank++
		} else {
			text, ok := r.blockLine(line, indent)
			if !ok {
				return nil, false
			}
			if len(text) == len(line) {
				break // the block has ended
			}
			if lines == 0 && !explicit && (blank > 0 || text[0] == ' ' || text[0] == '\t') {
				return nil, false // the reader would have to guess
			}
			for range blank {
				b.WriteByte('\n')
			}
			b.WriteString(text)
			b.WriteByte('\n')
			lines, blank = lines+1, 0
		}
		r.i += len(line)
		r.endLine()
	}
	if lines == 0 || blank > 0 && chomp != "+" {
		return nil, false
	}
	for range blank {
		b.WriteByte('\n')
	}
	n.Value = b.String()
	if chomp == "-" {
		n.Value = n.Value[:len(n.Value)-1]
	}
	return n, true
}

// blockLine takes the indentation off a line of a block. A line with less is
// returned whole: it stands behind the block. ok is false for blank lines that
// are shorter than the indentation, and for tabs in it.
func (r *reader) blockLine(line string, indent int) (text string, ok bool) {
	spaces := 0
	for spaces < len(line) && spaces < indent && line[spaces] == ' ' {
		spaces++
	}
	switch {
	case spaces == len(line):
		return "", false
	case spaces == indent:
		return line[indent:], true
	}
	return line, line[spaces] != '\t'
}
