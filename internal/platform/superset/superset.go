package superset

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// Factory makes connections to Superset servers.
func Factory() platform.Factory {
	return platform.Factory{
		Name:    "superset",
		Caps:    platform.Caps{Delete: true, StableUID: true, Sharing: true, Bulk: true},
		Kinds:   Kinds(),
		Rights:  rightsKinds(),
		Rules:   Rules(),
		Guarded: []asset.Kind{kindDatabase},
		Limits:  limits(),
		Bundle:  bundle,
		Role:    roleScript,
		Inbox:   true,
		New: func(c platform.Config) (platform.Platform, error) {
			if c.Inbox != "" {
				return &inbox{instance: c.Instance, dir: c.Inbox}, nil
			}
			return open(c)
		},
	}
}

// conn is one connection. Several goroutines may use it.
type conn struct {
	http     *apihttp.Client
	auth     *session
	instance string
	secrets  func(asset.ID) map[string]secret.Value
	log      *slog.Logger
	now      func() time.Time
	listing  singleflight.Group // of listAll
	chosen   []asset.Kind       // to be read, in dependency order
	zip      zipLimits

	mu     sync.Mutex
	index  *index                          // of the newest listing; nil before the first
	uuids  map[asset.Kind]map[int]namedRow // uids of rows whose list shows none
	people map[int]asset.Person
	asked  bool // whether people was asked for
	// strangers are row ids of users that no list of people has.
	strangers  map[int]bool
	features   map[string]bool // feature flags; nil before they were asked for
	plainRoles bool            // roles are listed without what they may do (listPath)
	server     string          // version, "" when the server does not tell

	serverAsked bool // whether server was asked for

	open map[asset.Kind]bool // kinds that everybody is shown, as far as was asked (public.go)

	who    *account           // nil before it was asked for
	asking singleflight.Group // for it
}

func open(cfg platform.Config) (*conn, error) {
	c := &conn{instance: cfg.Instance, secrets: cfg.Secrets, log: cfg.Log, now: cfg.Now, chosen: chosen(cfg.Kinds), zip: superZip(),
		uuids: map[asset.Kind]map[int]namedRow{}, open: map[asset.Kind]bool{}}
	if c.secrets == nil {
		c.secrets = func(asset.ID) map[string]secret.Value { return nil }
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.auth = &session{instance: cfg.Instance, cfg: cfg.Auth}
	client, err := apihttp.New(apihttp.Options{
		Instance: cfg.Instance, BaseURL: cfg.URL, Transport: cfg.HTTP, Auth: c.auth,
		Headers: cfg.Auth.Headers, Expired: expired, Log: cfg.Log, Now: cfg.Now, Sleep: cfg.Sleep, Rate: cfg.Rate,
	})
	if err != nil {
		return nil, err
	}
	c.http, c.auth.http = client, client
	return c, nil
}

// Ping logs in and asks for the server's version and this account's rights.
func (c *conn) Ping(ctx context.Context) (platform.Server, error) {
	var me struct {
		Result struct {
			Username string `json:"username"`
			Email    string `json:"email"`
		} `json:"result"`
	}
	s := platform.Server{User: c.auth.cfg.Username}
	public, err := c.everybodys(ctx, c.kinds(ctx))
	if err != nil {
		return s, err
	}
	joined := false
	if len(public) > 0 {
		if joined, err = c.join(ctx); err != nil {
			return s, err
		}
	}
	if err := c.knock(ctx, public); err != nil {
		return s, err
	}
	// 4.1 to 6.0 answer /me/ with 401 to a token; the login above has succeeded.
	if v := c.version(ctx); v == "" || !normalize.Older(v, "6.1.0") {
		if err := c.http.JSON(ctx, apihttp.Request{Path: "/api/v1/me/"}, &me); err == nil && me.Result.Username != "" {
			s.User = me.Result.Username
		}
	}
	s.Notes = c.rights(ctx)
	switch {
	case joined:
		s.Notes = append(s.Notes, c.publicNote(public))
	default:
		for _, k := range c.chosen {
			if public[k] {
				s.Notes = append(s.Notes, c.hidden(k).Error())
			}
		}
	}
	describe(&s, c.version(ctx))
	return s, nil
}

// knock asks for a list, of any kind that this account may see. One that everybody
// is shown tells nothing of the account, unless a session goes along.
func (c *conn) knock(ctx context.Context, public map[asset.Kind]bool) error {
	kinds := c.kinds(ctx)
	refused := make([]error, len(kinds))
	for i, k := range kinds {
		if public[k] && c.auth.browsing() == "" {
			refused[i] = c.hidden(k)
			continue
		}
		_, err := c.page(ctx, k, 0, 1)
		if !isDenied(err) {
			return err
		}
		refused[i] = err
	}
	_, err := deniedKinds(kinds, refused)
	return err
}

// rights says what this account is not shown, and which names commits lack.
func (c *conn) rights(ctx context.Context) []string {
	var notes []string
	a, err := c.account(ctx)
	if err != nil {
		notes = append(notes, "what this account may see cannot be told: "+err.Error())
	} else {
		notes = a.notes(c.kinds(ctx))
	}
	err = c.http.JSON(ctx, apihttp.Request{Path: "/api/v1/security/users/", Query: rison("(page_size:1,columns:!(id))")}, nil)
	var e *apihttp.Error
	switch {
	case errors.As(err, &e) && e.Status == http.StatusNotFound:
		notes = append(notes, "the users API is off (FAB_ADD_SECURITY_API): commits name editors without their e-mail")
	case isDenied(err):
		notes = append(notes, "this account may not list users ("+permit{"can_get", "User"}.String()+"): commits name editors without their e-mail")
	}
	return notes
}

// Delete removes one asset. What is not there is no error.
func (c *conn) Delete(ctx context.Context, id asset.ID) error {
	e, ok, err := c.toDelete(ctx, id)
	if err != nil || !ok {
		return err
	}
	if t := traitOf(id.Kind); t.record != nil {
		err = t.record.remove(ctx, c, e)
	} else {
		err = c.deleteRow(ctx, id.Kind, e.row)
	}
	if isDenied(err) {
		err = fmt.Errorf("only an administrator, or an owner with %s, may delete it: %w", permit{"can_write", view(id.Kind)}, err)
	}
	if err != nil {
		return fmt.Errorf("delete %s %q: %w", id, e.info.Title, err)
	}
	c.forget(id)
	return nil
}

// toDelete finds what is to be deleted. What is known by its name is looked up
// anew: its row may have another name by now.
func (c *conn) toDelete(ctx context.Context, id asset.ID) (*entry, bool, error) {
	if !traitOf(id.Kind).named {
		return c.entry(ctx, id)
	}
	x, err := c.list(ctx, id.Kind)
	if err != nil {
		return nil, false, err
	}
	e, ok := x.get(id)
	if ok && e.bad != "" {
		return nil, false, fmt.Errorf("delete %s %q: %s", id, e.info.Title, e.bad)
	}
	return e, ok, nil
}
