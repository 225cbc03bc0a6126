package superset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// probeTimeout bounds one query of a smoke check. Superset gives up by itself
// after a minute where nothing else is configured (SUPERSET_WEBSERVER_TIMEOUT).
const probeTimeout = 2 * time.Minute

// errNotProbed is why an asset has no query that could be tried.
type errNotProbed string

func (e errNotProbed) Error() string { return string(e) }

// Refresh makes datasets read their columns from the warehouse anew, as the "Sync
// columns" button does (PUT /api/v1/dataset/<id>/refresh, 4.1.4 to 6.1.0). Other
// kinds have nothing to refresh and give no result.
func (c *conn) Refresh(ctx context.Context, ids []asset.ID) []asset.Result {
	var out []asset.Result
	for _, id := range ids {
		if id.Kind != kindDataset {
			continue
		}
		e, ok, err := c.entry(ctx, id)
		switch {
		case err == nil && !ok:
			err = errors.New("it is not on the server")
		case err == nil:
			err = c.http.JSON(ctx, apihttp.Request{Method: http.MethodPut, Path: traitOf(kindDataset).endpoint() + strconv.Itoa(e.row) + "/refresh",
				Timeout: probeTimeout, Repeatable: true}, nil)
		}
		out = append(out, asset.Result{ID: id, Err: err})
	}
	return out
}

// Probe runs the query of each chart and virtual dataset, and asks for one row of
// it, to find out whether the server still can. Saved queries are not run: nobody
// knows what they do. Other kinds give no result.
func (c *conn) Probe(ctx context.Context, ids []asset.ID) []asset.Result {
	results := make([]*asset.Result, len(ids))
	var g errgroup.Group
	g.SetLimit(4)
	for i, id := range ids {
		if id.Kind != kindChart && id.Kind != kindDataset {
			continue
		}
		g.Go(func() error {
			r, err := &asset.Result{ID: id}, c.probe(ctx, id)
			var not errNotProbed
			if errors.As(err, &not) {
				r.Omitted = []asset.Note{{ID: id, Text: string(not)}}
			} else {
				r.Err = err
			}
			results[i] = r
			return nil
		})
	}
	_ = g.Wait() // what goes wrong is in the results
	var out []asset.Result
	for _, r := range results {
		if r != nil {
			out = append(out, *r)
		}
	}
	return out
}

func (c *conn) probe(ctx context.Context, id asset.ID) error {
	e, ok, err := c.entry(ctx, id)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("it is not on the server")
	}
	if id.Kind == kindDataset {
		return c.probeDataset(ctx, e.row)
	}
	return c.probeChart(ctx, e.row)
}

// probeChart puts the query that was saved with the chart, for one row.
func (c *conn) probeChart(ctx context.Context, row int) error {
	var out struct {
		Result struct {
			Context string `json:"query_context"`
		} `json:"result"`
	}
	if err := c.http.JSON(ctx, apihttp.Request{Path: "/api/v1/chart/" + strconv.Itoa(row)}, &out); err != nil {
		return err
	}
	var query map[string]any
	if json.Unmarshal([]byte(out.Result.Context), &query) != nil || query == nil {
		return errNotProbed("no query was saved with the chart; open and save it in Superset once, then it can be checked")
	}
	query["force"], query["result_format"], query["result_type"] = true, "json", "results"
	if queries, ok := query["queries"].([]any); ok {
		for _, q := range queries {
			if q, ok := q.(map[string]any); ok {
				q["row_limit"] = 1
			}
		}
	}
	var answer struct {
		Result []struct {
			Error string `json:"error"`
		} `json:"result"`
	}
	if err := c.query(ctx, "/api/v1/chart/data", query, &answer); err != nil {
		return err
	}
	for _, r := range answer.Result {
		if r.Error != "" {
			return errors.New(apihttp.OneLine(r.Error, 300))
		}
	}
	return nil
}

// probeDataset runs the SQL of a virtual dataset in SQL Lab, which fills in its
// templates. A physical one has no query of its own.
func (c *conn) probeDataset(ctx context.Context, row int) error {
	var out struct {
		Result struct {
			SQL      string  `json:"sql"`
			Schema   *string `json:"schema"`
			Catalog  *string `json:"catalog"`
			Template *string `json:"template_params"`
			Database struct {
				ID int `json:"id"`
			} `json:"database"`
		} `json:"result"`
	}
	if err := c.http.JSON(ctx, apihttp.Request{Path: "/api/v1/dataset/" + strconv.Itoa(row)}, &out); err != nil {
		return err
	}
	d := out.Result
	if d.SQL == "" {
		return errNotProbed("it is a table or view, with no query of its own")
	}
	body := map[string]any{"database_id": d.Database.ID, "sql": d.SQL, "schema": d.Schema, "queryLimit": 1, "runAsync": false, "expand_data": false}
	if d.Catalog != nil {
		body["catalog"] = d.Catalog
	}
	if d.Template != nil {
		body["templateParams"] = d.Template
	}
	return c.query(ctx, "/api/v1/sqllab/execute/", body, nil)
}

// query posts a query. It changes nothing, so it may be repeated.
func (c *conn) query(ctx context.Context, path string, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	err = c.http.JSON(ctx, apihttp.Request{Method: http.MethodPost, Path: path, Body: data, ContentType: "application/json", Timeout: probeTimeout}, into)
	var answer *apihttp.Error
	if errors.As(err, &answer) {
		return fmt.Errorf("its query fails: %w", err)
	}
	return err
}
