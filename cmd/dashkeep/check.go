package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) checkCmd() *cobra.Command {
	var role string
	var repository, repair bool
	c := &cobra.Command{
		Use:   "check [INSTANCE...]",
		Short: "Check the config, every login, what the accounts may do, and the Git remote, or the repository",
		Long: `Reads the config, logs in to each instance (default: all) and says its version
and what the account may not see or do, with a script that makes a role with what
it lacks. Asks the Git remote for its branches. Nothing is written anywhere but to
the local clone, which is brought up to date. With --role only that script is
printed, for an account that is to pull or to apply too, and no server is asked.

--repo looks at the local clone instead, whole: every object is compared with
its id, every reference is followed, asset files must be in canonical form, base
and ids of each instance must be of use. It asks no server, changes nothing, and
says what to type for each thing it finds. With --repair what is sound is copied
out of damaged packs, those are moved to .git/dashkeep/quarantine, and everything
the remote has is fetched again; nothing is deleted.`,
		Example: `  dashkeep check
  dashkeep check prod --output json
  dashkeep check prod --role pull > role.py
  dashkeep check --repo
  dashkeep check --repo --repair`,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case repair && !repository:
				return usageError{"--repair goes with --repo"}
			case repository && (len(args) > 0 || c.Flags().Changed("role")):
				return usageError{"--repo looks at the whole repository: it takes no INSTANCE and no --role"}
			case repository:
				return a.checkRepo(c.Context(), repair)
			case c.Flags().Changed("role"):
				return a.printRole(args, role)
			}
			return a.check(c.Context(), args)
		},
	}
	c.Flags().StringVar(&role, "role", "", "print only the script that makes the role an account needs for `pull|apply`")
	c.Flags().BoolVar(&repository, "repo", false, "read the whole repository and say what is wrong with it")
	c.Flags().BoolVar(&repair, "repair", false, "with --repo: set damaged files aside and fetch again what the remote has")
	return c
}

type checkReport struct {
	What    string   `json:"what"`
	OK      bool     `json:"ok"`
	Version string   `json:"version,omitempty"`
	User    string   `json:"user,omitempty"`
	Notes   []string `json:"notes,omitempty"`
	Error   string   `json:"error,omitempty"`

	Rights []rightsReport `json:"rights,omitempty"`
	// Role is a script that makes a role with what is lacking for RoleFor.
	Role    string `json:"role,omitempty"`
	RoleFor string `json:"role_for,omitempty"`
}

func (a *app) check(ctx context.Context, names []string) error {
	s, err := a.open(ctx, names, false)
	if err != nil {
		return err
	}
	defer s.close()
	reports := []checkReport{{What: "config " + s.cfg.File, OK: true}}
	var errs []error
	var codes []int
	add := func(r checkReport, err error) {
		r.OK = err == nil
		if err != nil {
			r.Error = err.Error()
			codes = append(codes, exitCode(ctx, err))
		}
		errs = append(errs, err)
		reports = append(reports, r)
	}
	if s.engine.Remote {
		_, err := s.store.Fetch(ctx)
		add(checkReport{What: "Git remote"}, err)
	}
	for _, in := range s.asked {
		server, err := in.Ping(ctx)
		if err == nil && !server.Tested {
			server.Notes = append(server.Notes, fmt.Sprintf("version %s was never tested with dashkeep", first(server.Version, "unknown")))
		}
		r := checkReport{What: "instance " + in.Name, Version: server.Version, User: server.User, Notes: server.Notes}
		err = s.audit(ctx, in, &r, err)
		add(r, err)
	}
	if a.output == "json" {
		if err := a.printJSON(map[string]any{"schema_version": jsonVersion, "checks": reports}); err != nil {
			return err
		}
	} else {
		a.printChecks(reports)
	}
	if errors.Join(errs...) == nil {
		return nil
	}
	return codeError{code: worst(codes...)}
}

func (a *app) printChecks(reports []checkReport) {
	for _, r := range reports {
		mark := a.paint(green, "✓")
		if !r.OK {
			mark = a.paint(red, "✗")
		}
		line := r.What
		if r.Version != "" {
			line += ": version " + r.Version
		}
		if r.User != "" {
			line += ", logged in as " + r.User
		}
		a.printf("%s %s\n", mark, oneLine(line))
		if r.Error != "" {
			a.printf("    %s\n", oneLine(r.Error))
		}
		for _, n := range r.Notes {
			a.printf("    note: %s\n", oneLine(n))
		}
		a.printRights(r)
	}
}
