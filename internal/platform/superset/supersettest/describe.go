package supersettest

import (
	"fmt"
	"net/url"
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
		"owners": s.people(r.owners), "roles": s.rolesOf(r), "tags": s.tagList(r),
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
		m["engine_information"] = map[string]any{"supports_dynamic_catalog": m["backend"] == "postgresql"}
	case SavedQuery:
		s.describeQuery(r, m)
	case Report:
		s.describeReport(r, m)
	case Rule:
		s.describeRule(r, m)
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
	if db := s.databaseOf(ds); db != nil && s.since("6.1.0") {
		return db.fields["cache_timeout"]
	}
	return nil
}

func (s *Server) databaseOf(ds *row) *row {
	id, _ := ds.fields["database_id"].(int)
	return s.state.byID(Database, id)
}

func (s *Server) person(id int) any {
	if id < 1 || id > len(s.users) || s.users[id-1].Username == "" {
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
	if r.kind == Dashboard && s.tagging {
		for _, id := range r.owners {
			if t := s.state.tag(fmt.Sprintf("owner:%d", id)); t != nil {
				out = append(out, map[string]any{"id": t.id, "name": t.title(), "type": t.fields["type"]})
			}
		}
	}
	for _, name := range r.tags {
		if t := s.state.tag(name); t != nil {
			out = append(out, map[string]any{"id": t.id, "name": name, "type": tagCustom})
		}
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
