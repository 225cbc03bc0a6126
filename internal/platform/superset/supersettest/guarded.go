package supersettest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// WithoutReports switches the ALERT_REPORTS feature flag off, as in a plain
// installation.
func WithoutReports() Option { return func(s *Server) { s.noReports = true } }

// rightsModels are the kinds that say who may do what or act by themselves. No
// export holds them, and they have no uuid.
func rightsModels() []*model {
	return []*model{
		{kind: Report, class: "ReportSchedule", list: "List Report Schedule", name: "name", own: true, initial: map[string]any{
			"active": true, "timezone": "UTC", "report_format": "PNG", "creation_method": "alerts_reports", "log_retention": number("90"),
			"grace_period": number("14400"), "working_timeout": number("3600"), "force_screenshot": false, "validator_config_json": "{}",
			"last_state": "Not triggered", "recipients": []any{}, "extra": newObject()}},
		{kind: Rule, class: "RowLevelSecurityFilter", list: "List Row Level Security Filter", name: "name", own: true,
			initial: map[string]any{"tables": []int{}}},
	}
}

func (s *Server) rightsRoutes(handle func(string, func(*call))) {
	for _, kind := range []string{Report, Rule} {
		on := func(f func(*call, string)) func(*call) {
			return func(c *call) {
				if kind == Report && s.noReports {
					c.message(http.StatusNotFound, "Not found")
					return
				}
				f(c, kind)
			}
		}
		base := "/api/v1/" + kind + "/"
		handle("GET "+base+"{$}", on(s.serveList))
		handle("GET "+base+"{id}", on(s.serveItem))
		handle("POST "+base+"{$}", on(s.serveWrite))
		handle("PUT "+base+"{id}", on(s.serveWrite))
		handle("DELETE "+base+"{id}", on(s.serveDelete))
		handle("DELETE "+base+"{$}", on(s.serveBulkDelete))
	}
	handle("GET /api/v1/"+Rule+"/related/roles", s.serveRelatedRoles)
	if !s.usersAPI {
		return
	}
	handle("GET /api/v1/security/users/{$}", s.serveUsers)
	handle("POST /api/v1/security/users/{$}", s.servePostUser)
	handle("PUT /api/v1/security/users/{id}", s.servePutUser)
	handle("DELETE /api/v1/security/users/{id}", func(c *call) { s.serveDeleteAccount(c, "users") })
	handle("GET /api/v1/security/roles/{$}", s.serveRoles)
	handle("POST /api/v1/security/roles/{$}", s.servePostRole)
	handle("DELETE /api/v1/security/roles/{id}", func(c *call) { s.serveDeleteAccount(c, "roles") })
	handle("GET /api/v1/security/roles/{id}/permissions/{$}", s.serveGrants)
	handle("POST /api/v1/security/roles/{id}/permissions", s.serveGrant)
	handle("GET /api/v1/security/permissions-resources/{$}", s.serveViews)
	if s.since("6.0.0") {
		handle("GET /api/v1/security/roles/search/{$}", s.serveSearchRoles)
	}
}

// serveWrite is POST and PUT of a report or a row-level security rule: the schema
// first (400), then the command (404, 409, 422).
func (s *Server) serveWrite(c *call, kind string) {
	body, err := readJSON(c.r)
	if err != nil {
		c.message(http.StatusBadRequest, "Request is not JSON")
		return
	}
	created := c.r.Method == http.MethodPost
	check := s.checkRule
	if kind == Report {
		check = s.checkReport
	}
	if bad := check(body, created); len(bad.keys) > 0 {
		c.message(http.StatusBadRequest, bad)
		return
	}
	var r *row
	if !created {
		if r = s.find(kind, c.r.PathValue("id"), false); r == nil {
			c.message(http.StatusNotFound, "Not found")
			return
		}
	}
	refuse := s.refuseRule
	if kind == Report {
		refuse = s.refuseReport
	}
	if refuse(c, body, r) {
		return
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
		r = s.state.insert(kind, s.newUUID())
		r.createdOn, r.createdBy = s.clock(), c.user
	} else if kind == Rule && !s.since("6.0.0") {
		status = http.StatusCreated // measured on 4.1.4 and 5.0.0; 200 from 6.0.0 on (row_level_security/api.py)
	}
	r = s.state.edit(kind, r.id)
	if kind == Report {
		s.setReport(c, r, body, created)
	} else {
		s.setRule(r, body)
	}
	s.touch(r, c.user)
	c.json(status, map[string]any{"id": r.id, "result": body})
}

// schemaField is a field of a marshmallow schema: s text, b boolean, i integer,
// I integer above 0, l list of integers, d mapping, or one of the values after "=".
type schemaField struct {
	typ  string
	req  bool // of a POST
	null bool
}

// checkFields answers as marshmallow does for flat fields.
func checkFields(fields map[string]schemaField, body *object, created bool) *object {
	bad := newObject()
	for _, k := range body.keys {
		f, known := fields[k]
		switch v := body.vals[k]; {
		case !known:
			bad.set(k, []any{"Unknown field."})
		case v == nil && !f.null:
			bad.set(k, []any{"Field may not be null."})
		case v != nil:
			if msg := fieldMessage(f.typ, v); msg != "" {
				bad.set(k, []any{msg})
			}
		}
	}
	for k, f := range fields {
		if created && f.req && !body.has(k) {
			bad.set(k, []any{"Missing data for required field."})
		}
	}
	return bad
}

func fieldMessage(typ string, v any) string {
	text, isText := v.(string)
	n, isNumber := v.(number)
	_, isList := v.([]any)
	_, isObject := v.(*object)
	switch {
	case strings.HasPrefix(typ, "="):
		if known := strings.Split(typ[1:], "|"); !slices.Contains(known, text) {
			return "Must be one of: " + strings.Join(known, ", ") + "."
		}
	case typ == "s" && !isText:
		return "Not a valid string."
	case typ == "b" && !isBool(v):
		return "Not a valid boolean."
	case (typ == "i" || typ == "I") && !isNumber:
		return "Not a valid integer."
	case typ == "I" && atoi(n) < 1:
		return "Value must be greater than 0"
	case typ == "l" && !isList:
		return "Not a valid list."
	case typ == "d" && !isObject:
		return "Not a valid mapping type."
	}
	return ""
}

var ruleFields = map[string]schemaField{
	"name": {typ: "s", req: true}, "description": {typ: "s", null: true}, "filter_type": {typ: "=Regular|Base", req: true},
	"tables": {typ: "l", req: true}, "roles": {typ: "l", req: true}, "group_key": {typ: "s", null: true}, "clause": {typ: "s", req: true},
}

func (s *Server) checkRule(body *object, created bool) *object {
	bad := checkFields(ruleFields, body, created)
	if created && body.has("tables") && len(body.list("tables")) == 0 {
		bad.set("tables", []any{"Shorter than minimum length 1."})
	}
	return bad
}

func (s *Server) refuseRule(c *call, body *object, r *row) bool {
	why := ""
	for _, id := range intList(body.get("roles")) {
		if id < 1 || id > len(s.roles) || s.roles[id-1] == "" {
			why = "[l'Some roles do not exist']"
		}
	}
	for _, id := range intList(body.get("tables")) {
		if why == "" && s.state.byID(Dataset, id) == nil {
			why = "[l'Datasource does not exist']"
		}
	}
	for _, o := range s.state.rows[Rule] {
		if why == "" && o.str("name") == body.str("name") && (r == nil || o.id != r.id) {
			why = "()"
		}
	}
	if why != "" {
		c.message(http.StatusUnprocessableEntity, why)
	}
	return why != ""
}

// setRule: a PUT without tables or roles empties them (commands/security/update.py).
func (s *Server) setRule(r *row, body *object) {
	for _, k := range []string{"name", "description", "filter_type", "group_key", "clause"} {
		if body.has(k) {
			r.fields[k] = body.get(k)
		}
	}
	r.roles, r.fields["tables"] = intList(body.get("roles")), intList(body.get("tables"))
}

func (s *Server) describeRule(r *row, m map[string]any) {
	tables, roles := []map[string]any{}, []map[string]any{}
	of, _ := r.fields["tables"].([]int)
	for _, id := range slices.Sorted(slices.Values(of)) {
		if ds := s.state.byID(Dataset, id); ds != nil {
			tables = append(tables, map[string]any{"id": id, "schema": ds.fields["schema"], "table_name": ds.title()})
		}
	}
	for _, id := range slices.Sorted(slices.Values(r.roles)) {
		roles = append(roles, s.role(id))
	}
	m["tables"], m["roles"] = tables, roles
	for _, k := range []string{"description", "group_key"} {
		m[k] = r.fields[k]
	}
}

// attached names the reports of a chart, dashboard or database, which keep it from
// being deleted.
func (s *Server) attached(r *row) string {
	var names []string
	for _, o := range s.state.rows[Report] {
		if o.fields[r.kind] == r.id {
			names = append(names, o.title())
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("There are associated alerts or reports: %s", strings.Join(names, ","))
}
