package matihtest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	mt "github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
)

func TestListForms(t *testing.T) {
	auth := `"metadata":{"requestId":"…","timestamp":"…"}`
	for _, c := range []struct {
		name string
		opts []mt.Option
		want string
	}{
		{"bare", nil, `[{"name":"One"},{"name":"Two"}]`},
		{"data", []mt.Option{mt.WithList(mt.ListData)}, `{"data":[{},{}]}`},
		{"data items", []mt.Option{mt.WithList(mt.ListDataItems)}, `{"data":{"items":[{},{}],"total":2}}`},
		{"data dashboards", []mt.Option{mt.WithList(mt.ListDataDashboards)}, `{"data":{"dashboards":[{},{}],"total":2}}`},
		{"items", []mt.Option{mt.WithList(mt.ListItems)}, `{"items":[{},{}],"total":2}`},
		{"results", []mt.Option{mt.WithList(mt.ListResults)}, `{"results":[{},{}],"count":2}`},
		{"dashboards", []mt.Option{mt.WithList(mt.ListDashboards)}, `{"dashboards":[{},{}],"total":2}`},
		{"gateway", []mt.Option{mt.WithList(mt.ListGateway), mt.WithPaging(mt.PageFrom0)},
			`{"success":true,"data":[{},{}],` + auth + `,"pagination":{"page":0,"size":20,"totalElements":2,"totalPages":1,"hasNext":false}}`},
		{"appendix", []mt.Option{mt.WithList(mt.ListAppendix), mt.WithPaging(mt.PageFrom1)},
			`{"data":[{},{}],"pagination":{"page":1,"size":20,"total":2,"totalPages":1,"hasNext":false,"hasPrevious":false}}`},
	} {
		run(t, []script{{name: c.name, opts: c.opts, seed: twoSeeds, steps: []step{{do: base, status: 200, want: c.want}}}})
	}
	run(t, []script{
		{name: "without total", opts: []mt.Option{mt.WithList(mt.ListItems), mt.WithoutTotal()}, seed: twoSeeds, steps: []step{{do: base, status: 200, not: "total"}}},
		{name: "short rows", opts: []mt.Option{mt.WithShortRows()}, seed: twoSeeds, steps: []step{{do: base, status: 200, want: `[{"name":"One","widget_count":0},{}]`, not: "description"}}},
	})
}

// pages asks for a listing of n dashboards, and wants the names of the rows as
// "3-5", or a status.
func TestPaging(t *testing.T) {
	for _, c := range []struct {
		name  string
		opts  []mt.Option
		query string
		want  string
	}{
		{"offset", nil, "", "1-20"},
		{"offset", nil, "?limit=100", "1-100"},
		{"offset", nil, "?limit=500", "1-100"},
		{"offset", nil, "?limit=7&offset=3", "4-10"},
		{"offset", nil, "?limit=100&offset=100", "101-130"},
		{"offset", nil, "?offset=130", "none"},
		{"offset", nil, "?offset=999999", "none"},
		{"offset", nil, "?page=2&size=10", "1-20"},
		{"offset", nil, "?limit=x", "422"},
		{"offset", nil, "?limit=0", "422"},
		{"offset", nil, "?offset=-1", "422"},
		{"cap refused", []mt.Option{mt.WithCapRefused()}, "?limit=101", "422"},
		{"cap refused", []mt.Option{mt.WithCapRefused()}, "?limit=100", "1-100"},
		{"cap", []mt.Option{mt.WithPageSize(20, 50)}, "?limit=100", "1-50"},
		{"cap", []mt.Option{mt.WithPageSize(20, 50)}, "?limit=10", "1-10"},
		{"fixed", []mt.Option{mt.WithFixedPage(50)}, "?limit=10&offset=50", "51-100"},
		{"from 0", []mt.Option{mt.WithPaging(mt.PageFrom0)}, "", "1-20"},
		{"from 0", []mt.Option{mt.WithPaging(mt.PageFrom0)}, "?page=1&size=30", "31-60"},
		{"from 0", []mt.Option{mt.WithPaging(mt.PageFrom0)}, "?limit=100&offset=20", "1-20"},
		{"from 0", []mt.Option{mt.WithPaging(mt.PageFrom0)}, "?page=6", "121-130"},
		{"from 0", []mt.Option{mt.WithPaging(mt.PageFrom0)}, "?page=7", "none"},
		{"from 1", []mt.Option{mt.WithPaging(mt.PageFrom1)}, "?page=2&size=30", "31-60"},
		{"from 1", []mt.Option{mt.WithPaging(mt.PageFrom1)}, "?page=0", "422"},
		{"none", []mt.Option{mt.WithPaging(mt.NoPaging)}, "?limit=10&offset=5", "1-130"},
		{"newest first", []mt.Option{mt.WithOrder(mt.NewestFirst)}, "?limit=2&offset=1", "129-128"},
	} {
		s := mt.New(c.opts...)
		s.Many(130)
		if got := names(t, s, c.query); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.name, c.query, got, c.want)
		}
	}
}

func names(t *testing.T, s *mt.Server, query string) string {
	t.Helper()
	a := ask(s, step{do: base + query})
	list, ok := parse(t, a.Body.String()).([]any)
	switch {
	case !ok:
		return fmt.Sprint(a.Code)
	case len(list) == 0:
		return "none"
	}
	name := func(v any) string {
		m, _ := v.(map[string]any)
		n, _ := m["name"].(string)
		return strings.TrimPrefix(n, "Dashboard ")
	}
	return name(list[0]) + "-" + name(list[len(list)-1])
}

func TestPaginationTellsTheTruth(t *testing.T) {
	for _, c := range []struct {
		opts  []mt.Option
		query string
		want  string
	}{
		{[]mt.Option{mt.WithList(mt.ListGateway), mt.WithPaging(mt.PageFrom0)}, "?page=5", `{"page":5,"size":20,"totalElements":130,"totalPages":7,"hasNext":true}`},
		{[]mt.Option{mt.WithList(mt.ListGateway), mt.WithPaging(mt.PageFrom0)}, "?page=6", `{"hasNext":false}`},
		{[]mt.Option{mt.WithList(mt.ListAppendix), mt.WithPaging(mt.PageFrom1)}, "?page=2&size=65", `{"page":2,"size":65,"total":130,"totalPages":2,"hasNext":false,"hasPrevious":true}`},
		{[]mt.Option{mt.WithList(mt.ListAppendix), mt.WithPaging(mt.PageFrom1)}, "?page=1&size=129", `{"size":100,"hasNext":true,"hasPrevious":false}`},
	} {
		s := mt.New(c.opts...)
		s.Many(130)
		play(t, s, c.query, step{do: base + c.query, status: 200, want: `{"pagination":` + c.want + `}`})
	}
}

func TestListFilters(t *testing.T) {
	run(t, []script{{name: "filters", seed: `[{"name":"a","tags":["x","y"]},{"name":"b","visibility":"public","tags":["y"]}]`, steps: []step{
		{do: base + "?visibility=public", status: 200, want: `[{"name":"b"}]`},
		{do: base + "?tag=x", status: 200, want: `[{"name":"a"}]`},
		{do: base + "?tag=y", status: 200, want: `[{},{}]`},
		{do: base + "?tag=y&visibility=team", status: 200, want: `[]`},
	}}})
}

func TestShuffledListsAreWholeAndNeverTheSame(t *testing.T) {
	s := mt.New(mt.WithOrder(mt.Shuffled))
	s.Many(40)
	a, b := listedIDs(t, s, base+"?limit=100", mt.Token), listedIDs(t, s, base+"?limit=100", mt.Token)
	if slices.Equal(a, b) {
		t.Error("the order is the same twice")
	}
	slices.Sort(a)
	slices.Sort(b)
	if !slices.Equal(a, b) || len(a) != 40 {
		t.Error("the rows are not the same")
	}
}

func TestRowsMoveBetweenPages(t *testing.T) {
	s := mt.New(mt.WithOrder(mt.NewestFirst), mt.WithPageSize(2, 2))
	s.Many(4)
	var calls []int
	s.BetweenPages(func(pages int) {
		calls = append(calls, pages)
		if pages == 1 {
			seed(t, s, `[{"name":"Dashboard in between"}]`)
		}
	})
	got := []string{names(t, s, ""), names(t, s, "?offset=2"), names(t, s, "?offset=4")}
	if want := []string{"4-3", "3-2", "1-1"}; !slices.Equal(got, want) {
		t.Errorf("pages %v, want %v", got, want)
	}
	if !slices.Equal(calls, []int{1, 2, 3}) {
		t.Errorf("called for %v", calls)
	}
	s.BetweenPages(func(int) {
		if err := s.Remove(s.Named("Dashboard in between")); err != nil {
			t.Error(err)
		}
	})
	names(t, s, "")
	s.Mend()
	if names(t, s, ""); s.Named("Dashboard in between") != "" || len(s.Dashboards()) != 4 {
		t.Error("the row is still there")
	}
}

func TestRateLimit(t *testing.T) {
	for _, epoch := range []bool{false, true} {
		c := newClock()
		s := mt.New(mt.WithClock(c.now), mt.WithRate(mt.Rate{PerMinute: 60, Burst: 3, Epoch: epoch}), mt.WithErrors(mt.ErrorsGateway),
			mt.WithUsers(mt.User{ID: "user-5", Email: "u5@example.com", Tenant: mt.Other}), mt.WithToken("key-5", "user-5"))
		reset := "3"
		if epoch {
			reset = fmt.Sprint(c.t.Unix() + 3)
		}
		for i := range 3 {
			play(t, s, "burst", step{do: base, status: 200, header: fmt.Sprintf("X-RateLimit-Remaining: %d", 2-i)})
		}
		over := step{do: base, status: 429, want: `{"success":false,"error":{"code":"RATE_LIMITED"}}`, header: "Retry-After: 1"}
		play(t, s, "over", over)
		over.header = "X-RateLimit-Limit: 60"
		play(t, s, "over", over)
		over.header = "X-RateLimit-Reset: " + reset
		play(t, s, "over", over)
		play(t, s, "another tenant", step{do: base, head: "Authorization: Bearer key-5", status: 200})
		play(t, s, "a login", step{do: loginPath, head: "-", body: credentials, status: 200})
		c.advance(time.Second)
		play(t, s, "a second later", step{do: base, status: 200})
		play(t, s, "and over again", step{do: "POST " + base, body: board, status: 429})
		if s.Throttled() != 4 || len(s.Dashboards()) != 0 {
			t.Errorf("%d were throttled, want 4; a throttled create made %d dashboards", s.Throttled(), len(s.Dashboards()))
		}
		c.advance(time.Hour)
		play(t, s, "no more than the burst is saved", step{do: base, status: 200, header: "X-RateLimit-Remaining: 2"})
	}
}
