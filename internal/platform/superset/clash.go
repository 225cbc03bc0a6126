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

// clash refuses what would silently overwrite another asset: when the uuid is
// new, import_from_dict (models/helpers.py) matches by any unique constraint, and
// gives the asset it finds the new uuid. Databases are unique by name, datasets
// by name and place in their database, dashboards by slug.
func (im *importing) clash(j *job) error {
	spec, id := j.doc.Spec, j.id()
	text := func(field string) string { return asset.Text(asset.Get(spec, field)) }
	for _, e := range im.index.byID {
		if e.info.ID.Kind != id.Kind || e.info.ID == id {
			continue
		}
		what := ""
		switch id.Kind {
		case kindDatabase:
			if e.info.Title == j.title {
				what = "database of this name"
			}
		case kindDataset:
			if e.info.Title == j.title && e.database == text("database_uuid") && same(text("schema"), e.schema) && same(text("catalog"), e.catalog) {
				what = "dataset on this table"
			}
		case kindDashboard:
			if e.slug != "" && e.slug == text("slug") {
				what = "dashboard with the slug " + strconv.Quote(e.slug)
			}
		}
		if what != "" {
			return fmt.Errorf("the server has another %s, %s, and would overwrite that one; rename or delete it first: %s", what, e.info.ID, e.info.URL)
		}
	}
	return im.requires(j)
}

// same: an unset schema or catalog takes no part in the match.
func same(ours, theirs string) bool { return ours == "" || ours == theirs }

// requires checks what the importer cannot do without.
func (im *importing) requires(j *job) error {
	field, k := "", kindDatabase
	switch j.doc.Kind {
	case kindDataset:
		field = "database_uuid"
	case kindChart:
		field, k = "dataset_uuid", kindDataset
	default:
		return nil
	}
	uid := asset.Text(asset.Get(j.doc.Spec, field))
	if uid == "" {
		return fmt.Errorf("it has no %s: Superset cannot import a %s without its %s; give it one in Superset or in this file", field, j.doc.Kind, k)
	}
	need := asset.ID{Kind: k, UID: uid}
	if _, ok := im.index.get(need); !ok {
		if r, planned := im.results[need]; planned && r.Err != nil {
			return fmt.Errorf("not written, because its %s was not: %s", k, need)
		}
		return fmt.Errorf("its %s is not on the server: %s; apply that one too", k, need)
	}
	return nil
}

// movable prepares a dataset that goes to another database: the importer looks
// for it there only, and would then insert it a second time.
func (im *importing) movable(ctx context.Context, j *job) error {
	e, ok := im.index.get(j.id())
	uid := asset.Text(asset.Get(j.doc.Spec, "database_uuid"))
	if j.doc.Kind != kindDataset || !ok || e.database == "" || e.database == uid {
		return nil
	}
	to, ok := im.index.get(asset.ID{Kind: kindDatabase, UID: uid})
	if !ok {
		return nil
	}
	err := im.c.http.Send(ctx, http.MethodPut, "/api/v1/dataset/"+strconv.Itoa(e.row), map[string]any{"database_id": to.row}, nil)
	if err != nil {
		return fmt.Errorf("move it to database %q: %w", to.info.Title, err)
	}
	return nil
}

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
