package supersettest

import (
	"fmt"
	"net/http"
	"slices"
)

func (s *Server) serveDelete(c *call, kind string) {
	r := s.find(kind, c.r.PathValue("id"), false)
	if r == nil || !s.visible(c.user, r) {
		c.message(http.StatusNotFound, "Not found")
		return
	}
	if !s.admin(c.user) && !slices.Contains(r.owners, c.user) {
		c.message(http.StatusForbidden, "Forbidden")
		return
	}
	if status, text := protectedTheme(r); status != 0 {
		c.message(status, text)
		return
	}
	if reason := s.delete(r); reason != "" {
		c.message(http.StatusUnprocessableEntity, reason)
		return
	}
	if kind == Theme {
		c.message(http.StatusOK, "Deleted 1 theme")
		return
	}
	c.message(http.StatusOK, "OK")
}

func (s *Server) serveBulkDelete(c *call, kind string) {
	v, err := parseRison(c.r.URL.Query().Get("q"))
	if kind == Tag {
		s.deleteTags(c, v)
		return
	}
	ids := intList(v)
	if err != nil || len(ids) == 0 {
		c.message(http.StatusBadRequest, "Not a valid rison schema {} is not of type 'array'")
		return
	}
	for _, id := range ids {
		if s.state.byID(kind, id) == nil {
			c.message(http.StatusNotFound, "Not found")
			return
		}
	}
	for _, id := range ids {
		if reason := s.delete(s.state.byID(kind, id)); reason != "" {
			c.message(http.StatusUnprocessableEntity, reason)
			return
		}
	}
	plural := "s"
	if len(ids) == 1 {
		plural = ""
	}
	c.message(http.StatusOK, fmt.Sprintf("Deleted %d %s%s", len(ids), kind, plural))
}

// delete removes a row. Charts of a deleted dataset stay, without a dataset;
// layouts keep naming deleted charts.
func (s *Server) delete(r *row) (refused string) {
	if why := s.attached(r); why != "" {
		return why
	}
	if s.keeps(r.kind) {
		s.state.keep(r, s.clock())
		return ""
	}
	switch r.kind {
	case Database:
		defer func() {
			for _, q := range s.state.rows[SavedQuery] {
				if refused == "" && q.fields["db_id"] == r.id { // cascade="all, delete-orphan"
					s.state.remove(SavedQuery, q.id)
				}
			}
		}()
		for _, ds := range s.state.rows[Dataset] {
			if ds.fields["database_id"] == r.id {
				return "Cannot delete a database that has datasets attached"
			}
		}
	case Dataset:
		for _, ch := range s.state.rows[Chart] {
			if ch.fields["datasource_id"] == r.id {
				s.state.edit(Chart, ch.id).fields["datasource_id"] = nil
			}
		}
		for _, o := range s.state.rows[Rule] {
			if of, _ := o.fields["tables"].([]int); slices.Contains(of, r.id) {
				s.state.edit(Rule, o.id).fields["tables"] = slices.DeleteFunc(slices.Clone(of), func(id int) bool { return id == r.id })
			}
		}
	case Chart:
		s.linkChart(r.id, nil)
	case AnnotationLayer:
		if len(r.notes) > 0 {
			return "Annotation layer has associated annotations."
		}
	case Tag:
		s.untag(r.title())
	case Theme:
		for _, d := range s.state.rows[Dashboard] {
			if d.fields["theme_id"] == r.id {
				s.state.edit(Dashboard, d.id).fields["theme_id"] = nil
			}
		}
	}
	s.state.remove(r.kind, r.id)
	return ""
}
