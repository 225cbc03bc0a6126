package supersettest

import (
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The kinds the server keeps, as its API names them.
const (
	Database  = "database"
	Dataset   = "dataset"
	Chart     = "chart"
	Dashboard = "dashboard"
	Theme     = "theme"
	// SavedQuery rows show their uuid in exports only, and to whoever made them only.
	SavedQuery = "saved_query"
	// AnnotationLayer has no uuid and is in no export; charts name it by row id.
	AnnotationLayer = "annotation_layer"
	// CSSTemplate and Tag are in no export either, and no answer shows a uuid of them.
	CSSTemplate = "css_template"
	Tag         = "tag"
	// Report, an alert or report, and Rule, of row-level security, have routes of
	// their own.
	Report = "report"
	Rule   = "rowlevelsecurity"
)

// model describes one of Superset's tables: export_fields and unique
// constraints as in the source of 6.1.0.
type model struct {
	kind    string
	folder  string // in a bundle
	class   string // metadata.yaml `type`
	list    string // "list_title"
	name    string // the field people know it by
	fields  []string
	extra   []string // imported, not exported
	unique  [][]string
	initial map[string]any
	own     bool // its routes are registered apart (rightsRoutes)
}

var models = allModels()

func allModels() map[string]*model {
	out := map[string]*model{}
	for _, m := range rightsModels() {
		out[m.kind] = m
	}
	for kind, m := range contentModels {
		out[kind] = m
	}
	return out
}

var contentModels = map[string]*model{
	Database: {
		kind: Database, folder: "databases/", class: "Database", list: "List Database", name: "database_name",
		fields: []string{"database_name", "sqlalchemy_uri", "cache_timeout", "expose_in_sqllab", "allow_run_async", "allow_ctas",
			"allow_cvas", "allow_dml", "allow_file_upload", "extra", "impersonate_user", "configuration_method"},
		extra:  []string{"password", "is_managed_externally", "external_url", "encrypted_extra", "ssh_tunnel"},
		unique: [][]string{{"database_name"}},
		initial: map[string]any{"expose_in_sqllab": true, "allow_run_async": false, "allow_ctas": false, "allow_cvas": false,
			"allow_dml": false, "allow_file_upload": false, "impersonate_user": false, "configuration_method": "sqlalchemy_form"},
	},
	Dataset: {
		kind: Dataset, folder: "datasets/", class: "SqlaTable", list: "List Sqla Table", name: "table_name",
		fields: []string{"table_name", "main_dttm_col", "currency_code_column", "description", "default_endpoint", "database_id",
			"offset", "cache_timeout", "catalog", "schema", "sql", "params", "template_params", "filter_select_enabled",
			"fetch_values_predicate", "extra", "normalize_columns", "always_filter_main_dttm", "folders"},
		extra:  []string{"is_managed_externally", "external_url"},
		unique: [][]string{{"database_id", "catalog", "schema", "table_name"}},
		initial: map[string]any{"offset": number("0"), "filter_select_enabled": true, "normalize_columns": false,
			"always_filter_main_dttm": false},
	},
	Chart: {
		kind: Chart, folder: "charts/", class: "Slice", list: "List Slice", name: "slice_name",
		fields: []string{"slice_name", "description", "certified_by", "certification_details", "datasource_type",
			"datasource_name", "viz_type", "params", "query_context", "cache_timeout"},
		extra: []string{"is_managed_externally", "external_url", "datasource_id"},
	},
	Dashboard: {
		kind: Dashboard, folder: "dashboards/", class: "Dashboard", list: "List Dashboard", name: "dashboard_title",
		fields: []string{"dashboard_title", "position_json", "json_metadata", "description", "css", "slug", "certified_by",
			"certification_details", "published"},
		extra:   []string{"is_managed_externally", "external_url", "theme_id"},
		unique:  [][]string{{"slug"}},
		initial: map[string]any{"published": false},
	},
	Theme: {
		kind: Theme, folder: "themes/", class: "Theme", list: "List Theme", name: "theme_name",
		fields:  []string{"theme_name", "json_data"},
		initial: map[string]any{"is_system": false, "is_system_default": false, "is_system_dark": false},
	},
	SavedQuery: {
		kind: SavedQuery, folder: "queries/", class: "SavedQuery", list: "List Saved Query", name: "label",
		fields:  []string{"catalog", "schema", "label", "description", "sql"},
		extra:   []string{"db_id"},
		initial: map[string]any{"extra_json": "{}"},
	},
	AnnotationLayer: {kind: AnnotationLayer, class: "AnnotationLayer", list: "List Annotation Layer", name: "name"},
	CSSTemplate:     {kind: CSSTemplate, class: "CssTemplate", list: "List Css Template", name: "template_name", initial: map[string]any{"css": ""}},
	Tag:             {kind: Tag, class: "Tag", list: "List Tag", name: "name"},
}

// isRecord reports whether a kind has no export and no import.
func isRecord(kind string) bool { return models[kind].folder == "" }

// child tables of a dataset
var (
	columnFields = []string{"column_name", "verbose_name", "is_dttm", "is_active", "type", "advanced_data_type", "groupby",
		"filterable", "expression", "description", "python_date_format", "datetime_format", "extra"}
	metricFields = []string{"metric_name", "verbose_name", "metric_type", "expression", "description", "d3format",
		"currency", "extra", "warning_text"}
)

// row is one record. Rows are never changed in place once they stand in a
// state: state.edit replaces them, so that a failed import can be rolled back
// by dropping the state.
type row struct {
	kind                 string
	id                   int
	uuid                 string
	fields               map[string]any // Superset's own columns; JSON columns hold text
	columns, metrics     []*child       // dataset
	notes                []*child       // annotation layer
	slices               []int          // dashboard: linked charts
	owners, roles        []int
	embedded             *embedding // dashboard; never changed in place
	tags                 []string
	createdOn, changedOn time.Time
	createdBy, changedBy int
}

// child is a column or a metric.
type child struct {
	id                   int
	uuid                 string
	fields               map[string]any
	createdOn, changedOn time.Time
}

func (r *row) str(field string) string { s, _ := r.fields[field].(string); return s }

func (r *row) title() string { return r.str(models[r.kind].name) }

func (r *row) copy() *row {
	c := *r
	c.fields = maps.Clone(r.fields)
	c.columns, c.metrics, c.notes = copyChildren(r.columns), copyChildren(r.metrics), copyChildren(r.notes)
	c.slices, c.owners, c.roles, c.tags = slices.Clone(r.slices), slices.Clone(r.owners), slices.Clone(r.roles), slices.Clone(r.tags)
	return &c
}

func copyChildren(list []*child) []*child {
	out := make([]*child, len(list))
	for i, c := range list {
		d := *c
		d.fields = maps.Clone(c.fields)
		out[i] = &d
	}
	return out
}

// state is everything a server knows. clone is cheap and makes a transaction.
type state struct {
	rows map[string][]*row // by kind, by id
	next map[string]int    // next id per kind, also "column", "metric" and "annotation"
	kept map[string][]kept // by kind: what was deleted softly
}

func newState(firstID int) *state {
	st := &state{rows: map[string][]*row{}, next: map[string]int{}, kept: map[string][]kept{}}
	for kind := range models {
		st.next[kind] = firstID
	}
	st.next["column"], st.next["metric"], st.next["annotation"] = firstID, firstID, firstID
	return st
}

func (st *state) clone() *state {
	c := &state{rows: make(map[string][]*row, len(st.rows)), next: maps.Clone(st.next), kept: make(map[string][]kept, len(st.kept))}
	for kind, rows := range st.kept {
		c.kept[kind] = slices.Clone(rows)
	}
	for kind, rows := range st.rows {
		c.rows[kind] = slices.Clone(rows)
	}
	return c
}

func (st *state) index(kind string, id int) (int, bool) {
	rows := st.rows[kind]
	i := sort.Search(len(rows), func(i int) bool { return rows[i].id >= id })
	return i, i < len(rows) && rows[i].id == id
}

func (st *state) byID(kind string, id int) *row {
	if i, ok := st.index(kind, id); ok {
		return st.rows[kind][i]
	}
	return nil
}

func (st *state) byUUID(kind, uid string) *row {
	uid = strings.ToLower(uid)
	for _, r := range st.rows[kind] {
		if r.uuid == uid {
			return r
		}
	}
	return nil
}

// edit returns a copy of the row that has taken its place and may be changed.
func (st *state) edit(kind string, id int) *row {
	i, ok := st.index(kind, id)
	if !ok {
		return nil
	}
	c := st.rows[kind][i].copy()
	st.rows[kind][i] = c
	return c
}

// insert adds a row with the next id.
func (st *state) insert(kind, uid string) *row {
	r := &row{kind: kind, id: st.takeID(kind), uuid: strings.ToLower(uid), fields: map[string]any{}}
	maps.Copy(r.fields, models[kind].initial)
	st.rows[kind] = append(st.rows[kind], r)
	return r
}

func (st *state) takeID(table string) int {
	id := st.next[table]
	st.next[table]++
	return id
}

func (st *state) remove(kind string, id int) {
	if i, ok := st.index(kind, id); ok {
		st.rows[kind] = slices.Delete(slices.Clone(st.rows[kind]), i, i+1)
	}
}

// match finds the rows that import_from_dict would take for the one described:
// the same uuid, or any unique constraint of which the described fields that
// are not null all agree. Superset thus binds a file to another object of the
// same slug, name or table without a word (facts F21).
func (st *state) match(m *model, uid string, fields *object) []*row {
	var found []*row
	for _, r := range st.rows[m.kind] {
		if r.uuid == strings.ToLower(uid) || matchesUnique(m, r, fields) {
			found = append(found, r)
		}
	}
	return found
}

func matchesUnique(m *model, r *row, fields *object) bool {
	for _, names := range m.unique {
		agreed := 0
		for _, name := range names {
			want := fields.get(name)
			if want == nil {
				continue
			}
			if r.fields[name] != want {
				agreed = -1
				break
			}
			agreed++
		}
		if agreed > 0 {
			return true
		}
	}
	return false
}

// newUUID draws from the server's own source, so that a seed decides it.
func (s *Server) newUUID() string {
	id, err := uuid.NewRandomFromReader(s.random)
	if err != nil {
		return uuid.Nil.String()
	}
	return id.String()
}
