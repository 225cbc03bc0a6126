package main

import (
	"context"

	"github.com/spf13/cobra"

	syncer "github.com/dashkeep/dashkeep/sync"
)

func (a *app) restoreCmd() *cobra.Command {
	var o syncer.RestoreOptions
	var selects []string
	var w afterwards
	c := &cobra.Command{
		Use:   "restore INSTANCE --at REV",
		Short: "Put an old state back on the server",
		Long: `Makes the server become what Git held at a revision: what is missing is created,
what differs is replaced, and everything is read back and compared. What the
server has on top is left alone, or with --prune deleted as far as dashkeep
created it or was told to manage it. Git's head stays where it is; the next pull
commits the outcome. With --to the content goes to another instance, which may
be empty: database passwords come from its secrets: in the config. An instance
with direction: pull is never written.`,
		Example: `  dashkeep restore prod --at HEAD
  dashkeep restore prod --at 3f2a1c9 --select 'title:Sales*'
  dashkeep restore prod --at HEAD --to standby --yes`,
		Args: exactly(1, "one INSTANCE"),
		RunE: func(c *cobra.Command, args []string) error {
			if o.At == "" {
				return usageError{"say which state to put back: --at HEAD, or a commit, branch or tag"}
			}
			sel, err := selection(selects)
			if err != nil {
				return err
			}
			o.Select = sel
			return a.restore(c.Context(), args[0], o, w)
		},
	}
	c.Flags().StringVar(&o.At, "at", "", "`revision` to put back")
	c.Flags().StringVar(&o.To, "to", "", "write to this `instance` instead")
	c.Flags().BoolVar(&o.Prune, "prune", false, "delete what is in the inventory and not in the revision")
	c.Flags().StringArrayVar(&selects, "select", nil, "only these assets: kind:NAME, title:GLOB, tag:GLOB, owner:GLOB or kind:uid; repeatable")
	w.add(c)
	return c
}

func (a *app) restore(ctx context.Context, name string, o syncer.RestoreOptions, w afterwards) error {
	names := []string{name}
	if o.To != "" && o.To != name {
		names = append(names, o.To)
	}
	s, err := a.open(ctx, names, false)
	if err != nil {
		return err
	}
	defer s.close()
	if target := s.asked[len(s.asked)-1]; target.Direction == syncer.PullOnly {
		return &syncer.PullOnlyError{Instance: target.Name}
	}
	plan, run, err := s.engine.PlanRestore(ctx, name, o)
	if err != nil {
		return err
	}
	return a.carryOut(ctx, s, plan, run, s.engine.Restore, w)
}
