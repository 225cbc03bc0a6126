package supersettest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const refreshLifetime = 2592000 * time.Second

func itoa(n int) string { return strconv.Itoa(n) }

func (s *Server) serveVersion(w http.ResponseWriter, _ *http.Request) {
	writeBody(w, http.StatusOK, map[string]any{"build_number": nil, "version_sha": "", "version_string": s.version})
}

const loginPage = "<!DOCTYPE html>\n<html>\n  <head>\n    <title>Superset</title>\n  </head>\n  <body><div id=\"app\"%s></div></body>\n</html>\n"

// serveLoginPage shows the version among the data for the frontend, as every page
// of 4.1.4 to 6.1.0 does.
func (s *Server) serveLoginPage(w http.ResponseWriter, _ *http.Request) {
	data := `{"common": {"feature_flags": {"EMBEDDED_SUPERSET": ` + strconv.FormatBool(s.embeds) + `, "TAGGING_SYSTEM": ` + strconv.FormatBool(s.tagging) + s.softFlag() +
		`}, "menu_data": {"navbar_right": {"show_watermark": false, "version_string": "` + s.version + `", "version_sha": ""}}}}`
	s.mu.Lock()
	session, token := s.newSession()
	s.mu.Unlock()
	setSession(w, session)
	writeLoginPage(w, `><input name="csrf_token" type="hidden" value="`+token+`"></div><div data-bootstrap="`+html.EscapeString(data)+`"`)
}

// newSession is one of nobody, with its CSRF token.
func (s *Server) newSession() (session, token string) {
	n := len(s.sessions) + 1
	session, token = s.sign(fmt.Sprint("session", n)), s.sign(fmt.Sprint("csrf", n))
	s.sessions[session] = token
	return session, token
}

func setSession(w http.ResponseWriter, session string) {
	http.SetCookie(w, &http.Cookie{Name: "session", Value: session, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func writeLoginPage(w http.ResponseWriter, attributes string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = fmt.Fprintf(w, loginPage, attributes)
}

// serveLogin answers as security/login: 401 for a wrong password, 500 when the
// provider is absent, no refresh token unless asked for.
func (s *Server) serveLogin(w http.ResponseWriter, r *http.Request) {
	body, err := readJSON(r)
	if err != nil {
		writeBody(w, http.StatusBadRequest, map[string]any{"message": "Request payload is not JSON"})
		return
	}
	missing := newObject()
	for _, f := range []string{"username", "password"} {
		if _, ok := body.get(f).(string); !ok {
			missing.set(f, []any{"Missing data for required field."})
		}
	}
	provider := body.get("provider")
	switch {
	case len(missing.keys) > 0:
		writeBody(w, http.StatusBadRequest, map[string]any{"message": missing})
		return
	case provider == nil:
		writeBody(w, http.StatusInternalServerError, map[string]any{"message": "Fatal error"})
		return
	case provider != "db":
		writeBody(w, http.StatusBadRequest, map[string]any{"message": map[string]any{
			"provider": []string{"Must be one of: db, ldap.", "Alternative authentication provider is not allowed"}}})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, u := range s.users {
		if u.Username == body.str("username") && u.Password == body.str("password") {
			answer := map[string]any{"access_token": s.token(i+1, "access", s.accessed)}
			if body.get("refresh") == true {
				answer["refresh_token"] = s.token(i+1, "refresh", refreshLifetime)
			}
			writeBody(w, http.StatusOK, answer)
			return
		}
	}
	writeBody(w, http.StatusUnauthorized, map[string]any{"message": "Not authorized"})
}

func (s *Server) serveRefresh(w http.ResponseWriter, r *http.Request) {
	u, deny := s.bearer(r, "refresh")
	if deny != nil {
		deny(w)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.users {
		if s.users[i].Username == u.Username {
			writeBody(w, http.StatusOK, map[string]any{"access_token": s.token(i+1, "access", s.accessed)})
		}
	}
}

// token signs a JWT with the claims Flask-JWT-Extended gives. The lock is held.
func (s *Server) token(user int, kind string, life time.Duration) string {
	s.issued++
	now := s.now().Unix()
	claims := newObject()
	claims.set("fresh", kind == "access")
	claims.set("iat", int(now))
	claims.set("jti", itoa(s.issued))
	claims.set("type", kind)
	claims.set("sub", itoa(user))
	claims.set("nbf", int(now))
	claims.set("exp", int(now+int64(life/time.Second)))
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc.EncodeToString([]byte(mustJSON(claims)))
	return text + "." + s.sign(text)
}

func (s *Server) sign(text string) string {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// bearer finds the user of a request, or how to refuse it.
func (s *Server) bearer(r *http.Request, kind string) (*User, func(http.ResponseWriter)) {
	refuse := func(status int, msg string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, "{\"msg\":%q}\n", msg)
		}
	}
	head := r.Header.Get("Authorization")
	if head == "" {
		return nil, refuse(http.StatusUnauthorized, "Missing Authorization Header")
	}
	tok, ok := strings.CutPrefix(head, "Bearer ")
	if !ok {
		return nil, refuse(http.StatusUnauthorized, "Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'")
	}
	s.mu.Lock()
	fixed := s.tokens[tok]
	for i := range s.users {
		if fixed != "" && s.users[i].Username == fixed {
			s.mu.Unlock()
			return &s.users[i], nil
		}
	}
	s.mu.Unlock()
	parts := strings.Split(tok, ".")
	if len(parts) != 3 {
		return nil, refuse(http.StatusUnprocessableEntity, "Not enough segments")
	}
	if !hmac.Equal([]byte(parts[2]), []byte(s.sign(parts[0]+"."+parts[1]))) {
		return nil, refuse(http.StatusUnprocessableEntity, "Signature verification failed")
	}
	raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
	v, _ := decodeJSON(string(raw))
	claims, _ := v.(*object)
	s.mu.Lock()
	defer s.mu.Unlock()
	jti, _ := strconv.Atoi(claims.str("jti"))
	user, _ := strconv.Atoi(claims.str("sub"))
	exp, _ := strconv.ParseInt(string(claims.num("exp")), 10, 64)
	switch {
	case s.now().Unix() >= exp, claims.str("type") == "access" && jti <= s.expired:
		return nil, refuse(http.StatusUnauthorized, "Token has expired")
	case claims.str("type") != kind && kind == "refresh":
		return nil, refuse(http.StatusUnprocessableEntity, "Only refresh tokens are allowed")
	case claims.str("type") != kind:
		return nil, refuse(http.StatusUnprocessableEntity, "Only non-refresh tokens are allowed")
	case user < 1 || user > len(s.users) || s.users[user-1].Username == "":
		return nil, refuse(http.StatusUnauthorized, "User not found")
	}
	u := s.users[user-1]
	return &u, nil
}

func (o *object) num(key string) number { n, _ := o.get(key).(number); return n }

// authenticated runs a handler for a known user. The lock is held meanwhile:
// one transaction at a time. The answer is sent after, so that a client that
// reads slowly holds nobody up.
func (s *Server) authenticated(w http.ResponseWriter, r *http.Request, f func(*call)) {
	user, deny := s.asker(r)
	if deny != nil {
		deny(w)
		return
	}
	held := newAnswer()
	c := &call{w: held, r: r, user: user}
	func() {
		s.mu.Lock()
		defer s.mu.Unlock() // also when f panics: the test that found it out should not hang
		if p, any := s.needs(r); any && !s.can(c.user, p.What, p.On) {
			c.message(http.StatusForbidden, "Forbidden")
		} else {
			f(c)
		}
	}()
	held.send(w)
}

// csrfRefused answers a write that lacks the session cookie or the matching
// X-CSRFToken: 400 for a JSON body, a redirect to the login page otherwise.
func (s *Server) csrfRefused(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || strings.HasPrefix(r.URL.Path, "/api/v1/security/") || r.URL.Path == "/login/" {
		return false
	}
	reason := ""
	token := r.Header.Get("X-CSRFToken")
	cookie, err := r.Cookie("session")
	s.mu.Lock()
	switch {
	case token == "":
		reason = "The CSRF token is missing."
	case err != nil || s.sessions[cookie.Value] == "":
		reason = "The CSRF session token is missing."
	case s.sessions[cookie.Value] != token:
		reason = "The CSRF token is invalid."
	}
	s.mu.Unlock()
	if reason == "" {
		return false
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		backendError(http.StatusBadRequest, "400 Bad Request: "+reason).write(w)
		return true
	}
	target := "/login/"
	if s.since("6.0.0") {
		target += "?next=" + url.QueryEscape(r.URL.Path)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusFound)
	esc := html.EscapeString(target)
	_, _ = fmt.Fprintf(w, "<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n<h1>Redirecting...</h1>\n<p>You should be redirected automatically to the target URL: <a href=\"%s\">%s</a>. If not, click the link.\n", esc, esc)
	return true
}

func (s *Server) serveCSRF(c *call) {
	var session, token string
	if old, err := c.r.Cookie("session"); err == nil && s.sessions[old.Value] != "" {
		session, token = old.Value, s.sessions[old.Value]
	} else {
		session, token = s.newSession()
	}
	setSession(c.w, session)
	c.json(http.StatusOK, map[string]any{"result": token})
}

// serveMeBySession: before 6.1.0 this address takes a session, not a token.
func (s *Server) serveMeBySession(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	user := 0
	if cookie, err := r.Cookie("session"); err == nil {
		user = s.browsers[cookie.Value]
	}
	s.mu.Unlock()
	if user == 0 {
		serveMeRefused(w)
		return
	}
	s.authenticated(w, r, s.serveMe)
}

func serveMeRefused(w http.ResponseWriter) {
	writeBody(w, http.StatusUnauthorized, map[string]any{"message": "Not authorized"})
}

func (s *Server) serveMe(c *call) {
	if c.user == 0 { // the view goes by what the user has, and nobody has nothing
		c.json(http.StatusOK, map[string]any{"result": map[string]any{"is_active": false, "is_anonymous": true}})
		return
	}
	u := s.users[c.user-1]
	c.json(http.StatusOK, map[string]any{"result": map[string]any{
		"email": u.Email, "first_name": u.First, "id": c.user, "is_active": true, "is_anonymous": false,
		"last_name": u.Last, "login_count": s.issued, "username": u.Username}})
}

// serveMenu lists the menu; in 6.1.0 it says nothing about the version.
func (s *Server) serveMenu(c *call) {
	var items []any
	for _, name := range []string{"Dashboards", "Charts", "Datasets", "SQL Lab"} {
		items = append(items, map[string]any{"icon": "", "label": name, "name": name, "url": "/" + strings.ToLower(name) + "/list/"})
	}
	if s.can(c.user, "menu_access", "List Users") {
		items = append(items, map[string]any{"icon": "", "label": "Security", "name": "Security", "childs": []any{
			map[string]any{"icon": "", "label": "List Users", "name": "List Users", "url": "/users/"}}})
	}
	c.json(http.StatusOK, map[string]any{"result": items})
}
