package superset

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// account is who is logged in and what Superset lets that account do: pairs of a
// permission and what it is for ("can_write", "Chart").
type account struct {
	name  string
	known bool     // the server told all of the following
	roles []string // names
	may   map[permit]bool
	// admin: it has the role Admin, which the server knows by its name
	// (AUTH_ROLE_ADMIN) and which no permission can stand in for.
	admin bool
	// limited: it is certainly no administrator.
	limited bool
}

// permit is a permission with what it is for.
type permit struct{ what, on string }

const adminRole = "Admin"

// can reports whether the account certainly has a permission.
func (a *account) can(what, on string) bool { return a.admin || a.may[permit{what, on}] }

// account is asked for once per connection.
func (c *conn) account(ctx context.Context) (*account, error) {
	c.mu.Lock()
	a := c.who
	c.mu.Unlock()
	if a != nil {
		return a, nil
	}
	return c.accountNow(ctx)
}

// accountNow asks although it may be known: an account may lose rights while we
// serve.
func (c *conn) accountNow(ctx context.Context) (*account, error) {
	v, err, _ := c.asking.Do("", func() (any, error) { return c.askAccount(ctx) })
	if err != nil {
		return nil, err
	}
	a := v.(*account)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who = a
	return a, nil
}

// askAccount reads /me/roles/, which lists roles with their permissions. It takes
// a token from 6.1.0 on; before, only the session of a browser (401 otherwise),
// so there is a login as by the form. Where that is not to be had (a configured
// token, single sign-on) what else only administrators are shown has to tell.
func (c *conn) askAccount(ctx context.Context) (*account, error) {
	version := c.version(ctx)
	var answer apihttp.Error
	if version == "" || !normalize.Older(version, "6.1.0") {
		a, err := c.myRoles(ctx, apihttp.Request{Path: "/api/v1/me/roles/"})
		nobody := err == nil && a.name == "" // Public may ask who it is
		if !nobody && (err == nil || !answered(err, &answer)) {
			return a, err
		}
	}
	if !c.auth.cfg.Password.IsZero() {
		cookie := c.auth.browsing()
		if cookie == "" {
			var err error
			if cookie, err = c.auth.browse(ctx); err != nil {
				return nil, err
			}
		}
		if cookie != "" {
			h := http.Header{"Cookie": {cookie}}
			a, err := c.myRoles(ctx, apihttp.Request{Path: "/api/v1/me/roles/", Header: h, NoAuth: true})
			if err == nil || !answered(err, &answer) {
				return a, err
			}
		}
	}
	return c.guessAccount(ctx)
}

// answered reports whether err is the server's refusal of a request that it
// understood, so that another one may do instead.
func answered(err error, e *apihttp.Error) bool {
	var answer *apihttp.Error
	if !errors.As(err, &answer) || answer.Temporary() {
		return false
	}
	*e = *answer
	return true
}

func (c *conn) myRoles(ctx context.Context, r apihttp.Request) (*account, error) {
	var out struct {
		Result struct {
			Username string                 `json:"username"`
			Roles    map[string][][2]string `json:"roles"`
		} `json:"result"`
	}
	if err := c.http.JSON(ctx, r, &out); err != nil {
		return nil, err
	}
	a := &account{name: out.Result.Username, known: true, may: map[permit]bool{}}
	for role, permits := range out.Result.Roles {
		a.roles = append(a.roles, role)
		for _, p := range permits {
			a.may[permit{p[0], p[1]}] = true
		}
	}
	slices.Sort(a.roles)
	a.admin = slices.Contains(a.roles, adminRole)
	a.limited = !a.admin
	return a, nil
}

// guessAccount looks for what else tells an administrator: the account's own row in
// the list of users, or, where that API is off (the default before 6.0.0), being
// shown the page of users. Who may not list users is none.
func (c *conn) guessAccount(ctx context.Context) (*account, error) {
	a := &account{name: c.auth.cfg.Username, may: map[permit]bool{}}
	var answer apihttp.Error
	roles, found, err := c.rolesInList(ctx)
	switch {
	case found:
		a.roles = roles
		a.admin = slices.Contains(roles, adminRole)
		a.limited = !a.admin
		return a, nil
	case err != nil && !answered(err, &answer):
		return nil, err
	case answer.Status == http.StatusForbidden:
		a.limited = true
		return a, nil
	}
	res, err := c.http.Do(ctx, apihttp.Request{Path: "/api/v1/menu/"})
	switch {
	case err == nil:
		a.admin = strings.Contains(string(res.Body), `"List Users"`)
		a.limited = !a.admin
	case !answered(err, &answer):
		return nil, err
	}
	return a, nil
}

// rolesInList finds the account among the users, by its name or by the row id that
// its token carries.
func (c *conn) rolesInList(ctx context.Context) (roles []string, found bool, err error) {
	for n := 0; ; n++ {
		var out struct {
			Count int `json:"count"`
			Rows  []struct {
				ID       int    `json:"id"`
				Username string `json:"username"`
				Roles    []struct {
					Name string `json:"name"`
				} `json:"roles"`
			} `json:"result"`
		}
		q := fmt.Sprintf("(order_column:username,order_direction:asc,page:%d,page_size:%d,columns:!(id,username,roles.name))", n, pageSize)
		if err := c.http.JSON(ctx, apihttp.Request{Path: "/api/v1/security/users/", Query: rison(q)}, &out); err != nil {
			return nil, false, err
		}
		id := c.auth.subject() // there is a token now
		for _, r := range out.Rows {
			if r.Username != "" && r.Username == c.auth.cfg.Username || id != "" && strconv.Itoa(r.ID) == id {
				for _, role := range r.Roles {
					roles = append(roles, role.Name)
				}
				return roles, true, nil
			}
		}
		if len(out.Rows) == 0 || (n+1)*pageSize >= out.Count {
			return nil, false, nil
		}
	}
}

// subject is the row id of the user that the token in use names, "" when it is no
// JWT. It is only read: the server judges the token.
func (s *session) subject() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := strings.Split(s.access, ".")
	if len(parts) != 3 {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Sub any `json:"sub"`
	}
	if json.Unmarshal(raw, &claims) != nil || claims.Sub == nil {
		return ""
	}
	return fmt.Sprint(claims.Sub)
}

// part says of which part of a kind a listing shows this account; "" for all of
// it (charts/filters.py, dashboards/filters.py, databases/filters.py, views/base.py
// DatasourceFilter, reports/filters.py, queries/saved_queries/filters.py: alike in
// 4.1.4 to 6.1.0).
func (a *account) part(k asset.Kind) string {
	why := ""
	switch k {
	case kindDashboard:
		why = "to an account that is no administrator Superset shows only published dashboards and its own"
	case kindDataset, kindChart:
		if !a.can("all_datasource_access", "all_datasource_access") {
			why = "to an account without all_datasource_access Superset shows only what uses data that it may access"
		}
	case kindDatabase:
		if !a.can("all_database_access", "all_database_access") {
			why = "to an account without all_database_access Superset shows only databases that it may access"
		}
	case kindReport:
		if !a.can("all_datasource_access", "all_datasource_access") {
			why = "to an account without all_datasource_access Superset shows only its own reports"
		}
	case kindSavedQuery:
		return "Superset shows each account, also an administrator, only the saved queries that it made itself"
	}
	switch {
	case why == "", a.admin:
		return ""
	case !a.known && !a.limited:
		return "whether this account is an administrator cannot be told: " + why
	}
	return why
}

// parts says which kinds are shown in part only.
func (a *account) parts(kinds []asset.Kind) []asset.KindError {
	var out []asset.KindError
	for _, k := range kinds {
		if why := a.part(k); why != "" {
			out = append(out, asset.KindError{Kind: k, Why: why, Reason: asset.InPart})
		}
	}
	return out
}

// browse logs in as the form of the login page does and returns the session's
// cookie, "" when the server has no such login for this account. The CSRF token
// that the form needs came with the page, or is the one that the API gives.
func (s *session) browse(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.browseHeld(ctx)
}

func (s *session) browseHeld(ctx context.Context) (string, error) {
	password, err := s.cfg.Password.Resolve(ctx)
	if err != nil {
		return "", err
	}
	if s.access == "" {
		if err := s.login(ctx); err != nil {
			return "", err
		}
	}
	var answer apihttp.Error
	with := s.form
	if s.form = (form{}); with.csrf == "" { // else the page that told the version brought them
		if s.csrf == "" {
			err := s.fetchCSRF(ctx)
			switch {
			case err != nil && answered(err, &answer):
				return "", nil
			case err != nil:
				return "", err
			}
		}
		with = form{s.csrf, s.cookies}
	}
	filled := url.Values{"username": {s.cfg.Username}, "password": {password}, "csrf_token": {with.csrf}}
	h := http.Header{"Cookie": {strings.Join(with.cookies, "; ")}, "Referer": {s.http.BaseURL() + "/login/"}}
	res, err := s.http.Do(ctx, apihttp.Request{Method: http.MethodPost, Path: "/login/", Body: []byte(filled.Encode()), Header: h,
		ContentType: "application/x-www-form-urlencoded", Accept: "text/html", Want: []string{"text/html"}, NoAuth: true, Redirects: true})
	switch {
	case err != nil && answered(err, &answer):
		return "", nil
	case err != nil:
		return "", err
	}
	at, err := url.Parse(res.Header.Get("Location"))
	if res.Status/100 != 3 || err != nil || strings.HasSuffix(strings.TrimSuffix(at.Path, "/"), "/login") {
		return "", nil
	}
	return strings.Join(cookiesOf(res.Header), "; "), nil
}

// notes says for people what the account is not shown.
func (a *account) notes(kinds []asset.Kind) []string {
	var out []string
	names := map[string][]string{}
	for _, p := range a.parts(kinds) {
		if names[p.Why] == nil {
			out = append(out, p.Why)
		}
		names[p.Why] = append(names[p.Why], p.Kind.Plural())
	}
	for i, why := range out {
		out[i] = strings.Join(names[why], ", ") + ": " + why
	}
	return out
}
