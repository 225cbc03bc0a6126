package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestCommandsInPagesExist parses every dashkeep command line of the pages with
// the program's own flags, and looks for every test and make target they name.
func TestCommandsInPagesExist(t *testing.T) {
	pages, _ := filepath.Glob(filepath.Join(docsDir, "how-to", "*.md"))
	more, _ := filepath.Glob(filepath.Join(docsDir, "*.md"))
	pages = append(append(pages, more...), filepath.Join(docsDir, "..", "README.md"), filepath.Join(docsDir, "..", "deploy", "dashkeep.service"))
	seen := 0
	for _, page := range pages {
		for _, line := range commandLines(readFile(t, page)) {
			seen++
			checkCommand(t, page, line)
		}
	}
	if seen < 50 {
		t.Errorf("only %d commands were found in the pages", seen)
	}
}

var inline = regexp.MustCompile("`([^`\n]+)`")

// commandLines are the lines of fenced blocks and the inline code of a page.
func commandLines(page string) []string {
	var out []string
	for i, part := range strings.Split(page, "```") {
		for _, line := range strings.Split(part, "\n") {
			if i%2 == 1 || strings.HasPrefix(line, "ExecStart=") {
				out = append(out, line)
				continue
			}
			for _, m := range inline.FindAllStringSubmatch(line, -1) {
				out = append(out, strings.ReplaceAll(m[1], `\|`, "|"))
			}
		}
	}
	return slices.DeleteFunc(out, func(l string) bool { return !command.MatchString(l) })
}

var (
	command = regexp.MustCompile(`^(?:\s*(?:-|run:|entry:|ExecStart=|sudo -u \S+|[A-Z_]+=\S+|exec|\$) *)*(?:/usr/local/bin/|\$RUNNER_TEMP/)?(dashkeep|make|go test) (.*)$`)
	stop    = regexp.MustCompile(`\s*(?:"?\$\(|&&|\|\||[;<>#]|\s\|\s|\s{4}).*$`)
)

func checkCommand(t *testing.T, page, line string) {
	t.Helper()
	m := command.FindStringSubmatch(line)
	args := strings.Fields(stop.ReplaceAllString(m[2], ""))
	switch m[1] {
	case "dashkeep":
		root := newApp(strings.NewReader(""), &strings.Builder{}, &strings.Builder{}).root()
		root.InitDefaultCompletionCmd()
		c, rest, err := root.Find(args)
		if err == nil {
			err = c.ParseFlags(rest)
		}
		if err != nil && err != pflag.ErrHelp || c == root && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
			t.Errorf("%s: %s: %v", page, line, err)
		}
	case "make":
		for _, target := range args {
			if strings.Contains(target, "=") {
				continue // a variable
			}
			if !strings.Contains(readFile(t, filepath.Join("..", "..", "Makefile")), "\n"+target+":") {
				t.Errorf("%s: %s: no target %s", page, line, target)
			}
		}
	case "go test":
		checkTests(t, page, line, args)
	}
}

// checkTests looks for the tests that -run names in the package's folder.
func checkTests(t *testing.T, page, line string, args []string) {
	t.Helper()
	i := slices.Index(args, "-run")
	if i < 0 || i+1 == len(args) || !strings.HasPrefix(args[0], "./") || strings.HasSuffix(args[0], "...") {
		return
	}
	var source strings.Builder
	files, _ := filepath.Glob(filepath.Join("..", "..", args[0], "*_test.go"))
	for _, f := range files {
		source.WriteString(readFile(t, f))
	}
	for _, pattern := range strings.Split(strings.Trim(args[i+1], "'"), "|") {
		name, script, _ := strings.Cut(pattern, "/")
		if !regexp.MustCompile(`func Test\w*\(`).MatchString(source.String()) || !regexp.MustCompile(`\nfunc (\w*`+name+`\w*)\(t `).MatchString(source.String()) {
			t.Errorf("%s: %s: no test matches %s", page, line, name)
		}
		if script != "" {
			readFile(t, filepath.Join("..", "..", "testdata", "scripts", script+".txtar"))
		}
	}
}
