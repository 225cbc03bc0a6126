package supersettest

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

const maxBody = 64 << 20

func readJSON(r *http.Request) (*object, error) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return nil, err
	}
	v, err := decodeJSON(string(raw))
	if err != nil {
		return nil, err
	}
	o, ok := v.(*object)
	if !ok {
		return nil, fmt.Errorf("not an object")
	}
	return o, nil
}

// servePut changes one object as the UI does: only what the body names.
func (s *Server) servePut(c *call, kind string) {
	if !strings.HasPrefix(c.r.Header.Get("Content-Type"), "application/json") {
		c.message(http.StatusInternalServerError, "Fatal error")
		return
	}
	body, err := readJSON(c.r)
	if err != nil {
		c.message(http.StatusBadRequest, "400 Bad Request: The browser (or proxy) sent a request that this server could not understand.")
		return
	}
	if bad := s.checkPut(kind, body); len(bad.keys) > 0 {
		if kind == CSSTemplate {
			c.message(http.StatusUnprocessableEntity, bad) // Flask-AppBuilder's own PUT
			return
		}
		if kind == Dataset {
			e := &apiError{status: http.StatusUnprocessableEntity, kind: "MARSHMALLOW_ERROR", code: 1040,
				message: "The schema of the submitted payload is invalid.", extra: newObject()}
			e.extra.set("messages", bad)
			e.extra.set("payload", body)
			e.write(c.w)
			return
		}
		c.message(http.StatusBadRequest, bad)
		return
	}
	found := s.find(kind, c.r.PathValue("id"), false)
	if isRecord(kind) && s.putRecord(c, kind, found, body) {
		return
	}
	switch {
	case found == nil || !s.visible(c.user, found):
		c.message(http.StatusNotFound, "Not found")
		return
	case !s.admin(c.user) && !slices.Contains(found.owners, c.user):
		c.message(http.StatusForbidden, "Forbidden")
		return
	}
	if slug := body.str("slug"); slug != "" && kind == Dashboard {
		for _, o := range s.state.rows[Dashboard] {
			if o.str("slug") == slug && o.id != found.id {
				c.message(http.StatusUnprocessableEntity, map[string]any{"slug": []string{"Must be unique"}})
				return
			}
		}
	}
	if refused := s.refusedPut(kind, found, body); refused != nil {
		c.message(http.StatusUnprocessableEntity, refused)
		return
	}
	s.put(kind, found.id, body, c.user)
	answer := map[string]any{"id": found.id, "result": body}
	switch kind {
	case AnnotationLayer:
		body.set("layer", found.id)
	case CSSTemplate:
		r := s.state.byID(kind, found.id)
		answer = map[string]any{"result": map[string]any{"css": r.fields["css"], "template_name": r.fields["template_name"]}}
	}
	if kind == Dashboard {
		answer["last_modified_time"] = pyFloat(float64(s.state.byID(kind, found.id).changedOn.Unix()))
	}
	c.json(http.StatusOK, answer)
}

// put applies a checked body. Only a row whose own values changed gets a new
// change time; columns and metrics count as such, links and owners do not.
func (s *Server) put(kind string, id int, body *object, user int) {
	r := s.state.edit(kind, id)
	before := s.state.byID(kind, id).copy()
	for _, k := range body.keys {
		v := body.vals[k]
		switch k {
		case "owners":
			r.owners = s.mergedOwners(user, intList(v))
		case "roles":
			r.roles = intList(v)
		case "uuid", "query_context_generation", "masked_encrypted_extra":
		case "tags":
			r.tags = s.tagNames(intList(v))
		case "dashboards":
			s.linkChart(id, intList(v))
		case "columns":
			s.putChildren(&r.columns, v.([]any), "column", columnFields)
		case "metrics":
			s.putChildren(&r.metrics, v.([]any), "metric", metricFields)
		case "position_json":
			text, _ := v.(string)
			if p, err := decodeJSON(text); err == nil {
				v = mustJSON(p)
			}
			r.fields[k] = v
		case "json_metadata":
			if text, _ := v.(string); text != "" {
				r.fields[k] = v
				s.setMetadata(r, text)
			}
		case "extra_json":
			if v == nil { // ExtraJSONMixin
				v = "{}"
			}
			r.fields[k] = v
		case "sqlalchemy_uri":
			setURI(r, body.str(k))
		case "datasource_id", "theme_id", "database_id", "db_id":
			if n, ok := v.(number); ok {
				v = int(atoi(n))
			}
			r.fields[k] = v
		default:
			r.fields[k] = v
		}
	}
	_, columns := body.vals["columns"]
	_, metrics := body.vals["metrics"]
	if columns || metrics || kind == Chart || !reflect.DeepEqual(before.fields, r.fields) {
		s.touch(r, user) // a chart's last_saved_at moves with every PUT
	}
}

func intList(v any) []int {
	list, _ := v.([]any)
	var out []int
	for _, e := range list {
		if n, ok := e.(number); ok {
			out = append(out, int(atoi(n)))
		}
	}
	return out
}

// tagNames are the names of custom tags.
func (s *Server) tagNames(ids []int) []string {
	var names []string
	for _, id := range ids {
		if t := s.state.byID(Tag, id); t != nil && t.fields["type"] == tagCustom {
			names = append(names, t.title())
		}
	}
	return names
}

func (s *Server) linkChart(chart int, dashboards []int) {
	for _, d := range s.state.rows[Dashboard] {
		has, want := slices.Contains(d.slices, chart), slices.Contains(dashboards, d.id)
		if has == want {
			continue
		}
		e := s.state.edit(Dashboard, d.id)
		if want {
			e.slices = append(e.slices, chart)
		} else {
			e.slices = slices.DeleteFunc(e.slices, func(id int) bool { return id == chart })
		}
	}
}

// putChildren makes the list exactly what the body says: known ids are updated,
// others added, absent ones deleted.
func (s *Server) putChildren(list *[]*child, body []any, table string, fields []string) {
	var out []*child
	now := s.clock()
	for _, v := range body {
		o, _ := v.(*object)
		i := slices.IndexFunc(*list, func(c *child) bool { return itoa(c.id) == string(o.num("id")) })
		var c *child
		if i >= 0 {
			c = (*list)[i]
		} else {
			c = &child{id: s.state.takeID(table), uuid: s.newUUID(), createdOn: now, fields: newChildFields(table)}
		}
		before := fmt.Sprint(c.fields)
		for _, f := range fields {
			if o.has(f) {
				c.fields[f] = o.get(f)
			}
		}
		if i < 0 || fmt.Sprint(c.fields) != before {
			c.changedOn = now
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b *child) int { return a.id - b.id })
	*list = out
}

// newChildFields holds every column of the table, with its defaults.
func newChildFields(table string) map[string]any {
	m := map[string]any{}
	names := columnFields
	if table == "metric" {
		names = metricFields
	}
	for _, f := range names {
		m[f] = nil
	}
	if table == "column" {
		m["is_dttm"], m["is_active"], m["groupby"], m["filterable"] = false, true, true, true
	}
	return m
}

// setMetadata is DashboardDAO.set_dash_metadata of 6.1.0: a PUT of
// json_metadata fills in defaults and moves "positions" to the layout.
func (s *Server) setMetadata(r *row, text string) {
	v, _ := decodeJSON(text)
	data, ok := v.(*object)
	if !ok {
		return
	}
	md := clone(data).(*object)
	if pos := data.obj("positions"); pos != nil {
		s.setPositions(r, clone(pos).(*object))
		md.set("default_filters", "{}")
		md.del("positions")
	}
	md.del("filter_scopes")
	setDefault := func(key string, v any) {
		if !md.has(key) {
			md.set(key, v)
		}
	}
	setDefault("timed_refresh_immune_slices", []any{})
	if md.get("color_namespace") == nil {
		md.del("color_namespace")
	}
	setDefault("expanded_slices", newObject())
	setDefault("refresh_frequency", number("0"))
	setDefault("color_scheme", "")
	setDefault("label_colors", newObject())
	setDefault("shared_label_colors", []any{})
	setDefault("map_label_colors", newObject())
	setDefault("color_scheme_domain", []any{})
	setDefault("cross_filters_enabled", true)
	r.fields["json_metadata"] = mustJSON(md)
}

func (s *Server) setPositions(r *row, pos *object) {
	r.slices = nil
	for _, k := range pos.keys {
		item := pos.obj(k)
		meta := item.obj("meta")
		if item.str("type") != "CHART" || meta == nil {
			continue
		}
		if ch := s.state.byID(Chart, int(atoi(meta.num("chartId")))); ch != nil {
			meta.set("uuid", ch.uuid)
			if !slices.Contains(r.slices, ch.id) {
				r.slices = append(r.slices, ch.id)
			}
		}
	}
	r.fields["position_json"] = mustJSON(pos)
}
