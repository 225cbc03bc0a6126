package supersettest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// annotation is the kind of the marks of a layer, in the tables of columns.
const annotation = "annotation"

// annotationPut are the keys of an annotation in POST and PUT, with their types as
// in putFields; t is a time.
var annotationPut = map[string]byte{"short_descr": 's', "long_descr": 's', "start_dttm": 't', "end_dttm": 't', "json_metadata": 'j'}

func (s *Server) annotationRoutes(handle func(string, func(*call))) {
	const base = "/api/v1/annotation_layer/{id}/annotation/"
	handle("GET "+base+"{$}", s.listAnnotations)
	handle("POST "+base+"{$}", func(c *call) { s.saveAnnotation(c, nil) })
	handle("DELETE "+base+"{$}", s.deleteAnnotations)
	one := func(f func(*call, *child)) func(*call) {
		return func(c *call) {
			if n := s.annotation(c); n != nil {
				f(c, n)
				return
			}
			c.message(http.StatusNotFound, "Not found")
		}
	}
	handle("GET "+base+"{note}", one(s.showAnnotation))
	handle("PUT "+base+"{note}", one(s.saveAnnotation))
	handle("DELETE "+base+"{note}", one(func(c *call, n *child) {
		s.dropAnnotations([]int{n.id})
		c.message(http.StatusOK, "OK")
	}))
}

// layer is the one that a request names, nil when there is none.
func (s *Server) layer(c *call) *row {
	id, _ := strconv.Atoi(c.r.PathValue("id"))
	return s.state.byID(AnnotationLayer, id)
}

// annotation is the one that a request names; its layer is not looked at.
func (s *Server) annotation(c *call) *child {
	id, _ := strconv.Atoi(c.r.PathValue("note"))
	for _, r := range s.state.rows[AnnotationLayer] {
		for _, n := range r.notes {
			if n.id == id {
				return n
			}
		}
	}
	return nil
}

func (s *Server) describeAnnotation(r *row, n *child) map[string]any {
	m := map[string]any{"id": n.id, "changed_by": s.person(r.createdBy), "created_by": s.person(r.createdBy),
		"changed_on_delta_humanized": s.humanize(n.changedOn), "layer": map[string]any{"id": r.id, "name": r.title()}}
	for k, v := range n.fields {
		m[k] = v
	}
	return m
}

// listAnnotations lists those of a layer; of one that is not there, none.
func (s *Server) listAnnotations(c *call) {
	q, status, msg := parseListQuery(c.r)
	if q == nil {
		c.message(status, msg)
		return
	}
	var entries []entry
	if r := s.layer(c); r != nil {
		for _, n := range r.notes {
			entries = append(entries, entry{id: n.id, changed: n.changedOn, full: s.describeAnnotation(r, n)})
		}
	}
	entries, bad := s.applyFilters(annotation, entries, q.filters)
	if bad != "" {
		c.message(http.StatusBadRequest, fmt.Sprintf("Filter column: %s not allowed to filter", bad))
		return
	}
	if q.order != "" {
		if !slices.Contains(orderColumns[annotation], q.order) {
			c.message(http.StatusBadRequest, "Invalid order by column: "+q.order)
			return
		}
		sortEntries(entries, q.order, q.desc)
	}
	count, ids, result := len(entries), []any{}, []any{}
	from := min(q.page*q.size, count)
	for _, e := range entries[from:min(from+q.size, count)] {
		ids = append(ids, e.id)
		result = append(result, project(e.full, s.pickColumns(annotation, q.columns)))
	}
	c.json(http.StatusOK, map[string]any{"count": count, "ids": ids, "result": result})
}

func (s *Server) showAnnotation(c *call, n *child) {
	q, status, msg := parseListQuery(c.r)
	if q == nil {
		c.message(status, msg)
		return
	}
	columns := itemColumns[annotation]
	if len(q.columns) > 0 {
		columns = slices.DeleteFunc(slices.Clone(columns), func(col string) bool { return !slices.Contains(q.columns, col) })
	}
	for _, r := range s.state.rows[AnnotationLayer] {
		if slices.Contains(r.notes, n) {
			c.json(http.StatusOK, map[string]any{"id": n.id, "result": project(s.describeAnnotation(r, n), columns)})
		}
	}
}

// saveAnnotation creates one (have is nil), or changes what the body names.
// Neither moves the layer.
func (s *Server) saveAnnotation(c *call, have *child) {
	body, err := readJSON(c.r)
	if err != nil {
		c.message(http.StatusBadRequest, "400 Bad Request: The browser (or proxy) sent a request that this server could not understand.")
		return
	}
	if bad := checkAnnotation(body, have == nil); len(bad.keys) > 0 {
		c.message(http.StatusBadRequest, bad)
		return
	}
	r := s.layer(c)
	if r == nil {
		c.message(http.StatusBadRequest, "Annotation layer not found.")
		return
	}
	for _, n := range r.notes {
		if n.fields["short_descr"] == body.get("short_descr") && (have == nil || n.id != have.id) {
			c.message(http.StatusUnprocessableEntity, map[string]any{"short_descr": []string{"Short description must be unique for this layer"}})
			return
		}
	}
	switch start, end := atTime(body.str("start_dttm")), atTime(body.str("end_dttm")); {
	case !body.has("start_dttm") || !body.has("end_dttm"):
	case zoned(body.str("start_dttm")) != zoned(body.str("end_dttm")):
		c.fatal() // TypeError: can't compare offset-naive and offset-aware datetimes
		return
	case end.Before(start):
		c.message(http.StatusUnprocessableEntity, map[string]any{"start_dttm": []string{"End date must be after start date"}})
		return
	}
	n, status := s.keepAnnotation(r, have, body), http.StatusCreated
	if have != nil {
		status = http.StatusOK
	}
	for _, f := range []string{"start_dttm", "end_dttm"} {
		if body.has(f) {
			body.set(f, atTime(body.str(f)).UTC().Format(http.TimeFormat))
		}
	}
	body.set("layer", r.id)
	c.json(status, map[string]any{"id": n.id, "result": body})
}

func (s *Server) keepAnnotation(r *row, have *child, body *object) *child {
	e := s.state.edit(AnnotationLayer, r.id)
	var n *child
	if have == nil {
		n = &child{id: s.state.takeID(annotation), fields: map[string]any{}}
		for f := range annotationPut {
			n.fields[f] = nil
		}
		e.notes = append(e.notes, n)
	} else {
		n = e.notes[slices.IndexFunc(e.notes, func(n *child) bool { return n.id == have.id })]
	}
	for _, f := range body.keys {
		n.fields[f] = body.get(f)
		if annotationPut[f] == 't' {
			n.fields[f] = pythonTime(atTime(body.str(f)))
		}
	}
	n.changedOn = s.clock()
	return n
}

func checkAnnotation(body *object, create bool) *object {
	bad := newObject()
	say := func(field, text string) { bad.set(field, []any{text}) }
	for _, k := range body.keys {
		typ, known := annotationPut[k]
		text, isText := body.get(k).(string)
		switch {
		case !known:
			say(k, "Unknown field.")
		case body.get(k) == nil:
			if k != "long_descr" && k != "json_metadata" {
				say(k, "Field may not be null.")
			}
		case typ == 't' && (!isText || atTime(text).IsZero()):
			say(k, "Not a valid datetime.")
		case !isText:
			say(k, "Not a valid string.")
		case k == "short_descr" && (text == "" || utf8.RuneCountInString(text) > 500):
			say(k, "Length must be between 1 and 500.")
		case typ == 'j' && text != "":
			if _, err := decodeJSON(text); err != nil {
				say(k, "JSON not valid")
			}
		}
	}
	for _, f := range []string{"end_dttm", "short_descr", "start_dttm"} {
		if create && !body.has(f) {
			say(f, "Missing data for required field.")
		}
	}
	return bad
}

// atTime reads what marshmallow's DateTime takes; zero for anything else. The
// database drops the zone and keeps the clock's time.
func atTime(text string) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05.999999Z07:00", "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05.999999Z07:00", "2006-01-02 15:04:05.999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Truncate(time.Microsecond)
		}
	}
	return time.Time{}
}

func zoned(text string) bool {
	_, naive := time.Parse("2006-01-02T15:04:05.999999", text)
	_, spaced := time.Parse("2006-01-02 15:04:05.999999", text)
	return naive != nil && spaced != nil
}

// pythonTime is datetime.isoformat without a zone.
func pythonTime(t time.Time) string {
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04:05")
	}
	return t.Format(localTime)
}

func (s *Server) deleteAnnotations(c *call) {
	v, err := parseRison(c.r.URL.Query().Get("q"))
	ids := intList(v)
	if err != nil || len(ids) == 0 {
		c.message(http.StatusBadRequest, "Not a valid rison schema {} is not of type 'array'")
		return
	}
	if s.dropAnnotations(ids) != len(ids) {
		c.message(http.StatusNotFound, "Not found")
		return
	}
	plural := "s"
	if len(ids) == 1 {
		plural = ""
	}
	c.message(http.StatusOK, fmt.Sprintf("Deleted %d annotation%s", len(ids), plural))
}

// dropAnnotations deletes all of ids or, when one is not there, none, and counts
// those that are there.
func (s *Server) dropAnnotations(ids []int) (n int) {
	var holders []*row
	for _, r := range s.state.rows[AnnotationLayer] {
		for _, a := range r.notes {
			if slices.Contains(ids, a.id) {
				n++
				if !slices.Contains(holders, r) {
					holders = append(holders, r)
				}
			}
		}
	}
	if n != len(ids) {
		return n
	}
	for _, r := range holders {
		e := s.state.edit(AnnotationLayer, r.id)
		e.notes = slices.DeleteFunc(e.notes, func(a *child) bool { return slices.Contains(ids, a.id) })
	}
	return n
}
