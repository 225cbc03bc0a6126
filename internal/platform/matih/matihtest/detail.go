package matihtest

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func (s *Server) create(c *call) (reply, *refusal) {
	fields, f := s.dashboardInput(c, false)
	if f != nil {
		return reply{}, f
	}
	d := &dashboard{id: s.newID("dash"), tenant: c.tenant, owner: c.user.ID, fields: over(s.dashboardDefaults(), fields)}
	s.write(c, d)
	d.created = d.updated
	return s.createdReply("dashboard", s.paths.Dashboards+"/"+d.id, s.short(d), s.meta(d)), nil
}

func (s *Server) get(c *call) (reply, *refusal) {
	d, f := s.find(c)
	if f != nil {
		return reply{}, f
	}
	if s.omitted[d.id] {
		return reply{}, &refusal{status: http.StatusInternalServerError, code: "INTERNAL_ERROR", message: "Internal server error"}
	}
	out := reply{status: http.StatusOK, body: s.detail(d)}
	if s.etags {
		tag := etag(encoded(s.meta(d)), encoded(s.wireWidgets(d)))
		out.head = map[string]string{"ETag": tag}
		if matches(c.r.Header.Get("If-None-Match"), tag) {
			s.unchanged++
			return reply{status: http.StatusNotModified, head: out.head}, nil
		}
	}
	s.full++
	return out, nil
}

func etag(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return fmt.Sprintf("%q", fmt.Sprintf("%x", h.Sum(nil)[:12]))
}

func matches(header, tag string) bool {
	return slices.ContainsFunc(strings.Split(header, ","), func(one string) bool {
		one = strings.TrimSpace(one)
		return one == "*" || strings.TrimPrefix(one, "W/") == tag
	})
}

// put changes what a dashboard says of itself, never its widgets.
func (s *Server) put(c *call) (reply, *refusal) {
	old, f := s.own(c)
	if f != nil {
		return reply{}, f
	}
	fields, f := s.dashboardInput(c, s.partial)
	if f != nil {
		return reply{}, f
	}
	d := old.copied()
	base := s.dashboardDefaults()
	if s.partial {
		base = old.fields
	}
	d.fields = over(base, fields)
	s.write(c, d)
	return reply{status: http.StatusOK, body: s.wrap("dashboard", s.meta(d))}, nil
}

func (s *Server) remove(c *call) (reply, *refusal) {
	d, f := s.own(c)
	if f != nil {
		return reply{}, f
	}
	s.state.remove(d.id)
	s.state.writes++
	return s.deletedReply("Dashboard"), nil
}
