package superset

import (
	"archive/zip"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

var update = flag.Bool("update", false, "write the goldens anew")

// unzip reads a captured export, without the limits that archive.Read has.
func unzip(t *testing.T, name string) []file {
	t.Helper()
	z, err := zip.OpenReader(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var fs []file
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		fs = append(fs, file{f.Name, data})
	}
	return fs
}

// rowsOf answers Lookup from the row ids that a bundle's file names end in (F7).
func rowsOf(docs []document) asset.Lookup {
	uids := map[string]string{}
	for _, d := range docs {
		base := strings.TrimSuffix(d.path, ".yaml")
		row := base[strings.LastIndexAny(base, "_/")+1:]
		uids[string(d.id.Kind)+row] = d.id.UID
	}
	return func(k asset.Kind, row string) (string, bool) {
		uid, ok := uids[string(k)+row]
		return uid, ok
	}
}

type canon struct {
	assets map[asset.ID]*asset.Asset
	notes  []asset.Note
	docs   map[asset.ID]document
}

func canonical(t *testing.T, files []file) canon {
	t.Helper()
	docs := readBundle(files)
	c := canon{assets: map[asset.ID]*asset.Asset{}, docs: map[asset.ID]document{}}
	rows := rowsOf(docs)
	for _, d := range docs {
		if d.err != nil {
			t.Fatal(d.err)
		}
		if d.id.Kind == kindTheme {
			continue
		}
		raw := &asset.Raw{Info: asset.Info{ID: d.id, Title: d.title}, Doc: d.node, Source: d.path, Lookup: rows}
		a, notes, err := normalize.Canonical(raw, Rules())
		if err != nil {
			t.Fatal(err)
		}
		c.assets[d.id], c.docs[d.id] = a, d
		c.notes = append(c.notes, notes...)
	}
	return c
}

func TestEveryRuleSaysWhy(t *testing.T) {
	for k, kr := range Rules().Kinds {
		for _, r := range kr.Rules {
			if r.Why == "" || r.Op == 0 || (r.Path == "" && r.Op != normalize.RedactText) {
				t.Errorf("%s: rule %+v lacks a reason, an operation or a path", k, r)
			}
		}
		for _, f := range kr.Unread {
			if f.Why == "" {
				t.Errorf("%s: unread field %s lacks a reason", k, f.Name)
			}
		}
	}
}

// The archives differ in every byte of their names and in metadata.yaml (F6), in
// the order of their entries, and in the rows of charts without a place (F10).
func TestF6_TwoExportsAreEqual(t *testing.T) {
	for _, pair := range [][2]string{{"assets", "assets-again"}, {"dashboard-all", "dashboard-all-again"}} {
		a, b := canonical(t, unzip(t, "6.1.0/"+pair[0]+".zip")), canonical(t, unzip(t, "6.1.0/"+pair[1]+".zip"))
		if len(a.assets) < 20 || len(a.assets) != len(b.assets) {
			t.Fatalf("%v: %d and %d assets", pair, len(a.assets), len(b.assets))
		}
		for _, d := range difference(a.assets, b.assets) {
			t.Error(pair, d)
		}
	}
}

func TestF7_FileNamesDoNotCount(t *testing.T) {
	files := unzip(t, "6.1.0/dashboard-rich.zip")
	want := canonical(t, files).assets
	rows := rowsOf(readBundle(files))
	for i, f := range files {
		dir, base := filepath.Split(f.name)
		files[i].name = dir + "renamed-" + base
	}
	for _, d := range readBundle(files) {
		if d.id.Kind == kindTheme {
			continue
		}
		a, _, err := normalize.Canonical(&asset.Raw{Info: asset.Info{ID: d.id}, Doc: d.node, Lookup: rows}, Rules())
		if err != nil {
			t.Fatal(err)
		}
		if string(a.Content) != string(want[d.id].Content) {
			t.Errorf("%s changed with its file name", d.id)
		}
	}
}

// TestF9 edits a description and moves the row, as the exporter does.
func TestF9_EditedDescriptionChangesOneLine(t *testing.T) {
	id := asset.ID{Kind: kindDataset, UID: "f78db1eb-1f42-4d07-84f6-2603308f3569"}
	before, after := editRaw(t, id, func(doc *yaml.Node) {
		columns := asset.Get(doc, "columns")
		for i, c := range columns.Content {
			if asset.ElementID(c, "column_name") == "qty" {
				asset.Put(c, asset.Str("how many"), "description")
				columns.Content = append([]*yaml.Node{c}, slices.Delete(slices.Clone(columns.Content), i, i+1)...)
				break
			}
		}
	})
	added, removed := lineDiff(before, after)
	if !slices.Equal(added, []string{"      description: how many"}) || len(removed) != 0 {
		t.Errorf("added %q, removed %q", added, removed)
	}
}

// The title stands in the header only: the copies in layouts are left out.
func TestEditedTitleChangesOneLine(t *testing.T) {
	for _, id := range []asset.ID{
		{Kind: kindDashboard, UID: "e9f7ada8-6fb6-47ad-a063-f42574b406e3"},
		{Kind: kindChart, UID: "ecb174d0-f996-4c35-a38f-e9ef4de685b1"},
	} {
		field := Rules().Kinds[id.Kind].Title
		before, after := editRaw(t, id, func(doc *yaml.Node) {
			asset.Put(doc, asset.Str("New name"), field)
			if id.Kind == kindDashboard {
				asset.Put(doc, asset.Str("New name"), "position", "HEADER_ID", "meta", "text")
			}
		})
		if added, removed := lineDiff(before, after); !slices.Equal(added, []string{"title: New name"}) || len(removed) != 1 {
			t.Errorf("%s: added %q, removed %q", id, added, removed)
		}
	}
}

// A saved chart changes params and the copy of params in query_context.
func TestEditedParamChangesOneLine(t *testing.T) {
	id := asset.ID{Kind: kindChart, UID: "ecb174d0-f996-4c35-a38f-e9ef4de685b1"}
	before, after := editRaw(t, id, func(doc *yaml.Node) {
		asset.Put(doc, asset.Str("other"), "params", "color_scheme")
		text := strings.ReplaceAll(asset.Text(asset.Get(doc, "query_context")), `"color_scheme": "supersetColors"`, `"color_scheme": "other"`)
		asset.Put(doc, asset.Str(text), "query_context")
	})
	if added, removed := lineDiff(before, after); !slices.Equal(added, []string{"    color_scheme: other"}) || len(removed) != 1 {
		t.Errorf("added %q, removed %q", added, removed)
	}
}

func editRaw(t *testing.T, id asset.ID, edit func(*yaml.Node)) (before, after string) {
	t.Helper()
	docs := readBundle(unzip(t, "6.1.0/dashboard-rich.zip"))
	rows := rowsOf(docs)
	for _, d := range docs {
		if d.id != id {
			continue
		}
		for i := range 2 {
			if i == 1 {
				edit(d.node)
			}
			a, _, err := normalize.Canonical(&asset.Raw{Info: asset.Info{ID: d.id}, Doc: d.node, Lookup: rows}, Rules())
			if err != nil {
				t.Fatal(err)
			}
			before, after = after, string(a.Content)
		}
	}
	if before == "" {
		t.Fatalf("%s is not in the bundle", id)
	}
	return before, after
}

// lineDiff gives the lines between the first and the last difference.
func lineDiff(a, b string) (added, removed []string) {
	removed, added = strings.Split(a, "\n"), strings.Split(b, "\n")
	for len(added) > 0 && len(removed) > 0 && added[0] == removed[0] {
		added, removed = added[1:], removed[1:]
	}
	for len(added) > 0 && len(removed) > 0 && added[len(added)-1] == removed[len(removed)-1] {
		added, removed = added[:len(added)-1], removed[:len(removed)-1]
	}
	return added, removed
}

func TestF10_ChartsWithoutPlaceGetTheSameRow(t *testing.T) {
	id := asset.ID{Kind: kindDashboard, UID: "53436d6e-bca1-4ea4-b356-c501db90a2e9"}
	var contents []string
	for _, z := range []string{"dashboard-linked-only", "dashboard-all", "dashboard-all-again", "assets"} {
		files := unzip(t, "6.1.0/"+z+".zip")
		if !regexp.MustCompile(`ROW-N-[A-Z0-9]{8}`).Match(dashboardFile(files, id.UID)) {
			t.Fatalf("%s has no such row", z)
		}
		contents = append(contents, string(canonical(t, files).assets[id].Content))
	}
	if len(slices.Compact(contents)) != 1 {
		t.Error("the row differs between exports")
	}
}

func TestF10_StoredRowKeepsItsOrder(t *testing.T) {
	id := asset.ID{Kind: kindDashboard, UID: "53436d6e-bca1-4ea4-b356-c501db90a2e9"}
	c := canonical(t, unzip(t, "6.1.0/dashboard-linked-only.zip"))
	raw := (&otherServer{first: 1}).export(t, c.assets[id])
	stored := raw.Doc
	row := ""
	for key := range asset.Each(asset.Get(stored, "position")) {
		if strings.HasPrefix(key, "ROW-N-") {
			row = key
		}
	}
	slices.Reverse(asset.Get(stored, "position", row, "children").Content)
	a, _, err := normalize.Canonical(raw, Rules())
	if err != nil {
		t.Fatal(err)
	}
	added, removed := lineDiff(string(c.assets[id].Content), string(a.Content))
	if len(added) != 3 || len(removed) != 3 || !strings.Contains(added[0], removed[2]) {
		t.Errorf("a person moved two charts; added %q, removed %q", added, removed)
	}
}

func dashboardFile(files []file, uid string) []byte {
	for _, f := range files {
		if strings.Contains(f.name, "/dashboards/") && strings.Contains(string(f.data), uid) {
			return f.data
		}
	}
	return nil
}

// A database and a dataset look different in each kind of export.
func TestF11_OneShapePerAsset(t *testing.T) {
	whole := canonical(t, unzip(t, "6.1.0/assets.zip")).assets
	for _, z := range []string{"dashboard-rich", "dataset-all", "database-all"} {
		got := canonical(t, unzip(t, "6.1.0/"+z+".zip")).assets
		for id, a := range got {
			if id.Kind == kindDatabase || id.Kind == kindDataset {
				if string(a.Content) != string(whole[id].Content) {
					t.Errorf("%s: %s: %s", z, id, firstLine(string(whole[id].Content), string(a.Content)))
				}
			}
		}
	}
}

func TestF5_LostDatasetStaysVisible(t *testing.T) {
	c := canonical(t, unzip(t, "6.1.0/chart-broken.zip"))
	for _, a := range c.assets {
		if !strings.Contains(string(a.Content), "datasource: ${ref:dataset:missing-6}__table") {
			t.Errorf("the lost row is not to be seen:\n%s", a.Content)
		}
	}
	if len(c.notes) != 1 || !strings.Contains(c.notes[0].Text, "dataset was deleted") {
		t.Errorf("notes: %v", c.notes)
	}
}

func TestF18_RealCharacters(t *testing.T) {
	for id, a := range canonical(t, unzip(t, "6.1.0/assets.zip")).assets {
		if regexp.MustCompile(`\\[uUx][0-9a-fA-F]{2}`).Match(a.Content) {
			t.Errorf("%s holds an escape", id)
		}
	}
	if a := rich(t)[asset.ID{Kind: kindDashboard, UID: "e9f7ada8-6fb6-47ad-a063-f42574b406e3"}]; !strings.Contains(string(a.Content), "title: Ventes / 売上 \"Q1\" 📊 — résumé\n") {
		t.Error("the title is not readable")
	}
}

// TestCanary: no secret of the captures, which all begin with FAKE- or Fake-, and
// none planted in every place a secret can stand, comes through.
func TestCanary(t *testing.T) {
	planted := 0
	for _, z := range []string{"6.1.0/assets", "6.1.0/database-all", "6.1.0/dashboard-all", "6.1.0/dashboard-rich", "6.0.0/dashboard-rich", "5.0.0/dashboard-rich", "4.1.4/dashboard-rich"} {
		files := unzip(t, z+".zip")
		for i, f := range files {
			planted += strings.Count(string(f.data), "FAKE-")
			if strings.Contains(f.name, "/databases/") {
				files[i].data = plant(t, f.data)
			}
		}
		for id, a := range canonical(t, files).assets {
			if regexp.MustCompile(`(?i)fake-`).Match(a.Content) {
				t.Errorf("%s: %s holds a secret:\n%s", z, id, a.Content)
			}
		}
	}
	if planted < 8 {
		t.Errorf("%d canaries in the captures", planted)
	}
}

func plant(t *testing.T, data []byte) []byte {
	t.Helper()
	n, err := asset.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	asset.Put(n, asset.Str("postgresql://u:Fake-p@ss/w:rd@host:5432/db?sslmode=require&sslpassword=Fake-1&token=Fake-2"), "sqlalchemy_uri")
	asset.Put(n, asset.Str("Fake-3"), "password")
	asset.Put(n, asset.Map("server_address", "h", "password", "Fake-4", "private_key", "Fake-5", "private_key_password", "Fake-6"), "ssh_tunnel")
	asset.Put(n, asset.Str(`{"credentials_info": {"private_key": "Fake-7", "list": ["Fake-8"]}, "oauth2_client_info": {"id": "Fake-9"}}`), "masked_encrypted_extra")
	asset.Put(n, asset.Map("api_key", "Fake-10", "headers", asset.Map("Authorization", "Fake-11"), "AWS_SECRET_ACCESS_KEY", "Fake-12",
		"url", "see https://u:Fake-13@h/x", "pem", "-----BEGIN RSA PRIVATE KEY-----\nFake-14\n-----END RSA PRIVATE KEY-----"), "extra", "engine_params")
	out, err := asset.Encode(n)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLoadOfCanonicalIsIdentity(t *testing.T) {
	for _, z := range []string{"assets", "dashboard-examples"} {
		for id, a := range canonical(t, unzip(t, "6.1.0/"+z+".zip")).assets {
			b, err := normalize.Load("x.yaml", a.Content, Rules())
			if err != nil {
				t.Fatal(err)
			}
			if string(a.Content) != string(b.Content) || !slices.Equal(a.Refs, b.Refs) || a.Title != b.Title {
				t.Errorf("%s: %s; refs %v and %v", id, firstLine(string(a.Content), string(b.Content)), a.Refs, b.Refs)
			}
		}
	}
}

// TestSameBytesFromEveryVersion compares the capture of one content by four
// versions. Each server was seeded by itself, so uuids differ and are mapped by
// title; what the older versions cannot hold is taken out of both.
func TestSameBytesFromEveryVersion(t *testing.T) {
	want := rich(t)
	for _, v := range []string{"6.0.0", "5.0.0", "4.1.4"} {
		got := canonical(t, unzip(t, v+"/dashboard-rich.zip"))
		byTitle := map[string]*asset.Asset{}
		var pairs []string
		for id, a := range want {
			byTitle[string(id.Kind)+a.Title] = a
		}
		for id, a := range got.assets {
			if w := byTitle[string(id.Kind)+a.Title]; w != nil {
				pairs = append(pairs, id.UID, w.ID.UID)
			}
		}
		for id, a := range got.assets {
			w := byTitle[string(id.Kind)+a.Title]
			if w == nil {
				t.Errorf("%s: %s %q is not in 6.1.0", v, id, a.Title)
				continue
			}
			old := older(t, strings.NewReplacer(pairs...).Replace(string(a.Content)))
			if want := older(t, string(w.Content)); old != want {
				t.Errorf("%s: %s %q: %s", v, id.Kind, a.Title, firstLine(want, old))
			}
		}
	}
}

// older takes out what the oldest version cannot hold.
func older(t *testing.T, content string) string {
	t.Helper()
	doc, err := asset.ParseDocument("x.yaml", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"tags", "theme_uuid", "folders", "currency_code_column"} {
		asset.Delete(doc.Spec, field)
	}
	for _, field := range []string{"chart_customization_config", "show_chart_timestamps", "filter_bar_orientation"} {
		asset.Delete(doc.Spec, "metadata", field)
	}
	out, err := doc.Encode()
	if err != nil {
		t.Fatal(err)
	}
	a, err := normalize.Load("x.yaml", out, Rules())
	if err != nil {
		t.Fatal(err)
	}
	return string(a.Content)
}

func TestGolden(t *testing.T) {
	c := canonical(t, unzip(t, "6.1.0/assets.zip"))
	for name, id := range map[string]asset.ID{
		"database":  {Kind: kindDatabase, UID: "a1c6bae0-a460-4a91-93d9-88b934fdd0f4"},
		"dataset":   {Kind: kindDataset, UID: "f78db1eb-1f42-4d07-84f6-2603308f3569"},
		"chart":     {Kind: kindChart, UID: "ecb174d0-f996-4c35-a38f-e9ef4de685b1"},
		"dashboard": {Kind: kindDashboard, UID: "53436d6e-bca1-4ea4-b356-c501db90a2e9"},
	} {
		path := filepath.Join("testdata", "golden", name+".yaml")
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, c.assets[id].Content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(want) != string(c.assets[id].Content) {
			t.Errorf("%s: %s (go test -update writes it anew)", name, firstLine(string(want), string(c.assets[id].Content)))
		}
	}
}
