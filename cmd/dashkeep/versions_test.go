package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// The scenarios of several versions. On simulators each runs for every version;
// on real servers for those that superset-lab was told to start.

// newest is the version that the rich fixture's every field is in.
const newest = supersettest.Version

var olderVersions = []string{"6.0.0", "5.0.0", "4.1.4"}

func TestLoop_EqualBytesOnEveryVersion(t *testing.T) {
	notUnderRace(t)
	for _, v := range append([]string{newest}, olderVersions...) {
		t.Run(v, func(t *testing.T) { equalBytes(t, v, simulatorOf(t, v, 1), simulatorOf(t, v, 500)) })
	}
}

func TestE2E_EqualBytesOnEveryVersion(t *testing.T) {
	a, b, of, to := realPair(t)
	if of != to {
		t.Skipf("needs two servers of one version, these are %s and %s", of, to)
	}
	equalBytes(t, of, a, b)
}

func TestLoop_NewerIntoOlder(t *testing.T) {
	notUnderRace(t)
	for _, v := range olderVersions {
		t.Run(v, func(t *testing.T) { newerIntoOlder(t, v, simulatorOf(t, newest, 1), simulatorOf(t, v, 500)) })
	}
}

func TestE2E_NewerIntoOlder(t *testing.T) {
	a, b, of, to := realPair(t)
	if of != newest || !slices.Contains(olderVersions, to) {
		t.Skipf("needs Superset %s and an older one (VERSION, VERSION2 of superset-lab), these are %s and %s", newest, of, to)
	}
	newerIntoOlder(t, to, a, b)
}

func simulatorOf(t *testing.T, version string, firstID int) *server {
	t.Helper()
	sim := supersettest.New(supersettest.WithVersion(version), supersettest.WithFirstID(firstID), supersettest.WithSeed(uint64(firstID)))
	h := httptest.NewServer(sim)
	t.Cleanup(h.Close)
	return &server{url: h.URL, sim: sim, api: login(t, h.URL)}
}

// realPair are the two real servers, wiped, and their versions.
func realPair(t *testing.T) (a, b *server, of, to string) {
	t.Helper()
	a, b = wipedServers(t)
	return a, b, versionOf(t, a), versionOf(t, b)
}

var shownVersion = regexp.MustCompile(`version_string(?:&#34;|"): ?(?:&#34;|")([0-9.]+)`)

// versionOf looks at the login page, which every version has.
func versionOf(t *testing.T, s *server) string {
	t.Helper()
	_, page, err := s.api.Do(t.Context(), http.MethodGet, "/login/", nil)
	m := shownVersion.FindSubmatch(page)
	if err != nil || m == nil {
		t.Fatalf("no version on the login page of %s: %v", s.url, err)
	}
	return string(m[1])
}

// richZip is the capture of a dashboard with nearly everything a dashboard can
// have. Before 6.0.0 a new connection has to answer, unless Superset has no driver
// for it; the lab has neither a warehouse nor an Oracle driver.
func richZip(t *testing.T, version string, edit func(name, text string) (string, string)) []byte {
	t.Helper()
	return captured(t, version, "dashboard-rich.zip", edit)
}

func captured(t *testing.T, version, name string, edit func(name, text string) (string, string)) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "internal", "platform", "superset", "supersettest", "testdata", version, name))
	if err != nil {
		t.Fatal(err)
	}
	out, err := supersettest.RewriteZip(raw, func(name, text string) (string, string) {
		return edit(name, strings.Replace(text, "sqlalchemy_uri: postgresql:", "sqlalchemy_uri: oracle:", 1))
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// fill imports a dashboard's export as a person would.
func (s *server) fill(t *testing.T, kind string, zip []byte) {
	t.Helper()
	form := map[string]string{"overwrite": "true", "passwords": supersettest.Passwords("pw", "databases/Warehouse.yaml")}
	if err := s.api.Import(t.Context(), kind, zip, form); err != nil {
		t.Fatal(err)
	}
}

// promotion is a world whose standby knows the secrets of the rich dashboard's
// connection.
func promotion(t *testing.T, a, b *server) *world {
	t.Helper()
	w := newWorld(t, a, b)
	w.write("warehouse", "pw\n")
	config, err := os.ReadFile(w.path("dashkeep.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w.run(0, "pull", "prod")
	db := w.one("dashboards", "prod", "databases", "*.yaml")
	w.write("dashkeep.yaml", string(config)+fmt.Sprintf("    secrets:\n      %q:\n        password: {file: ./warehouse}\n"+
		"        extra/engine_params/connect_args/sslpassword: {file: ./warehouse}\n", "database:"+document(t, db).UID))
	return w
}

func document(t *testing.T, file string) *asset.Document {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := asset.ParseDocument(file, data)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// equalBytes: a restore into an empty server of the same version gives the same
// files, whatever that version exports and remaps.
func equalBytes(t *testing.T, version string, a, b *server) {
	same := func(name, text string) (string, string) { return name, text }
	a.fill(t, supersettest.Dashboard, richZip(t, version, same))
	a.fill(t, supersettest.SavedQuery, queriesZip(t, version))
	w := promotion(t, a, b)
	if r := w.run(0, "pull", "prod"); !strings.Contains(r.out, "nothing changed") {
		t.Errorf("the second pull said %q", r.out)
	}
	r := w.run(0, "restore", "prod", "--at", "HEAD", "--to", "standby", "--yes")
	if n := w.assets("prod"); n < 14 || !strings.Contains(r.out, fmt.Sprintf("%d of %d assets written, read back and equal\n", n, n)) {
		t.Errorf("the restore said %q", r.out)
	}
	w.run(0, "pull", "standby")
	if d := w.git("dashboards", "diff", "--no-index", "prod", "standby"); d != "" {
		t.Errorf("the two instance folders differ:\n%s", d)
	}
	walkLive(t, a, b)
	w.fsck()
}

// queriesZip is the capture of the saved queries on the same connection. What 4.1.4
// exports of them it refuses back.
func queriesZip(t *testing.T, version string) []byte {
	t.Helper()
	return captured(t, version, "saved_query-all.zip", func(name, text string) (string, string) {
		if version < "5" {
			text = strings.Replace(text, "catalog: null\n", "", 1)
		}
		return name, text
	})
}

// onlyNewest adds to the rich dashboard what came with 5.0.0 to 6.1.0 and the
// capture does not use.
func onlyNewest(name, text string) (string, string) {
	put := func(old, changed string) {
		text = strings.Replace(text, old, changed, 1)
	}
	switch {
	case strings.Contains(name, "/databases/"):
		put("impersonate_user: false", "impersonate_user: true")
		put("  disable_data_preview: false", "  disable_data_preview: false\n  per_user_caching: true")
	case strings.HasSuffix(name, "/orders_1.yaml"):
		put("currency_code_column: null", "currency_code_column: region")
		put("folders: null", "folders:\n- uuid: 0f6a3c1e-5a57-4c2b-9a51-3f4f6f4a1b11\n  name: Money\n  type: folder\n  children: []")
		put("- column_name: region\n", "- column_name: region\n  datetime_format: '%d.%m.%Y'\n")
		text = regexp.MustCompile(`(?m)^(  datetime_format: '%d\.%m\.%Y'\n(?:  .*\n)*?)  datetime_format: null\n`).ReplaceAllString(text, "$1")
	}
	return name, text
}

// unheld is what an older version cannot hold, by kind, in the order the values
// appeared: each list holds for versions before its key.
var unheld = []struct {
	before, kind, pointer string
	assets                int
}{
	{"5.0.0", "database", "/spec/impersonate_user", 1},
	{"6.0.0", "dataset", "/spec/folders", 1},
	{"6.0.0", "dashboard", "/spec/theme_uuid", 1},
	{"6.1.0", "database", "/spec/extra/per_user_caching", 1},
	{"6.1.0", "dataset", "/spec/currency_code_column", 1},
	{"6.1.0", "dataset", "/spec/columns/column_name=region/datetime_format", 1},
	{"6.1.0", "dashboard", "/spec/metadata/chart_customization_config", 1},
	{"6.1.0", "dashboard", "/spec/metadata/show_chart_timestamps", 1},
}

// newerIntoOlder: what an older server can hold is there; what it cannot is named
// once each; and a second plan has nothing to say.
func newerIntoOlder(t *testing.T, version string, a, b *server) {
	a.fill(t, supersettest.Dashboard, richZip(t, newest, onlyNewest))
	a.fill(t, supersettest.SavedQuery, queriesZip(t, newest))
	w := promotion(t, a, b)
	r := w.try("restore", "prod", "--at", "HEAD", "--to", "standby", "--yes", "--output", "json")
	var report runReport
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatalf("%v\n%s%s", err, r.out, r.err)
	}
	if r.code != exitPartial {
		t.Errorf("exit %d, want %d: something was left out", r.code, exitPartial)
	}
	omitted, got := map[string][]string{}, map[string]int{}
	for _, done := range report.Assets {
		if done.Error != "" || done.Verified == nil || !*done.Verified {
			t.Errorf("%s %q: %s", done.ID, done.Title, done.Error)
		}
		kind, _, _ := strings.Cut(done.ID, ":")
		for _, o := range done.Omitted {
			pointer, why, _ := strings.Cut(o, ": ")
			omitted[done.ID] = append(omitted[done.ID], pointer)
			got[kind+" "+pointer]++
			if !strings.Contains(why, version) {
				t.Errorf("%s %s: the reason %q does not name version %s", done.ID, pointer, why, version)
			}
		}
	}
	want := map[string]int{}
	for _, l := range unheld {
		if version < l.before {
			want[l.kind+" "+l.pointer] = l.assets
		}
	}
	held, settled := w.assets("prod"), "nothing to do"
	if version < "6" { // the one theme stays out
		held, settled = held-1, "has no themes; they came with 6.0.0\nstandby: 1 skipped "
	}
	if held < 14 || len(report.Assets) != held {
		t.Errorf("%d assets were written, want %d", len(report.Assets), held)
	}
	for what, n := range want {
		if got[what] != n {
			t.Errorf("%s is reported %d times, want %d", what, got[what], n)
		}
	}
	for what, n := range got {
		if want[what] == 0 {
			t.Errorf("%s is left out %d times; version %s can hold it", what, n, version)
		}
	}
	w.run(0, "pull", "standby")
	equalBut(t, w, version, omitted)
	walkLive(t, a, b)
	again := w.run(0, "restore", "prod", "--at", "HEAD", "--to", "standby", "--yes")
	if !strings.Contains(again.out, settled) {
		t.Errorf("the second restore said %q", again.out)
	}
	w.fsck()
}

// equalBut compares the two instance folders, less the values that were left out.
func equalBut(t *testing.T, w *world, version string, omitted map[string][]string) {
	t.Helper()
	files, err := filepath.Glob(w.path("dashboards", "prod", "*", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, f := range files {
		want := document(t, f)
		if version < "6" && want.Kind == supersettest.Theme {
			continue
		}
		got, err := os.ReadFile(strings.Replace(f, string(filepath.Separator)+"prod"+string(filepath.Separator), string(filepath.Separator)+"standby"+string(filepath.Separator), 1))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, p := range omitted[string(want.Kind)+":"+want.UID] {
			keys, err := asset.Split(p)
			if err != nil {
				t.Fatal(err)
			}
			part := want.Spec
			if keys[0] == "access" {
				part = want.Access
			}
			asset.Delete(part, keys[1:]...)
		}
		text, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(text) {
			t.Errorf("%s is not what it was, less what was left out: %s", filepath.Base(f), otherLine(string(text), string(got)))
		}
	}
}

func otherLine(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d is %q, want %q", i+1, b[i], a[i])
		}
	}
	return "one is longer"
}

// walkLive looks through the API at every row id in the dashboards' settings: on
// both servers they must stand for the same charts.
func walkLive(t *testing.T, a, b *server) {
	t.Helper()
	want, got := settings(t, a), settings(t, b)
	for uid, w := range want {
		if len(w) < 40 { // the rich dashboard has 9 charts and 6 filters
			t.Errorf("dashboard %s: only %d row ids were found", uid, len(w))
		}
		for _, line := range w {
			if !slices.Contains(got[uid], line) {
				t.Errorf("dashboard %s: %s is not so on the other server", uid, line)
			}
		}
		for _, line := range got[uid] {
			if !slices.Contains(w, line) {
				t.Errorf("dashboard %s: %s is so on the other server only", uid, line)
			}
		}
	}
}

// settings lists, by dashboard, every place of its layout and metadata that holds a
// chart's row id, with the uuid of that chart.
func settings(t *testing.T, s *server) map[string][]string {
	t.Helper()
	charts := map[float64]string{}
	list(t, s, supersettest.Chart, func(id float64, uid string) { charts[id] = uid })
	out := map[string][]string{}
	list(t, s, supersettest.Dashboard, func(_ float64, uid string) {
		d := get(t, s, supersettest.Dashboard, uid)
		for _, field := range []string{"position_json", "json_metadata"} {
			var v any
			text, _ := d[field].(string)
			if err := json.Unmarshal([]byte(text), &v); err != nil {
				t.Fatalf("%s of %s: %v", field, uid, err)
			}
			walkIDs(v, field, charts, func(line string) { out[uid] = append(out[uid], line) })
		}
	})
	return out
}

func list(t *testing.T, s *server, kind string, f func(id float64, uid string)) {
	t.Helper()
	_, body, err := s.api.Do(t.Context(), http.MethodGet, "/api/v1/"+kind+"/?q=(page_size:100,columns:!(id,uuid))", nil)
	var answer struct {
		Result []struct {
			ID   float64
			UUID string
		}
	}
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range answer.Result {
		f(r.ID, r.UUID)
	}
}

var (
	chartLists = []string{"chartsInScope", "excluded", "timed_refresh_immune_slices"}
	chartKeys  = []string{"chart_configuration", "expanded_slices"}
)

func walkIDs(v any, at string, charts map[float64]string, f func(string)) {
	name := at[strings.LastIndex(at, "/")+1:]
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if k == "chart_customization_config" {
				continue // not on every version
			}
			if slices.Contains(chartKeys, name) {
				var id float64
				_, _ = fmt.Sscan(k, &id)
				k = "key:" + charts[id]
				f(at + " " + k)
			}
			if id, ok := e.(float64); ok && (k == "chartId" || k == "id") {
				f(at + "/" + k + " " + charts[id])
			}
			walkIDs(e, at+"/"+k, charts, f)
		}
	case []any:
		for i, e := range v {
			if id, ok := e.(float64); ok && slices.Contains(chartLists, name) {
				f(at + " " + charts[id])
				continue
			}
			if m, ok := e.(map[string]any); ok && m["id"] != nil {
				walkIDs(e, fmt.Sprintf("%s/%v", at, m["id"]), charts, f)
				continue
			}
			walkIDs(e, fmt.Sprintf("%s/%d", at, i), charts, f)
		}
	}
}
