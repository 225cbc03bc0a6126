package superset

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// pageSize is Superset's own limit: it answers a larger one with 100 rows.
const pageSize = 100

// listing says how a kind is listed. The order is by title, not by change, so
// that an edit while the pages are read moves no row.
type listing struct{ title, columns string }

func listingOf(k asset.Kind) listing {
	const people = ",changed_by.id,changed_by.first_name,changed_by.last_name"
	switch k {
	case kindDatabase:
		return listing{"database_name", "id,uuid,database_name,changed_on,changed_by.first_name,changed_by.last_name"}
	case kindDataset:
		return listing{"table_name", "id,uuid,table_name,schema,catalog,database.uuid,changed_on_utc,owners.id" + people}
	case kindChart:
		return listing{"slice_name", "id,uuid,slice_name,changed_on_utc,owners.id,tags.name,tags.type" + people}
	}
	return listing{"dashboard_title", "id,uuid,dashboard_title,slug,changed_on_utc,owners.id,tags.name,tags.type" + people}
}

// row is one line of a list answer.
type row struct {
	ID        int    `json:"id"`
	UUID      string `json:"uuid"`
	Database  string `json:"database_name"`
	Table     string `json:"table_name"`
	Slice     string `json:"slice_name"`
	Dashboard string `json:"dashboard_title"`
	Slug      string `json:"slug"`
	Schema    string `json:"schema"`
	Catalog   string `json:"catalog"`
	UTC       string `json:"changed_on_utc"`
	ChangedOn string `json:"changed_on"`
	ChangedBy person `json:"changed_by"`
	Of        struct {
		UUID string `json:"uuid"`
	} `json:"database"`
	Owners []person `json:"owners"`
	Tags   []struct {
		Name string          `json:"name"`
		Type json.RawMessage `json:"type"`
	} `json:"tags"`
}

type person struct {
	ID    int    `json:"id"`
	First string `json:"first_name"`
	Last  string `json:"last_name"`
}

// entry is what is known of one asset without reading it.
type entry struct {
	info      asset.Info
	row       int
	slug      string
	schema    string
	catalog   string
	database  string // uuid, of a dataset
	changedBy person
	owners    []int
}

// index is one complete listing.
type index struct {
	byID  map[asset.ID]*entry
	byRow map[asset.Kind]map[string]string // row id to uuid
}

func (x *index) get(id asset.ID) (*entry, bool) {
	if x == nil {
		return nil, false
	}
	e, ok := x.byID[id]
	return e, ok
}

// List is the cheap index of every asset of the four kinds.
func (c *conn) List(ctx context.Context) ([]asset.Info, error) {
	x, err := c.list(ctx, Kinds()...)
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

// list reads the lists of kinds anew and keeps what was known of the others.
func (c *conn) list(ctx context.Context, kinds ...asset.Kind) (*index, error) {
	g, gctx := errgroup.WithContext(ctx)
	rows := make([][]row, len(kinds))
	for i, k := range kinds {
		g.Go(func() (err error) {
			rows[i], err = c.listKind(gctx, k)
			return err
		})
	}
	g.Go(func() error { c.askPeople(gctx); return nil })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	x := &index{byID: map[asset.ID]*entry{}, byRow: map[asset.Kind]map[string]string{}}
	if c.index != nil {
		for id, e := range c.index.byID {
			if !slices.Contains(kinds, id.Kind) {
				x.byID[id] = e
			}
		}
		for k, m := range c.index.byRow {
			x.byRow[k] = m
		}
	}
	for i, k := range kinds {
		x.byRow[k] = make(map[string]string, len(rows[i]))
		for _, r := range rows[i] {
			e := c.entryOf(k, r)
			x.byID[e.info.ID], x.byRow[k][strconv.Itoa(r.ID)] = e, r.UUID
			if _, known := c.people[r.ChangedBy.ID]; !known && r.ChangedBy.ID != 0 && len(c.people) > 0 {
				c.asked = false // somebody new; the next listing asks again
			}
		}
	}
	c.index = x
	return x, nil
}

// listKind reads all pages until they fit together: no row twice and as many as
// the server counts. Rows added or removed meanwhile make it read again.
func (c *conn) listKind(ctx context.Context, k asset.Kind) ([]row, error) {
	const tries = 4
	for range tries {
		rows, whole, err := c.listOnce(ctx, k)
		if err != nil {
			return nil, err
		}
		if whole {
			return rows, nil
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
			if r.UUID == "" {
				return nil, false, fmt.Errorf("instance %s: the list of %s shows row %d without uuid", c.instance, k.Plural(), r.ID)
			}
			whole = whole && !seen[r.ID]
			seen[r.ID] = true
			rows = append(rows, r)
		}
	}
	return rows, whole && len(rows) == first.Count, nil
}

func (c *conn) page(ctx context.Context, k asset.Kind, n, size int) (page, error) {
	l := listingOf(k)
	q := fmt.Sprintf("(order_column:%s,order_direction:asc,page:%d,page_size:%d,columns:!(%s))", l.title, n, size, l.columns)
	var p struct {
		Count *int  `json:"count"`
		Rows  []row `json:"result"`
	}
	if err := c.http.JSON(ctx, apihttp.Request{Path: "/api/v1/" + string(k) + "/", Query: rison(q)}, &p); err != nil {
		return page{}, err
	}
	if p.Count == nil || p.Rows == nil { // JSON of something else must not read as an empty server
		return page{}, fmt.Errorf("instance %s: the answer to the list of %s holds no list; is %s a Superset?", c.instance, k.Plural(), c.http.BaseURL())
	}
	return page{*p.Count, p.Rows}, nil
}

// entryOf is called with c.mu held.
func (c *conn) entryOf(k asset.Kind, r row) *entry {
	e := &entry{row: r.ID, slug: r.Slug, schema: r.Schema, catalog: r.Catalog, database: r.Of.UUID, changedBy: r.ChangedBy}
	e.info = asset.Info{
		ID: asset.ID{Kind: k, UID: r.UUID}, Title: r.Database + r.Table + r.Slice + r.Dashboard,
		UpdatedAt: changeTime(r), UpdatedBy: c.personOf(r.ChangedBy), URL: c.pageURL(k, r.ID),
	}
	if k == kindChart || k == kindDashboard {
		e.info.Tags = []string{}
	}
	for _, t := range r.Tags {
		if custom(t.Type) {
			e.info.Tags = append(e.info.Tags, t.Name)
		}
	}
	slices.Sort(e.info.Tags)
	if k != kindDatabase {
		e.info.Owners = []string{}
	}
	for _, o := range r.Owners {
		p := c.people[o.ID]
		for _, name := range []string{p.Username, p.Email} {
			if name != "" {
				e.info.Owners = append(e.info.Owners, name)
			}
		}
	}
	return e
}

// custom reports whether a tag is one that people gave: type 1, also written by
// its name. The others are Superset's own (tags/models.py, TagType).
func custom(t json.RawMessage) bool {
	s := strings.Trim(string(t), `"`)
	return s == "1" || s == "custom" || s == "TagType.custom"
}

// changeTime reads changed_on_utc, else changed_on, which has no zone and is the
// server's clock: UTC in every deployment that follows the documentation.
func changeTime(r row) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05.999999-0700", "2006-01-02T15:04:05.999999Z07:00", "2006-01-02T15:04:05.999999"} {
		for _, s := range []string{r.UTC, r.ChangedOn} {
			if t, err := time.Parse(layout, s); err == nil {
				return t.UTC()
			}
		}
	}
	return time.Time{}
}

func (c *conn) pageURL(k asset.Kind, row int) string {
	base, id := c.http.BaseURL(), strconv.Itoa(row)
	switch k {
	case kindDashboard:
		return base + "/superset/dashboard/" + id + "/"
	case kindChart:
		return base + "/explore/?slice_id=" + id
	case kindDataset:
		return base + "/explore/?datasource_type=table&datasource_id=" + id
	}
	return base + "/databaseview/list/"
}

// entry finds an asset in the newest listing, reading the list of its kind once
// more when it is not there.
func (c *conn) entry(ctx context.Context, id asset.ID) (*entry, bool, error) {
	c.mu.Lock()
	x := c.index
	c.mu.Unlock()
	if e, ok := x.get(id); ok {
		return e, true, nil
	}
	x, err := c.list(ctx, id.Kind)
	if err != nil {
		return nil, false, err
	}
	e, ok := x.get(id)
	return e, ok, nil
}

// forget takes a deleted asset out of the listing.
func (c *conn) forget(id asset.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.index == nil {
		return
	}
	x := &index{byID: map[asset.ID]*entry{}, byRow: c.index.byRow}
	for k, e := range c.index.byID {
		if k != id {
			x.byID[k] = e
		}
	}
	c.index = x
}
