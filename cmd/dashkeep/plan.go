package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/diff"
	"github.com/dashkeep/dashkeep/internal/merge"
	"github.com/dashkeep/dashkeep/internal/summary"
	syncer "github.com/dashkeep/dashkeep/sync"
)

// planFlags are the choices plan and apply share.
type planFlags struct {
	rev       string
	selects   []string
	overwrite string
	prune     bool
}

func (f *planFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.rev, "rev", "", "`revision` to bring to the server (default: the head of the followed branch)")
	c.Flags().StringArrayVar(&f.selects, "select", nil, "only these assets: kind:NAME, title:GLOB, tag:GLOB, owner:GLOB or kind:uid; repeatable")
	c.Flags().StringVar(&f.overwrite, "overwrite", "", "overrule the config's rules: if-unchanged, always or never")
	c.Flags().BoolVar(&f.prune, "prune", false, "delete on the server what was deleted in Git and is in the inventory (default: prune.enabled of the config)")
}

// pruning settles what the config or the command line says about deletions.
func (f *planFlags) pruning(c *cobra.Command, in *syncer.Instance) importer.Prune {
	if c.Flags().Changed("prune") {
		return importer.Prune{Enabled: f.prune}
	}
	return importer.Prune{Enabled: in.Prune.Enabled}
}

func (f *planFlags) policy() (importer.Policy, error) {
	var p importer.Policy
	if f.overwrite != "" {
		o, err := importer.ParseOverwrite(f.overwrite)
		if err != nil {
			return p, usageError{"--overwrite: " + err.Error()}
		}
		p.Force = o
	}
	sel, err := selection(f.selects)
	p.Select = sel
	return p, err
}

func (a *app) planCmd() *cobra.Command {
	var f planFlags
	var out string
	var detailed bool
	c := &cobra.Command{
		Use:   "plan INSTANCE",
		Short: "Show what Git would change on the server",
		Long: `Compares Git, the server and what both last had in common, value by value, and
shows what apply would do. Nothing is written to the server.`,
		Example: `  dashkeep plan prod
  dashkeep plan prod --out plan.json && dashkeep apply prod plan.json
  dashkeep plan prod --detailed-exitcode    exits 2 when changes are waiting`,
		Args: exactly(1, "one INSTANCE"),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := f.policy()
			if err != nil {
				return err
			}
			return a.plan(c, args[0], &f, p, out, detailed)
		},
	}
	f.add(c)
	c.Flags().StringVar(&out, "out", "", "write the plan to `file` for apply")
	c.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 when changes are waiting")
	return c
}

func (a *app) plan(c *cobra.Command, name string, f *planFlags, p importer.Policy, out string, detailed bool) error {
	ctx := c.Context()
	s, err := a.open(ctx, []string{name}, false)
	if err != nil {
		return err
	}
	defer s.close()
	p.Prune = f.pruning(c, s.asked[0])
	plan, run, err := s.engine.Plan(ctx, name, f.rev, p)
	if err != nil {
		return err
	}
	if out != "" {
		data, err := importer.EncodePlan(plan, time.Now())
		if err != nil {
			return err
		}
		if err := os.WriteFile(out, data, 0o600); err != nil {
			return fmt.Errorf("writing the plan: %w", err)
		}
	}
	if err := a.showPlan(plan, run, true); err != nil {
		return err
	}
	code := planCode(plan, run)
	if code == exitOK && detailed && len(plan.Levels()) > 0 {
		code = exitChanges
	}
	if code != exitOK {
		return codeError{code: code}
	}
	return nil
}

func planCode(plan *importer.Plan, run *syncer.Run) int {
	code := run.Code()
	for _, c := range plan.Changes {
		if len(c.Conflicts) > 0 && c.Skip == "" {
			code = worst(code, exitConflict)
		}
	}
	return code
}

// planReport is the JSON form of a plan on stdout.
type planReport struct {
	SchemaVersion int            `json:"schema_version"`
	Instance      string         `json:"instance"`
	Revision      string         `json:"revision"`
	Changes       []changeReport `json:"changes"`
	Held          string         `json:"held,omitempty"`
	Warnings      []string       `json:"warnings,omitempty"`
	Failures      []assetReport  `json:"failures,omitempty"`
	Accepted      []assetReport  `json:"accepted,omitempty"`
	NotRead       []kindReport   `json:"not_read,omitempty"`
}

type changeReport struct {
	Action    string        `json:"action"`
	ID        string        `json:"id"`
	Title     string        `json:"title"`
	Path      string        `json:"path,omitempty"`
	Applies   bool          `json:"applies"`
	Skip      string        `json:"skip,omitempty"`
	Changes   []valueReport `json:"changes,omitempty"`
	Conflicts any           `json:"conflicts,omitempty"`
	Decided   any           `json:"decided,omitempty"`
	Diff      string        `json:"diff,omitempty"`
}

// showPlan prints a plan: each change in words, with its diff when asked for.
func (a *app) showPlan(plan *importer.Plan, run *syncer.Run, diffs bool) error {
	if a.output == "json" {
		r := planReport{SchemaVersion: jsonVersion, Instance: plan.Instance, Revision: plan.Revision, Changes: []changeReport{}, Held: plan.Held, Warnings: run.Warnings}
		for _, c := range plan.Changes {
			r.Changes = append(r.Changes, changeReport{
				Action: c.Action.String(), ID: c.ID.String(), Title: c.Title(), Path: pathOf(c), Applies: c.Applies(), Skip: c.Skip,
				Changes: values(c.Compared()), Conflicts: conflictsOf(c.Conflicts), Decided: conflictsOf(c.Decided), Diff: diffOf(c),
			})
		}
		for _, f := range run.Failures {
			r.Failures = append(r.Failures, failureReport(f))
		}
		for _, f := range run.Accepted {
			r.Accepted = append(r.Accepted, failureReport(f))
		}
		r.NotRead = kindReports(run.NotRead)
		return a.printJSON(r)
	}
	var created []asset.Kind
	for _, c := range plan.Changes {
		if c.Action == importer.Create && c.Applies() {
			created = append(created, c.ID.Kind)
		}
	}
	for _, c := range plan.Changes {
		if c.Action != importer.Create || !c.Applies() || len(created) <= maxListed {
			a.printChange(c, diffs)
		}
	}
	if len(created) > maxListed {
		a.printf("%s %s\n", a.paint(green, "+"), kindCounts(created))
	}
	a.printProblems(run)
	if plan.Held != "" {
		a.printf("%s %s\n", a.paint(red, "held:"), oneLine(plan.Held))
	}
	a.printf("%s\n", planLine(plan))
	return nil
}

// planLine counts a plan in one line.
func planLine(plan *importer.Plan) string {
	count := map[string]int{}
	for _, c := range plan.Changes {
		switch {
		case c.Skip != "":
			count["skipped"]++
		case len(c.Conflicts) > 0:
			count["conflict"]++
		default:
			count[c.Action.String()]++
		}
	}
	var parts []string
	for _, k := range []string{"create", "update", "delete"} {
		if n := count[k]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", n, k))
		}
	}
	if n := count["conflict"]; n > 0 {
		parts = append(parts, plural(n, "conflict"))
	}
	if n := count["skipped"]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d skipped", n))
	}
	if len(parts) == 0 && plan.Undoes != "" {
		return fmt.Sprintf("%s: nothing to do, the server has what it had before run %s", plan.Instance, plan.Undoes)
	}
	if plan.Undoes != "" {
		return fmt.Sprintf("%s: %s (as before run %s)", plan.Instance, strings.Join(parts, ", "), plan.Undoes)
	}
	if len(parts) == 0 {
		return fmt.Sprintf("%s: nothing to do, the server has what Git says (%s)", plan.Instance, shortRev(plan.Revision))
	}
	return fmt.Sprintf("%s: %s (Git at %s)", plan.Instance, strings.Join(parts, ", "), shortRev(plan.Revision))
}

func (a *app) printChange(c importer.Change, diffs bool) {
	mark, colour := map[importer.Action]string{importer.Create: "+", importer.Update: "~", importer.Delete: "-"}[c.Action], yellow
	switch {
	case c.Skip != "":
		mark, colour = "·", dim
	case len(c.Conflicts) > 0:
		mark, colour = "!", red
	case c.Action == importer.Create:
		colour = green
	case c.Action == importer.Delete:
		colour = red
	}
	a.printf("%s %s %s\n", a.paint(colour, mark), a.paint(bold, oneLine(c.Title())), a.paint(dim, c.ID.String()))
	if c.Skip != "" {
		a.printf("    skipped: %s\n", oneLine(c.Skip))
		return
	}
	if len(c.Conflicts) > 0 && c.Action == importer.Delete {
		a.printf("    deleted in Git, but changed on the server since both last agreed\n")
		for _, v := range c.Conflicts {
			a.printf("    %s: %s → %s\n", v.Path, shown(v.Base), shown(v.Theirs))
		}
		return
	}
	a.printValues(c.Conflicts, "    both sides moved ")
	a.printValues(c.Decided, "    both sides moved, decided by its rule: ")
	if len(c.Conflicts) > 0 || c.Action != importer.Update {
		return
	}
	for _, ch := range summary.Changes(c.Compared()) {
		a.printf("    %s\n", changeLine(ch))
	}
	if diffs {
		a.printf("%s", indent(a.paintDiff(diff.Display(diffOf(c))), "    "))
	}
}

// changeLine says one changed value in words.
func changeLine(c summary.Change) string {
	switch c.Kind {
	case summary.Added:
		return fmt.Sprintf("%s: added %s", c.Path, c.New)
	case summary.Removed:
		return fmt.Sprintf("%s: removed %s", c.Path, c.Old)
	case summary.Moved:
		return c.Path + ": order changed"
	}
	return fmt.Sprintf("%s: %s → %s", c.Path, c.Old, c.New)
}

func diffOf(c importer.Change) string {
	if c.Action != importer.Update || len(c.Conflicts) > 0 || c.Before == nil || c.After == nil {
		return ""
	}
	name := pathOf(c)
	before, after := c.Compared()
	return diff.Unified(name, name, before, after, 3)
}

func pathOf(c importer.Change) string {
	if c.After != nil && c.After.Path != "" {
		return c.After.Path
	}
	return c.ID.String()
}

func conflictsOf(list []merge.Conflict) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

func indent(s, by string) string {
	if s == "" {
		return ""
	}
	return by + strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n"+by) + "\n"
}
