package supersettest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const richUUID = "e9f7ada8-6fb6-47ad-a063-f42574b406e3"

func status(err error) int {
	var se *StatusError
	if errors.As(err, &se) {
		return se.Status
	}
	return 0
}

// byUUID parses a bundle's documents of one folder, by uuid.
func byUUID(t *testing.T, zip []byte, folder string) map[string]*object {
	t.Helper()
	u, err := openBundle(zip)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*object{}
	for name, text := range u.contents {
		if strings.HasPrefix(name, folder) {
			v, err := parseYAML(text)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			o, _ := v.(*object)
			out[o.str("uuid")] = o
		}
	}
	return out
}

// What a real server exported, taken in and exported again, is the same
// document: fields, their order, the order of columns and metrics (F9), escapes
// (F18), secrets in clear (F16). Row ids are not in these kinds.
func TestRealDocumentsComeBackUnchanged(t *testing.T) {
	for _, name := range []string{"dashboard-examples.zip", "assets.zip", "dataset-all.zip", "theme-all.zip", "saved_query-all.zip"} {
		_, c := serve(t, name)
		real := read(t, name)
		for kind, folder := range map[string]string{Dataset: "datasets/", Database: "databases/", Theme: "themes/", SavedQuery: "queries/"} {
			want := byUUID(t, real, folder)
			if len(want) == 0 {
				continue
			}
			from := kind
			if kind == Database && name != "assets.zip" {
				from = Dataset // the shape that a database has beside a dataset (F11)
				if name == "saved_query-all.zip" {
					from = SavedQuery
				}
			}
			items, err := c.List(t.Context(), from)
			if err != nil {
				t.Fatal(err)
			}
			ids := make([]int, len(items))
			for i := range items {
				ids[i] = items[i].ID
			}
			out, err := c.Export(t.Context(), from, ids...)
			if err != nil {
				t.Fatal(err)
			}
			got := byUUID(t, out, folder)
			for uid, o := range want {
				w, g := emitYAML(o), emitYAML(got[uid])
				if kind == Database { // an import moves a renamed key of extra to the end
					w, g = sortedLines(w), sortedLines(g)
				}
				if d := cmp.Diff(w, g); d != "" {
					t.Errorf("%s %s %s\n%s", name, folder, uid, d)
				}
			}
		}
	}
}

func sortedLines(s string) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(s, "\n")), "\n")
}

func TestF1DashboardImportOverwritesTheDashboardOnly(t *testing.T) {
	s, c := serve(t, "dashboard-rich.zip")
	edited := rezip(t, read(t, "dashboard-rich.zip"), func(n, text string) (string, string) {
		for _, key := range []string{"dashboard_title: ", "slice_name: ", "table_name: "} {
			text = strings.Replace(text, "\n"+key, "\n"+key+"X", 1)
			if strings.HasPrefix(text, key) {
				text = strings.Replace(text, key+"\"", key+"\"X", 1)
				text = strings.Replace(text, key, key+"X", 1)
			}
		}
		return n, strings.Replace(text, ": X\"X", ": \"X", 1)
	})
	before := titlesOf(s)
	if err := c.Import(t.Context(), Dashboard, edited, map[string]string{"overwrite": "true"}); err != nil {
		t.Fatal(err)
	}
	after := titlesOf(s)
	if after[Dashboard] == before[Dashboard] || after[Chart] != before[Chart] || after[Dataset] != before[Dataset] {
		t.Errorf("before %v\nafter %v", before, after)
	}
}

func titlesOf(s *Server) map[string]string {
	out := map[string]string{}
	for kind := range models {
		for _, o := range s.Objects(kind) {
			out[kind] += o.Title + "; "
		}
	}
	return out
}

func TestF13RowIDsAfterAnImportToOtherIDs(t *testing.T) {
	s := New(WithFirstID(900))
	if err := s.Seed(read(t, "dashboard-rich.zip")); err != nil {
		t.Fatal(err)
	}
	o, _ := s.Object(Dashboard, richUUID)
	v, err := decodeJSON(o.Fields["json_metadata"].(string))
	if err != nil {
		t.Fatal(err)
	}
	meta := v.(*object)
	ids := func(list []any) string { return pyRepr(list) }
	filter := meta.list("native_filter_configuration")[0].(*object)
	for what, got := range map[string]string{
		"immune slices": ids(meta.list("timed_refresh_immune_slices")), "excluded": ids(filter.obj("scope").list("excluded")),
		"expanded": pyRepr(meta.get("expanded_slices")), "dataset": pyRepr(filter.list("targets")[0]),
	} {
		if !strings.Contains(got, "9") || strings.Contains(got, "[6") {
			t.Errorf("%s is not remapped: %s", what, got)
		}
	}
	for what, got := range map[string]string{
		"chartsInScope":   ids(filter.list("chartsInScope")),
		"display control": pyRepr(meta.list("chart_customization_config")[0].(*object).list("targets")),
	} {
		if strings.Contains(got, "90") {
			t.Errorf("%s is remapped, 6.1.0 leaves it stale: %s", what, got)
		}
	}
	for _, key := range meta.obj("chart_configuration").keys {
		if len(key) != 3 {
			t.Errorf("chart_configuration key %s is not remapped", key)
		}
	}
}

func TestF10OrphanChartsMoveWithEveryExport(t *testing.T) {
	s, c := serve(t, "dashboard-rich.zip")
	if err := s.EditAs("admin", Dashboard, richUUID, func(f map[string]any) { f["position_json"] = nil }); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 3 {
		b, err := c.Export(t.Context(), "assets")
		if err != nil {
			t.Fatal(err)
		}
		seen[emitYAML(byUUID(t, b, "dashboards/")[richUUID])] = true
	}
	if len(seen) != 3 {
		t.Errorf("3 exports gave %d layouts, want 3 random ones", len(seen))
	}
}

func TestF20DatasetOverwriteDeletesWhatTheFileLacks(t *testing.T) {
	_, c := serve(t, "dataset-all.zip")
	shorter := rezip(t, read(t, "dataset-virtual.zip"), func(n, text string) (string, string) {
		if i, j := strings.Index(text, "- column_name: month"), strings.Index(text, "- column_name: orders"); i > 0 && j > i {
			text = text[:i] + text[j:]
		}
		return n, text
	})
	if err := c.Import(t.Context(), Dataset, shorter, nil); status(err) != 422 {
		t.Errorf("without overwrite: %v", err)
	}
	if err := c.Import(t.Context(), Dataset, shorter, map[string]string{"overwrite": "true"}); err != nil {
		t.Fatal(err)
	}
	ds, err := c.Get(t.Context(), Dataset, "29c87cd6-1564-4f3c-8ed3-8b98476e51d8")
	if err != nil {
		t.Fatal(err)
	}
	if cols := ds["columns"].([]any); len(cols) != 3 {
		t.Errorf("%d columns are left, want 3", len(cols))
	}
}

func TestF15WhoMayOverwriteAndWhoOwnsAfter(t *testing.T) {
	s, c := serve(t, "dashboard-rich.zip", WithUsers(User{Username: "al", Password: "x", Role: Alpha}, User{Username: "root", Password: "x"}))
	zip := read(t, "dashboard-rich.zip")
	overwrite := map[string]string{"overwrite": "true"}
	for user, want := range map[string]int{"al": 500, "root": 0} {
		other, err := Login(t.Context(), c.base, user, "x")
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Import(t.Context(), Dashboard, zip, overwrite); status(err) != want {
			t.Errorf("overwrite as %s: %v", user, err)
		}
	}
	if o, _ := s.Object(Dashboard, richUUID); !slices.Equal(o.Owners, []string{"admin", "root"}) {
		t.Errorf("owners %v", o.Owners)
	}
}

func TestF21AnotherObjectOfTheSameNameIsTakenOver(t *testing.T) {
	s, c := serve(t, "dashboard-rich.zip")
	other := rezip(t, read(t, "dashboard-rich.zip"), func(n, text string) (string, string) {
		return n, strings.Replace(text, richUUID, "11111111-1111-1111-1111-111111111111", 1)
	})
	if err := c.Import(t.Context(), Dashboard, other, map[string]string{"overwrite": "true"}); err != nil {
		t.Fatal(err)
	}
	if all := s.Objects(Dashboard); len(all) != 1 || all[0].UUID != "11111111-1111-1111-1111-111111111111" {
		t.Errorf("a file with a known slug and another uuid gave %d dashboards", len(all))
	}
}

func TestFailedImportChangesNothing(t *testing.T) {
	s, c := serve(t, "dashboard-all.zip")
	before := titlesOf(s)
	broken := rezip(t, read(t, "dashboard-rich.zip"), func(n, text string) (string, string) {
		if strings.Contains(n, "/dashboards/") {
			text = strings.Replace(text, "  expanded_slices:\n", "  expanded_slices:\n    '987654': true\n", 1)
		}
		return n, strings.Replace(text, "slice_name: ", "slice_name: New ", 1)
	})
	s.Wipe()
	if err := c.Import(t.Context(), Dashboard, broken, map[string]string{"overwrite": "true", "passwords": Passwords("pw", "databases/Warehouse.yaml")}); status(err) != 500 {
		t.Fatalf("import: %v", err)
	}
	if after := titlesOf(s); after[Chart]+after[Dataset]+after[Database] != "" || before[Chart] == "" {
		t.Errorf("a refused import left %v behind", after)
	}
}

func TestListsPageOrderAndFilter(t *testing.T) {
	s, c := serve(t, "dashboard-examples.zip")
	count := func(q string) (n, status int) {
		st, b, err := c.Do(t.Context(), "GET", "/api/v1/chart/?q="+q, nil)
		if err != nil {
			t.Fatal(err)
		}
		v, _ := decodeJSON(strings.TrimSpace(string(b)))
		o, _ := v.(*object)
		return len(o.list("result")), st
	}
	for q, want := range map[string]int{"(page_size:1000,columns:!(id))": 100, "(page_size:-1)": 100, "(page_size:0)": 20, "": 20,
		"(page:1,page_size:100)": 2, "(page:9)": 0, "(filters:!((col:id,opr:in,value:!(1,2,3))))": 3,
		"(filters:!((col:slice_name,opr:eq,value:Games)))": 1, "(columns:!(nonsense),page_size:3)": 3} {
		if n, st := count(q); n != want || st != 200 {
			t.Errorf("q=%s: %d rows, status %d, want %d", q, n, st, want)
		}
	}
	for q, want := range map[string]int{"(order_column:id,order_direction:asc)": 400, "(filters:!((col:changed_on,opr:gt,value:'2026')))": 400, "!(1)": 400, "((": 500} {
		if _, st := count(q); st != want {
			t.Errorf("q=%s: status %d, want %d", q, st, want)
		}
	}
	last := s.Objects(Chart)[7]
	if err := s.EditAs("admin", Chart, last.UUID, func(f map[string]any) { f["description"] = "new" }); err != nil {
		t.Fatal(err)
	}
	if items, err := c.List(t.Context(), Chart); err != nil || len(items) != 102 || items[0].UUID != last.UUID {
		t.Errorf("the newest change does not come first: %v %v", items[0], err)
	}
}

func TestEditAsMovesTimeAndNamesThePerson(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s, c := serve(t, "dashboard-examples.zip", WithClock(func() time.Time { return now }),
		WithUsers(User{Username: "mia", Password: "x", First: "Mia", Last: "Öz", Email: "mia@example.com"}))
	uid := s.Objects(Dataset)[0].UUID
	before, err := c.Get(t.Context(), Dataset, uid)
	if err != nil {
		t.Fatal(err)
	}
	err = s.EditAs("mia", Dataset, uid, func(f map[string]any) {
		f["columns"].([]map[string]any)[0]["description"] = "what it means"
	})
	if err != nil {
		t.Fatal(err)
	}
	after, err := c.Get(t.Context(), Dataset, uid)
	if err != nil {
		t.Fatal(err)
	}
	if before["changed_on"].(string) >= after["changed_on"].(string) {
		t.Errorf("changed on %v, then %v", before["changed_on"], after["changed_on"])
	}
	if who := after["changed_by"].(map[string]any); who["last_name"] != "Öz" {
		t.Errorf("changed by %v", who)
	}
	if o, _ := s.Object(Dataset, uid); o.ChangedBy != "mia" {
		t.Errorf("changed by %q", o.ChangedBy)
	}
	if err := s.EditAs("nobody", Dataset, uid, func(map[string]any) {}); err == nil {
		t.Error("an unknown person could edit")
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	clock := WithClock(func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) })
	export := func(seed uint64) []byte {
		s, c := serve(t, "dashboard-all.zip", WithSeed(seed), clock)
		if err := s.EditAs("admin", Dashboard, richUUID, func(f map[string]any) { f["position_json"] = nil }); err != nil {
			t.Fatal(err)
		}
		b, err := c.Export(t.Context(), "assets")
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	a, b, other := export(3), export(3), export(4)
	if !bytes.Equal(a, b) || bytes.Equal(a, other) {
		t.Errorf("seed 3 twice equal: %t; seed 4 equal too: %t", bytes.Equal(a, b), bytes.Equal(a, other))
	}
}

func TestFaults(t *testing.T) {
	s, c := serve(t, "dashboard-all.zip")
	get := func() (int, http.Header, []byte, error) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", c.base+"/api/v1/assets/export/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.token)
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			return 0, nil, nil, err
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		return res.StatusCode, res.Header, b, err
	}
	_, _, whole, err := get()
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]struct {
		do   Behaviour
		want func(status int, h http.Header, b []byte, err error) bool
	}{
		"login page": {LoginPage(), func(st int, h http.Header, b []byte, _ error) bool {
			return st == 200 && strings.HasPrefix(h.Get("Content-Type"), "text/html")
		}},
		"500":      {Status(500), func(st int, _ http.Header, b []byte, _ error) bool { return st == 500 && b[0] == '{' }},
		"502":      {Status(502), func(st int, _ http.Header, b []byte, _ error) bool { return st == 502 && b[0] == '<' }},
		"throttle": {Throttle("7"), func(st int, h http.Header, _ []byte, _ error) bool { return st == 429 && h.Get("Retry-After") == "7" }},
		"bare 429": {Throttle(""), func(st int, h http.Header, _ []byte, _ error) bool { return st == 429 && h.Get("Retry-After") == "" }},
		"slow":     {Slow(time.Millisecond), func(st int, _ http.Header, b []byte, _ error) bool { return st == 200 && len(b) == len(whole) }},
		"cut":      {Cut(1000), func(_ int, _ http.Header, b []byte, err error) bool { return err != nil && len(b) <= 1000 }},
		"truncate": {Truncate(1000), func(st int, _ http.Header, b []byte, err error) bool {
			return st == 200 && len(b) == 1000 && err == nil
		}},
		"hostile": {Replace(HostileZip()), func(st int, _ http.Header, b []byte, _ error) bool { return bytes.Contains(b, []byte("../")) }},
		"omit": {Omit("/charts/"), func(_ int, _ http.Header, b []byte, _ error) bool {
			return !bytes.Contains(b, []byte("/charts/")) && len(b) > 1000
		}},
		"lie": {Lie(), func(st int, _ http.Header, b []byte, _ error) bool {
			return st == 200 && bytes.Contains(b, []byte(`"OK"`))
		}},
	} {
		s.Break(Fault{Path: "/assets/export/", After: 1, Times: 1, Do: f.do})
		for i, broken := range []bool{false, true, false} {
			st, h, b, err := get()
			if broken && !f.want(st, h, b, err) {
				t.Errorf("%s: status %d, %d bytes, %v", name, st, len(b), err)
			}
			if !broken && (st != 200 || err != nil || len(b) != len(whole)) {
				t.Errorf("%s: request %d should have gone well: %d %v", name, i, st, err)
			}
		}
		s.Mend()
	}
	s.ExpireTokens()
	if st, _, _, _ := get(); st != 401 {
		t.Errorf("after ExpireTokens: %d", st)
	}
}

func TestLogCountsRequestsAndWrites(t *testing.T) {
	s, c := serve(t, "dashboard-all.zip")
	s.ResetLog()
	if _, err := c.List(t.Context(), Chart); err != nil {
		t.Fatal(err)
	}
	if err := c.Put(t.Context(), Dashboard, richUUID, map[string]any{"dashboard_title": "x"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Put(t.Context(), Dashboard, richUUID, map[string]any{"nonsense": "x"}); status(err) != 400 {
		t.Fatal(err)
	}
	if s.Count("PUT", "/dashboard/") != 2 || s.Writes() != 1 || s.Count("", "/chart/") != 1 {
		t.Errorf("%v", s.Requests())
	}
	for _, r := range s.Requests() {
		if r.User != "admin" {
			t.Errorf("%+v", r)
		}
	}
}

func TestYAMLAndJSONAsPythonReadsAndWritesThem(t *testing.T) {
	for in, want := range map[string]string{
		"yes": "true", "off": "false", "y": `"y"`, "12:30:45": "45045", "1:20": "80", "0777": "511", "1e3": `"1e3"`, "1.0": "1.0",
		"1.5e+3": "1500.0", "~": "null", "''": `""`, "'yes'": `"yes"`, "0x1f": "31", "1_000": "1000", "-0": "0", ".5": "0.5",
		`"\xe9"`: `"\u00e9"`, `"\U0001F4CA"`: `"\ud83d\udcca"`, "[1, a]": `[1, "a"]`, "{b: 1, a: 2}": `{"b": 1, "a": 2}`, "!!str 1": `"1"`,
		"{1: x}": `{"1": "x"}`,
	} {
		v, err := parseYAML(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got, err := encodeJSON(v); err != nil || got != want {
			t.Errorf("%s is %s, want %s (%v)", in, got, want, err)
		}
	}
	if v, err := parseYAML("2020-01-01"); err != nil {
		t.Error(err)
	} else if _, err := encodeJSON(v); err == nil {
		t.Error("a date became JSON; Python raises TypeError")
	}
	for in, want := range map[string]string{"1e16": "1e+16", "1e15": "1000000000000000.0", "0.0001": "0.0001", "0.00001": "1e-05", "5": "5", "-1.50": "-1.5"} {
		if got := string(pyNumber(in)); got != want {
			t.Errorf("%s prints as %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{"a": `'a'`, "it's": `"it's"`, `it's "q"`: `'it\'s "q"'`, "é\n\x01\u200b": `'é\n\x01\u200b'`} {
		if got := pyRepr(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestFileNamesAreWerkzeugs(t *testing.T) {
	got := map[string]string{}
	for _, n := range []string{"Ventes / 売上 \"Q1\" 📊 — résumé", "国別", "# of Games", "a/b", "..x..", "Deck.gl  Path", "World's Pop"} {
		got[n] = fileName(n, 7, false)
	}
	want := map[string]string{"Ventes / 売上 \"Q1\" 📊 — résumé": "Ventes_Q1_resume_7", "国別": "7", "# of Games": "of_Games_7", "a/b": "a_b_7",
		"..x..": "x_7", "Deck.gl  Path": "Deck.gl_Path_7", "World's Pop": "Worlds_Pop_7"}
	if d := cmp.Diff(slices.Sorted(maps.Values(want)), slices.Sorted(maps.Values(got))); d != "" {
		t.Error(fmt.Sprint(got), d)
	}
}
