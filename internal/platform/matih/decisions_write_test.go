package matih

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
)

// TestDecision_PortableIdentity: the server picks the ids, so the file carries a
// uid of its own and the map from uid to server id is kept, and can be made anew.
func TestDecision_PortableIdentity(t *testing.T) {
	home := newRig(t, "", matihtest.WithSeed(1))
	home.write(revenue(t))
	home.write(dash(t, "u-2", "Other", "visibility: private"))
	home.connect("") // what a first pull sees
	var as []*asset.Asset
	for _, a := range home.read() {
		as = append(as, a)
	}

	away := newRig(t, "", matihtest.WithSeed(2))
	for _, res := range away.c.Import(t.Context(), as, nil) {
		if res.Err != nil {
			t.Fatal(res.Err)
		}
	}
	away.same(as...)

	away.connect("") // the map is lost
	if got := away.read()[as[0].ID]; got != nil {
		t.Fatal("the server's id gives the same uid on two instances: this test shows nothing")
	}
	if n, err := away.c.Recognize(t.Context(), as); err != nil || n != len(as) {
		t.Fatalf("recognized %d, %v", n, err)
	}
	if n := away.ids.Binds(); n != 1 {
		t.Errorf("%d durable writes for what was recognized", n)
	}
	away.same(as...)
	writes := away.s.Writes()
	away.c.Import(t.Context(), as, nil)
	if away.s.Writes() != writes {
		t.Error("the recognized dashboards are written again")
	}
}

// TestDecision_PutPartialOrFull: whether PUT replaces or merges is not known, so
// the complete known object is sent, and both give the same.
func TestDecision_PutPartialOrFull(t *testing.T) {
	a := dash(t, "u-1", "Before", `
description: words
visibility: team
tags: [a]
filters: [{field: f, operator: in, values: [1]}]
theme: dark
widgets:
  - {uid: w-1, name: W, widget_type: table, position: {x: 0, y: 0, width: 6, height: 4}, data_source: {sql: SELECT 1, cache_ttl_seconds: 5}, config: {a: 1, b: 2}, note: n}
`)
	b := dash(t, "u-1", "After", `
visibility: team
widgets:
  - {uid: w-1, name: W, widget_type: table, position: {x: 0, y: 0, width: 6, height: 4}, config: {b: 2}}
`)
	for name, opts := range map[string][]matihtest.Option{"full": nil, "partial": {matihtest.WithPartialPut()}, "partial with nulls": {matihtest.WithPartialPut(), matihtest.WithNullDefaults()}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "", opts...)
			for _, want := range []*asset.Asset{a, b, a} {
				r.write(want)
				r.same(want)
			}
		})
	}
	t.Run("strict", func(t *testing.T) { // what the server owns is not sent back
		r := newRig(t, "", matihtest.WithStrict(), matihtest.WithUpdatedAt())
		r.write(revenue(t))
		changed := edited(t, revenue(t), "Quarterly revenue", "Yearly revenue", "Total", "Sum")
		r.write(changed)
		r.same(changed)
	})
}

// failing is a way to answer a write, and whether the server has done it then.
type failing struct {
	name string
	do   matihtest.Behaviour
}

func waysToFail() []failing {
	return []failing{
		{"answer lost", matihtest.DropAnswer()},
		{"request lost", matihtest.DropRequest()},
		{"500", matihtest.Status(500)},
		{"503", matihtest.Status(503)},
		{"403", matihtest.Status(403)},
		{"success: false", matihtest.NotSuccess()},
		{"done, and garbage answered", matihtest.Replace("\x00 no JSON")},
		{"done, and nothing answered", matihtest.Replace("")},
	}
}

// before and after are two contents of a dashboard that all calls lie between.
func before(t testing.TB) *asset.Asset { return revenue(t) }

func after(t testing.TB) *asset.Asset {
	return dash(t, "u-revenue", "Q4 Revenue Dashboard", `
description: other words
visibility: team
tags: [quarterly, revenue]
widgets:
  - {uid: w-bars, name: Revenue, widget_type: bar_chart, position: {x: 0, y: 0, width: 6, height: 4}}
  - {uid: w-text, name: About, widget_type: text, position: {x: 6, y: 2, width: 6, height: 2}, config: {markdown: none}}
  - {uid: w-new, name: New, widget_type: table, position: {x: 0, y: 4, width: 6, height: 4}}
  - {uid: w-twin, name: New, widget_type: table, position: {x: 0, y: 4, width: 6, height: 4}}
`)
}

// TestDecision_WidgetEditsAreNotAtomic: every call of an import fails in every
// way. The error says what was done and the server agrees; the next import
// finishes, and nothing is there twice.
func TestDecision_WidgetEditsAreNotAtomic(t *testing.T) {
	for _, call := range []struct {
		update bool
		route  matihtest.Route
		n      int // let through before
	}{
		{false, matihtest.Create, 0}, {false, matihtest.AddWidget, 0}, {false, matihtest.AddWidget, 3}, {false, matihtest.Share, 0},
		{true, matihtest.Put, 0}, {true, matihtest.AddWidget, 0}, {true, matihtest.AddWidget, 1}, {true, matihtest.PutWidget, 0},
		{true, matihtest.PutWidget, 1}, {true, matihtest.DeleteWidget, 0}, {true, matihtest.Share, 0},
	} {
		for _, f := range waysToFail() {
			t.Run(fmt.Sprintf("update=%t/%s/%d/%s", call.update, call.route, call.n, f.name), func(t *testing.T) {
				failOnce(t, call.update, matihtest.Fault{Route: call.route, After: call.n, Do: f.do})
			})
		}
	}
}

func failOnce(t *testing.T, update bool, fault matihtest.Fault) {
	r := newRig(t, "sharing: list")
	if update {
		r.write(before(t))
	}
	doc, err := asset.ParseDocument("after.yaml", after(t).Content)
	if err != nil {
		t.Fatal(err)
	}
	want := dashOf(t, doc.UID, doc.Title, doc.Spec, asset.Map("shared_with", asset.Seq(asset.Str("user-789")), "permissions", "view"))
	met := &atomic.Bool{}
	do := fault.Do
	fault.Do = func(w http.ResponseWriter, q *http.Request, next http.Handler) {
		met.Store(true)
		do(w, q, next)
	}
	r.s.Break(fault)
	err = r.c.Import(t.Context(), []*asset.Asset{want}, r.set())[0].Err
	r.s.Mend()
	if !met.Load() {
		t.Fatal("no request met the fault")
	}
	var partial *PartialError
	if errors.As(err, &partial) {
		agrees(t, r, partial)
	} else if err != nil && !strings.Contains(err.Error(), "nothing was written") {
		t.Errorf("the error says neither what was done nor that nothing was: %v", err)
	}
	known := r.set() // the plan of the next run reads the server
	if res := r.c.Import(t.Context(), []*asset.Asset{want}, known)[0]; res.Err != nil {
		t.Fatalf("after %v the next import fails too: %v", err, res.Err)
	}
	r.same(after(t))
	writes := r.s.Count(matihtest.Share)
	if writes == 0 {
		t.Error("it was never shared")
	}
}

// agrees compares what an error says with what the server has.
func agrees(t *testing.T, r *rig, e *PartialError) {
	t.Helper()
	for _, part := range []string{"instance test", "u-revenue", "Q4 Revenue Dashboard", "pre-image", "done before that"} {
		if !strings.Contains(e.Error(), part) {
			t.Errorf("%v does not mention %s", e, part)
		}
	}
	there := r.read()[asset.ID{Kind: kindDashboard, UID: "u-revenue"}]
	if there == nil {
		if e.Done.Created != "" || len(e.Done.Added) > 0 {
			t.Errorf("%v, and it is not there", e)
		}
		return
	}
	text := string(there.Content)
	for _, l := range []struct {
		names []string
		in    bool
	}{{e.Done.Added, true}, {e.Done.Deleted, false}} {
		for _, name := range l.names {
			uid := name[strings.LastIndex(name, "(")+1 : len(name)-1]
			if strings.Contains(text, "uid: "+uid+"\n") != l.in {
				t.Errorf("%v\nand the server has\n%s", e, text)
			}
		}
	}
	if e.Done.Metadata != strings.Contains(text, "other words") && e.Done.Created == "" && !strings.Contains(e.Error(), "metadata:") {
		t.Errorf("%v\nand the server has\n%s", e, text)
	}
	for _, name := range e.Done.Changed {
		if slices.ContainsFunc(e.Done.Left, func(s string) bool { return strings.HasSuffix(s, name) }) {
			t.Errorf("%s was both changed and not reached", name)
		}
	}
}

// mortal is a map of ids that dies at its nth write, as a killed process does.
type mortal struct {
	platform.IDs
	left int
}

var errKilled = errors.New("killed")

func (m *mortal) Bind(bs ...platform.Binding) error {
	if m.left == 0 {
		return errKilled
	}
	m.left--
	return m.IDs.Bind(bs...)
}

// TestKilledBeforeBinding: what was created and never bound is found again.
func TestKilledBeforeBinding(t *testing.T) {
	for _, want := range []*asset.Asset{revenue(t), dash(t, "u-empty", "Empty", "visibility: private")} {
		for n := range 2 {
			t.Run(fmt.Sprintf("%s/%d", want.Title, n), func(t *testing.T) {
				r := newRig(t, "")
				r.write(dash(t, "u-other", want.Title, "visibility: public")) // of the same title
				r.c.ids = &mortal{r.ids, n}
				err := r.c.Import(t.Context(), []*asset.Asset{want}, r.set())[0].Err
				if n == 0 && !errors.Is(err, errKilled) {
					t.Fatalf("not killed: %v", err)
				}
				r.c.ids = r.ids
				r.c.forget()
				if res := r.c.Import(t.Context(), []*asset.Asset{want}, r.set())[0]; res.Err != nil {
					t.Fatal(res.Err)
				}
				r.same(want, dash(t, "u-other", want.Title, "visibility: public"))
				if c, w := r.s.Count(matihtest.Create), r.s.Count(matihtest.AddWidget); c != 2 || w != strings.Count(string(want.Content), "uid: w-") {
					t.Errorf("%d dashboards and %d widgets were made in all", c, w)
				}
			})
		}
	}
}

// TestKilledBeforeBindingThenPulled: the same when a pull comes first, as it does
// in a process that serves, and makes durable what it knows of all dashboards.
func TestKilledBeforeBindingThenPulled(t *testing.T) {
	r := newRig(t, "")
	want, other := revenue(t), dash(t, "u-other", revenue(t).Title, "visibility: public")
	r.write(other)
	r.c.ids = &mortal{r.ids, 0}
	if err := r.c.Import(t.Context(), []*asset.Asset{want}, r.set())[0].Err; !errors.Is(err, errKilled) {
		t.Fatalf("not killed: %v", err)
	}
	r.c.ids = r.ids
	r.read()
	if n, err := r.c.Recognize(t.Context(), []*asset.Asset{want, other}); n != 1 || err != nil {
		t.Errorf("recognized %d, %v", n, err)
	}
	for id := range r.read() { // what a pull keeps
		if server, _ := r.ids.Server(id); r.ids.Minted(id) {
			if err := r.ids.Bind(platform.Binding{ID: id, Server: server}); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.write(want)
	r.same(want, other)
}

// TestKilledBeforeBindingWidgets: widgets that were added and not bound are the
// document's, and not others like them: a pull would put both into Git.
func TestKilledBeforeBindingWidgets(t *testing.T) {
	r := newRig(t, "")
	want, other := revenue(t), dash(t, "u-other", "Other", "visibility: public")
	r.write(other)
	r.c.ids = &mortal{r.ids, 1}
	if err := r.c.Import(t.Context(), []*asset.Asset{want}, r.set())[0].Err; !errors.Is(err, errKilled) {
		t.Fatalf("not killed: %v", err)
	}
	r.c.ids = r.ids
	r.s.ResetLog()
	for i := range 2 {
		if n, err := r.c.Recognize(t.Context(), []*asset.Asset{want, other}); n != 1-i || err != nil {
			t.Errorf("recognized %d, %v", n, err)
		}
		r.same(want, other)
	}
	if n := r.s.Count(matihtest.Get); n != 1+4 {
		t.Errorf("%d details read, want one besides those of two complete readings", n)
	}
}

// TestDecision_ShareIsWriteOnly: there is no GET for sharing. It is written only
// when the config says so, in the form the config names, and never compared.
func TestDecision_ShareIsWriteOnly(t *testing.T) {
	doc, err := asset.ParseDocument("x", revenue(t).Content)
	if err != nil {
		t.Fatal(err)
	}
	a := dashOf(t, doc.UID, doc.Title, doc.Spec, asset.Map("shared_with", asset.Seq(asset.Str("user-789"), asset.Str("team-analytics")), "permissions", "view"))
	for _, tc := range []struct {
		options string
		form    matihtest.ShareForm
		want    string
	}{
		{"", matihtest.ShareAny, ""},
		{"sharing: off", matihtest.ShareAny, ""},
		{"sharing: list", matihtest.ShareList, "map[permissions:view shared_with:[user-789 team-analytics] visibility:team]"},
		{"sharing: users", matihtest.ShareUsers, "map[shared_with:[map[permission:view user_id:user-789] map[permission:view user_id:team-analytics]] visibility:team]"},
	} {
		t.Run(tc.options, func(t *testing.T) {
			r := newRig(t, tc.options, matihtest.WithShareForm(tc.form), matihtest.WithStrict())
			notes := r.write(a)
			server, _ := r.ids.Server(a.ID)
			got := ""
			for _, b := range r.s.Shares(server) {
				got += fmt.Sprint(b)
			}
			if got != tc.want {
				t.Errorf("sent %s, want %s", got, tc.want)
			}
			if off := tc.want == ""; off != (len(notes) == 1) || off && (notes[0].Path != "/access" || !strings.Contains(notes[0].Text, "options.sharing")) {
				t.Errorf("notes %v", notes)
			}
			back := r.read()[a.ID]
			if strings.Contains(string(back.Content), "user-789") || !slices.Equal(back.Unread, []string{"/access"}) {
				t.Errorf("sharing is read back, or not called unread (%v):\n%s", back.Unread, back.Content)
			}
		})
	}
}

// TestDecision_ReadAgainBeforeWriting: there is no lock and no version, so what is
// sent is made from a reading of this very moment: an edit of another value that
// came after the plan is kept as far as the API can tell them apart, which is by
// object. (The engine refuses a dashboard that moved since the plan.)
func TestDecision_ReadAgainBeforeWriting(t *testing.T) {
	r := newRig(t, "")
	r.write(revenue(t))
	r.read()
	other := newRigOn(t, r)
	meanwhile := edited(t, revenue(t), "Total", "Total, edited meanwhile")
	other.write(meanwhile)
	r.s.ResetLog()
	want := edited(t, meanwhile, "Quarterly revenue analysis", "Other words")
	r.write(want) // knows nothing of what other wrote
	if n := r.s.Count(matihtest.PutWidget); n != 0 {
		t.Errorf("%d widgets were written from an old reading", n)
	}
	r.same(want)
	for i, q := range r.s.Requests() {
		if q.Method != "GET" {
			if i == 0 || r.s.Requests()[i-1].Route != matihtest.Get {
				t.Errorf("request %d writes and the one before did not read", i)
			}
			break
		}
	}
}

// newRigOn is a second connection to the same server with the same map.
func newRigOn(t *testing.T, r *rig) *rig {
	t.Helper()
	out := &rig{t: t, s: r.s, url: r.url}
	out.connect("")
	out.ids = r.ids
	out.c.ids = r.ids
	return out
}

func TestCancelledImport(t *testing.T) {
	r := newRig(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	as := []*asset.Asset{revenue(t), dash(t, "u-2", "Other", "visibility: private")}
	for _, res := range r.c.Import(ctx, as, nil) {
		if !errors.Is(res.Err, context.Canceled) {
			t.Errorf("%s: %v", res.ID, res.Err)
		}
	}
	if r.s.Writes() != 0 {
		t.Error("something was written")
	}
}
