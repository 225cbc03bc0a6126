package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// lab is the world of the checks.
type lab struct {
	*world
	version string
	a, b    *server
	trap    *trap
}

// newLab fills a, gives b its people, and lets dashkeep work on b as an account of
// its own that nothing belongs to.
func newLab(t *testing.T, version string, a, b *server) *lab {
	t.Helper()
	seedWhole(t, a, version)
	people(t, b)
	if _, err := b.api.AddUser(t.Context(), supersettest.User{Username: "svc", Password: password, First: "Service", Last: "Account", Email: "svc@example.com"}); err != nil {
		t.Fatal(err)
	}
	l := &lab{version: version, a: a, b: b}
	target, err := url.Parse(a.url)
	if err != nil {
		t.Fatal(err)
	}
	l.trap = &trap{next: httputil.NewSingleHostReverseProxy(target)}
	front := httptest.NewServer(l.trap)
	t.Cleanup(front.Close)
	l.world = newWorld(t, &server{url: front.URL}, b)
	l.write("warehouse", "FAKE-apply-s3cret\n")
	text := strings.Replace(l.read("dashkeep.yaml"), "url: "+b.url+"\n    auth: {username: admin", "url: "+b.url+"\n    auth: {username: svc", 1)
	text += fmt.Sprintf("    secrets:\n      %q:\n        password: {file: ./warehouse}\n        uri_query/sslpassword: {file: ./warehouse}\n"+
		"        extra/engine_params/connect_args/sslpassword: {file: ./warehouse}\n", "database:"+a.uid(t, supersettest.Database, "Warehouse"))
	l.write("dashkeep.yaml", text)
	return l
}

func (w *world) read(name string) string {
	w.t.Helper()
	data, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

// uid is the uuid of the only object whose title begins so.
func (s *server) uid(t *testing.T, kind, title string) string {
	t.Helper()
	for _, it := range s.items(t, kind) {
		if strings.HasPrefix(it.Title, title) {
			return it.UUID
		}
	}
	t.Fatalf("no %s %q", kind, title)
	return ""
}

// inPlace lists the files of a kind of an instance.
func (l *lab) inPlace(t *testing.T, instance, kind string) []string {
	t.Helper()
	files, err := filepath.Glob(l.path("dashboards", instance, kind, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s of %s: %v", kind, instance, err)
	}
	for i, f := range files {
		files[i] = strings.TrimPrefix(f, l.path("dashboards")+"/")
	}
	return files
}

// column names a column of a dataset.
func (l *lab) column(t *testing.T, dataset string) string {
	t.Helper()
	columns, _ := get(t, l.a, supersettest.Dataset, l.a.uid(t, supersettest.Dataset, dataset))["columns"].([]any)
	m, _ := columns[len(columns)-1].(map[string]any)
	name, _ := m["column_name"].(string)
	return name
}

func (s *server) title(t *testing.T, kind, begins string) string {
	t.Helper()
	for _, it := range s.items(t, kind) {
		if strings.HasPrefix(it.Title, begins) {
			return it.Title
		}
	}
	t.Fatalf("no %s %q", kind, begins)
	return ""
}

func (s *server) countLabel(t *testing.T, label string) int {
	t.Helper()
	n := 0
	for _, it := range s.items(t, "saved_query") {
		if it.Title == label {
			n++
		}
	}
	return n
}

// twin is a connection of its own, made from the captured one that is a file.
func twin(t *testing.T, version, name string, n int) []byte {
	t.Helper()
	files := unzip(t, capture(t, newest, "database-one.zip"))
	for f, text := range files {
		if !strings.Contains(f, "/databases/") {
			continue
		}
		text = strings.Replace(text, "uuid: "+field(text, "uuid"), fmt.Sprintf("uuid: 7a1b2c3d-0000-4000-8000-00000000000%d", n+1), 1)
		text = regexp.MustCompile(`(?m)^database_name: .*$`).ReplaceAllString(text, "database_name: "+name)
		text = regexp.MustCompile(`(?m)^sqlalchemy_uri: .*$`).ReplaceAllString(text, "sqlalchemy_uri: oracle://u@127.0.0.1/x")
		for _, field := range []string{"configuration_method", "impersonate_user", "encrypted_extra", "masked_encrypted_extra"} { // not before 6.1.0
			if version < newest {
				text = regexp.MustCompile(`(?m)^`+field+`: .*\n`).ReplaceAllString(text, "")
			}
		}
		files[f] = text
	}
	return rezipped(t, files)
}

// markdown is a place with text in the layout of a dashboard.
func (l *lab) markdown(t *testing.T, file string) string {
	t.Helper()
	for key, n := range asset.Each(asset.Get(document(t, l.path("dashboards", file)).Spec, "position")) {
		if asset.Text(asset.Get(n, "type")) == "MARKDOWN" {
			return key
		}
	}
	t.Fatalf("%s has no text in its layout", file)
	return ""
}

// file is the file of a kind whose asset has a title that begins so.
func (l *lab) file(t *testing.T, kind, title string) string {
	t.Helper()
	for _, f := range l.inPlace(t, "prod", kind) {
		if strings.HasPrefix(document(t, l.path("dashboards", f)).Title, title) {
			return f
		}
	}
	t.Fatalf("no file of %s %q", kind, title)
	return ""
}

// set changes one value of a file in the clone.
func (l *lab) set(t *testing.T, file string, v *yaml.Node, keys ...string) {
	t.Helper()
	doc := document(t, l.path("dashboards", file))
	part := doc.Spec
	if keys[0] == "access" {
		if doc.Access == nil {
			doc.Access = asset.Map()
		}
		part = doc.Access
	}
	if !asset.Put(part, v, keys[1:]...) {
		t.Fatalf("%s has no place for %v", file, keys)
	}
	text, err := doc.Encode()
	if err != nil {
		t.Fatal(err)
	}
	l.write("dashboards/"+file, string(text))
}

func (l *lab) contents(t *testing.T, instance string) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, err := filepath.Glob(l.path("dashboards", instance, "*", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimPrefix(f, l.path("dashboards", instance)+"/")] = string(data)
	}
	return out
}

// ownersOf lists the user names of the owners of everything that has some.
func (s *server) ownersOf(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, kind := range []string{supersettest.Dataset, supersettest.Chart, supersettest.Dashboard} {
		_, body, err := s.api.Do(t.Context(), http.MethodGet, "/api/v1/"+kind+"/?q=(page_size:100,columns:!(uuid,owners.first_name,owners.last_name))", nil)
		var answer struct {
			Result []struct {
				UUID   string
				Owners []struct {
					First string `json:"first_name"`
					Last  string `json:"last_name"`
				}
			}
		}
		if err == nil {
			err = json.Unmarshal(body, &answer)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range answer.Result {
			names := map[string]bool{}
			for _, o := range r.Owners {
				names[o.First+" "+o.Last] = true
			}
			out[kind+":"+r.UUID] = slices.Sorted(maps.Keys(names))
		}
	}
	return out
}
