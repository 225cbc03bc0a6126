package superset

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

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
		ID   int    `json:"id"`
		UUID string `json:"uuid"`
	} `json:"database"`
	Label         string          `json:"label,omitempty"`
	ThemeName     string          `json:"theme_name,omitempty"`
	ThemeData     string          `json:"json_data,omitempty"`
	System        bool            `json:"is_system,omitempty"`
	SystemDefault bool            `json:"is_system_default,omitempty"`
	SystemDark    bool            `json:"is_system_dark,omitempty"`
	Extra         json.RawMessage `json:"extra,omitempty"`
	Created       string          `json:"created_on,omitempty"`

	Owners     []person   `json:"owners"`
	Dashboards []numbered `json:"dashboards"` // that hold a chart
	Tags       []tag      `json:"tags"`
	Roles      []named    `json:"roles"`
	Managed    *bool      `json:"is_managed_externally"`
	Engine     struct {
		Catalogs *bool `json:"supports_dynamic_catalog"`
	} `json:"engine_information"` // of a database

	raw  json.RawMessage // all of it, of a record
	name string          // of a record
	with string          // of a record: what the name is unique with (trait.with)
	bad  string          // why it cannot be told from others (identify)
}

type tag struct {
	ID   int             `json:"id"`
	Name string          `json:"name"`
	Type json.RawMessage `json:"type"`
}

type numbered struct {
	ID int `json:"id"`
}

type named struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
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
	database  string // uuid, of a dataset or saved query
	changedBy person
	extra     string // of a saved query
	normal    bool   // of a theme: the server's default one
	dark      bool   // of a theme: the server's dark one
	shown     *shown // nil when the row was not looked at
	print     string // of the whole row: see changed.go

	raw json.RawMessage // of a record: what the list showed
	bad string          // of a record: why it cannot be read or written
}

// index is one complete listing.
type index struct {
	at    time.Time // when it began
	byID  map[asset.ID]*entry
	byRow map[asset.Kind]map[string]string // row id to uuid
	// denied are kinds that the account may not list, or whose list does not do.
	denied map[asset.Kind]asset.KindError

	themes []row // all of them, the system's too
}

// fresh is how old a listing may be that an export relies on.
const fresh = time.Minute

// with is the index with other entries.
func (x *index) with(byID map[asset.ID]*entry) *index {
	return &index{at: x.at, byID: byID, byRow: x.byRow, themes: x.themes, denied: x.denied}
}

// denies reports whether a kind is not listed, and why.
func (x *index) denies(k asset.Kind) (asset.KindError, bool) {
	if x == nil {
		return asset.KindError{}, false
	}
	e, ok := x.denied[k]
	return e, ok
}

func (x *index) get(id asset.ID) (*entry, bool) {
	if x == nil {
		return nil, false
	}
	e, ok := x.byID[id]
	return e, ok
}

// tells reports whether a uid stands for one row only.
func (x *index) tells(k asset.Kind, uid string) bool {
	e, ok := x.get(asset.ID{Kind: k, UID: uid})
	return !ok || e.bad == ""
}

// newer reports whether a row was made after every row of the listing.
func (x *index) newer(k asset.Kind, row string) bool {
	n, err := strconv.Atoi(row)
	if err != nil || n >= normalize.ParkedBase {
		return false
	}
	for known := range x.byRow[k] {
		if i, err := strconv.Atoi(known); err == nil && i >= n {
			return false
		}
	}
	return true
}

func (x *index) ids() []asset.ID {
	out := make([]asset.ID, 0, len(x.byID))
	for id := range x.byID {
		out = append(out, id)
	}
	slices.SortFunc(out, asset.ID.Compare)
	return out
}

// entryOf is called with c.mu held.
func (c *conn) entryOf(k asset.Kind, r row) *entry {
	e := &entry{print: printOf(r), row: r.ID, slug: r.Slug, schema: r.Schema, catalog: r.Catalog, database: r.Of.UUID, changedBy: r.ChangedBy, shown: shownBy(r),
		raw: r.raw, bad: r.bad, extra: string(r.Extra), normal: r.SystemDefault, dark: r.SystemDark}
	e.info = asset.Info{
		ID: asset.ID{Kind: k, UID: r.UUID}, Title: r.title(),
		UpdatedAt: changeTime(r), UpdatedBy: c.personOf(r.ChangedBy), URL: c.pageURL(k, r.ID),
	}
	if k == kindChart || k == kindDashboard || k == kindSavedQuery {
		e.info.Tags = []string{}
	}
	for _, t := range r.Tags {
		if custom(t.Type) {
			e.info.Tags = append(e.info.Tags, t.Name)
		}
	}
	slices.Sort(e.info.Tags)
	if k != kindDatabase && k != kindSavedQuery && k != kindTheme {
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

// title is what people know a row by: one of these is in the list of each kind.
func (r row) title() string {
	return r.name + r.Database + r.Table + r.Slice + r.Dashboard + r.Label + r.ThemeName
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
	case kindSavedQuery:
		return base + "/sqllab?savedQueryId=" + id
	case kindTheme:
		return base + "/theme/list/"
	case kindTag:
		return base + "/superset/all_entities/?id=" + id
	case kindCSS:
		return base + "/csstemplatemodelview/list/"
	case annotationLayer:
		return base + "/annotationlayer/" + id + "/annotation"
	case kindReport:
		return base + "/report/list/"
	case kindRule:
		return base + "/rowlevelsecurity/list/"
	case kindRole:
		if normalize.Older(c.server, "6.0.0") {
			return base + "/roles/list/"
		}
		return base + "/roles/"
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
	if denied, ok := x.denied[id.Kind]; ok {
		return nil, false, &denied
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
	x := c.index.with(map[asset.ID]*entry{})
	for k, e := range c.index.byID {
		if k != id {
			x.byID[k] = e
		}
	}
	c.index = x
}
