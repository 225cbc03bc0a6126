package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/superset"
)

// TestVersionTableIsCurrent writes into the page about Superset what each version
// lacks, by kind, as the connector's rule table has it.
func TestVersionTableIsCurrent(t *testing.T) {
	lines, lacks := superset.Versions()
	var b strings.Builder
	b.WriteString("\n| kind |")
	for _, v := range lines {
		fmt.Fprintf(&b, " %s |", v)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(lines)) + "\n")
	for _, k := range superset.Kinds() {
		fmt.Fprintf(&b, "| %s |", k)
		for _, v := range lines {
			var without, unseen []string
			for _, l := range lacks {
				switch {
				case l.Kind != k:
				case slices.Compare(numbers(v), numbers(l.Taken)) < 0 && l.Path == "":
					without = append(without, "any")
				case slices.Compare(numbers(v), numbers(l.Taken)) < 0:
					without = append(without, "`"+l.Path+"`")
				case slices.Compare(numbers(v), numbers(l.Shown)) < 0:
					unseen = append(unseen, "`"+l.Path+"`")
				}
			}
			fmt.Fprintf(&b, " %s |", versionCell(without, unseen))
		}
		b.WriteString("\n")
	}
	section(t, "superset.md", "versions", b.String()+"\n")
}

func versionCell(without, unseen []string) string {
	var parts []string
	if len(without) > 0 {
		parts = append(parts, "without "+strings.Join(without, ", "))
	}
	if len(unseen) > 0 {
		parts = append(parts, "writes, but does not show "+strings.Join(unseen, ", "))
	}
	if len(parts) == 0 {
		return "all"
	}
	return strings.Join(parts, "; ")
}

// numbers are the first two of a version, 0 and 0 for none.
func numbers(version string) []int {
	out := []int{0, 0}
	_, _ = fmt.Sscanf(version, "%d.%d", &out[0], &out[1])
	return out
}
