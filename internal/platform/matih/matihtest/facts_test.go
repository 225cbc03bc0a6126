package matihtest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	mt "github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
)

const (
	board    = `{"name":"Q4","description":"d","visibility":"private","tags":["a"],"filters":[{"field":"region","operator":"in","values":["US"]}]}`
	aWidget  = `{"name":"W","widget_type":"bar_chart","position":{"x":0,"y":0,"width":6,"height":4},"data_source":{"sql":"SELECT 1","cache_ttl_seconds":300},"config":{"a":1.0}}`
	oneSeed  = `[{"name":"One","widgets":[{"name":"W","widget_type":"text"}]}]`
	twoSeeds = `[{"name":"One"},{"name":"Two"}]`
)

// The nine calls with the shapes of the seed.
func TestTheNineCalls(t *testing.T) {
	run(t, []script{{name: "life of a dashboard", steps: []step{
		{do: "POST " + base, body: board, status: 201, want: `{"id":"` + first + `","name":"Q4","tenant_id":"acme-corp","created_by":"user-1",
			"visibility":"private","widget_count":0,"created_at":"2025-03-15T10:00:00Z"}`, not: "description"},
		{do: base, status: 200, want: `[{"id":"` + first + `","name":"Q4","tags":["a"],"widget_count":0}]`, not: "widgets"},
		{do: "POST " + base + "/" + first + "/widgets", body: aWidget, status: 201, want: `{"id":"` + w1 + `","name":"W"}`},
		{do: base + "/" + first, status: 200, want: `{"id":"` + first + `","description":"d","filters":[{"field":"region","operator":"in","values":["US"]}],
			"widget_count":1,"widgets":[{"id":"` + w1 + `","widget_type":"bar_chart","position":{"x":0,"y":0,"width":6,"height":4},
			"data_source":{"sql":"SELECT 1","cache_ttl_seconds":300},"config":{"a":1.0}}]}`},
		{do: "PUT " + base + "/" + first + "/widgets/" + w1, body: strings.Replace(aWidget, `"W"`, `"V"`, 1), status: 200, want: `{"id":"` + w1 + `","name":"V"}`},
		{do: "PUT " + base + "/" + first, body: strings.Replace(board, "Q4", "Q5", 1), status: 200, want: `{"name":"Q5","widget_count":1}`},
		{do: "POST " + base + "/" + first + "/share", body: `{"visibility":"team","shared_with":["user-789","team-analytics"],"permissions":"view"}`, status: 200},
		{do: base + "/" + first, status: 200, want: `{"name":"Q5","visibility":"team","widgets":[{"name":"V"}]}`, not: "shared_with"},
		{do: "DELETE " + base + "/" + first + "/widgets/" + w1, status: 204},
		{do: "DELETE " + base + "/" + first + "/widgets/" + w1, status: 404},
		{do: base + "/" + first, status: 200, want: `{"widget_count":0,"widgets":[]}`},
		{do: "DELETE " + base + "/" + first, status: 204},
		{do: base + "/" + first, status: 404, want: `{"detail":"Dashboard not found"}`},
		{do: "DELETE " + base + "/" + first, status: 404},
		{do: base, status: 200, want: `[]`},
	}}, {name: "what is not there", steps: []step{
		{do: "PUT " + base + "/" + mt.Missing, body: board, status: 404},
		{do: "POST " + base + "/" + mt.Missing + "/widgets", body: aWidget, status: 404},
		{do: "POST " + base + "/" + mt.Missing + "/share", body: `{"shared_with":[]}`, status: 404},
		{do: "/api/v1/elsewhere", status: 404, want: `{"detail":"no such path"}`},
	}}})
}

func TestEveryRouteIsCountedAndWritesAreChanges(t *testing.T) {
	s := mt.New()
	for _, st := range []step{
		{do: "POST " + base, body: board}, {do: "POST " + base, body: `{}`}, {do: base}, {do: base + "/" + first}, {do: base + "/" + first},
		{do: "PUT " + base + "/" + first, body: board}, {do: "POST " + base + "/" + first + "/widgets", body: aWidget},
		{do: "PUT " + base + "/" + first + "/widgets/" + w1, body: aWidget}, {do: "DELETE " + base + "/" + first + "/widgets/" + w1},
		{do: "POST " + base + "/" + first + "/share", body: `{"shared_with":[]}`}, {do: "DELETE " + base + "/" + first},
		{do: "POST /api/v1/auth/login", body: `{"email":"admin@example.com","password":"admin"}`}, {do: "POST /api/v1/auth/refresh", body: `{}`}, {do: "/x"},
	} {
		ask(s, st)
	}
	for route, want := range map[mt.Route]int{mt.Create: 2, mt.List: 1, mt.Get: 2, mt.Put: 1, mt.Delete: 1, mt.AddWidget: 1, mt.PutWidget: 1,
		mt.DeleteWidget: 1, mt.Share: 1, mt.Login: 1, mt.Refresh: 1, mt.Unknown: 1, "": 14} {
		if got := s.Count(route); got != want {
			t.Errorf("%q was counted %d times, want %d", route, got, want)
		}
	}
	if got := s.Writes(); got != 7 {
		t.Errorf("%d writes, want 7: refusals, reads and logins are none", got)
	}
	if r := s.Requests()[1]; r.Route != mt.Create || r.Status != 422 || r.Path != base || r.Method != "POST" {
		t.Errorf("the log says %+v", r)
	}
	s.ResetLog()
	if s.Count("") != 0 || s.Writes() != 7 || len(s.Requests()) != 0 {
		t.Error("ResetLog empties the log and keeps the writes")
	}
	quiet := mt.New(mt.WithoutLog())
	if ask(quiet, step{do: base}); quiet.Count(mt.List) != 1 || len(quiet.Requests()) != 0 {
		t.Errorf("without a log %d lists are counted, and %d lines kept", quiet.Count(mt.List), len(quiet.Requests()))
	}
}

func TestValidation(t *testing.T) {
	put, add := "PUT "+base+"/"+first, "POST "+base+"/"+first+"/widgets"
	at := func(x, y, w, h string) string {
		return fmt.Sprintf(`{"name":"W","widget_type":"text","position":{"x":%s,"y":%s,"width":%s,"height":%s}}`, x, y, w, h)
	}
	detail := func(loc, kind string) string {
		return `{"detail":[{"loc":` + loc + `,"type":"` + kind + `","msg":"…"}]}`
	}
	gatewayForm := `{"success":false,"error":{"code":"VALIDATION_FAILED","category":"CLIENT","message":"…","details":[{"field":"name","message":"Field required"}]},"metadata":{"requestId":"req-000001"}}`
	run(t, []script{{name: "dashboards", seed: oneSeed, steps: []step{
		{do: "POST " + base, body: `{}`, status: 422, want: detail(`["body","name"]`, "missing")},
		{do: "POST " + base, body: `{"name":""}`, status: 422, want: detail(`["body","name"]`, "string_too_short")},
		{do: "POST " + base, body: `{"name":" \n"}`, status: 422},
		{do: "POST " + base, body: `{"name":7}`, status: 422, want: detail(`["body","name"]`, "string_type")},
		{do: "POST " + base, body: `{"name":null}`, status: 422},
		{do: "POST " + base, body: `{"name":"a","tags":"b"}`, status: 422, want: detail(`["body","tags"]`, "list_type")},
		{do: "POST " + base, body: `{"name":"a","tags":[1]}`, status: 422, want: detail(`["body","tags",0]`, "type_error")},
		{do: "POST " + base, body: `{"name":"a","filters":[{}]}`, status: 422},
		{do: "POST " + base, body: `{"name":"a","visibility":""}`, status: 422},
		{do: "POST " + base, body: `{"name":"a","description":"refuse-me"}`, status: 422, want: detail(`["body","description"]`, "value_error")},
		{do: "POST " + base, body: `{"name":"a","description":null,"tags":null,"visibility":"galaxy"}`, status: 201},
		{do: put, body: `{"description":"x"}`, status: 422, want: detail(`["body","name"]`, "missing")},
		{do: "POST " + base, body: ``, status: 422},
		{do: "POST " + base, body: `[]`, status: 422},
		{do: "POST " + base, body: `{"name":`, status: 422},
		{do: "POST " + base, body: `{"name":"a"}`, head: "Authorization: Bearer " + mt.Token + "\nContent-Type: text/plain", status: 422},
	}}, {name: "widgets", seed: oneSeed, steps: []step{
		{do: add, body: `{"name":"W"}`, status: 422, want: detail(`["body","widget_type"]`, "missing")},
		{do: add, body: `{"name":"W","widget_type":"refuse-me"}`, status: 422},
		{do: add, body: `{"name":"W","widget_type":"sankey"}`, status: 201},
		{do: add, body: `{"name":"W","widget_type":"text","config":[]}`, status: 422, want: detail(`["body","config"]`, "dict_type")},
		{do: add, body: at("6", "0", "6", "1"), status: 201},
		{do: add, body: at("7", "0", "6", "1"), status: 422, want: detail(`["body","position","width"]`, "value_error")},
		{do: add, body: at("-1", "0", "6", "1"), status: 422},
		{do: add, body: at("0", "0", "0", "1"), status: 422},
		{do: add, body: at("0.5", "0", "1", "1"), status: 422},
		{do: add, body: at("null", "0", "1", "1"), status: 422},
		{do: add, body: `{"name":"W","widget_type":"text","position":null}`, status: 422},
	}}, {name: "without grid", opts: []mt.Option{mt.WithoutGrid()}, seed: oneSeed, steps: []step{{do: add, body: at("70", "0", "6.5", "1"), status: 201}}},
		{name: "strict", opts: []mt.Option{mt.WithStrict()}, seed: oneSeed, steps: []step{
			{do: "POST " + base, body: `{"name":"a","theme":1}`, status: 422, want: detail(`["body","theme"]`, "extra_forbidden")},
			{do: put, body: `{"name":"a","id":"` + first + `"}`, status: 422, want: detail(`["body","id"]`, "extra_forbidden")},
			{do: add, body: `{"name":"W","widget_type":"text","id":"w"}`, status: 422},
			{do: put, body: board, status: 200},
			{do: "POST " + base + "/" + first + "/share", body: `{"shared_with":[],"note":1}`, status: 422},
		}},
		{name: "not strict", seed: oneSeed, steps: []step{
			{do: put, body: `{"name":"a","id":"other","tenant_id":"globex","created_by":"user-9","widget_count":99,"widgets":[]}`, status: 200},
			{do: base + "/" + first, status: 200, want: `{"id":"` + first + `","tenant_id":"acme-corp","created_by":"user-1","widget_count":1,"widgets":[{"name":"W"}]}`},
			{do: base, status: 200, not: "widgets"},
		}},
		{name: "gateway", opts: []mt.Option{mt.WithErrors(mt.ErrorsGateway)}, steps: []step{
			{do: "POST " + base, body: `{}`, status: 400, want: gatewayForm},
			{do: base + "/x", status: 404, want: `{"success":false,"error":{"code":"RESOURCE_NOT_FOUND"},"metadata":{"requestId":"req-000002"}}`},
		}},
		{name: "appendix", opts: []mt.Option{mt.WithErrors(mt.ErrorsAppendix)}, steps: []step{
			{do: "POST " + base, body: `{}`, status: 400, want: `{"error":{"code":"MATIH-AI-400","message":"…"}}`},
			{do: base, head: "-", status: 401, want: `{"error":{"code":"MATIH-IAM-1001"}}`},
		}},
		{name: "echo", opts: []mt.Option{mt.WithInputEcho()}, steps: []step{
			{do: "POST " + base, body: `{"name":7}`, status: 422, want: `{"detail":[{"input":7}]}`},
		}},
		{name: "no echo", steps: []step{{do: "POST " + base, body: `{"name":7}`, status: 422, not: "input"}}},
	})
}

func TestAHugeBodyIs413(t *testing.T) {
	body := `{"name":"` + strings.Repeat("x", 9<<20) + `"}`
	play(t, mt.New(), "huge", step{do: "POST " + base, body: body, status: 413})
}

func TestPutIsFullOrPartial(t *testing.T) {
	rich := `[{"name":"One","description":"d","visibility":"public","tags":["a"],"extra":{"deep":1e3},
		"widgets":[{"name":"W","widget_type":"text","config":{"content":"c"},"note":"n","position":{"x":3,"y":0,"width":3,"height":1}}]}]`
	put, putW := "PUT "+base+"/"+first, "PUT "+base+"/"+first+"/widgets/"+w1
	run(t, []script{{name: "full", seed: rich, steps: []step{
		{do: put, body: `{"name":"Two"}`, status: 200, want: `{"name":"Two","description":"","visibility":"private","tags":[],"filters":[]}`, not: "extra"},
		{do: putW, body: `{"name":"V","widget_type":"table"}`, status: 200, want: `{"config":{},"data_source":{},"position":{"x":0,"y":0,"width":6,"height":4}}`, not: "note"},
	}}, {name: "partial", opts: []mt.Option{mt.WithPartialPut()}, seed: rich, steps: []step{
		{do: put, body: `{"tags":["b"]}`, status: 200, want: `{"name":"One","description":"d","visibility":"public","tags":["b"],"extra":{"deep":1e3}}`},
		{do: putW, body: `{"widget_type":"table"}`, status: 200, want: `{"name":"W","widget_type":"table","config":{"content":"c"},"note":"n","position":{"x":3,"y":0,"width":3,"height":1}}`},
	}}, {name: "null defaults", opts: []mt.Option{mt.WithNullDefaults()}, seed: rich, steps: []step{
		{do: put, body: `{"name":"Two"}`, status: 200, want: `{"description":null,"tags":null,"filters":null}`},
		{do: putW, body: `{"name":"V","widget_type":"table"}`, status: 200, want: `{"config":null,"data_source":null}`},
	}}})
}

func TestUnknownKeysComeBackAsTheyWere(t *testing.T) {
	const odd = `"theme":{"a":[1.0,1e3,-0.50,null,true,{"b":[]}],"ü":"日本\n<&>"},"gone":null`
	run(t, []script{{name: "verbatim", steps: []step{
		{do: "POST " + base, body: `{"name":"a",` + odd + `}`, status: 201},
		{do: "POST " + base + "/" + first + "/widgets", body: `{"name":"W","widget_type":"text",` + odd + `}`, status: 201},
		{do: base + "/" + first, status: 200, want: `{` + odd + `,"widgets":[{` + odd + `}]}`, not: `\u003c`},
		{do: "PUT " + base + "/" + first, body: `{"name":"b",` + odd + `}`, status: 200},
		{do: base, status: 200, want: `[{"name":"b",` + odd + `}]`},
	}}})
}

func TestSingleForms(t *testing.T) {
	one := base + "/" + first
	forms := []struct {
		name              string
		form              mt.SingleForm
		get, put, putW, c string
	}{
		{"bare", mt.SingleBare, `{"id":"…","widgets":[{"id":"…"}]}`, `{"id":"…"}`, `{"id":"…","name":"W"}`, `{"id":"…"}`},
		{"data", mt.SingleData, `{"success":true,"data":{"id":"…","widgets":[{}]}}`, `{"success":true,"data":{"id":"…"}}`, `{"data":{"name":"W"}}`, `{"data":{"id":"…"}}`},
		{"split", mt.SingleSplit, `{"data":{"dashboard":{"id":"…"},"widgets":[{}]}}`, `{"data":{"dashboard":{"id":"…"}}}`, `{"data":{"widget":{"name":"W"}}}`, `{"data":{"dashboard":{}}}`},
		{"service", mt.SingleService, `{"success":true,"data":{"id":"…","widgets":[{}]},"errors":[],"warnings":[],"execution_time_ms":12}`, `{"data":{"id":"…"}}`, `{"data":{"name":"W"}}`, `{"data":{"id":"…"}}`},
		{"data bare", mt.SingleDataBare, `{"id":"…","data":{"widgets":[{}]}}`, `{"id":"…"}`, `{"name":"W"}`, `{"id":"…"}`},
	}
	for _, f := range forms {
		run(t, []script{{name: f.name, opts: []mt.Option{mt.WithSingle(f.form)}, seed: oneSeed, steps: []step{
			{do: one, status: 200, want: f.get},
			{do: "PUT " + one, body: board, status: 200, want: f.put},
			{do: "PUT " + one + "/widgets/" + w1, body: aWidget, status: 200, want: f.putW},
			{do: "POST " + base, body: board, status: 201, want: f.c},
		}}})
	}
	s := mt.New(mt.WithSingle(mt.SingleDataBare))
	seed(t, s, oneSeed)
	absent(t, s, one, "widgets")
}

func TestCreateAndDeleteAnswers(t *testing.T) {
	id2 := "dash-00013c6ef362"
	created := func(status int, a mt.CreateAnswer) []mt.Option { return []mt.Option{mt.WithCreated(status, a)} }
	run(t, []script{
		{name: "200 whole", opts: created(200, mt.CreatedWhole), seed: oneSeed, steps: []step{{do: "POST " + base, body: board, status: 200, want: `{"id":"` + id2 + `","description":"d"}`}}},
		{name: "location", opts: created(201, mt.CreatedLocation), seed: oneSeed, steps: []step{
			{do: "POST " + base, body: board, status: 201, header: "Location: " + base + "/" + id2, not: "id"},
			{do: "POST " + base + "/" + first + "/widgets", body: aWidget, status: 201, header: "Location: " + base + "/" + first + "/widgets/w-00013c6ef362", not: "id"},
		}},
		{name: "nothing", opts: created(201, mt.CreatedNothing), steps: []step{{do: "POST " + base, body: board, status: 201, not: "id"}, {do: base, status: 200, want: `[{"name":"Q4"}]`}}},
		{name: "delete 200", opts: []mt.Option{mt.WithDeleted(200)}, seed: oneSeed, steps: []step{
			{do: "DELETE " + base + "/" + first + "/widgets/" + w1, status: 200, want: `{"success":true}`},
			{do: "DELETE " + base + "/" + first, status: 200, want: `{"success":true}`},
		}},
	})
	a := ask(mt.New(mt.WithCreated(201, mt.CreatedNothing)), step{do: "POST " + base, body: board})
	if a.Body.Len() != 0 || a.Header().Get("Location") != "" {
		t.Errorf("CreatedNothing tells %q, %v", a.Body, a.Header())
	}
}

func TestOtherNamesAndPaths(t *testing.T) {
	run(t, []script{{name: "mapped", opts: []mt.Option{
		mt.WithPaths(mt.Paths{Dashboards: "/api/v2/boards", Widgets: "panels"}),
		mt.WithDashboardNames(map[string]string{"name": "title", "widgets": "panels", "created_by": "owner"}),
		mt.WithWidgetNames(map[string]string{"id": "widget_id", "widget_type": "type", "position": "layout"}),
	}, steps: []step{
		{do: base, status: 404},
		{do: "POST /api/v2/boards", body: `{"name":"a"}`, status: 422, want: `{"detail":[{"loc":["body","title"]}]}`},
		{do: "POST /api/v2/boards", body: `{"title":"a","name":"kept as unknown"}`, status: 201, want: `{"title":"a","owner":"user-1"}`},
		{do: "POST /api/v2/boards/" + first + "/panels", body: `{"name":"W","type":"text","layout":{"x":9,"y":0,"width":9,"height":1}}`, status: 422, want: `{"detail":[{"loc":["body","layout","width"]}]}`},
		{do: "POST /api/v2/boards/" + first + "/panels", body: `{"name":"W","type":"text"}`, status: 201, want: `{"widget_id":"` + w1 + `","layout":{"width":6}}`},
		{do: "/api/v2/boards/" + first, status: 200, want: `{"title":"a","name":"kept as unknown","panels":[{"widget_id":"` + w1 + `","type":"text"}]}`, not: "widget_type"},
		{do: "/api/v2/boards", status: 200, want: `[{"title":"a","id":"` + first + `"}]`},
	}}})
	s := mt.New(mt.WithDashboardNames(map[string]string{"name": "title"}))
	ask(s, step{do: "POST " + base, body: `{"title":"a"}`})
	if d, ok := s.Dashboard(first); !ok || d.Name() != "a" {
		t.Errorf("behind the API names are canonical: %+v", d.Fields)
	}
}

func TestChangeTimesShowOnlyWhenAsked(t *testing.T) {
	s := mt.New(mt.WithClock(newClock().now))
	seed(t, s, oneSeed)
	absent(t, s, base+"/"+first, "updated_at", "updated_by")
	run(t, []script{{name: "shown", opts: []mt.Option{mt.WithUpdatedAt(), mt.WithWidgetParents()}, seed: oneSeed, steps: []step{
		{do: base + "/" + first, status: 200, want: `{"created_at":"2025-03-15T10:00:00Z","updated_at":"2025-03-15T10:00:00Z","updated_by":"user-1","widgets":[{"dashboard_id":"` + first + `"}]}`},
		{do: "PUT " + base + "/" + first, body: board, status: 200, want: `{"created_at":"2025-03-15T10:00:00Z","updated_at":"2025-03-15T10:00:00.000001Z"}`},
	}}})
}

func TestETag(t *testing.T) {
	s := mt.New(mt.WithETag())
	seed(t, s, oneSeed)
	one := base + "/" + first
	tag := ask(s, step{do: one}).Header().Get("ETag")
	auth := "Authorization: Bearer " + mt.Token + "\n"
	if tag == "" {
		t.Fatal("no ETag")
	}
	for _, known := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		a := ask(s, step{do: one, head: auth + "If-None-Match: " + known})
		if a.Code != http.StatusNotModified || a.Body.Len() != 0 || a.Header().Get("ETag") != tag {
			t.Errorf("If-None-Match %s: %d %q", known, a.Code, a.Body)
		}
	}
	ask(s, step{do: "PUT " + one + "/widgets/" + w1, body: aWidget})
	a := ask(s, step{do: one, head: auth + "If-None-Match: " + tag})
	if a.Code != http.StatusOK || a.Header().Get("ETag") == tag {
		t.Errorf("a changed widget gives %d and the same tag", a.Code)
	}
	if full, same := s.Details(); full != 2 || same != 4 {
		t.Errorf("counted %d full, %d not modified, want 2 and 4", full, same)
	}
	s.ResetLog()
	if full, same := s.Details(); full != 0 || same != 0 {
		t.Errorf("ResetLog keeps %d and %d", full, same)
	}
	if a := ask(mt.New(), step{do: base}); slices.Contains(a.Header().Values("ETag"), tag) {
		t.Error("an ETag without the option")
	}
}

func TestShareForms(t *testing.T) {
	const list = `{"visibility":"team","shared_with":["user-2","team-a"],"permissions":"view"}`
	const users = `{"visibility":"tenant","shared_with":[{"user_id":"user-2","permission":"edit"}]}`
	share := "POST " + base + "/" + first + "/share"
	for _, c := range []struct {
		form        mt.ShareForm
		list, users int
	}{{mt.ShareAny, 200, 200}, {mt.ShareList, 200, 422}, {mt.ShareUsers, 422, 200}} {
		s := mt.New(mt.WithShareForm(c.form))
		seed(t, s, oneSeed)
		play(t, s, "list", step{do: share, body: list, status: c.list})
		play(t, s, "users", step{do: share, body: users, status: c.users})
		for _, bad := range []string{`{}`, `{"shared_with":["a"]}`, `{"shared_with":[{"user_id":"a"}]}`, `{"shared_with":[1]}`, `{"visibility":"","shared_with":[]}`} {
			play(t, s, bad, step{do: share, body: bad, status: 422})
		}
		want := 0
		for _, status := range []int{c.list, c.users} {
			if status == 200 {
				want++
			}
		}
		got := s.Shares(first)
		if len(got) != want {
			t.Fatalf("form %d: %d bodies kept, want %d", c.form, len(got), want)
		}
		if c.form == mt.ShareAny && (mismatch("", parse(t, list), any(got[0])) != "" || mismatch("", parse(t, users), any(got[1])) != "") {
			t.Errorf("kept %v", got)
		}
	}
}
