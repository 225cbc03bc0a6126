package supersettest

import (
	_ "embed" // the example dashboards
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Examples is the export of the nine example dashboards that come with Superset
// 6.1.0: 102 charts, 20 datasets, one connection.
//
//go:embed testdata/6.1.0/dashboard-examples.zip
var Examples []byte

// Seed fills the server from an export zip of any kind, as the built-in
// administrator, overwriting everything. Unlike an import it takes what the
// server itself exports: charts without a dataset and masked passwords.
func (s *Server) Seed(zip []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := openBundle(zip)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	u.relaxed, u.overwrite = true, true
	return s.transaction(func() error {
		configs, bad, err := s.loadConfigs(u, []string{Database, Dataset, Chart, Dashboard, Theme, SavedQuery}, "")
		if err != nil {
			return fmt.Errorf("seed: %w", err)
		}
		if len(bad.byFile.keys) > 0 {
			return fmt.Errorf("seed: %s", pyRepr(bad.byFile))
		}
		t := &tx{s, 1, u}
		return t.seed(configs)
	})
}

func (t *tx) seed(configs []config) error {
	databases := map[string]int{}
	for _, c := range of(configs, Database) {
		r, err := t.database(c, true)
		if err != nil {
			return fmt.Errorf("seed %s: %w", c.file, err)
		}
		databases[r.uuid] = r.id
	}
	for _, c := range of(configs, Dataset) {
		id, ok := databases[lower(c, "database_uuid")]
		if !ok {
			return fmt.Errorf("seed %s: database %s is not in the bundle", c.file, c.str("database_uuid"))
		}
		if _, err := t.dataset(c, id, true); err != nil {
			return fmt.Errorf("seed %s: %w", c.file, err)
		}
	}
	for _, c := range of(configs, Chart) {
		if _, err := t.chart(c, t.state.byUUID(Dataset, c.str("dataset_uuid")), true); err != nil {
			return fmt.Errorf("seed %s: %w", c.file, err)
		}
	}
	for _, c := range of(configs, SavedQuery) {
		if id, ok := databases[lower(c, "database_uuid")]; ok {
			if err := t.query(c, id, true); err != nil {
				return fmt.Errorf("seed %s: %w", c.file, err)
			}
		}
	}
	for _, c := range of(configs, Theme) {
		if _, err := t.theme(c, true); err != nil {
			return fmt.Errorf("seed %s: %w", c.file, err)
		}
	}
	if err := t.dashboards(configs, true); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	return nil
}

// Crowd adds copies of a chart, each under a name and uuid of its own, until the
// server has n charts.
func (s *Server) Crowd(uid string, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.state.byUUID(Chart, uid)
	if r == nil {
		return fmt.Errorf("no chart %s to copy", uid)
	}
	for i := len(s.state.rows[Chart]); i < n; i++ {
		c := s.state.insert(Chart, s.newUUID())
		c.fields, c.owners, c.tags = maps.Clone(r.fields), slices.Clone(r.owners), slices.Clone(r.tags)
		c.fields["slice_name"] = fmt.Sprintf("%s %d", r.title(), i)
		c.createdOn, c.createdBy = s.clock(), r.createdBy
		s.touch(c, r.changedBy)
	}
	return nil
}

// Wipe deletes every asset, as a lost metadata database does. Accounts, tokens
// and system themes stay, row ids go on.
func (s *Server) Wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.state.next
	themes := s.state.rows[Theme]
	s.state = newState(s.firstID)
	s.state.next = next
	s.state.rows[Theme] = slices.DeleteFunc(slices.Clone(themes), func(r *row) bool { return r.fields["is_system"] != true })
	for i := len(standardRoles()); i < len(s.roles); i++ {
		s.roles[i] = ""
	}
	s.grants = map[int][]int{}
}

// EditAs changes one object as a person in the UI would: it becomes changed by
// that user now. f gets the record's own columns (JSON columns hold text) and,
// for datasets, "columns" and "metrics" as []map[string]any.
func (s *Server) EditAs(username, kind, uid string, f func(fields map[string]any)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := slices.IndexFunc(s.users, func(u User) bool { return u.Username == username }) + 1
	if user == 0 {
		return fmt.Errorf("edit %s:%s: no user %q", kind, uid, username)
	}
	found := s.state.byUUID(kind, uid)
	if found == nil {
		return fmt.Errorf("edit %s:%s: no such object", kind, uid)
	}
	r := s.state.edit(kind, found.id)
	fields := maps.Clone(r.fields)
	if kind == Dataset {
		fields["columns"], fields["metrics"] = childMaps(r.columns), childMaps(r.metrics)
	}
	f(fields)
	if kind == Dataset {
		r.columns = s.fromMaps(r.columns, fields["columns"], "column", "column_name")
		r.metrics = s.fromMaps(r.metrics, fields["metrics"], "metric", "metric_name")
		delete(fields, "columns")
		delete(fields, "metrics")
	}
	r.fields = fields
	s.touch(r, user)
	return nil
}

func childMaps(list []*child) []map[string]any {
	out := make([]map[string]any, len(list))
	for i, c := range list {
		out[i] = maps.Clone(c.fields)
	}
	return out
}

func (s *Server) fromMaps(old []*child, v any, table, name string) []*child {
	list, _ := v.([]map[string]any)
	var out []*child
	now := s.clock()
	for _, m := range list {
		i := slices.IndexFunc(old, func(c *child) bool { return c.fields[name] == m[name] })
		c := &child{fields: newChildFields(table), createdOn: now}
		if i >= 0 {
			*c = *old[i]
		} else {
			c.id, c.uuid = s.state.takeID(table), s.newUUID()
		}
		c.fields, c.changedOn = m, now
		out = append(out, c)
	}
	return out
}

// Delete removes one object, as a person in the UI would.
func (s *Server) Delete(kind, uid string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.state.byUUID(kind, uid)
	if r == nil {
		return fmt.Errorf("delete %s:%s: no such object", kind, uid)
	}
	if reason := s.delete(r); reason != "" {
		return fmt.Errorf("delete %s:%s: %s", kind, uid, strings.ToLower(reason))
	}
	return nil
}

// Object is what a test may look at without going through the API.
type Object struct {
	ID                   int
	UUID, Title          string
	Fields               map[string]any // a copy
	ChangedBy            string
	Owners, Tags, Charts []string // usernames; tag names; uuids of linked charts
}

// Objects lists a kind by row id.
func (s *Server) Objects(kind string) []Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Object
	for _, r := range s.state.rows[kind] {
		o := Object{ID: r.id, UUID: r.uuid, Title: r.title(), Fields: maps.Clone(r.fields), Tags: slices.Clone(r.tags)}
		if r.changedBy > 0 {
			o.ChangedBy = s.users[r.changedBy-1].Username
		}
		for _, id := range r.owners {
			o.Owners = append(o.Owners, s.users[id-1].Username)
		}
		for _, id := range r.slices {
			if ch := s.state.byID(Chart, id); ch != nil {
				o.Charts = append(o.Charts, ch.uuid)
			}
		}
		out = append(out, o)
	}
	return out
}

// Object returns one object by uuid; ok is false when it is not there.
func (s *Server) Object(kind, uid string) (o Object, ok bool) {
	for _, o := range s.Objects(kind) {
		if o.UUID == strings.ToLower(uid) {
			return o, true
		}
	}
	return Object{}, false
}

// Tag puts a tag that people made on everything of some kinds, as a person in the
// UI would.
func (s *Server) Tag(name string, kinds ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kind := range kinds {
		for _, r := range slices.Clone(s.state.rows[kind]) {
			if !slices.Contains(r.tags, name) {
				e := s.state.edit(kind, r.id)
				e.tags = append(e.tags, name)
			}
		}
	}
}
