package supersettest

import (
	"net/http"
	"slices"
	"strings"
)

// publicRole is what people have who are not logged in.
const publicRole = "Public"

// WithPublic gives the role Public permissions, as an administrator does for
// dashboards that everybody may see. A client may as well (Client.Grant).
func WithPublic(may ...Permit) Option { return func(s *Server) { s.may[publicRole] = may } }

// roleOf is the role of a user, of 0 that of nobody.
func (s *Server) roleOf(user int) string {
	if user == 0 {
		return publicRole
	}
	return s.users[user-1].Role
}

// asker finds out as whom a request is answered, or how to refuse it (protect() in
// flask_appbuilder/security/decorators.py, alike in 4.1.4 to 6.1.0): what Public may
// do is done for whoever the session says, 0 for nobody, and nobody looks at the
// token. Otherwise the session counts where the view takes one, else the token.
func (s *Server) asker(r *http.Request) (user int, refuse func(http.ResponseWriter)) {
	s.mu.Lock()
	p, any := s.needs(r)
	public := any && (slices.Contains(s.may[publicRole], p) || s.grantedTo(publicRole, p.What, p.On))
	if cookie, err := r.Cookie("session"); err == nil {
		user = s.browsers[cookie.Value]
	}
	s.mu.Unlock()
	if public || user != 0 && takesSession(r) {
		return user, nil
	}
	u, deny := s.bearer(r, "access")
	if deny != nil {
		return 0, deny
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.users {
		if s.users[i].Username == u.Username {
			user = i + 1
		}
	}
	return user, nil
}

// takesSession: Superset's own views have allow_browser_login; those of
// Flask-AppBuilder for users, roles and permissions take a token only.
func takesSession(r *http.Request) bool {
	rest, security := strings.CutPrefix(r.URL.Path, "/api/v1/security/")
	return !security || strings.HasPrefix(rest, "csrf_token") || strings.HasPrefix(rest, "roles/search")
}

// EndSessions makes every login by the form one of nobody, as after their lifetime.
func (s *Server) EndSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.browsers)
}
