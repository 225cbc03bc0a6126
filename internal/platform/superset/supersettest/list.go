package supersettest

import (
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// columns that a list of each kind offers, as 6.1.0 names them in
// "list_columns". Columns asked for that are not among them are left out
// without a word.
var listColumns = map[string][]string{
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
	Database: {"allow_file_upload", "allow_ctas", "allow_cvas", "allow_dml", "allow_run_async", "backend", "changed_on",
		"changed_on_delta_humanized", "changed_by.first_name", "changed_by.last_name", "created_by.first_name",
		"created_by.last_name", "configuration_method", "database_name", "expose_in_sqllab", "extra", "force_ctas_schema",
		"id", "uuid"},
	Theme: {"id", "uuid", "theme_name", "json_data", "is_system", "changed_by.first_name", "changed_by.last_name",
		"changed_by.id", "changed_on_delta_humanized", "created_by.first_name", "created_by.last_name", "created_by.id"},
	AnnotationLayer: {"id", "name", "descr", "created_by.first_name", "created_by.last_name", "changed_by.first_name",
		"changed_by.last_name", "changed_on", "changed_on_delta_humanized", "created_on"},
	"user": {"id", "roles.id", "roles.name", "first_name", "last_name", "username", "active", "email"},
}

var orderColumns = map[string][]string{
	Dashboard: {"changed_by.first_name", "changed_on_delta_humanized", "created_by.first_name", "dashboard_title", "published", "changed_on"},
	Chart: {"changed_by.first_name", "changed_on_delta_humanized", "datasource_id", "datasource_name", "last_saved_at",
		"slice_name", "viz_type"},
	Dataset: {"table_name", "catalog", "schema", "changed_by.first_name", "changed_on_delta_humanized", "database.database_name"},
	Database: {"allow_file_upload", "allow_dml", "allow_run_async", "changed_on", "changed_on_delta_humanized",
		"created_by.first_name", "database_name", "expose_in_sqllab"},
	Theme: {"theme_name", "changed_on_delta_humanized"},
	AnnotationLayer: {"name", "descr", "created_by.first_name", "changed_by.first_name", "changed_on",
		"changed_on_delta_humanized", "created_on"},
	"user": {"id", "first_name", "last_name", "username", "active", "email"},
}

var filterColumns = map[string][]string{
	Dashboard:       {"dashboard_title", "id", "published", "slug", "uuid"},
	Chart:           {"datasource_id", "datasource_type", "description", "id", "slice_name", "uuid", "viz_type"},
	Dataset:         {"id", "uuid", "database", "catalog", "schema", "sql", "table_name"},
	Database:        {"database_name", "expose_in_sqllab", "uuid"},
	Theme:           {"theme_name", "uuid"},
	AnnotationLayer: {"name"},
	"user":          {"id", "username", "email", "first_name", "last_name"},
}

// maxPage is the server's cap on page_size: 1000, 5000 and -1 all give 100.
const maxPage = 100

// listQuery is the `q` of a list.
type listQuery struct {
	page, size int
	columns    []string
	order      string
	desc       bool
	filters    []any
}

func parseListQuery(r *http.Request) (*listQuery, int, string) {
	q := &listQuery{size: 20}
	text := r.URL.Query().Get("q")
	if text == "" {
		return q, 0, ""
	}
	v, err := parseRison(text)
	if err != nil {
		return nil, http.StatusInternalServerError, "Fatal error"
	}
	o, ok := v.(*object)
	if !ok {
		return nil, http.StatusBadRequest, fmt.Sprintf("Not a valid rison schema %s is not of type 'object'", pyRepr(v))
	}
	q.page = int(atoi(o.num("page")))
	if o.has("page_size") {
		q.size = int(atoi(o.num("page_size")))
	}
	switch {
	case q.size == 0:
		q.size = 20
	case q.size < 0 || q.size > maxPage:
		q.size = maxPage
	}
	for _, c := range o.list("columns") {
		q.columns = append(q.columns, fmt.Sprint(c))
	}
	q.order, q.desc, q.filters = o.str("order_column"), o.str("order_direction") == "desc", o.list("filters")
	return q, 0, ""
}

func atoi(n number) int64 { i, _ := strconv.ParseInt(string(n), 10, 64); return i }

// entry is a row as the list shows it, with what it is sorted by.
type entry struct {
	id      int
	changed time.Time
	full    map[string]any
}

func (s *Server) serveList(c *call, kind string) {
	var entries []entry
	for _, r := range s.state.rows[kind] {
		if s.visible(c.user, r) {
			entries = append(entries, entry{r.id, r.changedOn, s.describe(r)})
		}
	}
	if kind == Dashboard || kind == Chart {
		sort.SliceStable(entries, func(i, j int) bool { return entries[i].changed.After(entries[j].changed) })
	}
	s.writeList(c, kind, models[kind].list, entries)
}

func (s *Server) serveUsers(c *call) {
	if s.users[c.user-1].Role != Admin {
		c.message(http.StatusForbidden, "Forbidden")
		return
	}
	var entries []entry
	for i, u := range s.users {
		entries = append(entries, entry{i + 1, time.Time{}, map[string]any{
			"id": i + 1, "username": u.Username, "first_name": u.First, "last_name": u.Last, "email": u.Email,
			"active": true, "roles": []map[string]any{{"id": 1, "name": u.Role}}}})
	}
	s.writeList(c, "user", "List User", entries)
}

func (s *Server) writeList(c *call, kind, title string, entries []entry) {
	q, status, msg := parseListQuery(c.r)
	if q == nil {
		c.message(status, msg)
		return
	}
	entries, bad := applyFilters(kind, entries, q.filters)
	if bad != "" {
		c.message(http.StatusBadRequest, fmt.Sprintf("Filter column: %s not allowed to filter", bad))
		return
	}
	if q.order != "" {
		if !slices.Contains(orderColumns[kind], q.order) {
			c.message(http.StatusBadRequest, "Invalid order by column: "+q.order)
			return
		}
		sortEntries(entries, q.order, q.desc)
	}
	count := len(entries)
	from := min(q.page*q.size, count)
	entries = entries[from:min(from+q.size, count)]
	columns := pickColumns(kind, q.columns)
	ids, result := []any{}, []any{}
	for _, e := range entries {
		ids = append(ids, e.id)
		result = append(result, project(e.full, columns))
	}
	labels, order := map[string]any{}, []any{}
	for _, col := range columns {
		labels[col] = label(col)
		if slices.Contains(orderColumns[kind], col) {
			order = append(order, col)
		}
	}
	c.json(http.StatusOK, map[string]any{"count": count, "description_columns": map[string]any{}, "ids": ids,
		"label_columns": labels, "list_columns": columns, "list_title": title, "order_columns": order, "result": result})
}

func pickColumns(kind string, asked []string) []string {
	var columns []string
	for _, col := range asked {
		if slices.Contains(listColumns[kind], col) {
			columns = append(columns, col)
		}
	}
	if len(columns) == 0 {
		return listColumns[kind]
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

func sortEntries(entries []entry, column string, desc bool) {
	less := func(a, b entry) bool {
		if strings.HasPrefix(column, "changed_on") || column == "last_saved_at" {
			return a.changed.Before(b.changed)
		}
		return fmt.Sprint(project(a.full, []string{column})) < fmt.Sprint(project(b.full, []string{column}))
	}
	sort.SliceStable(entries, func(i, j int) bool {
		if desc {
			i, j = j, i
		}
		return less(entries[i], entries[j])
	})
}

// applyFilters keeps what passes; bad is a column that may not be filtered by.
func applyFilters(kind string, entries []entry, filters []any) (kept []entry, bad string) {
	for _, f := range filters {
		o, _ := f.(*object)
		col := o.str("col")
		if !slices.Contains(filterColumns[kind], col) {
			return nil, col
		}
		var pass []entry
		for _, e := range entries {
			v := e.full[col]
			if db, ok := v.(map[string]any); ok {
				v = db["id"]
			}
			if filterMatches(fmt.Sprint(v), o.str("opr"), o.get("value")) {
				pass = append(pass, e)
			}
		}
		entries = pass
	}
	return entries, ""
}

func filterMatches(have, op string, want any) bool {
	one := fmt.Sprint(want)
	in := func() bool {
		list, _ := want.([]any)
		return slices.ContainsFunc(list, func(v any) bool { return fmt.Sprint(v) == have })
	}
	switch op {
	case "eq", "rel_o_m":
		return have == one
	case "neq":
		return have != one
	case "in":
		return in()
	case "not_in":
		return !in()
	case "gt":
		return atoi(number(have)) > atoi(number(one))
	case "lt":
		return atoi(number(have)) < atoi(number(one))
	case "sw":
		return strings.HasPrefix(have, one)
	case "ew":
		return strings.HasSuffix(have, one)
	case "ct":
		return strings.Contains(strings.ToLower(have), strings.ToLower(one))
	}
	return true
}

// visible is what the roles see, as measured with Alpha and Gamma accounts.
func (s *Server) visible(user int, r *row) bool {
	switch s.users[user-1].Role {
	case Gamma:
		return false
	case Alpha:
		return r.kind != Dashboard || r.fields["published"] == true || slices.Contains(r.owners, user)
	}
	return true
}
