package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/config"
	syncer "github.com/dashkeep/dashkeep/sync"
)

// initFlags are what init needs to know; it asks nothing.
type initFlags struct {
	URL, Name, Platform     string
	Username, PasswordEnv   string
	RepoPath, Remote, Write string
}

func (a *app) initCmd() *cobra.Command {
	var f initFlags
	c := &cobra.Command{
		Use:   "init URL",
		Short: "Write a config for one server and try it",
		Long: `Writes a commented config, logs in and says what it found: how much of what, what
it cannot read, which secrets it saw and will keep out of Git. It commits and
pushes nothing. The password is read from an environment variable, at every run,
and stands nowhere.`,
		Example: `  export SUPERSET_PASSWORD=…
  dashkeep init https://superset.example.com --username svc --remote git@git.example.com:bi/dashboards.git`,
		Args: exactly(1, "the server's URL"),
		RunE: func(c *cobra.Command, args []string) error {
			f.URL = args[0]
			return a.initialize(c.Context(), f)
		},
	}
	c.Flags().StringVar(&f.Name, "name", "prod", "name of the instance")
	c.Flags().StringVar(&f.Platform, "platform", "superset", "what kind of server it is")
	c.Flags().StringVar(&f.Username, "username", "admin", "account to log in with")
	c.Flags().StringVar(&f.PasswordEnv, "password-env", "", "environment `variable` that holds its password (default: the platform's name and _PASSWORD: SUPERSET_PASSWORD)")
	c.Flags().StringVar(&f.RepoPath, "repo", "./dashboards", "folder of the working clone; created when missing")
	c.Flags().StringVar(&f.Remote, "remote", "", "Git remote to push to (default: keep everything local)")
	c.Flags().StringVar(&f.Write, "write", "dashkeep.yaml", "config `file` to write; an existing one is left alone")
	return c
}

func (a *app) initialize(ctx context.Context, f initFlags) error {
	if f.PasswordEnv == "" {
		f.PasswordEnv = strings.ToUpper(f.Platform) + "_PASSWORD"
	}
	text := []byte(config.Starter{Name: f.Name, Platform: f.Platform, URL: f.URL, Username: f.Username, Password: f.PasswordEnv,
		RepoPath: f.RepoPath, Remote: f.Remote}.YAML())
	cfg, err := config.Parse(f.Write, text, a.configOptions())
	if err != nil {
		return fmt.Errorf("%w; nothing was written", err)
	}
	file, err := os.OpenFile(f.Write, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usageError{fmt.Sprintf("%s exists and is left alone: remove it, or name another with --write", f.Write)}
	}
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", f.Write, err)
	}
	a.printf("wrote %s\n", f.Write)
	if err := a.tryOut(ctx, cfg); err != nil {
		return fmt.Errorf("%w\n%s is written; correct it and run: dashkeep check", err, f.Write)
	}
	a.printf("next: dashkeep pull\n")
	return nil
}

// tryOut logs in to the one instance of a new config and says what is there.
func (a *app) tryOut(ctx context.Context, cfg *config.Config) error {
	s := &session{cfg: cfg, log: a.logger(cfg.Log), ticker: newTicker(a.err, a.quiet), rate: a.rate}
	in := instanceOf(&cfg.Instances[0])
	if err := s.connect(in); err != nil {
		return err
	}
	server, err := in.Ping(ctx)
	if err != nil {
		return err
	}
	a.printf("%s: %s, logged in as %s\n", in.Name, strings.TrimSpace(in.Platform+" "+server.Version), server.User)
	for _, n := range server.Notes {
		a.printf("  note: %s\n", oneLine(n))
	}
	s.ticker.show(syncer.Event{Instance: in.Name, Text: "reading"})
	set, err := exporter.Export(ctx, in.Source, exporter.Options{Rules: in.Rules, Select: in.Select})
	s.ticker.clear()
	if err != nil {
		return fmt.Errorf("instance %s: %w", in.Name, err)
	}
	a.printInventory(in.Kinds, set)
	return nil
}

// printInventory says how much of what a server has and what deserves a look.
func (a *app) printInventory(kinds []asset.Kind, set *asset.Set) {
	count := map[asset.Kind]int{}
	for x := range set.All() {
		count[x.ID.Kind]++
	}
	for _, k := range kinds {
		if _, skipped := set.Skipped(k); skipped {
			continue
		}
		name := k.Plural()
		if count[k] == 1 {
			name = string(k)
		}
		a.printf("  %4d %s\n", count[k], name)
	}
	a.printNotRead(set.Kinds())
	for _, f := range set.Failed() {
		a.printf("  cannot be read: %s %q: %s\n", f.ID, oneLine(f.Title), oneLine(f.Err.Error()))
	}
	for _, n := range set.Notes {
		if b := set.Get(n.ID); n.Broken && b != nil {
			a.printf("  broken: %s %q: %s\n", n.ID, oneLine(b.Title), oneLine(n.Text))
		}
	}
	if len(set.Notes) > 0 && !a.verbose {
		a.printf("  %s on what was read (references to nothing, masked secrets): --verbose lists them\n", plural(len(set.Notes), "note"))
		return
	}
	for _, n := range set.Notes {
		a.printf("  note: %s %s: %s\n", n.ID, n.Path, oneLine(n.Text))
	}
}
