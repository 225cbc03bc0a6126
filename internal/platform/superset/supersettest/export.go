package supersettest

import (
	"fmt"
	"net/http"
	"slices"
)

// mask stands in place of passwords in everything the server shows.
const mask = "XXXXXXXXXX"

// bundle collects the files of one export; a name that is taken is skipped
// without a word, which is how Superset loses assets (facts F8).
type bundle struct {
	names []string
	files map[string]string
	user  int // whose export it is
}

func (b *bundle) add(name string, content func() string) {
	if _, ok := b.files[name]; ok {
		return
	}
	b.names = append(b.names, name)
	b.files[name] = content()
}

// written remembers the text of a document: rows never change in place, so the
// row and the one it refers to decide it.
type written struct{ r, of *row }

func (s *Server) once(r, of *row, write func() string) func() string {
	return func() string {
		key := written{r, of}
		if text, ok := s.texts[key]; ok {
			return text
		}
		if len(s.texts) > 20000 {
			clear(s.texts)
		}
		s.texts[key] = write()
		return s.texts[key]
	}
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
		text := fmt.Sprintf("Not a valid rison schema %s is not of type 'array'", pyRepr(v))
		if !s.since("6.0.0") {
			text += "\n\nFailed validating 'type' in schema:\n    {'type': 'array', 'items': {'type': 'integer'}}\n\nOn instance:\n    " + pyRepr(v)
		}
		c.message(http.StatusBadRequest, text)
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
	if nameless(rows) {
		c.message(http.StatusInternalServerError, "Fatal error")
		return
	}
	s.rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	b := s.newBundle(models[kind].class)
	b.user = c.user
	for _, r := range rows {
		if kind == Dashboard && s.usesHidden(c.user, r) {
			c.message(http.StatusInternalServerError, "Fatal error")
			return
		}
		s.exportRow(b, r, true)
	}
	s.writeZip(c, b, kind)
}

// serveExportAssets writes everything the account sees in one bundle; it has no
// themes and no tags.yaml (facts F3).
func (s *Server) serveExportAssets(c *call) {
	b := s.newBundle("assets")
	b.user = c.user
	for _, kind := range []string{Database, Dataset, Chart, Dashboard, SavedQuery} {
		rows := slices.DeleteFunc(slices.Clone(s.state.rows[kind]), func(r *row) bool { return !s.visible(c.user, r) })
		if nameless(rows) {
			c.message(http.StatusInternalServerError, "Fatal error")
			return
		}
		s.rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		for _, r := range rows {
			s.exportRow(b, r, false)
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

// exportRow adds a row's file, then what it refers to when related is set.
func (s *Server) exportRow(b *bundle, r *row, related bool) {
	switch r.kind {
	case Database:
		s.exportDatabase(b, r, related)
	case Dataset:
		s.exportDataset(b, r, related)
	case Chart:
		s.exportChart(b, r, related)
		if related && s.tags() {
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
	case SavedQuery:
		s.exportQuery(b, r, related)
	}
}

func (s *Server) exportDatabase(b *bundle, r *row, related bool) {
	folder := fileName(r.title(), r.id, true)
	b.add("databases/"+folder+".yaml", func() string { return s.databaseFile(r, true) })
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

func (s *Server) exportDataset(b *bundle, r *row, related bool) {
	db := s.databaseOf(r)
	if db == nil {
		return
	}
	folder := fileName(db.title(), db.id, true)
	b.add("datasets/"+folder+"/"+fileName(r.title(), r.id, !s.since("6.0.0"))+".yaml", s.once(r, db, func() string {
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
	}))
	if related {
		b.add("databases/"+folder+".yaml", func() string { return s.databaseFile(db, false) })
	}
}

func (s *Server) exportChart(b *bundle, r *row, related bool) {
	ds, _ := r.fields["datasource_id"].(int)
	table := s.state.byID(Dataset, ds)
	b.add("charts/"+fileName(r.title(), r.id, false)+".yaml", s.once(r, table, func() string {
		o := exportFields(r, s.shown(Chart, models[Chart].fields))
		o.del("datasource_type")
		o.del("datasource_name")
		openJSON(o, "params")
		o.set("version", "1.0.0")
		if table != nil {
			o.set("dataset_uuid", table.uuid)
		}
		if s.tags() {
			o.set("tags", stringList(r.tags))
		}
		return emitYAML(o)
	}))
	if table != nil && related {
		s.exportDataset(b, table, true)
	}
}
