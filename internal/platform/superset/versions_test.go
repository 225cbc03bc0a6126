package superset_test

import (
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
	"github.com/dashkeep/dashkeep/internal/platform/superset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// simulator starts a server of a version, with the rich dashboard of that version
// when full.
func simulator(t *testing.T, version string, full bool, opts ...st.Option) (*st.Server, platform.Platform) {
	t.Helper()
	s := st.New(append([]st.Option{st.WithVersion(version), st.WithSeed(3)}, opts...)...)
	if full {
		if err := s.Seed(fixture(t, version, "dashboard-rich.zip")); err != nil {
			t.Fatal(err)
		}
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	p, err := superset.Factory().New(config(srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

func readAll(t *testing.T, p platform.Platform) map[asset.ID]*asset.Asset {
	t.Helper()
	return collect(t, p.Export(t.Context(), nil))
}

// collect makes what an export gives canonical.
func collect(t *testing.T, export iter.Seq2[*asset.Raw, error]) map[asset.ID]*asset.Asset {
	t.Helper()
	out := map[asset.ID]*asset.Asset{}
	for raw, err := range export {
		if kind := (*asset.KindError)(nil); errors.As(err, &kind) {
			continue // not read, which is no failure
		}
		if err != nil {
			t.Fatal(err)
		}
		a, _, err := normalize.Canonical(raw, superset.Rules())
		if err != nil {
			t.Fatal(err)
		}
		a.Path = a.ID.String() + ".yaml"
		out[a.ID] = a
	}
	return out
}

func sorted(as map[asset.ID]*asset.Asset) []*asset.Asset {
	var out []*asset.Asset
	for _, a := range as {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *asset.Asset) int { return a.ID.Compare(b.ID) })
	return out
}

func TestVersionIsToldOnceByEveryRelease(t *testing.T) {
	for _, v := range versions {
		s, p := simulator(t, v, true)
		about, err := p.Ping(t.Context())
		if err != nil || about.Version != v || !about.Tested || len(notes(about)) != 0 {
			t.Errorf("%s: %+v, %v", v, about, err)
		}
		readAll(t, p)
		p.Import(t.Context(), nil, nil)
		if n := s.Count(http.MethodGet, "/version") + s.Count(http.MethodGet, "/login/"); n > 2 {
			t.Errorf("%s: asked %d times for the version", v, n)
		}
	}
}

// notes are those of a server, but for what no account is shown.
func notes(about platform.Server) []string {
	return slices.DeleteFunc(slices.Clone(about.Notes), func(n string) bool { return strings.HasPrefix(n, "saved_queries: ") })
}

func TestBuildFromSourceIsTheNewest(t *testing.T) {
	s, p := simulator(t, "6.1.0", false)
	s.Break(st.Fault{Path: "/version", Do: st.Replace([]byte(`{"version_string": "0.0.0-dev"}`))})
	if about, err := p.Ping(t.Context()); err != nil || about.Version != "" || about.Tested {
		t.Errorf("%+v, %v", about, err)
	}
}

func TestUntoldVersionIsTheNewest(t *testing.T) {
	s, p := simulator(t, "6.1.0", false)
	s.Break(st.Fault{Path: "/version", Do: st.Status(404)})
	s.Break(st.Fault{Path: "/login/", Do: st.Status(404)})
	about, err := p.Ping(t.Context())
	if err != nil || about.Version != "" || about.Tested || len(notes(about)) != 1 || !strings.Contains(notes(about)[0], "treated as the newest") {
		t.Errorf("%+v, %v", about, err)
	}
}

// TestUnknownFieldsAreLeftOut: without knowing the version, what the server calls
// unknown is left out and named once, what it wants as text becomes text, and the
// rest arrives.
func TestUnknownFieldsAreLeftOut(t *testing.T) {
	_, from := simulator(t, "6.1.0", true)
	want := readAll(t, from)
	for id, a := range want {
		if id.Kind == st.Dataset {
			want[id] = platformtest.Altered(t, superset.Rules(), a, func(d *asset.Document) {
				asset.Put(d.Spec, asset.Str("currency"), "currency_code_column") // came with 6.1.0
			})
		}
	}
	for _, v := range versions[1:] {
		s, to := simulator(t, v, false, st.WithFirstID(900))
		s.Break(st.Fault{Path: "/version", Do: st.Status(404)})
		s.Break(st.Fault{Path: "/login/", Do: st.Status(404)})
		seen := map[string]int{}
		for _, r := range to.Import(t.Context(), sorted(want), nil) {
			if none := v < "6" && r.ID.Kind == st.Theme; none != (r.Err != nil) || none && !strings.Contains(r.Err.Error(), "no list of them (404)") {
				t.Errorf("%s: %v", v, r.Err)
			}
			for _, n := range r.Omitted {
				seen[r.ID.String()+n.Path]++
				if n.Text != "this server does not know this field" && !strings.Contains(n.Text, "theme") {
					t.Errorf("%s: %s: %s", v, n.Path, n.Text)
				}
			}
		}
		for what, n := range seen {
			if n != 1 {
				t.Errorf("%s: %s is named %d times", v, what, n)
			}
		}
		for id := range want {
			if id.Kind == st.Dataset && seen[id.String()+"/spec/currency_code_column"] != 1 {
				t.Errorf("%s: %s: the field it does not know is not named", v, id)
			}
		}
		held := len(want)
		if v < "6" { // no theme
			held--
		}
		if got := readAll(t, to); len(got) != held {
			t.Errorf("%s: %d assets arrived, want %d", v, len(got), held)
		}
	}
}

// TestF1_LinksAreThoseOfTheLayout: a chart taken out of the layout is off the
// dashboard afterwards, also where the importer keeps the link.
func TestF1_LinksAreThoseOfTheLayout(t *testing.T) {
	for _, v := range versions {
		s, p := simulator(t, v, true)
		all := readAll(t, p)
		var dashboard *asset.Asset
		for id, a := range all {
			if id.Kind == st.Dashboard {
				dashboard = a
			}
		}
		doc, err := asset.ParseDocument("d.yaml", dashboard.Content)
		if err != nil {
			t.Fatal(err)
		}
		gone := ""
		for key, n := range asset.Each(asset.Get(doc.Spec, "position")) {
			uid := asset.Text(asset.Get(n, "meta", "uuid"))
			if o, ok := s.Object(st.Chart, uid); ok && gone == "" {
				gone = o.UUID
				asset.Delete(doc.Spec, "position", key)
				for _, row := range asset.Each(asset.Get(doc.Spec, "position")) {
					drop(asset.Get(row, "children"), key)
				}
			}
		}
		text, err := doc.Encode()
		if err != nil {
			t.Fatal(err)
		}
		next := &asset.Asset{Info: dashboard.Info, Path: "d.yaml", Content: text}
		if r := p.Import(t.Context(), []*asset.Asset{next}, nil)[0]; r.Err != nil {
			t.Fatalf("%s: %v", v, r.Err)
		}
		if o, _ := s.Object(st.Dashboard, dashboard.ID.UID); len(o.Charts) != 8 || slices.Contains(o.Charts, gone) {
			t.Errorf("%s: %d charts are linked, want 8 without %s: %v", v, len(o.Charts), gone, o.Charts)
		}
		if got := string(readAll(t, p)[dashboard.ID].Content); strings.Contains(got, "ROW-N-") {
			t.Errorf("%s: the export has appended a row again", v)
		}
	}
}

// TestF17_NewConnectionNeedsItsWarehouse: before 6.0.0 the answer is a nameless
// 500; the message says what it means.
func TestF17_NewConnectionNeedsItsWarehouse(t *testing.T) {
	for _, v := range versions {
		_, from := simulator(t, v, true)
		_, to := simulator(t, v, false, st.WithoutWarehouse())
		for _, r := range to.Import(t.Context(), sorted(readAll(t, from)), nil) {
			switch old := v < "6"; {
			case r.ID.Kind == st.Dashboard: // stays without its charts, and says so
			case old && r.Err == nil:
				t.Errorf("%s: %s was taken", v, r.ID)
			case old && r.ID.Kind == st.Database && !strings.Contains(r.Err.Error(), "takes a new connection only when it can open it"):
				t.Errorf("%s: %v", v, r.Err)
			case !old && r.Err != nil:
				t.Errorf("%s: %v", v, r.Err)
			}
		}
	}
}

// TestConnectionWithoutUploadFlag: a nameless 500 before 6.1.0, so it is not sent.
func TestConnectionWithoutUploadFlag(t *testing.T) {
	for _, v := range versions[1:] {
		s, p := simulator(t, v, true)
		for id, a := range readAll(t, p) {
			if id.Kind != st.Database {
				continue
			}
			text := strings.Replace(string(a.Content), "  allow_csv_upload: false\n", "", 1)
			s.ResetLog()
			r := p.Import(t.Context(), []*asset.Asset{{Info: a.Info, Path: "db.yaml", Content: []byte(text)}}, nil)[0]
			if r.Err == nil || !strings.Contains(r.Err.Error(), "it has no allow_csv_upload") || s.Writes() != 0 {
				t.Errorf("%s: %v, %d writes", v, r.Err, s.Writes())
			}
		}
	}
}

// drop takes a text out of a list.
func drop(list *yaml.Node, text string) {
	if asset.IsSeq(list) {
		list.Content = slices.DeleteFunc(list.Content, func(n *yaml.Node) bool { return n.Value == text })
	}
}

// TestF13_MissingReferences: what the importers of every version answer with a
// nameless 500 is left out and named, and nothing is sent twice.
func TestF13_MissingReferences(t *testing.T) {
	for _, v := range versions {
		_, from := simulator(t, v, true)
		as := readAll(t, from)
		dashboard := asset.ID{}
		for id := range as {
			if id.Kind == st.Dashboard {
				dashboard = id
			}
		}
		s, to := simulator(t, v, false, st.WithFirstID(700))
		all := to.Import(t.Context(), []*asset.Asset{as[dashboard]}, nil)
		if all[0].Err != nil {
			t.Errorf("%s: %v", v, all[0].Err)
		}
		named := map[string]bool{}
		for _, n := range all[0].Omitted {
			named[n.Path] = true
		}
		for _, place := range []string{"/spec/metadata/timed_refresh_immune_slices", "/spec/metadata/expanded_slices/", "/targets"} {
			found := false
			for p := range named {
				found = found || strings.Contains(p, place)
			}
			if !found {
				t.Errorf("%s: nothing is said about %s", v, place)
			}
		}
		for _, r := range s.Requests() {
			if r.Status >= 500 {
				t.Errorf("%s: %s %s was answered with %d", v, r.Method, r.Path, r.Status)
			}
		}
	}
}

// TestTwinsAreRefusedAndMovesFollow: what import_from_dict would bind to another
// asset is refused on every version, and a dataset can go to another connection;
// before 6.0.0 lists name a dataset's connection by row only.
func TestTwinsAreRefusedAndMovesFollow(t *testing.T) {
	for _, v := range versions {
		s, p := simulator(t, v, true)
		var dataset, db *asset.Asset
		for _, a := range sorted(readAll(t, p)) {
			switch {
			case a.ID.Kind == st.Dataset && a.Title == "orders":
				dataset = a
			case a.ID.Kind == st.Database:
				db = a
			}
		}
		twin := asset.ID{Kind: st.Dataset, UID: "99" + dataset.ID.UID[2:]}
		text := strings.Replace(string(dataset.Content), "uid: "+dataset.ID.UID, "uid: "+twin.UID, 1)
		r := p.Import(t.Context(), []*asset.Asset{{Info: asset.Info{ID: twin, Title: "orders"}, Path: "twin.yaml", Content: []byte(text)}}, nil)[0]
		if r.Err == nil || !strings.Contains(r.Err.Error(), "would overwrite that one") {
			t.Errorf("%s: the twin: %v", v, r.Err)
		}
		other := asset.ID{Kind: st.Database, UID: "99" + db.ID.UID[2:]}
		second := strings.NewReplacer("uid: "+db.ID.UID, "uid: "+other.UID, "title: ", "title: second ").Replace(string(db.Content))
		moved := strings.Replace(string(dataset.Content), "database_uuid: "+db.ID.UID, "database_uuid: "+other.UID, 1)
		for _, r := range p.Import(t.Context(), []*asset.Asset{
			{Info: asset.Info{ID: other}, Path: "db.yaml", Content: []byte(second)}, {Info: dataset.Info, Path: "orders.yaml", Content: []byte(moved)},
		}, nil) {
			if r.Err != nil {
				t.Errorf("%s: the move: %v", v, r.Err)
			}
		}
		if n := len(s.Objects(st.Dataset)); n != 3 {
			t.Errorf("%s: %d datasets, want 3", v, n)
		}
		if got := string(readAll(t, p)[dataset.ID].Content); !strings.Contains(got, "database_uuid: "+other.UID) {
			t.Errorf("%s: the dataset stayed where it was", v)
		}
	}
}
