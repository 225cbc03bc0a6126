package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
	"github.com/dashkeep/dashkeep/internal/summary"
	syncer "github.com/dashkeep/dashkeep/sync"
)

// jsonVersion is the version of every JSON document on stdout. Additions keep it.
const jsonVersion = 1

// printJSON writes one document and a newline.
func (a *app) printJSON(v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.out, a.redactor.Scrub(string(data)))
	return err
}

// printf writes a line of results for people.
func (a *app) printf(format string, args ...any) {
	fmt.Fprint(a.out, a.redactor.Scrub(fmt.Sprintf(format, args...)))
}

// runReport is the JSON form of a run.
type runReport struct {
	SchemaVersion int           `json:"schema_version"`
	Run           string        `json:"run"`
	Op            string        `json:"op"`
	Instance      string        `json:"instance"`
	Started       time.Time     `json:"started"`
	Seconds       float64       `json:"seconds"`
	Revision      string        `json:"revision,omitempty"`
	Commits       int           `json:"commits"`
	Pushed        bool          `json:"pushed"`
	Code          int           `json:"code"`
	Error         string        `json:"error,omitempty"`
	Backup        string        `json:"backup,omitempty"`
	Managed       *int          `json:"managed,omitempty"`
	Assets        []assetReport `json:"assets"`
	Undoes        string        `json:"undoes,omitempty"`
	Conflicts     []assetReport `json:"conflicts,omitempty"`
	Decided       []assetReport `json:"decided,omitempty"`
	Resolved      []assetReport `json:"resolved,omitempty"`
	LiveEdits     []assetReport `json:"live_edits,omitempty"`
	Dirty         []string      `json:"dirty,omitempty"`
	Failures      []assetReport `json:"failures,omitempty"`
	Accepted      []assetReport `json:"accepted,omitempty"`
	Hidden        []assetReport `json:"hidden,omitempty"`
	NotRead       []kindReport  `json:"not_read,omitempty"`
	Broken        []assetReport `json:"broken,omitempty"`
	Notes         []assetReport `json:"notes,omitempty"`
	Checks        []checkedJSON `json:"checks,omitempty"`
	Warnings      []string      `json:"warnings,omitempty"`
}

type assetReport struct {
	ID       string        `json:"id"`
	Title    string        `json:"title,omitempty"`
	Path     string        `json:"path,omitempty"`
	Action   string        `json:"action,omitempty"`
	Verified *bool         `json:"verified,omitempty"`
	URL      string        `json:"url,omitempty"`
	Error    string        `json:"error,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Changes  []valueReport `json:"changes,omitempty"`
	Values   any           `json:"values,omitempty"`
	Winner   string        `json:"winner,omitempty"`
	Branch   string        `json:"branch,omitempty"`
	By       string        `json:"by,omitempty"`
	Omitted  []string      `json:"omitted,omitempty"`
	Unread   []string      `json:"unread,omitempty"`
}

// valueReport is the JSON form of one changed value.
type valueReport struct {
	Path    string `json:"path"`
	Pointer string `json:"pointer"`
	Kind    string `json:"kind"`
	Old     string `json:"old,omitempty"`
	New     string `json:"new,omitempty"`
}

func values(before, after []byte) []valueReport {
	var out []valueReport
	for _, c := range summary.Changes(before, after) {
		out = append(out, valueReport{Path: c.Path, Pointer: c.Pointer, Kind: string(c.Kind), Old: c.Old, New: c.New})
	}
	return out
}

func reportOf(run *syncer.Run, code int, err error) runReport {
	r := runReport{
		SchemaVersion: jsonVersion, Run: run.ID, Op: run.Op, Instance: run.Instance, Started: run.Started,
		Seconds: run.Ended.Sub(run.Started).Seconds(), Revision: string(run.Revision), Commits: run.Commits, Pushed: run.Pushed,
		Code: code, Backup: run.Backup, Assets: []assetReport{}, Dirty: run.Dirty, Warnings: run.Warnings,
	}
	if err == nil {
		err = run.Held
	}
	if err != nil {
		r.Error = err.Error()
	}
	for _, p := range run.Pulled {
		r.Assets = append(r.Assets, assetReport{ID: p.Info.ID.String(), Title: p.Info.Title, Path: p.Path, Action: p.Action,
			Changes: values(p.Before, p.After)})
	}
	if run.Outcome != nil {
		for _, d := range run.Outcome.Done {
			r.Assets = append(r.Assets, doneReport(d))
		}
	}
	for _, info := range run.Inventory {
		r.Assets = append(r.Assets, assetReport{ID: info.ID.String(), Title: info.Title, Action: run.Op})
	}
	r.Undoes, r.Conflicts, r.Decided = run.Undoes, conflictReports(run.Conflicts), conflictReports(run.Decided)
	for _, e := range run.Edits {
		r.LiveEdits = append(r.LiveEdits, assetReport{ID: e.Info.ID.String(), Title: e.Info.Title, Path: e.Path, By: personOf(e.Info.UpdatedBy),
			Action: editWord(e), Values: conflictsOf(e.Values)})
	}
	for _, f := range run.Failures {
		r.Failures = append(r.Failures, failureReport(f))
	}
	for _, f := range run.Accepted {
		r.Accepted = append(r.Accepted, failureReport(f))
	}
	for _, f := range run.Hidden {
		r.Hidden = append(r.Hidden, assetReport{ID: f.ID.String(), Title: f.Title, Path: f.Path, Reason: f.Err.Error()})
	}
	r.NotRead = kindReports(run.NotRead)
	for _, f := range run.Broken {
		r.Broken = append(r.Broken, assetReport{ID: f.ID.String(), Title: f.Title, Reason: f.Err.Error()})
	}
	for _, n := range run.Notes {
		r.Notes = append(r.Notes, assetReport{ID: n.ID.String(), Path: n.Path, Reason: n.Text})
	}
	for _, c := range run.Checks {
		r.Checks = append(r.Checks, checkedReport(c))
	}
	return r
}

func failureReport(f syncer.Failure) assetReport {
	r := assetReport{Title: f.Title, Path: f.Path, Error: f.Err.Error(), Reason: f.Reason}
	if f.ID != (asset.ID{}) {
		r.ID = f.ID.String()
	}
	return r
}

func doneReport(d importer.Done) assetReport {
	verified := d.Verified
	r := assetReport{ID: d.ID.String(), Title: d.Title(), Action: d.Action.String(), Verified: &verified, URL: d.URL, Unread: d.Unread}
	if d.Err != nil {
		r.Error = d.Err.Error()
	}
	r.Reason = d.Kept
	for _, n := range d.Omitted {
		r.Omitted = append(r.Omitted, n.Path+": "+n.Text)
	}
	return r
}

func conflictReports(list []syncer.Conflict) []assetReport {
	var out []assetReport
	for _, c := range list {
		out = append(out, assetReport{ID: c.ID.String(), Title: c.Title, Path: c.Path, Reason: c.Text, Values: conflictsOf(c.Values),
			Winner: string(c.Winner), Branch: c.Branch})
	}
	return out
}

func personOf(p asset.Person) string { return first(p.Name, p.Username, p.Email) }

// editWord says what becomes of an edit on the server.
func editWord(e syncer.LiveEdit) string {
	if e.Reverted {
		return "reverted"
	}
	return "accepted"
}

// printProblems says what a person must know after a run, in words.
func (a *app) printProblems(run *syncer.Run) {
	for _, w := range run.Warnings {
		a.printf("%s %s\n", a.paint(yellow, "warning:"), oneLine(w))
	}
	for _, f := range run.Failures {
		a.printf("%s %s\n", a.paint(red, "failed:"), failureLine(f))
	}
	for _, f := range run.Accepted {
		a.printf("accepted: %s (%s)\n", failureLine(f), oneLine(f.Reason))
	}
	a.printNotRead(run.NotRead)
	a.printHidden(run.Hidden)
	a.printBroken(run.Broken)
	for _, c := range run.Conflicts {
		a.printf("%s %s %q\n", a.paint(yellow, "conflict:"), c.ID, oneLine(c.Title))
		if c.Text != "" {
			a.printf("  %s\n", c.Text)
		}
		a.printValues(c.Values, "  ")
		if c.Branch != "" {
			a.printf("  The server's version is on branch %s.\n", c.Branch)
		}
		a.printf("  Both sides were left alone. Say whose values count: dashkeep resolve %s/%s --take git (or live, or a file)\n", run.Instance, c.ID)
	}
	a.printDecided(run)
	for _, d := range run.Dirty {
		a.printf("%s %s has edits that are not committed, so it was left alone: commit or undo them, then run again\n", a.paint(yellow, "dirty:"), d)
	}
}

// printValues shows values that both sides moved.
func (a *app) printValues(list []merge.Conflict, before string) {
	in := strings.Repeat(" ", len(before)-len(strings.TrimLeft(before, " ")))
	for _, v := range list {
		a.printf("%s%s\n%s  base   %s\n%s  git    %s\n%s  server %s\n", before, v.Path, in, shown(v.Base), in, shown(v.Ours), in, shown(v.Theirs))
		if v.Text != "" {
			a.printf("%s  %s\n", in, oneLine(v.Text))
		}
	}
}

// printDecided says what the rules decided: conflicts with a winner, and edits on the
// server that are told or taken back.
func (a *app) printDecided(run *syncer.Run) {
	for _, c := range run.Decided {
		side := "Git's"
		if c.Winner == importer.Live {
			side = "the server's"
		}
		what := c.Text
		if len(c.Values) > 0 {
			what = plural(len(c.Values), "value") + " moved on both sides"
		}
		a.printf("decided: %s %q: %s, %s counts\n", c.ID, oneLine(c.Title), what, side)
	}
	for _, e := range run.Edits {
		who := "somebody"
		if p := personOf(e.Info.UpdatedBy); p != "" {
			who = p
		}
		what := "it is in Git now"
		if e.Reverted {
			what = "it is not taken over, and the next apply puts Git's back"
		}
		a.printf("%s %s %q: %s edited %s on the server; %s\n", a.paint(yellow, "edited:"), e.Info.ID, oneLine(e.Info.Title), oneLine(who), plural(len(e.Values), "value"), what)
		if a.verbose {
			a.printValues(e.Values, "  ")
		}
	}
}

func failureLine(f syncer.Failure) string {
	var parts []string
	if f.ID.UID != "" {
		parts = append(parts, f.ID.String())
	}
	if f.Title != "" {
		parts = append(parts, fmt.Sprintf("%q", oneLine(f.Title)))
	}
	if f.Path != "" && !strings.HasPrefix(f.Err.Error(), f.Path) {
		parts = append(parts, f.Path)
	}
	return oneLine(strings.Join(parts, " ")+sep(parts)) + hanging(f.Err.Error())
}

func sep(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return ": "
}

func shown(v *string) string {
	if v == nil {
		return "(absent)"
	}
	return oneLine(*v)
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
