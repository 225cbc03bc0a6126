package diff_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/internal/diff"
)

func TestUnified(t *testing.T) {
	a := "1\n2\n3\n4\n5\n6\n7\n8\n9\n"
	tests := []struct{ name, old, new, a, b, want string }{
		{"equal", "f", "f", a, a, ""},
		{"change", "f", "f", a, strings.Replace(a, "5", "x", 1), "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -4,3 +4,3 @@\n 4\n-5\n+x\n 6\n"},
		{"two hunks", "f", "f", a, "x\n2\n3\n4\n5\n6\n7\n8\ny\n", "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-1\n+x\n 2\n@@ -8,2 +8,2 @@\n 8\n-9\n+y\n"},
		{"hunks that touch", "f", "f", "1\n2\n3\n4\n", "x\n2\n3\ny\n", "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n-4\n+y\n"},
		{"create", "", "f", "", "a\n", "diff --git a/f b/f\nnew file mode 100644\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n"},
		{"delete", "f", "", "a\nb\n", "", "diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n"},
		{"rename", "f", "g", "a\n", "a\n", "diff --git a/f b/g\nrename from f\nrename to g\n"},
		{"no newline", "f", "f", "a\nb", "a\nc", "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n"},
		{"odd name", "é\"\n", "é\"\n", "a\n", "b\n", "diff --git \"a/\\303\\251\\\"\\012\" \"b/\\303\\251\\\"\\012\"\n--- \"a/\\303\\251\\\"\\012\"\n+++ \"b/\\303\\251\\\"\\012\"\n@@ -1 +1 @@\n-a\n+b\n"},
	}
	for _, tt := range tests {
		if got := diff.Unified(tt.old, tt.new, []byte(tt.a), []byte(tt.b), 1); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// TestGitApplies has git itself apply what Unified wrote.
func TestGitApplies(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	text := rapid.Custom(func(t *rapid.T) []byte {
		lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a\n", "b\n", "c\n", "\n", "-\n", "+ x\n", "@@ -1 +1 @@\n", "\\ x\n", "é\xff\n", "\xfe\n", " \t\n", "--- a\n"}), 0, 25).Draw(t, "lines")
		s := strings.Join(lines, "")
		if rapid.IntRange(0, 3).Draw(t, "cut") == 0 {
			s = strings.TrimSuffix(s, "\n")
		}
		return []byte(s)
	})
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		a, b := text.Draw(rt, "a"), text.Draw(rt, "b")
		name := rapid.SampledFrom([]string{"f.yaml", "ü mit blank.yaml", "q\"uote.yaml"}).Draw(rt, "name")
		from, to := name, rapid.SampledFrom([]string{name, "moved.yaml"}).Draw(rt, "to")
		file := filepath.Join(dir, from)
		if len(a) == 0 {
			from, to = "", name
		} else if err := os.WriteFile(file, a, 0o644); err != nil {
			rt.Fatal(err)
		}
		if len(b) == 0 {
			to = ""
		}
		if from+to == "" {
			return
		}
		patch := diff.Unified(from, to, a, b, rapid.IntRange(0, 4).Draw(rt, "ctx"))
		if patch == "" {
			return
		}
		cmd := exec.Command(git, "apply", "--unidiff-zero", "--whitespace=nowarn", "-")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
		cmd.Stdin = strings.NewReader(patch)
		if out, err := cmd.CombinedOutput(); err != nil {
			rt.Fatalf("git apply: %v\n%s\n%s", err, out, patch)
		}
		got, err := os.ReadFile(filepath.Join(dir, to))
		if to == "" {
			if _, err := os.Stat(file); !os.IsNotExist(err) {
				rt.Fatalf("the file is still there: %v", err)
			}
			return
		}
		if err != nil || string(got) != string(b) {
			rt.Fatalf("%v: applied gives %q, want %q\n%s", err, got, b, patch)
		}
		if err := os.Remove(filepath.Join(dir, to)); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestStat(t *testing.T) {
	tests := []struct {
		a, b           string
		added, removed int
	}{{"", "", 0, 0}, {"a\n", "a\n", 0, 0}, {"a\nb\n", "a\nc\nd\n", 2, 1}, {"", "a\n", 1, 0}, {"a\xffb\n", "a\xfeb\n", 1, 1}, {"a", "a\n", 1, 1}}
	for _, tt := range tests {
		if added, removed := diff.Stat([]byte(tt.a), []byte(tt.b)); added != tt.added || removed != tt.removed {
			t.Errorf("%q %q: +%d -%d", tt.a, tt.b, added, removed)
		}
	}
}

// TestManyLines crosses the runes that are surrogates, and stays in its time.
func TestManyLines(t *testing.T) {
	var a, b strings.Builder
	for i := range 120_000 {
		line := strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/1000) + "\n"
		if i%100 == 3 {
			a.WriteString("old\n")
			line = "new " + line
		}
		a.WriteString(line)
		b.WriteString(line)
	}
	for i := range 60_000 {
		u := "unique " + string(rune(0x4e00+i%20000)) + string(rune('a'+i/20000)) + "\n"
		a.WriteString(u)
		if i != 57_000 {
			b.WriteString(u)
		}
	}
	start := time.Now()
	added, removed := diff.Stat([]byte(a.String()), []byte(b.String()))
	took := time.Since(start)
	if removed-added != 1201 || added != 0 && took < diff.Timeout { // beyond the timeout it is longer, and right
		t.Errorf("+%d -%d after %v, want +0 -1201", added, removed, took)
	}
	if took > 60*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestDisplay(t *testing.T) {
	in := "plain é\t\n\x1b[31mred\x07\r \u202egnp.exe\u2069 \x7f \u009b \xff \ufffd \u2028"
	want := "plain é\t\n\\x1b[31mred\\x07\\x0d \\u202egnp.exe\\u2069 \\x7f \\x9b \\xff \\ufffd \\u2028"
	if got := diff.Display(in); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := diff.Display("日本\n"); got != "日本\n" {
		t.Error(got)
	}
}
