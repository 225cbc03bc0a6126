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
	key     string // set while sorting
}

func (s *Server) serveList(c *call, kind string) {
	s.ownTags()
	if s.serveKept(c, kind) {
		return
	}
	if q, _, _ := parseListQuery(c.r); q != nil && len(q.filters) == 0 && slices.Contains(orderColumns[kind], q.order) {
		s.servePage(c, kind, q)
		return
	}
	s.writeList(c, kind, models[kind].list, s.entries(c.user, kind))
}

// PasswordHash stands for the one that releases before 6.0.0 show of whoever made
// a tag.
const PasswordHash = "scrypt:32768:8:1$FAKE-password-hash"

func (s *Server) entries(user int, kind string) []entry {
	var entries []entry
	for _, r := range s.state.rows[kind] {
		if s.visible(user, r) {
			entries = append(entries, entry{id: r.id, changed: r.changedOn, full: s.describe(r)})
		}
	}
	if kind == Dashboard || kind == Chart {
		sort.SliceStable(entries, func(i, j int) bool { return entries[i].changed.After(entries[j].changed) })
	}
	return entries
}

// listed is the order in which a list showed its rows, which is what its next
// page needs. Rows never change in place, so the same rows stay in order.
type listed struct {
	of  map[string][]*row // what everything was, since lists show other kinds too
	ids []int
}

type listKey struct {
	kind, order string
	user        int
	desc        bool
}

// servePage writes a page of an ordered list and describes only its own rows.
func (s *Server) servePage(c *call, kind string, q *listQuery) {
	key := listKey{kind, q.order, c.user, q.desc}
	l, known := s.listed[key]
	for k := range models {
		known = known && slices.Equal(l.of[k], s.state.rows[k])
	}
	if !known {
		entries := s.entries(c.user, kind)
		sortEntries(entries, q.order, q.desc)
		l = listed{of: s.state.clone().rows, ids: make([]int, len(entries))}
		for i, e := range entries {
			l.ids[i] = e.id
		}
		s.listed[key] = l
	}
	from := min(q.page*q.size, len(l.ids))
	var page []entry
	for _, id := range l.ids[from:min(from+q.size, len(l.ids))] {
		r := s.state.byID(kind, id)
		page = append(page, entry{id: id, changed: r.changedOn, full: s.describe(r)})
	}
	s.writePage(c, kind, models[kind].list, q, page, len(l.ids))
}

func (s *Server) serveUsers(c *call) {
	if !s.usersAPI {
		serveNotFound(c.w, c.r)
		return
	}
	var entries []entry
	for i, u := range s.users {
		if u.Username == "" { // deleted
			continue
		}
		roles := []map[string]any{}
		if id := s.roleID(u.Role); id > 0 { // else it was deleted, from its people too
			roles = append(roles, s.role(id))
		}
		entries = append(entries, entry{id: i + 1, full: map[string]any{
			"id": i + 1, "username": u.Username, "first_name": u.First, "last_name": u.Last, "email": u.Email, "active": true, "roles": roles}})
	}
	s.writeList(c, "user", "List User", entries)
}

func (s *Server) writeList(c *call, kind, title string, entries []entry) {
	q, status, msg := parseListQuery(c.r)
	if q == nil {
		c.message(status, msg)
		return
	}
	entries, bad := s.applyFilters(kind, entries, q.filters)
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
	s.writePage(c, kind, title, q, entries[from:min(from+q.size, count)], count)
}

func (s *Server) writePage(c *call, kind, title string, q *listQuery, entries []entry, count int) {
	columns := s.pickColumns(kind, q.columns)
	ids, result := []any{}, []any{}
	for _, e := range entries {
		ids = append(ids, e.id)
		shown := columns
		if kind == Rule && len(q.columns) == 0 { // by a schema that has more than its columns (row_level_security/schemas.py)
			shown = append(slices.Clone(columns), "description", "tables.schema")
		}
		result = append(result, project(e.full, shown))
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

// valueAt is what a row shows in a column, "of.something" being inside another.
func valueAt(full map[string]any, column string) any {
	head, tail, _ := strings.Cut(column, ".")
	if of, ok := full[head].(map[string]any); ok && tail != "" {
		return of[tail]
	}
	return full[head]
}

func sortEntries(entries []entry, column string, desc bool) {
	byTime := strings.HasPrefix(column, "changed_on") || column == "last_saved_at"
	for i := range entries {
		if !byTime {
			entries[i].key = fmt.Sprint(valueAt(entries[i].full, column))
		}
	}
	sort.SliceStable(entries, func(i, j int) bool {
		if desc {
			i, j = j, i
		}
		if byTime {
			return entries[i].changed.Before(entries[j].changed)
		}
		return entries[i].key < entries[j].key
	})
}

// applyFilters keeps what passes; bad is a column that may not be filtered by.
func (s *Server) applyFilters(kind string, entries []entry, filters []any) (kept []entry, bad string) {
	for _, f := range filters {
		o, _ := f.(*object)
		col := o.str("col")
		if !slices.Contains(filterColumns[kind], col) || col == "uuid" && kind != Database && !s.since("6.0.0") {
			return nil, col
		}
		var pass []entry
		for _, e := range entries {
			v := e.full[col]
			if db, ok := v.(map[string]any); ok {
				v = db["id"]
			}
			if v == nil {
				continue // as comparisons with NULL
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
	case "custom_tag":
		yes, _ := want.(bool)
		return (have == fmt.Sprint(tagCustom)) == yes
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
