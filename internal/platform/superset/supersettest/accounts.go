package supersettest

import (
	"net/http"
	"slices"
)

// standardRoles are the roles of a plain installation by id, the same on 4.1.4 to
// 6.1.0.
func standardRoles() []string { return []string{Admin, "Public", Alpha, Gamma, "sql_lab"} }

// WithRoles adds roles to those of a plain installation. The role of a user is added
// by itself.
func WithRoles(names ...string) Option {
	return func(s *Server) { s.roles = append(s.roles, names...) }
}

// roleID gives the id of a role, 0 for none.
func (s *Server) roleID(name string) int { return slices.Index(s.roles, name) + 1 }

func (s *Server) role(id int) map[string]any {
	return map[string]any{"id": id, "name": s.roles[id-1]}
}

func (s *Server) serveRoles(c *call) {
	var entries []entry
	for i, name := range s.roles {
		if name != "" { // deleted
			entries = append(entries, entry{id: i + 1, full: s.role(i + 1)})
		}
	}
	s.writeList(c, "role", "List Role", entries)
}

func (s *Server) servePostRole(c *call) {
	body, err := readJSON(c.r)
	switch {
	case err != nil || body.str("name") == "":
		c.message(http.StatusBadRequest, map[string]any{"name": []string{"Missing data for required field."}})
	case s.roleID(body.str("name")) != 0 && s.since("6.0.0"): // measured on 6.1.0
		c.message(http.StatusInternalServerError, "Fatal error")
	case s.roleID(body.str("name")) != 0:
		c.message(http.StatusUnprocessableEntity, "UNIQUE constraint failed: ab_role.name")
	default:
		s.roles = append(s.roles, body.str("name"))
		c.json(http.StatusCreated, map[string]any{"id": len(s.roles), "result": body})
	}
}

// servePostUser makes an account, and servePutUser changes what the body names. A
// user of several roles acts as the first of them.
func (s *Server) servePostUser(c *call) {
	body, err := readJSON(c.r)
	switch {
	case err != nil || body.str("username") == "" || body.str("email") == "":
		c.message(http.StatusBadRequest, map[string]any{"username": []string{"Missing data for required field."}})
	case slices.ContainsFunc(s.users, func(u User) bool { return u.Username == body.str("username") || u.Email == body.str("email") }):
		c.message(http.StatusUnprocessableEntity, "UNIQUE constraint failed: ab_user.username")
	default:
		s.users = append(s.users, User{})
		s.setUser(len(s.users), body)
		c.json(http.StatusCreated, map[string]any{"id": len(s.users)})
	}
}

func (s *Server) servePutUser(c *call) {
	body, err := readJSON(c.r)
	id := int(atoi(number(c.r.PathValue("id"))))
	switch {
	case err != nil:
		c.message(http.StatusBadRequest, "Request payload is not JSON")
	case id < 1 || id > len(s.users) || s.users[id-1].Username == "":
		c.message(http.StatusNotFound, "Not found")
	default:
		s.setUser(id, body)
		c.json(http.StatusOK, map[string]any{"result": body})
	}
}

func (s *Server) setUser(id int, body *object) {
	u := &s.users[id-1]
	for key, field := range map[string]*string{"username": &u.Username, "password": &u.Password, "first_name": &u.First,
		"last_name": &u.Last, "email": &u.Email} {
		if body.has(key) {
			*field = body.str(key)
		}
	}
	for _, role := range intList(body.get("roles")) {
		if role >= 1 && role <= len(s.roles) {
			u.Role = s.roles[role-1]
			return
		}
	}
}

// serveDeleteAccount takes a user or a role away. Ids are not given out again: the
// lists keep a nameless place.
func (s *Server) serveDeleteAccount(c *call, kind string) {
	id := int(atoi(number(c.r.PathValue("id"))))
	n := len(s.users)
	if kind == "roles" {
		n = len(s.roles)
	}
	if id < 1 || id > n {
		c.message(http.StatusNotFound, "Not found")
		return
	}
	for k, rows := range s.state.rows {
		for _, r := range rows {
			if kind == "users" && slices.Contains(r.owners, id) {
				e := s.state.edit(k, r.id)
				e.owners = slices.DeleteFunc(e.owners, func(o int) bool { return o == id })
			}
			if kind == "roles" && slices.Contains(r.roles, id) {
				e := s.state.edit(k, r.id)
				e.roles = slices.DeleteFunc(e.roles, func(o int) bool { return o == id })
			}
		}
	}
	if kind == "users" {
		s.users[id-1] = User{}
	} else {
		s.roles[id-1] = ""
	}
	c.message(http.StatusOK, "OK")
}
