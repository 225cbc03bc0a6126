package matih

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	mt "github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// TestLoginRefusals says why a login fails, without the password.
func TestLoginRefusals(t *testing.T) {
	locked := mt.User{ID: "user-2", Email: "lo@example.com", Locked: true}
	for _, c := range []struct {
		name     string
		server   []mt.Option
		options  string
		email    string
		password string
		want     string
	}{
		{"wrong password", nil, "", "admin@example.com", "not-this-one", "wrong e-mail or password"},
		{"echoing server", []mt.Option{mt.WithInputEcho()}, "", "admin@example.com", "not-this-one", "wrong e-mail or password"},
		{"second factor", []mt.Option{mt.WithMFA()}, "", "admin@example.com", "admin", "second factor, which a program cannot give: use auth.token or auth.api_key"},
		{"second factor in data", []mt.Option{mt.WithMFA(), mt.WithTokenEnvelope()}, "", "admin@example.com", "admin", "second factor"},
		{"locked", []mt.Option{mt.WithUsers(locked)}, "", "lo@example.com", "admin", "locked"},
		{"no credentials", nil, "", "", "", "there are no credentials: set auth.username"},
		{"malformed", nil, "", "admin", "admin", "auth.username must be an e-mail address"},
		{"other tenant", nil, "{tenant: {id: globex}}", "admin@example.com", "admin", `the token is for tenant "acme-corp" and options.tenant.id is "globex": nothing was read`},
	} {
		s := mt.New(c.server...)
		if c.name == "malformed" {
			s.Break(mt.Fault{Route: mt.Login, Do: mt.Status(http.StatusUnprocessableEntity)})
		}
		conn := connect(t, s, c.options, func(cfg *platform.Config) {
			cfg.Auth = platform.Auth{Username: c.email, Password: secret.Literal(c.password)}
		})
		_, err := conn.Ping(t.Context())
		var refused *platform.LoginError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a LoginError with %q", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "not-this-one") {
			t.Errorf("%s: the error shows the password", c.name)
		}
		if n := s.Count(mt.List) + s.Count(mt.Get); n > 0 {
			t.Errorf("%s: %d requests for content were made", c.name, n)
		}
	}
}

// TestTenants asks each server as it wants to be asked.
func TestTenants(t *testing.T) {
	for _, c := range []struct {
		name    string
		server  []mt.Option
		options string
		viewer  string
		err     string
	}{
		{"claim", nil, "", "acme-corp/user-1", ""},
		{"claim, checked", nil, "{tenant: {id: acme-corp}}", "acme-corp/user-1", ""},
		{"claim user_id", []mt.Option{mt.WithUserClaim("user_id")}, "", "acme-corp/user-1", ""},
		{"header", []mt.Option{mt.WithTenancy(mt.ByHeader)}, "{tenant: {by: header, id: acme-corp}}", "acme-corp/user-1", ""},
		{"header of another name", []mt.Option{mt.WithTenancy(mt.ByHeader), mt.WithTenantHeader("X-Org")}, "{tenant: {by: header, id: acme-corp, header: X-Org}}", "acme-corp/user-1", ""},
		{"header missing", []mt.Option{mt.WithTenancy(mt.ByHeader)}, "", "acme-corp/user-1", "status 400"},
		{"header of another tenant", []mt.Option{mt.WithTenancy(mt.ByHeader)}, "{tenant: {by: header, id: globex}}", "globex/user-1", "status 403"},
		{"query", []mt.Option{mt.WithTenancy(mt.ByQuery), mt.WithUserQuery()}, "{tenant: {by: query, id: acme-corp, user: user-1}}", "acme-corp/user-1", ""},
	} {
		s := filled(t, c.server...)
		conn := connect(t, s, c.options, withPassword)
		viewer, err := conn.Viewer(t.Context())
		if err != nil || viewer != c.viewer {
			t.Errorf("%s: viewer %q, %v, want %q", c.name, viewer, err, c.viewer)
		}
		got := export(t.Context(), conn, nil)
		if c.err == "" && (got.end != nil || len(got.raws) != len(s.Dashboards())) || c.err != "" && (got.end == nil || !strings.Contains(got.end.Error(), c.err)) {
			t.Errorf("%s: %d documents, %v", c.name, len(got.raws), got.end)
		}
	}
}

// TestStaticTokens sends tokens and keys as they are, and resolves them anew once
// when they are refused.
func TestStaticTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("mk_test_old")
	s := filled(t, mt.WithKeyHeader("X-API-Key"), mt.WithToken("mk_test_new", mt.Admin().ID))
	c := connect(t, s, "{api_key_header: X-API-Key}", func(cfg *platform.Config) { cfg.Auth = platform.Auth{APIKey: secret.File(file)} })
	_, err := c.List(t.Context())
	var refused *platform.LoginError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "does not take the configured token or key") || strings.Contains(err.Error(), "mk_test_old") {
		t.Errorf("a refused key gives %v", err)
	}
	write("mk_test_new")
	if infos, err := c.List(t.Context()); err != nil || len(infos) != len(s.Dashboards()) {
		t.Errorf("a renewed key: %d dashboards, %v", len(infos), err)
	}
	if v, err := c.Viewer(t.Context()); v != "" || err != nil {
		t.Errorf("an opaque key's viewer is %q, %v", v, err)
	}
	if p, err := c.Ping(t.Context()); err != nil || p.User != "the holder of auth.api_key" || p.Version != "" || !p.Tested || len(p.Notes) != 3 {
		t.Errorf("Ping: %+v, %v", p, err)
	}
	c = connect(t, filled(t), "{tenant: {id: acme-corp}}", static)
	if _, err := c.List(t.Context()); !errors.As(err, &refused) || !strings.Contains(err.Error(), "names no tenant: set options.tenant.by to header or query") {
		t.Errorf("an opaque token for a tenant that must be checked: %v", err)
	}
}

func TestTokenOf(t *testing.T) {
	k := newClock()
	s := newSession(platform.Config{}, &Options{}, k.now)
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	in := func(d time.Duration) time.Time { return k.now().Add(d) }
	unix := k.now().Unix()
	for _, c := range []struct {
		answer          string
		access, refresh string
		renew           time.Time
	}{
		{`{"access_token":"a","refresh_token":"r","expires_in":900}`, "a", "r", in(14 * time.Minute)},
		{`{"success":true,"data":{"accessToken":"a","refreshToken":"r","expiresIn":900}}`, "a", "r", in(14 * time.Minute)},
		{`{"token":"a"}`, "a", "", time.Time{}},
		{`{"token":"a","expires_in":40}`, "a", "", in(30 * time.Second)},
		{`{"token":"a","expires_in":0}`, "a", "", time.Time{}},
		{fmt.Sprintf(`{"token":%q}`, jwt(fmt.Sprintf(`{"exp":%d}`, unix+600))), "", "", in(9 * time.Minute)},
		// The server's clock is an hour behind: the lifetime counts.
		{fmt.Sprintf(`{"token":%q}`, jwt(fmt.Sprintf(`{"iat":%d,"exp":%d}`, unix-3600, unix-3000))), "", "", in(9 * time.Minute)},
		{`{"mfa_required":true,"mfa_token":"m"}`, "", "", time.Time{}},
		{`{"token":5}`, "", "", time.Time{}},
		{`[]`, "", "", time.Time{}},
	} {
		n, err := asset.FromJSON(c.answer)
		if err != nil {
			t.Fatal(err)
		}
		got := s.tokenOf(n)
		if c.access != "" && got.access != c.access || got.refresh != c.refresh || !got.renew.Equal(c.renew) {
			t.Errorf("%s: %+v", c.answer, got)
		}
	}
	for _, bad := range []string{"", "a.b.c", "a.b", "....", jwt("[1]"), jwt(`{"exp":"soon"}`), strings.Repeat("x", 70_000)} {
		if got := claimsOf(bad); got != (claims{}) {
			t.Errorf("%.40q has claims %+v", bad, got)
		}
	}
	// An id that is a number hides neither itself nor the tenant.
	if got := claimsOf(jwt(`{"user_id":42,"tenant_id":7,"exp":900}`)); got != (claims{UserID: "42", Tenant: "7", Exp: 900}) {
		t.Errorf("claims %+v", got)
	}
}

// TestOneLoginForMany lets many requests wait for one login.
func TestOneLoginForMany(t *testing.T) {
	s := mt.New()
	s.Many(50)
	c := connect(t, s, "{rate: {per_minute: 600000, concurrency: 16}}", withPassword)
	whole(t, c)
	s.ForgetSessions()
	s.ResetLog()
	whole(t, c)
	if s.Count(mt.Login) != 1 {
		t.Errorf("%d logins after all tokens were forgotten", s.Count(mt.Login))
	}
	if n := len(s.Requests()); n > 50+2+1+1+16 {
		t.Errorf("%d requests for 50 dashboards", n)
	}
}

// TestTenantIsToldAtLogin sends the tenant's header with the login too.
func TestTenantIsToldAtLogin(t *testing.T) {
	var at []string
	h := &wire{answer: func(w http.ResponseWriter, r *http.Request) {
		at = append(at, r.URL.Path+" "+r.Header.Get("X-Org")+r.URL.Query().Get("tenant_id"))
		if r.Method == http.MethodPost {
			fmt.Fprint(w, `{"token":"t"}`)
			return
		}
		fmt.Fprint(w, `{"items":[],"total":0}`)
	}}
	for _, options := range []string{"{tenant: {by: header, id: acme, header: X-Org}}", "{tenant: {by: query, id: acme}}"} {
		at = nil
		if _, err := connect(t, h, options, withPassword).List(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, line := range at {
			if !strings.HasSuffix(line, " acme") {
				t.Errorf("%s: %s does not name the tenant", options, line)
			}
		}
	}
}
