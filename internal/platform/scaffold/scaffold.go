// Package scaffold writes the skeleton of a connector for another BI platform:
// it compiles, keeps the rules of internal/archtest, and fails the conformance
// suite with a list of what to write. docs/adding-a-platform.md is its manual.
package scaffold

import (
	"embed"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// The templates are those of a platform called acme, so that they read like what
// they become.
//
//go:embed templates
var templates embed.FS

// File is one file of a skeleton. Path is a slash path below the root of the
// repository.
type File struct{ Path, Text string }

// layout says which template becomes which file, in the order to read them.
func layout(name string) [][2]string {
	dir := path.Join("internal/platform", name)
	return [][2]string{
		{"doc.go.tmpl", dir + "/doc.go"},
		{"acme.go.tmpl", dir + "/" + name + ".go"},
		{"client.go.tmpl", dir + "/client.go"},
		{"export.go.tmpl", dir + "/export.go"},
		{"rules.go.tmpl", dir + "/rules.go"},
		{"import.go.tmpl", dir + "/import.go"},
		{"acme_test.go.tmpl", dir + "/" + name + "_test.go"},
		{"server.go.tmpl", dir + "/" + name + "test/server.go"},
	}
}

// Files is the skeleton of a platform. The error says why the name cannot be
// one's.
func Files(name string) ([]File, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	words := strings.NewReplacer("acme", name, "Acme", strings.ToUpper(name[:1])+name[1:])
	var out []File
	for _, l := range layout(name) {
		text, err := templates.ReadFile("templates/" + l[0])
		if err != nil {
			return nil, err
		}
		formatted, err := format.Source([]byte(words.Replace(string(text))))
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", l[0], err)
		}
		out = append(out, File{l[1], string(formatted)})
	}
	return out, nil
}

// Write makes the skeleton below root, the top folder of dashkeep's source, and
// returns the files. A folder that exists is left alone, and an error.
func Write(root, name string) ([]File, error) {
	files, err := Files(name)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "internal", "platform", "platform.go")); err != nil {
		return nil, fmt.Errorf("%s is not the top folder of dashkeep's source: it has no internal/platform/platform.go", root)
	}
	if where, err := taken(root, name); err != nil {
		return nil, err
	} else if where != "" {
		return nil, fmt.Errorf("%q is part of a word that the program uses already (%s), and no code but the platform's own may hold a platform's name: choose a longer one", name, where)
	}
	dir := filepath.Join(root, "internal", "platform", name)
	if err := os.Mkdir(dir, 0o755); errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("internal/platform/%s exists and is left alone: choose another name, or remove it first", name)
	} else if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, name+"test"), 0o755); err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := create(filepath.Join(root, filepath.FromSlash(f.Path)), f.Text); err != nil {
			return nil, fmt.Errorf("%w; remove internal/platform/%s before the next try", err, name)
		}
	}
	return files, nil
}

// create writes a file that must not exist.
func create(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// Next tells what to do with a new skeleton.
func Next(name string) string {
	dir := "internal/platform/" + name
	steps := [][2]string{
		{dir + "/doc.go", "write down what you found out about the product"},
		{dir + "/" + name + "test", "make the fake server answer as the real one does"},
		{dir + "/client.go", "login; then Ping in " + name + ".go"},
		{dir + "/export.go", "List, Export"},
		{dir + "/rules.go", "what must not stand in a file"},
		{dir + "/import.go", "put, Delete, Recognize"},
		{dir + "/" + name + ".go", "Caps and Limits, as they turned out"},
		{"internal/platform/all/all.go", "add " + name + ".Factory() to the list"},
		{"docs/" + name + ".md", "the page for users"},
	}
	width := 0
	for _, s := range steps {
		width = max(width, len(s[0]))
	}
	var b strings.Builder
	b.WriteString("\ndocs/adding-a-platform.md explains each step. In this order:\n\n")
	for i, s := range steps {
		fmt.Fprintf(&b, "  %d. %-*s   %s\n", i+1, width, s[0], s[1])
	}
	fmt.Fprintf(&b, "\nWhat is left to do, at any time:\n\n  go test ./%s\n", dir)
	return b.String()
}
