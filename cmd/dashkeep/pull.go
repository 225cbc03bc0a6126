package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/repo"
	syncer "github.com/dashkeep/dashkeep/sync"
)

func (a *app) pullCmd() *cobra.Command {
	var o syncer.PullOptions
	c := &cobra.Command{
		Use:   "pull [INSTANCE...]",
		Short: "Bring what people did on the server to Git",
		Long: `Reads each instance (default: all), writes what changed as canonical YAML,
commits one commit per editor and pushes. The first pull is one baseline commit.
Where the server can tell what has changed, only that is read; everything is
read when full_pull is due (a day after the last time), and with --full.
An asset is taken out of Git only after a complete read that shows it is gone;
when too much is gone or changed, the brake holds and nothing is committed.`,
		Example: `  dashkeep pull
  dashkeep pull prod --dry-run
  dashkeep pull prod --full         trust no change time
  dashkeep pull prod --accept       take over what the brake held`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.pull(c.Context(), args, o)
		},
	}
	c.Flags().BoolVar(&o.Accept, "accept", false, "go on although the pull brake holds")
	c.Flags().BoolVar(&o.Full, "full", false, "read everything, not only what the server says has changed")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "show what would be committed and change nothing")
	return c
}

// pull runs over the instances one after the other; one that fails never stops
// another.
func (a *app) pull(ctx context.Context, names []string, o syncer.PullOptions) error {
	s, err := a.open(ctx, names, false)
	if err != nil {
		return err
	}
	defer s.close()
	reports := []runReport{}
	var errs []error
	var codes []int
	for _, in := range s.asked {
		run, err := s.engine.Pull(ctx, in.Name, o)
		code := exitCode(ctx, err)
		if err == nil {
			code = run.Code()
		}
		codes = append(codes, code)
		errs = append(errs, err)
		if run == nil {
			continue
		}
		if a.output == "json" {
			reports = append(reports, reportOf(run, code, err))
			continue
		}
		a.printPull(run, o, err)
	}
	if a.output == "json" {
		if err := a.printJSON(map[string]any{"schema_version": jsonVersion, "runs": reports}); err != nil {
			return err
		}
	}
	s.engine.Tidy(ctx, repo.CompactQuickly) // what was pulled is told by now
	return a.together(errs, codes)
}

// together is the outcome of several instances: the error itself when there was
// one instance, else a code over all of them, the errors printed one by one.
func (a *app) together(errs []error, codes []int) error {
	if len(errs) == 1 {
		if errs[0] == nil && codes[0] != exitOK {
			return codeError{code: codes[0]}
		}
		return errs[0]
	}
	failed, logins := 0, 0
	for _, err := range errs {
		if err == nil {
			continue
		}
		failed++
		var login *platform.LoginError
		if errors.As(err, &login) {
			logins++
		}
		fmt.Fprintf(a.err, "dashkeep: %s\n", a.redactor.Scrub(safeText(err.Error())))
	}
	code := worst(codes...)
	switch {
	case failed == 0:
	case logins == len(errs):
		code = exitLogin
	case failed < len(errs):
		code = exitPartial
	default:
		code = worst(codes...)
	}
	if code == exitOK {
		return nil
	}
	return codeError{code: code}
}

func (a *app) printPull(run *syncer.Run, o syncer.PullOptions, err error) {
	a.printProblems(run)
	switch {
	case err != nil:
		return // printed as the error
	case run.Held != nil:
		a.printf("%s %s\n", a.paint(red, "held:"), oneLine(run.Held.Error()))
		return
	}
	var added []asset.Kind
	for _, p := range run.Pulled {
		if p.Action == "added" {
			added = append(added, p.Info.ID.Kind)
		}
	}
	for _, p := range run.Pulled {
		if p.Action != "added" || len(added) <= maxListed {
			a.printPulled(p)
		}
	}
	if len(added) > maxListed {
		a.printf("%s %s\n", a.paint(green, "+"), kindCounts(added))
	}
	a.printNotes(run)
	switch {
	case len(run.Pulled) == 0:
		a.printf("%s: nothing changed\n", run.Instance)
	case o.DryRun:
		a.printf("%s: would change %s\n", run.Instance, plural(len(run.Pulled), "file"))
	default:
		pushed := ""
		if run.Pushed {
			pushed = ", pushed"
		}
		a.printf("%s: %s in %s%s (%s)\n", run.Instance, plural(len(run.Pulled), "file"), plural(run.Commits, "commit"), pushed, shortRev(string(run.Revision)))
	}
}

// printNotes says what people may want to know of the assets that changed in
// Git: references to nothing, secrets that were masked.
func (a *app) printNotes(run *syncer.Run) {
	changed := map[asset.ID]bool{}
	for _, p := range run.Pulled {
		changed[p.Info.ID] = p.Action != "removed"
	}
	n := 0
	for _, note := range run.Notes {
		if !changed[note.ID] {
			continue
		}
		n++
		if a.verbose {
			a.printf("note: %s %s: %s\n", note.ID, note.Path, oneLine(note.Text))
		}
	}
	if n > 0 && !a.verbose {
		a.printf("%s: %s on what was read (references to nothing, masked secrets): --verbose lists them\n", run.Instance, plural(n, "note"))
	}
}

// maxListed is how many new assets are listed one by one; a first pull or a
// restore has hundreds, and --output json has them all.
const maxListed = 10

// kindCounts says how many of which kind: "102 charts, 9 dashboards".
func kindCounts(kinds []asset.Kind) string {
	count := map[asset.Kind]int{}
	for _, k := range kinds {
		count[k]++
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(count)) {
		if count[k] == 1 {
			parts = append(parts, "1 "+string(k))
		} else {
			parts = append(parts, fmt.Sprintf("%d %s", count[k], k.Plural()))
		}
	}
	return strings.Join(parts, ", ")
}

func (a *app) printPulled(p syncer.Pulled) {
	mark, colour := "~", yellow
	switch p.Action {
	case "added":
		mark, colour = "+", green
	case "removed":
		mark, colour = "-", red
	}
	a.printf("%s %s\n", a.paint(colour, mark), oneLine(p.Path))
}

func shortRev(rev string) string {
	if len(rev) > 10 {
		return rev[:10]
	}
	return rev
}
