package scaffold

import (
	"errors"
	"fmt"
	"go/scanner"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var plain = regexp.MustCompile(`^[a-z][a-z0-9]{2,29}$`)

// reserved are names of folders that mean something to the go command or to
// internal/platform, and of the packages that a skeleton imports.
func reserved() []string {
	return []string{"all", "platformtest", "scaffold", "main", "internal", "vendor", "testdata", "cmd", "acme",
		"platform", "asset", "normalize", "secret", "apihttp", "archive",
		"context", "errors", "fmt", "iter", "json", "http", "httptest", "maps", "slices", "strconv", "sync", "testing", "time"}
}

// checkName says why a platform cannot have a name.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the platform needs a name: make new-platform NAME=grafana")
	case !plain.MatchString(name):
		return fmt.Errorf("%q cannot be a platform's name: 3 to 30 lower-case letters and digits, a letter first", name)
	case token.IsKeyword(name) || types.Universe.Lookup(name) != nil:
		return fmt.Errorf("%q cannot be a platform's name: it is a word of Go", name)
	case slices.Contains(reserved(), name) || strings.HasSuffix(name, "test"):
		return fmt.Errorf("%q cannot be a platform's name: it means something else here", name)
	}
	return nil
}

// taken finds a name within an identifier or a string of the program's code,
// "" when it occurs nowhere. internal/archtest would refuse every such place.
func taken(root, name string) (where string, err error) {
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			skip := d.Name() == "testdata" || rel == "cmd" || rel == "internal/demo" || rel == "internal/platform/all" || rel == "internal/platform/"+name || rel != "." && strings.HasPrefix(d.Name(), ".")
			if skip {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if line := lineOf(text, name); line > 0 {
			where = fmt.Sprintf("%s:%d", rel, line)
			return filepath.SkipAll
		}
		return nil
	})
	return where, err
}

// lineOf is the line of the first identifier or string that holds name, 0 for
// none.
func lineOf(text []byte, name string) int {
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, 0)
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return 0
		}
		if (tok == token.IDENT || tok == token.STRING) && strings.Contains(strings.ToLower(lit), name) {
			return file.Line(pos)
		}
	}
}
