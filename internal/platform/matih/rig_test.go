package matih

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Errorf(string, ...any)
	Fatal(...any)
	Fatalf(string, ...any)
	Context() context.Context
}

// rig is a simulated server, its map of ids, and a connection.
type rig struct {
	t   tester
	s   *matihtest.Server
	url string
	c   *conn
	ids *platformtest.IDs
}

func newRig(t testing.TB, options string, opts ...matihtest.Option) *rig {
	t.Helper()
	r := &rig{t: t, s: matihtest.New(opts...)}
	srv := httptest.NewServer(r.s)
	t.Cleanup(srv.Close)
	r.url = srv.URL
	r.connect(options)
	return r
}

// connect opens a new connection with an empty map of ids.
func (r *rig) connect(options string) {
	r.t.Helper()
	r.ids = platformtest.NewIDs("test")
	var o yaml.Node
	if err := yaml.Unmarshal([]byte(options), &o); err != nil {
		r.t.Fatal(err)
	}
	k := newClock()
	c, err := open(platform.Config{
		Instance: "test", URL: r.url, Auth: platform.Auth{Token: secret.Literal(matihtest.Token)},
		IDs: r.ids, Options: first(o.Content), Now: k.now, Sleep: k.sleep,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.c = c
}

func first(ns []*yaml.Node) *yaml.Node {
	if len(ns) == 0 {
		return nil
	}
	return ns[0]
}

// read is everything the server has, canonical, by id.
func (r *rig) read() map[asset.ID]*asset.Asset {
	r.t.Helper()
	out := map[asset.ID]*asset.Asset{}
	for raw, err := range r.c.Export(r.t.Context(), nil) {
		if err != nil {
			r.t.Fatal(err)
		}
		a, _, err := normalize.Canonical(raw, Rules())
		if err != nil {
			r.t.Fatal(err)
		}
		out[a.ID] = a
	}
	return out
}

// set is what the server has, as a plan would hand it to Import.
func (r *rig) set() *asset.Set {
	r.t.Helper()
	var all []*asset.Asset
	for _, a := range r.read() {
		all = append(all, a)
	}
	s, err := asset.NewSet(all...)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// write imports one asset and returns what was left out.
func (r *rig) write(a *asset.Asset) []asset.Note {
	r.t.Helper()
	res := r.c.Import(r.t.Context(), []*asset.Asset{a}, nil)[0]
	if res.Err != nil {
		r.t.Fatal(res.Err)
	}
	return res.Omitted
}

// same compares the server with what it should have.
func (r *rig) same(want ...*asset.Asset) {
	r.t.Helper()
	got := r.read()
	for _, w := range want {
		g := got[w.ID]
		if g == nil {
			r.t.Errorf("%s %q is not there", w.ID, w.Title)
		} else if !bytes.Equal(g.Content, w.Content) {
			r.t.Errorf("%s is\n%swant\n%s", w.ID, g.Content, w.Content)
		}
		delete(got, w.ID)
	}
	for id, a := range got {
		r.t.Errorf("%s %q is there too\n%s", id, a.Title, a.Content)
	}
}

// board makes an asset: uid is of the dashboard, text its spec in YAML.
func dash(t tester, uid, title, spec string) *asset.Asset {
	t.Helper()
	return dashOf(t, uid, title, parsed(t, spec), nil)
}

func dashOf(t tester, uid, title string, spec, access *yaml.Node) *asset.Asset {
	t.Helper()
	text, err := (&asset.Document{Format: Format, Kind: kindDashboard, UID: uid, Title: title, Spec: spec, Access: access}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	a, err := normalize.Load(uid+".yaml", text, Rules())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// revenue is a dashboard with three widgets, two of which differ in one place.
func revenue(t tester) *asset.Asset {
	t.Helper()
	return dash(t, "u-revenue", "Q4 Revenue Dashboard", revenueSpec)
}

const revenueSpec = `
description: Quarterly revenue analysis across regions
visibility: team
tags: [quarterly, revenue]
filters: [{field: region, operator: in, values: [US, EU, APAC]}]
widgets:
  - uid: w-bars
    name: Revenue by Region
    widget_type: bar_chart
    position: {x: 0, y: 0, width: 6, height: 4}
    data_source: {sql: "SELECT region, SUM(revenue) FROM sales GROUP BY region", cache_ttl_seconds: 300}
    config: {x_axis: region, show_legend: true}
  - uid: w-kpi
    name: Total
    widget_type: kpi_card
    position: {x: 6, y: 0, width: 3, height: 2}
    data_source: {metric: revenue}
  - uid: w-text
    name: About
    widget_type: text
    position: {x: 6, y: 2, width: 6, height: 2}
    config: {markdown: "all regions"}
`

// edited is an asset with one text in place of another.
func edited(t tester, a *asset.Asset, oldNew ...string) *asset.Asset {
	t.Helper()
	text := strings.NewReplacer(oldNew...).Replace(string(a.Content))
	if text == string(a.Content) {
		t.Fatalf("%v changes nothing in\n%s", oldNew, a.Content)
	}
	out, err := normalize.Load(a.Path, []byte(text), Rules())
	if err != nil {
		t.Fatal(err)
	}
	return out
}
