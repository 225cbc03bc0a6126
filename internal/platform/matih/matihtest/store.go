package matihtest

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// store is what the server holds. A dashboard in it is never changed in place:
// a write puts a new one, so that a copy of the maps is a snapshot.
type store struct {
	rows   map[string]*dashboard
	order  []string // by creation
	writes int
}

// dashboard is one row. Fields have their canonical names and hold only what
// JSON can: maps, slices, strings, json.Number, bool, nil.
type dashboard struct {
	id, tenant, owner, editor string
	created, updated          time.Time
	fields                    map[string]any
	widgets                   []widget
	sharedWith                []string
	shares                    []map[string]any
}

type widget struct {
	id     string
	fields map[string]any
}

func newStore() *store { return &store{rows: map[string]*dashboard{}} }

func (t *store) clone() *store {
	out := *t
	out.rows, out.order = maps.Clone(t.rows), slices.Clone(t.order)
	return &out
}

func (t *store) put(d *dashboard) {
	if t.rows[d.id] == nil {
		t.order = append(t.order, d.id)
	}
	t.rows[d.id] = d
}

func (t *store) remove(id string) {
	if i := slices.Index(t.order, id); i >= 0 {
		t.order = slices.Delete(t.order, i, i+1)
	}
	delete(t.rows, id)
}

// copied is a dashboard that may be changed at its top.
func (d *dashboard) copied() *dashboard {
	out := *d
	out.fields, out.widgets = maps.Clone(d.fields), slices.Clone(d.widgets)
	out.shares = slices.Clone(d.shares)
	return &out
}

func (d *dashboard) widgetAt(id string) int {
	return slices.IndexFunc(d.widgets, func(w widget) bool { return w.id == id })
}

// newID picks an id: the seed keeps servers apart, the multiplication keeps the
// order of ids from being the order of creation. The lock is held.
func (s *Server) newID(prefix string) string {
	s.taken[prefix]++
	return fmt.Sprintf("%s-%04x%08x", prefix, s.seed, s.taken[prefix]*2654435761)
}

// changed notes who wrote a dashboard, and when.
func (s *Server) changed(d *dashboard, user string) {
	d.updated, d.editor = s.moment(), user
}

// write makes a changed dashboard the one that the server holds.
func (s *Server) write(c *call, d *dashboard) {
	s.changed(d, c.user.ID)
	s.state.put(d)
	s.state.writes++
}

// cloned copies JSON all the way down.
func cloned(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = cloned(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = cloned(e)
		}
		return out
	}
	return v
}

func clonedMap(m map[string]any) map[string]any {
	out, _ := cloned(m).(map[string]any)
	return out
}
