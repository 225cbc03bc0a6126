// Package lint finds what is wrong with asset files before a server or a
// colleague does, and rewrites what has one right form.
package lint

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Codes of findings. They are stable; docs and CI filters use them.
const (
	CodeSyntax    = "syntax"         // no YAML that dashkeep reads
	CodeHeader    = "header"         // header key missing, unknown or of another type
	CodeMarker    = "merge-marker"   // an unfinished Git merge
	CodeCanonical = "canonical"      // not in canonical form
	CodeFolder    = "folder"         // not in the folder of its kind
	CodeDuplicate = "duplicate-uid"  // two files state one kind and uid
	CodeCase      = "path-clash"     // two paths are one file on some systems
	CodeDangling  = "dangling-ref"   // refers to an asset that has no file here
	CodeMissing   = "missing-ref"    // refers to a row the server did not list
	CodeSecret    = "secret"         // has the shape of a secret
	CodeSecretKey = "secret-by-name" // a key named like a secret has a value
	CodeRowID     = "row-id"         // a row id where a reference belongs
	CodeValue     = "unknown-value"  // a value that the platform does not document
)

// Finding is one thing that is wrong.
type Finding struct {
	Path      string
	Line, Col int // from 1; 0 for the file as a whole
	Code      string
	Message   string
	Fixable   bool // Fix puts it right
}

// String is the form editors and CI logs understand: path:line:col: message (code).
func (f Finding) String() string {
	place := f.Path
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", f.Path, f.Line, max(f.Col, 1))
	}
	return fmt.Sprintf("%s: %s (%s)", place, f.Message, f.Code)
}

// Warning reports whether the finding is something to look at rather than an
// error: the server itself has it so, or may.
func (f Finding) Warning() bool { return f.Code == CodeMissing || f.Code == CodeValue }

// Odd is a value that a platform does not document.
type Odd struct {
	Line, Col int
	Text      string
}

// Options of a check.
type Options struct {
	// Roots are the instance folders. A reference is looked up in the folder its
	// file is in. Empty: the folder above <kind plural>/ is the root.
	Roots []string
	// Known reports an asset that has no file but is there: excluded by the
	// selection, or of a kind that is not kept. nil: none.
	Known func(root string, id asset.ID) bool
	// RowIDs are key names whose value must be a reference, never a bare number;
	// the platform's rules say which. nil: not checked.
	RowIDs func(format string, kind asset.Kind, key string) bool
	// Odd lists values that the document's platform does not know; the platform's
	// rules say which. nil: not checked.
	Odd func(doc *asset.Document) []Odd
}

// Check looks at asset files by their slash paths in the repository. Findings
// come by path and line.
func Check(files map[string][]byte, o Options) []Finding {
	c := checker{o: o, byID: map[located][]string{}, folded: map[string]string{}}
	paths := slices.Sorted(maps.Keys(files))
	docs := make([]checked, 0, len(paths))
	for _, p := range paths {
		if d, ok := c.file(p, files[p]); ok {
			docs = append(docs, d)
		}
	}
	for _, d := range docs {
		c.references(d)
	}
	slices.SortStableFunc(c.found, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), a.Line-b.Line, a.Col-b.Col, strings.Compare(a.Code, b.Code))
	})
	return c.found
}

// located is an asset in one instance's folder.
type located struct {
	root string
	id   asset.ID
}

type checked struct {
	path, root string
	doc        *asset.Document
	tree       *yaml.Node
}

type checker struct {
	o      Options
	found  []Finding
	byID   map[located][]string
	folded map[string]string
}

func (c *checker) add(p string, line, col int, code, format string, args ...any) {
	c.found = append(c.found, Finding{Path: p, Line: line, Col: col, Code: code, Message: fmt.Sprintf(format, args...), Fixable: code == CodeCanonical})
}

// file checks what one file tells by itself.
func (c *checker) file(p string, data []byte) (checked, bool) {
	if o, clash := c.folded[asset.FoldPath(p)]; clash {
		c.add(p, 0, 0, CodeCase, "is the same file as %s where case or accents do not count; rename one", o)
	}
	c.folded[asset.FoldPath(p)] = p
	c.found = append(c.found, Secrets(p, data)...)
	doc, err := asset.ParseDocument(p, data)
	if err != nil {
		c.broken(p, data, err)
		return checked{}, false
	}
	if canonical, err := doc.Encode(); err != nil {
		c.add(p, 1, 1, CodeSyntax, "cannot be written: %v", err)
	} else if string(canonical) != string(data) {
		c.add(p, firstDifference(data, canonical), 1, CodeCanonical, "not in canonical form; run dashkeep lint --fix %s", p)
	}
	d := checked{path: p, root: c.root(p, doc.Kind), doc: doc, tree: asset.Map("spec", doc.Spec)}
	if doc.Access != nil {
		asset.Put(d.tree, doc.Access, "access")
	}
	c.place(d)
	c.rowIDs(d)
	if c.o.Odd != nil {
		for _, odd := range c.o.Odd(doc) {
			c.add(p, odd.Line, odd.Col, CodeValue, "%s", odd.Text)
		}
	}
	return d, true
}

func (c *checker) broken(p string, data []byte, err error) {
	var f *asset.FileError
	if !errors.As(err, &f) {
		c.add(p, 1, 1, CodeSyntax, "%v", err)
		return
	}
	msg := f.Msg
	if f.Next != "" {
		msg += "; " + f.Next
	}
	code := CodeHeader
	if asset.ConflictMarker(data) > 0 {
		code = CodeMarker
	} else if _, err := asset.Parse(data); err != nil {
		code = CodeSyntax
	}
	c.add(p, f.Line, f.Col, code, "%s", msg)
}

// root is the instance folder a file belongs to.
func (c *checker) root(p string, k asset.Kind) string {
	best, found := "", false
	for _, r := range c.o.Roots {
		if (r == "" || r == "." || strings.HasPrefix(p, strings.TrimSuffix(r, "/")+"/")) && (!found || len(r) > len(best)) {
			best, found = r, true
		}
	}
	if found {
		return strings.Trim(path.Clean("/"+best), "/")
	}
	dirs := strings.Split(path.Dir(p), "/")
	if i := slices.Index(dirs, k.Plural()); i >= 0 {
		return strings.Join(dirs[:i], "/")
	}
	return path.Dir(path.Dir(p))
}

// place checks folder and identity.
func (c *checker) place(d checked) {
	want := path.Join(d.root, d.doc.Kind.Plural()) + "/"
	if !strings.HasPrefix(d.path, want) || !strings.HasSuffix(d.path, ".yaml") {
		c.add(d.path, 0, 0, CodeFolder, "holds a %s, which belongs under %s and ends in .yaml; move it with git mv", d.doc.Kind, want)
	}
	at := located{d.root, d.doc.ID()}
	if others := c.byID[at]; len(others) > 0 {
		c.add(d.path, 0, 0, CodeDuplicate, "%s stands in %s too; delete one, or give the copy a uid of its own", d.doc.ID(), others[0])
	}
	c.byID[at] = append(c.byID[at], d.path)
}

func (c *checker) rowIDs(d checked) {
	if c.o.RowIDs == nil {
		return
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for key, v := range asset.Each(n) {
			if v.Kind == yaml.ScalarNode && v.Tag == asset.TagInt && c.o.RowIDs(d.doc.Format, d.doc.Kind, key) {
				c.add(d.path, v.Line, v.Column, CodeRowID, "%s holds the row id %s of one server; write a reference (ref:kind:uid)", key, v.Value)
			}
		}
		for _, child := range n.Content {
			walk(child)
		}
	}
	walk(d.tree)
}

// references checks that what a file refers to is there.
func (c *checker) references(d checked) {
	seen := map[string]bool{}
	for ref, n := range asset.References(d.tree) {
		if seen[ref] {
			continue
		}
		seen[ref] = true
		if kind, row, ok := asset.ParseMissing(ref); ok {
			c.add(d.path, n.Line, n.Column, CodeMissing, "refers to %s %s, which the server did not list when this was pulled", kind, row)
			continue
		}
		id, ok := asset.ParseRef(ref)
		if !ok || len(c.byID[located{d.root, id}]) > 0 || c.o.Known != nil && c.o.Known(d.root, id) {
			continue
		}
		c.add(d.path, n.Line, n.Column, CodeDangling, "refers to %s, which has no file under %s/", id, cmp.Or(d.root, "."))
	}
}

// firstDifference is the first line in which a differs from b.
func firstDifference(a, b []byte) int {
	line := 1
	for i := 0; i < len(a) && i < len(b) && a[i] == b[i]; i++ {
		if a[i] == '\n' {
			line++
		}
	}
	return line
}

// Fix rewrites what is readable but not canonical and returns the files that
// change. It touches form only: every value stays. Files that do not parse are
// left alone, Check tells why.
func Fix(files map[string][]byte) map[string][]byte {
	changed := map[string][]byte{}
	for p, data := range files {
		doc, err := asset.ParseDocument(p, data)
		if err != nil {
			continue
		}
		if out, err := doc.Encode(); err == nil && string(out) != string(data) {
			changed[p] = out
		}
	}
	return changed
}
