package supersettest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	localTime = "2006-01-02T15:04:05.000000"
	utcTime   = "2006-01-02T15:04:05.000000-0700"
)

// describe is everything a list or an item may show of a row.
func (s *Server) describe(r *row) map[string]any {
	m := map[string]any{
		"id": r.id, "uuid": r.uuid, "changed_by": s.person(r.changedBy), "created_by": s.person(r.createdBy),
		"changed_by_name": s.personName(r.changedBy), "created_by_name": s.personName(r.createdBy),
		"changed_on": r.changedOn.Format(localTime), "changed_on_utc": r.changedOn.Format(utcTime),
		"created_on": r.createdOn.Format(localTime), "changed_on_delta_humanized": s.humanize(r.changedOn),
		"created_on_delta_humanized": s.humanize(r.createdOn), "is_managed_externally": r.fields["is_managed_externally"] == true,
		"owners": s.people(r.owners), "roles": []map[string]any{}, "tags": s.tagList(r),
		"thumbnail_url": fmt.Sprintf("/api/v1/%s/%d/thumbnail/%s/", r.kind, r.id, strings.ReplaceAll(r.uuid, "-", "")),
	}
	for k, v := range r.fields {
		m[k] = v
	}
	delete(m, "password")
	delete(m, "encrypted_extra")
	switch r.kind {
	case Dashboard:
		s.describeDashboard(r, m)
	case Chart:
		s.describeChart(r, m)
	case Dataset:
		s.describeDataset(r, m)
	case Database:
		uri, _ := m["sqlalchemy_uri"].(string)
		scheme, _, _ := strings.Cut(uri, ":")
		m["backend"], _, _ = strings.Cut(scheme, "+")
	case Theme:
		m["is_system"] = false
	}
	return m
}

func (s *Server) describeDashboard(r *row, m map[string]any) {
	key := r.str("slug")
	if key == "" {
		key = itoa(r.id)
	}
	m["url"] = "/superset/dashboard/" + key + "/"
	m["status"] = "draft"
	if r.fields["published"] == true {
		m["status"] = "published"
	}
}

func (s *Server) describeChart(r *row, m map[string]any) {
	m["url"] = fmt.Sprintf("/explore/?slice_id=%d", r.id)
	m["slice_url"] = fmt.Sprintf("/explore/?slice_id=%d&form_data=%s", r.id, url.QueryEscape(fmt.Sprintf(`{"slice_id": %d}`, r.id)))
	m["edit_url"] = fmt.Sprintf("/chart/edit/%d", r.id)
	m["datasource_name_text"], m["datasource_url"], m["table"], m["datasource_uuid"] = nil, nil, nil, nil
	if id, ok := r.fields["datasource_id"].(int); ok {
		if ds := s.state.byID(Dataset, id); ds != nil {
			m["datasource_name_text"] = datasetName(ds)
			m["datasource_uuid"] = ds.uuid
			m["datasource_url"] = fmt.Sprintf("/explore/?datasource_type=table&datasource_id=%d", id)
			m["table"] = map[string]any{"table_name": ds.title(), "default_endpoint": ds.fields["default_endpoint"]}
		}
	}
	boards := []map[string]any{}
	for _, d := range s.state.rows[Dashboard] {
		for _, id := range d.slices {
			if id == r.id {
				boards = append(boards, map[string]any{"id": d.id, "dashboard_title": d.title(), "json_metadata": d.fields["json_metadata"]})
			}
		}
	}
	m["dashboards"] = boards
	m["changed_on_dttm"] = pyFloat(float64(r.changedOn.UnixMicro()) / 1000)
}

func datasetName(ds *row) string {
	if schema := ds.str("schema"); schema != "" {
		return schema + "." + ds.title()
	}
	return ds.title()
}

func (s *Server) describeDataset(r *row, m map[string]any) {
	m["datasource_type"] = "table"
	m["explore_url"] = fmt.Sprintf("/explore/?datasource_type=table&datasource_id=%d", r.id)
	m["kind"] = "physical"
	if r.str("sql") != "" {
		m["kind"] = "virtual"
	}
	m["cache_timeout"] = s.cacheTimeout(r)
	if db := s.databaseOf(r); db != nil {
		m["database"] = map[string]any{"id": db.id, "database_name": db.title(), "uuid": db.uuid,
			"backend": s.describe(db)["backend"], "allow_multi_catalog": false}
	}
}

// cacheTimeout is the dataset's own value or, since 6.1.0, its database's
// (facts section 7): export and API show one as if it were the other.
func (s *Server) cacheTimeout(ds *row) any {
	if v := ds.fields["cache_timeout"]; v != nil {
		return v
	}
	if db := s.databaseOf(ds); db != nil {
		return db.fields["cache_timeout"]
	}
	return nil
}

func (s *Server) databaseOf(ds *row) *row {
	id, _ := ds.fields["database_id"].(int)
	return s.state.byID(Database, id)
}

func (s *Server) person(id int) any {
	if id < 1 || id > len(s.users) {
		return nil
	}
	u := s.users[id-1]
	return map[string]any{"id": id, "first_name": u.First, "last_name": u.Last}
}

func (s *Server) personName(id int) string {
	if id < 1 || id > len(s.users) {
		return ""
	}
	return strings.TrimSpace(s.users[id-1].First + " " + s.users[id-1].Last)
}

func (s *Server) people(ids []int) []map[string]any {
	out := []map[string]any{}
	for _, id := range ids {
		if m, ok := s.person(id).(map[string]any); ok {
			m["email"] = s.users[id-1].Email
			out = append(out, m)
		}
	}
	return out
}

// tagList shows what people tagged (type 1) and, for dashboards, the owner tags
// the server makes by itself (type 3).
func (s *Server) tagList(r *row) []map[string]any {
	out := []map[string]any{}
	if !s.tagging {
		return out
	}
	if r.kind == Dashboard {
		for _, id := range r.owners {
			out = append(out, map[string]any{"id": 1000 + id, "name": fmt.Sprintf("owner:%d", id), "type": 3})
		}
	}
	for i, name := range r.tags {
		out = append(out, map[string]any{"id": i + 1, "name": name, "type": 1})
	}
	return out
}

func (s *Server) humanize(t time.Time) string {
	d := s.now().UTC().Sub(t)
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%d seconds ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d minutes ago", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// find resolves the id of an item's address: a row id for every kind, a uuid
// for dashboards, charts, datasets and themes, a slug for dashboards.
func (s *Server) find(kind, key string, portable bool) *row {
	if id, err := strconv.Atoi(key); err == nil {
		return s.state.byID(kind, id)
	}
	if !portable || kind == Database {
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
	Theme:           {"id", "uuid", "theme_name", "json_data"},
	AnnotationLayer: {"id", "name", "descr"},
}

func (s *Server) serveItem(c *call, kind string) {
	key := c.r.PathValue("id")
	r := s.find(kind, key, true)
	if _, err := strconv.Atoi(key); err != nil && kind == Database {
		serveNotFound(c.w, c.r)
		return
	}
	if r == nil || !s.visible(c.user, r) {
		c.message(http.StatusNotFound, "Not found")
		return
	}
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
	body := map[string]any{"result": project(full, itemColumns[kind])}
	if kind == Dataset || kind == Database {
		body["id"] = r.id
	}
	c.json(http.StatusOK, body)
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
	case s.users[c.user-1].Role != Admin:
		c.message(http.StatusForbidden, "Forbidden")
		return
	case r == nil:
		c.message(http.StatusNotFound, "Not found")
		return
	}
	full := s.describe(r)
	body := project(full, append([]string{"extra", "sqlalchemy_uri"}, itemColumns[Database]...))
	body["masked_encrypted_extra"] = r.fields["encrypted_extra"]
	c.json(http.StatusOK, map[string]any{"id": r.id, "result": body})
}
