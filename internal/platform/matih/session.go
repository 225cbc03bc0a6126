package matih

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// early is how long before its end a token is renewed.
const early = time.Minute

// young is the age up to which a renewed token that is refused leads to a login
// and not to one more renewal.
const young = time.Minute

// session holds the credentials of one connection: a token from a login, renewed
// before it ends, or a static one.
type session struct {
	http     *apihttp.Client
	instance string
	cfg      platform.Auth
	o        *Options
	now      func() time.Time

	turn chan struct{} // held while getting a token

	mu  sync.Mutex // guards tok
	tok token
}

// token is what a login gave.
type token struct {
	access, refresh string
	claims          claims
	got, renew      time.Time // renew is zero when the end is not known
	renewed         bool      // came by a refresh token
}

func newSession(cfg platform.Config, o *Options, now func() time.Time) *session {
	return &session{instance: cfg.Instance, cfg: cfg.Auth, o: o, now: now, turn: make(chan struct{}, 1)}
}

// static reports whether the token was configured and no login is possible.
func (s *session) static() bool { return !s.cfg.Token.IsZero() || !s.cfg.APIKey.IsZero() }

func (s *session) current() token {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tok
}

// user names the account for messages.
func (s *session) user() string {
	c := s.current().claims
	fallback := ""
	switch {
	case !s.cfg.Token.IsZero():
		fallback = "the holder of auth.token"
	case !s.cfg.APIKey.IsZero():
		fallback = "the holder of auth.api_key"
	}
	return cmp.Or(s.cfg.Username, string(c.Sub), string(c.UserID), s.o.Tenant.User, fallback)
}

func (s *session) viewer() string { return s.o.Tenant.viewer(s.current().claims, s.cfg.Username) }

func (s *session) refused(format string, args ...any) error {
	return &platform.LoginError{Instance: s.instance, User: s.user(), Reason: fmt.Sprintf(format, args...)}
}

// Apply is part of apihttp.Auth.
func (s *session) Apply(ctx context.Context, r *http.Request) error {
	if err := s.ensure(ctx); err != nil {
		return err
	}
	access := s.current().access
	if s.o.APIKeyHeader != "" && s.cfg.Token.IsZero() && !s.cfg.APIKey.IsZero() {
		r.Header.Set(s.o.APIKeyHeader, access)
	} else {
		r.Header.Set("Authorization", "Bearer "+access)
	}
	s.o.Tenant.tell(r)
	return nil
}

// ensure gets a token, or renews the one that is about to end.
func (s *session) ensure(ctx context.Context) error {
	return s.inTurn(ctx, func(t token) error {
		switch {
		case t.access == "":
			return s.login(ctx)
		case !t.renew.IsZero() && !s.now().Before(t.renew):
			return s.replace(ctx, t)
		}
		return nil
	})
}

// Refresh is part of apihttp.Auth: the server refused the present token. A token
// that was renewed just now is replaced by a new login.
func (s *session) Refresh(ctx context.Context) error {
	return s.inTurn(ctx, func(t token) error {
		if !s.static() {
			if t.renewed && s.now().Sub(t.got) < young {
				return s.login(ctx)
			}
			return s.replace(ctx, t)
		}
		if err := s.login(ctx); err != nil {
			return err
		}
		if s.current().access == t.access {
			return s.refused("the server does not take the configured token or key; make a new one and put it where the config reads it")
		}
		return nil
	})
}

// inTurn lets one caller at a time get a token.
func (s *session) inTurn(ctx context.Context, f func(token) error) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-s.turn }()
	return f(s.current())
}

// replace uses the refresh token, or logs in when there is none or it is refused.
func (s *session) replace(ctx context.Context, t token) error {
	if t.refresh == "" {
		return s.login(ctx)
	}
	answer, err := s.post(ctx, s.o.Paths.Refresh, asset.Map("refreshToken", t.refresh))
	var e *apihttp.Error
	if errors.As(err, &e) && e.Status/100 == 4 && !e.Temporary() {
		return s.login(ctx)
	}
	if err != nil {
		return err
	}
	next := s.tokenOf(answer)
	if next.access == "" {
		return s.login(ctx)
	}
	next.renewed = true
	if next.refresh == "" {
		next.refresh = t.refresh
	}
	return s.keep(next)
}

// login gets a token without any older one; a configured secret is resolved anew.
func (s *session) login(ctx context.Context) error {
	if s.static() {
		return s.resolve(ctx)
	}
	if s.cfg.Username == "" {
		return s.refused("there are no credentials: set auth.username (the e-mail) and auth.password, or auth.token, or auth.api_key")
	}
	password, err := s.cfg.Password.Resolve(ctx)
	if err != nil {
		return fmt.Errorf("instance %s: auth.password: %w", s.instance, err)
	}
	answer, err := s.post(ctx, s.o.Paths.Login, asset.Map("email", s.cfg.Username, "password", password))
	var e *apihttp.Error
	switch {
	case !errors.As(err, &e):
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		return s.refused("wrong e-mail or password, or the account may not log in (status %d)", e.Status)
	case e.Status == http.StatusLocked:
		return s.refused("the account is locked; an administrator of the server can unlock it")
	case e.Status == http.StatusBadRequest || e.Status == http.StatusUnprocessableEntity:
		return s.refused("the server does not understand the login (status %d); auth.username must be an e-mail address", e.Status)
	}
	if err != nil {
		return err
	}
	t := s.tokenOf(answer)
	switch {
	case t.access == "" && asksForMore(answer):
		return s.refused("the account needs a second factor, which a program cannot give: use auth.token or auth.api_key")
	case t.access == "":
		return s.refused("the server's answer holds no token")
	}
	return s.keep(t)
}

func (s *session) resolve(ctx context.Context) error {
	v, key := s.cfg.Token, "auth.token"
	if v.IsZero() {
		v, key = s.cfg.APIKey, "auth.api_key"
	}
	text, err := v.Resolve(ctx)
	if err != nil {
		return fmt.Errorf("instance %s: %s: %w", s.instance, key, err)
	}
	return s.keep(token{access: text, claims: claimsOf(text)})
}

// keep takes a token into use, when it is for the right tenant.
func (s *session) keep(t token) error {
	if why := s.o.Tenant.wrong(t.claims); why != "" {
		return s.refused("%s", why)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tok = t
	return nil
}

// post asks for a token. Logging in again does no harm.
func (s *session) post(ctx context.Context, path string, body *yaml.Node) (*yaml.Node, error) {
	text, err := asset.ToJSON(body)
	if err != nil {
		return nil, fmt.Errorf("instance %s: login: %w", s.instance, err)
	}
	r := apihttp.Request{Method: http.MethodPost, Path: path, Body: []byte(text), ContentType: "application/json", NoAuth: true, Repeatable: true}
	r.Header, r.Query = s.o.Tenant.told()
	res, err := s.http.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	answer, err := parse(res.Body)
	if err != nil {
		return nil, fmt.Errorf("instance %s: POST %s: %w", s.instance, path, err)
	}
	return answer, nil
}

// tokenOf reads the tokens of an answer, bare or below data, under the names
// that are in use. Without expires_in the token's own claims say when it ends;
// its lifetime counts, not the server's clock.
func (s *session) tokenOf(answer *yaml.Node) token {
	t := token{got: s.now()}
	var life time.Duration
	for _, at := range []*yaml.Node{answer, asset.Get(answer, "data")} {
		for _, key := range []string{"access_token", "accessToken", "token"} {
			t.access = cmp.Or(t.access, asset.Text(asset.Get(at, key)))
		}
		for _, key := range []string{"refresh_token", "refreshToken"} {
			t.refresh = cmp.Or(t.refresh, asset.Text(asset.Get(at, key)))
		}
		for _, key := range []string{"expires_in", "expiresIn"} {
			if sec, ok := number(asset.Get(at, key)); ok && sec > 0 && sec < 10*365*24*3600 {
				life = time.Duration(sec) * time.Second
			}
		}
	}
	t.claims = claimsOf(t.access)
	if c := t.claims; life == 0 && c.Exp > 0 {
		from := float64(t.got.Unix())
		if c.Iat > 0 && c.Iat < c.Exp {
			from = c.Iat
		}
		life = time.Duration(min(c.Exp-from, 10*365*24*3600)) * time.Second
	}
	if life > 0 {
		t.renew = t.got.Add(life - min(early, life/4))
	}
	return t
}

// asksForMore reports whether a login was answered by a challenge.
func asksForMore(answer *yaml.Node) bool {
	for _, at := range []*yaml.Node{answer, asset.Get(answer, "data")} {
		for key := range asset.Each(at) {
			k := strings.ToLower(key)
			if strings.Contains(k, "mfa") || strings.Contains(k, "challenge") || strings.Contains(k, "otp") {
				return true
			}
		}
	}
	return false
}

var _ apihttp.Auth = (*session)(nil)
