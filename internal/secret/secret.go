// Package secret holds values that must never be printed: how a secret is
// named in the config, how it is fetched, and how text is scrubbed of it.
package secret

import (
	"fmt"
	"log/slog"
	"path/filepath"
)

// Redacted stands wherever a secret would have been printed.
const Redacted = "[redacted]"

// Value is a secret or the way to get it. It prints as "[redacted]" in every
// verb and encoding. The zero Value is not configured.
//
// What it knows is behind two pointers on purpose: package fmt cannot call the
// methods of a Value in an unexported field, prints the fields instead, and
// under a wrong verb even follows one pointer. The second it prints as an
// address.
type Value struct{ ref **source }

func wrap(s source) Value {
	p := &s
	return Value{&p}
}

// src is what the value knows, nil for the zero Value.
func (v Value) src() *source {
	if v.ref == nil {
		return nil
	}
	return *v.ref
}

type source struct {
	how     kind
	text    string // the literal, the variable's name or the file's path
	command []string
	dir     string    // relative files and commands start here; "" is the working directory
	seen    *Redactor // learns every resolved value; may be nil
}

type kind uint8

const (
	literal kind = iota
	env
	file
	command
)

// Literal is a secret given in clear.
func Literal(s string) Value { return wrap(source{how: literal, text: s}) }

// Env is the secret in an environment variable.
func Env(name string) Value { return wrap(source{how: env, text: name}) }

// File is the secret in a file, less one trailing line end.
func File(path string) Value { return wrap(source{how: file, text: path}) }

// Command is the secret a program prints, less one trailing line end. It is
// run without a shell.
func Command(args ...string) Value { return wrap(source{how: command, command: args}) }

// Bind returns the same secret, with relative files and programs starting at
// dir, and with every resolved value made known to r (which may be nil). A
// literal is made known at once.
func (v Value) Bind(dir string, r *Redactor) Value {
	if v.ref == nil {
		return v
	}
	c := *v.src()
	c.dir, c.seen = dir, r
	if c.how == literal {
		r.Add(c.text)
	}
	return wrap(c)
}

// IsZero reports whether no secret is configured.
func (v Value) IsZero() bool { return v.ref == nil }

// Literal reports whether the secret itself stands in the config.
func (v Value) Literal() bool { return v.ref != nil && v.src().how == literal }

// Source says where the secret comes from, for messages: "environment variable
// GIT_TOKEN", "file /run/token", "command pass". Of a command it names only the
// program, because arguments can be secrets as well.
func (v Value) Source() string {
	src := v.src()
	switch {
	case src == nil:
		return "not configured"
	case src.how == env:
		return "environment variable " + src.text
	case src.how == file:
		return "file " + src.path()
	case src.how == command && len(src.command) > 0:
		return "command " + src.command[0]
	case src.how == command:
		return "command"
	}
	return "the config itself"
}

func (s *source) path() string {
	if s.dir == "" || filepath.IsAbs(s.text) {
		return s.text
	}
	return filepath.Join(s.dir, s.text)
}

// Format prints "[redacted]" whatever the verb.
func (v Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Redacted)) }

// String is "[redacted]".
func (v Value) String() string { return Redacted }

// GoString is "[redacted]".
func (v Value) GoString() string { return Redacted }

// MarshalJSON gives "[redacted]".
func (v Value) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// MarshalText gives "[redacted]".
func (v Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalYAML gives "[redacted]".
func (v Value) MarshalYAML() (any, error) { return Redacted, nil }

// LogValue gives "[redacted]".
func (v Value) LogValue() slog.Value { return slog.StringValue(Redacted) }
