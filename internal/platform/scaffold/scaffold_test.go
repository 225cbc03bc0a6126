package scaffold_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/scaffold"
)

// top is the top folder of dashkeep's source.
var top = filepath.Join("..", "..", "..")

func TestNamesThatCannotBe(t *testing.T) {
	for name, why := range map[string]string{
		"":             "needs a name",
		"Grafana":      "lower-case letters",
		"a":            "3 to 30",
		"my-bi":        "lower-case letters",
		"../evil":      "lower-case letters",
		"9lives":       "a letter first",
		"grafanä":      "lower-case letters",
		"range":        "a word of Go",
		"string":       "a word of Go",
		"all":          "means something else",
		"platformtest": "means something else",
		"scaffold":     "means something else",
		"internal":     "means something else",
		"asset":        "means something else",
		"lookertest":   "means something else",
	} {
		if _, err := scaffold.Files(name); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", name, err, why)
		}
	}
	for _, name := range []string{"grafana", "sap4", "looker"} {
		if _, err := scaffold.Files(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// source is a folder that looks like dashkeep's.
func source(t *testing.T, code string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "internal", "platform"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "internal", "platform", "platform.go"), []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestWriteMakesWhatFilesSays(t *testing.T) {
	root := source(t, "package platform // grafana may be named in a comment\n")
	files, err := scaffold.Write(root, "grafana")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range files {
		got, err := os.ReadFile(filepath.Join(root, f.Path))
		if err != nil || string(got) != f.Text {
			t.Errorf("%s: %v, %d bytes", f.Path, err, len(got))
		}
		if strings.Contains(strings.ToLower(f.Text), "acme") {
			t.Errorf("%s names the platform of the templates", f.Path)
		}
		paths = append(paths, strings.TrimPrefix(f.Path, "internal/platform/grafana/"))
	}
	want := []string{"doc.go", "grafana.go", "client.go", "export.go", "rules.go", "import.go", "grafana_test.go", "grafanatest/server.go"}
	if !slices.Equal(paths, want) {
		t.Errorf("wrote %v", paths)
	}
}

func TestWriteNeverOverwrites(t *testing.T) {
	root := source(t, "package platform\n")
	mine := filepath.Join(root, "internal", "platform", "grafana", "notes.txt")
	if err := os.MkdirAll(filepath.Dir(mine), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := scaffold.Write(root, "grafana"); err == nil || !strings.Contains(err.Error(), "internal/platform/grafana exists and is left alone") {
		t.Errorf("%v", err)
	}
	if left, _ := filepath.Glob(filepath.Dir(mine) + "/*"); len(left) != 1 {
		t.Errorf("the folder has %v", left)
	}
	if _, err := scaffold.Write(t.TempDir(), "grafana"); err == nil || !strings.Contains(err.Error(), "not the top folder") {
		t.Errorf("elsewhere: %v", err)
	}
}

// A platform whose name is a part of other words would break the rule that
// nobody else names it.
func TestWriteRefusesWordsInUse(t *testing.T) {
	for _, code := range []string{"package platform\n\nfunc baseModel() {}\n", "package platform\n\nconst x = `model: 1`\n"} {
		_, err := scaffold.Write(source(t, code), "mode")
		if err == nil || !strings.Contains(err.Error(), "internal/platform/platform.go:3") {
			t.Errorf("%q: %v", code, err)
		}
	}
}

// TestManualHasTheSections holds the sentences of a skeleton to the page they
// point to.
func TestManualHasTheSections(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(top, "docs", "adding-a-platform.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := scaffold.Files("sketch")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range files {
		cited := regexp.MustCompile(`docs/adding-a-platform\.md, "([^"]+)"`).FindAllStringSubmatch(f.Text, -1)
		cited = append(cited, regexp.MustCompile(`adding-a-platform\.md, %q\)", .*, "([^"]+)"\)`).FindAllStringSubmatch(f.Text, -1)...)
		for _, m := range append(cited, regexp.MustCompile(`unwritten\(.*, "([^"]+)"\)`).FindAllStringSubmatch(f.Text, -1)...) {
			seen++
			if !strings.Contains(string(page), "\n## "+m[1]+"\n") {
				t.Errorf("%s: the page has no section %q", f.Path, m[1])
			}
		}
	}
	if seen < 8 {
		t.Errorf("only %d sections are cited", seen)
	}
	if next := scaffold.Next("sketch"); !strings.Contains(next, "add sketch.Factory() to the list") || !strings.Contains(next, "go test ./internal/platform/sketch\n") {
		t.Errorf("what to do next: %s", next)
	}
}
