package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/lint"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform/all"
)

func (a *app) lintCmd() *cobra.Command {
	var fix bool
	c := &cobra.Command{
		Use:   "lint [PATH]",
		Short: "Check asset files: form, duplicates, dangling references, secrets",
		Long: `Checks the asset files below PATH (default: the current folder) without any
server or config: a pre-commit hook or a CI job. Prints path:line:col: message
and exits 1 when something is wrong. A reference to a row that the server itself
does not have, or a value that its platform does not document, is only a warning. --fix rewrites files that are merely not in
canonical form.`,
		Example: "  dashkeep lint\n  dashkeep lint ./dashboards/prod --fix",
		Args:    between(0, 1, "at most one PATH"),
		RunE: func(c *cobra.Command, args []string) error {
			root := "."
			if len(args) == 1 {
				root = args[0]
			}
			return a.lint(c.Context(), root, fix)
		},
	}
	c.Flags().BoolVar(&fix, "fix", false, "rewrite files that are not in canonical form")
	return c
}

type findingReport struct {
	Path    string `json:"path"`
	Line    int    `json:"line,omitempty"`
	Col     int    `json:"col,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Warning bool   `json:"warning,omitempty"`
	Fixable bool   `json:"fixable,omitempty"`
}

func (a *app) lint(ctx context.Context, root string, fix bool) error {
	files, err := assetFiles(ctx, root)
	if err != nil {
		return err
	}
	if fix {
		if err := a.fix(root, files); err != nil {
			return err
		}
	}
	reports := []findingReport{}
	wrong := 0
	for _, f := range lint.Check(files, lint.Options{Odd: oddValues()}) {
		warning := f.Warning()
		if !warning {
			wrong++
		}
		reports = append(reports, findingReport{f.Path, f.Line, f.Col, f.Code, f.Message, warning, f.Fixable})
		if a.output == "text" {
			mark := a.paint(red, "error")
			if warning {
				mark = a.paint(yellow, "warning")
			}
			a.printf("%s: %s\n", mark, oneLine(f.String()))
		}
	}
	if a.output == "json" {
		if err := a.printJSON(map[string]any{"schema_version": jsonVersion, "files": len(files), "findings": reports}); err != nil {
			return err
		}
	} else {
		a.printf("%s checked, %s wrong\n", plural(len(files), "file"), plural(wrong, "thing"))
	}
	if wrong > 0 {
		return codeError{code: exitFailed}
	}
	return nil
}

// oddValues knows the documented values of each platform's fields.
func oddValues() func(*asset.Document) []lint.Odd {
	rules := map[string]normalize.Rules{}
	for _, f := range all.Factories() {
		rules[f.Rules.Format] = f.Rules
	}
	return func(doc *asset.Document) []lint.Odd {
		var out []lint.Odd
		for _, o := range normalize.Unknown(doc, rules[doc.Format].Kinds[doc.Kind]) {
			out = append(out, lint.Odd{Line: o.Line, Col: o.Col, Text: o.Text})
		}
		return out
	}
}

func (a *app) fix(root string, files map[string][]byte) error {
	for p, data := range lint.Fix(files) {
		if err := replaceFile(filepath.Join(root, filepath.FromSlash(p)), data); err != nil {
			return fmt.Errorf("rewriting %s: %w; it is as it was", p, err)
		}
		files[p] = data
		a.printf("rewritten: %s\n", p)
	}
	return nil
}

// replaceFile puts new content in place of a file in one step: it is the old or
// the new one at any moment.
func replaceFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".dashkeep-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already when all went well
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// maxLintFile is more than any asset file may have.
const maxLintFile = 16 << 20

// assetFiles reads <kind plural>/**.yaml below a folder, by slash path.
func assetFiles(ctx context.Context, root string) (map[string][]byte, error) {
	var folders []string
	for _, f := range all.Factories() {
		for _, k := range f.Kinds {
			folders = append(folders, k.Plural())
		}
	}
	files := map[string][]byte{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".git") {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() || filepath.Ext(p) != ".yaml" {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if !slices.ContainsFunc(strings.Split(filepath.ToSlash(filepath.Dir(p)), "/"), func(part string) bool { return slices.Contains(folders, part) }) {
			return nil
		}
		files[rel], err = readLimited(p, maxLintFile)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usageError{err.Error()}
	}
	return files, err
}

func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d MB", path, limit>>20)
	}
	return data, err
}
