package superset

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// restoreLayers writes the annotation layers that the importer drops: it keeps
// formulas only (chart/importers/v1/utils.py, filter_chart_annotations).
func (im *importing) restoreLayers(ctx context.Context, jobs []*job) {
	for _, j := range jobs {
		e, ok := im.index.get(j.id())
		if !ok || im.results[j.id()].Err != nil || !dropsLayers(j) {
			continue
		}
		params, err := asset.ToJSON(asset.Get(j.node, "params"))
		if err == nil {
			err = im.c.http.Send(ctx, http.MethodPut, "/api/v1/chart/"+strconv.Itoa(e.row), map[string]any{"params": withDatasource(params, j, im)}, nil)
		}
		if err != nil {
			im.fail(j.id(), fmt.Errorf("%s: written, but without its annotation layers: %w", j.path, err))
		}
	}
}

func dropsLayers(j *job) bool {
	for _, l := range items(asset.Get(j.node, "params", "annotation_layers")) {
		if asset.Text(asset.Get(l, "annotationType")) != "FORMULA" {
			return true
		}
	}
	return false
}

// withDatasource adds what the importer would have added to params.
func withDatasource(params string, j *job, im *importing) string {
	e, ok := im.index.get(asset.ID{Kind: kindDataset, UID: asset.Text(asset.Get(j.node, "dataset_uuid"))})
	if !ok || strings.Contains(params, `"datasource": `) {
		return params
	}
	sep := ", "
	if params == "{}" {
		sep = ""
	}
	return `{"datasource": "` + strconv.Itoa(e.row) + `__table"` + sep + strings.TrimPrefix(params, "{")
}

// settleLinks makes a dashboard's charts those of its layout. The importer links
// the charts of the bundle, so one that has lost its dataset and could not travel
// is linked here; it keeps its other dashboards. Before 6.1.0 the importer also
// keeps the links of charts that have left the layout (F1), which the next export
// would append again, and stops linking at the first chart that did not travel
// (commands/dashboard/importers/v1/__init__.py of 4.1.4 to 6.0.0).
func (im *importing) settleLinks(ctx context.Context, jobs []*job) {
	for _, j := range jobs {
		dashboard, ok := im.index.get(j.id())
		if !ok || im.results[j.id()].Err != nil {
			continue
		}
		wanted, lost := map[int]asset.ID{}, false
		for _, uid := range chartsOf(j.doc.Spec) {
			id := asset.ID{Kind: kindChart, UID: uid}
			chart, there := im.index.get(id)
			if there {
				wanted[chart.row] = id
			}
			lost = lost || !j.travels(id) && (there || im.older("6.1.0"))
		}
		if !lost && !im.merges(j) {
			continue
		}
		if err := im.link(ctx, dashboard.row, wanted); err != nil {
			im.results[j.id()].Omitted = append(im.results[j.id()].Omitted, asset.Note{ID: j.id(), Path: "",
				Text: fmt.Sprintf("its charts could not be linked to it as its layout says: %v", err)})
		}
	}
}

// merges reports whether the import may have kept links of charts that are not in
// the layout: the dashboard was there before, and the server is not known to
// replace them.
func (im *importing) merges(j *job) bool {
	return j.existed && im.older("6.1.0")
}

// older reports whether the server may be older than a version.
func (im *importing) older(than string) bool {
	return im.version == "" || normalize.Older(im.version, than)
}

func (j *job) travels(id asset.ID) bool {
	for _, name := range j.travel {
		if name == fileName(id) {
			return true
		}
	}
	return false
}

// link compares the charts of a dashboard with the wanted ones, by row, and writes
// to each chart that is one too many or too few.
func (im *importing) link(ctx context.Context, dashboard int, wanted map[int]asset.ID) error {
	var out struct {
		Rows []struct {
			ID int `json:"id"`
		} `json:"result"`
	}
	if err := im.c.http.JSON(ctx, apihttp.Request{Path: "/api/v1/dashboard/" + strconv.Itoa(dashboard) + "/charts"}, &out); err != nil {
		return err
	}
	rest := maps.Clone(wanted)
	for _, r := range out.Rows {
		if _, ok := wanted[r.ID]; !ok {
			if err := im.linkChart(ctx, r.ID, dashboard, false); err != nil {
				return err
			}
		}
		delete(rest, r.ID)
	}
	for _, row := range slices.Sorted(maps.Keys(rest)) {
		if err := im.linkChart(ctx, row, dashboard, true); err != nil {
			return fmt.Errorf("%s: %w", rest[row], err)
		}
	}
	return nil
}

// linkChart puts a chart on a dashboard or takes it off; its others stay.
func (im *importing) linkChart(ctx context.Context, chart, dashboard int, on bool) error {
	path := "/api/v1/chart/" + strconv.Itoa(chart)
	var out struct {
		Result struct {
			Dashboards []struct {
				ID int `json:"id"`
			} `json:"dashboards"`
		} `json:"result"`
	}
	if err := im.c.http.JSON(ctx, apihttp.Request{Path: path}, &out); err != nil {
		return err
	}
	ids := []int{}
	for _, d := range out.Result.Dashboards {
		if d.ID != dashboard {
			ids = append(ids, d.ID)
		}
	}
	if on {
		ids = append(ids, dashboard)
	}
	return im.c.http.Send(ctx, http.MethodPut, path, map[string]any{"dashboards": ids}, nil)
}
