package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	syncer "github.com/dashkeep/dashkeep/sync"
)

// bundleFlags are the choices of one bundle.
type bundleFlags struct {
	rev, file, server string
	selects           []string
}

func (a *app) bundleCmd() *cobra.Command {
	var f bundleFlags
	c := &cobra.Command{
		Use:   "bundle INSTANCE -o F.zip",
		Short: "Write an archive that the server's own page imports",
		Long: `Makes an archive of what Git holds, for a person to import by hand where dashkeep
may not write. It takes the selected assets of one page of the server (dashboards
before charts, charts before datasets) with everything they use. What is selected
and not in it is named, and the exit code is 3. No server is asked; secrets are
not in it.`,
		Example: `  dashkeep bundle prod -o dashboards.zip
  dashkeep bundle prod -o sales.zip --select 'title:Sales*' --rev v1.4
  dashkeep bundle prod -o old.zip --server-version 4.1.4`,
		Args: exactly(1, "one INSTANCE"),
		RunE: func(c *cobra.Command, args []string) error {
			if f.file == "" {
				return usageError{"say where to write the archive: -o F.zip"}
			}
			return a.bundle(c.Context(), args[0], f)
		},
	}
	c.Flags().StringVarP(&f.file, "output-file", "o", "", "`file` to write")
	c.Flags().StringVar(&f.rev, "rev", "", "`revision` to take (default: the head of the followed branch)")
	c.Flags().StringVar(&f.server, "server-version", "", "`version` of the server it is for (default: the newest)")
	c.Flags().StringArrayVar(&f.selects, "select", nil, "only these assets and what they use: kind:NAME, title:GLOB, tag:GLOB, owner:GLOB or kind:uid; repeatable")
	return c
}

// bundleReport is what bundle prints as JSON.
type bundleReport struct {
	SchemaVersion int        `json:"schema_version"`
	Instance      string     `json:"instance"`
	Revision      string     `json:"revision"`
	File          string     `json:"file,omitempty"`
	Page          string     `json:"page"`
	Holds         []string   `json:"holds"`
	Left          []noteJSON `json:"left"`
	Code          int        `json:"code"`
}

// noteJSON is one thing that is not in the bundle.
type noteJSON struct {
	Asset string `json:"asset"`
	Path  string `json:"path,omitempty"`
	Text  string `json:"text"`
}

func (a *app) bundle(ctx context.Context, name string, f bundleFlags) error {
	s, err := a.open(ctx, []string{name}, false)
	if err != nil {
		return err
	}
	defer s.close()
	fac, err := factory(s.asked[0].Platform)
	if err != nil {
		return err
	}
	if fac.Bundle == nil {
		return usageError{fmt.Sprintf("instance %s: %s has no page that imports an archive; use dashkeep apply or restore", name, fac.Name)}
	}
	known, broken, rev, err := s.engine.AssetsAt(ctx, name, f.rev)
	if err != nil {
		return err
	}
	want, err := wantedOf(known, f.selects)
	if err != nil {
		return err
	}
	b, err := fac.Bundle(want, known, f.server)
	if err != nil {
		return usageError{fmt.Sprintf("instance %s at %s: %v", name, rev.Short(), err)}
	}
	r := bundleReport{SchemaVersion: jsonVersion, Instance: name, Revision: string(rev), Page: b.Page, Holds: []string{}, Left: leftOf(b, broken)}
	for _, id := range b.Holds {
		r.Holds = append(r.Holds, id.String())
	}
	if len(b.Data) > 0 {
		if err := os.WriteFile(f.file, b.Data, 0o600); err != nil {
			return fmt.Errorf("writing the archive: %w; nothing was written", err)
		}
		r.File = f.file
	}
	if len(r.Left) > 0 {
		r.Code = exitPartial
	}
	return a.reportBundle(r)
}

// wantedOf are the selected assets, in order.
func wantedOf(known *asset.Set, selects []string) ([]*asset.Asset, error) {
	match, err := selection(selects)
	if err != nil {
		return nil, err
	}
	var want []*asset.Asset
	for x := range known.All() {
		if match == nil || match(x.Info) {
			want = append(want, x)
		}
	}
	if len(want) == 0 {
		return nil, usageError{"nothing in Git is selected"}
	}
	return want, nil
}

func leftOf(b *platform.Bundle, broken []syncer.BrokenFile) []noteJSON {
	left := []noteJSON{}
	slices.SortStableFunc(b.Left, func(x, y asset.Note) int { return x.ID.Compare(y.ID) })
	for _, n := range b.Left {
		left = append(left, noteJSON{n.ID.String(), n.Path, n.Text})
	}
	for _, f := range broken {
		left = append(left, noteJSON{f.Path, "", f.Err.Error()})
	}
	return left
}

func (a *app) reportBundle(r bundleReport) error {
	if a.output == "json" {
		if err := a.printJSON(r); err != nil {
			return err
		}
		return codeOf(r.Code)
	}
	for _, n := range r.Left {
		at := n.Asset
		if n.Path != "" {
			at += ": " + n.Path
		}
		a.printf("%s %s: %s\n", a.paint(yellow, "not in it:"), at, oneLine(n.Text))
	}
	if r.File == "" {
		return codeError{code: exitPartial, err: errors.New("nothing of what is selected can be imported by hand; no file was written")}
	}
	a.printf("%s: %s of Git at %.10s in %s; import it on the server's page %s\n", r.Instance, plural(len(r.Holds), "asset"), r.Revision, r.File, r.Page)
	return codeOf(r.Code)
}
