package superset

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
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

// linkLost links charts that could not travel with their dashboard, having lost
// their dataset: the importer replaces a dashboard's links by those of the
// bundle. The chart keeps its other dashboards.
func (im *importing) linkLost(ctx context.Context, jobs []*job) {
	for _, j := range jobs {
		dashboard, ok := im.index.get(j.id())
		if !ok || im.results[j.id()].Err != nil {
			continue
		}
		for _, uid := range chartsOf(j.doc.Spec) {
			id := asset.ID{Kind: kindChart, UID: uid}
			chart, ok := im.index.get(id)
			if !ok || j.travels(id) {
				continue
			}
			if err := im.link(ctx, chart.row, dashboard.row); err != nil {
				note := asset.Note{ID: j.id(), Path: "", Text: fmt.Sprintf("chart %q has lost its dataset and could not be linked again: %v", chart.info.Title, err)}
				im.results[j.id()].Omitted = append(im.results[j.id()].Omitted, note)
			}
		}
	}
}

func (j *job) travels(id asset.ID) bool {
	for _, name := range j.travel {
		if name == fileName(id) {
			return true
		}
	}
	return false
}

func (im *importing) link(ctx context.Context, chart, dashboard int) error {
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
	ids := []int{dashboard}
	for _, d := range out.Result.Dashboards {
		if d.ID == dashboard {
			return nil
		}
		ids = append(ids, d.ID)
	}
	return im.c.http.Send(ctx, http.MethodPut, path, map[string]any{"dashboards": ids}, nil)
}
