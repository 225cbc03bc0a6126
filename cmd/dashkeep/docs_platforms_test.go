package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/all"
	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
)

// TestPlatformMatrixIsCurrent writes what each platform can do with each kind.
func TestPlatformMatrixIsCurrent(t *testing.T) {
	section(t, "platforms.md", "matrix", matrix(all.Factories()))
}

// matrix is one table for all platforms, and the reasons of what is not "yes".
func matrix(fs []platform.Factory) string {
	var b strings.Builder
	notes := &footnotes{}
	b.WriteString("\n| platform | kind |")
	for _, v := range platform.Verbs() {
		fmt.Fprintf(&b, " %s |", v)
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", 2+len(platform.Verbs())) + "\n")
	for _, f := range fs {
		for _, k := range f.Kinds {
			fmt.Fprintf(&b, "| [%s](%s.md) | %s |", f.Name, f.Name, k)
			for _, v := range platform.Verbs() {
				fmt.Fprintf(&b, " %s |", notes.cell(f, k, v))
			}
			b.WriteByte('\n')
		}
	}
	b.WriteByte('\n')
	for i, why := range notes.texts {
		fmt.Fprintf(&b, "%d. %s\n", i+1, why)
	}
	return b.String() + "\n"
}

// footnotes are the reasons, each once, in the order they are first needed.
type footnotes struct{ texts []string }

func (n *footnotes) number(why string) int {
	i := slices.Index(n.texts, why)
	if i < 0 {
		i, n.texts = len(n.texts), append(n.texts, why)
	}
	return i + 1
}

// cell says whether something can be done with a kind, and which notes say more.
func (n *footnotes) cell(f platform.Factory, k asset.Kind, v platform.Verb) string {
	said, notes := "yes", []int(nil)
	note := func(why string) { notes = append(notes, n.number(f.Name+": "+why)) }
	if v == platform.Update && slices.Contains(f.Guarded, k) {
		said = "by rule"
		note("one that is there is overwritten only where a rule of the config allows it, or by a restore")
	}
	for _, l := range f.Limits {
		if l.Verb != v || l.Kind != "" && l.Kind != k {
			continue
		}
		note(l.Why)
		switch {
		case !l.Partly:
			said = "no"
		case said == "yes":
			said = "in part"
		}
	}
	if notes == nil {
		return said
	}
	slices.Sort(notes)
	return said + " (" + strings.Join(strings.Fields(strings.Trim(fmt.Sprint(notes), "[]")), ", ") + ")"
}

func TestMatrix(t *testing.T) {
	got := matrix([]platform.Factory{{
		Name: "shelves", Kinds: []asset.Kind{"shelf", "box"}, Guarded: []asset.Kind{"shelf"},
		Limits: []platform.Limit{
			{Verb: platform.Access, Why: "nobody owns it"},
			{Kind: "box", Verb: platform.Update, Partly: true, Why: "while open"},
			{Kind: "shelf", Verb: platform.Update, Partly: true, Why: "while empty"},
			{Kind: "box", Verb: platform.Restore, Partly: true, Why: "while open"},
			{Kind: "box", Verb: platform.Restore, Why: "no wood"},
		},
	}})
	want := `
| platform | kind | read | create | update | delete | restore | access | verified |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| [shelves](shelves.md) | shelf | yes | yes | by rule (1, 2) | yes | yes | no (3) | yes |
| [shelves](shelves.md) | box | yes | yes | in part (4) | yes | no (4, 5) | no (3) | yes |

1. shelves: one that is there is overwritten only where a rule of the config allows it, or by a restore
2. shelves: while empty
3. shelves: nobody owns it
4. shelves: while open
5. shelves: no wood

`
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestEveryPlatformHasAPage follows the links of the matrix.
func TestEveryPlatformHasAPage(t *testing.T) {
	for _, f := range all.Factories() {
		if page := readFile(t, docsDir+"/"+f.Name+".md"); !strings.Contains(page, "## ") {
			t.Errorf("docs/%s.md says nothing", f.Name)
		}
	}
}

// TestCaseListIsCurrent writes what the conformance suite asks for into the
// recipe.
func TestCaseListIsCurrent(t *testing.T) {
	var b strings.Builder
	b.WriteByte('\n')
	for _, c := range platformtest.Cases() {
		fmt.Fprintf(&b, "- [ ] **%s**. %s\n", c.Name, c.Asks)
	}
	section(t, "adding-a-platform.md", "cases", b.String()+"\n")
}
