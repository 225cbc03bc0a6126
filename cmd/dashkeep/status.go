package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	syncer "github.com/dashkeep/dashkeep/sync"
)

func (a *app) statusCmd() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "status [INSTANCE...]",
		Short: "Say, per asset, which side moved: in sync, live newer, git newer, both",
		Long: `Reads each server and compares it with Git and with what both last had in
common. Nothing is written on either side, and no lock is taken.`,
		Example: `  dashkeep status
  dashkeep status prod --all --output json`,
		RunE: func(c *cobra.Command, args []string) error { return a.status(c.Context(), args, all) },
	}
	c.Flags().BoolVar(&all, "all", false, "list assets that are in sync too")
	return c
}

type statusReport struct {
	Instance string         `json:"instance"`
	Held     string         `json:"held,omitempty"`
	Counts   map[string]int `json:"counts"`
	Managed  int            `json:"managed"`
	Assets   []stateReport  `json:"assets"`
	NotRead  []kindReport   `json:"not_read,omitempty"`
	Failures []assetReport  `json:"failures,omitempty"`
	Error    string         `json:"error,omitempty"`
}

type stateReport struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	State string `json:"state"`
	Path  string `json:"path,omitempty"`
	URL   string `json:"url,omitempty"`
	Error string `json:"error,omitempty"`
	// Accepted is why Error is no failure.
	Accepted string `json:"accepted,omitempty"`
	// Managed says that it is in the inventory.
	Managed bool   `json:"managed,omitempty"`
	Note    string `json:"note,omitempty"`
}

func (a *app) status(ctx context.Context, names []string, all bool) error {
	s, err := a.open(ctx, names, true)
	if err != nil {
		return err
	}
	defer s.close()
	reports := []statusReport{}
	var errs []error
	var codes []int
	for _, in := range s.asked {
		st, err := s.engine.Status(ctx, in.Name)
		errs = append(errs, err)
		r := statusReport{Instance: in.Name, Counts: map[string]int{}, Assets: []stateReport{}}
		code := exitCode(ctx, err)
		if st == nil {
			st = &syncer.Status{}
		}
		if len(st.Failures) > 0 {
			code = worst(code, exitPartial)
		}
		for _, f := range st.Failures {
			r.Failures = append(r.Failures, failureReport(f))
		}
		r.NotRead = kindReports(st.NotRead)
		if hold, herr := s.engine.Hold(in.Name); herr != nil {
			errs = append(errs, herr)
		} else if hold != nil {
			r.Held = fmt.Sprintf("%s: %s", hold, strings.Join(hold.Reasons, "; "))
			code = worst(code, exitPartial)
		}
		for _, x := range st.Assets {
			if x.Managed {
				r.Managed++
			}
			r.Counts[string(x.State)]++
			if x.State == syncer.Unreadable && x.Accepted == "" {
				code = worst(code, exitPartial)
			}
			if all || x.State != syncer.InSync {
				r.Assets = append(r.Assets, stateOf(x))
			}
		}
		codes = append(codes, code)
		reports = append(reports, r)
		if err == nil && a.output == "text" {
			for _, f := range st.Failures {
				a.printf("%s %s\n", a.paint(red, "failed:"), failureLine(f))
			}
			a.printNotRead(st.NotRead)
			a.printStatus(r)
		}
	}
	if a.output == "json" {
		if err := a.printJSON(map[string]any{"schema_version": jsonVersion, "instances": reports}); err != nil {
			return err
		}
	}
	return a.together(errs, codes)
}

func stateOf(x syncer.AssetStatus) stateReport {
	r := stateReport{ID: x.Info.ID.String(), Title: x.Info.Title, State: string(x.State), Path: x.Path, URL: x.Info.URL, Managed: x.Managed, Note: x.Note, Accepted: x.Accepted}
	if x.Info.ID.UID == "" {
		r.ID = ""
	}
	if x.Err != nil {
		r.Error = x.Err.Error()
	}
	return r
}

func (a *app) printStatus(r statusReport) {
	for _, x := range r.Assets {
		colour := yellow
		switch syncer.State(x.State) {
		case syncer.InSync:
			colour = green
		case syncer.Unreadable, syncer.BothMoved:
			colour = red
		}
		a.printf("%s  %s %s\n", a.paint(colour, pad(x.State, 10)), oneLine(first(x.Title, x.Path)), a.paint(dim, x.ID))
		if x.Error != "" {
			a.printf("            %s\n", oneLine(x.Error))
		}
		if x.Accepted != "" {
			a.printf("            accepted: %s\n", oneLine(x.Accepted))
		}
		if x.Note != "" {
			a.printf("            %s\n", oneLine(x.Note))
		}
	}
	a.printf("%s:", r.Instance)
	sep := " "
	for _, st := range []syncer.State{syncer.InSync, syncer.LiveNewer, syncer.GitNewer, syncer.BothMoved, syncer.OnlyLive, syncer.OnlyGit, syncer.NotShown, syncer.Unreadable} {
		if n := r.Counts[string(st)]; n > 0 {
			a.printf("%s%d %s", sep, n, st)
			sep = ", "
		}
	}
	if sep == " " {
		a.printf(" no assets on either side")
	}
	if r.Managed > 0 {
		a.printf("; %d in the inventory", r.Managed)
	}
	a.printf("\n")
	if r.Held != "" {
		a.printf("%s %s\n", a.paint(red, "held:"), oneLine(r.Held))
		a.printf("  Serve applies nothing to it meanwhile. If the server lost content: dashkeep restore %s --at HEAD. If this is right: dashkeep pull %s --accept\n", r.Instance, r.Instance)
	}
}

func pad(s string, n int) string {
	for len(s) < n {
		s += " "
	}
	return s
}

func first(ss ...string) string {
	for _, s := range ss {
		if s != "" {
			return s
		}
	}
	return ""
}
