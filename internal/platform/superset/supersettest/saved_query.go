package supersettest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// query is import_saved_query. The row is looked for under its database only
// (import_from_dict), so a query that goes to another one is inserted a second
// time, which its uuid does not allow: a nameless 500.
func (t *tx) query(c config, database int, overwrite bool) error {
	existing := t.state.byUUID(SavedQuery, c.str("uuid"))
	if existing != nil && !overwrite {
		return nil
	}
	if existing != nil && existing.fields["db_id"] != database {
		return commandError(http.StatusInternalServerError, "Import saved query failed for an unknown reason.")
	}
	o := clone(c.object).(*object)
	o.set("db_id", database)
	_, err := t.store(models[SavedQuery], o)
	return err
}

// queries is the import of saved queries: their databases are created when
// missing, and a query whose database is not in the bundle is left out in silence.
func (t *tx) queries(configs []config) error {
	wanted := map[string]bool{}
	for _, c := range of(configs, SavedQuery) {
		wanted[lower(c, "database_uuid")] = true
	}
	ids, err := t.relatedDatabases(configs, wanted)
	if err != nil {
		return err
	}
	for _, c := range of(configs, SavedQuery) {
		if id, ok := ids[lower(c, "database_uuid")]; ok {
			if err := t.query(c, id, t.u.overwrite); err != nil {
				return err
			}
		}
	}
	return nil
}

// exportQuery writes a query, and beside it its database when related is set.
// Labels are not unique and the row id is not in the name (facts F8).
func (s *Server) exportQuery(b *bundle, r *row, related bool) {
	id, _ := r.fields["db_id"].(int)
	db := s.state.byID(Database, id)
	if db == nil {
		return
	}
	folder := slug(db.title())
	name := slug(r.title())
	if name == "" {
		name = r.uuid
	}
	if schema, ok := r.fields["schema"].(string); ok {
		folder += "/" + slug(schema)
	}
	b.add("queries/"+folder+"/"+name+".yaml", func() string {
		o := exportFields(r, models[SavedQuery].fields)
		o.set("version", "1.0.0")
		o.set("database_uuid", db.uuid)
		return emitYAML(o)
	})
	if related {
		b.add("databases/"+slug(db.title())+".yaml", func() string { return s.databaseFile(db, false) })
	}
}

// nameless reports whether one of the rows is a saved query without a label: no
// file name can be made of it, and its whole export is a 500.
func nameless(rows []*row) bool {
	for _, r := range rows {
		if r.kind == SavedQuery && r.fields["label"] == nil {
			return true
		}
	}
	return false
}

func (s *Server) describeQuery(r *row, m map[string]any) {
	m["extra"] = newObject()
	if v, err := decodeJSON(r.str("extra_json")); err == nil {
		m["extra"] = v
	}
	m["sql_tables"], m["last_run_delta_humanized"] = []any{}, m["changed_on_delta_humanized"]
	id, _ := r.fields["db_id"].(int)
	if db := s.state.byID(Database, id); db != nil {
		m["database"] = map[string]any{"id": db.id, "database_name": db.title()}
	}
}

// editable is what a PUT or POST of a saved query answers with.
var editable = []string{"db_id", "description", "label", "catalog", "schema", "sql", "template_parameters", "extra_json"}

func queryResult(r *row) map[string]any { return project(r.fields, editable) }

// checkQuery is the schema that Flask-AppBuilder makes of the table: 422 with the
// fields at fault.
func (s *Server) checkQuery(c *call) *object {
	body, err := readJSON(c.r)
	if err != nil {
		c.message(http.StatusBadRequest, "400 Bad Request: The browser (or proxy) sent a request that this server could not understand.")
		return nil
	}
	if bad := s.checkPut(SavedQuery, body); len(bad.keys) > 0 {
		c.message(http.StatusUnprocessableEntity, bad)
		return nil
	}
	return body
}

func (s *Server) servePostQuery(c *call) {
	body := s.checkQuery(c)
	if body == nil {
		return
	}
	r := s.state.insert(SavedQuery, s.newUUID())
	r.createdOn, r.createdBy = s.clock(), c.user
	r.changedOn, r.changedBy = r.createdOn, c.user
	s.put(SavedQuery, r.id, body, c.user)
	r = s.state.byID(SavedQuery, r.id)
	c.json(http.StatusCreated, map[string]any{"id": r.id, "result": queryResult(r)})
}

func (s *Server) servePutQuery(c *call) {
	found := s.find(SavedQuery, c.r.PathValue("id"), false)
	if found == nil || !s.visible(c.user, found) {
		c.message(http.StatusNotFound, "Not found")
		return
	}
	body := s.checkQuery(c)
	if body == nil {
		return
	}
	s.put(SavedQuery, found.id, body, c.user)
	c.json(http.StatusOK, map[string]any{"result": queryResult(s.state.byID(SavedQuery, found.id))})
}

// queryUID is what only the export of a saved query shows.
func (c *Client) queryUID(ctx context.Context, row int) (string, error) {
	data, err := c.Export(ctx, SavedQuery, row)
	if err != nil {
		return "", err
	}
	u, err := openBundle(data)
	if err != nil {
		return "", err
	}
	for name, text := range u.contents {
		if v, err := parseYAML(text); err == nil && strings.HasPrefix(name, models[SavedQuery].folder) {
			o, _ := v.(*object)
			return o.str("uuid"), nil
		}
	}
	return "", fmt.Errorf("the export of saved query %d does not hold it", row)
}

// ReuseRow makes the next object of a kind take the row id after the last one that
// is there, as SQLite does.
func (s *Server) ReuseRow(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.firstID - 1
	for _, r := range s.state.rows[kind] {
		last = max(last, r.id)
	}
	s.state.next[kind] = last + 1
}
