package matihtest_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	mt "github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
)

func TestSeedGivesBackWhatWasGiven(t *testing.T) {
	s := mt.New()
	ids, err := s.Seed(mt.Dashboard{
		Fields:  map[string]any{"name": "Typed", "n": json.Number("1e3"), "list": []int{1, 2}},
		Widgets: []mt.Widget{{Fields: map[string]any{"name": "W", "widget_type": "text"}}, {ID: "w-own", Fields: map[string]any{"name": "V"}}},
	}, mt.Dashboard{ID: "dash-own", Tenant: mt.Other, Owner: "user-9", Fields: map[string]any{"name": "Elsewhere"}})
	if err != nil || !slices.Equal(ids, []string{first, "dash-own"}) {
		t.Fatal(ids, err)
	}
	play(t, s, "detail", step{do: base + "/" + first, status: 200, want: `{"name":"Typed","n":1e3,"list":[1,2],"visibility":"private","created_by":"user-1","widgets":[{"id":"` + w1 + `"},{"id":"w-own"}]}`})
	play(t, s, "another tenant", step{do: base + "/dash-own", status: 404})
	if d, _ := s.Dashboard("dash-own"); d.Owner != "user-9" || d.Tenant != mt.Other || d.Editor != "user-9" {
		t.Errorf("seeded %+v", d)
	}
	if s.Writes() != 0 {
		t.Error("seeding is no write through the API")
	}
	for _, bad := range []string{`{}`, `[7]`, `[`} {
		if _, err := s.SeedJSON(bad); err == nil {
			t.Errorf("SeedJSON takes %s", bad)
		}
	}
	if _, err := s.Seed(mt.Dashboard{Fields: map[string]any{"name": "fine"}}, mt.Dashboard{Fields: map[string]any{"x": math.NaN()}}); err == nil || len(s.Dashboards()) != 2 {
		t.Errorf("half of a bad seed was taken: %v", err)
	}
}

func TestSeedsKeepIDsApart(t *testing.T) {
	seen := map[string]bool{}
	for i := range 3 {
		s := mt.New(mt.WithSeed(uint16(7 + i)))
		s.Many(500)
		for _, d := range s.Dashboards() {
			for _, id := range []string{d.ID, d.Widgets[0].ID} {
				if seen[id] || id == mt.Missing {
					t.Fatalf("%s was given out twice", id)
				}
				seen[id] = true
			}
		}
		s.Wipe()
		s.Many(1)
		if id := s.Dashboards()[0].ID; seen[id] || len(s.Dashboards()) != 1 {
			t.Errorf("after a wipe %s is given out again", id)
		}
	}
}

func TestExamples(t *testing.T) {
	s := mt.New()
	if err := s.SeedExamples(); err != nil {
		t.Fatal(err)
	}
	types, widgets, visible, unknown := map[string]bool{}, 0, map[string]bool{}, 0
	for _, d := range s.Dashboards() {
		visible[d.Fields["visibility"].(string)] = true
		unknown += len(d.Fields) - 5
		for _, w := range d.Widgets {
			types[w.Fields["widget_type"].(string)] = true
			widgets++
			unknown += len(w.Fields) - 5
		}
	}
	if n := len(s.Dashboards()); n != 4 || widgets != 12 || unknown != 3 {
		t.Errorf("%d dashboards, %d widgets, %d unknown keys", n, widgets, unknown)
	}
	for _, want := range []string{"bar_chart", "line_chart", "pie_chart", "area_chart", "scatter_plot", "kpi_card", "table", "heatmap", "text"} {
		if !types[want] {
			t.Errorf("no %s", want)
		}
	}
	if len(types) != 10 || !visible["workspace"] {
		t.Errorf("types %v, visibilities %v: one of each must be unknown", types, visible)
	}
	all := show(t, s)
	if strings.Count(all, mt.Secret) != 2 {
		t.Error("the secret must stand in two places")
	}
	for _, d := range s.Dashboards() {
		detail := ask(s, step{do: base + "/" + d.ID}).Body.String()
		for _, odd := range []string{`"steps":[1e3,2.50,0]`, `"dark":null`} {
			if strings.Contains(detail, "palette") && !strings.Contains(detail, odd) {
				t.Errorf("%s is not in %s", odd, detail)
			}
		}
	}
}

// What the examples hold on a server can be written to the same server again:
// they are what a real one may hold.
func TestExamplesPassTheChecks(t *testing.T) {
	for _, p := range mt.Profiles() {
		if p.Name == "other-names" {
			continue // its bodies have other names
		}
		t.Run(p.Name, func(t *testing.T) {
			s := p.Server()
			if err := s.SeedExamples(); err != nil {
				t.Fatal(err)
			}
			head := "Authorization: Bearer " + mt.Token + "\nX-Tenant-ID: " + mt.Tenant
			const query = "?tenant_id=" + mt.Tenant + "&user_id=user-1"
			before := show(t, s)
			for _, d := range s.Dashboards() {
				play(t, s, d.Name(), step{do: "PUT " + base + "/" + d.ID + query, body: text(t, d.Fields), head: head + "\nContent-Type: application/json", status: 200})
				for _, w := range d.Widgets {
					play(t, s, d.Name(), step{do: "PUT " + base + "/" + d.ID + "/widgets/" + w.ID + query, body: text(t, w.Fields), head: head + "\nContent-Type: application/json", status: 200})
				}
			}
			if after := show(t, s); withoutTimes(t, after) != withoutTimes(t, before) {
				t.Errorf("before %s\nafter  %s", before, after)
			}
		})
	}
}

func withoutTimes(t *testing.T, all string) string {
	t.Helper()
	list, _ := parse(t, all).([]any)
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			delete(m, "Updated")
		}
	}
	return text(t, list)
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEditAs(t *testing.T) {
	s := mt.New(mt.WithClock(newClock().now), mt.WithUpdatedAt(), mt.WithUsers(mt.User{ID: "user-2", Email: "u2@example.com"}),
		mt.WithDashboardNames(map[string]string{"name": "title"}))
	seed(t, s, `[{"name":"One","extra":1.0,"widgets":[{"name":"W","widget_type":"text"},{"name":"V","widget_type":"text"}]}]`)
	ask(s, step{do: "POST " + base + "/" + first + "/share", body: `{"shared_with":[]}`})
	before, _ := s.Dashboard(first)
	err := s.EditAs("user-2", first, func(f map[string]any) {
		if f["name"] != "One" || f["id"] != nil || f["created_by"] != nil {
			t.Errorf("f gets %v", f)
		}
		f["name"] = "Two"
		widgets := f["widgets"].([]any)
		widgets[1].(map[string]any)["name"] = "U"
		f["widgets"] = append(widgets[1:], map[string]any{"name": "New", "widget_type": "table"})
	})
	if err != nil {
		t.Fatal(err)
	}
	play(t, s, "edited", step{do: base + "/" + first, status: 200, want: `{"title":"Two","extra":1.0,"created_by":"user-1","updated_by":"user-2",
		"widgets":[{"id":"` + before.Widgets[1].ID + `","name":"U"},{"id":"w-0001daa66d13","name":"New"}]}`})
	after, _ := s.Dashboard(first)
	if !after.Updated.After(before.Updated) || !after.Created.Equal(before.Created) || len(s.Shares(first)) != 1 {
		t.Errorf("before %+v, after %+v, shares %v", before, after, s.Shares(first))
	}
	if s.EditAs("nobody", first, func(map[string]any) {}) == nil || s.EditAs("user-2", mt.Missing, func(map[string]any) {}) == nil || s.Remove(mt.Missing) == nil {
		t.Error("an edit by nobody, of nothing, or a removal of nothing was taken")
	}
}

func TestSnapshotsAreCopies(t *testing.T) {
	s := mt.New()
	seed(t, s, `[{"name":"One","extra":{"a":[1]},"widgets":[{"name":"W","widget_type":"text","config":{"c":[1]}}]}]`)
	before := show(t, s)
	for _, d := range s.Dashboards() {
		d.Fields["extra"].(map[string]any)["a"].([]any)[0] = 2
		d.Fields["name"] = "Changed"
		d.Widgets[0].Fields["config"].(map[string]any)["c"] = 2
	}
	if show(t, s) != before {
		t.Error("a snapshot's change reached the server")
	}
}

func TestOmitAndHide(t *testing.T) {
	s := mt.New(mt.WithForbidden()) // Hide decides for itself
	ids := seed(t, s, `[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}]`)
	s.Omit(ids[0])
	s.Hide(ids[1], false)
	s.Hide(ids[2], true)
	for i, status := range []int{500, 404, 403, 200} {
		play(t, s, ids[i], step{do: base + "/" + ids[i], status: status})
	}
	if got := listedIDs(t, s, base, mt.Token); !slices.Equal(got, []string{ids[0], ids[3]}) {
		t.Errorf("listed %v", got)
	}
	play(t, s, "write to a hidden one", step{do: "DELETE " + base + "/" + ids[1], status: 404})
	s.Mend()
	if got := listedIDs(t, s, base, mt.Token); !slices.Equal(got, ids) || ask(s, step{do: base + "/" + ids[0]}).Code != 200 {
		t.Errorf("after Mend listed %v", got)
	}
}

func TestWipe(t *testing.T) {
	s := mt.New()
	ask(s, step{do: "POST " + base, body: board})
	s.Wipe()
	play(t, s, "list", step{do: base, status: 200, want: `[]`})
	if s.Writes() != 1 {
		t.Error("a wipe forgets the writes")
	}
}

// Run under the race detector: every call of the API and everything that tests
// do behind its back, at once. Nothing may be lost.
func TestManyClientsAtOnce(t *testing.T) {
	s := mt.New(mt.WithOrder(mt.Shuffled), mt.WithETag(), mt.WithRate(mt.Rate{PerMinute: 1e6, Burst: 1e6}), mt.WithCreated(http.StatusCreated, mt.CreatedWhole))
	ids := seed(t, s, `[{"name":"Stays"}]`)
	s.BetweenPages(func(int) { s.Named("Stays") })
	s.Break(mt.Fault{Route: mt.Put, Do: mt.Lie()})
	const clients, rounds = 6, 8
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for r := range rounds {
				a := ask(s, step{do: "POST " + base, body: fmt.Sprintf(`{"name":"%d/%d","x":{"y":[1.0]}}`, c, r)})
				var made struct{ ID string }
				if err := json.Unmarshal(a.Body.Bytes(), &made); err != nil || made.ID == "" {
					t.Errorf("create: %v", err)
				}
				one := base + "/" + made.ID
				for _, st := range []step{{do: "POST " + one + "/widgets", body: aWidget}, {do: one}, {do: base}, {do: "PUT " + one, body: board},
					{do: "POST " + one + "/share", body: `{"shared_with":[]}`}, {do: loginPath, body: credentials, head: "-"}} {
					ask(s, st)
				}
				s.Dashboards()
				s.Shares(made.ID)
				s.ExpireTokens()
				s.Writes()
				s.Count(mt.List)
				if err := s.EditAs("user-1", ids[0], func(f map[string]any) { f["widgets"] = append(f["widgets"].([]any), map[string]any{"name": "n"}) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	const all = clients * rounds
	stays, _ := s.Dashboard(ids[0])
	if n := len(s.Dashboards()); n != all+1 || s.Writes() != 3*all || len(stays.Widgets) != all || s.Count("") != 7*all {
		t.Errorf("%d dashboards, %d writes, %d widgets by edits, %d requests", n, s.Writes(), len(stays.Widgets), s.Count(""))
	}
}
