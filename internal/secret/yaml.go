package secret

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Forms says how a secret is written, for messages.
const Forms = "{env: NAME}, {file: PATH}, {command: [PROGRAM, ARG]} or a text"

// SyntaxError says what is wrong with a secret in a YAML file. It never repeats
// the text, which may be the secret.
type SyntaxError struct {
	Line, Column int
	Reason       string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Reason)
}

// UnmarshalYAML reads one of the Forms; the error is a *SyntaxError.
func (v *Value) UnmarshalYAML(n *yaml.Node) error {
	switch {
	case n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null":
		*v = Literal(n.Value)
		return nil
	case n.Kind == yaml.MappingNode && len(n.Content) == 2:
		return v.fromMapping(n.Content[0], n.Content[1])
	}
	return wrong(n, "a secret is one of "+Forms)
}

func (v *Value) fromMapping(key, val *yaml.Node) error {
	switch key.Value {
	case "env":
		if !text(val) || strings.ContainsAny(val.Value, "= \t\n\x00") {
			return wrong(val, "env: must be the name of an environment variable")
		}
		*v = Env(val.Value)
	case "file":
		if !text(val) {
			return wrong(val, "file: must be a path")
		}
		*v = File(val.Value)
	case "command":
		return v.fromCommand(val)
	default:
		return wrong(key, "unknown way to give a secret; use one of "+Forms)
	}
	return nil
}

func (v *Value) fromCommand(val *yaml.Node) error {
	if val.Kind != yaml.SequenceNode || len(val.Content) == 0 {
		return wrong(val, "command: must be a list, the program first: [pass, show, bi/prod]")
	}
	args := make([]string, 0, len(val.Content))
	for i, c := range val.Content {
		if c.Kind != yaml.ScalarNode || (i == 0 && c.Value == "") {
			return wrong(c, "command: every part must be a text, and the program must not be empty")
		}
		args = append(args, c.Value)
	}
	*v = Command(args...)
	return nil
}

func text(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value != "" && n.ShortTag() != "!!null"
}

func wrong(n *yaml.Node, reason string) error {
	return &SyntaxError{Line: n.Line, Column: n.Column, Reason: reason}
}
