package supersettest

import (
	"slices"
	"strings"
)

// columns that a list of each kind offers, as 6.1.0 names them in
// "list_columns". Columns asked for that are not among them are left out
// without a word.
var listColumns = map[string][]string{
	"permission": {"id", "permission.name", "view_menu.name"},
	Dashboard: {"id", "uuid", "published", "status", "slug", "url", "thumbnail_url", "certified_by", "certification_details",
		"changed_by.first_name", "changed_by.last_name", "changed_by.id", "changed_by_name", "changed_on_utc",
		"changed_on_delta_humanized", "created_on_delta_humanized", "created_by.first_name", "created_by.id",
		"created_by.last_name", "dashboard_title", "owners.id", "owners.first_name", "owners.last_name", "owners.email",
		"roles.id", "roles.name", "is_managed_externally", "tags.id", "tags.name", "tags.type"},
	Chart: {"is_managed_externally", "certified_by", "certification_details", "cache_timeout", "changed_by.first_name",
		"changed_by.last_name", "changed_by.id", "changed_by_name", "changed_on_delta_humanized", "changed_on_dttm",
		"changed_on_utc", "created_by.first_name", "created_by.id", "created_by.last_name", "created_by_name",
		"created_on_delta_humanized", "datasource_id", "datasource_name_text", "datasource_type", "datasource_url",
		"description", "edit_url", "id", "owners.first_name", "owners.id", "owners.last_name", "owners.email",
		"dashboards.id", "dashboards.dashboard_title", "params", "slice_name", "slice_url", "table.table_name",
		"thumbnail_url", "url", "viz_type", "tags.id", "tags.name", "tags.type", "uuid"},
	Dataset: {"id", "uuid", "database.id", "database.database_name", "database.uuid", "changed_by_name",
		"changed_by.first_name", "changed_by.last_name", "changed_by.id", "changed_on_utc", "changed_on_delta_humanized",
		"default_endpoint", "description", "datasource_type", "explore_url", "extra", "kind", "owners.id",
		"owners.first_name", "owners.last_name", "catalog", "schema", "sql", "table_name"},
	Database: {"allow_file_upload", "allow_ctas", "allow_cvas", "allow_dml", "allow_run_async", "backend", "engine_information", "changed_on",
		"changed_on_delta_humanized", "changed_by.first_name", "changed_by.last_name", "created_by.first_name",
		"created_by.last_name", "configuration_method", "database_name", "expose_in_sqllab", "extra", "force_ctas_schema",
		"id", "uuid"},
	Theme: {"id", "uuid", "theme_name", "json_data", "is_system", "is_system_default", "is_system_dark", "changed_by.first_name",
		"changed_by.last_name", "changed_by.id", "changed_by_name", "changed_on_delta_humanized", "created_on", "created_by.first_name",
		"created_by.last_name", "created_by.id"},
	SavedQuery: {"changed_on", "changed_on_delta_humanized", "changed_by.first_name", "changed_by.id", "changed_by.last_name",
		"created_on", "created_by.first_name", "created_by.id", "created_by.last_name", "database.database_name", "database.id", "db_id",
		"description", "extra", "id", "label", "last_run_delta_humanized", "rows", "catalog", "schema", "sql", "sql_tables", "tags.id",
		"tags.name", "tags.type"},
	AnnotationLayer: {"id", "name", "descr", "created_by.first_name", "created_by.last_name", "changed_by.first_name",
		"changed_by.last_name", "changed_on", "changed_on_delta_humanized", "created_on"},
	"role": {"id", "name"},
	Report: {"active", "changed_by.first_name", "changed_by.last_name", "changed_on", "changed_on_delta_humanized", "chart_id",
		"created_by.first_name", "created_by.last_name", "created_on", "creation_method", "crontab", "crontab_humanized",
		"dashboard_id", "description", "extra", "id", "last_eval_dttm", "last_state", "name", "owners.first_name", "owners.id",
		"owners.last_name", "owners.email", "recipients.id", "recipients.type", "timezone", "type"},
	Rule: {"id", "name", "filter_type", "tables.id", "tables.table_name", "roles.id", "roles.name", "clause",
		"changed_on_delta_humanized", "changed_by.first_name", "changed_by.last_name", "changed_by.id", "group_key"},
	"permissions-resources": {"id", "permission.name", "view_menu.name"},
	CSSTemplate: {"changed_on_delta_humanized", "changed_by.first_name", "changed_by.id", "changed_by.last_name", "created_on",
		"created_by.first_name", "created_by.id", "created_by.last_name", "css", "id", "template_name"},
	Tag: {"id", "name", "type", "description", "changed_by.first_name", "changed_by.last_name", "changed_on_delta_humanized",
		"created_on_delta_humanized", "created_by.first_name", "created_by.last_name"},
	annotation: {"id", "changed_by.first_name", "changed_by.id", "changed_on_delta_humanized", "created_by.first_name",
		"created_by.id", "end_dttm", "long_descr", "short_descr", "start_dttm"},
	"user": {"id", "roles.id", "roles.name", "first_name", "last_name", "username", "active", "email"},
}

var orderColumns = map[string][]string{
	Dashboard: {"changed_by.first_name", "changed_on_delta_humanized", "created_by.first_name", "dashboard_title", "published", "changed_on"},
	Chart: {"changed_by.first_name", "changed_on_delta_humanized", "datasource_id", "datasource_name", "last_saved_at",
		"slice_name", "viz_type"},
	Dataset: {"table_name", "catalog", "schema", "changed_by.first_name", "changed_on_delta_humanized", "database.database_name"},
	Database: {"allow_file_upload", "allow_dml", "allow_run_async", "changed_on", "changed_on_delta_humanized",
		"created_by.first_name", "database_name", "expose_in_sqllab"},
	Theme: {"theme_name"},
	SavedQuery: {"catalog", "schema", "label", "description", "sql", "rows", "created_by.first_name", "database.database_name",
		"created_on", "changed_on_delta_humanized", "last_run_delta_humanized"},
	AnnotationLayer: {"name", "descr", "created_by.first_name", "changed_by.first_name", "changed_on",
		"changed_on_delta_humanized", "created_on"},
	"role":      {"id", "name"},
	CSSTemplate: {"template_name"},
	Report: {"active", "description", "created_by.first_name", "changed_by.first_name", "changed_on",
		"changed_on_delta_humanized", "created_on", "crontab", "last_eval_dttm", "name", "type", "crontab_humanized"},
	Rule:                    {"name", "filter_type", "clause", "changed_on_delta_humanized", "group_key"},
	"permissions-resources": {"id", "permission.name", "view_menu.name"},
	Tag: {"id", "name", "type", "description", "changed_by.first_name", "changed_by.last_name", "changed_on_delta_humanized",
		"created_on_delta_humanized", "created_by.first_name", "created_by.last_name"},
	annotation: {"changed_by.first_name", "changed_on_delta_humanized", "created_by.first_name", "end_dttm", "long_descr",
		"short_descr", "start_dttm"},
	"user": {"id", "first_name", "last_name", "username", "active", "email"},
}

var filterColumns = map[string][]string{
	Dashboard:       {"dashboard_title", "id", "published", "slug", "uuid"},
	Chart:           {"datasource_id", "datasource_type", "description", "id", "slice_name", "uuid", "viz_type"},
	Dataset:         {"id", "uuid", "database", "catalog", "schema", "sql", "table_name"},
	Database:        {"database_name", "expose_in_sqllab", "uuid"},
	Theme:           {"theme_name", "uuid", "json_data", "is_system", "is_system_default", "is_system_dark"},
	SavedQuery:      {"id", "database", "label", "catalog", "schema"},
	"role":          {"id", "name"},
	AnnotationLayer: {"name", "descr"},
	CSSTemplate:     {"template_name", "css"},
	Report:          {"name", "active", "type", "last_state", "creation_method", "dashboard_id", "chart_id"},
	Rule:            {"name", "description", "filter_type", "group_key", "clause"},
	Tag:             {"name", "type", "description"},
	annotation:      {"short_descr", "long_descr", "json_metadata", "start_dttm", "end_dttm"},
	"user":          {"id", "username", "email", "first_name", "last_name"},
}

func (s *Server) pickColumns(kind string, asked []string) []string {
	var columns []string
	all := listColumns[kind]
	switch {
	case kind == Database:
		all = s.shown(kind, all)
	case s.editors && (kind == Dashboard || kind == Chart || kind == Dataset):
		all = slices.DeleteFunc(slices.Clone(all), func(col string) bool { return strings.HasPrefix(col, "owners.") || strings.HasPrefix(col, "roles.") })
	case kind == Report && !s.since("6.1.0"):
		all = slices.DeleteFunc(slices.Clone(all), func(col string) bool { return col == "owners.email" })
	case kind == Dataset && !s.since("6.0.0"):
		all = slices.DeleteFunc(slices.Clone(all), func(col string) bool { return col == "database.uuid" })
	}
	for _, col := range asked {
		if slices.Contains(all, col) {
			columns = append(columns, col)
		}
	}
	if len(columns) == 0 {
		return all
	}
	return columns
}

func label(column string) string {
	words := strings.FieldsFunc(column, func(r rune) bool { return r == '.' || r == '_' })
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}

// project keeps the columns, nesting what has a dot.
func project(full map[string]any, columns []string) map[string]any {
	out := map[string]any{}
	for _, col := range columns {
		head, tail, nested := strings.Cut(col, ".")
		if !nested {
			out[col] = full[col]
			continue
		}
		switch v := full[head].(type) {
		case map[string]any:
			m, _ := out[head].(map[string]any)
			if m == nil {
				m = map[string]any{}
			}
			m[tail] = v[tail]
			out[head] = m
		case []map[string]any:
			list, _ := out[head].([]map[string]any)
			for len(list) < len(v) {
				list = append(list, map[string]any{})
			}
			for i := range v {
				list[i][tail] = v[i][tail]
			}
			out[head] = list
			if list == nil {
				out[head] = []any{}
			}
		default:
			out[head] = nil
		}
	}
	return out
}
