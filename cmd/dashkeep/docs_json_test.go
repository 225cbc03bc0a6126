package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/lint"
	syncer "github.com/dashkeep/dashkeep/sync"
)

// TestJSONPageNamesEveryField compares the tables of docs/json.md with the
// structs that are printed: names, order, and which are left out when empty.
func TestJSONPageNamesEveryField(t *testing.T) {
	page := readPage(t, "json.md")
	for heading, v := range map[string]any{
		"plan": planReport{}, "change": changeReport{}, "run": runReport{}, "asset": assetReport{}, "value": valueReport{},
		"status": statusReport{}, "state": stateReport{}, "check": checkReport{}, "lint": findingReport{},
		"bundle": bundleReport{}, "repository": repoReport{}, "finding": repoFindingReport{},
		"rights": rightsReport{}, "kind": kindReport{},
		"runs": writeReport{},
	} {
		if got, want := documented(page, heading), printed(v); !slices.Equal(got, want) {
			t.Errorf("docs/json.md, %s\n has  %v\n want %v", heading, got, want)
		}
	}
	for _, st := range []syncer.State{syncer.InSync, syncer.LiveNewer, syncer.GitNewer, syncer.BothMoved, syncer.OnlyLive, syncer.OnlyGit, syncer.NotShown, syncer.Unreadable} {
		if !strings.Contains(page, "`"+string(st)+"`") {
			t.Errorf("docs/json.md does not name the state %q", st)
		}
	}
}

var (
	tableRow  = regexp.MustCompile(`(?m)^\| (.*?) \| `)
	fieldName = regexp.MustCompile("`([a-z_]+)`( \\*)?")
)

// documented are the fields in the table below a heading, "name" or "name *".
func documented(page, heading string) []string {
	_, rest, _ := strings.Cut(page, "\n## "+heading+"\n")
	part, _, _ := strings.Cut(rest, "\n## ")
	var out []string
	for _, row := range tableRow.FindAllStringSubmatch(part, -1) {
		for _, f := range fieldName.FindAllStringSubmatch(row[1], -1) {
			out = append(out, f[1]+f[2])
		}
	}
	return out
}

func printed(v any) []string {
	var out []string
	typ := reflect.TypeOf(v)
	for i := range typ.NumField() {
		name, options, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if strings.Contains(options, "omitempty") {
			name += " *"
		}
		out = append(out, name)
	}
	return out
}

func TestLintCodesAreDocumented(t *testing.T) {
	page := readPage(t, "how-to/ci.md")
	for _, code := range []string{lint.CodeSyntax, lint.CodeHeader, lint.CodeMarker, lint.CodeCanonical, lint.CodeFolder, lint.CodeDuplicate,
		lint.CodeCase, lint.CodeDangling, lint.CodeMissing, lint.CodeSecret, lint.CodeSecretKey, lint.CodeRowID, lint.CodeValue} {
		if !strings.Contains(page, "\n| `"+code+"` | ") {
			t.Errorf("docs/how-to/ci.md does not say what %s means", code)
		}
	}
}

func readPage(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(docsDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}
