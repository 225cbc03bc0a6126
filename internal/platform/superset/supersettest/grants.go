package supersettest

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"
)

// permissionList is every permission of a plain installation, "permission on view",
// with the first version that has it and the first that has it no more ("-": all),
// read from the metadata databases of 4.1.4, 5.0.0, 6.0.0 and 6.1.0.
//
//go:embed permissions.txt
var permissionList string

// permission is a permission on a view. Those on data name their database or
// dataset, whose name and row are in the view's text.
type permission struct {
	id         int
	name, view string
	of         string // kind, for data
	row        int
	rest       string // ".[catalog].[schema]"
}

func (s *Server) standardPermissions() {
	for line := range strings.Lines(permissionList) {
		text, when, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		from, until, _ := strings.Cut(when, "\t")
		if from != "" && from != "-" && !s.since(from) || until != "" && until != "-" && s.since(until) {
			continue
		}
		name, view, _ := strings.Cut(text, " on ")
		s.addPermission(permission{name: name, view: view})
	}
}

func (s *Server) addPermission(p permission) {
	p.id = s.firstID + len(s.permissions)
	s.permissions = append(s.permissions, p)
}

// dataPermissions adds those of new databases and datasets, and takes away those of
// deleted ones (security/manager.py, …_after_insert, …_after_delete). Those of
// schemas and catalogs stay under the name that the database had.
func (s *Server) dataPermissions() {
	want := []permission{}
	for _, db := range s.state.rows[Database] {
		want = append(want, permission{name: "database_access", of: Database, row: db.id})
	}
	for _, ds := range s.state.rows[Dataset] {
		want = append(want, permission{name: "datasource_access", of: Dataset, row: ds.id})
		db, _ := ds.fields["database_id"].(int)
		rest := ""
		if catalog := ds.str("catalog"); catalog != "" {
			rest = ".[" + catalog + "]"
			want = append(want, permission{name: "catalog_access", of: Database, row: db, rest: rest})
		}
		if schema := ds.str("schema"); schema != "" {
			want = append(want, permission{name: "schema_access", of: Database, row: db, rest: rest + ".[" + schema + "]"})
		}
	}
	for _, w := range want {
		if !slices.ContainsFunc(s.permissions, func(p permission) bool { w.id, w.view = p.id, p.view; return p == w }) {
			s.addPermission(w)
		}
	}
	for i := range s.permissions {
		p := &s.permissions[i]
		switch r := s.state.byID(p.of, p.row); {
		case p.of == "":
		case r != nil:
			p.view = s.viewOf(p, r)
		case p.rest != "":
			p.of, p.row, p.rest = "", 0, ""
		default:
			p.name = "" // gone; ids are not given out again
		}
	}
}

func (s *Server) viewOf(p *permission, r *row) string {
	if p.of == Database {
		text := "[" + r.title() + "]"
		if p.rest == "" {
			return text + ".(id:" + itoa(r.id) + ")"
		}
		return text + p.rest
	}
	db := ""
	if of := s.databaseOf(r); of != nil {
		db = of.title()
	}
	return "[" + db + "].[" + r.title() + "](id:" + itoa(r.id) + ")"
}

func (s *Server) serveViews(c *call) {
	s.dataPermissions()
	var entries []entry
	for _, p := range s.permissions {
		if p.name != "" {
			entries = append(entries, entry{id: p.id, full: map[string]any{"id": p.id,
				"permission": map[string]any{"name": p.name}, "view_menu": map[string]any{"name": p.view}}})
		}
	}
	s.writeList(c, "permissions-resources", "List Permission View", entries)
}

// knownRole answers 404 where there is no such role.
func (s *Server) knownRole(c *call) (int, bool) {
	id := int(atoi(number(c.r.PathValue("id"))))
	ok := id >= 1 && id <= len(s.roles) && s.roles[id-1] != ""
	if !ok {
		c.message(http.StatusNotFound, "Not found")
	}
	return id, ok
}

func (s *Server) serveGrants(c *call) {
	id, ok := s.knownRole(c)
	if !ok {
		return
	}
	list := []map[string]any{}
	for _, p := range s.granted(id) {
		list = append(list, map[string]any{"id": p.id, "permission_name": p.name, "view_menu_name": p.view})
	}
	c.json(http.StatusOK, map[string]any{"result": list})
}

// granted are the permissions of a role that still exist. Admin has all.
func (s *Server) granted(role int) (out []permission) {
	s.dataPermissions()
	for _, p := range s.permissions {
		if p.name != "" && (s.roles[role-1] == Admin || slices.Contains(s.grants[role], p.id)) {
			out = append(out, p)
		}
	}
	return out
}

// grantedTo reports whether a role has a permission that was given by the API.
func (s *Server) grantedTo(role, name, view string) bool {
	ids := s.grants[s.roleID(role)]
	return len(ids) > 0 && slices.ContainsFunc(s.permissions, func(p permission) bool {
		return p.name == name && p.view == view && slices.Contains(ids, p.id)
	})
}

// serveGrant makes the permissions of a role those of the body. Ids of nothing are
// passed over.
func (s *Server) serveGrant(c *call) {
	id, ok := s.knownRole(c)
	if !ok {
		return
	}
	body, err := readJSON(c.r)
	if err != nil || !body.has("permission_view_menu_ids") {
		c.message(http.StatusBadRequest, map[string]any{"permission_view_menu_ids": []string{"Missing data for required field."}})
		return
	}
	s.grants[id] = intList(body.get("permission_view_menu_ids"))
	may := []Permit{}
	for _, p := range s.granted(id) {
		may = append(may, Permit{p.name, p.view})
	}
	s.may[s.roles[id-1]] = may
	c.json(http.StatusOK, map[string]any{"result": body})
}

// serveSearchRoles is the list of roles that 6.0.0 brought: unlike the other it
// shows what they may do, by id.
func (s *Server) serveSearchRoles(c *call) {
	q, status, msg := parseListQuery(c.r)
	if q == nil {
		c.message(status, msg)
		return
	}
	var entries []entry
	for i, name := range s.roles {
		if name == "" {
			continue
		}
		ids := []int{}
		for _, p := range s.granted(i + 1) {
			ids = append(ids, p.id)
		}
		entries = append(entries, entry{id: i + 1, full: map[string]any{"id": i + 1, "name": name, "permission_ids": ids,
			"user_ids": s.usersOf(name), "group_ids": []int{}}})
	}
	if q.order != "" {
		if q.order != "id" && q.order != "name" {
			c.message(http.StatusBadRequest, "Invalid order column: "+q.order)
			return
		}
		sortEntries(entries, q.order, q.desc)
	}
	ids, result := []int{}, []map[string]any{}
	from := min(q.page*q.size, len(entries))
	for _, e := range entries[from:min(from+q.size, len(entries))] {
		ids, result = append(ids, e.id), append(result, e.full)
	}
	c.json(http.StatusOK, map[string]any{"count": len(entries), "ids": ids, "result": result})
}

func (s *Server) usersOf(role string) []int {
	ids := []int{}
	for i, u := range s.users {
		if u.Role == role && u.Username != "" {
			ids = append(ids, i+1)
		}
	}
	return ids
}

// serveRelatedRoles is what the form of a row-level security rule offers.
func (s *Server) serveRelatedRoles(c *call) {
	q, status, msg := parseListQuery(c.r)
	if q == nil {
		c.message(status, msg)
		return
	}
	all := []map[string]any{}
	for i, name := range s.roles {
		if name != "" {
			all = append(all, map[string]any{"extra": map[string]any{}, "text": name, "value": i + 1})
		}
	}
	from := min(q.page*q.size, len(all))
	c.json(http.StatusOK, map[string]any{"count": len(all), "result": all[from:min(from+q.size, len(all))]})
}
