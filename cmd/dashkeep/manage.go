package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dashkeep/dashkeep/internal/asset"
	syncer "github.com/dashkeep/dashkeep/sync"
)

func (a *app) manageCmd() *cobra.Command {
	return a.inventoryCmd(&cobra.Command{
		Use:   "manage [INSTANCE]",
		Short: "Take assets into the inventory, so that prune may delete them",
		Long: `The inventory is what prune may delete on the server once Git no longer has it:
what apply or restore created there, and what this command takes in. Nothing is
written to the server, and nothing is deleted now. INSTANCE can be left out when
the config has just one. It is kept in refs/dashkeep/inventory and pushed.`,
		Example: `  dashkeep manage prod --select 'tag:team-finance'
  dashkeep manage prod --select chart:c3d643cd-8d3f-4f8b-9a1b-2a1d3c0f9a11`,
	}, "took %s into the inventory of %s", (*syncer.Engine).Manage)
}

func (a *app) releaseCmd() *cobra.Command {
	return a.inventoryCmd(&cobra.Command{
		Use:   "release [INSTANCE]",
		Short: "Take assets out of the inventory, so that prune leaves them alone",
		Long: `Undoes manage, and holds for what dashkeep created as well: what is not in the
inventory stays on the server when it is deleted in Git. Without --select the
whole inventory is released, and the server is not asked.`,
		Example: `  dashkeep release prod --select 'title:Board report*'
  dashkeep release prod`,
	}, "took %s out of the inventory of %s", (*syncer.Engine).Release)
}

type inventoryChange func(*syncer.Engine, context.Context, string, func(asset.Info) bool) (*syncer.Run, error)

// inventoryCmd completes manage and release, which differ in what they do only.
func (a *app) inventoryCmd(c *cobra.Command, done string, change inventoryChange) *cobra.Command {
	var selects []string
	c.Args = between(0, 1, "at most one INSTANCE")
	c.RunE = func(c *cobra.Command, args []string) error {
		sel, err := selection(selects)
		if err != nil {
			return err
		}
		return a.inventory(c.Context(), strings.Join(args, ""), sel, done, change)
	}
	c.Flags().StringArrayVar(&selects, "select", nil, "only these assets: kind:NAME, title:GLOB, tag:GLOB, owner:GLOB or kind:uid; repeatable")
	return c
}

func (a *app) inventory(ctx context.Context, name string, sel func(asset.Info) bool, done string, change inventoryChange) error {
	var names []string
	if name != "" {
		names = []string{name}
	}
	s, err := a.open(ctx, names, false)
	if err != nil {
		return err
	}
	defer s.close()
	if len(s.asked) != 1 {
		var known []string
		for _, in := range s.asked {
			known = append(known, in.Name)
		}
		return usageError{"say which instance: " + strings.Join(known, ", ")}
	}
	run, err := change(s.engine, ctx, s.asked[0].Name, sel)
	s.ticker.clear()
	if err != nil {
		return err
	}
	code := run.Code()
	if a.output == "json" {
		r := reportOf(run, code, nil)
		r.Managed = &run.Managed
		if err := a.printJSON(r); err != nil {
			return err
		}
		return codeOf(code)
	}
	for _, info := range run.Inventory {
		a.printf("%s %s %s\n", a.paint(yellow, map[string]string{"manage": "+", "release": "-"}[run.Op]), oneLine(info.Title), a.paint(dim, info.ID.String()))
	}
	a.printProblems(run)
	if len(run.Inventory) == 0 {
		a.printf("%s: nothing changed, the inventory has %s\n", run.Instance, plural(run.Managed, "asset"))
	} else {
		a.printf("%s; it has %s now\n", fmt.Sprintf(done, plural(len(run.Inventory), "asset"), run.Instance), plural(run.Managed, "asset"))
	}
	return codeOf(code)
}
