package supersettest

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mirror drives a simulated and a real server through the same requests and
// compares what they then export. The real one is wiped.
type mirror struct {
	t         *testing.T
	release   string // of both
	sim, real *Client
}

func newMirror(t *testing.T) *mirror {
	base := os.Getenv("DASHKEEP_TEST_SUPERSET_URL2")
	if base == "" {
		t.Skip("DASHKEEP_TEST_SUPERSET_URL2 names no real server")
	}
	m := &mirror{t: t, release: releaseOf(t, base)}
	srv := httptest.NewServer(New(WithSeed(7), WithVersion(m.release)))
	t.Cleanup(srv.Close)
	var err error
	if m.sim, err = Login(t.Context(), srv.URL, "admin", "admin"); err != nil {
		t.Fatal(err)
	}
	if m.real, err = Login(t.Context(), base, "admin", "admin"); err != nil {
		t.Fatal(err)
	}
	if err := m.real.Wipe(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

var shownRelease = regexp.MustCompile(`version_string&#34;: &#34;([0-9.]+)`)

func releaseOf(t *testing.T, base string) string {
	t.Helper()
	_, _, page := raw(t, base, "GET", "/login/", nil, nil)
	m := shownRelease.FindSubmatch(page)
	if m == nil {
		t.Fatal("the login page shows no version")
	}
	return string(m[1])
}

// both runs a step on each server; they must fail alike.
func (m *mirror) both(what string, f func(context.Context, *Client) error) {
	m.t.Helper()
	se, re := f(m.t.Context(), m.sim), f(m.t.Context(), m.real)
	if d := cmp.Diff(describeError(re), describeError(se)); d != "" {
		m.t.Errorf("%s: the real server (-) and the simulator (+) disagree\n%s", what, d)
	}
}

// unordered is the same in words, from 6.0.0 on.
var unordered = regexp.MustCompile(`"message":"Error importing [a-z]+: [^"]*"`)

func describeError(err error) string {
	var se *StatusError
	if !errors.As(err, &se) {
		return fmt.Sprint(err)
	}
	var v any // marshalled with sorted keys: unknown fields come in the order of a Python set
	if json.Unmarshal([]byte(se.Body), &v) != nil {
		return fmt.Sprint(se.Status, " ", se.Body)
	}
	text, _ := json.Marshal(v)
	text = unordered.ReplaceAll(text, []byte(`"message":"Error importing"`))
	return fmt.Sprint(se.Status, " ", string(text))
}

var randomName = regexp.MustCompile(`(ROW-N|CHART)-[A-Z0-9]{8}\b`)

// compare exports and compares document by document, order of keys included.
func (m *mirror) compare(what, kind string, ids ...int) {
	m.t.Helper()
	sim, serr := m.sim.Export(m.t.Context(), kind, ids...)
	re, rerr := m.real.Export(m.t.Context(), kind, ids...)
	if serr != nil || rerr != nil {
		m.t.Fatalf("%s: %v / %v", what, serr, rerr)
	}
	want, got := documents(m.t, re), documents(m.t, sim)
	if kind == Chart { // it holds the tags of whichever chart comes first, and their order varies
		delete(want, "tags.yaml")
		delete(got, "tags.yaml")
	}
	m.t.Logf("%s: %s export of %d documents", what, kind, len(want))
	if d := cmp.Diff(want, got); d != "" {
		m.t.Errorf("%s: %s export of the real server (-) and of the simulator (+) differ\n%.6000s", what, kind, d)
	}
}

// compareKinds compares the export of each kind by its own endpoint.
func (m *mirror) compareKinds(what string) {
	m.t.Helper()
	for _, kind := range []string{Database, Dataset, Chart, Dashboard} {
		items, err := m.real.List(m.t.Context(), kind)
		if err != nil {
			m.t.Fatal(err)
		}
		ids := make([]int, len(items))
		for i := range items {
			ids[i] = items[i].ID
		}
		m.compare(what, kind, ids...)
	}
}

func documents(t *testing.T, raw []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		v, err := parseYAML(string(text))
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		_, name, _ := strings.Cut(f.Name, "/")
		o, _ := v.(*object)
		o.del("timestamp")
		text = []byte(randomName.ReplaceAllString(pretty(o), "$1-random"))
		if strings.HasPrefix(name, "dashboards/") { // appended rows come in random order
			lines := strings.Split(string(text), "\n")
			slices.Sort(lines)
			text = []byte(strings.Join(lines, "\n"))
		}
		out[name] = string(text)
	}
	return out
}

func pretty(o *object) string { return emitYAML(o) }

// TestLiveSimulatorMirrorsAnyRelease: the same content in the shape of this
// release, with its links and row ids, and what it says to a newer bundle.
func TestLiveSimulatorMirrorsAnyRelease(t *testing.T) {
	m := newMirror(t)
	// Before 6.0.0 a new connection has to answer unless there is no driver for it.
	load := func(release, name string, f func(name, text string) (string, string)) []byte {
		return rezip(t, readOf(t, release, name), func(n, text string) (string, string) {
			return f(n, strings.Replace(text, "sqlalchemy_uri: postgresql:", "sqlalchemy_uri: oracle:", 1))
		})
	}
	as := func(name, text string) (string, string) { return name, text }
	form := map[string]string{"overwrite": "true", "passwords": Passwords("pw", "databases/Warehouse.yaml", "databases/secrets_DB.yaml")}
	imp := func(what, kind string, zip []byte) {
		m.both(what, func(ctx context.Context, c *Client) error { return c.Import(ctx, kind, zip, form) })
	}
	imp("rich", Dashboard, load(m.release, "dashboard-rich.zip", as))
	m.compare("rich", "assets")
	imp("linked only", Dashboard, load(m.release, "dashboard-linked-only.zip", as))
	m.compare("linked only", "assets")
	imp("newer content", Dashboard, load(Version, "dashboard-rich.zip", as))
	imp("without upload flag", Database, load(m.release, "dashboard-rich.zip", func(name, text string) (string, string) {
		if !strings.Contains(name, "/databases/") && !strings.HasSuffix(name, "/metadata.yaml") {
			return "", ""
		}
		return name, strings.NewReplacer("type: Dashboard", "type: Database", "allow_file_upload: false\n", "").Replace(text)
	}))
	imp("broken chart", Chart, load(m.release, "chart-broken.zip", as))
	m.compare("after refusals", "assets")
	m.compareKinds("at the end")
}

func TestLiveSimulatorMirrorsRealServer(t *testing.T) {
	m := newMirror(t)
	if m.release != Version {
		t.Skip("its content is that of " + Version)
	}
	load := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", "6.1.0", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	imp := func(kind, name string, form map[string]string) {
		m.both("import "+name+" as "+kind, func(ctx context.Context, c *Client) error {
			return c.Import(ctx, kind, load(name), form)
		})
	}
	overwrite := map[string]string{"overwrite": "true"}
	password := map[string]string{"overwrite": "true", "passwords": Passwords("pw", "databases/Warehouse.yaml", "databases/secrets_DB.yaml")}

	imp(Dashboard, "dashboard-examples.zip", overwrite)
	m.compare("examples imported", "assets")
	imp(Dashboard, "dashboard-examples.zip", nil)
	imp(Dashboard, "dashboard-rich.zip", overwrite)
	imp(Dashboard, "dashboard-rich.zip", password)
	m.compare("rich imported", "assets")
	imp(Dashboard, "dashboard-linked-only.zip", password)
	imp(Chart, "chart-broken.zip", overwrite)
	imp(Chart, "chart-lonely.zip", nil)
	imp(Dataset, "dataset-virtual.zip", nil)
	imp(Dataset, "dataset-virtual.zip", overwrite)
	imp(Database, "database-one.zip", nil)
	imp(Database, "database-one.zip", overwrite)
	imp(Chart, "dataset-one.zip", nil)
	imp("assets", "assets.zip", password)
	m.compare("more imported", "assets")
	m.both("links without layout", func(ctx context.Context, c *Client) error {
		d, err := c.Find(ctx, Dashboard, "Sales Dashboard")
		if err != nil {
			return err
		}
		return c.Put(ctx, Chart, "Area", map[string]any{"dashboards": []int{d.ID}})
	})
	m.both("edit chart", func(ctx context.Context, c *Client) error {
		return c.Put(ctx, Chart, "Games", map[string]any{"slice_name": "Spiele ✓", "cache_timeout": 60, "params": `{"viz_type": "table", "a": 1.0, "b": 1e5}`})
	})
	m.both("edit dashboard", func(ctx context.Context, c *Client) error {
		return c.Put(ctx, Dashboard, "Video Game Sales", map[string]any{"dashboard_title": "Games", "css": "x", "json_metadata": `{"color_scheme": "d3", "refresh_frequency": 30}`})
	})
	m.both("edit column", func(ctx context.Context, c *Client) error {
		return c.PutColumn(ctx, "birth_names", "gender", map[string]any{"description": "it's \"quoted\"\nand more"})
	})
	m.both("edit metric", func(ctx context.Context, c *Client) error {
		return c.PutMetric(ctx, "birth_names", "count", map[string]any{"warning_text": "beta"})
	})
	m.both("edit database", func(ctx context.Context, c *Client) error {
		return c.Put(ctx, Database, "examples", map[string]any{"cache_timeout": 77})
	})
	m.both("delete dataset", func(ctx context.Context, c *Client) error { return c.Delete(ctx, Dataset, "users") })
	m.both("delete database", func(ctx context.Context, c *Client) error { return c.Delete(ctx, Database, "examples") })
	m.both("delete chart", func(ctx context.Context, c *Client) error { return c.Delete(ctx, Chart, "Pivot") })
	m.compare("after edits", "assets")
	m.compareKinds("after edits")
}
