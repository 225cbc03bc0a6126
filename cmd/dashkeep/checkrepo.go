package main

import (
	"context"
	"fmt"

	syncer "github.com/dashkeep/dashkeep/sync"
)

// repoReport is the JSON form of check --repo.
type repoReport struct {
	SchemaVersion int                 `json:"schema_version"`
	Path          string              `json:"path"`
	Refs          int                 `json:"refs"`
	Commits       int                 `json:"commits"`
	Objects       int                 `json:"objects"`
	Packs         int                 `json:"packs"`
	Files         int                 `json:"files"`
	Quarantine    string              `json:"quarantine,omitempty"`
	Findings      []repoFindingReport `json:"findings"`
}

type repoFindingReport struct {
	Instance string `json:"instance,omitempty"`
	What     string `json:"what"`
	Next     string `json:"next"`
	Note     bool   `json:"note,omitempty"`
}

func (a *app) checkRepo(ctx context.Context, repair bool) error {
	s, err := a.openRepo(ctx, nil, !repair)
	if err != nil {
		return err
	}
	defer s.close()
	for _, in := range s.engine.Instances {
		f, err := factory(s.cfg.Instance(in.Name).Platform)
		if err != nil {
			return err
		}
		in.Kinds, in.Rules = f.Kinds, f.Rules
	}
	c, err := s.engine.CheckRepo(ctx)
	if err != nil {
		return err
	}
	kept := ""
	if repair && len(c.Objects.Damage) > 0 {
		if c, kept, err = s.engine.RepairRepo(ctx, c); err != nil {
			return fmt.Errorf("repairing %s: %w", s.store.Path(), err)
		}
	}
	if a.output == "json" {
		err = a.printJSON(repoReportOf(s, c, kept))
	} else {
		a.printRepo(s, c, kept)
	}
	if err == nil && c.Wrong() > 0 {
		return codeError{code: exitFailed}
	}
	return err
}

func repoReportOf(s *session, c *syncer.RepoCheck, kept string) repoReport {
	r := repoReport{SchemaVersion: jsonVersion, Path: s.store.Path(), Refs: c.Objects.Refs, Commits: c.Objects.Commits,
		Objects: c.Objects.Objects, Packs: c.Objects.Packs, Files: c.Files, Quarantine: kept, Findings: []repoFindingReport{}}
	for _, f := range c.Findings {
		r.Findings = append(r.Findings, repoFindingReport{f.Instance, f.What, f.Next, f.Note})
	}
	return r
}

func (a *app) printRepo(s *session, c *syncer.RepoCheck, kept string) {
	for _, f := range c.Findings {
		mark := a.paint(red, "✗")
		if f.Note {
			mark = a.paint(yellow, "note:")
		}
		where := ""
		if f.Instance != "" && !f.Note {
			where = f.Instance + ": "
		}
		a.printf("%s %s%s\n", mark, where, oneLine(f.What))
		a.printf("    %s\n", oneLine(f.Next))
	}
	if kept != "" {
		a.printf("damaged files were moved to %s\n", kept)
	}
	mark := a.paint(green, "✓")
	if c.Wrong() > 0 {
		mark = a.paint(red, "✗")
	}
	a.printf("%s %s: %s, %s, %s, %s, %s; %s wrong\n", mark, s.store.Path(), plural(c.Objects.Refs, "reference"), plural(c.Objects.Commits, "commit"),
		plural(c.Objects.Objects, "object"), plural(c.Objects.Packs, "pack"), plural(c.Files, "asset file"), plural(c.Wrong(), "thing"))
}
