package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/config"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/all"
	"github.com/dashkeep/dashkeep/internal/secret"
	"github.com/dashkeep/dashkeep/repo"
	syncer "github.com/dashkeep/dashkeep/sync"
)

// session is one command's view of the world: the config, the open repository,
// the engine, and the instances the command was asked about.
type session struct {
	cfg    *config.Config
	store  *repo.Store
	engine *syncer.Engine
	asked  []*syncer.Instance
	log    *slog.Logger
	ticker *ticker
	rate   float64 // platform.Config.Rate
}

// loadConfig finds, reads and checks the config and says what is unwise in it.
func (a *app) loadConfig() (*config.Config, error) {
	path, err := config.Find(a.config, os.Getenv, ".")
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(path, a.configOptions())
	if err != nil {
		return nil, err
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintf(a.err, "%s %s\n", "warning:", safeText(w.String()))
	}
	return cfg, nil
}

func (a *app) configOptions() config.Options {
	o := config.Options{Platforms: map[string][]asset.Kind{}, PlatformOptions: map[string]any{}, Inboxes: []string{}, Redactor: a.redactor}
	for _, f := range all.Factories() {
		o.Platforms[f.Name] = f.Kinds
		if f.Inbox {
			o.Inboxes = append(o.Inboxes, f.Name)
		}
		if f.Options != nil {
			o.PlatformOptions[f.Name] = f.Options()
		}
	}
	return o
}

// open reads the config, opens the repository and connects the named instances
// (none: all of them). readOnly takes no lock and writes nothing.
func (a *app) open(ctx context.Context, names []string, readOnly bool) (*session, error) {
	s, err := a.openRepo(ctx, names, readOnly)
	if err != nil {
		return nil, err
	}
	for _, in := range s.asked {
		if err := s.connect(in); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

// openRepo is open without any connection.
func (a *app) openRepo(ctx context.Context, names []string, readOnly bool) (*session, error) {
	cfg, err := a.loadConfig()
	if err != nil {
		return nil, err
	}
	s := &session{cfg: cfg, log: a.logger(cfg.Log), ticker: newTicker(a.err, a.quiet), rate: a.rate}
	s.engine = &syncer.Engine{
		Committer: repo.Signature{Name: cfg.Repo.Committer.Name, Email: cfg.Repo.Committer.Email},
		Remote:    cfg.Repo.Remote != "", Now: time.Now, Log: s.log, Progress: s.ticker.show, Build: buildMark(),
	}
	for i := range cfg.Instances {
		s.engine.Instances = append(s.engine.Instances, instanceOf(&cfg.Instances[i]))
	}
	if s.asked, err = pick(s.engine, names); err != nil {
		return nil, err
	}
	if s.engine.Signed, err = signedBy(cfg); err != nil {
		return nil, err
	}
	if s.store, err = openRepo(ctx, cfg, s.log, readOnly); err != nil {
		return nil, err
	}
	s.engine.Repo = s.store
	return s, nil
}

func pick(e *syncer.Engine, names []string) ([]*syncer.Instance, error) {
	if len(names) == 0 {
		return e.Instances, nil
	}
	var asked []*syncer.Instance
	for _, n := range names {
		in, err := e.Instance(n)
		if err != nil {
			return nil, err
		}
		asked = append(asked, in)
	}
	return asked, nil
}

func (s *session) close() {
	s.ticker.clear()
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.log.Warn("closing the repository", "error", err)
		}
	}
}

func openRepo(ctx context.Context, cfg *config.Config, log *slog.Logger, readOnly bool) (*repo.Store, error) {
	r := cfg.Repo
	auth := repo.Auth{SSHKeyFile: r.Auth.SSH.KeyFile, KnownHosts: r.Auth.SSH.KnownHosts}
	if !r.Auth.Password.IsZero() {
		auth.Basic = func(ctx context.Context) (string, string, error) {
			p, err := r.Auth.Password.Resolve(ctx)
			return r.Auth.Username, p, err
		}
	}
	sign, err := signerOf(ctx, cfg, readOnly)
	if err != nil {
		return nil, err
	}
	return repo.Open(ctx, repo.Options{
		Sign: sign,
		Path: r.Path, Remote: r.Remote, Branch: r.Branch, Auth: auth,
		Committer: repo.Signature{Name: r.Committer.Name, Email: r.Committer.Email},
		Log:       log, ReadOnly: readOnly,
	})
}

// instanceOf translates what the config says about an instance.
func instanceOf(c *config.Instance) *syncer.Instance {
	in := &syncer.Instance{
		Name: c.Name, Platform: c.Platform, Root: filepath.ToSlash(c.Path), Sharded: c.Layout == config.Sharded,
		Direction: syncer.Direction(c.Direction), AutoApply: c.AutoApply,
		Prune:        importer.Prune{Enabled: c.Prune.Enabled, Max: c.Prune.Max, MaxPercent: c.Prune.MaxPercent},
		Brake:        exporter.Brake{Removed: c.PullBrake.Removed, ChangedPercent: c.PullBrake.ChangedPercent},
		Rule:         func(info asset.Info) importer.Rule { return ruleOf(c, info) },
		Author:       func(p asset.Person) (repo.Signature, bool) { return authorOf(c, p) },
		RevertWindow: time.Duration(c.RevertWindow), Keep: syncer.Keep{Age: time.Duration(c.Backups.Age), Last: c.Backups.Last},
		Schedule: c.Schedule.In(c.Location()), FullPull: c.FullPull.In(c.Location()),
		Accepted: func(id asset.ID, now time.Time) (string, bool) {
			acc, ok := c.Accepted(id, now)
			return acc.Reason, ok
		},
	}
	if f, err := factory(c.Platform); err == nil {
		in.Rules, in.Kinds = f.Rules, f.Kinds
	}
	for _, r := range c.Rules {
		if r.Path != "" {
			in.Folders = append(in.Folders, r.Path)
		}
	}
	if len(c.Select.Kinds)+len(c.Select.Include)+len(c.Select.Exclude) > 0 {
		in.Select = exporter.Selection{Match: c.Select.Match}
	}
	return in
}

// ruleOf is the config's rule for an asset. Where none matches, kinds that the
// platform guards are not overwritten.
func ruleOf(c *config.Instance, info asset.Info) importer.Rule {
	r, configured := c.RuleFor(info)
	f, err := factory(c.Platform)
	if !configured && err == nil && slices.Contains(f.Guarded, info.ID.Kind) {
		return importer.Rule{Overwrite: importer.Never, Where: "the default for kind:" + string(info.ID.Kind)}
	}
	out := importer.Rule{
		Overwrite: importer.Overwrite(r.Overwrite), Protect: r.Protect, Folder: r.Path,
		OnConflict: importer.OnConflict(r.OnConflict), OnLiveEdit: importer.OnLiveEdit(r.OnLiveEdit),
	}
	if k := info.ID.Kind; err == nil && slices.Contains(f.Rights, k) && !slices.Contains(c.ApplyKinds, k) {
		out.ReadOnly = fmt.Sprintf("%s are rights, which are only read; to write them: apply_kinds: [%s]", k.Plural(), k)
	}
	if r.Match.String() != "" && r.Match.String() != "*" {
		out.Where = "rule " + r.Match.String()
	}
	for _, ig := range r.Ignore {
		if ig.Kind == info.ID.Kind {
			out.Ignore = append(out.Ignore, ig.Pointer)
		}
	}
	return out
}

// authorOf is the Git author for a server's user: as configured, else the name
// and address the server gave.
func authorOf(c *config.Instance, p asset.Person) (repo.Signature, bool) {
	if author, ok := c.AuthorOf(p); ok {
		return repo.Signature{Name: author.Name, Email: author.Email}, !author.Committer
	}
	name, email := first(p.Name, p.Username, p.Email), p.Email
	if email == "" { // RFC 2606 keeps .invalid from ever being somebody's address
		email = asset.Slug(first(p.Username, p.Name)) + "@" + c.Name + ".invalid"
	}
	return repo.Signature{Name: name, Email: email}, true
}

// connect makes the platform's connection for an instance. Nothing is sent yet.
func (s *session) connect(in *syncer.Instance) error {
	c := s.cfg.Instance(in.Name)
	f, err := factory(c.Platform)
	if err != nil {
		return err
	}
	transport, err := apihttp.Transport(apihttp.TLS{CAFile: c.TLS.CAFile, Insecure: c.TLS.Insecure})
	if err != nil {
		return fmt.Errorf("instance %s: %w", c.Name, err)
	}
	ids, err := syncer.LoadIDs(s.store, c.Name)
	if err != nil {
		return err
	}
	p, err := f.New(platform.Config{
		Instance: c.Name, URL: c.URL, Inbox: c.Inbox, HTTP: transport, IDs: ids, Log: s.log, Now: time.Now, Rate: s.rate,
		Auth: platform.Auth{Username: c.Auth.Username, Password: c.Auth.Password, Provider: c.Auth.Provider,
			Token: c.Auth.Token, APIKey: c.Auth.APIKey, Headers: c.Auth.Headers},
		Options: optionsNode(c), Kinds: c.Select.Kinds, Secrets: func(id asset.ID) map[string]secret.Value { return c.Secrets[id] },
	})
	if err != nil {
		return fmt.Errorf("instance %s: %w", c.Name, err)
	}
	in.Source, in.Target, in.Rules, in.Kinds, in.Ping = p, p, f.Rules, f.Kinds, p.Ping
	in.Named, in.Top = c.Select.Kinds, topKind(f)
	if a, ok := p.(platform.Auditor); ok {
		in.Rights = a.Rights
	}
	in.IDs, in.OneByOne = ids, !f.Caps.Bulk
	in.Prune.Cannot = func(k asset.Kind) string { return cannotDelete(f, k) }
	in.Prune.Uses = func(by, of asset.Kind) bool { // rights are not in the way: they are seldom read, and the server looks after them
		return !slices.Contains(f.Rights, by) && f.Rules.Kinds[by].RefersTo(of)
	}
	return nil
}

// cannotDelete says why a platform cannot delete assets of a kind, "" when it can,
// or may.
func cannotDelete(f platform.Factory, k asset.Kind) string {
	if !f.Caps.Delete {
		return "dashkeep cannot delete on servers of this platform"
	}
	for _, l := range f.Limits {
		if l.Verb == platform.Delete && !l.Partly && (l.Kind == k || l.Kind == "") {
			return l.Why
		}
	}
	return ""
}

// topKind is the last kind that is content.
func topKind(f platform.Factory) asset.Kind {
	for _, k := range slices.Backward(f.Kinds) {
		if !slices.Contains(f.Rights, k) {
			return k
		}
	}
	return ""
}

func factory(name string) (platform.Factory, error) {
	for _, f := range all.Factories() {
		if f.Name == name {
			return f, nil
		}
	}
	return platform.Factory{}, usageError{fmt.Sprintf("no platform is called %q", name)}
}

// selection turns --select flags into a filter; none selects everything.
func selection(texts []string) (func(asset.Info) bool, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	var ms []config.Match
	for _, t := range texts {
		m, err := config.ParseMatch(t)
		if err != nil {
			return nil, usageError{"--select: " + err.Error()}
		}
		ms = append(ms, m)
	}
	return func(info asset.Info) bool {
		for _, m := range ms {
			if m.Match(info) {
				return true
			}
		}
		return false
	}, nil
}
