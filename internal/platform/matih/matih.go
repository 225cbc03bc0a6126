package matih

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// Factory makes connections to servers with the BI dashboards API.
func Factory() platform.Factory {
	return platform.Factory{
		Name:  "matih",
		Caps:  platform.Caps{Delete: true},
		Kinds: Kinds(),
		Rules: Rules(),
		Limits: []platform.Limit{
			{Kind: kindDashboard, Verb: platform.Read, Partly: true, Why: "a list shows only what the account may see; use one that sees everything"},
			{Kind: kindDashboard, Verb: platform.Read, Partly: true, Why: "passwords, tokens and keys are masked and never in Git; one that the server does not have must stand under `secrets:` in the config"},
			{Kind: kindDashboard, Verb: platform.Update, Partly: true, Why: "widgets are written one by one, not all or none; what was done before a failure is named"},
			{Kind: kindDashboard, Verb: platform.Access, Partly: true, Why: "opt-in (options.sharing) and write-only: the share call has no GET, so it cannot be verified"},
			{Kind: kindDashboard, Verb: platform.Restore, Partly: true, Why: "the server gives new ids, an author and times of its own"},
			{Kind: kindDashboard, Verb: platform.Verified, Partly: true, Why: "dashboard and widgets are read back and compared; sharing cannot be"},
		},
		Options: func() any { return &Options{} },
		New:     func(cfg platform.Config) (platform.Platform, error) { return open(cfg) },
	}
}

// conn is one connection. Several goroutines may use it.
type conn struct {
	http     *apihttp.Client
	auth     *session
	o        *Options
	m        mapping
	ids      platform.IDs
	instance string
	secrets  func(asset.ID) map[string]secret.Value
	sent     *secret.Redactor // secrets that were put into what is written
	log      *slog.Logger
	now      func() time.Time
	tags     *etags

	mu     sync.Mutex
	listed *listing // the newest, nil before the first
}

func open(cfg platform.Config) (*conn, error) {
	o, err := decodeOptions(cfg.Options)
	if err != nil {
		return nil, fmt.Errorf("instance %s: %w", cfg.Instance, err)
	}
	m, err := newMapping(o.Fields)
	if err != nil {
		return nil, fmt.Errorf("instance %s: %w", cfg.Instance, err)
	}
	if cfg.IDs == nil {
		return nil, fmt.Errorf("instance %s: this platform's ids are not portable and no map for them was given", cfg.Instance)
	}
	c := &conn{o: &o, m: m, ids: cfg.IDs, instance: cfg.Instance, secrets: cfg.Secrets, log: cfg.Log, now: cfg.Now, tags: newETags(), sent: &secret.Redactor{}}
	if c.secrets == nil {
		c.secrets = func(asset.ID) map[string]secret.Value { return nil }
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.auth = newSession(cfg, &o, c.now)
	c.http, err = apihttp.New(apihttp.Options{
		Instance: cfg.Instance, BaseURL: cfg.URL, Transport: cfg.HTTP, Auth: c.auth, Headers: cfg.Auth.Headers,
		Rate: cmp.Or(cfg.Rate, float64(o.Rate.PerMinute)/60), Concurrency: o.Rate.Concurrency, Pause: pause, Redactor: c.sent,
		Log: cfg.Log, Now: cfg.Now, Sleep: cfg.Sleep,
	})
	if err != nil {
		return nil, err
	}
	c.auth.http = c.http
	return c, nil
}

// Ping logs in and asks for the first page of the list. The API tells no version.
func (c *conn) Ping(ctx context.Context) (platform.Server, error) {
	s := platform.Server{User: c.auth.user(), Tested: true}
	if _, err := c.page(ctx, c.firstQuery(1)); err != nil {
		return s, err
	}
	s.User = c.auth.user()
	s.Notes = []string{
		"lists show only what this account may see: whatever it cannot see is neither read nor written; use an account that sees everything",
		"sharing cannot be read back: it is kept out of Git and out of comparisons",
	}
	if c.auth.static() {
		s.Notes = append(s.Notes, "a token or API key is sent as it is and not renewed: when it ends, the run fails with a login error")
	} else {
		s.Notes = append(s.Notes, "a login that asks for a second factor is not supported: use auth.token or auth.api_key then")
	}
	return s, nil
}

// Viewer names tenant and account, for what is listed depends on both.
func (c *conn) Viewer(ctx context.Context) (string, error) {
	if err := c.auth.ensure(ctx); err != nil {
		return "", err
	}
	return c.auth.viewer(), nil
}

// errGone and errHidden are why an object cannot be fetched: 404 (it is gone, or
// another tenant's: the vendor says both) and 403.
var (
	errGone   = errors.New("it is not on the server, or not in this tenant")
	errHidden = errors.New("this account may not see it")
)
