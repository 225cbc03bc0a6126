package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// The whole server: everything of the captures of one version that one server can
// hold, and by its API what no capture holds. It is what an installation of some
// years looks like, with a chart that has lost its dataset.

// Of the captures.
const (
	brokenChart  = "Broken: dataset was deleted"
	richTitle    = `Ventes / 売上 "Q1" 📊 — résumé`
	goneDataset  = "0badc0de-0000-4000-8000-00000000dead"
	nativeLayer  = "Releases"
	wholeBoards  = 5
	wholeLibrary = "Finance dark"
)

// people are seeded on both servers of a scenario before anything else.
func people(t *testing.T, s *server) map[string]int {
	t.Helper()
	ids := map[string]int{}
	for _, u := range []supersettest.User{
		{Username: "mia", Password: "mia", First: "Mia", Last: "Öz", Email: "mia@example.com", Role: supersettest.Alpha},
		{Username: "tom", Password: "tom", First: "Tom", Last: "Berg", Email: "tom@example.com", Role: supersettest.Alpha},
	} {
		id, err := s.api.AddUser(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		ids[u.Username] = id
	}
	id, err := s.api.Role(t.Context(), "Finance")
	if err != nil {
		t.Fatal(err)
	}
	ids["Finance"] = id
	return ids
}

// seedWhole fills an empty server of a version.
func seedWhole(t *testing.T, s *server, version string) {
	t.Helper()
	ids := people(t, s)
	s.fill(t, supersettest.Dashboard, wholeZip(t, version))
	s.breakChart(t)
	s.fill(t, "saved_query", oracle(t, version, "saved_query-all.zip"))
	if version >= "6" {
		s.fill(t, supersettest.Theme, capture(t, version, "theme-all.zip"))
	}
	s.post(t, "css_template/", map[string]any{"template_name": wholeLibrary, "css": ".dashboard {\n  background: #111;\n}\n"})
	layer := s.post(t, "annotation_layer/", map[string]any{"name": nativeLayer, "descr": "what went live"})
	s.post(t, fmt.Sprintf("annotation_layer/%d/annotation/", layer), map[string]any{"short_descr": "v1", "long_descr": "first\nrelease",
		"start_dttm": "2026-01-05T00:00:00", "end_dttm": "2026-01-06T00:00:00", "json_metadata": `{"by": "mia"}`})
	rich := s.find(t, supersettest.Dashboard, richTitle)
	s.put(t, "dashboard", rich, map[string]any{"owners": []int{ids["mia"], ids["tom"]}, "roles": []int{ids["Finance"]}})
	for _, it := range s.items(t, supersettest.Chart)[:3] {
		s.put(t, "chart", it.ID, map[string]any{"owners": []int{ids["mia"]}})
	}
	s.post(t, "tag/", map[string]any{"name": "finance", "description": "numbers that must add up", "objects_to_tag": [][]any{{"dashboard", rich}}})
	s.post(t, fmt.Sprintf("dashboard/%d/embedded", rich), map[string]any{"allowed_domains": []string{"https://intranet.example.com"}})
}

// breakChart deletes the dataset of the chart that is to be broken.
func (s *server) breakChart(t *testing.T) {
	t.Helper()
	if err := s.api.Delete(t.Context(), supersettest.Dataset, goneDataset); err != nil {
		t.Fatal(err)
	}
}

// wholeZip is the capture of all dashboards. Its broken chart gets a dataset, so
// that it can be imported at all, and two datasets of one name get two, which
// SQLite metadata demand.
func wholeZip(t *testing.T, version string) []byte {
	t.Helper()
	files := unzip(t, oracle(t, version, "dashboard-all.zip"))
	for name, text := range files {
		switch {
		case strings.Contains(text, "uuid: 71601c71-1c2c-4d69-8c03-cc94315ebb3a\n") && strings.Contains(name, "/datasets/"),
			strings.Contains(name, "/datasets/") && strings.Contains(text, "\nsql: select country, count(*)"):
			gone := strings.Replace(text, "uuid: "+field(text, "uuid"), "uuid: "+goneDataset, 1)
			first, _, _ := strings.Cut(gone, "\n")
			files[filepath.Join(filepath.Dir(name), "gone.yaml")] = strings.Replace(gone, first, "table_name: gone", 1)
		case strings.Contains(name, "/charts/Broken_"):
			files[name] = text + "dataset_uuid: " + goneDataset + "\n"
		case strings.Contains(name, "/datasets/") && strings.HasPrefix(text, "table_name: orders\n") && field(text, "schema") == "staging":
			files[name] = strings.Replace(text, "table_name: orders\n", "table_name: orders_staging\n", 1)
		}
	}
	return rezipped(t, files)
}

// field is the value of a top-level key, as text.
func field(text, key string) string {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, key+": "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func capture(t *testing.T, version, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "internal", "platform", "superset", "supersettest", "testdata", version, name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// oracle is a capture with a connection that every version takes (see richZip).
func oracle(t *testing.T, version, name string) []byte {
	t.Helper()
	out, err := supersettest.RewriteZip(capture(t, version, name), func(name, text string) (string, string) {
		text = strings.Replace(text, "sqlalchemy_uri: postgresql:", "sqlalchemy_uri: oracle:", 1)
		if version < "5" && strings.Contains(name, "/queries/") { // exported, and refused
			text = regexp.MustCompile(`(?m)^catalog: .*\n`).ReplaceAllString(text, "")
		}
		text = strings.Replace(text, "\ncatalog: warehouse\n", "\ncatalog: null\n", 1) // that engine has none
		return name, strings.Replace(text, "sslmode=prefer", "sslmode=prefer&sslpassword=FAKE-uri-s3cret", 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func unzip(t *testing.T, data []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range z.File {
		r, err := e.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name] = string(text)
	}
	return files
}

func rezipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		e, err := w.Create(name)
		if err == nil {
			_, err = io.WriteString(e, files[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// post creates something and gives its row id, 0 where the answer has none.
func (s *server) post(t *testing.T, path string, body map[string]any) int {
	t.Helper()
	return s.send(t, http.MethodPost, path, body)
}

func (s *server) put(t *testing.T, kind string, id int, body map[string]any) {
	t.Helper()
	s.send(t, http.MethodPut, kind+"/"+strconv.Itoa(id), body)
}

func (s *server) send(t *testing.T, method, path string, body map[string]any) int {
	t.Helper()
	status, raw, err := s.api.Do(t.Context(), method, "/api/v1/"+path, body)
	if err != nil || status >= 300 {
		t.Fatalf("%s %s: %d %v %s", method, path, status, err, raw)
	}
	var answer struct {
		ID int `json:"id"`
	}
	_ = json.Unmarshal(raw, &answer)
	return answer.ID
}

func (s *server) items(t *testing.T, kind string) []supersettest.Item {
	t.Helper()
	items, err := s.api.List(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(items, func(a, b supersettest.Item) int { return strings.Compare(a.UUID, b.UUID) })
	return items
}

// find is the row id of the object of a title.
func (s *server) find(t *testing.T, kind, title string) int {
	t.Helper()
	it, err := s.api.Find(t.Context(), kind, title)
	if err != nil {
		t.Fatalf("%s %q: %v", kind, title, err)
	}
	return it.ID
}
