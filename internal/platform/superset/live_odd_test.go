package superset

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// scratch is the second server, wiped.
func scratch(t *testing.T) *conn {
	t.Helper()
	url := os.Getenv("DASHKEEP_TEST_SUPERSET_URL2")
	if url == "" {
		t.Skip("set DASHKEEP_TEST_SUPERSET_URL2")
	}
	api, err := st.Login(t.Context(), url, "admin", "admin")
	if err == nil {
		err = api.Wipe(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return connect(t, url, richSecrets)
}

// The dashboard of the rich capture, and a chart that its settings name
// everywhere: on immune, expanded, excluded and in-scope lists.
var (
	richDashboard = asset.ID{Kind: kindDashboard, UID: "e9f7ada8-6fb6-47ad-a063-f42574b406e3"}
	namedChart    = asset.ID{Kind: kindChart, UID: "b98f187f-1861-458b-a01b-e6a76e29b9ff"}
)

// TestLiveF13_MissingReferences: what the importer would answer with 500 is left
// out and named, and nothing else of the dashboard is lost.
func TestLiveF13_MissingReferences(t *testing.T) {
	c := scratch(t)
	as := liveRich(t)
	virtual := asset.ID{Kind: kindDataset, UID: "71601c71-1c2c-4d69-8c03-cc94315ebb3a"}
	delete(as, namedChart)
	delete(as, virtual)
	dependents := 0
	for id, a := range as {
		if id.Kind == kindChart && slices.Contains(a.Refs, virtual) {
			delete(as, id)
			dependents++
		}
	}
	var omitted []asset.Note
	for _, r := range c.Import(t.Context(), values(as), nil) {
		if r.Err != nil {
			t.Fatalf("%s: %v", r.ID, r.Err)
		}
		omitted = append(omitted, r.Omitted...)
	}
	paths := map[string]bool{}
	for _, n := range omitted {
		paths[n.Path] = true
	}
	for _, want := range []string{
		"/spec/metadata/timed_refresh_immune_slices", "/spec/metadata/global_chart_configuration/scope/excluded",
		"/spec/metadata/native_filter_configuration/id=NATIVE_FILTER-regionAAAA1/scope/excluded",
		"/spec/metadata/native_filter_configuration/id=NATIVE_FILTER-tcolFFFFFF6/targets",
		"/spec/position/CHART-adbb7ffb65/meta/uuid",
	} {
		if !paths[want] {
			t.Errorf("%s is not among the omitted %v", want, slices.Sorted(keys(paths)))
		}
	}
	got := pull(t, c, nil)
	for _, d := range difference(only(as, got), got) {
		if !strings.HasPrefix(d, richDashboard.String()) {
			t.Error(d)
		}
	}
	position := func(a *asset.Asset) string {
		doc, err := asset.ParseDocument("x.yaml", a.Content)
		if err != nil {
			t.Fatal(err)
		}
		text, err := asset.ToJSON(asset.Get(doc.Spec, "position"))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if position(got[richDashboard]) != position(as[richDashboard]) {
		t.Error("the layout has changed")
	}
	// With all of it there, the same dashboard is whole again.
	apply(t, c, liveRich(t))
	for _, d := range difference(liveRich(t), pull(t, c, nil)) {
		if !strings.Contains(d, "theme_uuid") {
			t.Error(d)
		}
	}
}

func keys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// TestLiveClash: what Superset would silently overwrite is refused.
func TestLiveClash(t *testing.T) {
	c := scratch(t)
	as := liveRich(t)
	apply(t, c, as)
	before := pull(t, c, nil)
	var twins []*asset.Asset
	for id, a := range as {
		if id.Kind == kindChart {
			continue
		}
		twin := asset.ID{Kind: id.Kind, UID: "99" + id.UID[2:]}
		content := bytes.Replace(a.Content, []byte("uid: "), []byte("uid: "+twin.UID+"\n#"), 1)
		twins = append(twins, &asset.Asset{Info: asset.Info{ID: twin, Title: a.Title}, Path: "twin.yaml", Content: content})
	}
	for _, r := range c.Import(t.Context(), twins, nil) {
		if r.Err == nil || !strings.Contains(r.Err.Error(), "would overwrite that one") {
			t.Errorf("%s: %v", r.ID, r.Err)
		}
	}
	after := pull(t, c, nil)
	if d := difference(before, after); len(d) != 0 || len(before) != len(after) {
		t.Error(d)
	}
}

// TestLiveMoves: a dataset under another table name, and in another database.
func TestLiveMoves(t *testing.T) {
	c := scratch(t)
	as := liveRich(t)
	other := asset.ID{Kind: kindDatabase, UID: "a35b2835-ed68-47c2-9584-4eab5ba4fa28"}
	as[other] = canonical(t, unzip(t, "6.1.0/assets.zip")).assets[other]
	as[other].Path = "lab/databases/other.yaml"
	apply(t, c, as)
	id := asset.ID{Kind: kindDataset, UID: "f78db1eb-1f42-4d07-84f6-2603308f3569"}
	text := strings.Replace(string(as[id].Content), "title: orders", "title: orders_v2", 1)
	for i, content := range []string{text, strings.Replace(text, "database_uuid: a1c6bae0-a460-4a91-93d9-88b934fdd0f4", "database_uuid: "+other.UID, 1)} {
		as[id] = &asset.Asset{Info: as[id].Info, Path: as[id].Path, Content: []byte(content)}
		if r := c.Import(t.Context(), []*asset.Asset{as[id]}, nil)[0]; r.Err != nil {
			t.Fatalf("move %d: %v", i, r.Err)
		}
		for _, d := range difference(as, pull(t, c, nil)) {
			if !strings.Contains(d, "theme_uuid") {
				t.Errorf("move %d: %s", i, d)
			}
		}
	}
}

// TestLiveLostDatasetKeepsItsPlace: writing a dashboard leaves a chart linked that
// cannot travel along, because its dataset is gone (F5).
func TestLiveLostDatasetKeepsItsPlace(t *testing.T) {
	c := scratch(t)
	as := liveRich(t)
	apply(t, c, as)
	if err := c.Delete(t.Context(), asset.ID{Kind: kindDataset, UID: "71601c71-1c2c-4d69-8c03-cc94315ebb3a"}); err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(as[richDashboard].Content), "\ntitle: ", "\ntitle: edited ", 1)
	next := &asset.Asset{Info: as[richDashboard].Info, Path: "lab/d.yaml", Content: []byte(edited)}
	if r := c.Import(t.Context(), []*asset.Asset{next}, nil)[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	d, _, err := c.entry(t.Context(), richDashboard)
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Rows []struct {
			Name string `json:"slice_name"`
		} `json:"result"`
	}
	if err := c.http.JSON(t.Context(), apihttp.Request{Path: fmt.Sprintf("/api/v1/dashboard/%d/charts", d.row)}, &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Rows) != 9 {
		t.Errorf("%d charts are linked, not 9: %v", len(out.Rows), out.Rows)
	}
}

// TestLiveF1_LinksAreThoseOfTheLayout: a chart taken out of the layout is off the
// dashboard, also on versions whose importer keeps the link.
func TestLiveF1_LinksAreThoseOfTheLayout(t *testing.T) {
	c := scratch(t)
	as := liveRich(t)
	apply(t, c, as)
	doc, err := asset.ParseDocument("d.yaml", as[richDashboard].Content)
	if err != nil {
		t.Fatal(err)
	}
	const place = "CHART-adbb7ffb65" // of namedChart
	asset.Delete(doc.Spec, "position", place)
	for _, n := range asset.Each(asset.Get(doc.Spec, "position")) {
		if list := asset.Get(n, "children"); list != nil {
			list.Content = slices.DeleteFunc(list.Content, func(c *yaml.Node) bool { return c.Value == place })
		}
	}
	text, err := doc.Encode()
	if err != nil {
		t.Fatal(err)
	}
	next := &asset.Asset{Info: as[richDashboard].Info, Path: "lab/d.yaml", Content: text}
	if r := c.Import(t.Context(), []*asset.Asset{next}, nil)[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	d, _, err := c.entry(t.Context(), richDashboard)
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Rows []struct {
			Name string `json:"slice_name"`
		} `json:"result"`
	}
	if err := c.http.JSON(t.Context(), apihttp.Request{Path: fmt.Sprintf("/api/v1/dashboard/%d/charts", d.row)}, &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Rows) != 8 {
		t.Errorf("%d charts are linked, not 8: %v", len(out.Rows), out.Rows)
	}
	if got := string(pull(t, c, []asset.ID{richDashboard})[richDashboard].Content); strings.Contains(got, "ROW-N-") {
		t.Error("the export has appended a row again")
	}
}

// TestLiveF17_NewConnectionNeedsItsWarehouse: before 6.0.0 Superset answers a
// nameless 500; the message says what it means.
func TestLiveF17_NewConnectionNeedsItsWarehouse(t *testing.T) {
	c := scratch(t)
	var db *asset.Asset
	for id, a := range rich(t) {
		if id.Kind == kindDatabase {
			db = a
		}
	}
	err := c.Import(t.Context(), []*asset.Asset{db}, nil)[0].Err
	if old := normalize.Older(c.version(t.Context()), "6.0.0"); old != (err != nil) || old && !strings.Contains(err.Error(), "takes a new connection only when it can open it") {
		t.Error(err)
	}
}

// TestLiveF8_NamesThatFallTogether: two connections with one file name in the
// export of everything; both are read.
func TestLiveF8_NamesThatFallTogether(t *testing.T) {
	c := scratch(t)
	content := canonical(t, unzip(t, "6.1.0/assets.zip")).assets[asset.ID{Kind: kindDatabase, UID: "a35b2835-ed68-47c2-9584-4eab5ba4fa28"}].Content
	var as []*asset.Asset
	for i, title := range []string{"fall/together", "fall?together", "fall together"} {
		id := asset.ID{Kind: kindDatabase, UID: fmt.Sprintf("a35b2835-ed68-47c2-9584-00000000000%d", i)}
		text := strings.Replace(string(content), "a35b2835-ed68-47c2-9584-4eab5ba4fa28", id.UID, 1)
		text = strings.Replace(text, `local sqlite/"quoted" name`, title, 1)
		as = append(as, &asset.Asset{Info: asset.Info{ID: id, Title: title}, Path: "x.yaml", Content: []byte(text)})
	}
	for _, r := range c.Import(t.Context(), as, nil) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	docs, err := c.download(t.Context(), "/api/v1/assets/export/", "")
	if err != nil {
		t.Fatal(err)
	}
	got := pull(t, c, nil)
	if len(got) != 3 || len(docs) >= 3 {
		t.Errorf("read %d of 3, in one export there were %d", len(got), len(docs))
	}
}

// TestLiveExpiry: a token the server no longer takes is renewed without a word,
// for reads and for writes.
func TestLiveExpiry(t *testing.T) {
	c := scratch(t)
	apply(t, c, liveRich(t))
	for _, spoil := range []func(){
		func() { c.auth.access = "rubbish" },
		func() { c.auth.access, c.auth.refresh = "rubbish", "rubbish" },
		func() { c.auth.csrf = "rubbish" },
		func() { c.auth.cookies = nil },
	} {
		c.auth.mu.Lock()
		spoil()
		c.auth.mu.Unlock()
		a := liveRich(t)[namedChart]
		if r := c.Import(t.Context(), []*asset.Asset{a}, nil)[0]; r.Err != nil {
			t.Error(r.Err)
		}
	}
	if _, err := c.http.Do(t.Context(), apihttp.Request{Method: http.MethodGet, Path: "/api/v1/database/"}); err != nil {
		t.Error(err)
	}
}
