package superset

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// layoutNode reads a layout given as JSON.
func layoutNode(t *testing.T, text string) *yaml.Node {
	t.Helper()
	n, err := asset.FromJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const goodLayout = `{"DASHBOARD_VERSION_KEY": "v2",
 "ROOT_ID": {"id": "ROOT_ID", "type": "ROOT", "children": ["GRID_ID"]},
 "GRID_ID": {"id": "GRID_ID", "type": "GRID", "children": ["ROW-1", "ROW-2"], "parents": ["ROOT_ID"]},
 "HEADER_ID": {"id": "HEADER_ID", "type": "HEADER"},
 "ROW-1": {"id": "ROW-1", "type": "ROW", "children": ["CHART-1"], "parents": ["ROOT_ID", "GRID_ID"]},
 "ROW-2": {"id": "ROW-2", "type": "ROW", "children": [], "parents": ["ROOT_ID", "GRID_ID"]},
 "CHART-1": {"id": "CHART-1", "type": "CHART", "children": [], "parents": ["ROOT_ID", "GRID_ID", "ROW-1"]}}`

func TestCheckLayout(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"right", "", "", ""},
		{"a child that is not there", `["CHART-1"]`, `["CHART-1", "CHART-9"]`, "ROW-1 holds CHART-9, which is not there"},
		{"twice", `"ROW-2", "type": "ROW", "children": []`, `"ROW-2", "type": "ROW", "children": ["CHART-1"]`, "CHART-1 stands in ROW-1 and in ROW-2"},
		{"twice in one", `["CHART-1"]`, `["CHART-1", "CHART-1"]`, "CHART-1 stands in ROW-1 and in ROW-1"},
		{"nowhere", `["CHART-1"]`, `[]`, "CHART-1 stands nowhere"},
		{"other parent", `"GRID_ID", "ROW-1"]`, `"GRID_ID", "ROW-2"]`, "CHART-1 stands in ROW-1 and says ROW-2"},
		{"other name", `{"id": "CHART-1"`, `{"id": "CHART-2"`, "CHART-1 calls itself CHART-2"},
		{"root in something", `["CHART-1"]`, `["CHART-1", "ROOT_ID"]`, "ROOT_ID stands in ROW-1"},
		{"no root", `"ROOT_ID": {"id": "ROOT_ID"`, `"ROOT": {"id": "ROOT"`, "GRID_ID stands in ROOT and says ROOT_ID; ROOT stands nowhere; ROOT_ID is missing"},
		{"tabs in place of the grid", `["GRID_ID"]`, `["ROW-1", "ROW-2"]`, "ROW-1 stands in GRID_ID and in ROOT_ID; ROW-2 stands in GRID_ID and in ROOT_ID"},
		{"odd forms are no reason to stop", `"v2"`, `{"children": {"a": 1}, "parents": 7}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.old != "" && strings.Count(goodLayout, tt.old) != 1 {
				t.Fatalf("%q stands there %d times", tt.old, strings.Count(goodLayout, tt.old))
			}
			text := goodLayout
			if tt.old != "" {
				text = strings.Replace(text, tt.old, tt.new, 1)
			}
			if got := strings.Join(checkLayout(layoutNode(t, text)), "; "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for _, n := range []*yaml.Node{nil, asset.Map(), asset.Str("x"), asset.Seq()} {
		if got := checkLayout(n); len(got) > 0 {
			t.Errorf("%v: %v", n, got)
		}
	}
}

// Every layout that a real Superset exported is right, but for copies of parents
// that it does not keep up itself.
func TestCheckLayout_realExports(t *testing.T) {
	zips, err := filepath.Glob(filepath.Join("testdata", "*.zip"))
	more, _ := filepath.Glob(filepath.Join("supersettest", "testdata", "*", "*.zip"))
	if err != nil || len(zips)+len(more) == 0 {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range append(zips, more...) {
		rel, _ := filepath.Rel("testdata", name)
		for id, a := range canonical(t, unzip(t, rel)).assets {
			if id.Kind != kindDashboard {
				continue
			}
			d, err := asset.ParseDocument("", a.Content)
			if err != nil {
				t.Fatal(err)
			}
			seen++
			wrong := slices.DeleteFunc(checkLayout(asset.Get(d.Spec, "position")), func(p string) bool { return strings.Contains(p, " and says ") })
			if len(wrong) > 0 {
				t.Errorf("%s %q: %v", name, a.Title, wrong)
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d dashboards", seen)
	}
}
