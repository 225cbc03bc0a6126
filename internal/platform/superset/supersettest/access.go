package supersettest

import (
	"html"
	"net/http"
	"slices"
	"strings"
)

// embedding says who may embed a dashboard, and by which uuid pages do.
type embedding struct {
	uuid    string
	domains []string
	by      int
}

// WithoutEmbedding switches the EMBEDDED_SUPERSET feature flag off, as in a plain
// installation. The API about embedding answers all the same (6.1.0 and 4.1.4).
func WithoutEmbedding() Option { return func(s *Server) { s.embeds = false } }

// serveRelated lists the choices for a field of an object: people with their e-mail,
// which every account may see that may read the kind, and roles.
func (s *Server) serveRelated(c *call, field string) {
	var all []map[string]any
	switch field {
	case "owners":
		for i, u := range s.users {
			if u.Username != "" {
				all = append(all, map[string]any{"extra": map[string]any{"active": true, "email": u.Email}, "text": s.personName(i + 1), "value": i + 1})
			}
		}
	case "roles":
		for i, name := range s.roles {
			if name != "" {
				all = append(all, map[string]any{"extra": map[string]any{}, "text": name, "value": i + 1})
			}
		}
	}
	q, status, msg := parseListQuery(c.r)
	if q == nil {
		c.message(status, msg)
		return
	}
	slices.SortStableFunc(all, func(a, b map[string]any) int { return strings.Compare(a["text"].(string), b["text"].(string)) })
	from := min(q.page*q.size, len(all))
	c.json(http.StatusOK, map[string]any{"count": len(all), "result": append([]map[string]any{}, all[from:min(from+q.size, len(all))]...)})
}

func (s *Server) rolesOf(r *row) []map[string]any {
	out := []map[string]any{}
	for _, id := range r.roles {
		out = append(out, s.role(id))
	}
	return out
}

func (s *Server) serveEmbedded(c *call) {
	r := s.embeddable(c)
	switch {
	case r == nil:
	case r.embedded == nil:
		c.json(http.StatusNotFound, map[string]any{})
	default:
		c.json(http.StatusOK, s.embeddingOf(r))
	}
}

func (s *Server) embeddable(c *call) *row {
	r := s.find(Dashboard, c.r.PathValue("id"), true)
	if r == nil || !s.visible(c.user, r) {
		c.message(http.StatusNotFound, "Not found")
		return nil
	}
	return r
}

func (s *Server) embeddingOf(r *row) map[string]any {
	return map[string]any{"result": map[string]any{"allowed_domains": r.embedded.domains, "changed_by": s.person(r.embedded.by),
		"dashboard_id": itoa(r.id), "uuid": r.embedded.uuid}}
}

// serveEmbed embeds a dashboard or changes its domains; the uuid stays.
func (s *Server) serveEmbed(c *call) {
	r := s.embeddable(c)
	if r == nil {
		return
	}
	body, err := readJSON(c.r)
	if err != nil || !body.has("allowed_domains") || len(body.keys) > 1 {
		c.message(http.StatusBadRequest, map[string]any{"allowed_domains": []string{"Missing data for required field."}})
		return
	}
	e := s.state.edit(Dashboard, r.id)
	next := embedding{uuid: s.newUUID(), domains: []string{}, by: c.user}
	if r.embedded != nil {
		next.uuid = r.embedded.uuid
	}
	for _, v := range body.list("allowed_domains") {
		if d, _ := v.(string); d != "" {
			next.domains = append(next.domains, d)
		}
	}
	e.embedded = &next
	c.json(http.StatusOK, s.embeddingOf(e))
}

func (s *Server) serveUnembed(c *call) {
	if r := s.embeddable(c); r != nil {
		s.state.edit(Dashboard, r.id).embedded = nil
		c.message(http.StatusOK, "OK")
	}
}

// serveTagObject puts tags on an object and makes those that are not there.
func (s *Server) serveTagObject(c *call) {
	r := s.state.byID(taggable[c.r.PathValue("type")], int(atoi(number(c.r.PathValue("id")))))
	body, err := readJSON(c.r)
	properties := body.obj("properties")
	switch {
	case err != nil || properties == nil || !properties.has("tags"):
		c.message(http.StatusBadRequest, "Missing required field 'tags' in 'properties'")
		return
	case r == nil: // the real server tags what is not there
		c.json(http.StatusCreated, map[string]any{})
		return
	}
	e := s.state.edit(r.kind, r.id)
	for _, v := range properties.list("tags") {
		name, _ := v.(string)
		name = strings.TrimSpace(name)
		if s.state.tag(name) == nil && !s.since("6.0.0") {
			name = html.EscapeString(name) // get_tag (measured, 4.1.4)
		}
		if s.state.tag(name) == nil {
			s.newTag(name, tagCustom, c.user)
		}
		if !slices.Contains(e.tags, name) {
			e.tags = append(e.tags, name)
		}
	}
	c.json(http.StatusCreated, map[string]any{})
}

// serveUntagObject takes a tag off an object; a name with a slash reaches no route.
func (s *Server) serveUntagObject(c *call) {
	r, tag := s.state.byID(taggable[c.r.PathValue("type")], int(atoi(number(c.r.PathValue("id"))))), c.r.PathValue("tag")
	if r == nil || !slices.Contains(r.tags, tag) || strings.Contains(tag, "/") {
		c.message(http.StatusNotFound, "Not found")
		return
	}
	e := s.state.edit(r.kind, r.id)
	e.tags = slices.DeleteFunc(e.tags, func(t string) bool { return t == tag })
	c.message(http.StatusOK, "OK")
}

// mergedOwners is compute_owners: who is no administrator stays an owner whatever
// the body says.
func (s *Server) mergedOwners(user int, owners []int) []int {
	if s.users[user-1].Role == Admin || slices.Contains(owners, user) {
		return owners
	}
	return append([]int{user}, owners...)
}

// putSideEffects adds what a PUT of a dataset changes unasked: the schema has a
// default for always_filter_main_dttm; and the catalog becomes the connection's
// default where the body names none, before 6.0.0, and always since, unless the
// connection may use several (commands/dataset/update.py; measured, 4.1.4 and 6.1.0).
func (s *Server) putSideEffects(r *row, body *object) (refused any) {
	if !body.has("always_filter_main_dttm") {
		body.set("always_filter_main_dttm", false)
	}
	catalog, named := defaultCatalog(s.databaseOf(r)), body.get("catalog")
	switch {
	case !s.since("6.0.0") && (named == nil || named == ""), s.since("6.0.0") && !body.has("catalog"):
		s.state.edit(r.kind, r.id).fields["catalog"] = catalog
	case s.since("6.0.0") && named != catalog:
		return map[string]any{"catalog": []string{"Only the default catalog is supported for this connection"}}
	}
	return nil
}

// refusedPut is why a PUT of known fields is not taken.
func (s *Server) refusedPut(kind string, r *row, body *object) any {
	unknown := func(field string, n int) bool {
		return slices.ContainsFunc(intList(body.get(field)), func(id int) bool { return id < 1 || id > n })
	}
	switch {
	case unknown("owners", len(s.users)):
		return map[string]any{"owners": []string{"Owners are invalid"}}
	case unknown("roles", len(s.roles)):
		return map[string]any{"roles": []string{"Some roles do not exist"}}
	}
	if kind == Dataset {
		return s.putSideEffects(r, body)
	}
	return nil
}

// defaultCatalog is the database in a PostgreSQL address; the other engines of the
// fixtures have none.
func defaultCatalog(db *row) any {
	if db == nil {
		return nil
	}
	scheme, rest, _ := strings.Cut(db.str("sqlalchemy_uri"), "://")
	if engine, _, _ := strings.Cut(scheme, "+"); engine != "postgresql" { // engine_information says so
		return nil
	}
	_, name, _ := strings.Cut(rest, "/")
	name, _, _ = strings.Cut(name, "?")
	if name == "" {
		return nil
	}
	return name
}
