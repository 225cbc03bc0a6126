package superset

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// pageSize is Superset's own limit: it answers a larger one with 100 rows.
const pageSize = 100

// List is the cheap index of every asset of the kinds that are read.
func (c *conn) List(ctx context.Context) ([]asset.Info, error) {
	x, err := c.listAll(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]asset.Info, 0, len(x.byID))
	for _, e := range x.byID {
		out = append(out, e.info)
	}
	slices.SortFunc(out, func(a, b asset.Info) int { return a.ID.Compare(b.ID) })
	return out, nil
}

// listAll lists every kind anew. Callers at the same time, List and an Export of
// everything in one pull, share one listing.
func (c *conn) listAll(ctx context.Context) (*index, error) {
	v, err, _ := c.listing.Do("", func() (any, error) { return c.list(ctx, c.kinds(ctx)...) })
	if err != nil {
		return nil, err
	}
	return v.(*index), nil
}

// list reads the lists of kinds anew and keeps what was known of the others.
func (c *conn) list(ctx context.Context, kinds ...asset.Kind) (*index, error) {
	began := c.now()
	rows, refused, err := c.listOurs(ctx, kinds)
	if err != nil {
		return nil, err
	}
	denied, err := deniedKinds(kinds, refused)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	x := &index{at: began, byID: map[asset.ID]*entry{}, byRow: map[asset.Kind]map[string]string{}, denied: denied}
	if c.index != nil {
		x.themes = c.index.themes
		for id, e := range c.index.byID {
			if !slices.Contains(kinds, id.Kind) {
				x.byID[id] = e
			}
		}
		for k, m := range c.index.byRow {
			x.byRow[k] = m
		}
		for k, e := range c.index.denied {
			if !slices.Contains(kinds, k) {
				x.denied[k] = e
			}
		}
	}
	for i, k := range kinds {
		if k == kindTheme {
			x.themes = rows[i]
		}
		x.byRow[k] = make(map[string]string, len(rows[i]))
		for _, r := range peoples(rows[i]) {
			e := c.entryOf(k, r)
			if e.database == "" && r.Of.ID != 0 { // lists of datasets before 6.0.0 and of saved queries show the row only
				e.database = x.byRow[kindDatabase][strconv.Itoa(r.Of.ID)]
			}
			x.byID[e.info.ID], x.byRow[k][strconv.Itoa(r.ID)] = e, r.UUID
			if _, known := c.people[r.ChangedBy.ID]; !known && r.ChangedBy.ID != 0 && len(c.people) > 0 {
				c.asked = false // somebody new; the next listing asks again
			}
		}
	}
	c.index = x
	return x, nil
}

// listOurs reads the lists of kinds as this account sees them.
func (c *conn) listOurs(ctx context.Context, kinds []asset.Kind) ([][]row, []error, error) {
	const tries = 3
	for range tries {
		session := c.auth.browsing()
		g, gctx := errgroup.WithContext(ctx)
		rows := make([][]row, len(kinds))
		refused := make([]error, len(kinds))
		for i, k := range kinds {
			g.Go(func() (err error) {
				rows[i], err = c.listKind(gctx, k)
				if unlisted(k, err) {
					refused[i], err = err, nil
				}
				return err
			})
		}
		g.Go(func() error { c.askPeople(gctx); return nil })
		if err := g.Wait(); err != nil {
			return nil, nil, err
		}
		if again, err := c.ours(ctx, session, kinds, rows, refused); err != nil || !again {
			return rows, refused, err
		}
	}
	return nil, nil, fmt.Errorf("instance %s: the session of the login form ended %d times while lists were read, and without it Superset answers as to somebody who is not logged in", c.instance, tries)
}

// listKind reads all pages until they fit together: no row twice and as many as
// the server counts. Rows added or removed meanwhile make it read again. An
// *asset.KindError says that the kind cannot be read, and the others can.
func (c *conn) listKind(ctx context.Context, k asset.Kind) ([]row, error) {
	const tries = 4
	for range tries {
		rows, whole, err := c.listOnce(ctx, k)
		if err != nil {
			return nil, err
		}
		if whole {
			t := traitOf(k)
			rows = slices.DeleteFunc(rows, func(r row) bool { return t.hidden != nil && t.hidden(r.name) })
			identify(t, rows)
			return c.name(ctx, k, rows)
		}
		c.log.InfoContext(ctx, "a list changed while it was read; reading it again", "instance", c.instance, "kind", string(k))
	}
	return nil, fmt.Errorf("instance %s: the list of %s changed %d times while it was read; try again when fewer people edit", c.instance, k.Plural(), tries)
}

type page struct {
	Count int
	Rows  []row
}

func (c *conn) listOnce(ctx context.Context, k asset.Kind) (rows []row, whole bool, err error) {
	first, err := c.page(ctx, k, 0, pageSize)
	if err != nil {
		return nil, false, err
	}
	pages := make([]page, (first.Count+pageSize-1)/pageSize)
	g, gctx := errgroup.WithContext(ctx)
	for i := range pages {
		if i == 0 {
			pages[0] = first
			continue
		}
		g.Go(func() (err error) {
			pages[i], err = c.page(gctx, k, i, pageSize)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, false, err
	}
	seen := map[int]bool{}
	whole = true
	for _, p := range pages {
		whole = whole && p.Count == first.Count
		for _, r := range p.Rows {
			if r.UUID == "" && !traitOf(k).nameless && !traitOf(k).named {
				return nil, false, fmt.Errorf("instance %s: the list of %s shows row %d without uuid", c.instance, k.Plural(), r.ID)
			}
			whole = whole && !seen[r.ID] && passes(k, r)
			seen[r.ID] = true
			rows = append(rows, r)
		}
	}
	return rows, whole && len(rows) == first.Count, nil
}

func (c *conn) page(ctx context.Context, k asset.Kind, n, size int) (page, error) {
	return c.ordered(ctx, k, traitOf(k).title, "asc", n, size)
}

// ordered is one page of a list in some order.
func (c *conn) ordered(ctx context.Context, k asset.Kind, column, direction string, n, size int) (page, error) {
	return c.ask(ctx, k, fmt.Sprintf("order_column:%s,order_direction:%s,page:%d,page_size:%d", column, direction, n, size))
}

// ask is one page of a list, with the columns and the filter of its kind.
func (c *conn) ask(ctx context.Context, k asset.Kind, query string) (page, error) {
	t, filters := traitOf(k), ""
	if t.filter != "" {
		filters = ",filters:!(" + t.filter + ")"
	}
	q := fmt.Sprintf("(%s,columns:!(%s)%s)", query, t.columns, filters)
	var p struct {
		Count *int              `json:"count"`
		Rows  []json.RawMessage `json:"result"`
	}
	path := c.listPath(ctx, t)
	err := c.http.JSON(ctx, apihttp.Request{Path: path, Query: rison(q)}, &p)
	if err != nil && path != t.endpoint() && c.listsPlain(err) {
		err = c.http.JSON(ctx, apihttp.Request{Path: t.endpoint(), Query: rison(q)}, &p)
	}
	if err != nil {
		return page{}, err
	}
	if p.Count == nil || p.Rows == nil { // JSON of something else must not read as an empty server
		return page{}, fmt.Errorf("instance %s: the answer to the list of %s holds no list; is %s a Superset?", c.instance, k.Plural(), c.http.BaseURL())
	}
	out := page{*p.Count, make([]row, len(p.Rows))}
	for i, data := range p.Rows {
		var err error
		if out.Rows[i], err = readRow(t, data); err != nil {
			return page{}, fmt.Errorf("instance %s: the list of %s shows a row that cannot be read: %w", c.instance, k.Plural(), err)
		}
	}
	return out, nil
}
