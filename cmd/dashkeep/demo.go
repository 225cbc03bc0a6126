package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/dashkeep/dashkeep/internal/demo"
)

func (a *app) demoCmd() *cobra.Command {
	var o demo.Options
	c := &cobra.Command{
		Use:   "demo",
		Short: "The whole story in seconds, on embedded parts",
		Long: `Starts a simulated Superset filled with real content and a bare Git remote, then
runs dashkeep's own commands: pull, an edit by somebody in the server, pull, an
edit in Git, plan, apply, disaster (the server is wiped and the brake holds),
restore, verified equal. Needs nothing but git.`,
		Example: "  dashkeep demo\n  dashkeep demo --dir ./try --serve",
		Args:    exactly(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			o.Out = a.out
			o.Style = a.narrate
			o.Run = func(ctx context.Context, args ...string) int {
				inner := newApp(a.in, a.out, a.err)
				inner.noColor, inner.rate = a.noColor, -1 // nobody else uses the demo's server
				return inner.execute(ctx, args)
			}
			return demo.Run(c.Context(), o)
		},
	}
	c.Flags().StringVar(&o.Dir, "dir", "", "play in this `folder` (default: a new temporary one)")
	c.Flags().BoolVar(&o.Keep, "keep", true, "leave the folder when the story is told")
	c.Flags().BoolVar(&o.Serve, "serve", false, "keep the simulated server up afterwards, until Ctrl-C")
	return c
}

func (a *app) narrate(l demo.Line, text string) string {
	switch l {
	case demo.Heading:
		return a.paint(bold, text)
	case demo.Command:
		return a.paint(cyan, text)
	}
	return a.paint(dim, text)
}
