package supersettest

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// mayOverwrite is the rights check of every import: an administrator or an
// owner. The refusal is a 500, not a 403 (facts F15).
func (t *tx) mayOverwrite(existing *row) error {
	if t.admin(t.user) || slices.Contains(existing.owners, t.user) {
		return nil
	}
	return commandError(http.StatusInternalServerError,
		"A "+existing.kind+" already exists and user doesn't have permissions to overwrite it")
}

// mayCreate is the check for what is new, and it is by kind.
func (t *tx) mayCreate(kind string) error {
	if t.can(t.user, "can_write", models[kind].permit()) {
		return nil
	}
	return commandError(http.StatusInternalServerError, strings.ToUpper(kind[:1])+kind[1:]+
		" doesn't exist and user doesn't have permission to create "+kind+"s")
}

func (m *model) permit() string { return views[m.kind] }

// store is import_from_dict: it finds the row by uuid or unique constraint,
// sets what the file names and leaves the rest as it was.
func (t *tx) store(m *model, o *object) (*row, error) {
	t.state.revive(m.kind, o.str("uuid"))
	found := t.state.match(m, o.str("uuid"), o)
	if len(found) > 1 {
		if m.kind == Dataset { // "we return the original dataset, unmodified"
			if r := t.state.byUUID(Dataset, o.str("uuid")); r != nil {
				return r, nil
			}
		}
		return nil, errUnknown(m.kind)
	}
	var r *row
	if len(found) == 1 {
		r = t.state.edit(m.kind, found[0].id)
	} else {
		r = t.state.insert(m.kind, o.str("uuid"))
		r.createdOn, r.createdBy = t.clock(), t.user
		r.changedOn, r.changedBy = r.createdOn, t.user
	}
	before := r.copy()
	r.uuid = strings.ToLower(o.str("uuid"))
	for _, name := range append(slices.Clone(m.fields), m.extra...) {
		if o.has(name) {
			r.fields[name] = plain(o.get(name))
		}
	}
	if len(found) == 1 && (r.uuid != before.uuid || !reflect.DeepEqual(r.fields, before.fields)) {
		t.touch(r, t.user)
	}
	return r, nil
}

// plain turns the lenient forms that a schema lets through into what the
// database column would hold.
func plain(v any) any {
	if o, ok := v.(*object); ok {
		return clone(o)
	}
	return v
}

// own appends the importing user to the owners (facts F15).
func (t *tx) own(r *row) {
	if !slices.Contains(r.owners, t.user) {
		r.owners = append(r.owners, t.user)
	}
}

func (t *tx) database(c config, overwrite bool) (*row, error) {
	existing := t.state.byUUID(Database, c.str("uuid"))
	if existing != nil && (!overwrite || !t.can(t.user, "can_write", "Database")) {
		return existing, nil
	}
	if err := t.mayCreate(Database); err != nil {
		return nil, err
	}
	o := clone(c.object).(*object)
	if !o.has("allow_csv_upload") && !t.since("6.1.0") {
		return nil, errUnknown(Database) // KeyError
	}
	if existing == nil && t.unreachable && !t.since("6.0.0") {
		return nil, errUnknown(Database) // it cannot be connected to (facts F17)
	}
	rename(o, "allow_csv_upload", "allow_file_upload")
	if !o.has("allow_file_upload") {
		o.set("allow_file_upload", true)
	}
	extra := o.obj("extra")
	if extra == nil {
		return nil, errUnknown(Database) // KeyError
	}
	rename(extra, "schemas_allowed_for_csv_upload", "schemas_allowed_for_file_upload")
	text, err := encodeJSON(extra)
	if err != nil {
		return nil, errUnknown(Database)
	}
	o.set("extra", text)
	if masked := o.del("masked_encrypted_extra"); masked != nil && masked != "" {
		o.set("encrypted_extra", masked)
	}
	uri := o.str("sqlalchemy_uri")
	o.del("sqlalchemy_uri")
	r, err := t.store(models[Database], o)
	if err != nil {
		return nil, err
	}
	if before := r.fields["sqlalchemy_uri"]; before != nil {
		if setURI(r, uri); r.fields["sqlalchemy_uri"] != before {
			t.touch(r, t.user)
		}
		return r, nil
	}
	setURI(r, uri)
	return r, nil
}

// setURI keeps the password apart and the mask in its place, and sorts the
// query as SQLAlchemy does.
func setURI(r *row, uri string) {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(uri), "://")
	if !ok {
		r.fields["sqlalchemy_uri"] = uri
		return
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		if user, pw, ok := strings.Cut(authority[:at], ":"); ok {
			if pw != mask {
				r.fields["password"] = pw
			}
			authority = user + ":" + mask + authority[at:]
		}
	}
	if path, query, ok := strings.Cut(tail, "?"); ok {
		pairs := strings.Split(query, "&")
		slices.Sort(pairs)
		tail = path + "?" + strings.Join(pairs, "&")
	}
	r.fields["sqlalchemy_uri"] = scheme + "://" + authority + tail
}

func (t *tx) dataset(c config, database int, overwrite bool) (*row, error) {
	existing := t.state.byUUID(Dataset, c.str("uuid"))
	if existing != nil && (!overwrite || !t.can(t.user, "can_write", "Dataset")) {
		return existing, nil
	}
	err := t.mayCreate(Dataset)
	if existing != nil {
		err = t.mayOverwrite(existing)
	}
	if err != nil {
		return nil, err
	}
	o := clone(c.object).(*object)
	o.set("database_id", database)
	for _, k := range []string{"params", "template_params", "extra"} {
		closeJSON(o, k)
	}
	for _, list := range []string{"metrics", "columns"} {
		for _, v := range o.list(list) {
			closeJSON(v.(*object), "extra")
		}
	}
	r, err := t.store(models[Dataset], o)
	if err != nil {
		return nil, err
	}
	t.children(&r.columns, o, "columns", "column", overwrite)
	t.children(&r.metrics, o, "metrics", "metric", overwrite)
	t.own(r)
	return r, nil
}

// closeJSON turns a mapping into text; what JSON cannot hold stays as it is.
func closeJSON(o *object, key string) {
	if v := o.get(key); v != nil {
		if text, err := encodeJSON(v); err == nil {
			o.set(key, text)
		}
	}
}

// children updates columns or metrics by name. With sync, those the file does
// not name are deleted (facts F20); the dataset's own change time stays.
func (t *tx) children(list *[]*child, o *object, key, table string, sync bool) {
	fields, name := columnFields, "column_name"
	if table == "metric" {
		fields, name = metricFields, "metric_name"
	}
	named := map[any]bool{}
	for _, v := range o.list(key) {
		in, _ := v.(*object)
		named[in.get(name)] = true
		i := slices.IndexFunc(*list, func(c *child) bool { return c.fields[name] == in.get(name) })
		if i < 0 {
			now := t.clock()
			*list = append(*list, &child{id: t.state.takeID(table), uuid: t.newUUID(), fields: newChildFields(table), createdOn: now, changedOn: now})
			i = len(*list) - 1
		}
		ch := (*list)[i]
		for _, f := range fields {
			if in.has(f) && !reflect.DeepEqual(ch.fields[f], in.get(f)) {
				ch.fields[f] = in.get(f)
				ch.changedOn = t.clock()
			}
		}
	}
	if sync {
		*list = slices.DeleteFunc(*list, func(c *child) bool { return !named[c.fields[name]] })
	}
}

func (t *tx) chart(c config, ds *row, overwrite bool) (*row, error) {
	existing := t.state.byUUID(Chart, c.str("uuid"))
	o := clone(c.object).(*object)
	params := o.obj("params")
	if params == nil {
		return nil, errUnknown(Chart) // KeyError
	}
	if ds != nil {
		bindDataset(o, params, ds)
	}
	if existing == nil {
		if err := t.mayCreate(Chart); err != nil {
			return nil, err
		}
	}
	if existing != nil {
		if !overwrite || !t.can(t.user, "can_write", "Chart") {
			return existing, t.tag(existing, o)
		}
		if err := t.mayOverwrite(existing); err != nil {
			return nil, err
		}
	}
	layers := []any{}
	for _, v := range params.list("annotation_layers") {
		if l, ok := v.(*object); ok && l.get("annotationType") == "FORMULA" {
			layers = append(layers, v)
		}
	}
	params.set("annotation_layers", layers)
	text, err := encodeJSON(params)
	if err != nil {
		return nil, errUnknown(Chart)
	}
	o.set("params", text)
	r, err := t.store(models[Chart], o)
	if err != nil {
		return nil, err
	}
	t.own(r)
	return r, t.tag(r, o)
}

// bindDataset is update_chart_config_dataset: the dataset's row id goes into
// params and query_context; slice_id and dashboards there stay stale.
func bindDataset(o, params *object, ds *row) {
	uid := itoa(ds.id) + "__table"
	o.set("datasource_id", ds.id)
	o.set("datasource_type", "table")
	o.set("datasource_name", ds.title())
	params.set("datasource", uid)
	v, err := decodeJSON(o.str("query_context"))
	qc, ok := v.(*object)
	if err != nil || !ok {
		return
	}
	ref := newObject()
	ref.set("id", ds.id)
	ref.set("type", "table")
	qc.set("datasource", ref)
	if form := qc.obj("form_data"); form != nil {
		form.set("datasource", uid)
	}
	for _, q := range qc.list("queries") {
		if query, ok := q.(*object); ok && query.has("datasource") {
			query.set("datasource", ref)
		}
	}
	o.set("query_context", mustJSON(qc))
}

// tag makes the object's tags those of the file, when it names any list.
func (t *tx) tag(r *row, o *object) error {
	if !t.tags() || !o.has("tags") {
		return nil
	}
	list, ok := o.get("tags").([]any)
	if !ok {
		return errUnknown(r.kind) // TypeError: None is not iterable
	}
	descriptions := t.tagDescriptions()
	var names []string
	for _, v := range list {
		name, _ := v.(string)
		names = append(names, name)
		if t.state.tag(name) == nil {
			t.newTag(name, tagCustom, t.user).fields["description"] = descriptions[name]
		}
	}
	if !slices.Equal(names, r.tags) {
		t.state.edit(r.kind, r.id).tags = names
	}
	return nil
}

func (t *tx) tagDescriptions() map[string]string {
	out := map[string]string{}
	v, err := parseYAML(t.u.contents["tags.yaml"])
	o, ok := v.(*object)
	if err != nil || !ok {
		return out
	}
	for _, e := range o.list("tags") {
		if tag, ok := e.(*object); ok {
			out[tag.str("tag_name")] = tag.str("description")
		}
	}
	return out
}
