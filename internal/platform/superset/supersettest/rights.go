package supersettest

import (
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Permit is a permission with what it is for, such as can_write on Chart.
type Permit struct{ What, On string }

// WithRole adds a role of one's own. Users have it by its name.
func WithRole(name string, may ...Permit) Option {
	return func(s *Server) {
		s.may[name] = may
		s.roles = append(s.roles, name)
	}
}

// SetRole gives a user another role, one of the three known ones or one of
// WithRole.
func (s *Server) SetRole(user, role string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.users {
		if s.users[i].Username == user {
			s.users[i].Role = role
		}
	}
}

// WithoutUsersAPI switches FAB_ADD_SECURITY_API off, as it is by default before
// 6.0.0. The lab has it on.
func WithoutUsersAPI() Option { return func(s *Server) { s.usersAPI = false } }

// WithoutForm leaves out the login form, as single sign-on does.
func WithoutForm() Option { return func(s *Server) { s.form = false } }

// WithToken makes a bearer token that never expires one of a user.
func WithToken(token, user string) Option { return func(s *Server) { s.tokens[token] = user } }

// views are what permissions are on, by the name in the address: the
// class_permission_name of each api.py.
var views = map[string]string{
	"database": "Database", "dataset": "Dataset", "chart": "Chart", "dashboard": "Dashboard", "saved_query": "SavedQuery",
	"theme": "Theme", "tag": "Tag", "css_template": "CssTemplate", "annotation_layer": "Annotation", "report": "ReportSchedule",
	"rowlevelsecurity": "Row Level Security",
}

// The views on which Alpha and Gamma have rights, as 6.1.0 and 4.1.4 give them
// (GET /me/roles/); an Admin has all.
var (
	alphaWrites  = []string{"Dataset", "Chart", "Dashboard", "Theme", "Tag", "CssTemplate", "Annotation", "ReportSchedule"}
	alphaReads   = slices.Concat([]string{"Database", "SecurityRestApi", "CurrentUserRestApi"}, alphaWrites)
	alphaExports = []string{"Dataset", "Chart", "Dashboard", "Theme", "ImportExportRestApi"}
	gammaWrites  = []string{"Chart", "Dashboard", "Theme", "Tag"}
	gammaReads   = slices.Concat([]string{"Database", "Dataset", "CssTemplate", "SecurityRestApi", "CurrentUserRestApi"}, gammaWrites)
	gammaExports = []string{"Chart", "Dashboard", "Theme"}
)

func permits(writes, reads, exports []string, more ...Permit) []Permit {
	for _, v := range writes {
		more = append(more, Permit{"can_write", v})
	}
	for _, v := range reads {
		more = append(more, Permit{"can_read", v})
	}
	for _, v := range exports {
		more = append(more, Permit{"can_export", v})
	}
	return append(more, Permit{"can_get", "MenuApi"}, Permit{"can_tag", "Chart"}, Permit{"can_tag", "Dashboard"},
		Permit{"can_get_embedded", "Dashboard"}, Permit{"can_delete_embedded", "Dashboard"}, Permit{"can_bulk_create", "Tag"})
}

// builtin are the roles that every Superset has.
func builtin() map[string][]Permit {
	var all []string
	for _, v := range views {
		all = append(all, v)
	}
	admin := permits(all, slices.Concat(all, []string{"SecurityRestApi", "CurrentUserRestApi"}), slices.Concat(all, []string{"ImportExportRestApi"}),
		Permit{"all_datasource_access", "all_datasource_access"}, Permit{"all_database_access", "all_database_access"},
		Permit{"can_import_", "ImportExportRestApi"}, Permit{"can_set_embedded", "Dashboard"}, Permit{"menu_access", "List Users"})
	for _, v := range []string{"User", "Role", "PermissionViewMenu"} {
		for _, what := range []string{"can_get", "can_info", "can_post", "can_put", "can_delete"} {
			admin = append(admin, Permit{what, v})
		}
	}
	admin = append(admin, Permit{"can_add_role_permissions", "Role"}, Permit{"can_list_role_permissions", "Role"})
	return map[string][]Permit{
		Admin: admin,
		Alpha: permits(alphaWrites, alphaReads, alphaExports, Permit{"all_datasource_access", "all_datasource_access"},
			Permit{"all_database_access", "all_database_access"}, Permit{"can_import_", "ImportExportRestApi"}),
		Gamma: permits(gammaWrites, gammaReads, gammaExports),
	}
}

func (s *Server) admin(user int) bool { return s.roleOf(user) == Admin }

func (s *Server) can(user int, what, on string) bool {
	role := s.roleOf(user)
	return role == Admin || slices.Contains(s.may[role], Permit{what, on}) || s.grantedTo(role, what, on)
}

// needs is the permission that a request asks for: the method_permission_name of
// each api.py (MODEL_API_RW_METHOD_PERMISSION_MAP, constants.py).
func (s *Server) needs(r *http.Request) (p Permit, any bool) {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/v1/"), "/")
	rest = strings.TrimSuffix(rest, "/")
	reads := r.Method == http.MethodGet
	switch kind {
	case "assets":
		if rest == "export" {
			return Permit{"can_export", "ImportExportRestApi"}, true
		}
		return Permit{"can_import_", "ImportExportRestApi"}, true
	case "me":
		return Permit{"can_read", "CurrentUserRestApi"}, s.since("6.1.0")
	case "menu":
		return Permit{"can_get", "MenuApi"}, true
	case "security":
		switch what, _, _ := strings.Cut(rest, "/"); what {
		case "csrf_token":
			return Permit{"can_read", "SecurityRestApi"}, true
		case "users":
			return Permit{"can_" + strings.ToLower(r.Method), "User"}, true
		case "roles":
			if strings.HasSuffix(rest, "/permissions") && !reads {
				return Permit{"can_add_role_permissions", "Role"}, true
			}
			if rest == "roles/search" {
				return Permit{"can_list_roles", "RoleRestAPI"}, true
			}
			return Permit{"can_" + strings.ToLower(r.Method), "Role"}, true
		case "permissions-resources":
			return Permit{"can_get", "PermissionViewMenu"}, true
		}
		return Permit{}, false
	}
	v, known := views[kind]
	switch {
	case !known:
		return Permit{}, false
	case rest == "export":
		return Permit{"can_export", v}, true
	case strings.HasSuffix(rest, "/embedded") && reads:
		return Permit{"can_get_embedded", v}, true
	case strings.HasSuffix(rest, "/embedded") && r.Method == http.MethodDelete:
		return Permit{"can_delete_embedded", v}, true
	case strings.HasSuffix(rest, "/embedded"):
		return Permit{"can_set_embedded", v}, true
	case rest == "bulk_create": // not in the map, so it has a permission of its own
		return Permit{"can_bulk_create", v}, true
	case reads && !strings.HasSuffix(rest, "/connection"), rest == "data":
		return Permit{"can_read", v}, true
	}
	return Permit{"can_write", v}, true
}

// visible is what the lists of an account hold: DashboardAccessFilter,
// ChartFilter, DatasourceFilter, DatabaseFilter.
func (s *Server) visible(user int, r *row) bool {
	if r.kind == SavedQuery { // of its maker, whoever asks (queries/saved_queries/filters.py)
		return r.createdBy == user
	}
	if s.admin(user) {
		return true
	}
	switch r.kind {
	case Dashboard:
		return slices.Contains(r.owners, user) || r.fields["published"] == true && s.accessesOne(user, r)
	case Chart:
		id, _ := r.fields["datasource_id"].(int)
		ds := s.state.byID(Dataset, id)
		return s.can(user, "all_datasource_access", "all_datasource_access") || ds != nil && s.accesses(user, ds)
	case Dataset:
		return s.accesses(user, r)
	case Database:
		if s.can(user, "all_database_access", "all_database_access") || s.can(user, "database_access", accessName(r)) {
			return true
		}
		return slices.ContainsFunc(s.state.rows[Dataset], func(ds *row) bool {
			return ds.fields["database_id"] == r.id && s.can(user, "datasource_access", s.datasetName(ds))
		})
	}
	return true
}

// accesses reports whether an account may use the data of a dataset.
func (s *Server) accesses(user int, ds *row) bool {
	if s.can(user, "all_datasource_access", "all_datasource_access") || s.can(user, "datasource_access", s.datasetName(ds)) {
		return true
	}
	id, _ := ds.fields["database_id"].(int)
	db := s.state.byID(Database, id)
	return db != nil && s.can(user, "database_access", accessName(db))
}

// accessesOne: a published dashboard is shown to who may use the data of one of
// its charts.
func (s *Server) accessesOne(user int, dashboard *row) bool {
	return slices.ContainsFunc(dashboard.slices, func(id int) bool {
		ch := s.state.byID(Chart, id)
		return ch != nil && s.visible(user, ch)
	})
}

// accessName is how permissions name a database, datasetName a dataset.
func accessName(r *row) string { return "[" + r.title() + "].(id:" + itoa(r.id) + ")" }

func (s *Server) datasetName(ds *row) string {
	id, _ := ds.fields["database_id"].(int)
	name := ""
	if db := s.state.byID(Database, id); db != nil {
		name = db.title()
	}
	return "[" + name + "].[" + ds.title() + "](id:" + itoa(ds.id) + ")"
}

// serveFormLogin is the login page's form, which takes the CSRF token of the
// session it came with (measured, 4.1.4 and 6.1.0).
func (s *Server) serveFormLogin(w http.ResponseWriter, r *http.Request) {
	to := func(target string) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Location", target)
		w.WriteHeader(http.StatusFound)
		_, _ = w.Write([]byte("<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n<a href=\"" + html.EscapeString(target) + "\">link</a>\n"))
	}
	cookie, err := r.Cookie("session")
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.form {
		backendError(http.StatusMethodNotAllowed, "405 Method Not Allowed: The method is not allowed for the requested URL.").write(w)
		return
	}
	if err != nil || s.sessions[cookie.Value] == "" || r.PostFormValue("csrf_token") != s.sessions[cookie.Value] {
		target := "/login/"
		if s.since("6.0.0") {
			target += "?next=" + url.QueryEscape("/login/")
		}
		to(target)
		return
	}
	for i, u := range s.users {
		if u.Username == r.PostFormValue("username") && u.Password == r.PostFormValue("password") {
			session := s.sign("browser" + itoa(len(s.browsers)) + cookie.Value)
			s.browsers[session], s.sessions[session] = i+1, s.sessions[cookie.Value]
			http.SetCookie(w, &http.Cookie{Name: "session", Value: session, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
			to("/")
			return
		}
	}
	to("/login/?next=/")
}

// serveMyRoles takes a browser's session, and from 6.1.0 on a token.
func (s *Server) serveMyRoles(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	user := 0
	if cookie, err := r.Cookie("session"); err == nil {
		user = s.browsers[cookie.Value]
	}
	s.mu.Unlock()
	if user == 0 && !s.since("6.1.0") {
		serveMeRefused(w)
		return
	}
	s.authenticated(w, r, s.answerMyRoles)
}

func (s *Server) answerMyRoles(c *call) {
	role := s.roleOf(c.user)
	list := []any{}
	data := map[string]any{}
	for _, p := range s.may[role] {
		list = append(list, []string{p.What, p.On})
		if p.What == "database_access" || p.What == "datasource_access" {
			names, _ := data[p.What].([]string)
			data[p.What] = append(names, p.On)
		}
	}
	if c.user == 0 {
		c.json(http.StatusOK, map[string]any{"result": map[string]any{"permissions": data, "roles": map[string]any{role: list}}})
		return
	}
	u := s.users[c.user-1]
	c.json(http.StatusOK, map[string]any{"result": map[string]any{
		"email": u.Email, "firstName": u.First, "lastName": u.Last, "isActive": true, "isAnonymous": false, "username": u.Username,
		"userId": c.user, "permissions": data, "roles": map[string]any{u.Role: list}}})
}

// Own makes these users the owners of an object.
func (s *Server) Own(kind, uid string, users ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.state.byUUID(kind, uid)
	if found == nil {
		return
	}
	r := s.state.edit(kind, found.id)
	r.owners = nil
	for i, u := range s.users {
		if slices.Contains(users, u.Username) {
			r.owners = append(r.owners, i+1)
		}
	}
}

// SetZipLimit changes ZIPPED_FILE_MAX_SIZE, 100 MB by default.
func (s *Server) SetZipLimit(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zipLimit = bytes
}

// Rename gives an object another uuid, as one made by hand on each server has.
func (s *Server) Rename(kind, uid, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.state.byUUID(kind, uid); r != nil {
		s.state.edit(kind, r.id).uuid = to
	}
}
