package supersettest

import (
	"fmt"
	"net/http"
	"unicode/utf8"
)

// servePost creates an object of a kind that no bundle holds; 201.
func (s *Server) servePost(c *call, kind string) {
	body, err := readJSON(c.r)
	if err != nil {
		c.message(http.StatusBadRequest, "400 Bad Request: The browser (or proxy) sent a request that this server could not understand.")
		return
	}
	status := http.StatusBadRequest
	if kind == CSSTemplate {
		status = http.StatusUnprocessableEntity // Flask-AppBuilder's own POST
	}
	if bad := s.checkPut(kind, body); len(bad.keys) > 0 {
		c.message(status, bad)
		return
	}
	if kind == Tag {
		s.postTag(c, body)
		return
	}
	if reason := nameRefused(kind, body, true); reason != "" {
		c.message(status, map[string]any{models[kind].name: []string{reason}})
		return
	}
	if kind == AnnotationLayer && s.layerNamed(body.str("name"), 0) {
		c.message(http.StatusUnprocessableEntity, map[string]any{"name": []string{"Name must be unique"}})
		return
	}
	r := s.state.insert(kind, s.newUUID())
	r.createdOn, r.createdBy = s.clock(), c.user
	r.changedOn, r.changedBy = r.createdOn, c.user
	for _, k := range []string{models[kind].name, "descr", "css"} {
		if _, ours := putFields[kind][k]; !ours {
			continue
		}
		if v := body.get(k); v != nil || r.fields[k] == nil {
			r.fields[k] = v // a null gives way to the column's default
		}
	}
	if kind == CSSTemplate {
		body.set("css", r.fields["css"])
		body.set("template_name", r.fields["template_name"])
	}
	c.json(http.StatusCreated, map[string]any{"id": r.id, "result": body})
}

// nameRefused is what the schemas say about a name.
func nameRefused(kind string, body *object, create bool) string {
	field := models[kind].name
	if !body.has(field) {
		if create && kind == AnnotationLayer {
			return "Missing data for required field."
		}
		return ""
	}
	n := utf8.RuneCountInString(body.str(field))
	switch {
	case kind == AnnotationLayer && (n < 1 || n > 250):
		return "Length must be between 1 and 250."
	case kind == CSSTemplate && n > 250:
		return fmt.Sprintf("Longer than maximum length %d.", 250)
	}
	return ""
}

func (s *Server) layerNamed(name string, but int) bool {
	for _, r := range s.state.rows[AnnotationLayer] {
		if r.title() == name && r.id != but {
			return true
		}
	}
	return false
}

// putRecord answers a PUT to a record that is not like those of other kinds; false
// leaves it to servePut.
func (s *Server) putRecord(c *call, kind string, r *row, body *object) bool {
	if kind == Tag {
		s.putTag(c, r, body)
		return true
	}
	reason, field, status := nameRefused(kind, body, false), models[kind].name, http.StatusBadRequest
	if kind == CSSTemplate {
		status = http.StatusUnprocessableEntity
	}
	if kind == AnnotationLayer {
		for _, f := range []string{"descr", "name"} {
			if body.has(f) && body.get(f) == nil {
				field, reason = f, "Field may not be null."
			}
		}
	}
	if reason == "" && kind == AnnotationLayer && r != nil && body.has("name") && s.layerNamed(body.str("name"), r.id) {
		reason, status = "Name must be unique", http.StatusUnprocessableEntity
	}
	if reason != "" {
		c.message(status, map[string]any{field: []string{reason}})
	}
	return reason != ""
}
