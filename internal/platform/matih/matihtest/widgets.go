package matihtest

import (
	"net/http"
	"slices"
)

func (s *Server) addWidget(c *call) (reply, *refusal) {
	old, f := s.find(c)
	if f != nil {
		return reply{}, f
	}
	fields, f := s.widgetInput(c, false)
	if f != nil {
		return reply{}, f
	}
	w := widget{s.newID("w"), over(s.widgetDefaults(), fields)}
	d := old.copied()
	d.widgets = append(d.widgets, w)
	s.write(c, d)
	whole := s.wireWidget(d, w)
	return s.createdReply("widget", c.r.URL.Path+"/"+w.id, whole, whole), nil
}

// findWidget is the place of a request's widget. As the seed says, whoever sees
// a dashboard may edit its widgets.
func (s *Server) findWidget(c *call) (*dashboard, int, *refusal) {
	d, f := s.find(c)
	if f != nil {
		return nil, 0, f
	}
	i := d.widgetAt(c.r.PathValue("widget"))
	if i < 0 {
		return nil, 0, notFound("Widget not found")
	}
	return d, i, nil
}

func (s *Server) putWidget(c *call) (reply, *refusal) {
	old, i, f := s.findWidget(c)
	if f != nil {
		return reply{}, f
	}
	fields, f := s.widgetInput(c, s.partial)
	if f != nil {
		return reply{}, f
	}
	d := old.copied()
	base := s.widgetDefaults()
	if s.partial {
		base = old.widgets[i].fields
	}
	d.widgets[i].fields = over(base, fields)
	s.write(c, d)
	return reply{status: http.StatusOK, body: s.wrap("widget", s.wireWidget(d, d.widgets[i]))}, nil
}

func (s *Server) removeWidget(c *call) (reply, *refusal) {
	old, i, f := s.findWidget(c)
	if f != nil {
		return reply{}, f
	}
	d := old.copied()
	d.widgets = slices.Delete(d.widgets, i, i+1)
	s.write(c, d)
	return s.deletedReply("Widget"), nil
}
