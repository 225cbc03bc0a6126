package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/scaffold"
)

// A platform is a folder and one line in internal/platform/all. These rules keep
// it at that.

// platformsNamed finds a platform's name where it does not belong: in the code
// of any package but its own, the list and the wiring; in packages that serve
// all platforms also in comments. Elsewhere a comment may cite a fact.
func platformsNamed(f source, platforms []string) []string {
	if f.test {
		return nil
	}
	var out []string
	if slices.Contains(platformBlind(), f.pkg) {
		for i, line := range strings.Split(f.text, "\n") {
			for _, name := range platforms {
				if strings.Contains(strings.ToLower(line), name) {
					out = append(out, fmt.Sprintf("%s:%d: names the platform %s", f.path, i+1, name))
				}
			}
		}
		return out
	}
	ast.Inspect(f.file, func(n ast.Node) bool {
		what, text := "", ""
		switch n := n.(type) {
		case *ast.Ident:
			what, text = "an identifier", n.Name
		case *ast.BasicLit:
			if what, text = "a string", n.Value; n.Kind != token.STRING {
				return true
			}
		default:
			return true
		}
		for _, name := range platforms {
			if strings.Contains(strings.ToLower(text), name) && !mayName(f.pkg, name) {
				out = append(out, fmt.Sprintf("%s:%d: names the platform %s in %s", f.path, f.fset.Position(n.Pos()).Line, name, what))
			}
		}
		return true
	})
	return slices.Compact(out)
}

// unlistedPlatforms finds folders that nobody can use: package all does not
// import them.
func unlistedPlatforms(files []source, platforms []string) []string {
	var out []string
	for _, name := range platforms {
		dir := "internal/platform/" + name
		if !slices.ContainsFunc(files, func(f source) bool { return f.pkg == "internal/platform/all" && !f.test && imports(f, dir) }) {
			out = append(out, fmt.Sprintf("%s: not in the list: add %s.Factory() to Factories in internal/platform/all/all.go", dir, name))
		}
	}
	return out
}

// imports reports whether a file imports a package of ours for use.
func imports(f source, dir string) bool {
	return slices.ContainsFunc(f.file.Imports, func(im *ast.ImportSpec) bool {
		target, err := strconv.Unquote(im.Path.Value)
		return err == nil && target == module+"/"+dir && (im.Name == nil || im.Name.Name != "_")
	})
}

// platformDeps finds platforms in what go list -deps prints.
func platformDeps(listing string) []string {
	var out []string
	for _, p := range strings.Fields(listing) {
		if strings.HasPrefix(p, module+"/internal/platform/") {
			out = append(out, p)
		}
	}
	return out
}

// TestNoPlatformIsLinkedIntoTheEngine asks the go command instead of the
// source: what is compiled into the packages that serve all platforms.
func TestNoPlatformIsLinkedIntoTheEngine(t *testing.T) {
	for _, pkg := range platformBlind() {
		if _, err := os.Stat(root + "/" + pkg); err != nil {
			continue
		}
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./"+pkg)
		cmd.Dir = root
		var stderr strings.Builder
		cmd.Stderr = &stderr
		listing, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list -deps ./%s: %v\n%s", pkg, err, stderr.String())
		}
		if !slices.Contains(strings.Fields(string(listing)), module+"/"+pkg) {
			t.Fatalf("go list -deps ./%s does not even name itself:\n%s", pkg, listing)
		}
		for _, dep := range platformDeps(string(listing)) {
			t.Errorf("%s depends on %s", pkg, dep)
		}
	}
}

// TestNewPlatformKeepsTheRules puts what make new-platform writes into the tree:
// all that is missing is the line in the list.
func TestNewPlatformKeepsTheRules(t *testing.T) {
	files, err := sources(root)
	if err != nil {
		t.Fatal(err)
	}
	before := violations(files)
	made, err := scaffold.Files("sketch")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range made {
		f, err := parse(m.Path, m.Text)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	var added []string
	for _, v := range violations(files) {
		if !slices.Contains(before, v) {
			added = append(added, v)
		}
	}
	want := []string{"internal/platform/sketch: not in the list: add sketch.Factory() to Factories in internal/platform/all/all.go"}
	if !slices.Equal(added, want) {
		t.Errorf("a new platform adds\n%s\nwant\n%s", strings.Join(added, "\n"), strings.Join(want, "\n"))
	}
}
