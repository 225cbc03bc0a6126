package supersettest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

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

// fileName is get_filename: the row id alone when no ASCII is left (facts F7, F18).
func fileName(name string, id int, skipID bool) string {
	slug := slug(name)
	switch {
	case slug == "":
		return itoa(id)
	case skipID:
		return slug
	}
	return fmt.Sprintf("%s_%d", slug, id)
}

// slug is werkzeug's secure_filename.
func slug(name string) string {
	var ascii strings.Builder
	for _, r := range norm.NFKD.String(name) {
		if r < 0x80 {
			ascii.WriteRune(r)
		}
	}
	slug := strings.ReplaceAll(ascii.String(), "/", " ")
	return strings.Trim(notInFileName.ReplaceAllString(strings.Join(strings.Fields(slug), "_"), ""), "._")
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

// databaseFile has two shapes (facts F11): its own export renames two keys and
// adds encrypted_extra, in clear (facts F16); the one beside a dataset does not.
func (s *Server) databaseFile(r *row, own bool) string {
	o := newObject()
	for _, f := range s.shown(Database, models[Database].fields) {
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
	if extra := r.str("encrypted_extra"); own && extra != "" && s.since("6.1.0") {
		o.set("encrypted_extra", extra)
	}
	return finish(o)
}

func (s *Server) datasetObject(r *row) *object {
	o := exportFields(r, s.shown(Dataset, models[Dataset].fields))
	o.set("cache_timeout", s.cacheTimeout(r))
	o.set("metrics", exportChildren(r.metrics, metricFields))
	o.set("columns", exportChildren(r.columns, s.shown("columns", columnFields)))
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
					if t := s.state.tag(name); t != nil {
						o.set("description", t.fields["description"])
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
