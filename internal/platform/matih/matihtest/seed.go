package matihtest

import (
	_ "embed" // the example dashboards
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Secret stands in the examples: inside the connection string of a widget's
// data source and as an API key in the config of another.
const Secret = "FAKE-matih-s3cret"

// Missing is an id that no server ever has.
const Missing = "dash-000000000000"

//go:embed testdata/examples.json
var examples string

// Dashboard is one dashboard behind the API's back, with canonical field names.
type Dashboard struct {
	ID            string // picked by the server when empty
	Tenant, Owner string // those of the built-in account when empty
	Editor        string // who changed it last; Seed ignores it, as the times
	Created       time.Time
	Updated       time.Time
	Fields        map[string]any // all but what belongs to the server
	Widgets       []Widget
}

// Widget is a part of one.
type Widget struct {
	ID     string // picked by the server when empty
	Fields map[string]any
}

// Name is the dashboard's name, "" when it is no text.
func (d Dashboard) Name() string { n, _ := d.Fields["name"].(string); return n }

// Seed adds dashboards unchecked, and returns their ids. What a field lacks is
// as after a create; numbers in it are given back as JSON spells them, a
// json.Number as it is. It fails on what JSON cannot hold, adding nothing.
func (s *Server) Seed(ds ...Dashboard) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []*dashboard
	for _, in := range ds {
		d, err := s.seeded(in)
		if err != nil {
			return nil, fmt.Errorf("seed %q: %w", in.Name(), err)
		}
		rows = append(rows, d)
	}
	ids := make([]string, len(rows))
	for i, d := range rows {
		s.changed(d, d.owner)
		d.created = d.updated
		s.state.put(d)
		ids[i] = d.id
	}
	return ids, nil
}

func (s *Server) seeded(in Dashboard) (*dashboard, error) {
	fields, err := plain(in.Fields)
	if err != nil {
		return nil, err
	}
	d := &dashboard{id: in.ID, tenant: in.Tenant, owner: in.Owner, fields: over(s.dashboardDefaults(), fields)}
	if d.id == "" {
		d.id = s.newID("dash")
	}
	if d.tenant == "" {
		d.tenant = s.users[0].Tenant
	}
	if d.owner == "" {
		d.owner = s.users[0].ID
	}
	for _, w := range in.Widgets {
		fields, err := plain(w.Fields)
		if err != nil {
			return nil, err
		}
		if w.ID == "" {
			w.ID = s.newID("w")
		}
		d.widgets = append(d.widgets, widget{w.ID, over(s.widgetDefaults(), fields)})
	}
	return d, nil
}

// plain turns Go values into what JSON gives.
func plain(fields map[string]any) (map[string]any, error) {
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	v, err := decoded(text)
	out, _ := v.(map[string]any)
	if out == nil {
		out = map[string]any{}
	}
	return out, err
}

// SeedJSON adds a JSON list of dashboards, each with canonical field names,
// "widgets", and "id", "tenant_id" and "created_by" where they matter.
func (s *Server) SeedJSON(text string) ([]string, error) {
	v, err := decoded([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("seed: %w", err)
	}
	list, ok := v.([]any)
	if !ok {
		return nil, errors.New("seed: not a list")
	}
	var ds []Dashboard
	for _, e := range list {
		fields, ok := e.(map[string]any)
		if !ok {
			return nil, errors.New("seed: not a list of objects")
		}
		ds = append(ds, typed(fields))
	}
	return s.Seed(ds...)
}

// typed takes what belongs to the server out of the fields.
func typed(fields map[string]any) Dashboard {
	d := Dashboard{Fields: maps.Clone(fields)}
	d.ID, _ = fields["id"].(string)
	d.Tenant, _ = fields["tenant_id"].(string)
	d.Owner, _ = fields["created_by"].(string)
	widgets, _ := fields["widgets"].([]any)
	for _, e := range widgets {
		if m, ok := e.(map[string]any); ok {
			w := Widget{Fields: maps.Clone(m)}
			w.ID, _ = m["id"].(string)
			delete(w.Fields, "id")
			d.Widgets = append(d.Widgets, w)
		}
	}
	for _, key := range dashboardOwned() {
		delete(d.Fields, key)
	}
	return d
}

// SeedExamples fills the server with four dashboards and twelve widgets: all
// types of the seed and one unknown, an unknown visibility, deep and odd values,
// texts of several lines and scripts, and Secret twice. On a strict server,
// which could never have taken them, unknown keys are left out.
func (s *Server) SeedExamples() error {
	v, err := decoded([]byte(examples))
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	list, _ := v.([]any)
	for _, e := range list {
		fields, _ := e.(map[string]any)
		d := typed(fields)
		if s.strict {
			only(d.Fields, dashboardKeys())
			for _, w := range d.Widgets {
				only(w.Fields, widgetKeys())
			}
		}
		if _, err := s.Seed(d); err != nil {
			return err
		}
	}
	return nil
}

func only(fields map[string]any, keys []string) {
	maps.DeleteFunc(fields, func(k string, _ any) bool { return !slices.Contains(keys, k) })
}

// Many adds n small dashboards of one widget each.
func (s *Server) Many(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	board := s.dashboardDefaults()
	text := over(s.widgetDefaults(), map[string]any{"name": "Note", "widget_type": "text", "config": map[string]any{"content": "One of many"}})
	for i := range n {
		d := &dashboard{id: s.newID("dash"), tenant: s.users[0].Tenant, owner: s.users[0].ID, widgets: []widget{{s.newID("w"), text}}}
		d.fields = over(board, map[string]any{"name": "Dashboard " + strconv.Itoa(i+1)})
		s.changed(d, d.owner)
		d.created = d.updated
		s.state.put(d)
	}
}

// Dashboards is a copy of everything, of all tenants, by creation.
func (s *Server) Dashboards() []Dashboard {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Dashboard, len(s.state.order))
	for i, id := range s.state.order {
		out[i] = s.state.rows[id].snapshot()
	}
	return out
}

// Dashboard is a copy of one; ok is false when it is not there.
func (s *Server) Dashboard(id string) (d Dashboard, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.state.rows[id]
	if row == nil {
		return Dashboard{}, false
	}
	return row.snapshot(), true
}

func (d *dashboard) snapshot() Dashboard {
	out := Dashboard{ID: d.id, Tenant: d.tenant, Owner: d.owner, Editor: d.editor, Created: d.created, Updated: d.updated, Fields: clonedMap(d.fields)}
	for _, w := range d.widgets {
		out.Widgets = append(out.Widgets, Widget{w.id, clonedMap(w.fields)})
	}
	return out
}

// EditAs changes one dashboard as a person in the product's UI would. f gets its
// fields under canonical names, and "widgets": objects with "id", which it may
// change, remove and add to. What belongs to the server is not among them.
func (s *Server) EditAs(user, id string, f func(fields map[string]any)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.state.rows[id]
	switch {
	case s.sessions.byID[user] == nil:
		return fmt.Errorf("edit %s: no user %q", id, user)
	case old == nil:
		return fmt.Errorf("edit %s: no such dashboard", id)
	}
	fields := clonedMap(old.fields)
	widgets := make([]any, len(old.widgets))
	for i, w := range old.widgets {
		m := clonedMap(w.fields)
		m["id"] = w.id
		widgets[i] = m
	}
	fields["widgets"] = widgets
	f(fields)
	fields, err := plain(fields)
	if err != nil {
		return fmt.Errorf("edit %s: %w", id, err)
	}
	in := typed(fields)
	in.ID, in.Tenant, in.Owner = old.id, old.tenant, old.owner
	d, err := s.seeded(in)
	if err != nil {
		return fmt.Errorf("edit %s: %w", id, err)
	}
	d.created, d.sharedWith, d.shares = old.created, old.sharedWith, old.shares
	s.changed(d, user)
	s.state.put(d)
	return nil
}

// Remove deletes one dashboard, as a person in the product's UI would.
func (s *Server) Remove(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.rows[id] == nil {
		return fmt.Errorf("remove %s: no such dashboard", id)
	}
	s.state.remove(id)
	return nil
}

// Wipe deletes everything, as a lost database does. Accounts and tokens stay,
// ids are not given out again.
func (s *Server) Wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	writes := s.state.writes
	s.state = newStore()
	s.state.writes = writes
}

// Omit keeps a dashboard in listings and answers 500 for it, until Mend.
func (s *Server) Omit(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.omitted[id] = true
}

// Hide makes a dashboard invisible to every account, as another user's private
// one is: not listed, and 404 for it, or 403 when forbidden. Until Mend.
func (s *Server) Hide(id string, forbidden bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hidden[id] = forbidden
}

// Named finds the id of the dashboard with a name, "" when there is none, or
// more than one.
func (s *Server) Named(name string) string {
	var ids []string
	for _, d := range s.Dashboards() {
		if d.Name() == name {
			ids = append(ids, d.ID)
		}
	}
	if len(ids) != 1 {
		return ""
	}
	return ids[0]
}
