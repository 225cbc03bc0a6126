package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	syncer "github.com/dashkeep/dashkeep/sync"
)

// afterwards is what to do once assets are written and verified.
type afterwards struct{ refresh, queries bool }

func (w *afterwards) add(c *cobra.Command) {
	c.Flags().BoolVar(&w.refresh, "refresh", false, "then have the datasets that were written read their columns from the warehouse anew")
	c.Flags().BoolVar(&w.queries, "verify-queries", false, "then run the query of each chart and virtual dataset that was written, or uses what was, for one row")
}

// do carries it out and says what the platform cannot.
func (w afterwards) do(ctx context.Context, e *syncer.Engine, run *syncer.Run) {
	if run == nil || run.Outcome == nil {
		return
	}
	if w.refresh && !e.Refresh(ctx, run) {
		run.Warnings = append(run.Warnings, fmt.Sprintf("--refresh: nothing on instance %s can be refreshed", run.Instance))
	}
	if w.queries && !e.VerifyQueries(ctx, run) {
		run.Warnings = append(run.Warnings, fmt.Sprintf("--verify-queries: instance %s has no queries that can be tried", run.Instance))
	}
}

// checkedJSON is the JSON form of a refresh or a query that was tried.
type checkedJSON struct {
	ID    string `json:"id"`
	Title string `json:"title,omitempty"`
	What  string `json:"what"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	Note  string `json:"note,omitempty"`
}

func checkedReport(c syncer.Check) checkedJSON {
	r := checkedJSON{ID: c.ID.String(), Title: c.Title, What: c.What, OK: c.Err == nil && c.Note == "", Note: c.Note}
	if c.Err != nil {
		r.Error = c.Err.Error()
	}
	return r
}

// printChecked says what came of refreshes and queries: failures one by one.
func (a *app) printChecked(run *syncer.Run) {
	good, untried := map[string]int{}, 0
	for _, c := range run.Checks {
		switch {
		case c.Err != nil:
			a.printf("%s %s of %s %s: %s\n", a.paint(red, "✗"), c.What, c.ID, oneLine(c.Title), hanging(c.Err.Error()))
		case c.Note != "":
			untried++
		default:
			good[c.What]++
		}
	}
	if n := good["refresh"]; n > 0 {
		a.printf("%s %s refreshed; the next pull brings what that changed\n", a.paint(green, "✓"), plural(n, "dataset"))
	}
	if n := good["query"]; n > 0 {
		a.printf("%s the queries of %s run\n", a.paint(green, "✓"), plural(n, "asset"))
	}
	if untried > 0 {
		a.printf("  %s without a query that could be tried (--output json lists them)\n", plural(untried, "asset"))
	}
}
