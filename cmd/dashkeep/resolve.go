package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/dashkeep/dashkeep/importer"
	syncer "github.com/dashkeep/dashkeep/sync"
)

func (a *app) resolveCmd() *cobra.Command {
	var take string
	c := &cobra.Command{
		Use:   "resolve ASSET --take git|live|FILE",
		Short: "End the conflict of an asset: say whose values count",
		Long: `Where Git and the server changed the same value, pull and apply leave the asset
alone and show both. This ends it. With git, Git's values stay, and the next
apply writes them. With live, the server's values come to Git as a commit. With
a FILE, its content comes to Git, and the next apply writes it. What only one
side changed is merged as ever; the server is not written.

ASSET is [INSTANCE/]KIND:UID, also the beginning of a uid, KIND:"TITLE", or the
path of its file.`,
		Example: `  dashkeep resolve chart:7b12a243 --take git
  dashkeep resolve 'prod/dashboard:"Sales Dashboard"' --take live
  dashkeep resolve prod/charts/total-revenue.7b12a243.yaml --take merged.yaml`,
		Args: exactly(1, "one ASSET"),
		RunE: func(c *cobra.Command, args []string) error {
			if take == "" {
				return usageError{"say whose values count: --take git, --take live, or --take FILE"}
			}
			return a.resolve(c.Context(), args[0], take)
		},
	}
	c.Flags().StringVar(&take, "take", "", "whose values count: git, live or the content of a `file`")
	return c
}

func (a *app) resolve(ctx context.Context, text, side string) error {
	take := syncer.Take{Side: importer.OnConflict(side)}
	if take.Side != importer.Git && take.Side != importer.Live {
		data, err := os.ReadFile(side)
		if err != nil {
			return usageError{"--take is git, live or a file: " + err.Error()}
		}
		take = syncer.Take{File: data, Name: side}
	}
	s, found, err := a.openAsset(ctx, text)
	if err != nil {
		return err
	}
	defer s.close()
	run, err := s.engine.Resolve(ctx, found, take)
	s.ticker.clear()
	if err != nil {
		return err
	}
	ended := run.Conflicts
	run.Conflicts = nil // they are over
	code := run.Code()
	if a.output == "json" {
		r := reportOf(run, code, nil)
		r.Resolved = conflictReports(ended)
		if err := a.printJSON(r); err != nil {
			return err
		}
		return codeOf(code)
	}
	a.printResolved(run, found, ended, take)
	return codeOf(code)
}

// openAsset opens the repository, finds the asset a person named, and connects its
// instance.
func (a *app) openAsset(ctx context.Context, text string) (*session, syncer.Found, error) {
	s, err := a.openRepo(ctx, nil, false)
	if err != nil {
		return nil, syncer.Found{}, err
	}
	found, err := s.engine.FindAsset(text, s.engine.Instances)
	if err == nil {
		err = s.connect(found.Instance)
	}
	if err != nil {
		s.close()
		return nil, found, err
	}
	return s, found, nil
}

func (a *app) printResolved(run *syncer.Run, f syncer.Found, ended []syncer.Conflict, take syncer.Take) {
	for _, w := range run.Warnings {
		a.printf("%s %s\n", a.paint(yellow, "warning:"), oneLine(w))
	}
	for _, p := range run.Pulled {
		a.printPulled(p)
	}
	switch {
	case len(ended) == 0 && len(run.Pulled) == 0:
		a.printf("%s %q is not in conflict: nothing to do\n", f.Info.ID, oneLine(f.Info.Title))
	case take.Side == importer.Live:
		a.printf("%s %q: the server's values are in Git\n", f.Info.ID, oneLine(f.Info.Title))
	default:
		a.printf("%s %q: Git's values count; the next apply writes them: dashkeep apply %s\n", f.Info.ID, oneLine(f.Info.Title), f.Instance.Name)
	}
}
