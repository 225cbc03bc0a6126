package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dashkeep/dashkeep/importer"
	syncer "github.com/dashkeep/dashkeep/sync"
)

func (a *app) undoCmd() *cobra.Command {
	var instance, overwrite string
	c := &cobra.Command{
		Use:   "undo [RUN]",
		Short: "Put back what a run replaced on the server",
		Long: `Before a run writes to a server it keeps what was there. This puts it back: what
the run changed is changed back, what it created is deleted, what it deleted is
created, and everything is read back and compared. It works for runs that failed
half way or were killed, and for an undo. What people did on the server since
stays; where it collides the asset is left alone and shown, unless --overwrite
always. Without a RUN the last one that wrote is undone. Git stays where it is;
the next pull commits the outcome.`,
		Example: `  dashkeep runs
  dashkeep undo
  dashkeep undo 20260301T091500Z-3fa1c2 --yes`,
		Args: between(0, 1, "at most one RUN"),
		RunE: func(c *cobra.Command, args []string) error {
			o := importer.IfUnchanged
			if overwrite != "" {
				var err error
				if o, err = importer.ParseOverwrite(overwrite); err != nil || o == importer.Never {
					return usageError{"--overwrite: use if-unchanged or always"}
				}
			}
			return a.undo(c.Context(), strings.Join(args, ""), instance, o)
		},
	}
	c.Flags().StringVar(&instance, "instance", "", "the last run on this `instance`")
	c.Flags().StringVar(&overwrite, "overwrite", "", "always: also where people edited since; the default is if-unchanged")
	return c
}

func (a *app) undo(ctx context.Context, id, instance string, overwrite importer.Overwrite) error {
	var names []string
	if instance != "" {
		names = []string{instance}
	}
	s, err := a.openRepo(ctx, names, false)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.engine.FetchOwn(ctx); err != nil {
		return err
	}
	b, err := s.engine.FindBackup(id, s.asked)
	if err != nil {
		return err
	}
	in, err := s.engine.Instance(b.Instance)
	if err != nil {
		return err
	}
	if in.Direction == syncer.PullOnly {
		return &syncer.PullOnlyError{Instance: in.Name}
	}
	if err := s.connect(in); err != nil {
		return err
	}
	plan, planned, err := s.engine.PlanUndo(ctx, b, overwrite)
	if err != nil {
		return err
	}
	if a.output == "text" {
		a.printf("undo of %s %s on %s (%s)\n", b.Op, b.Run, b.Instance, b.Started.Format(time.RFC3339))
	}
	return a.carryOut(ctx, s, plan, planned, func(ctx context.Context, p *importer.Plan, progress func(importer.Done)) (*syncer.Run, error) {
		return s.engine.Undo(ctx, b, p, progress)
	}, afterwards{})
}

func (a *app) runsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "runs [INSTANCE...]",
		Short: "List the runs that wrote to a server, which undo can take back",
		Long: `Lists what was applied, restored and undone, the newest first, as long as the
state before it is kept (backups: in the config). A run without an end was
killed; undo puts back what it got done.`,
		Example: `  dashkeep runs
  dashkeep runs prod --output json`,
		RunE: func(c *cobra.Command, args []string) error { return a.runs(c.Context(), args) },
	}
}

// writeReport is the JSON form of a run that wrote.
type writeReport struct {
	Run      string        `json:"run"`
	Op       string        `json:"op"`
	Instance string        `json:"instance"`
	Started  time.Time     `json:"started"`
	Ended    bool          `json:"ended"`
	Revision string        `json:"revision,omitempty"`
	Undoes   string        `json:"undoes,omitempty"`
	UndoneBy string        `json:"undone_by,omitempty"`
	Backup   string        `json:"backup"`
	Assets   []assetReport `json:"assets"`
}

func (a *app) runs(ctx context.Context, names []string) error {
	s, err := a.openRepo(ctx, names, true)
	if err != nil {
		return err
	}
	defer s.close()
	reports := []writeReport{}
	for _, in := range s.asked {
		all, err := s.engine.Backups(in.Name)
		if err != nil {
			return err
		}
		undone := map[string]string{}
		for _, b := range all {
			if b.Undoes != "" && undone[b.Undoes] == "" {
				undone[b.Undoes] = b.Run
			}
			r := writeReport{Run: b.Run, Op: b.Op, Instance: b.Instance, Started: b.Started, Ended: b.Ended, Revision: b.Revision,
				Undoes: b.Undoes, UndoneBy: undone[b.Run], Backup: b.Ref(), Assets: []assetReport{}}
			for _, c := range b.Changes {
				r.Assets = append(r.Assets, assetReport{ID: c.ID, Title: c.Title, Action: c.Action, Error: c.Error})
			}
			reports = append(reports, r)
		}
	}
	slices.SortStableFunc(reports, func(a, b writeReport) int { return b.Started.Compare(a.Started) })
	if a.output == "json" {
		return a.printJSON(map[string]any{"schema_version": jsonVersion, "runs": reports})
	}
	for _, r := range reports {
		a.printf("%s  %s %s: %s\n", r.Run, r.Op, r.Instance, runWords(r))
	}
	if len(reports) == 0 {
		a.printf("no run has written to a server yet\n")
	}
	return nil
}

func runWords(r writeReport) string {
	count, failed := map[string]int{}, 0
	for _, x := range r.Assets {
		count[x.Action]++
		if x.Error != "" {
			failed++
		}
	}
	var parts []string
	for _, w := range []struct{ action, done string }{{"create", "created"}, {"update", "changed"}, {"delete", "deleted"}} {
		if n := count[w.action]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, w.done))
		}
	}
	text := strings.Join(parts, ", ")
	if failed > 0 {
		text += fmt.Sprintf(", %d of them failed", failed)
	}
	if !r.Ended {
		text = "killed before its end: " + text + " at most"
	}
	if r.Undoes != "" {
		text += "; undoes " + r.Undoes
	}
	if r.UndoneBy != "" {
		text += "; undone by " + r.UndoneBy
	}
	return text
}
