package superset_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/archive"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/superset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// rig is a server, simulated or real, as the connector and as a person see it. What
// is true of both is one test of a rig.
type rig struct {
	*testing.T
	version, url string
	sim          *st.Server // nil for a real one
	api          *st.Client
	p            platform.Platform
}

// simRig starts a simulator.
func simRig(t *testing.T, version string, opts ...st.Option) *rig {
	t.Helper()
	s := st.New(append([]st.Option{st.WithVersion(version), st.WithSeed(3)}, opts...)...)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return rigAt(t, srv.URL, s)
}

// liveRig wipes a real server.
func liveRig(t *testing.T, env string) *rig {
	t.Helper()
	if os.Getenv(env) == "" {
		t.Skip("set " + env)
	}
	r := rigAt(t, os.Getenv(env), nil)
	if err := r.api.Wipe(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

func rigAt(t *testing.T, url string, s *st.Server) *rig {
	t.Helper()
	api, err := st.Login(t.Context(), url, "admin", "admin")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, url: url, sim: s, api: api}
	r.reconnect(config(url))
	about, err := r.p.Ping(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.version = about.Version
	return r
}

// reconnect is a new run: nothing is known in memory.
func (r *rig) reconnect(c platform.Config) {
	r.Helper()
	if r.sim != nil { // as fast as it can
		c.Sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	}
	var err error
	if r.p, err = superset.Factory().New(c); err != nil {
		r.Fatal(err)
	}
}

// both runs a test of pairs on simulators of every version.
func onSimulators(t *testing.T, since string, f func(a, b *rig)) {
	for _, v := range versions {
		if v >= since {
			t.Run(v, func(t *testing.T) { f(simRig(t, v), simRig(t, v, st.WithFirstID(500), st.WithSeed(9))) })
		}
	}
}

// onLab runs it on the pair of real servers.
func onLab(t *testing.T, since string, f func(a, b *rig)) {
	a, b := liveRig(t, "DASHKEEP_TEST_SUPERSET_URL"), liveRig(t, "DASHKEEP_TEST_SUPERSET_URL2")
	if a.version < since || b.version < since {
		t.Skipf("not on Superset %s and %s", a.version, b.version)
	}
	f(a, b)
}

// call sends a request as a person's browser does.
func (r *rig) call(method, path string, in any) map[string]any {
	r.Helper()
	status, body, err := r.api.Do(r.Context(), method, path, in)
	if err != nil || status/100 != 2 {
		r.Fatalf("%s %s: %d %s %v", method, path, status, body, err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(body, &out); err != nil {
		r.Fatal(err)
	}
	return out
}

// rows lists a kind as the API shows it, by row id.
func (r *rig) rows(kind string) []map[string]any {
	r.Helper()
	var out []map[string]any
	list, _ := r.call("GET", "/api/v1/"+kind+"/?q="+url.QueryEscape("(page_size:100)"), nil)["result"].([]any)
	for _, v := range list {
		m, _ := v.(map[string]any)
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b map[string]any) int { return int(a["id"].(float64) - b["id"].(float64)) })
	return out
}

// connection gives the server a database that every version takes, and its row.
func (r *rig) connection(name, uid string) int {
	r.Helper()
	text := fmt.Sprintf("database_name: %s\nsqlalchemy_uri: oracle://x:XXXXXXXXXX@h.invalid/w\nallow_csv_upload: false\nextra: {}\nuuid: %s\nversion: 1.0.0\n", name, uid)
	r.imports(st.Database, "Database", map[string]string{"databases/x.yaml": text})
	it, err := r.api.Find(r.Context(), st.Database, uid)
	if err != nil {
		r.Fatal(err)
	}
	return it.ID
}

// imports uploads a bundle as a person would.
func (r *rig) imports(kind, typ string, files map[string]string) {
	r.Helper()
	files = maps.Clone(files)
	files["metadata.yaml"] = "version: 1.0.0\ntype: " + typ + "\n"
	var entries []archive.Entry
	for name, text := range files {
		entries = append(entries, archive.Entry{Name: "x/" + name, Data: []byte(text)})
	}
	zip, err := archive.Write(entries)
	if err != nil {
		r.Fatal(err)
	}
	var databases []string // a password for any other file is an unknown field of it
	for name := range files {
		if strings.HasPrefix(name, "databases/") {
			databases = append(databases, name)
		}
	}
	form := map[string]string{"overwrite": "true", "passwords": st.Passwords("pw", databases...)}
	if err := r.api.Import(r.Context(), kind, zip, form); err != nil {
		r.Fatal(err)
	}
}

// write imports assets through the connector; every one must be taken.
func (r *rig) write(as map[asset.ID]*asset.Asset) []asset.Result {
	r.Helper()
	out := r.p.Import(r.Context(), sorted(as), nil)
	for _, res := range out {
		if res.Err != nil {
			r.Errorf("import %s: %v", res.ID, res.Err)
		}
	}
	return out
}

// same compares what two readings hold of the wanted kinds.
func same(t *testing.T, what string, want, got map[asset.ID]*asset.Asset) {
	t.Helper()
	for id, w := range want {
		switch g := got[id]; {
		case g == nil:
			t.Errorf("%s: %s is missing", what, id)
		case string(g.Content) != string(w.Content):
			t.Errorf("%s: %s is\n%s\nwant\n%s", what, id, g.Content, w.Content)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d assets, want %d", what, len(got), len(want))
	}
}

// look is the cheap question, and what its export gives.
func (r *rig) look(since *asset.Seen) (*asset.Changes, map[asset.ID]*asset.Asset) {
	r.Helper()
	ch, err := r.p.(changer).Changed(r.Context(), since)
	if err != nil {
		r.Fatal(err)
	}
	ids := ch.Changed
	if ch.All != "" {
		ids = nil
	}
	got := map[asset.ID]*asset.Asset{}
	if ch.All != "" || len(ids) > 0 {
		got = collect(r.T, ch.Export(r.Context(), ids))
	}
	return ch, got
}

// changer is exporter.Changer.
type changer interface {
	Changed(ctx context.Context, since *asset.Seen) (*asset.Changes, error)
}

// edited is an asset with other text.
func edited(t *testing.T, a *asset.Asset, oldnew ...string) *asset.Asset {
	t.Helper()
	text := strings.NewReplacer(oldnew...).Replace(string(a.Content))
	if text == string(a.Content) {
		t.Fatalf("%v is not in\n%s", oldnew, text)
	}
	return &asset.Asset{Info: a.Info, Path: a.Path, Content: []byte(text)}
}

func one(a *asset.Asset) map[asset.ID]*asset.Asset { return map[asset.ID]*asset.Asset{a.ID: a} }

// of leaves only one kind.
func of(as map[asset.ID]*asset.Asset, k asset.Kind) map[asset.ID]*asset.Asset {
	out := maps.Clone(as)
	maps.DeleteFunc(out, func(id asset.ID, _ *asset.Asset) bool { return id.Kind != k })
	return out
}
