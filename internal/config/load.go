package config

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// Options says what the config is checked against.
type Options struct {
	// Platforms lists the platforms and their kinds; nil: neither is checked.
	Platforms map[string][]asset.Kind
	// PlatformOptions holds a pointer to the zero options struct of each platform
	// that has options, so that a misspelt one is found at once. A platform that
	// is in Platforms but not here takes none; nil: options are not checked.
	PlatformOptions map[string]any
	// Inboxes are the platforms that can read one; nil: not checked.
	Inboxes []string
	// Redactor learns every secret of the config when it is resolved; may be nil.
	Redactor *secret.Redactor
	// Home replaces ~ in paths; "" is the user's home folder.
	Home string
}

// maxFile is far above what hundreds of instances need.
const maxFile = 4 << 20

// Load reads and checks a config file. The error is an *Error that lists all
// problems at once, with file, line and column.
func Load(path string, o Options) (*Config, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, fail(path, "%v", err)
	}
	f, err := os.Open(full)
	if err != nil {
		return nil, fail(path, "the config cannot be read: %v", reason(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fail(path, "the config cannot be read: %v", reason(err))
	}
	if len(data) > maxFile {
		return nil, fail(path, "the config is larger than %d MB", maxFile>>20)
	}
	c, err := parse(path, full, data, o)
	if err != nil {
		return nil, err
	}
	if fi, err := f.Stat(); err == nil {
		c.warnReadable(path, fi)
	}
	return c, nil
}

// reason is the error without the path, which the message begins with.
func reason(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Parse checks the text of a config; name stands in messages, and relative
// paths start at its folder. The error is as for Load.
func Parse(name string, data []byte, o Options) (*Config, error) {
	full, err := filepath.Abs(name)
	if err != nil {
		return nil, fail(name, "%v", err)
	}
	return parse(name, full, data, o)
}

func parse(name, full string, data []byte, o Options) (*Config, error) {
	root, err := document(name, data)
	if err != nil {
		return nil, err
	}
	c := &Config{File: full}
	d := &decoder{file: name, dir: filepath.Dir(full), redactor: o.Redactor, at: map[string]*yaml.Node{}, failed: map[string]bool{}}
	d.value(root, reflect.ValueOf(c).Elem(), "")
	if root.Kind == yaml.MappingNode {
		v := &validator{decoder: d, o: o}
		v.config(c)
	}
	if len(d.problems) > 0 {
		slices.SortStableFunc(d.problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, &Error{Problems: d.problems}
	}
	c.Warnings = d.warnings
	return c, nil
}

// document parses the one YAML document of the file.
func document(name string, data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) || (err == nil && (len(doc.Content) == 0 || isNull(doc.Content[0]))) {
		return nil, fail(name, "the config is empty: dashkeep init writes one to start from")
	}
	if err != nil {
		return nil, syntaxError(name, data, err)
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		return nil, &Error{Problems: []Problem{{File: name, Line: second.Line, Column: 1, Message: "a config is one YAML document, here a second one begins"}}}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(name, data, err)
	}
	return doc.Content[0], nil
}

var (
	yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)
	// Errors of yaml.v3's parser, unlike those of its scanner, count lines from
	// zero (v3.0.1, yaml.go of its decoder).
	fromZero = regexp.MustCompile(`did not find expected (key|node content|'-' indicator|',' or|<)`)
	// Where a star begins a value: an alias, or a cron line without quotes.
	starValue = regexp.MustCompile(`(?:[:\-,]\s+|\[)\*`)
)

// syntaxError gives yaml.v3's message a place. What it says of an alias is
// reworded, because the alias may be an unquoted password.
func syntaxError(name string, data []byte, err error) error {
	p := Problem{File: name, Line: 1, Column: 1, Message: "not YAML"}
	m := yamlLine.FindStringSubmatch(strings.SplitN(err.Error(), "\n", 2)[0])
	if m == nil {
		return &Error{Problems: []Problem{p}}
	}
	if n, err := strconv.Atoi(m[1]); err == nil {
		p.Line = n
		if fromZero.MatchString(m[2]) {
			p.Line++
		}
	}
	p.Message = "not YAML: " + m[2]
	lines := bytes.Split(data, []byte("\n"))
	p.Line = min(p.Line, len(lines))
	switch {
	case strings.Contains(m[2], "unknown anchor"), strings.Contains(m[2], "alphabetic or numeric character"):
		p.Message = "not YAML: a value that begins with * or & must stand in quotes"
		for i, l := range lines {
			if starValue.Match(l) {
				p.Line = i + 1
				break
			}
		}
	case bytes.Contains(lines[p.Line-1], []byte("\t")):
		p.Message += " (the line holds a tab; YAML is indented with blanks)"
	case strings.Contains(m[2], "cannot start any token"):
		p.Message += " (a value that begins with @, % or ` must stand in quotes)"
	}
	return &Error{Problems: []Problem{p}}
}
