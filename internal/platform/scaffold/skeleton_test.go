package scaffold_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
	"github.com/dashkeep/dashkeep/internal/platform/scaffold"
)

const name = "sketch"

// workshop is a copy of the source with a skeleton in it, so that the go command
// treats it as it will treat a contributor's.
type workshop struct{ root, platform string }

func skeleton(t *testing.T) *workshop {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the go command, which takes seconds")
	}
	w := &workshop{root: t.TempDir()}
	w.platform = filepath.Join(w.root, "internal", "platform", name)
	for _, f := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(top, f))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(w.root, f), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := copySource(filepath.Join(top, "internal"), filepath.Join(w.root, "internal")); err != nil {
		t.Fatal(err)
	}
	if _, err := scaffold.Write(w.root, name); err != nil {
		t.Fatal(err)
	}
	return w
}

// copySource copies the program's own Go files.
func copySource(from, to string) error {
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), text, 0o644)
	})
}

func (w *workshop) get(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.platform, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (w *workshop) set(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.platform, file), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// write replaces a part of a file, as a person who follows the list does.
func (w *workshop) write(t *testing.T, file, old, now string) {
	t.Helper()
	text := w.get(t, file)
	if strings.Count(text, old) != 1 {
		t.Fatalf("%s has not one %q", file, old)
	}
	w.set(t, file, strings.Replace(text, old, now, 1))
}

// finished is a part of the worked example.
func finished(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "finished", file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("acme", name, "Acme", "Sketch").Replace(string(text))
}

// goCommand runs the go command in the copy.
func (w *workshop) goCommand(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = w.root
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *workshop) vet(t *testing.T) {
	t.Helper()
	if out, err := w.goCommand(t, "vet", "./internal/platform/"+name+"/..."); err != nil {
		t.Errorf("vet: %v\n%s", err, out)
	}
}

// tests is what go test says.
func (w *workshop) tests(t *testing.T) (string, error) {
	t.Helper()
	return w.goCommand(t, "test", "-vet=off", "-v", "-timeout=60s", "./internal/platform/"+name)
}

// TestSkeleton follows the recipe from the first report to the last: what is
// written turns green, and nothing else.
func TestSkeleton(t *testing.T) {
	w := skeleton(t)
	t.Run("is a to-do list", func(t *testing.T) { toDoList(t, w) })
	t.Run("passes Ping when Ping is written", func(t *testing.T) {
		w.write(t, name+".go", todo(t, w.get(t, name+".go"), "Ping"), finished(t, "ping.txt"))
		report, _ := w.tests(t)
		for _, c := range []string{ping, "wrong password is a login error"} {
			if v := verdict(report, c); v != "PASS" {
				t.Errorf("%q says %s\n%s", c, v, report)
			}
		}
		if strings.Contains(report, "write Ping in") || !strings.Contains(report, "write List in") {
			t.Errorf("the list says\n%s", report)
		}
	})
	t.Run("passes everything when all is written", func(t *testing.T) { allWritten(t, w) })
}

const ping = "ping names server and user"

func toDoList(t *testing.T, w *workshop) {
	w.vet(t)
	report, err := w.tests(t)
	if err == nil {
		t.Errorf("nothing is written and the suite passes:\n%s", report)
	}
	dir := "internal/platform/" + name + "/"
	inOrder(t, report,
		"to do: write Ping in "+dir+name+".go: ", `"Login and Ping"`,
		"to do: write List in "+dir+"export.go: ", `"Listing"`,
		"to do: write Export in "+dir+"export.go: ", `"Reading"`,
		"to do: write put in "+dir+"import.go: ", `"Writing"`,
		"to do: write Delete in "+dir+"import.go: ", `"Deleting"`,
		"to do: write Recognize in "+dir+"import.go: ", `"Identity"`,
		"to do: give the suite, in "+dir+name+"_test.go, Server.Lie, ", `"The fake server"`,
		"Harness.Many, ", "=== RUN   TestConformance/")
	var asked []string
	for _, c := range platformtest.Cases() {
		if verdict(report, c.Name) == "FAIL" {
			asked = append(asked, "TO DO: "+c.Asks)
		}
	}
	if len(asked) < 20 {
		t.Errorf("only %d cases fail", len(asked))
	}
	inOrder(t, report, asked...)
	if v := verdict(report, ping); v != "FAIL" {
		t.Errorf("%q says %s", ping, v)
	}
}

// allWritten puts the worked example into the skeleton: it is fit to be finished
// against its own fake server.
func allWritten(t *testing.T, w *workshop) {
	main := name + ".go"
	code, _, _ := strings.Cut(w.get(t, main), "\n// unwritten is")
	w.set(t, main, strings.Replace(code, "\t\"fmt\"\n", "", 1))
	w.set(t, "export.go", finished(t, "export.go.txt"))
	w.set(t, "import.go", finished(t, "import.go.txt"))
	first := "\t\t\t{Op: normalize.RedactText"
	w.write(t, "rules.go", first, finished(t, "rules.txt")+first)
	w.vet(t)
	report, _ := w.tests(t)
	passed := 0
	for _, c := range platformtest.Cases() {
		switch verdict(report, c.Name) {
		case "PASS":
			passed++
		case "SKIP": // the skeleton's fake server cannot do it yet, and TestToDo says so
		default:
			t.Errorf("%q fails", c.Name)
		}
	}
	if strings.Contains(report, "to do: write") || !strings.Contains(report, "--- PASS: TestConformance (") {
		t.Errorf("something is left to write:\n%s", report)
	}
	if passed < 20 {
		t.Errorf("only %d cases pass\n%s", passed, report)
	}
}

// todo is the one line of a method's body that says it is not written.
func todo(t *testing.T, text, method string) string {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.Contains(line, "unwritten(") && strings.Contains(line, `"`+method+`"`) {
			return line
		}
	}
	t.Fatalf("nothing says that %s is not written", method)
	return ""
}

// verdict is PASS, FAIL or SKIP, as a case ended; "" when it did not run.
func verdict(report, c string) string {
	sub := strings.ReplaceAll(c, " ", "_")
	for _, v := range []string{"PASS", "FAIL", "SKIP"} {
		if strings.Contains(report, "--- "+v+": TestConformance/"+sub+" (") {
			return v
		}
	}
	return ""
}

// inOrder looks for texts, each after the one before.
func inOrder(t *testing.T, report string, texts ...string) {
	t.Helper()
	rest := report
	for _, want := range texts {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Errorf("the report has no %q where it should:\n%s", want, report)
			return
		}
		rest = after
	}
}
