package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/dashkeep/dashkeep"

// source is one parsed Go file.
type source struct {
	path string // slash path below the root
	pkg  string // its folder
	test bool
	file *ast.File
	fset *token.FileSet
	text string
}

// sources parses the Go files below root, but for testdata, hidden and vendored
// folders and modules of their own.
func sources(root string) ([]source, error) {
	var out []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != root {
			name := d.Name()
			if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil || name == "testdata" || name == "vendor" || name == "node_modules" || name[0] == '.' || name[0] == '_' {
				return filepath.SkipDir
			}
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		f, err := parse(filepath.ToSlash(rel), string(text))
		out = append(out, f)
		return err
	})
	return out, err
}

// parse reads one Go file; name is its slash path below the root.
func parse(name, text string) (source, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	return source{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), f, fset, text}, err
}

// violations lists everything in the files that breaks a rule, in order.
func violations(files []source) []string {
	var out []string
	platforms := platformsOf(files)
	l, testsOnly := layers(platforms), forTests(platforms)
	unlisted := map[string]bool{}
	for _, f := range files {
		if _, ok := l[f.pkg]; !ok && !unlisted[f.pkg] {
			unlisted[f.pkg] = true
			out = append(out, fmt.Sprintf("%s: package %s is not in the layer table", f.path, f.pkg))
		}
		for _, im := range f.file.Imports {
			out = append(out, badImport(l, testsOnly, f, im)...)
		}
		out = append(out, yamlWriters(f)...)
		out = append(out, platformsNamed(f, platforms)...)
	}
	out = append(out, unlistedPlatforms(files, platforms)...)
	slices.Sort(out)
	return out
}

func badImport(l map[string][]string, testsOnly []string, f source, im *ast.ImportSpec) []string {
	target, err := strconv.Unquote(im.Path.Value)
	if err != nil {
		return []string{err.Error()}
	}
	alias := ""
	if im.Name != nil {
		alias = im.Name.Name
	}
	var out []string
	if target == "sync" && alias != "" {
		out = append(out, fmt.Sprintf("%s: the standard package sync is imported as %s; it keeps its name", f.path, alias))
	}
	if target == module+"/sync" && alias != "syncer" {
		out = append(out, fmt.Sprintf("%s: package sync of ours is imported as %q; its name is syncer", f.path, alias))
	}
	if otherYAML(target) {
		out = append(out, fmt.Sprintf("%s: %s is a second YAML library", f.path, target))
	}
	if below, ours := strings.CutPrefix(target, module+"/"); ours && !mayImport(l, testsOnly, f.pkg, below, f.test) {
		out = append(out, fmt.Sprintf("%s: %s may not import %s", f.path, f.pkg, below))
	}
	return out
}

func otherYAML(target string) bool {
	for _, p := range []string{"go.yaml.in/yaml/", "github.com/goccy/go-yaml", "sigs.k8s.io/yaml", "gopkg.in/yaml.v2", "github.com/ghodss/yaml"} {
		if strings.HasPrefix(target, p) {
			return true
		}
	}
	return false
}

// yamlWriters finds calls of yaml.v3's encoder in the program. Tests may use it:
// what they write is never kept.
func yamlWriters(f source) []string {
	if f.test {
		return nil
	}
	name := ""
	for _, im := range f.file.Imports {
		if im.Path.Value == `"gopkg.in/yaml.v3"` {
			if name = "yaml"; im.Name != nil {
				name = im.Name.Name
			}
		}
	}
	if name == "" {
		return nil
	}
	var out []string
	ast.Inspect(f.file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && (s.Sel.Name == "Marshal" || s.Sel.Name == "NewEncoder") {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == name {
				out = append(out, fmt.Sprintf("%s: %s.%s writes YAML; only asset.Encode may", f.path, name, s.Sel.Name))
			}
		}
		return true
	})
	return out
}

// belowFloor says why go.mod text lacks go-git v5 at version floor or newer; ""
// when it does not.
func belowFloor(gomod string, floor [3]int) string {
	for line := range strings.Lines(gomod) {
		fields := strings.Fields(line)
		if len(fields) > 0 && fields[0] == "require" {
			fields = fields[1:]
		}
		if len(fields) < 2 || fields[0] != "github.com/go-git/go-git/v5" {
			continue
		}
		var v [3]int
		if n, err := fmt.Sscanf(fields[1], "v%d.%d.%d", &v[0], &v[1], &v[2]); err != nil || n != 3 || strings.Contains(fields[1], "-") {
			return "cannot read the version " + fields[1]
		}
		if slices.Compare(v[:], floor[:]) < 0 {
			return fields[1] + " is older than the first without known holes"
		}
		return ""
	}
	return "go-git is not required"
}
