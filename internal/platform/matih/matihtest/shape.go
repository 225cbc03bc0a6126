package matihtest

import "strings"

// ListForm is how a listing is wrapped.
type ListForm int

// All of them occur, in the vendor's pages or in products with the same path.
const (
	ListBare           ListForm = iota // [...]
	ListData                           // {data:[...]}
	ListDataItems                      // {data:{items:[...], total}}
	ListDataDashboards                 // {data:{dashboards:[...], total}}
	ListItems                          // {items:[...], total}
	ListResults                        // {results:[...], count}
	ListDashboards                     // {dashboards:[...], total}
	ListGateway                        // {success, data:[...], metadata, pagination{page,size,totalElements,totalPages,hasNext}}
	ListAppendix                       // {data:[...], pagination{page,size,total,totalPages,hasNext,hasPrevious}}
)

// SingleForm is how one object is wrapped, in answers to reads and to writes.
type SingleForm int

// The forms of one object.
const (
	SingleBare     SingleForm = iota // {..., widgets:[...]}
	SingleData                       // {success, data:{..., widgets:[...]}}
	SingleSplit                      // {data:{dashboard:{...}, widgets:[...]}}
	SingleService                    // {success, data:{...}, errors:[], warnings:[], execution_time_ms}
	SingleDataBare                   // {..., data:{widgets:[...]}}
)

// CreateAnswer is what a create answers besides its status.
type CreateAnswer int

// A client needs the new id, and does not always get it.
const (
	CreatedShort    CreateAnswer = iota // the seven fields of the seed's example
	CreatedWhole                        // the object
	CreatedLocation                     // no body, a Location header
	CreatedNothing                      // no body and no header
)

// WithList chooses the form of listings.
func WithList(f ListForm) Option { return func(s *settings) { s.listForm = f } }

// WithoutTotal leaves counts out of listings (not out of the two with a
// "pagination").
func WithoutTotal() Option { return func(s *settings) { s.noTotal = true } }

// WithShortRows lists only the fields of the seed's example, not description,
// tags, filters and unknown keys.
func WithShortRows() Option { return func(s *settings) { s.shortRows = true } }

// WithSingle chooses the form of single objects.
func WithSingle(f SingleForm) Option { return func(s *settings) { s.single = f } }

// WithCreated chooses status (201) and answer of creates.
func WithCreated(status int, a CreateAnswer) Option {
	return func(s *settings) { s.created, s.answer = status, a }
}

// WithDeleted chooses the status of deletes: 204, or 200 with a body.
func WithDeleted(status int) Option { return func(s *settings) { s.deleted = status } }

// names maps field names to those on the wire. The zero value changes nothing.
type names struct{ to, from map[string]string }

func newNames(to map[string]string) names {
	n := names{to, map[string]string{}}
	for canonical, wire := range to {
		n.from[wire] = canonical
	}
	return n
}

// foreign marks a key that is on the wire what our own name for another field
// is: with name -> title, a "name" on the wire is just an unknown key.
const foreign = "wire:"

func (n names) wire(key string) string {
	if w, ok := n.to[key]; ok {
		return w
	}
	return strings.TrimPrefix(key, foreign)
}

func (n names) canonical(key string) string {
	if c, ok := n.from[key]; ok {
		return c
	}
	if _, renamed := n.to[key]; renamed {
		return foreign + key
	}
	return key
}

func (n names) encode(fields map[string]any) map[string]any { return renamed(fields, n.wire) }
func (n names) decode(fields map[string]any) map[string]any { return renamed(fields, n.canonical) }

func renamed(fields map[string]any, name func(string) string) map[string]any {
	out := make(map[string]any, len(fields))
	for k, v := range fields {
		out[name(k)] = v
	}
	return out
}

// meta is a dashboard as the wire shows it, without its widgets.
func (s *Server) meta(d *dashboard) map[string]any {
	out := s.dashboard.encode(d.fields)
	own := s.short(d)
	if s.updatedAt {
		own[s.dashboard.wire("updated_at")] = timeText(d.updated)
		own[s.dashboard.wire("updated_by")] = d.editor
	}
	for k, v := range own {
		out[k] = v
	}
	return out
}

// short is a dashboard as the seed's example of an answer shows it.
func (s *Server) short(d *dashboard) map[string]any {
	return s.dashboard.encode(map[string]any{
		"id": d.id, "name": d.fields["name"], "tenant_id": d.tenant, "created_by": d.owner,
		"visibility": d.fields["visibility"], "widget_count": len(d.widgets), "created_at": timeText(d.created),
	})
}

func (s *Server) wireWidgets(d *dashboard) []any {
	out := make([]any, len(d.widgets))
	for i, w := range d.widgets {
		out[i] = s.wireWidget(d, w)
	}
	return out
}

func (s *Server) wireWidget(d *dashboard, w widget) map[string]any {
	out := s.widget.encode(w.fields)
	out[s.widget.wire("id")] = w.id
	if s.parents {
		out[s.widget.wire("dashboard_id")] = d.id
	}
	return out
}

// detail is the answer to a read of one dashboard.
func (s *Server) detail(d *dashboard) any {
	key := s.dashboard.wire("widgets")
	widgets, body := s.wireWidgets(d), s.meta(d)
	switch s.single {
	case SingleSplit:
		return map[string]any{"data": map[string]any{"dashboard": body, key: widgets}}
	case SingleDataBare:
		body["data"] = map[string]any{key: widgets}
		return body
	}
	body[key] = widgets
	return s.wrap("dashboard", body)
}

// wrap puts one object into the chosen form.
func (s *Server) wrap(kind string, body any) any {
	switch s.single {
	case SingleData:
		return map[string]any{"success": true, "data": body}
	case SingleSplit:
		return map[string]any{"data": map[string]any{kind: body}}
	case SingleService:
		return map[string]any{"success": true, "data": body, "errors": []any{}, "warnings": []any{}, "execution_time_ms": 12}
	}
	return body
}

// createdReply answers a create; short is what CreatedShort shows.
func (s *Server) createdReply(kind, location string, short, whole any) reply {
	out := reply{status: s.created}
	switch s.answer {
	case CreatedShort:
		out.body = s.wrap(kind, short)
	case CreatedWhole:
		out.body = s.wrap(kind, whole)
	case CreatedLocation:
		out.head = map[string]string{"Location": location}
	}
	return out
}

func (s *Server) deletedReply(kind string) reply {
	if s.deleted == 204 {
		return reply{status: s.deleted}
	}
	return reply{status: s.deleted, body: map[string]any{"success": true, "message": kind + " deleted"}}
}
