package matih

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

func TestImportWritesOnlyWhatDiffers(t *testing.T) {
	r := newRig(t, "")
	a := revenue(t)
	r.write(a)
	r.same(a)
	counts := func(want map[matihtest.Route]int) {
		t.Helper()
		for _, route := range []matihtest.Route{matihtest.Create, matihtest.Put, matihtest.AddWidget, matihtest.PutWidget, matihtest.DeleteWidget, matihtest.Share} {
			if n := r.s.Count(route); n != want[route] {
				t.Errorf("%s: %d requests, want %d", route, n, want[route])
			}
		}
		r.s.ResetLog()
	}
	counts(map[matihtest.Route]int{matihtest.Create: 1, matihtest.AddWidget: 3})
	if n := r.ids.Binds(); n != 2 {
		t.Errorf("%d durable writes of the map, want one for the dashboard and one for its widgets", n)
	}
	r.write(a)
	counts(nil)
	b := edited(t, a, "all regions", "all of them")
	r.write(b)
	r.same(b)
	counts(map[matihtest.Route]int{matihtest.PutWidget: 1})
	c := edited(t, b, "Quarterly revenue analysis across regions", "Other words")
	r.write(c)
	r.same(c)
	counts(map[matihtest.Route]int{matihtest.Put: 1})
}

// TestCopiedFile: widgets that belong to another dashboard are not taken from it.
func TestCopiedFile(t *testing.T) {
	r := newRig(t, "")
	a := revenue(t)
	r.write(a)
	doc, err := asset.ParseDocument("copy.yaml", a.Content)
	if err != nil {
		t.Fatal(err)
	}
	copied := dashOf(t, "u-copy", "Copy", doc.Spec, nil)
	err = r.c.Import(t.Context(), []*asset.Asset{copied}, nil)[0].Err
	if err == nil || !strings.Contains(err.Error(), "is already one of dashboard:u-revenue") || !strings.Contains(err.Error(), "nothing was written") {
		t.Errorf("%v", err)
	}
	r.same(a)
	if err := r.c.Delete(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	r.write(copied) // moved, then
	r.same(copied)
}

// TestOneBadDashboardAlone: the others are written.
func TestOneBadDashboardAlone(t *testing.T) {
	r := newRig(t, "")
	good := []*asset.Asset{dash(t, "u-1", "One", "visibility: team"), dash(t, "u-3", "Three", "visibility: team")}
	for what, bad := range map[string]*asset.Asset{
		"refused":    dash(t, "u-2", "Two", "description: "+matihtest.Refused),
		"no uid":     {Info: asset.Info{ID: asset.ID{Kind: kindDashboard, UID: "u-2"}}, Path: "bad.yaml", Content: []byte("dashkeep: matih/1\nkind: dashboard\nuid: u-2\ntitle: Two\nspec:\n  widgets:\n    - name: x\n")},
		"no format":  {Info: asset.Info{ID: asset.ID{Kind: kindDashboard, UID: "u-2"}}, Path: "bad.yaml", Content: []byte("dashkeep: superset/1\nkind: dashboard\nuid: u-2\ntitle: Two\nspec: {}\n")},
		"another id": {Info: asset.Info{ID: asset.ID{Kind: kindDashboard, UID: "u-2"}}, Path: "bad.yaml", Content: good[0].Content},
	} {
		res := r.c.Import(t.Context(), []*asset.Asset{good[0], bad, good[1]}, nil)
		if len(res) != 3 || res[0].Err != nil || res[1].Err == nil || res[2].Err != nil || res[1].ID != bad.ID {
			t.Errorf("%s: %v", what, res)
		}
		r.same(good...)
	}
}

// TestSecretsAreNotWrittenAsMasks: what Git masks stays what the server has, and
// comes from the config where there is nothing yet.
func TestSecretsAreNotWrittenAsMasks(t *testing.T) {
	const password = "canary-s3cret"
	r := newRig(t, "")
	a := dash(t, "u-1", "T", `
visibility: team
widgets:
  - {uid: w-1, name: W, widget_type: table, position: {x: 0, y: 0, width: 6, height: 4}, data_source: {sql: SELECT 1, password: x}}
`)
	if !strings.Contains(string(a.Content), "password: XXXXXXXXXX") {
		t.Fatalf("not masked:\n%s", a.Content)
	}
	res := r.c.Import(t.Context(), []*asset.Asset{a}, nil)[0]
	if res.Err == nil || !strings.Contains(res.Err.Error(), "widgets/w-1/data_source/password: {env: YOUR_VARIABLE}") || r.s.Writes() != 0 {
		t.Fatalf("a new dashboard without its secret: %v, %d writes", res.Err, r.s.Writes())
	}
	r.c.secrets = func(asset.ID) map[string]secret.Value {
		return map[string]secret.Value{"widgets/w-1/data_source/password": secret.Literal(password)}
	}
	r.write(a)
	r.c.secrets = func(asset.ID) map[string]secret.Value { return nil }
	held := func() string {
		t.Helper()
		for raw, err := range r.c.Export(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			return asset.Text(asset.Get(raw.Doc, "widgets", "0", "data_source", "password"))
		}
		return ""
	}
	if held() != password {
		t.Errorf("the server has %q", held())
	}
	b := edited(t, a, "SELECT 1", "SELECT 2")
	r.write(b)
	r.same(b)
	if held() != password {
		t.Errorf("after an edit the server has %q", held())
	}
	c := edited(t, b, "password: XXXXXXXXXX", "password: XXXXXXXXXX\n        token: XXXXXXXXXX")
	notes := r.write(c)
	if len(notes) != 1 || notes[0].Path != "/spec/widgets/uid=w-1/data_source/token" {
		t.Errorf("notes %v", notes)
	}
	if held() != password {
		t.Errorf("after an edit without its secret the server has %q", held())
	}
}

// TestLostAnswerIsNotSomebodyElsesWidget: when a request was lost, a widget that
// another person added meanwhile is not taken for it.
func TestLostAnswerIsNotSomebodyElsesWidget(t *testing.T) {
	r := newRig(t, "")
	a := dash(t, "u-1", "T", "visibility: team")
	r.write(a)
	other := newRigOn(t, r)
	theirs := dash(t, "u-1", "T", "visibility: team\nwidgets:\n  - {uid: w-theirs, name: Theirs, widget_type: table, position: {x: 0, y: 0, width: 6, height: 4}}\n")
	first := true
	r.s.Break(matihtest.Fault{Route: matihtest.AddWidget, Do: func(w http.ResponseWriter, q *http.Request, next http.Handler) {
		if !first {
			next.ServeHTTP(w, q)
			return
		}
		first = false
		other.write(theirs)
		matihtest.DropRequest()(w, q, next)
	}})
	ours := dash(t, "u-1", "T", "visibility: team\nwidgets:\n  - {uid: w-ours, name: Ours, widget_type: table, position: {x: 0, y: 0, width: 6, height: 4}}\n")
	if err := r.c.Import(t.Context(), []*asset.Asset{ours}, nil)[0].Err; err == nil {
		t.Error("a lost request is called done")
	}
	r.s.Mend()
	r.same(theirs)
}

// TestFilesMayLeaveOutWhatTheServerAlwaysHas: that stays, and is said.
func TestFilesMayLeaveOutWhatTheServerAlwaysHas(t *testing.T) {
	r := newRig(t, "")
	r.write(revenue(t))
	notes := r.write(dash(t, "u-revenue", "New title", "widgets: [{uid: w-kpi, name: K, config: {a: 1}}]"))
	var paths []string
	for _, n := range notes {
		paths = append(paths, n.Path)
	}
	if got := strings.Join(paths, " "); got != "/spec/visibility /spec/widgets/uid=w-kpi/widget_type /spec/widgets/uid=w-kpi/position" {
		t.Errorf("left out: %s", got)
	}
	r.same(dash(t, "u-revenue", "New title", "visibility: team\nwidgets: [{uid: w-kpi, name: K, widget_type: kpi_card, position: {x: 6, y: 0, width: 3, height: 2}, config: {a: 1}}]"))
}

// TestOnlyLeftoversAreAdopted: an unbound dashboard of the same title and
// metadata is somebody's work when it has a widget that is not wanted, or when
// Git says something else under its uid.
func TestOnlyLeftoversAreAdopted(t *testing.T) {
	const meta = "visibility: team\n"
	const one = "  - {uid: w-1, name: One, widget_type: table, position: {x: 0, y: 0, width: 6, height: 4}}\n"
	const two = "  - {uid: w-2, name: Two, widget_type: table, position: {x: 0, y: 4, width: 6, height: 4}}\n"
	for _, tc := range []struct {
		name, live, git string // git: what it has under the live one's uid
		adopted         bool
	}{
		{"nothing yet", meta, "", true},
		{"a part", meta + "widgets:\n" + one, "", true},
		{"another widget", meta + "widgets:\n" + two, "", false},
		{"one more", meta + "widgets:\n" + one + two, "", false},
		{"other metadata", "visibility: private\n", "", false},
		{"an asset that was edited", meta, "visibility: public\n", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, "")
			r.write(dash(t, "somebody's", "T", tc.live))
			r.connect("")
			deps := r.set()
			if tc.git != "" {
				var err error
				if deps, err = asset.NewSet(dash(t, deps.IDs()[0].UID, "T", tc.git)); err != nil {
					t.Fatal(err)
				}
			}
			if res := r.c.Import(t.Context(), []*asset.Asset{dash(t, "ours", "T", meta+"widgets:\n"+one)}, deps)[0]; res.Err != nil {
				t.Fatal(res.Err)
			}
			if adopted := len(r.read()) == 1; adopted != tc.adopted {
				t.Errorf("adopted: %t, want %t", adopted, tc.adopted)
			}
		})
	}
}

// TestRefusalQuotesNoSecret: some servers quote what they were sent. A secret that
// was put back into it must not reach errors and logs, whether it came from the
// server or from the config.
func TestRefusalQuotesNoSecret(t *testing.T) {
	const fromServer, fromConfig = "canary-of-the-server", "canary-of-the-config"
	detail := `{"id":"d-1","name":"T","visibility":"team","widgets":[{"id":"1","name":"A","widget_type":"table","position":{"x":0,"y":0,"width":1,"height":1},"data_source":{"sql":"postgres://u:` + fromServer + `@h"}}]}`
	for name, refuse := range map[string]func(http.ResponseWriter, string){
		"422": func(w http.ResponseWriter, s string) {
			w.WriteHeader(422)
			fmt.Fprintf(w, `{"detail":"cannot use %s"}`, s)
		},
		"success: false": func(w http.ResponseWriter, s string) {
			fmt.Fprintf(w, `{"success":false,"error":{"message":"cannot use %s"}}`, s)
		},
	} {
		ids := platformtest.NewIDs("test")
		c := connect(t, &wire{answer: func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			switch {
			case r.Method != http.MethodGet:
				s := fromServer
				if strings.Contains(string(body), fromConfig) {
					s = fromConfig
				}
				refuse(w, s)
			case strings.HasSuffix(r.URL.Path, "/d-1"):
				fmt.Fprint(w, detail)
			default:
				fmt.Fprint(w, `{"data":[{"id":"d-1","name":"T"}],"total":1}`)
			}
		}}, "", func(cfg *platform.Config) {
			cfg.IDs = ids
			cfg.Secrets = func(asset.ID) map[string]secret.Value {
				return map[string]secret.Value{"widgets/w-2/data_source/password": secret.Literal(fromConfig)}
			}
		})
		if err := ids.Bind(platform.Binding{ID: asset.ID{Kind: kindDashboard, UID: "u"}, Server: "d-1"},
			platform.Binding{ID: asset.ID{Kind: kindWidget, UID: "w-1"}, Server: "d-1/1"}); err != nil {
			t.Fatal(err)
		}
		changed := "  - {uid: w-1, name: B, widget_type: table, position: {x: 0, y: 0, width: 1, height: 1}, data_source: {sql: 'postgres://u:XXXXXXXXXX@h'}}\n"
		added := "  - {uid: w-2, name: C, widget_type: table, position: {x: 0, y: 0, width: 1, height: 1}, data_source: {sql: SELECT 1, password: XXXXXXXXXX}}\n"
		for _, widgets := range []string{changed, strings.Replace(changed, "name: B", "name: A", 1) + added} {
			err := c.Import(t.Context(), []*asset.Asset{dash(t, "u", "T", "visibility: team\nwidgets:\n"+widgets)}, nil)[0].Err
			if err == nil || !strings.Contains(err.Error(), "cannot use") || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
