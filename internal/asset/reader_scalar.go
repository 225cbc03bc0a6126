package asset

import "strings"

// scalar reads a plain or quoted scalar or a block of text, over as many lines as
// it has; those after the first are deeper than indent. i then stands on what
// follows it: behind a block, on the next line.
func (r *reader) scalar(indent int) (s scalar, ok bool) {
	s = scalar{tag: TagStr, at: r.position(r.i)}
	switch r.s[r.i] {
	case '\'':
		s.text, ok = r.singleQuoted(indent)
	case '"':
		s.text, ok = r.doubleQuoted(indent)
	case '|':
		s.text, ok = r.literal(indent + 2)
	default:
		if !r.beginsPlain() {
			return s, false
		}
		if s.text, ok = r.plain(indent); ok {
			s.tag, s.text = resolvePlain(s.text)
		}
	}
	return s, ok
}

// beginsPlain reports whether the character at i begins a plain scalar of block
// context, to every YAML reader.
func (r *reader) beginsPlain() bool {
	switch r.s[r.i] {
	case ' ', '\t', '\n', ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '%', '@', '`':
		return false
	case '-', '?', ':':
		next := r.s[r.i+1]
		return next != ' ' && next != '\n' && next != '\t' && !strings.HasPrefix(r.s[r.i:], "---")
	case '.':
		return !strings.HasPrefix(r.s[r.i:], "...")
	}
	return true
}

// plain reads a plain scalar up to the end of its last line, or to the colon
// behind it.
func (r *reader) plain(indent int) (text string, ok bool) {
	end := r.plainEnd()
	if end < 0 {
		return "", false
	}
	text = r.s[r.i:end]
	r.i = end
	if r.s[end] == ':' {
		return text, true
	}
	var b []byte
	for {
		was := r.mark
		breaks, more := r.fold(indent)
		if !more {
			r.mark = was
			break
		}
		if end = r.plainEnd(); end < 0 || r.s[end] == ':' {
			return "", false
		}
		if b == nil {
			b = append(b, text...)
		}
		b = append(appendFolded(b, breaks), r.s[r.i:end]...)
		r.i = end
	}
	if b != nil {
		text = string(b)
	}
	return text, true
}

// plainEnd finds where the part of a plain scalar ends that stands on this line:
// at the line's end or before the colon of a key. It is -1 when something else
// stands on the line, and for blanks at the end.
func (r *reader) plainEnd() int {
	for i := r.i; ; i++ {
		c := r.s[i]
		if c > ':' {
			continue
		}
		switch c {
		case '\t':
			return -1
		case '#':
			if r.s[i-1] == ' ' {
				return -1
			}
		case ':':
			if next := r.s[i+1]; next != ' ' && next != '\n' {
				continue
			}
			if r.s[i-1] == ' ' {
				return -1
			}
			return i
		case '\n':
			if r.s[i-1] == ' ' {
				return -1
			}
			return i
		}
	}
}

// fold steps over the line break at i, the empty lines behind it and the blanks
// before the scalar goes on. ok is false when no line deeper than indent follows.
func (r *reader) fold(indent int) (breaks int, ok bool) {
	for r.endLine() {
		breaks++
		for r.i < len(r.s) && r.s[r.i] == ' ' {
			r.i++
		}
		if r.i == len(r.s) {
			return breaks, false
		}
	}
	return breaks, r.i-r.start > indent && r.s[r.i] != '\t'
}

// appendFolded writes what YAML reads at line breaks: a blank for one, a newline
// for each further one.
func appendFolded(b []byte, breaks int) []byte {
	if breaks == 1 {
		return append(b, ' ')
	}
	return appendNewlines(b, breaks-1)
}

func appendNewlines(b []byte, n int) []byte {
	for range n {
		b = append(b, '\n')
	}
	return b
}

// literal reads a block scalar whose lines are indented by indent.
func (r *reader) literal(indent int) (string, bool) {
	header := r.rest()
	chomp, explicit := strings.CutPrefix(header[1:], "2")
	if chomp != "" && chomp != "-" && chomp != "+" {
		return "", false
	}
	r.i += len(header)
	r.endLine()
	var b []byte
	lines, blank := 0, 0 // blank: empty lines at the end so far
	for r.i < len(r.s) {
		line := r.rest()
		if line == "" {
			blank++
		} else {
			text, ok := blockLine(line, indent)
			if !ok {
				return "", false
			}
			if len(text) == len(line) {
				break // the block has ended
			}
			if lines == 0 && !explicit && (blank > 0 || text[0] == ' ' || text[0] == '\t') {
				return "", false // the reader would have to guess
			}
			b = append(append(appendNewlines(b, blank), text...), '\n')
			lines, blank = lines+1, 0
		}
		r.i += len(line)
		r.endLine()
	}
	if lines == 0 || blank > 0 && chomp != "+" {
		return "", false
	}
	if b = appendNewlines(b, blank); chomp == "-" {
		b = b[:len(b)-1]
	}
	return string(b), true
}

// rest is what remains of the current line, without its newline.
func (r *reader) rest() string {
	return r.s[r.i : r.i+strings.IndexByte(r.s[r.i:], '\n')]
}

// blockLine takes the indentation off a line of a block. A line with less is
// returned whole: it stands behind the block. ok is false for blank lines that
// are shorter than the indentation, and for tabs in it.
func blockLine(line string, indent int) (text string, ok bool) {
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
