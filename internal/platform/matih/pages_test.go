package matih

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// shelf is a server with n dashboards whose ways of paging can be set.
type shelf struct {
	n, limit int    // limit: most rows of a page
	params   string // "offset", "page0", "page1", "" for ignored
	meta     string // "total", "hasNext", "pages0", "pages1", "count", "" for a bare list
	lie      int    // added to totals
	before   func(request int, s *shelf)
	asked    int
}

func (s *shelf) answer(w http.ResponseWriter, r *http.Request) {
	if s.before != nil {
		s.before(s.asked, s)
	}
	s.asked++
	q := r.URL.Query()
	num := func(key string, preset int) int {
		if i, err := strconv.Atoi(q.Get(key)); err == nil {
			return i
		}
		return preset
	}
	size, from, page := s.limit, 0, 0
	switch s.params {
	case "offset":
		size, from = min(num("limit", 20), s.limit), num("offset", 0)
	case "page0":
		size, page = min(num("size", 20), s.limit), num("page", 0)
		from = page * size
	case "page1":
		size, page = min(num("size", 20), s.limit), num("page", 1)
		from = max(0, page-1) * size
	case "all":
		size = s.n
	}
	rows := []map[string]any{}
	for i := from; i < min(from+size, s.n); i++ {
		rows = append(rows, map[string]any{"id": fmt.Sprintf("d-%d", i), "name": "N"})
	}
	more := from+len(rows) < s.n
	var out any = rows
	switch s.meta {
	case "total":
		out = map[string]any{"items": rows, "total": s.n + s.lie}
	case "count":
		out = map[string]any{"results": rows, "count": s.n + s.lie}
	case "page count":
		out = map[string]any{"results": rows, "count": len(rows)}
	case "hasNext":
		out = map[string]any{"data": rows, "pagination": map[string]any{"hasNext": more}}
	case "pages":
		out = map[string]any{"data": rows, "pagination": map[string]any{"page": page, "size": size, "total": s.n + s.lie, "hasNext": more}}
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (s *shelf) list(t *testing.T, options string) ([]string, error) {
	t.Helper()
	c := connect(t, &wire{answer: s.answer}, options)
	rows, err := c.list(t.Context())
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.server)
	}
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// TestEveryPagingIsReadWhole draws servers that page in any way: the list is
// whole, or an error says why it cannot be.
func TestEveryPagingIsReadWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &shelf{
			n:      rapid.SampledFrom([]int{0, 1, 7, 19, 20, 21, 40, 50, 99, 100, 101, 130, 200}).Draw(rt, "rows"),
			limit:  rapid.SampledFrom([]int{20, 25, 50, 100, 1000}).Draw(rt, "cap"),
			params: rapid.SampledFrom([]string{"offset", "page0", "page1", "all", ""}).Draw(rt, "params"),
			meta:   rapid.SampledFrom([]string{"total", "hasNext", "pages", "count", "page count", ""}).Draw(rt, "meta"),
		}
		paging := rapid.SampledFrom(pagingAuto.Values()).Draw(rt, "paging")
		if paging == "none" && s.params != "all" || paging == "page-from-1" && s.params == "page0" {
			return // the config promises what is not so, and no answer tells
		}
		ids, err := s.list(t, "{paging: "+paging+", rate: {per_minute: 600000}}")
		if err == nil && len(ids) != s.n {
			rt.Fatalf("%d of %d dashboards and no error", len(ids), s.n)
		}
		natural := paging == "auto" && (s.params == "offset" || s.meta == "pages" && s.params != "" || s.params == "all" && s.meta == "total")
		if err != nil && natural {
			rt.Fatalf("a server that pages as documented is refused: %v", err)
		}
	})
}

func TestPagingErrorsSayWhatToSet(t *testing.T) {
	for _, c := range []struct {
		name    string
		server  shelf
		options string
		want    []string
	}{
		{"paging ignored", shelf{n: 130, limit: 50}, "", []string{"the same 50 dashboards", "options.paging: none"}},
		{"whole list of a round number", shelf{n: 40, params: "all"}, "", []string{"the same 40 dashboards", "options.paging: none"}},
		{"a total nobody reaches", shelf{n: 30, limit: 100, params: "offset", meta: "total", lie: 5}, "", []string{"30 different dashboards", "35 were counted", "3 times"}},
		{"fewer counted than shown", shelf{n: 30, limit: 100, params: "offset", meta: "total", lie: -5}, "", []string{"30 different dashboards", "25 were counted"}},
		{"fewer counted by the way", shelf{n: 30, limit: 20, params: "offset", meta: "count", lie: -5}, "", []string{"30 different dashboards", "25 were counted"}},
		{"pages where rows are counted", shelf{n: 130, limit: 50, params: "offset"}, "{paging: page-from-1}", []string{"every page holds the same 20"}},
	} {
		ids, err := c.server.list(t, c.options)
		if err == nil {
			t.Errorf("%s: %d rows and no error", c.name, len(ids))
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v; want %q", c.name, err, want)
			}
		}
	}
	ids, err := (&shelf{n: 41, params: "all"}).list(t, "")
	if err != nil || len(ids) != 41 {
		t.Errorf("a whole list of 41 rows: %d, %v", len(ids), err)
	}
	ids, err = (&shelf{n: 40, params: "all"}).list(t, "{paging: none}")
	if err != nil || len(ids) != 40 {
		t.Errorf("paging none: %d, %v", len(ids), err)
	}
}

func TestListRefusesRowsItCannotName(t *testing.T) {
	for _, c := range []struct{ answer, want string }{
		{`[{"name":"x"}]`, `row 1 of the list has no id: no "id" is there; when this server calls it otherwise, say so under options.fields.dashboard.id`},
		{`[{"id":"a"},{"id":"../admin"}]`, "row 2 of the list has no id"},
		{`["a"]`, "row 1 of the list is no object"},
	} {
		c1 := connect(t, &wire{answer: fixed(map[string]string{listPath: c.answer})}, "")
		if _, err := c1.List(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.answer, err, c.want)
		}
	}
	c := connect(t, &wire{answer: fixed(nil)}, "")
	if _, err := c.List(t.Context()); err == nil || errors.Is(err, errGone) {
		t.Errorf("404 for the list gives %v", err)
	}
}
