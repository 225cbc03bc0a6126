package superset

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// session holds the credentials of one connection: a bearer token for every
// request, for writes a CSRF token with the cookie it belongs to, and where the
// token is not enough the session of a browser.
type session struct {
	http     *apihttp.Client
	instance string
	cfg      platform.Auth

	mu      sync.Mutex
	access  string
	refresh string
	csrf    string
	cookies []string
	browser string // cookie of a login by the form; goes with every request (public.go)
	form    form   // that was seen last, if any
}

// form is what a login form has to be sent with.
type form struct {
	csrf    string
	cookies []string
}

// formToken finds the token of the form in the login page: in a hidden field up to
// 5.0.0, from 6.0.0 on in one for the frontend (measured on 4.1.4 and 6.1.0).
var formToken = regexp.MustCompile(`name="csrf_token"[^>]*value="([^"]{1,500})"`)

// keepForm remembers the token and the cookie that came with a login page.
func (s *session) keepForm(page *apihttp.Response) {
	m := formToken.FindSubmatch(page.Body)
	cookies := cookiesOf(page.Header)
	if m == nil || len(cookies) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.form = form{html.UnescapeString(string(m[1])), cookies}
}

// Apply is part of apihttp.Auth.
func (s *session) Apply(ctx context.Context, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.access == "" {
		if err := s.login(ctx); err != nil {
			return err
		}
	}
	r.Header.Set("Authorization", "Bearer "+s.access)
	if s.browser != "" {
		r.Header.Set("Cookie", s.browser)
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	if s.csrf == "" {
		if err := s.fetchCSRF(ctx); err != nil {
			return err
		}
	}
	r.Header.Set("X-CSRFToken", s.csrf)
	r.Header.Set("Referer", s.http.BaseURL()+"/")
	r.Header.Set("Cookie", strings.Join(s.cookies, "; "))
	return nil
}

// Refresh is part of apihttp.Auth. The refresh token lives 30 days, the access
// token 15 minutes; when it is refused too, the login is done again with secrets
// resolved anew. A browser's session is made anew as well: without it, requests
// would go on as those of nobody.
func (s *session) Refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.renew(ctx); err != nil || s.browser == "" {
		return err
	}
	over := s.browser
	s.browser = "" // the form is for who is not logged in
	cookie, err := s.browseHeld(ctx)
	if err == nil && cookie == "" {
		err = &platform.LoginError{Instance: s.instance, User: s.cfg.Username, Reason: "the login form, which took this account before, does not any more"}
	}
	if s.browser, s.csrf, s.cookies = cookie, "", nil; err != nil {
		s.browser = over // never none
	}
	return err
}

func (s *session) renew(ctx context.Context) error {
	before, wrote := s.access, s.csrf != ""
	s.csrf, s.cookies = "", nil
	if s.refresh != "" {
		var out struct {
			Access string `json:"access_token"`
		}
		h := http.Header{"Authorization": {"Bearer " + s.refresh}}
		s.refresh = "" // used once, so that a refresh token gone bad leads to a login
		err := s.http.JSON(ctx, apihttp.Request{Method: http.MethodPost, Path: "/api/v1/security/refresh", Header: h, NoAuth: true, Repeatable: true}, &out)
		if err == nil && out.Access != "" {
			s.access = out.Access
			return nil
		}
	}
	if err := s.login(ctx); err != nil {
		return err
	}
	if s.access == before && !wrote { // else it may be the CSRF token that was refused
		return &platform.LoginError{Instance: s.instance, User: s.cfg.Username, Reason: "the server does not take the configured token"}
	}
	return nil
}

func (s *session) login(ctx context.Context) error {
	s.access, s.refresh = "", ""
	if v := firstSet(s.cfg.Token, s.cfg.APIKey); !v.IsZero() {
		token, err := v.Resolve(ctx)
		if err != nil {
			return fmt.Errorf("instance %s: auth.token: %w", s.instance, err)
		}
		s.access = token
		return nil
	}
	password, err := s.cfg.Password.Resolve(ctx)
	if err != nil {
		return fmt.Errorf("instance %s: auth.password: %w", s.instance, err)
	}
	provider := s.cfg.Provider
	if provider == "" {
		provider = "db" // without it Superset answers 500 (measured, 4.1.4 to 6.1.0)
	}
	body, err := json.Marshal(map[string]any{"username": s.cfg.Username, "password": password, "provider": provider, "refresh": true})
	if err != nil {
		return err
	}
	var out struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	err = s.http.JSON(ctx, apihttp.Request{Method: http.MethodPost, Path: "/api/v1/security/login", Body: body,
		ContentType: "application/json", NoAuth: true, Repeatable: true}, &out)
	var e *apihttp.Error
	switch {
	case errors.As(err, &e) && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden):
		return &platform.LoginError{Instance: s.instance, User: s.cfg.Username,
			Reason: fmt.Sprintf("wrong name or password, or not a user of provider %q (auth.provider)", provider)}
	case err != nil:
		return err
	case out.Access == "":
		return &platform.LoginError{Instance: s.instance, User: s.cfg.Username, Reason: "the server's answer holds no token"}
	}
	s.access, s.refresh = out.Access, out.Refresh
	return nil
}

// fetchCSRF gets the token and the session cookie that every write needs; without
// them Superset answers with a redirect to its login page (measured).
func (s *session) fetchCSRF(ctx context.Context) error {
	h := http.Header{"Authorization": {"Bearer " + s.access}}
	if s.browser != "" {
		h.Set("Cookie", s.browser)
	}
	res, err := s.http.Do(ctx, apihttp.Request{Path: "/api/v1/security/csrf_token/", Header: h, NoAuth: true})
	if err != nil {
		return err
	}
	var out struct {
		Result string `json:"result"`
	}
	if err := json.NewDecoder(bytes.NewReader(res.Body)).Decode(&out); err != nil || out.Result == "" {
		return fmt.Errorf("instance %s: the server's answer holds no CSRF token", s.instance)
	}
	s.csrf, s.cookies = out.Result, nil
	if s.browser != "" { // unchanged when the answer brings no other
		s.cookies = []string{s.browser}
	}
	if fresh := cookiesOf(res.Header); len(fresh) > 0 {
		s.cookies = fresh
	}
	return nil
}

func cookiesOf(h http.Header) (out []string) {
	for _, c := range (&http.Response{Header: h}).Cookies() {
		out = append(out, c.Name+"="+c.Value)
	}
	return out
}

// expired tells which answers mean that the session is over: 401; 422 with "msg"
// for a token the server cannot read; and for a write a redirect to the login
// page or 400 "The CSRF token is missing" (measured, 4.1.4 to 6.1.0).
func expired(e *apihttp.Error) bool {
	switch {
	case e.Status == http.StatusUnauthorized:
		return true
	case e.Redirect != "":
		u, err := url.Parse(e.Redirect)
		return err == nil && strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), "/login")
	case e.Status == http.StatusUnprocessableEntity:
		var body struct {
			Msg string `json:"msg"`
		}
		return e.Decode(&body) == nil && body.Msg != ""
	case e.Status == http.StatusBadRequest:
		return strings.Contains(string(e.Body()), "CSRF")
	}
	return false
}

func firstSet(vs ...secret.Value) secret.Value {
	for _, v := range vs {
		if !v.IsZero() {
			return v
		}
	}
	return secret.Value{}
}

// rison wraps a query in Superset's parameter.
func rison(q string) url.Values { return url.Values{"q": {q}} }
