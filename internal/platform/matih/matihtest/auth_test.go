package matihtest_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	mt "github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
)

const (
	loginPath   = "POST /api/v1/auth/login"
	refreshPath = "POST /api/v1/auth/refresh"
	credentials = `{"email":"admin@example.com","password":"admin"}`
)

// login gives the two tokens of an answer in snake_case.
func login(t *testing.T, s http.Handler, body string) (access, refresh string) {
	t.Helper()
	a := ask(s, step{do: loginPath, body: body, head: "-"})
	m, _ := parse(t, a.Body.String()).(map[string]any)
	access, _ = m["access_token"].(string)
	refresh, _ = m["refresh_token"].(string)
	if a.Code != http.StatusOK || access == "" || refresh == "" {
		t.Fatalf("login: %d %s", a.Code, a.Body)
	}
	return access, refresh
}

func refreshBody(token string) string { return fmt.Sprintf(`{"refreshToken":%q}`, token) }

func TestLogin(t *testing.T) {
	run(t, []script{
		{name: "snake", steps: []step{{do: loginPath, head: "-", body: credentials, status: 200, want: `{"access_token":"…","refresh_token":"…","token_type":"Bearer","expires_in":900}`}}},
		{name: "camel in data", opts: []mt.Option{mt.WithCamelCase(), mt.WithTokenEnvelope()}, steps: []step{
			{do: loginPath, head: "-", body: credentials, status: 200, want: `{"success":true,"data":{"accessToken":"…","refreshToken":"…","tokenType":"Bearer","expiresIn":900}}`}}},
		{name: "refused", steps: []step{
			{do: loginPath, head: "-", body: `{"email":"admin@example.com","password":"wrong"}`, status: 401, want: `{"detail":"Invalid credentials"}`},
			{do: loginPath, head: "-", body: `{"email":"nobody@example.com","password":"admin"}`, status: 401},
			{do: loginPath, head: "-", body: `{"username":"admin","password":"admin"}`, status: 422, want: `{"detail":[{"loc":["body","email"],"type":"missing"}]}`},
		}},
		{name: "refused by the gateway", opts: []mt.Option{mt.WithErrors(mt.ErrorsGateway)}, steps: []step{
			{do: loginPath, head: "-", body: `{"email":"admin@example.com","password":"wrong"}`, status: 401, want: `{"success":false,"error":{"code":"UNAUTHORIZED","category":"AUTHENTICATION"}}`}}},
		{name: "mfa", opts: []mt.Option{mt.WithMFA()}, steps: []step{{do: loginPath, head: "-", body: credentials, status: 200, want: `{"mfa_required":true,"mfa_token":"…"}`, not: "access"}}},
		{name: "mfa camel", opts: []mt.Option{mt.WithMFA(), mt.WithCamelCase()}, steps: []step{{do: loginPath, head: "-", body: credentials, status: 200, want: `{"mfaRequired":true,"mfaToken":"…"}`}}},
		{name: "locked", opts: []mt.Option{mt.WithUsers(mt.User{ID: "user-2", Email: "u2@example.com", Locked: true})}, steps: []step{
			{do: loginPath, head: "-", body: `{"email":"u2@example.com","password":"admin"}`, status: 423}}},
		{name: "locked after two tries", opts: []mt.Option{mt.WithLockAfter(2)}, steps: []step{
			{do: loginPath, head: "-", body: `{"email":"admin@example.com","password":"wrong"}`, status: 401},
			{do: loginPath, head: "-", body: credentials, status: 200},
			{do: loginPath, head: "-", body: `{"email":"admin@example.com","password":"wrong"}`, status: 401},
			{do: loginPath, head: "-", body: `{"email":"admin@example.com","password":"wrong"}`, status: 401},
			{do: loginPath, head: "-", body: credentials, status: 423},
		}},
	})
}

func TestClaims(t *testing.T) {
	for _, claim := range []string{"sub", "user_id"} {
		s := mt.New(mt.WithClock(newClock().now), mt.WithUserClaim(claim))
		access, refresh := login(t, s, credentials)
		for token, kind := range map[string]string{access: "access", refresh: "refresh"} {
			raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
			if err != nil {
				t.Fatal(err)
			}
			end := map[string]time.Duration{"access": 15 * time.Minute, "refresh": 7 * 24 * time.Hour}[kind]
			want := fmt.Sprintf(`{%q:"user-1","tenant_id":"acme-corp","roles":["admin"],"type":%q,"exp":%d,"jti":"…","iss":"…"}`, claim, kind, newClock().t.Add(end).Unix())
			if d := mismatch("", parse(t, want), parse(t, string(raw))); d != "" {
				t.Errorf("%s token with %s: %s in %s", kind, claim, d, raw)
			}
		}
		play(t, s, claim, step{do: base, head: "Authorization: Bearer " + access, status: 200})
	}
}

func TestAccessIsRefusedWithout(t *testing.T) {
	s := mt.New()
	access, refresh := login(t, s, credentials)
	parts := strings.Split(access, ".")
	for name, head := range map[string]string{
		"no header": "-", "no bearer": "Authorization: Basic YTpi", "an unknown key": "Authorization: Bearer mk_live_x", "the refresh token": "Authorization: Bearer " + refresh,
		"another signature": "Authorization: Bearer " + parts[0] + "." + parts[1] + ".AAAA", "an empty token": "Authorization: Bearer ",
	} {
		play(t, s, name, step{do: base, head: head, status: 401, header: "WWW-Authenticate: Bearer"})
	}
	play(t, s, "the access token", step{do: base, head: "Authorization: Bearer " + access, status: 200})
	play(t, s, "access token as refresh token", step{do: refreshPath, head: "-", body: refreshBody(access), status: 401})
	play(t, s, "refresh without token", step{do: refreshPath, head: "-", body: `{"refresh_token":"x"}`, status: 422})
}

func TestTokensEnd(t *testing.T) {
	c := newClock()
	s := mt.New(mt.WithClock(c.now), mt.WithErrors(mt.ErrorsGateway))
	access, refresh := login(t, s, credentials)
	with := func(token string, status int, want string) step {
		return step{do: base, head: "Authorization: Bearer " + token, status: status, want: want}
	}
	c.advance(15*time.Minute - time.Second)
	play(t, s, "a second before", with(access, 200, ""))
	c.advance(time.Second)
	play(t, s, "after 15 minutes", with(access, 401, `{"error":{"code":"TOKEN_EXPIRED"}}`))
	play(t, s, "refresh", step{do: refreshPath, head: "-", body: refreshBody(refresh), status: 200, want: `{"access_token":"…"}`})
	play(t, s, "refresh again", step{do: refreshPath, head: "-", body: refreshBody(refresh), status: 200})

	access, refresh = login(t, s, credentials)
	s.ExpireTokens()
	play(t, s, "expired by hand", with(access, 401, `{"error":{"code":"TOKEN_EXPIRED"}}`))
	play(t, s, "the static token goes on", with(mt.Token, 200, ""))
	play(t, s, "the refresh token goes on", step{do: refreshPath, head: "-", body: refreshBody(refresh), status: 200})
	s.ForgetSessions()
	play(t, s, "forgotten", step{do: refreshPath, head: "-", body: refreshBody(refresh), status: 401})
	_, refresh = login(t, s, credentials)
	c.advance(7 * 24 * time.Hour)
	play(t, s, "after 7 days", step{do: refreshPath, head: "-", body: refreshBody(refresh), status: 401})
}

func TestSingleUseRefresh(t *testing.T) {
	s := mt.New(mt.WithSingleUseRefresh())
	_, refresh := login(t, s, credentials)
	a := ask(s, step{do: refreshPath, head: "-", body: refreshBody(refresh)})
	m, _ := parse(t, a.Body.String()).(map[string]any)
	next, _ := m["refresh_token"].(string)
	play(t, s, "used", step{do: refreshPath, head: "-", body: refreshBody(refresh), status: 401})
	play(t, s, "the next one", step{do: refreshPath, head: "-", body: refreshBody(next), status: 200})
}

func TestKeyHeader(t *testing.T) {
	s := mt.New(mt.WithKeyHeader("X-API-Key"), mt.WithToken("mk_live_2", "user-1"))
	access, _ := login(t, s, credentials)
	play(t, s, "in its header", step{do: base, head: "X-API-Key: mk_live_2", status: 200})
	play(t, s, "as bearer", step{do: base, head: "Authorization: Bearer mk_live_2", status: 401})
	play(t, s, "a JWT as bearer", step{do: base, head: "Authorization: Bearer " + access, status: 200})
	play(t, s, "unknown", step{do: base, head: "X-API-Key: nothing", status: 401})
}

func TestTenancy(t *testing.T) {
	auth := "Authorization: Bearer " + mt.Token + "\n"
	run(t, []script{
		{name: "claim", steps: []step{{do: base, head: auth + "X-Tenant-ID: globex", status: 200}}},
		{name: "header", opts: []mt.Option{mt.WithTenancy(mt.ByHeader), mt.WithErrors(mt.ErrorsGateway)}, steps: []step{
			{do: base, status: 400},
			{do: base, head: auth + "X-Tenant-ID: globex", status: 403, want: `{"error":{"code":"TENANT_MISMATCH","category":"AUTHORIZATION"}}`},
			{do: base, head: auth + "X-Tenant-ID: acme-corp", status: 200},
		}},
		{name: "other header", opts: []mt.Option{mt.WithTenancy(mt.ByHeader), mt.WithTenantHeader("X-Org")}, steps: []step{
			{do: base, head: auth + "X-Tenant-ID: acme-corp", status: 400}, {do: base, head: auth + "X-Org: acme-corp", status: 200}}},
		{name: "query", opts: []mt.Option{mt.WithTenancy(mt.ByQuery)}, steps: []step{
			{do: base, status: 422, want: `{"detail":[{"loc":["query","tenant_id"],"type":"missing"}]}`},
			{do: base + "?tenant_id=globex", status: 403},
			{do: base + "?tenant_id=acme-corp", status: 200},
			{do: base + "?tenant_id=acme-corp&user_id=user-9", status: 403},
			{do: "POST " + base, body: board, status: 422},
			{do: "POST " + base + "?tenant_id=acme-corp", body: board, status: 201},
		}},
		{name: "query with user", opts: []mt.Option{mt.WithTenancy(mt.ByQuery), mt.WithUserQuery()}, steps: []step{
			{do: base + "?tenant_id=acme-corp", status: 422, want: `{"detail":[{"loc":["query","user_id"]}]}`},
			{do: base + "?tenant_id=acme-corp&user_id=user-1", status: 200},
		}},
		{name: "host", opts: []mt.Option{mt.WithTenancy(mt.ByHost)}, steps: []step{
			{do: "http://acme-corp.bi.example.com" + base, status: 200}, {do: "http://globex.bi.example.com" + base, status: 403}}},
	})
}

// views are what three accounts of two tenants see.
func TestWhoSeesWhat(t *testing.T) {
	users := mt.WithUsers(
		mt.User{ID: "user-2", Email: "u2@example.com", Teams: []string{"team-a"}},
		mt.User{ID: "user-3", Email: "u3@example.com", Teams: []string{"team-a"}},
		mt.User{ID: "user-4", Email: "u4@example.com"},
		mt.User{ID: "user-6", Email: "u6@example.com", Teams: []string{"team-b"}},
		mt.User{ID: "user-5", Email: "u5@example.com", Tenant: mt.Other, Roles: []string{"admin"}},
	)
	var keys []mt.Option
	for i := 2; i <= 6; i++ {
		keys = append(keys, mt.WithToken(fmt.Sprintf("key-%d", i), fmt.Sprintf("user-%d", i)))
	}
	list := `[{"id":"d-private","name":"a","visibility":"private"},{"id":"d-team","name":"b","visibility":"team"},{"id":"d-tenant","name":"c","visibility":"tenant"},
		{"id":"d-public","name":"d","visibility":"public"},{"id":"d-odd","name":"e","visibility":"galaxy"},{"id":"d-shared","name":"f","visibility":"private"}]`
	list = strings.ReplaceAll(list, `"name"`, `"created_by":"user-2","name"`)
	setup := func(more ...mt.Option) *mt.Server {
		s := mt.New(append(append([]mt.Option{users}, keys...), more...)...)
		seed(t, s, list)
		play(t, s, "share", step{do: "POST " + base + "/d-shared/share", body: `{"shared_with":["user-4","team-b"],"permissions":"view"}`,
			head: "Authorization: Bearer key-2\nContent-Type: application/json", status: 200})
		return s
	}
	s := setup(mt.WithForbidden())
	for key, want := range map[string]string{
		mt.Token: "d-private d-team d-tenant d-public d-odd d-shared", "key-2": "d-private d-team d-tenant d-public d-odd d-shared",
		"key-3": "d-team d-tenant d-public", "key-4": "d-tenant d-public d-shared", "key-6": "d-tenant d-public d-shared", "key-5": "",
	} {
		if got := strings.Join(listedIDs(t, s, base, key), " "); got != want {
			t.Errorf("%s is shown %q, want %q", key, got, want)
		}
	}
	as := func(s *mt.Server, key, do string, status int) {
		t.Helper()
		st := step{do: do, head: "Authorization: Bearer " + key, status: status}
		if strings.HasPrefix(do, "PUT") {
			st.body, st.head = board, st.head+"\nContent-Type: application/json"
		}
		play(t, s, key+" "+do, st)
	}
	as(s, "key-3", "GET "+base+"/d-private", 403)
	as(s, "key-3", "PUT "+base+"/d-private", 403)
	as(s, "key-5", "GET "+base+"/d-private", 404)
	as(s, "key-5", "GET "+base+"/d-public", 404)
	as(s, "key-3", "PUT "+base+"/d-team", 403) // owner or admin
	as(s, "key-3", "DELETE "+base+"/d-team", 403)
	as(s, "key-2", "PUT "+base+"/d-team", 200)
	as(s, mt.Token, "DELETE "+base+"/d-odd", 204)
	hidden := setup()
	as(hidden, "key-3", "GET "+base+"/d-private", 404)
	as(hidden, "key-3", "DELETE "+base+"/d-private", 404)
	blind := setup(mt.WithBlindAdmins())
	if got := strings.Join(listedIDs(t, blind, base, mt.Token), " "); got != "d-tenant d-public" {
		t.Errorf("a blind admin is shown %q", got)
	}
}

// listedIDs are the ids of a bare listing.
func listedIDs(t *testing.T, s http.Handler, path, key string) []string {
	t.Helper()
	a := ask(s, step{do: path, head: "Authorization: Bearer " + key})
	list, ok := parse(t, a.Body.String()).([]any)
	if !ok {
		t.Fatalf("GET %s: %d %s", path, a.Code, a.Body)
	}
	var ids []string
	for _, e := range list {
		m, _ := e.(map[string]any)
		id, _ := m["id"].(string)
		ids = append(ids, id)
	}
	return ids
}
