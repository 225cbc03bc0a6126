package merge_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// textDoc is a document with one text.
func textDoc(t interface{ Fatal(...any) }, text string) []byte {
	out, err := asset.Encode(asset.Map("sql", text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func textOf(t interface{ Fatal(...any) }, doc []byte) string {
	n, err := asset.Parse(doc)
	if err != nil {
		t.Fatal(err)
	}
	return asset.Text(asset.Get(n, "sql"))
}

func TestThree_textsByLines(t *testing.T) {
	const sql = "SELECT a,\n  b\nFROM t\nWHERE c\nLIMIT 1"
	tests := []struct{ name, base, ours, theirs, want string }{ // want "": a conflict
		{"far apart", sql, "SELECT a, x,\n  b\nFROM t\nWHERE c\nLIMIT 1", "SELECT a,\n  b\nFROM t\nWHERE c\nLIMIT 2", "SELECT a, x,\n  b\nFROM t\nWHERE c\nLIMIT 2"},
		{"one line between", sql, "SELECT a,\n  b, x\nFROM t\nWHERE c\nLIMIT 1", "SELECT a,\n  b\nFROM t\nWHERE d\nLIMIT 1", "SELECT a,\n  b, x\nFROM t\nWHERE d\nLIMIT 1"},
		{"next to each other, as git", sql, "SELECT a,\n  b, x\nFROM t\nWHERE c\nLIMIT 1", "SELECT a,\n  b\nFROM u\nWHERE c\nLIMIT 1", ""},
		{"the same line", sql, "SELECT x,\n  b\nFROM t\nWHERE c\nLIMIT 1", "SELECT y,\n  b\nFROM t\nWHERE c\nLIMIT 1", ""},
		{"the same change and one more", sql, "SELECT x,\n  b\nFROM t\nWHERE c\nLIMIT 1", "SELECT x,\n  b\nFROM t\nWHERE c\nLIMIT 2", "SELECT x,\n  b\nFROM t\nWHERE c\nLIMIT 2"},
		{"added at both ends", "a\nb\nc", "x\na\nb\nc", "a\nb\nc\ny", "x\na\nb\nc\ny"},
		{"added at one place", "a\nb", "a\nx\nb", "a\ny\nb", ""},
		{"removed and edited", "a\nb\nc", "a\nc", "a\nB\nc", ""},
		{"newline at the end, and an edit", "a\nb\nc", "a\nb\nc\n", "A\nb\nc", "A\nb\nc\n"},
		{"one line, no block", "a", "a\nx", "y\na", ""},
		{"no UTF-8 lost: lines that differ in the last character only", "é\n.\nè", "é!\n.\nè", "é\n.\nê", "é!\n.\nê"},
		{"carriage returns are part of the line", "a\r\nb\r\nc", "A\r\nb\r\nc", "a\r\nb\r\nC", "A\r\nb\r\nC"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, o, th := textDoc(t, tt.base), textDoc(t, tt.ours), textDoc(t, tt.theirs)
			merged, conflicts, err := merge.Three(b, o, th)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" {
				if len(conflicts) != 1 || conflicts[0].Path != "/sql" || !bytes.Equal(merged, o) {
					t.Errorf("merged to %q, conflicts %s", textOf(t, merged), show(conflicts))
				}
				return
			}
			if got := textOf(t, merged); got != tt.want || len(conflicts) > 0 {
				t.Errorf("got %q, conflicts %s\nwant %q", got, show(conflicts), tt.want)
			}
		})
	}
}

// Base takes over the lines that both have, so that a second edit of a line that
// was merged before is no conflict with the edit that still waits.
func TestAgree_textsByLines(t *testing.T) {
	base, live := "a\nb\nc\nd\ne", "a\nb\nc\nd\nE"
	git := "A\nb\nc\nd\nE" // A waits for apply, E came with a pull
	agreed, err := merge.Agree(textDoc(t, base), textDoc(t, git), textDoc(t, live))
	if err != nil || textOf(t, agreed) != live {
		t.Fatalf("%v %q", err, textOf(t, agreed))
	}
	merged, conflicts, err := merge.Three(agreed, textDoc(t, git), textDoc(t, "a\nb\nc\nd\nEE"))
	if err != nil || len(conflicts) > 0 || textOf(t, merged) != "A\nb\nc\nd\nEE" {
		t.Errorf("%v %q %s", err, textOf(t, merged), show(conflicts))
	}
}

// A text too long to compare is a conflict, and at once.
func TestThree_hugeTexts(t *testing.T) {
	long := func(mark string) []byte {
		var b strings.Builder
		for i := range 60_000 {
			fmt.Fprintf(&b, "%s%d\n", mark, i)
		}
		return textDoc(t, b.String())
	}
	if _, conflicts, err := merge.Three(long("a"), long("b"), long("c")); err != nil || len(conflicts) != 1 {
		t.Errorf("%v, %d conflicts", err, len(conflicts))
	}
}

// editLines is what a person does to a text: every line put in is one that stands
// nowhere else. made are those, gone the lines of base that are no more.
func editLines(t *rapid.T, label string, base []string) (text, made []string) {
	text = slices.Clone(base)
	for i := range rapid.IntRange(0, 3).Draw(t, label) {
		at := rapid.IntRange(0, len(text)).Draw(t, "at")
		line := fmt.Sprintf("%s%d", label, i)
		switch {
		case rapid.IntRange(0, 2).Draw(t, "what") == 0 || at == len(text):
			text, made = slices.Insert(text, at, line), append(made, line)
		case rapid.Bool().Draw(t, "remove"):
			text = slices.Delete(text, at, at+1)
		default:
			text[at], made = line, append(made, line)
		}
	}
	return text, slices.DeleteFunc(made, func(l string) bool { return !slices.Contains(text, l) })
}

// drawEdits draws a text with lines that repeat and what two people made of it.
func drawEdits(t *rapid.T) (base, ours, theirs string, made []string) {
	b := rapid.SliceOfN(rapid.SampledFrom([]string{"", "A", "B", ")"}), 2, 9).Draw(t, "base")
	o, madeO := editLines(t, "o", b)
	th, madeT := editLines(t, "t", b)
	return strings.Join(b, "\n"), strings.Join(o, "\n"), strings.Join(th, "\n"), append(madeO, madeT...)
}

// TestTextLaws: what is merged holds every line of both sides, is the same
// whichever side is called ours, and stays so when a side is merged in again or
// base has moved to what both have.
func TestTextLaws(t *testing.T) {
	clean := 0
	rapid.Check(t, func(t *rapid.T) {
		base, ours, theirs, made := drawEdits(t)
		b, o, th := textDoc(t, base), textDoc(t, ours), textDoc(t, theirs)
		agreed, err := merge.Agree(b, o, th)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := merge.Agree(agreed, o, th); err != nil || !bytes.Equal(again, agreed) {
			t.Fatalf("agreeing twice is not once: %v %q %q", err, textOf(t, agreed), textOf(t, again))
		}
		m, conflicts := three(t, b, o, th)
		n, other := three(t, b, th, o)
		if len(conflicts) != len(other) || len(conflicts) == 0 && !bytes.Equal(m, n) {
			t.Fatalf("not symmetric: %q %q %s %s", textOf(t, m), textOf(t, n), show(conflicts), show(other))
		}
		if len(conflicts) > 0 {
			return
		}
		clean++
		lines := strings.Split(textOf(t, m), "\n")
		for _, l := range made {
			if !slices.Contains(lines, l) {
				t.Fatalf("line %q is lost in %q", l, lines)
			}
		}
		for _, from := range [][]byte{b, agreed} {
			for _, side := range [][]byte{o, th} {
				if again, c := three(t, from, m, side); !bytes.Equal(again, m) || len(c) > 0 {
					t.Fatalf("merged once more it is %q, not %q (%s)", textOf(t, again), textOf(t, m), show(c))
				}
			}
		}
		if later, c := three(t, agreed, o, th); !bytes.Equal(later, m) || len(c) > 0 {
			t.Fatalf("after base moved it is %q, not %q (%s)", textOf(t, later), textOf(t, m), show(c))
		}
		isCanonical(t, m)
	})
	if clean == 0 {
		t.Error("nothing was ever merged")
	}
}

// TestTextAsGit compares with git merge-file on texts whose lines all differ, where
// there is only one way to tell what was changed.
func TestTextAsGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	count := 0
	rapid.Check(t, func(rt *rapid.T) {
		if count++; count > 60 {
			return // a process each
		}
		var b []string
		for i := range rapid.IntRange(2, 8).Draw(rt, "lines") {
			b = append(b, fmt.Sprint("line ", i))
		}
		o, _ := editLines(rt, "o", b)
		th, _ := editLines(rt, "t", b)
		var files []string
		for name, lines := range map[string][]string{"1ours": o, "2base": b, "3theirs": th} {
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
				rt.Fatal(err)
			}
			files = append(files, file)
		}
		slices.Sort(files)
		want, err := exec.Command(git, append([]string{"merge-file", "-p"}, files...)...).Output()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			rt.Fatal(err)
		}
		join := func(lines []string) []byte { return textDoc(rt, strings.Join(lines, "\n")+"\n") }
		m, conflicts := three(rt, join(b), join(o), join(th))
		if (exit != nil) != (len(conflicts) > 0) || exit == nil && textOf(rt, m) != string(want) {
			rt.Fatalf("git: conflict %v\n%s\nours: %s\n%s", exit != nil, want, show(conflicts), textOf(rt, m))
		}
	})
}
