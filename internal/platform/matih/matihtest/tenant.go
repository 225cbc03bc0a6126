package matihtest

import (
	"net/http"
	"slices"
	"strings"
)

// enter finds the tenant that a request is about. It is always the account's
// own: every other one is refused.
func (s *Server) enter(c *call) *refusal {
	c.tenant = c.user.Tenant
	asked := c.tenant
	switch s.tenancy {
	case ByHeader:
		if asked = c.r.Header.Get(s.tenantHead); asked == "" {
			return &refusal{status: http.StatusBadRequest, code: "INVALID_REQUEST", message: s.tenantHead + " header is required"}
		}
	case ByQuery:
		q := c.r.URL.Query()
		if asked = q.Get("tenant_id"); asked == "" {
			return missingQuery("tenant_id")
		}
		user := q.Get("user_id")
		if s.queryUser && user == "" {
			return missingQuery("user_id")
		}
		if user != "" && user != c.user.ID {
			return forbidden("FORBIDDEN", "The token belongs to another user")
		}
	case ByHost:
		asked, _, _ = strings.Cut(c.r.Host, ".")
	}
	if asked != c.tenant {
		return forbidden("TENANT_MISMATCH", "The token belongs to another tenant")
	}
	return nil
}

func missingQuery(name string) *refusal {
	return invalid(problem{[]any{"query", name}, "Field required", "missing", nil})
}

// sees says whether an account may see a dashboard of its tenant. A visibility
// that the server does not know is as narrow as private.
func (s *Server) sees(u *User, d *dashboard) bool {
	switch {
	case u.ID == d.owner, u.admin() && !s.blindAdmin:
		return true
	case d.fields["visibility"] == "public", d.fields["visibility"] == "tenant":
		return true
	}
	owner := s.sessions.byID[d.owner]
	for _, team := range u.Teams {
		if d.fields["visibility"] == "team" && owner != nil && slices.Contains(owner.Teams, team) || slices.Contains(d.sharedWith, team) {
			return true
		}
	}
	return slices.Contains(d.sharedWith, u.ID)
}

// listed says whether a dashboard stands in the account's list.
func (s *Server) listed(c *call, d *dashboard) bool {
	_, hidden := s.hidden[d.id]
	return d.tenant == c.tenant && !hidden && s.sees(c.user, d)
}

// find is the dashboard of a request, if its account may see it. Another
// tenant's is not there.
func (s *Server) find(c *call) (*dashboard, *refusal) {
	d := s.state.rows[c.r.PathValue("id")]
	if d == nil || d.tenant != c.tenant {
		return nil, notFound("Dashboard not found")
	}
	refuse, hidden := s.hidden[d.id]
	if !hidden && s.sees(c.user, d) {
		return d, nil
	}
	if refuse || !hidden && s.forbids {
		return nil, forbidden("FORBIDDEN", "Not allowed to see this dashboard")
	}
	return nil, notFound("Dashboard not found")
}

// own is the dashboard of a request that only its owner or an admin may make:
// update, delete and share.
func (s *Server) own(c *call) (*dashboard, *refusal) {
	d, f := s.find(c)
	if f == nil && d.owner != c.user.ID && !c.user.admin() {
		return nil, forbidden("FORBIDDEN", "Only the owner or an admin may do this")
	}
	return d, f
}
