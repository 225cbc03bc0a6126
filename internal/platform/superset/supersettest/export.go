package supersettest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// mask stands in place of passwords in everything the server shows.
const mask = "XXXXXXXXXX"

// bundle collects the files of one export; a name that is taken is skipped
// without a word, which is how Superset loses assets (facts F8).
type bundle struct {
	names []string
	files map[string]string
}

func (b *bundle) add(name string, content func() string) {
	if _, ok := b.files[name]; ok {
		return
	}
	b.names = append(b.names, name)
	b.files[name] = content()
}

func (s *Server) newBundle(class string) *bundle {
	b := &bundle{files: map[string]string{}}
	meta := newObject()
	meta.set("version", "1.0.0")
	meta.set("type", class)
	meta.set("timestamp", s.now().UTC().Format("2006-01-02T15:04:05.000000-07:00"))
	b.add("metadata.yaml", func() string { return emitYAML(meta) })
	return b
}

func (s *Server) serveExport(c *call, kind string) {
	v, err := parseRison(c.r.URL.Query().Get("q"))
	if c.r.URL.Query().Get("q") == "" {
		v, err = newObject(), nil
	}
	if err != nil {
		c.message(http.StatusInternalServerError, "Fatal error")
		return
	}
	list, ok := v.([]any)
	if !ok {
		c.message(http.StatusBadRequest, fmt.Sprintf("Not a valid rison schema %s is not of type 'array'", pyRepr(v)))
		return
	}
	if role := s.users[c.user-1].Role; role == Gamma || role == Alpha && kind == Database {
		c.message(http.StatusForbidden, "Forbidden")
		return
	}
	var rows []*row
	for _, e := range list {
		n, ok := e.(number)
		if !ok {
			c.message(http.StatusBadRequest, fmt.Sprintf("Not a valid rison schema %s is not of type 'integer'", pyRepr(e)))
			return
		}
		r := s.state.byID(kind, int(atoi(n)))
		if r == nil || !s.visible(c.user, r) {
			c.message(http.StatusNotFound, "Not found")
			return
		}
		rows = append(rows, r)
	}
	s.rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	b := s.newBundle(models[kind].class)
	for _, r := range rows {
		s.exportRow(b, r, true)
	}
	s.writeZip(c, b, kind)
}

// serveExportAssets writes everything the account sees in one bundle; it has no
// themes and no tags.yaml (facts F3).
func (s *Server) serveExportAssets(c *call) {
	if s.users[c.user-1].Role == Gamma {
		c.message(http.StatusForbidden, "Forbidden")
		return
	}
	b := s.newBundle("assets")
	for _, kind := range []string{Database, Dataset, Chart, Dashboard} {
		rows := slices.Clone(s.state.rows[kind])
		s.rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		for _, r := range rows {
			if s.visible(c.user, r) {
				s.exportRow(b, r, false)
			}
		}
	}
	s.writeZip(c, b, "assets")
}

func (s *Server) writeZip(c *call, b *bundle, what string) {
	root := what + "_export_" + s.now().UTC().Format("20060102T150405")
	h := c.w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", "attachment; filename="+root+".zip")
	h.Set("Cache-Control", "public, max-age=31536000")
	h.Set("Vary", "Accept-Encoding, Cookie")
	if token := c.r.URL.Query().Get("token"); token != "" {
		http.SetCookie(c.w, &http.Cookie{Name: token, Value: "done", Path: "/", MaxAge: 600})
	}
	_, _ = c.w.Write(zipFiles(root, b.names, b.files))
}

// zipFiles writes a bundle as the server does: stored, dated 1980, one root.
func zipFiles(root string, names []string, files map[string]string) []byte {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, name := range names {
		f, err := z.CreateHeader(&zip.FileHeader{Name: root + "/" + name, Method: zip.Store,
			Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err == nil {
			_, _ = f.Write([]byte(files[name]))
		}
	}
	_ = z.Close()
	return buf.Bytes()
}

var notInFileName = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

// fileName is get_filename: werkzeug's secure_filename, and the row id alone
// when no ASCII is left (facts F7, F18).
func fileName(name string, id int, skipID bool) string {
	var ascii strings.Builder
	for _, r := range norm.NFKD.String(name) {
		if r < 0x80 {
			ascii.WriteRune(r)
		}
	}
	slug := strings.ReplaceAll(ascii.String(), "/", " ")
	slug = strings.Trim(notInFileName.ReplaceAllString(strings.Join(strings.Fields(slug), "_"), ""), "._")
	switch {
	case slug == "":
		return itoa(id)
	case skipID:
		return slug
	}
	return fmt.Sprintf("%s_%d", slug, id)
}

// exportRow adds a row's file, then what it refers to when related is set.
func (s *Server) exportRow(b *bundle, r *row, related bool) {
	switch r.kind {
	case Database:
		s.exportDatabase(b, r, related)
	case Dataset:
		s.exportDataset(b, r, related)
	case Chart:
		s.exportChart(b, r, related)
		if related && s.tagging {
			b.add("tags.yaml", func() string { return s.tagsFile(nil, []int{r.id}) })
		}
	case Dashboard:
		s.exportDashboard(b, r, related)
	case Theme:
		b.add("themes/"+fileName(r.title(), r.id, true)+".yaml", func() string {
			o := exportFields(r, models[Theme].fields)
			openJSON(o, "json_data")
			return finish(o)
		})
	}
}

// exportFields is export_to_dict: the fields in order, then the uuid.
func exportFields(r *row, fields []string) *object {
	o := newObject()
	for _, f := range fields {
		if f == "database_id" {
			continue
		}
		o.set(f, r.fields[f])
	}
	o.set("uuid", r.uuid)
	return o
}

func finish(o *object) string {
	o.set("version", "1.0.0")
	return emitYAML(o)
}

// openJSON parses a text member in place; what does not parse stays text.
func openJSON(o *object, key string) {
	if text := o.str(key); text != "" {
		if v, err := decodeJSON(text); err == nil {
			o.vals[key] = v
		}
	}
}

func (s *Server) exportDatabase(b *bundle, r *row, related bool) {
	folder := fileName(r.title(), r.id, true)
	b.add("databases/"+folder+".yaml", func() string { return databaseFile(r, true) })
	if !related {
		return
	}
	for _, ds := range s.state.rows[Dataset] {
		if ds.fields["database_id"] != r.id {
			continue
		}
		b.add("datasets/"+folder+"/"+fileName(ds.title(), ds.id, true)+".yaml", func() string {
			o := s.datasetObject(ds)
			o.set("version", "1.0.0")
			o.set("database_uuid", r.uuid)
			return emitYAML(o)
		})
	}
}

// databaseFile has two shapes (facts F11): its own export renames two keys and
// adds encrypted_extra, in clear (facts F16); the one beside a dataset does not.
func databaseFile(r *row, own bool) string {
	o := newObject()
	for _, f := range models[Database].fields {
		name := f
		if own && f == "allow_file_upload" {
			name = "allow_csv_upload"
		}
		o.set(name, r.fields[f])
	}
	o.set("uuid", r.uuid)
	openJSON(o, "extra")
	if extra := o.obj("extra"); own && extra != nil && extra.has("schemas_allowed_for_file_upload") {
		extra.set("schemas_allowed_for_csv_upload", extra.del("schemas_allowed_for_file_upload"))
	}
	if tunnel, ok := r.fields["ssh_tunnel"].(*object); ok {
		t := clone(tunnel).(*object)
		for _, k := range []string{"password", "private_key", "private_key_password"} {
			if t.del(k) != nil {
				t.set(k, mask)
			}
		}
		o.set("ssh_tunnel", t)
	}
	if extra := r.str("encrypted_extra"); own && extra != "" {
		o.set("encrypted_extra", extra)
	}
	return finish(o)
}

func (s *Server) exportDataset(b *bundle, r *row, related bool) {
	db := s.databaseOf(r)
	if db == nil {
		return
	}
	folder := fileName(db.title(), db.id, true)
	b.add("datasets/"+folder+"/"+fileName(r.title(), r.id, false)+".yaml", func() string {
		o := s.datasetObject(r)
		for _, k := range []string{"params", "template_params", "extra"} {
			openJSON(o, k)
		}
		for _, list := range []string{"metrics", "columns"} {
			for _, v := range o.list(list) {
				openJSON(v.(*object), "extra")
			}
		}
		o.set("version", "1.0.0")
		o.set("database_uuid", db.uuid)
		return emitYAML(o)
	})
	if related {
		b.add("databases/"+folder+".yaml", func() string { return databaseFile(db, false) })
	}
}

func (s *Server) datasetObject(r *row) *object {
	o := exportFields(r, models[Dataset].fields)
	o.set("cache_timeout", s.cacheTimeout(r))
	o.set("metrics", exportChildren(r.metrics, metricFields))
	o.set("columns", exportChildren(r.columns, columnFields))
	return o
}

// exportChildren orders rows by their sorted characters (facts F9): the key is
// the sorted text of Python's dict_items, so editing a word moves the row.
func exportChildren(list []*child, fields []string) []any {
	type keyed struct {
		o   *object
		key string
	}
	all := make([]keyed, len(list))
	for i, c := range list {
		o := newObject()
		parts := make([]string, len(fields))
		for j, f := range fields {
			o.set(f, clone(c.fields[f]))
			parts[j] = "(" + pyString(f) + ", " + pyRepr(c.fields[f]) + ")"
		}
		chars := []rune("dict_items([" + strings.Join(parts, ", ") + "])")
		slices.Sort(chars)
		all[i] = keyed{o, string(chars)}
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	out := make([]any, len(all))
	for i := range all {
		out[i] = all[i].o
	}
	return out
}

func (s *Server) exportChart(b *bundle, r *row, related bool) {
	ds, _ := r.fields["datasource_id"].(int)
	table := s.state.byID(Dataset, ds)
	b.add("charts/"+fileName(r.title(), r.id, false)+".yaml", func() string {
		o := exportFields(r, models[Chart].fields)
		o.del("datasource_type")
		o.del("datasource_name")
		openJSON(o, "params")
		o.set("version", "1.0.0")
		if table != nil {
			o.set("dataset_uuid", table.uuid)
		}
		if s.tagging {
			o.set("tags", stringList(r.tags))
		}
		return emitYAML(o)
	})
	if table != nil && related {
		s.exportDataset(b, table, true)
	}
}

func stringList(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func (s *Server) tagsFile(dashboards, charts []int) string {
	seen := map[string]bool{}
	list := []any{}
	add := func(kind string, ids []int) {
		for _, id := range ids {
			r := s.state.byID(kind, id)
			if r == nil {
				continue
			}
			for _, name := range r.tags {
				if !seen[name] {
					seen[name] = true
					o := newObject()
					o.set("tag_name", name)
					o.set("description", nil)
					if d, ok := s.state.tags[name]; ok {
						o.set("description", d)
					}
					list = append(list, o)
				}
			}
		}
	}
	add(Dashboard, dashboards)
	add(Chart, charts)
	o := newObject()
	o.set("tags", list)
	return emitYAML(o)
}
