package asset

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Document is an asset file in its parts (SPEC section 5).
type Document struct {
	Format string // platform and version of the canonical form: "superset/1"
	Kind   Kind
	UID    string
	Title  string
	Spec   *yaml.Node // mapping
	Access *yaml.Node // mapping, nil for kinds without one
}

// ID is the identity that the header states.
func (d *Document) ID() ID { return ID{Kind: d.Kind, UID: d.UID} }

// Encode writes the document as canonical YAML. Format, Kind, UID and Spec must be there.
func (d *Document) Encode() ([]byte, error) {
	switch {
	case d.Format == "" || d.Kind == "" || d.UID == "":
		return nil, errors.New("a document needs format, kind and uid")
	case !IsMap(d.Spec):
		return nil, fmt.Errorf("%s: spec must be a mapping", d.ID())
	case d.Access != nil && !IsMap(d.Access):
		return nil, fmt.Errorf("%s: access must be a mapping", d.ID())
	}
	root := Map("dashkeep", d.Format, "kind", string(d.Kind), "uid", d.UID, "title", d.Title, "spec", d.Spec)
	if d.Access != nil {
		root.Content = append(root.Content, Str("access"), d.Access)
	}
	out, err := Encode(root)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.ID(), err)
	}
	return out, nil
}

// FileError is what is wrong with a file, where, and what to type next.
type FileError struct {
	Path      string
	Line, Col int
	Msg       string
	Next      string // "" when a person must look
}

func (e *FileError) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Col, e.Msg)
	if e.Next != "" {
		s += "; " + e.Next
	}
	return s
}

// ParseDocument reads an asset file. It need not be canonical, but must have the
// header, and no key beyond it. Every error is a *FileError with path.
func ParseDocument(path string, data []byte) (*Document, error) {
	if line := ConflictMarker(data); line > 0 {
		return nil, &FileError{path, line, 1, "an unfinished Git merge left its markers here", "choose one side, then git add " + path}
	}
	root, err := Parse(data)
	if err != nil {
		var s *SyntaxError
		if errors.As(err, &s) {
			return nil, &FileError{path, s.Line, s.Col, s.Msg, ""}
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return documentOf(path, root)
}

func documentOf(path string, root *yaml.Node) (*Document, error) {
	bad := func(n *yaml.Node, next, format string, args ...any) error {
		s := at(n, format, args...)
		return &FileError{path, s.Line, s.Col, s.Msg, next}
	}
	d := &Document{}
	for i := 0; i < len(root.Content); i += 2 {
		k, v := root.Content[i], root.Content[i+1]
		var text *string
		switch k.Value {
		case "dashkeep":
			text = &d.Format
		case "kind":
			text = (*string)(&d.Kind)
		case "uid":
			text = &d.UID
		case "title":
			text = &d.Title
		case "spec", "access":
			if !IsMap(v) {
				return nil, bad(v, "", "%s must be a mapping", k.Value)
			}
			if k.Value == "spec" {
				d.Spec = v
			} else {
				d.Access = v
			}
			continue
		default:
			return nil, bad(k, "move it under spec or remove it", "unknown key %s, the header has %s", quoteShort(k.Value), strings.Join(headerOrder[:], ", "))
		}
		if v.Kind != yaml.ScalarNode || v.Tag != TagStr {
			return nil, bad(v, fmt.Sprintf("write %s: '…'", k.Value), "%s must be text, in quotes where it looks like a number or truth value", k.Value)
		}
		*text = v.Value
	}
	for _, h := range []struct{ key, val string }{{"dashkeep", d.Format}, {"kind", string(d.Kind)}, {"uid", d.UID}} {
		if h.val == "" {
			return nil, bad(root, "add it or restore the file with git checkout", "the header key %s is missing", h.key)
		}
	}
	if d.Spec == nil {
		return nil, bad(root, "", "spec is missing")
	}
	return d, nil
}

// ConflictMarker returns the line (from 1) of the first marker that an unfinished
// Git merge left in the file, 0 when there is none.
// Canonical YAML never has one at the start of a line: block text is indented.
func ConflictMarker(data []byte) int {
	if !slices.Contains(data, '<') {
		return 0
	}
	line := 0
	for l := range strings.Lines(string(data)) {
		line++
		if strings.HasPrefix(l, "<<<<<<< ") || strings.HasPrefix(l, ">>>>>>> ") {
			return line
		}
	}
	return 0
}
