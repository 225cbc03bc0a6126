package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/dashkeep/dashkeep/internal/asset"
	syncer "github.com/dashkeep/dashkeep/sync"
)

func (a *app) serveCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Pull every instance on its schedule until stopped",
		Long: `Pulls each instance that has a schedule, one run per instance at a time, and
with auto_apply brings commits from the followed branch to the server. Logs one
JSON line per run to stderr (text on a terminal). SIGTERM and Ctrl-C finish what
is in hand and stop; a second signal stops at once.`,
		Example: `  dashkeep serve --config /etc/dashkeep/dashkeep.yaml`,
		Args:    exactly(0, "no arguments"),
		RunE:    func(c *cobra.Command, _ []string) error { return a.serve(c.Context()) },
	}
}

func (a *app) serve(ctx context.Context) error {
	s, err := a.open(ctx, nil, false)
	if err != nil {
		return err
	}
	defer s.close()
	s.engine.Progress = nil
	for _, in := range s.engine.Instances {
		if in.Schedule != nil {
			s.log.Info("serving", "instance", in.Name, "schedule", s.cfg.Instance(in.Name).Schedule.String(), "direction", string(in.Direction), "auto_apply", in.AutoApply)
		}
	}
	err = s.engine.Serve(ctx, func(run *syncer.Run, err error) { logRun(s.log, run, err) })
	s.log.Info("stopped")
	return err
}

// logRun writes one line per run: what, where, how long, and each problem.
func logRun(log *slog.Logger, run *syncer.Run, err error) {
	if run == nil {
		log.Error("run failed", "error", err)
		return
	}
	log = log.With("run", run.ID, "op", run.Op, "instance", run.Instance)
	for _, w := range run.Warnings {
		log.Warn(w)
	}
	for _, f := range run.Failures {
		log.Error("asset failed", "asset", f.ID.String(), "title", f.Title, "path", f.Path, "error", f.Err)
	}
	for _, c := range run.Conflicts {
		log.Warn("conflict: Git and the server moved the same value", "asset", c.ID.String(), "title", c.Title, "path", c.Path)
	}
	for _, c := range run.Decided {
		log.Info("conflict decided by a rule", "asset", c.ID.String(), "title", c.Title, "path", c.Path, "winner", string(c.Winner))
	}
	for _, e := range run.Edits {
		log.Warn("edited on the server", "asset", e.Info.ID.String(), "title", e.Info.Title, "by", personOf(e.Info.UpdatedBy), "values", len(e.Values), "outcome", editWord(e))
	}
	for _, d := range run.Dirty {
		log.Warn("left alone: edited and not committed", "path", d)
	}
	logUnseen(log, run)
	attrs := []any{"seconds", run.Ended.Sub(run.Started).Seconds(), "revision", string(run.Revision)}
	if run.Outcome != nil {
		for _, d := range run.Refused() {
			log.Error("not applied", "asset", d.ID.String(), "title", d.Title(), "error", d.Err)
		}
		attrs = append(attrs, "applied", len(run.Outcome.Done)-len(run.Outcome.Failed()), "failed", len(run.Refused()))
	} else {
		attrs = append(attrs, "full", run.Full, "read", run.Read, "files", len(run.Pulled), "commits", run.Commits, "pushed", run.Pushed)
	}
	switch {
	case err != nil:
		log.Error("run failed", append(attrs, "error", err)...)
	case run.Held != nil:
		log.Error("the brake holds", append(attrs, "error", run.Held)...)
	default:
		log.Info("run done", attrs...)
	}
}

// logUnseen tells what the account is not shown, after a reading of everything only:
// it is the same each time.
func logUnseen(log *slog.Logger, run *syncer.Run) {
	if !run.Full {
		return
	}
	for _, k := range run.NotRead {
		if k.Reason == asset.Forbidden || k.Reason == asset.InPart {
			log.Warn("not read: "+reasonWord(k.Reason), "kind", string(k.Kind), "why", k.Why)
		}
	}
	for _, f := range run.Hidden {
		log.Warn("not shown to this account, kept in Git as it is", "asset", f.ID.String(), "title", f.Title, "path", f.Path, "why", f.Err)
	}
	for _, f := range run.Broken {
		log.Warn("kept, and broken on the server", "asset", f.ID.String(), "title", f.Title, "why", f.Err)
	}
}
