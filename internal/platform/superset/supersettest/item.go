package supersettest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// find resolves the id of an item's address: a row id for every kind, a uuid
// for dashboards, charts, datasets and themes, a slug for dashboards.
func (s *Server) find(kind, key string, portable bool) *row {
	if id, err := strconv.Atoi(key); err == nil {
		return s.state.byID(kind, id)
	}
	if !portable || kind == Database || kind == SavedQuery {
		return nil
	}
	if r := s.state.byUUID(kind, key); r != nil {
		return r
	}
	if kind == Dashboard {
		for _, r := range s.state.rows[kind] {
			if r.str("slug") == key {
				return r
			}
		}
	}
	return nil
}

// item columns, as 6.1.0 shows them
var itemColumns = map[string][]string{
	Dashboard: {"certification_details", "certified_by", "changed_by", "changed_by_name", "changed_on",
		"changed_on_delta_humanized", "charts", "created_by", "created_on_delta_humanized", "css", "dashboard_title", "id",
		"is_managed_externally", "json_metadata", "owners.id", "owners.first_name", "owners.last_name", "position_json",
		"published", "roles", "slug", "tags", "theme", "thumbnail_url", "url", "uuid"},
	Chart: {"cache_timeout", "certification_details", "certified_by", "changed_on_delta_humanized", "dashboards",
		"datasource_id", "datasource_name_text", "datasource_type", "datasource_url", "datasource_uuid", "description", "id",
		"is_managed_externally", "owners", "params", "query_context", "slice_name", "tags", "thumbnail_url", "url", "uuid", "viz_type"},
	Dataset: {"always_filter_main_dttm", "cache_timeout", "catalog", "changed_by.first_name", "changed_by.last_name",
		"changed_on", "columns", "created_by.first_name", "created_by.last_name", "created_on", "currency_code_column",
		"database", "datasource_type", "default_endpoint", "description", "extra", "fetch_values_predicate",
		"filter_select_enabled", "id", "is_managed_externally", "kind", "main_dttm_col", "metrics", "normalize_columns",
		"offset", "owners.id", "owners.first_name", "owners.last_name", "schema", "sql", "table_name", "template_params", "uuid"},
	Database: {"allow_ctas", "allow_cvas", "allow_dml", "allow_file_upload", "allow_run_async", "backend", "cache_timeout",
		"configuration_method", "database_name", "expose_in_sqllab", "force_ctas_schema", "id", "impersonate_user",
		"is_managed_externally", "uuid"},
	Theme: {"changed_on_delta_humanized", "changed_by.first_name", "changed_by.id", "changed_by.last_name", "created_by.first_name",
		"created_by.id", "created_by.last_name", "json_data", "id", "is_system", "is_system_default", "is_system_dark", "theme_name", "uuid"},
	SavedQuery: {"changed_on", "changed_on_delta_humanized", "changed_by.first_name", "changed_by.id", "changed_by.last_name",
		"created_by.first_name", "created_by.id", "created_by.last_name", "database.database_name", "database.id", "description", "id",
		"label", "catalog", "schema", "sql", "sql_tables", "template_parameters"},
	Report: {"id", "active", "chart.id", "chart.slice_name", "chart.viz_type", "context_markdown", "creation_method", "crontab",
		"custom_width", "dashboard.dashboard_title", "dashboard.id", "database.database_name", "database.id", "description", "extra",
		"force_screenshot", "grace_period", "last_eval_dttm", "last_state", "last_value", "last_value_row_json", "log_retention",
		"name", "owners.first_name", "owners.id", "owners.last_name", "owners.email", "recipients.id",
		"recipients.recipient_config_json", "recipients.type", "report_format", "sql", "timezone", "type",
		"validator_config_json", "validator_type", "working_timeout", "email_subject"},
	Rule: {"id", "name", "description", "filter_type", "tables.id", "tables.schema", "tables.table_name", "roles.id", "roles.name",
		"group_key", "clause"},
	AnnotationLayer: {"id", "name", "descr"},
	CSSTemplate: {"changed_on_delta_humanized", "changed_by.first_name", "changed_by.id", "changed_by.last_name",
		"created_by.first_name", "created_by.id", "created_by.last_name", "css", "id", "template_name"},
	Tag: {"id", "name", "type", "description", "changed_by.first_name", "changed_by.last_name", "changed_on_delta_humanized",
		"created_on_delta_humanized", "created_by.first_name", "created_by.last_name"},
	annotation: {"id", "short_descr", "long_descr", "start_dttm", "end_dttm", "json_metadata", "layer.id", "layer.name"},
}

func (s *Server) serveItem(c *call, kind string) {
	key := c.r.PathValue("id")
	r := s.find(kind, key, true)
	if _, err := strconv.Atoi(key); err != nil {
		switch release := byUUIDSince[kind]; {
		case kind == Database, kind == SavedQuery:
			serveNotFound(c.w, c.r)
			return
		case release != "" && !s.since(release):
			backendError(http.StatusMethodNotAllowed, "405 Method Not Allowed: The method is not allowed for the requested URL.").write(c.w)
			return
		}
	}
	if r != nil && kind == Dashboard && strings.EqualFold(key, r.uuid) {
		if !s.mayOpen(c.user, r) {
			c.message(http.StatusForbidden, "Forbidden")
			return
		}
	} else if r == nil || !s.visible(c.user, r) {
		c.message(http.StatusNotFound, "Not found")
		return
	}
	s.ownTags()
	full := s.describe(r)
	switch kind {
	case Dashboard:
		names := []any{}
		for _, id := range r.slices {
			if ch := s.state.byID(Chart, id); ch != nil {
				names = append(names, ch.title())
			}
		}
		full["charts"], full["theme"] = names, s.themeOf(r)
	case Dataset:
		full["columns"], full["metrics"] = describeChildren(r.columns), describeChildren(r.metrics)
	}
	columns := itemColumns[kind]
	if kind == Report && !s.since("6.1.0") {
		columns = slices.DeleteFunc(slices.Clone(columns), func(col string) bool { return col == "owners.email" })
	}
	body := map[string]any{"result": project(full, columns)}
	if kind == Dataset || kind == Database || kind == SavedQuery || kind == Theme || isRecord(kind) {
		body["id"] = r.id
	}
	if kind == Tag && !s.since("6.0.0") { // show_columns of tags/api.py names the whole user
		body["result"].(map[string]any)["created_by"] = map[string]any{"username": s.users[0].Username, "password": PasswordHash}
	}
	c.json(http.StatusOK, body)
}

// mayOpen is asked instead of visible when a dashboard is addressed by uuid:
// unpublished ones open too for who may use their data, and nothing is 404
// (daos/dashboard.py, get_by_id_or_slug; security/manager.py, raise_for_access).
func (s *Server) mayOpen(user int, r *row) bool {
	return s.admin(user) || slices.Contains(r.owners, user) || len(r.slices) == 0 || s.accessesOne(user, r)
}

// serveDashboardCharts lists the charts that are linked to a dashboard, laid out or
// not.
func (s *Server) serveDashboardCharts(c *call) {
	r := s.find(Dashboard, c.r.PathValue("id"), true)
	if r == nil || !s.visible(c.user, r) {
		c.message(http.StatusNotFound, "Not found")
		return
	}
	list := []map[string]any{}
	for _, id := range r.slices {
		if ch := s.state.byID(Chart, id); ch != nil {
			list = append(list, map[string]any{"id": ch.id, "slice_name": ch.title(), "cache_timeout": ch.fields["cache_timeout"],
				"certified_by": ch.fields["certified_by"], "certification_details": ch.fields["certification_details"],
				"description": ch.fields["description"], "changed_on": ch.changedOn.Format(localTime)})
		}
	}
	c.json(http.StatusOK, map[string]any{"result": list})
}

func (s *Server) themeOf(r *row) any {
	id, _ := r.fields["theme_id"].(int)
	t := s.state.byID(Theme, id)
	if t == nil {
		return nil
	}
	return map[string]any{"id": t.id, "theme_name": t.title(), "json_data": t.fields["json_data"]}
}

// describeChildren leaves out datetime_format, as the item of 6.1.0 does.
func describeChildren(list []*child) []map[string]any {
	out := []map[string]any{}
	for _, ch := range list {
		m := map[string]any{"id": ch.id, "uuid": ch.uuid, "changed_on": ch.changedOn.Format(localTime), "created_on": ch.createdOn.Format(localTime)}
		for k, v := range ch.fields {
			if k != "datetime_format" {
				m[k] = v
			}
		}
		out = append(out, m)
	}
	return out
}

// serveConnection shows a database with its masked URI and, in clear, its extra.
func (s *Server) serveConnection(c *call) {
	r := s.find(Database, c.r.PathValue("id"), false)
	switch {
	case r == nil:
		c.message(http.StatusNotFound, "Not found")
		return
	}
	full := s.describe(r)
	body := project(full, append([]string{"extra", "sqlalchemy_uri"}, itemColumns[Database]...))
	body["masked_encrypted_extra"] = r.fields["encrypted_extra"]
	c.json(http.StatusOK, map[string]any{"id": r.id, "result": body})
}
