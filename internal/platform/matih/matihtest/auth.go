package matihtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const refreshLifetime = 7 * 24 * time.Hour

// User is an account.
type User struct {
	ID, Email, Password string
	Tenant              string
	Roles, Teams        []string
	Locked              bool // the login answers 423
	MFA                 bool // the login answers with a challenge
}

func (u *User) admin() bool { return slices.Contains(u.Roles, "admin") }

// sessions are accounts and what was given out to them.
type sessions struct {
	byID      map[string]*User
	byEmail   map[string]*User
	wrong     map[string]int // wrong passwords in a row, by email
	issued    int            // tokens given out so far; the last jti
	expired   int            // access tokens up to this one are expired
	forgotten int            // refresh tokens up to this one are unknown
	spent     map[int]bool   // refresh tokens used once
}

func newSessions(users []User) sessions {
	out := sessions{byID: map[string]*User{}, byEmail: map[string]*User{}, wrong: map[string]int{}, spent: map[int]bool{}}
	for _, u := range users {
		out.byID[u.ID], out.byEmail[u.Email] = &u, &u
	}
	return out
}

// ExpireTokens makes every access token given out so far an expired one.
// Refresh tokens and static tokens go on.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions.expired = s.sessions.issued
}

// ForgetSessions expires access tokens and refresh tokens alike.
func (s *Server) ForgetSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions.expired, s.sessions.forgotten = s.sessions.issued, s.sessions.issued
}

func (s *Server) login(c *call) (reply, *refusal) {
	body, f := c.object()
	if f != nil {
		return reply{}, f
	}
	email, _ := body["email"].(string)
	password, _ := body["password"].(string)
	for _, field := range []struct{ name, value string }{{"email", email}, {"password", password}} {
		if field.value == "" {
			return reply{}, invalid(problem{[]any{"body", field.name}, "Field required", "missing", nil})
		}
	}
	u := s.sessions.byEmail[email]
	tries := s.sessions.wrong
	locked := u != nil && (u.Locked || s.lockAfter > 0 && tries[email] >= s.lockAfter)
	switch {
	case locked:
		return reply{}, &refusal{status: http.StatusLocked, code: "ACCOUNT_LOCKED", message: "Account is locked"}
	case u == nil || u.Password != password:
		tries[email]++
		return reply{}, unauthorized("UNAUTHORIZED", "Invalid credentials")
	}
	delete(tries, email)
	if u.MFA {
		return s.tokens(map[string]any{"mfa_required": true, "mfa_token": "mfa-challenge", "mfa_methods": []any{"totp"}}), nil
	}
	return s.grant(u), nil
}

// refresh gives new tokens for {refreshToken}.
func (s *Server) refresh(c *call) (reply, *refusal) {
	body, f := c.object()
	if f != nil {
		return reply{}, f
	}
	text, ok := body["refreshToken"].(string)
	if !ok {
		return reply{}, invalid(problem{[]any{"body", "refreshToken"}, "Field required", "missing", nil})
	}
	u, id, f := s.bearer(text, "refresh")
	if f != nil {
		return reply{}, f
	}
	if s.singleUse {
		if s.sessions.spent[id] {
			return reply{}, unauthorized("UNAUTHORIZED", "Refresh token was used before")
		}
		s.sessions.spent[id] = true
	}
	return s.grant(u), nil
}

func (s *Server) grant(u *User) reply {
	return s.tokens(map[string]any{
		"access_token": s.token(u, "access", s.access), "refresh_token": s.token(u, "refresh", refreshLifetime),
		"token_type": "Bearer", "expires_in": int(s.access / time.Second),
	})
}

// tokens is an answer of the login in the chosen spelling.
func (s *Server) tokens(fields map[string]any) reply {
	if s.camelCase {
		fields = renamed(fields, camel)
	}
	if s.tokenData {
		return reply{status: http.StatusOK, body: map[string]any{"success": true, "data": fields}}
	}
	return reply{status: http.StatusOK, body: fields}
}

func camel(snake string) string {
	words := strings.Split(snake, "_")
	for i := 1; i < len(words); i++ {
		words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
	}
	return strings.Join(words, "")
}

// token signs a JWT with the claims that the vendor lists.
func (s *Server) token(u *User, kind string, life time.Duration) string {
	s.sessions.issued++
	now := s.now()
	claims := map[string]any{
		s.userClaim: u.ID, "tenant_id": u.Tenant, "roles": u.Roles, "type": kind, "iat": now.Unix(),
		"exp": now.Add(life).Unix(), "jti": strconv.Itoa(s.sessions.issued), "iss": "matih-iam",
	}
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc.EncodeToString(encoded(claims))
	return text + "." + signature(text)
}

// signature is good enough to notice a token that this server did not make.
func signature(text string) string {
	m := hmac.New(sha256.New, []byte("simulated server, not a secret"))
	m.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// bearer finds the account of a JWT of a kind.
func (s *Server) bearer(token, kind string) (*User, int, *refusal) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || !hmac.Equal([]byte(parts[2]), []byte(signature(parts[0]+"."+parts[1]))) {
		return nil, 0, unauthorized("UNAUTHORIZED", "Could not validate credentials")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, 0, unauthorized("UNAUTHORIZED", "Could not validate credentials")
	}
	var claims struct {
		Sub, Type, Jti string
		UserID         string `json:"user_id"`
		Exp            int64
	}
	if err := json.Unmarshal(raw, &claims); err != nil || claims.Type != kind {
		return nil, 0, unauthorized("UNAUTHORIZED", "Could not validate credentials")
	}
	id, _ := strconv.Atoi(claims.Jti)
	expired := kind == "access" && id <= s.sessions.expired || kind == "refresh" && id <= s.sessions.forgotten
	if expired || s.now().Unix() >= claims.Exp {
		return nil, 0, unauthorized("TOKEN_EXPIRED", "Token has expired")
	}
	u := s.sessions.byID[claims.Sub+claims.UserID]
	if u == nil {
		return nil, 0, unauthorized("UNAUTHORIZED", "Could not validate credentials")
	}
	return u, id, nil
}

// authenticate finds the account of a request: by JWT, or by static token.
func (s *Server) authenticate(c *call) *refusal {
	bearer, isBearer := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	key := bearer
	if s.keyHead != "" {
		key = c.r.Header.Get(s.keyHead)
	}
	if id, ok := s.keys[key]; ok && key != "" {
		c.user = s.sessions.byID[id]
	}
	switch {
	case c.user != nil:
		return nil
	case !isBearer:
		return unauthorized("UNAUTHORIZED", "Not authenticated")
	}
	u, _, f := s.bearer(bearer, "access")
	c.user = u
	return f
}
