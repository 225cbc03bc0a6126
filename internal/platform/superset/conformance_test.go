package superset_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
	"github.com/dashkeep/dashkeep/internal/platform/superset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// versions are the Supersets there are fixtures of, the default first.
var versions = []string{"6.1.0", "6.0.0", "5.0.0", "4.1.4"}

func TestConformanceSimulator(t *testing.T) {
	h := harness(versions[0], simulatedAs(versions[0]))
	h.Parallel, h.Many, h.ManyBytes = true, crowded, heldByZip
	if superset.RaceDetector {
		h.Filled, h.Empty = fewFaults(h.Filled), fewFaults(h.Empty)
	}
	platformtest.Run(t, h)
}

// fewFaults leaves of the wrong answers one of each kind of recovery, for the race
// detector: each needs a server of its own and three readings of it, and make check
// runs all of them without.
func fewFaults(server func(testing.TB) *platformtest.Server) func(testing.TB) *platformtest.Server {
	few := []string{"502 once", "connection cut once", "cut lists", "half of every answer", "a login page everywhere", "broken YAML in an export"}
	return func(tb testing.TB) *platformtest.Server {
		s := server(tb)
		for _, name := range few {
			if s.Faults[name] == nil {
				tb.Fatalf("no fault %q", name)
			}
		}
		maps.DeleteFunc(s.Faults, func(name string, _ func(testing.TB)) bool { return !slices.Contains(few, name) })
		return s
	}
}

func TestConformanceOlderSimulators(t *testing.T) {
	if superset.RaceDetector {
		t.Skip("the newest runs under the race detector; make check runs the older ones without it")
	}
	for _, v := range versions[1:] {
		h := harness(v, simulatedAs(v))
		for _, c := range platformtest.Cases() {
			if slices.Contains(byVersion, c.Name) {
				t.Run(v+"/"+c.Name, func(t *testing.T) {
					t.Parallel()
					c.Run(t, &h)
				})
			}
		}
	}
}

// newestUnderRace leaves the first of some versions for the race detector, which sees
// the same code on each; make check runs the tests that call this without it as well.
func newestUnderRace(versions ...string) []string {
	if superset.RaceDetector {
		return versions[:1]
	}
	return versions
}

func simulatedAs(version string) func(testing.TB, bool) *platformtest.Server {
	return func(tb testing.TB, full bool) *platformtest.Server { return simulated(tb, version, full) }
}

// byVersion are the cases that depend on what a version exports, takes and
// remaps. The others are about the connection, which is the same for all, and are
// run on the newest.
var byVersion = []string{
	"ping names server and user", "list and export agree", "export twice has no noise", "references resolve", "secrets are never in content",
	"an edit moves one asset and names its editor", "round trip to other ids gives equal bytes", "a second import changes nothing",
	"a write touches only its own asset", "dependencies are not overwritten", "non-ASCII and YAML traps survive",
	"one bad asset does not stop the rest", "deleted is gone, and can come back", "listed but not exported is named",
}

// TestCasesByVersionExist fails when the suite names a case of byVersion anew.
func TestCasesByVersionExist(t *testing.T) {
	for _, name := range byVersion {
		if !slices.ContainsFunc(platformtest.Cases(), func(c platformtest.Case) bool { return c.Name == name }) {
			t.Errorf("no case %q", name)
		}
	}
}

// TestConformanceLive runs the same suite against two real servers, which it
// wipes again and again.
func TestConformanceLive(t *testing.T) {
	url := os.Getenv("DASHKEEP_TEST_SUPERSET_URL")
	if url == "" || os.Getenv("DASHKEEP_TEST_SUPERSET_URL2") == "" {
		t.Skip("DASHKEEP_TEST_SUPERSET_URL and DASHKEEP_TEST_SUPERSET_URL2 name no real servers")
	}
	p, err := superset.Factory().New(config(url))
	if err != nil {
		t.Fatal(err)
	}
	about, err := p.Ping(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(versions, about.Version) {
		t.Fatalf("no fixtures of Superset %q", about.Version)
	}
	platformtest.Run(t, harness(about.Version, (&lab{version: about.Version}).server))
}

func harness(version string, server func(tb testing.TB, full bool) *platformtest.Server) platformtest.Harness {
	// the fixtures' fake secrets: extra, URI query, and encrypted_extra where it is exported
	canaries := []string{"FAKE-extra-s3cret", "FAKE-uri-query-s3cret", "FAKE-encrypted-extra-s3cret"}
	if version != versions[0] {
		canaries = canaries[:2]
	}
	return platformtest.Harness{
		Factory:  superset.Factory(),
		Filled:   func(tb testing.TB) *platformtest.Server { return server(tb, true) },
		Empty:    func(tb testing.TB) *platformtest.Server { return server(tb, false) },
		Canaries: canaries,
		Cannot: func(a *asset.Asset) string {
			if a.ID.Kind == st.Chart && !bytes.Contains(a.Content, []byte("dataset_uuid:")) {
				return "its dataset is gone; Superset exports such a chart and refuses it back (F5)"
			}
			return ""
		},
		Edited: editedRecord,
		Bad: func(tb testing.TB, good *asset.Asset) *asset.Asset {
			return platformtest.Altered(tb, superset.Rules(), good, func(d *asset.Document) {
				asset.Put(d.Spec, asset.Str("next week"), "published") // a flag
			})
		},
	}
}

// config logs in as the administrator and knows the password of every
// connection.
func config(url string) platform.Config {
	return platform.Config{
		Instance: "test", URL: url, Rate: -1, Auth: platform.Auth{Username: "admin", Password: secret.Literal("admin")},
		Secrets: func(asset.ID) map[string]secret.Value {
			return map[string]secret.Value{
				"password":              secret.Literal("pw"),
				"uri_query/sslpassword": secret.Literal("FAKE-uri-query-s3cret"),
				"encrypted_extra/connect_args/sslpassword":     secret.Literal("FAKE-encrypted-extra-s3cret"),
				"extra/engine_params/connect_args/sslpassword": secret.Literal("FAKE-extra-s3cret"),
			}
		},
	}
}

func fixture(tb testing.TB, version, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile("supersettest/testdata/" + version + "/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// titles are the fields that people know objects by.
var titles = map[asset.Kind]string{st.Database: "database_name", st.Dataset: "table_name", st.Chart: "slice_name", st.Dashboard: "dashboard_title",
	st.Theme: "theme_name", st.SavedQuery: "label"}

func simulated(tb testing.TB, version string, full bool) *platformtest.Server {
	tb.Helper()
	people := accounts()
	if !full {
		people = []st.User{{Username: "eve", Password: "x", First: "Eve", Last: "Öz", Email: "eve@example.com"}, people[1], people[0]}
	}
	opts := []st.Option{st.WithVersion(version), st.WithUsers(people...)}
	if !full {
		opts = append(opts, st.WithFirstID(5000), st.WithSeed(2), st.WithRoles("Another", "Finance"))
	}
	s := st.New(opts...)
	if full {
		for _, name := range []string{"dashboard-rich.zip", "assets.zip", "dashboard-rich.zip"} {
			if err := s.Seed(fixture(tb, version, name)); err != nil {
				tb.Fatal(err)
			}
		}
		staleScopes(tb, s)
	}
	srv := httptest.NewServer(s) // beside the one that the platform under test asks
	tb.Cleanup(srv.Close)
	if full {
		client, err := st.Login(tb.Context(), srv.URL, "admin", "admin")
		if err != nil {
			tb.Fatal(err)
		}
		fillRecords(tb, client)
		share(tb, client)
		s.ResetLog()
	}
	fault := func(f st.Fault) func(testing.TB) { return func(testing.TB) { s.Break(f) } }
	sv := &platformtest.Server{
		Edit: func(tb testing.TB, id asset.ID, title string) asset.Person {
			if err := s.EditAs("mia", string(id.Kind), id.UID, func(f map[string]any) { f[titles[id.Kind]] = title }); err != nil {
				tb.Fatal(err)
			}
			return asset.Person{Name: "Mia Öz", Username: "mia", Email: "mia@example.com"}
		},
		Wipe:   func(testing.TB) { s.Wipe() },
		Expire: func(testing.TB) { s.ExpireTokens() },
		Throttle: func(_ testing.TB, n int, wait time.Duration) {
			s.Break(st.Fault{Path: "/export/", Times: n, Do: st.Throttle(fmt.Sprint(int(wait.Seconds())))})
		},
		Lie: func(testing.TB) {
			s.Break(st.Fault{Method: "POST", Path: "/import/", Do: st.Lie()})
			s.Break(st.Fault{Method: "DELETE", Do: st.Lie()})
		},
		Omit: func(tb testing.TB, id asset.ID) { omit(tb, s, id) },
		Faults: map[string]func(testing.TB){
			"login page for exports":   fault(st.Fault{Path: "/export/", Do: st.LoginPage()}),
			"login page for one list":  fault(st.Fault{Path: "/api/v1/chart/", Do: st.LoginPage()}),
			"truncated zip":            fault(st.Fault{Path: "/export/", Do: st.Truncate(5000)}),
			"cut lists":                fault(st.Fault{Path: "/api/v1/chart/", Do: st.Cut(100)}),
			"cut exports":              fault(st.Fault{Path: "/export/", Do: st.Cut(3000)}),
			"hostile zip":              fault(st.Fault{Path: "/export/", Do: st.Replace(st.HostileZip())}),
			"empty zip":                fault(st.Fault{Path: "/export/", Do: st.Omit("/")}),
			"500":                      fault(st.Fault{Path: "/export/", Do: st.Status(500)}),
			"404 for a list":           fault(st.Fault{Path: "/api/v1/chart/", Do: st.Status(404)}),
			"an empty JSON object":     fault(st.Fault{Path: "/api/v1/chart/", Do: st.Replace([]byte("{}"))}),
			"count without result":     fault(st.Fault{Path: "/api/v1/chart/", Do: st.Replace([]byte(`{"count": 22, "result": []}`))}),
			"502 once":                 fault(st.Fault{Path: "/export/", Times: 1, Do: st.Status(502)}),
			"connection cut once":      fault(st.Fault{Path: "/export/", Times: 1, Do: st.Cut(10)}),
			"no charts in the export":  fault(st.Fault{Path: "/export/", Do: st.Omit("/charts/")}),
			"broken YAML in an export": fault(st.Fault{Path: "/export/", Do: breakYAML}),
		},
		Mend:   s.Mend,
		Writes: s.Writes,
	}
	front := httptest.NewServer(sv.Front(s))
	tb.Cleanup(front.Close)
	sv.Config = config(front.URL)
	return sv
}

// accounts are the people who own what share gives away. Role Finance owns nothing
// and sees what it may.
func accounts() []st.User {
	return []st.User{
		{Username: "mia", Password: "x", First: "Mia", Last: "Öz", Email: "mia@example.com", Role: st.Admin},
		{Username: "ada", Password: "x", First: "Ada", Last: "Öz", Email: "ada@example.com", Role: "Finance"},
	}
}

// share gives every asset owners, and dashboards and charts roles, tags and
// embedding, all of them different by turns.
func share(tb testing.TB, c *st.Client) {
	tb.Helper()
	ctx := tb.Context()
	var owners []int
	for _, u := range accounts() {
		id, err := c.AddUser(ctx, u)
		if err != nil {
			tb.Fatal(err)
		}
		owners = append(owners, id)
	}
	role, err := c.Role(ctx, "Finance")
	if err != nil {
		tb.Fatal(err)
	}
	send := func(method, path string, body any) {
		if status, raw, err := c.Do(ctx, method, path, body); err != nil || status/100 != 2 {
			tb.Fatalf("%s %s: %d %s %v", method, path, status, raw, err)
		}
	}
	for _, kind := range []string{st.Dataset, st.Chart, st.Dashboard} {
		items, err := c.List(ctx, kind)
		if err != nil {
			tb.Fatal(err)
		}
		for i, it := range items {
			at := fmt.Sprintf("/api/v1/%s/%d", kind, it.ID)
			if kind == st.Dataset {
				send(http.MethodPut, at, map[string]any{"owners": owners[:i%3]})
				continue
			}
			body := map[string]any{"owners": owners[i%2 : 1+i%2]}
			if kind == st.Dashboard {
				body["roles"] = [][]int{{}, {role}, {1, role}}[i%3]
				if i%2 == 0 {
					send(http.MethodPut, at+"/embedded", map[string]any{"allowed_domains": []string{"https://b.example.com", "https://a.example.com"}[:2-i%3]})
				}
			}
			send(http.MethodPut, at, body)
			number := map[string]string{st.Chart: "2", st.Dashboard: "3"}[kind]
			send(http.MethodPost, fmt.Sprintf("/api/v1/tag/%s/%d/", number, it.ID), map[string]any{"properties": map[string]any{"tags": []string{"sales", "Größe/規模"}[:1+i%2]}})
		}
	}
}

// heldByZip is what a chart may hold while everything is exported. Superset gives
// all documents out in one zip, in any order, and what that left out shows only
// when it was read whole, so the platform holds every document until then. A
// small chart takes 7.5 KiB so, of which the simulator's own part is the text that
// it wrote; what keeps each a second time is over this.
const heldByZip = 12 << 10

func crowded(tb testing.TB, n int) *platformtest.Server {
	tb.Helper()
	s := st.New()
	if err := s.Seed(fixture(tb, versions[0], "dashboard-rich.zip")); err != nil {
		tb.Fatal(err)
	}
	small := s.EditAs("admin", st.Chart, anyChart, func(f map[string]any) { f["params"], f["query_context"] = `{"viz_type": "pie"}`, nil })
	if err := errors.Join(small, s.Crowd(anyChart, n)); err != nil {
		tb.Fatal(err)
	}
	srv := httptest.NewServer(s)
	tb.Cleanup(srv.Close)
	return &platformtest.Server{Config: config(srv.URL)}
}

// anyChart is "Share" of dashboard-rich.zip.
const anyChart = "f46cd567-35af-4280-b847-2d9e323858f9"

// staleScopes makes dashboards name a chart that is gone, as the scopes of every
// dashboard that was imported do (F13).
func staleScopes(tb testing.TB, s *st.Server) {
	tb.Helper()
	for _, o := range s.Objects(st.Dashboard) {
		if err := s.EditAs("admin", st.Dashboard, o.UUID, func(f map[string]any) {
			f["json_metadata"] = strings.Replace(f["json_metadata"].(string), `"chartsInScope": [`, `"chartsInScope": [987654, `, 1)
		}); err != nil {
			tb.Fatal(err)
		}
	}
}

// omit leaves the file of an asset out of every export.
func omit(tb testing.TB, s *st.Server, id asset.ID) {
	tb.Helper()
	o, ok := s.Object(string(id.Kind), id.UID)
	if !ok {
		tb.Fatalf("no %s", id)
	}
	s.Break(st.Fault{Path: "/export/", Do: st.OmitObject(string(id.Kind), o)})
}

// breakYAML serves charts that no YAML reader takes.
func breakYAML(w http.ResponseWriter, r *http.Request, next http.Handler) {
	st.Rewrite(func(name, text string) (string, string) {
		if strings.Contains(name, "/charts/") {
			text = "a: [b\n\t- c: {"
		}
		return name, text
	})(w, r, next)
}

// lab is a pair of real servers.
type lab struct{ version string }

func (l *lab) server(tb testing.TB, full bool) *platformtest.Server {
	tb.Helper()
	ctx := tb.Context()
	url := os.Getenv("DASHKEEP_TEST_SUPERSET_URL2")
	if full {
		url = os.Getenv("DASHKEEP_TEST_SUPERSET_URL")
	}
	c, err := st.Login(ctx, url, "admin", "admin")
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.Fill(ctx, fmt.Sprint("conformance-", full), func() error { return l.content(tb, c, full) }); err != nil {
		tb.Fatal(err)
	}
	return &platformtest.Server{
		Config: config(url),
		Edit: func(tb testing.TB, id asset.ID, title string) asset.Person {
			if err := c.Put(ctx, string(id.Kind), id.UID, map[string]any{titles[id.Kind]: title}); err != nil {
				tb.Fatal(err)
			}
			return asset.Person{Name: "Lab Admin", Username: "admin", Email: "admin@example.com"}
		},
		Wipe: func(tb testing.TB) {
			if err := c.DeleteAll(ctx); err != nil {
				tb.Fatal(err)
			}
		},
		Mend: func() {},
	}
}

// content gives a wiped server its people, with their role, and to a full one
// everything else.
func (l *lab) content(tb testing.TB, c *st.Client, full bool) error {
	tb.Helper()
	for _, u := range accounts() {
		if _, err := c.AddUser(tb.Context(), u); err != nil {
			return err
		}
	}
	if full {
		fill(tb, c, l.version)
		fillRecords(tb, c)
		share(tb, c)
	}
	return nil
}

var (
	ownUUID     = regexp.MustCompile(`(?m)^uuid: (\S+)$`)
	datasetUUID = regexp.MustCompile(`(?m)^dataset_uuid: \S+$`)
)

// fill imports real exports of the same version. The lab's servers keep their
// metadata in SQLite, which allows one dataset of a name, so the second "orders"
// gets another. Before 6.0.0 a new connection has to answer (F17), unless Superset
// has no driver for it: the lab has no warehouse and no Oracle driver.
func fill(tb testing.TB, c *st.Client, version string) {
	tb.Helper()
	rewritten := func(zip string, f func(name, text string) (string, string)) []byte {
		out, err := st.RewriteZip(fixture(tb, version, zip), func(name, text string) (string, string) {
			if version < "6" {
				text = strings.Replace(text, "sqlalchemy_uri: postgresql:", "sqlalchemy_uri: oracle:", 1)
			}
			return f(name, text)
		})
		if err != nil {
			tb.Fatal(err)
		}
		return out
	}
	secrets := rewritten("database-all.zip", func(name, text string) (string, string) {
		if strings.Contains(name, "/datasets/") {
			return "", ""
		}
		return name, text
	})
	orders := ""
	as := func(name, text string) (string, string) {
		if m := ownUUID.FindStringSubmatch(text); m != nil && strings.HasPrefix(text, "table_name: orders\n") {
			orders = m[1]
		}
		return name, text
	}
	rewritten("dashboard-same-title.zip", as)
	queries := rewritten("saved_query-all.zip", func(name, text string) (string, string) {
		if version < "5" {
			text = strings.Replace(text, "catalog: null\n", "", 1) // exported and refused back
		}
		return name, text
	})
	sameTitle := rewritten("dashboard-same-title.zip", func(name, text string) (string, string) {
		if strings.Contains(text, "\nschema: staging\n") {
			text = strings.Replace(text, "table_name: orders\n", "table_name: orders2\n", 1)
		}
		if version < "6" && strings.Contains(name, "/charts/Orders_same_name") { // its own one was lost (F8)
			text = datasetUUID.ReplaceAllString(text, "dataset_uuid: "+orders)
		}
		return name, text
	})
	form := map[string]string{"overwrite": "true", "passwords": st.Passwords("pw", "databases/Warehouse.yaml", "databases/secrets_DB.yaml")}
	for _, in := range []struct {
		kind string
		zip  []byte
	}{
		{st.Database, secrets}, {st.Dashboard, rewritten("dashboard-rich.zip", as)}, {st.Dashboard, rewritten("dashboard-linked-only.zip", as)},
		{st.Dashboard, sameTitle}, {st.SavedQuery, queries},
	} {
		if err := c.Import(tb.Context(), in.kind, in.zip, form); err != nil {
			tb.Fatal(err)
		}
	}
}
