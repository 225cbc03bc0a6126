package main

import (
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
	syncer "github.com/dashkeep/dashkeep/sync"
)

// kindReport is the JSON form of a kind that is not read, or in part only.
type kindReport struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
	Why    string `json:"why"`
}

// reasonWord names a reason in JSON.
func reasonWord(r asset.KindReason) string {
	switch r {
	case asset.NotThere:
		return "absent"
	case asset.NotChosen:
		return "not selected"
	case asset.InPart:
		return "in part"
	case asset.Pieces:
		return "pieces"
	}
	return "forbidden"
}

func kindReports(kinds []asset.KindError) []kindReport {
	var out []kindReport
	for _, k := range kinds {
		out = append(out, kindReport{Kind: string(k.Kind), Reason: reasonWord(k.Reason), Why: k.Why})
	}
	return out
}

// printNotRead says which kinds the account is not shown, those with one reason
// in one line. What nobody can miss is only told with --verbose.
func (a *app) printNotRead(kinds []asset.KindError) {
	type line struct{ verb, why string }
	var lines []line
	names := map[line][]string{}
	for _, k := range kinds {
		l := line{"not read", k.Why}
		switch k.Reason {
		case asset.InPart:
			l.verb = "read in part"
		case asset.NotThere, asset.NotChosen, asset.Pieces:
			if !a.verbose {
				continue
			}
		}
		if names[l] == nil {
			lines = append(lines, l)
		}
		names[l] = append(names[l], k.Kind.Plural())
	}
	for _, l := range lines {
		a.printf("%s %s: %s\n", a.paint(yellow, l.verb+":"), strings.Join(names[l], ", "), oneLine(l.why))
	}
}

// printHidden lists what Git has and the account is not shown.
func (a *app) printHidden(hidden []syncer.Failure) {
	a.printSome("not shown:", hidden)
	if len(hidden) > 0 {
		a.printf("  They stay in Git as they are. To keep them up to date, give the account the right to see them (dashkeep check); to let them go, delete their files in Git.\n")
	}
}

// printBroken lists what is kept and cannot be put back as it is.
func (a *app) printBroken(broken []syncer.Failure) { a.printSome("broken:", broken) }

// printSome lists assets, a line each, and of many the first only.
func (a *app) printSome(label string, list []syncer.Failure) {
	for i, f := range list {
		if i == maxListed {
			a.printf("%s %d more (--output json lists all)\n", a.paint(yellow, label), len(list)-i)
			break
		}
		a.printf("%s %s\n", a.paint(yellow, label), failureLine(f))
	}
}
