package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Pages that would drift from the program are made from it, or compared with it.

var update = flag.Bool("update", false, "rewrite the generated parts of docs/")

// docsDir is where the pages are.
var docsDir = filepath.Join("..", "..", "docs")

// current compares a page with what it should be, or writes it.
func current(t *testing.T, name, want string) {
	t.Helper()
	file := filepath.Join(docsDir, name)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) == want {
		return
	}
	a, b := strings.Split(string(got), "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("docs/%s:%d is not current\n has  %s\n want %s\nrun: go test ./cmd/dashkeep -run %s -update", name, i+1, a[i], b[i], t.Name())
		}
	}
	t.Fatalf("docs/%s has %d lines, should have %d; run: go test ./cmd/dashkeep -run %s -update", name, len(a), len(b), t.Name())
}

// section replaces what stands between the marks of a page that is otherwise
// written by hand.
func section(t *testing.T, name, mark, want string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(docsDir, name))
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- begin "+mark+": go test ./cmd/dashkeep -update -->\n", "<!-- end "+mark+" -->\n"
	before, rest, ok1 := strings.Cut(string(page), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("docs/%s has no section %s", name, mark)
	}
	current(t, name, before+begin+want+end+after)
}

func TestCommandReferenceIsCurrent(t *testing.T) {
	root := newApp(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}).root()
	root.InitDefaultCompletionCmd()
	var b strings.Builder
	b.WriteString(`# Commands

<!-- Made from the program's own help: go test ./cmd/dashkeep -run TestCommandReference -update -->

Data goes to stdout, progress and logs to stderr. ` + "`--output json`" + ` is described in [json.md](json.md), the config in
[config.md](config.md).

`)
	b.WriteString(exitCodes)
	b.WriteString("\n## Flags of every command\n\n")
	flagTable(&b, root.PersistentFlags())
	for _, c := range root.Commands() {
		commandPage(&b, c)
	}
	current(t, "commands.md", b.String())
}

// exitCodes is the table of README.md and of the reference.
const exitCodes = `## Exit codes

| code | meaning |
| --- | --- |
| 0 | done and verified, or nothing to do |
| 1 | failed |
| 2 | changes are waiting (only ` + "`plan --detailed-exitcode`" + `) |
| 3 | some assets or instances failed, or a brake held |
| 11 | locked by another process |
| 12 | login refused |
| 13 | a conflict or an uncommitted edit: a person must choose |
| 64 | wrong usage or wrong config |
| 130, 143 | stopped by Ctrl-C or SIGTERM |

Of several, the first of 64, 11, 1, 3, 13, 2 counts. Any other code means failure.
`

func TestReadmeHasTheExitCodes(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(docsDir, "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), exitCodes) {
		t.Error("the exit codes of README.md are not those of docs/commands.md")
	}
	for _, code := range []int{exitOK, exitFailed, exitChanges, exitPartial, exitLocked, exitLogin, exitConflict, exitUsage} {
		if !strings.Contains(exitCodes, fmt.Sprintf("\n| %d | ", code)) {
			t.Errorf("exit code %d is not in the table", code)
		}
	}
	if order := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(precedence)), ", "), "[]"); !strings.Contains(exitCodes, "the first of "+order+" counts") {
		t.Errorf("the order of exit codes is %s", order)
	}
}

func commandPage(b *strings.Builder, c *cobra.Command) {
	if c.Hidden || c.Name() == "help" {
		return
	}
	c.InitDefaultHelpFlag()
	fmt.Fprintf(b, "\n## %s\n\n", strings.TrimPrefix(c.CommandPath(), "dashkeep "))
	if c.Name() == "completion" { // cobra's own; its subcommands are the shells
		b.WriteString("Print the completion script of a shell: `bash`, `zsh`, `fish` or `powershell`.\n\n```\ndashkeep completion SHELL\n```\n")
		return
	}
	fmt.Fprintf(b, "%s.\n\n```\n%s %s\n```\n", c.Short, c.Parent().CommandPath(), c.Use)
	if c.Long != "" {
		fmt.Fprintf(b, "\n%s\n", strings.ReplaceAll(c.Long, "\n  ", "\n    "))
	}
	if c.Example != "" {
		fmt.Fprintf(b, "\nExamples:\n\n```\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(c.Example, "  "), "\n  ", "\n"))
	}
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			own.AddFlag(f)
		}
	})
	if own.HasFlags() {
		b.WriteString("\n")
		flagTable(b, own)
	}
	for _, sub := range c.Commands() {
		commandPage(b, sub)
	}
}

func flagTable(b *strings.Builder, fs *pflag.FlagSet) {
	b.WriteString("| flag | meaning |\n| --- | --- |\n")
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		arg, usage := pflag.UnquoteUsage(f)
		if arg == "stringArray" || arg == "string" {
			arg = "text"
		}
		name := "`--" + strings.TrimSpace(f.Name+" "+arg) + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		if d := f.DefValue; d != "" && d != "false" && d != "[]" && !strings.Contains(usage, "(default") {
			usage += " (default: `" + d + "`)"
		}
		fmt.Fprintf(b, "| %s | %s |\n", name, strings.ReplaceAll(usage, "|", "\\|"))
	})
}
