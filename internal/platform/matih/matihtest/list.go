package matihtest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// Paging is how a listing is cut into pages.
type Paging int

// The vendor's pages show three ways; other products list everything.
const (
	ByOffset  Paging = iota // limit (20) and offset
	PageFrom0               // page and size (20)
	PageFrom1               // the same, counted from 1
	NoPaging                // the whole list, whatever is asked
)

// Order is the order of a listing.
type Order int

// The orders that a server may have.
const (
	OldestFirst Order = iota
	NewestFirst       // what is created between two pages moves all others
	Shuffled          // another one for each request
)

// WithPaging chooses how listings are cut.
func WithPaging(p Paging) Option { return func(s *settings) { s.paging = p } }

// WithPageSize sets the rows of a page when none are asked for (20), and the
// most that a page gives whatever is asked for (100).
func WithPageSize(usual, most int) Option {
	return func(s *settings) { s.size, s.cap = usual, most }
}

// WithFixedPage gives pages of n rows whatever is asked for.
func WithFixedPage(n int) Option {
	return func(s *settings) { s.size, s.cap, s.fixed = n, n, true }
}

// WithCapRefused refuses to give more than the most with 422, as FastAPI does,
// where others give less silently.
func WithCapRefused() Option { return func(s *settings) { s.capRefused = true } }

// WithOrder chooses the order of listings.
func WithOrder(o Order) Option { return func(s *settings) { s.order = o } }

// BetweenPages calls f after each page of a listing, before the client gets it,
// with the number of pages so far. f may change the server.
func (s *Server) BetweenPages(f func(pages int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.between = f
}

// window is one page of a listing.
type window struct{ from, to, number, size, total int }

func (s *Server) list(c *call) (reply, *refusal) {
	q := c.r.URL.Query()
	rows := s.visible(c, q)
	w, f := s.window(q, len(rows))
	if f != nil {
		return reply{}, f
	}
	rows = rows[w.from:w.to]
	rows = rows[:max(0, len(rows)-c.tricks.short)]
	out := make([]any, len(rows))
	for i, d := range rows {
		if out[i] = s.meta(d); s.shortRows {
			out[i] = s.short(d)
		}
	}
	s.pages++
	c.listed = true
	return reply{status: http.StatusOK, body: s.listBody(out, w)}, nil
}

// visible are the dashboards in the caller's list, in order.
func (s *Server) visible(c *call, q url.Values) []*dashboard {
	var rows []*dashboard
	for _, id := range s.state.order {
		d := s.state.rows[id]
		if s.listed(c, d) && (!q.Has("visibility") || d.fields["visibility"] == q.Get("visibility")) && (!q.Has("tag") || tagged(d, q.Get("tag"))) {
			rows = append(rows, d)
		}
	}
	switch s.order {
	case NewestFirst:
		slices.Reverse(rows)
	case Shuffled:
		s.rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	return rows
}

func tagged(d *dashboard, tag string) bool {
	tags, _ := d.fields["tags"].([]any)
	return slices.Contains(tags, any(tag))
}

// window is the page that a query asks for, of n rows.
func (s *Server) window(q url.Values, n int) (window, *refusal) {
	if s.paging == NoPaging {
		return window{0, n, 0, n, n}, nil
	}
	sizeKey, fromKey, first := "limit", "offset", 0
	if s.paging != ByOffset {
		sizeKey, fromKey = "size", "page"
	}
	if s.paging == PageFrom1 {
		first = 1
	}
	size, f := asked(q, sizeKey, s.size, 1)
	if f != nil {
		return window{}, f
	}
	from, f := asked(q, fromKey, first, first)
	if f != nil {
		return window{}, f
	}
	if size > s.cap && s.capRefused {
		return window{}, invalid(problem{[]any{"query", sizeKey}, "Input should be less than or equal to " + strconv.Itoa(s.cap), "less_than_equal", q.Get(sizeKey)})
	}
	if size = min(size, s.cap); s.fixed {
		size = s.size
	}
	w := window{from: from, number: from, size: size, total: n}
	if s.paging == ByOffset {
		w.number = from / size
	} else {
		w.from = (from - first) * size
	}
	w.from = min(w.from, n)
	w.to = min(w.from+size, n)
	return w, nil
}

// asked reads a whole number of the query.
func asked(q url.Values, key string, usual, least int) (int, *refusal) {
	if !q.Has(key) {
		return usual, nil
	}
	n, err := strconv.Atoi(q.Get(key))
	if err != nil || n < least || n > 1<<30 {
		return 0, invalid(problem{[]any{"query", key}, "Input should be a whole number from " + strconv.Itoa(least), "int_parsing", q.Get(key)})
	}
	return n, nil
}

// listBody wraps a page.
func (s *Server) listBody(rows []any, w window) any {
	counted := func(key, total string) map[string]any {
		out := map[string]any{key: rows}
		if !s.noTotal {
			out[total] = w.total
		}
		return out
	}
	pages := (w.total + max(w.size, 1) - 1) / max(w.size, 1)
	page := map[string]any{"page": w.number, "size": w.size, "totalPages": pages, "hasNext": w.to < w.total}
	switch s.listForm {
	case ListData:
		return map[string]any{"data": rows}
	case ListDataItems:
		return map[string]any{"data": counted("items", "total")}
	case ListDataDashboards:
		return map[string]any{"data": counted("dashboards", "total")}
	case ListItems:
		return counted("items", "total")
	case ListResults:
		return counted("results", "count")
	case ListDashboards:
		return counted("dashboards", "total")
	case ListGateway:
		page["totalElements"] = w.total
		return map[string]any{"success": true, "data": rows, "metadata": s.metadata(), "pagination": page}
	case ListAppendix:
		page["total"], page["hasPrevious"] = w.total, w.from > 0
		return map[string]any{"data": rows, "pagination": page}
	}
	return rows
}
