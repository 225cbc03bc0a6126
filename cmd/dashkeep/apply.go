package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/dashkeep/dashkeep/importer"
	syncer "github.com/dashkeep/dashkeep/sync"
)

func (a *app) applyCmd() *cobra.Command {
	var f planFlags
	var w afterwards
	c := &cobra.Command{
		Use:   "apply INSTANCE [PLANFILE]",
		Short: "Bring what Git says to the server, and check that it took it",
		Long: `Shows the plan, asks, keeps a pre-image of everything it touches, writes in
dependency order, exports what it wrote again and compares. A plan file is
applied exactly, or refused when one of its assets changed since.

What was deleted in Git is deleted on the server only with --prune, or where the
config says prune: {enabled: true}; and then only what is in the inventory: what
dashkeep created there, or was told to manage.`,
		Example: `  dashkeep apply prod
  dashkeep apply prod plan.json --yes
  dashkeep apply prod --refresh --verify-queries
  dashkeep apply prod --select 'title:Sales*' --overwrite always
  dashkeep apply prod --prune`,
		Args: between(1, 2, "INSTANCE and at most one PLANFILE"),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := f.policy()
			if err != nil {
				return err
			}
			if len(args) == 2 {
				for _, name := range []string{"rev", "select", "overwrite", "prune"} {
					if c.Flags().Changed(name) {
						return usageError{fmt.Sprintf("--%s and a plan file exclude each other: the file is applied exactly", name)}
					}
				}
				return a.applyFile(c.Context(), args[0], args[1], w)
			}
			return a.apply(c, args[0], &f, p, w)
		},
	}
	f.add(c)
	w.add(c)
	return c
}

func (a *app) apply(c *cobra.Command, name string, f *planFlags, p importer.Policy, w afterwards) error {
	ctx := c.Context()
	s, err := a.open(ctx, []string{name}, false)
	if err != nil {
		return err
	}
	defer s.close()
	if s.asked[0].Direction == syncer.PullOnly {
		return &syncer.PullOnlyError{Instance: name}
	}
	p.Prune = f.pruning(c, s.asked[0])
	plan, run, err := s.engine.Plan(ctx, name, f.rev, p)
	if err != nil {
		return err
	}
	return a.carryOut(ctx, s, plan, run, s.engine.Apply, w)
}

func (a *app) applyFile(ctx context.Context, name, file string, w afterwards) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return usageError{err.Error()}
	}
	plan, err := importer.DecodePlan(data)
	if err != nil {
		return usageError{file + ": " + err.Error()}
	}
	if plan.Instance != name {
		return usageError{fmt.Sprintf("%s is a plan for instance %s, not for %s", file, plan.Instance, name)}
	}
	s, err := a.open(ctx, []string{name}, false)
	if err != nil {
		return err
	}
	defer s.close()
	return a.carryOut(ctx, s, plan, &syncer.Run{Instance: name, Held: syncer.HeldBy(plan)}, s.engine.Apply, w)
}

type applier func(context.Context, *importer.Plan, func(importer.Done)) (*syncer.Run, error)

// carryOut shows a plan, asks, applies it and reports.
func (a *app) carryOut(ctx context.Context, s *session, plan *importer.Plan, planned *syncer.Run, apply applier, w afterwards) error {
	writes, deletes := counts(plan)
	if a.output == "text" {
		if err := a.showPlan(plan, planned, false); err != nil {
			return err
		}
	}
	if writes+deletes == 0 {
		code := planCode(plan, planned)
		if a.output == "json" {
			if err := a.printJSON(reportOf(planned, code, nil)); err != nil {
				return err
			}
		}
		return codeOf(code)
	}
	if err := a.confirm(question(plan.Instance, writes, deletes)); err != nil {
		return err
	}
	done := 0
	run, err := apply(ctx, plan, func(d importer.Done) {
		done++
		s.ticker.show(syncer.Event{Instance: plan.Instance, Text: fmt.Sprintf("%s %s", d.Action, oneLine(d.Title())), Done: done, Total: writes + deletes})
	})
	s.ticker.clear()
	if run == nil || (err != nil && run.Outcome == nil) {
		return err
	}
	if err == nil {
		w.do(ctx, s.engine, run)
		s.ticker.clear()
	}
	code := worst(run.Code(), planCode(plan, planned), exitCode(ctx, err))
	run.Failures = append(planned.Failures, run.Failures...)
	run.Accepted, run.NotRead = append(planned.Accepted, run.Accepted...), planned.NotRead
	if a.output == "json" {
		if err := a.printJSON(reportOf(run, code, err)); err != nil {
			return err
		}
	} else {
		a.printOutcome(run)
	}
	if err != nil {
		return err
	}
	return codeOf(code)
}

// counts are the assets that a plan writes, and that it deletes.
func counts(plan *importer.Plan) (writes, deletes int) {
	for _, level := range plan.Levels() {
		for _, c := range level {
			if c.Action == importer.Delete {
				deletes++
			} else {
				writes++
			}
		}
	}
	return writes, deletes
}

func question(instance string, writes, deletes int) string {
	switch {
	case deletes == 0:
		return fmt.Sprintf("Write %s to %s?", plural(writes, "asset"), instance)
	case writes == 0:
		return fmt.Sprintf("Delete %s on %s?", plural(deletes, "asset"), instance)
	}
	return fmt.Sprintf("Write %s to %s and delete %d there?", plural(writes, "asset"), instance, deletes)
}

func codeOf(code int) error {
	if code == exitOK {
		return nil
	}
	return codeError{code: code}
}

func (a *app) printOutcome(run *syncer.Run) {
	verified, leftOut := map[bool]int{}, 0 // by whether it is a deletion
	for _, d := range run.Outcome.Done {
		switch {
		case d.Err != nil:
			a.printf("%s %s %s: %s\n", a.paint(red, "✗"), d.ID, oneLine(d.Title()), hanging(d.Err.Error()))
		case d.Verified:
			verified[d.Action == importer.Delete]++
		}
		if d.Kept != "" {
			a.printf("  deleted: %s %s: %s\n", d.ID, oneLine(d.Title()), oneLine(d.Kept))
		}
		leftOut += len(d.Omitted)
		for _, n := range d.Omitted {
			a.printf("  %s %s: %s: %s\n", a.paint(yellow, "left out"), d.ID, n.Path, oneLine(n.Text))
		}
		for _, p := range d.Unread {
			a.printf("  not verifiable: %s: %s\n", d.ID, p)
		}
	}
	for _, w := range run.Warnings {
		a.printf("%s %s\n", a.paint(yellow, "warning:"), oneLine(w))
	}
	line := outcomeLine(run, verified, leftOut)
	if verified[true]+verified[false] == len(run.Outcome.Done) && run.Code() == exitOK {
		a.printf("%s %s\n", a.paint(green, "✓"), line)
	} else {
		a.printf("%s %s\n", a.paint(red, "✗"), line)
	}
	a.printChecked(run)
	if run.Backup != "" {
		a.printf("  what was there before is kept at %s\n", run.Backup)
	}
}

// outcomeLine counts what was written, and what was deleted.
func outcomeLine(run *syncer.Run, verified map[bool]int, leftOut int) string {
	total := map[bool]int{}
	for _, d := range run.Outcome.Done {
		total[d.Action == importer.Delete]++
	}
	line := run.Instance + ": "
	if total[false] > 0 {
		line += fmt.Sprintf("%d of %s written, read back and equal", verified[false], plural(total[false], "asset"))
		if leftOut > 0 {
			line += fmt.Sprintf(" but for the %s left out above", plural(leftOut, "value"))
		}
	}
	if n := total[true]; n > 0 {
		if total[false] > 0 {
			line += "; "
		}
		line += fmt.Sprintf("%d of %s deleted and gone", verified[true], plural(n, "asset"))
	}
	return line
}
