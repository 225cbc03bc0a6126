package config

import (
	"encoding"
	"math"
	"reflect"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// special decodes the types that read themselves.
func (d *decoder) special(n *yaml.Node, v reflect.Value, key string) bool {
	switch p := v.Addr().Interface().(type) {
	case *yaml.Node:
		*p = *n
		if n.Kind != yaml.MappingNode {
			d.problem(n, key, "expected keys and values, got %s", what(n))
		}
	case *secret.Value:
		d.secret(n, p, key)
	case *asset.ID:
		id, err := asset.ParseID(n.Value)
		if n.Kind != yaml.ScalarNode {
			d.problem(n, key, "expected KIND:UID, got %s", what(n))
		} else if err != nil {
			d.problem(n, key, "%q is not KIND:UID", n.Value)
		}
		*p = id
	case encoding.TextUnmarshaler:
		if n.Kind != yaml.ScalarNode {
			d.problem(n, key, "expected a text, got %s", what(n))
		} else if err := p.UnmarshalText([]byte(n.Value)); err != nil {
			d.problem(n, key, "%v", err)
		}
	default:
		return false
	}
	return true
}

func (d *decoder) secret(n *yaml.Node, v *secret.Value, key string) {
	if err := v.UnmarshalYAML(n); err != nil {
		p := Problem{File: d.file, Line: n.Line, Column: n.Column, Key: key, Message: err.Error()}
		if s, ok := err.(*secret.SyntaxError); ok {
			p.Line, p.Column, p.Message = s.Line, s.Column, s.Reason
		}
		d.add(p)
		return
	}
	*v = v.Bind(d.dir, d.redactor)
	if v.Literal() {
		d.warn(n, key, "the secret itself stands in the config: keep it elsewhere and write {env: NAME}, {file: PATH} or {command: [..]}")
	}
	if w := v.Warning(); w != "" {
		d.warn(n, key, "%s", w)
	}
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.ScalarNode {
		d.problem(n, key, "expected %s, got %s", wanted(v), what(n))
		return
	}
	if e, ok := v.Interface().(enum); ok {
		if wrong := oneOf(n.Value, e.Values()); wrong != "" {
			d.problem(n, key, "%s", wrong)
		}
		v.SetString(n.Value)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
	case reflect.Bool:
		if n.Value != "true" && n.Value != "false" {
			d.problem(n, key, "expected true or false, got %q", n.Value)
		}
		v.SetBool(n.Value == "true")
	case reflect.Int, reflect.Int64:
		d.number(n, v, key)
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			d.problem(n, key, "expected a number, got %q", n.Value)
		}
		v.SetFloat(f)
	default:
		d.problem(n, key, "the program cannot read a %s here", v.Type())
	}
}

func (d *decoder) number(n *yaml.Node, v reflect.Value, key string) {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		t, err := time.ParseDuration(n.Value)
		if err != nil || t < 0 {
			d.problem(n, key, "%q is not a duration such as 30s, 5m or 1h30m", n.Value)
		}
		v.SetInt(int64(t))
		return
	}
	i, err := strconv.ParseInt(n.Value, 10, 32)
	if err != nil {
		d.problem(n, key, "expected a whole number, got %q", n.Value)
	}
	v.SetInt(i)
}

// what names a node without repeating its text, which may be a secret.
func what(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "keys and values"
	case n.Kind == yaml.ScalarNode && n.Value == "":
		return "an empty text"
	}
	return "a single value"
}

func wanted(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "a number"
	}
	return "a text"
}
