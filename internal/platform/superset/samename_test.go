package superset_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// orders are three datasets of one table name: two in one connection, in two
// schemas, and one in another connection, in the schema of the first.
var orders = []struct{ uid, connection, schema string }{
	{"d0000000-0000-4000-8000-000000000001", "c0000000-0000-4000-8000-000000000001", "sales"},
	{"d0000000-0000-4000-8000-000000000002", "c0000000-0000-4000-8000-000000000001", "archive"},
	{"d0000000-0000-4000-8000-000000000003", "c0000000-0000-4000-8000-000000000002", "sales"},
}

func chartOn(i int) string { return fmt.Sprintf("e0000000-0000-4000-8000-00000000000%d", i+1) }

// sameNames are a dashboard with a chart on each of orders, all of one name too, and
// a filter on each.
func sameNames() map[string]string {
	files := map[string]string{}
	for i, c := range []string{"Warehouse A", "Warehouse B"} {
		files[fmt.Sprintf("databases/%d.yaml", i)] = fmt.Sprintf("database_name: %s\nsqlalchemy_uri: oracle://x:XXXXXXXXXX@h.invalid/w\n"+
			"allow_csv_upload: false\nextra: {}\nuuid: c0000000-0000-4000-8000-00000000000%d\nversion: 1.0.0\n", c, i+1)
	}
	position, filters := "  ROOT_ID: {children: [GRID_ID], id: ROOT_ID, type: ROOT}\n  DASHBOARD_VERSION_KEY: v2\n", ""
	var placed []string
	for i, d := range orders {
		files[fmt.Sprintf("datasets/%d.yaml", i)] = fmt.Sprintf("table_name: orders\nschema: %s\ndescription: of %s, number %d\noffset: 0\nfilter_select_enabled: true\n"+
			"uuid: %s\ndatabase_uuid: %s\nversion: 1.0.0\nmetrics:\n- metric_name: count\n  expression: COUNT(*)\ncolumns:\n- column_name: region_%d\n  type: TEXT\n  is_active: true\n  groupby: true\n  filterable: true\n",
			d.schema, d.schema, i, d.uid, d.connection, i)
		files[fmt.Sprintf("charts/%d.yaml", i)] = fmt.Sprintf("slice_name: Orders\nviz_type: table\nparams: {viz_type: table, groupby: [region_%d]}\ncache_timeout: null\n"+
			"uuid: %s\ndataset_uuid: %s\nversion: 1.0.0\n", i, chartOn(i), d.uid)
		row, cell := fmt.Sprintf("ROW-%d", i), fmt.Sprintf("CHART-%d", i)
		placed = append(placed, row)
		position += fmt.Sprintf("  %s: {children: [%s], id: %s, type: ROW, parents: [ROOT_ID, GRID_ID], meta: {background: BACKGROUND_TRANSPARENT}}\n", row, cell, row)
		position += fmt.Sprintf("  %s: {children: [], id: %s, type: CHART, parents: [ROOT_ID, GRID_ID, %s], meta: {chartId: %d, height: 50, width: 4, sliceName: Orders, uuid: %s}}\n", cell, cell, row, i+1, chartOn(i))
		filters += fmt.Sprintf("  - {id: NATIVE_FILTER-%d, name: Region, type: NATIVE_FILTER, filterType: filter_select, controlValues: {}, cascadeParentIds: [], defaultDataMask: {}, "+
			"scope: {rootPath: [ROOT_ID], excluded: []}, targets: [{column: {name: region_%d}, datasetUuid: %s}]}\n", i, i, d.uid)
	}
	position += "  GRID_ID: {children: [" + strings.Join(placed, ", ") + "], id: GRID_ID, type: GRID, parents: [ROOT_ID]}\n"
	files["dashboards/1.yaml"] = "dashboard_title: Orders\ndescription: null\ncss: ''\nslug: orders\nuuid: f0000000-0000-4000-8000-000000000001\nposition:\n" + position +
		"metadata:\n  native_filter_configuration:\n" + filters + "version: 1.0.0\n"
	return files
}

// datasetsOfOneName: the names of one table lose all but one of its datasets in
// Superset's own export (4.1.4, 5.0.0), and charts of one name differ in their row
// only. All of it is read, restored into an empty server with other rows, and there
// every chart and filter is at the dataset it was at.
func datasetsOfOneName(a, b *rig) {
	a.imports(st.Dashboard, "Dashboard", sameNames())
	want := readAll(a.T, a.p)
	count := map[asset.Kind]int{}
	for id := range want {
		count[id.Kind]++
	}
	if count[st.Database] != 2 || count[st.Dataset] != 3 || count[st.Chart] != 3 || count[st.Dashboard] != 1 {
		a.Fatalf("read %v", count)
	}
	same(a.T, "read twice", want, readAll(a.T, a.p))
	last := map[asset.ID]*asset.Asset{} // first, so that rows are other ones
	for _, id := range []asset.ID{{Kind: st.Database, UID: orders[2].connection}, {Kind: st.Dataset, UID: orders[2].uid}, {Kind: st.Chart, UID: chartOn(2)}} {
		last[id] = want[id]
	}
	b.write(last)
	b.write(want)
	same(b.T, "restored", want, readAll(b.T, b.p))
	for i, d := range orders {
		ds, err := b.api.Find(b.Context(), st.Dataset, d.uid)
		if err != nil {
			b.Fatal(err)
		}
		ch, err := b.api.Find(b.Context(), st.Chart, chartOn(i))
		if err != nil {
			b.Fatal(err)
		}
		if is := b.datasetOf(ch.ID); is != ds.ID {
			b.Errorf("chart %d is on dataset %d and not on that of schema %s, %d", i, is, d.schema, ds.ID)
		}
	}
}

// datasetOf is the row of the dataset that a chart is on, as its list shows it.
func (r *rig) datasetOf(chart int) int {
	r.Helper()
	for _, m := range r.rows(st.Chart) {
		if m["id"] == float64(chart) {
			id, _ := m["datasource_id"].(float64)
			return int(id)
		}
	}
	return 0
}

func TestF8_DatasetsOfOneName(t *testing.T) { onSimulators(t, "", datasetsOfOneName) }

func TestLiveF8_DatasetsOfOneName(t *testing.T) {
	if os.Getenv("DASHKEEP_TEST_SUPERSET_URL") != "" && os.Getenv("DASHKEEP_TEST_METADATA") != "postgresql" {
		t.Skip("Superset keeps table names unique in SQLite metadata (UNIQUE constraint on tables.table_name); run it under METADATA=postgresql superset-lab pair, as make e2e-all does")
	}
	onLab(t, "", datasetsOfOneName)
}
