package config

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong, or unwise, in a config file.
type Problem struct {
	File         string
	Line, Column int    // 0 when the file as a whole is meant
	Key          string // "instances[0].url"; "" when no key is meant
	Message      string
}

func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File + ":")
		if p.Line > 0 {
			fmt.Fprintf(&b, "%d:%d:", p.Line, p.Column)
		}
		b.WriteByte(' ')
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	return b.String() + p.Message
}

// Error lists everything that is wrong, in the order of the file.
type Error struct{ Problems []Problem }

func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func fail(file, format string, args ...any) *Error {
	return &Error{Problems: []Problem{{File: file, Message: fmt.Sprintf(format, args...)}}}
}
