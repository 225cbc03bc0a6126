package superset

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"
	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// atOnce is how many single requests are under way at a time. Superset is bound by
// its processor: two cores answer four hardly faster than two (measured, 6.1.0).
const atOnce = 4

// sidecar finds out what the access sections of this reading's documents need
// beyond the list that it went by.
func (r *reading) sidecar(ctx context.Context) error {
	var ids []asset.ID
	for _, id := range r.ids {
		if d, ok := r.docs[id]; ok && d.err == nil && len(accessKeys(id.Kind)) > 0 && r.index.byID[id] != nil {
			ids = append(ids, id)
		}
	}
	if err := r.showRows(ctx, ids); err != nil {
		return err
	}
	r.people = r.c.names(ctx, r.owners(ids))
	return r.askDetails(ctx, ids)
}

func (r *reading) owners(ids []asset.ID) []int {
	var all []int
	for _, id := range ids {
		if s := r.index.byID[id].shown; s != nil {
			all = append(all, s.owners...)
		}
	}
	return all
}

// showRows asks for the rows of assets that this reading has no row of: those that
// the cheap question has not looked at, because they hang on what changed, and all
// where the list is older than the reading. Owners are as fresh as the document.
func (r *reading) showRows(ctx context.Context, ids []asset.ID) error {
	hidden := map[asset.Kind][]*entry{}
	for _, id := range ids {
		if e := r.index.byID[id]; e.shown == nil || r.aged {
			hidden[id.Kind] = append(hidden[id.Kind], e)
		}
	}
	if len(hidden) == 0 {
		return nil
	}
	var rows []keyed
	for k, es := range hidden {
		got, err := r.c.rowsOf(ctx, k, es, len(r.index.byRow[k]))
		if err != nil {
			return err
		}
		for _, row := range got {
			rows = append(rows, keyed{k, row})
		}
	}
	r.index = r.c.with(r.index, rows)
	return nil
}

// keyed is a row and its kind.
type keyed struct {
	kind asset.Kind
	row  row
}

// with is an index that knows some rows as they are now.
func (c *conn) with(x *index, rows []keyed) *index {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := &index{at: x.at, byID: make(map[asset.ID]*entry, len(x.byID)), byRow: x.byRow}
	for id, e := range x.byID {
		next.byID[id] = e
	}
	for _, k := range rows {
		e := c.entryOf(k.kind, k.row)
		if _, known := next.byID[e.info.ID]; known {
			next.byID[e.info.ID] = e
		}
	}
	return next
}

// rowsOf asks for some rows of a kind that has about so many: one by one where that
// takes fewer requests than the whole list. All versions filter by row id; databases
// by uuid only (measured, 4.1.4 and 6.1.0). Never two at a time, and not without a
// look at what came: a server mixes up the filters of requests that it answers at
// the same time (see layerRecords).
func (c *conn) rowsOf(ctx context.Context, k asset.Kind, es []*entry, count int) ([]row, error) {
	if len(es)*pageSize >= count || traitOf(k).nameless || isRecord(k) { // lists of reports have no filter by row
		return c.listKind(ctx, k)
	}
	pages := make([]page, len(es))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(1)
	for i, e := range es {
		filter := "(col:id,opr:eq,value:" + strconv.Itoa(e.row) + ")"
		if k == kindDatabase {
			filter = "(col:uuid,opr:eq,value:'" + e.info.ID.UID + "')"
		}
		g.Go(func() (err error) {
			pages[i], err = c.ask(gctx, k, "filters:!("+filter+"),page_size:1")
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var rows []row
	for i, p := range pages {
		if len(p.Rows) > 1 || len(p.Rows) == 1 && p.Rows[0].ID != es[i].row {
			return c.listKind(ctx, k)
		}
		rows = append(rows, p.Rows...)
	}
	return rows, nil
}

// withoutCatalogs reports whether a connection is known to have no catalogs. That
// of its datasets is then a word without meaning, which Superset takes away with the
// next edit of the dataset (commands/dataset/update.py; measured, 6.1.0).
func (x *index) withoutCatalogs(database string) bool {
	e, ok := x.get(asset.ID{Kind: kindDatabase, UID: database})
	return ok && e.shown != nil && e.shown.catalogs != nil && !*e.shown.catalogs
}

// askDetails asks, asset by asset, for what no list shows: whether a dashboard is
// embedded, and the managed flag of connections and datasets. Lists show that of charts
// and dashboards on every version (charts/api.py, dashboards/api.py; 4.1.4 to 6.1.0).
func (r *reading) askDetails(ctx context.Context, ids []asset.ID) error {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id asset.ID) bool {
		return detailsOf(id.Kind) == nil || r.kept != nil && r.kept(id) != nil
	})
	if slices.ContainsFunc(ids, func(id asset.ID) bool { return id.Kind == kindDashboard }) && !r.c.embeds(ctx) {
		ids = slices.DeleteFunc(ids, func(id asset.ID) bool { return id.Kind == kindDashboard })
	}
	var mu sync.Mutex
	r.details = map[asset.ID]*yaml.Node{}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, id := range ids {
		g.Go(func() error {
			var v *yaml.Node
			var err error
			if row := r.index.byID[id].row; id.Kind == kindDashboard {
				v, err = r.c.embedded(gctx, row)
			} else {
				v, err = r.c.managed(gctx, id.Kind, row)
			}
			if err != nil && !splits(err) {
				return err
			}
			if err != nil { // this asset's, and not seen is not absent
				r.c.log.WarnContext(ctx, "a part of the access section cannot be read", "instance", r.c.instance, "asset", id.String(), "error", err.Error())
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			r.details[id] = v
			return nil
		})
	}
	return g.Wait()
}

// embedded asks whether a dashboard is embedded. The answer to one that is not is
// 404 with an empty object; that to one that is gone, or hidden, has a message
// (dashboards/api.py, get_embedded; measured, 4.1.4 and 6.1.0).
func (c *conn) embedded(ctx context.Context, row int) (*yaml.Node, error) {
	var out struct {
		Result struct {
			Domains []string `json:"allowed_domains"`
		} `json:"result"`
	}
	err := c.http.JSON(ctx, apihttp.Request{Path: embeddedPath(row)}, &out)
	var e *apihttp.Error
	switch {
	case errors.As(err, &e) && e.Status == http.StatusNotFound:
		var body map[string]any
		if e.Decode(&body) == nil && len(body) == 0 {
			return asset.Bool(false), nil
		}
		return nil, err
	case err != nil:
		return nil, err
	case out.Result.Domains == nil:
		return nil, nil // not shown
	}
	return asset.Map(keyDomains, texts(out.Result.Domains)), nil
}

func embeddedPath(row int) string { return "/api/v1/dashboard/" + strconv.Itoa(row) + "/embedded" }

// detailsOf are the places of a kind that single requests tell of.
func detailsOf(k asset.Kind) []string {
	switch k {
	case kindDashboard:
		return []string{asset.Pointer("access", keyEmbedded)}
	case kindDatabase, kindDataset:
		return []string{asset.Pointer("access", keyManaged)}
	}
	return nil
}

// managed asks for the managed flag, and for nothing that would open a connection.
func (c *conn) managed(ctx context.Context, k asset.Kind, row int) (*yaml.Node, error) {
	var out struct {
		Result struct {
			Managed *bool `json:"is_managed_externally"`
		} `json:"result"`
	}
	if err := c.http.JSON(ctx, apihttp.Request{Path: traitOf(k).endpoint() + strconv.Itoa(row), Query: rison("(columns:!(id,is_managed_externally))")}, &out); err != nil {
		return nil, err
	}
	if out.Result.Managed == nil {
		return nil, nil // not shown
	}
	return asset.Bool(*out.Result.Managed), nil
}
