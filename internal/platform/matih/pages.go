package matih

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// pageSize is what is asked for; a server may give less.
const pageSize = 100

// maxRows bounds a listing: a server that never ends its list is not read on and on.
const maxRows = 1_000_000

// firstQuery asks for the first rows in the configured way.
func (c *conn) firstQuery(size int) url.Values {
	n := strconv.Itoa(size)
	switch c.o.Paging {
	case pagingFrom0:
		return url.Values{"page": {"0"}, "size": {n}}
	case pagingFrom1:
		return url.Values{"page": {"1"}, "size": {n}}
	case pagingNone:
		return nil
	}
	return url.Values{"limit": {n}, "offset": {"0"}}
}

// page reads one page of the listing.
func (c *conn) page(ctx context.Context, q url.Values) (sheet, error) {
	n, err := c.get(ctx, c.o.list(), q)
	if err != nil {
		return sheet{}, err
	}
	s, err := sheetOf(n)
	if err != nil {
		return sheet{}, fmt.Errorf("instance %s: GET %s: %w; is %s a server with this API, and options.paths.dashboards right?", c.instance, c.o.list(), err, c.http.BaseURL())
	}
	return s, nil
}

// pages is one listing under way.
type pages struct {
	c        *conn
	rows     []row
	seen     map[string]bool
	first    map[string]bool // ids of the first page
	total    int             // as the first page that counts says, -1 for none
	count    int             // "count" of the first page, -1 for none
	byPage   int             // the number of the first page when pages are counted, -1 when rows are
	switched bool            // to rows, because the server did not heed page
	limit    string          // rows asked for when rows are counted, "" for the server's choice
	size     int             // rows asked for when pages are counted, 0 for the server's choice
}

// listOnce reads the pages once. It returns a *movedError when they do not fit
// together.
func (c *conn) listOnce(ctx context.Context) ([]row, error) {
	p := &pages{c: c, seen: map[string]bool{}, total: -1, count: -1, byPage: -1, limit: strconv.Itoa(pageSize)}
	switch c.o.Paging {
	case pagingFrom0:
		p.byPage, p.size = 0, pageSize
	case pagingFrom1:
		p.byPage, p.size = 1, pageSize
	}
	q := c.firstQuery(pageSize)
	for n := 0; ; n++ {
		s, err := c.page(ctx, q)
		if n == 0 && (isStatus(err, http.StatusUnprocessableEntity) || isStatus(err, http.StatusBadRequest)) && p.unsized(q) {
			s, err = c.page(ctx, q)
		}
		if err != nil {
			return nil, err
		}
		end, err := p.take(n, s)
		if err != nil {
			var moved *movedError
			if errors.As(err, &moved) {
				return nil, err
			}
			return nil, fmt.Errorf("instance %s: GET %s: %w", c.instance, c.o.list(), err)
		}
		if end {
			return p.rows, nil
		}
		q = p.next(n + 1)
	}
}

// unsized leaves the size of pages to a server that refuses ours, in q and from
// now on.
func (p *pages) unsized(q url.Values) bool {
	had := q.Has("limit") || q.Has("size")
	q.Del("limit")
	q.Del("size")
	p.limit, p.size = "", 0
	return had
}

// next asks for page n, counted from 0, after the rows received so far.
func (p *pages) next(n int) url.Values {
	if p.byPage < 0 {
		q := url.Values{"offset": {strconv.Itoa(len(p.rows))}}
		if p.limit != "" {
			q.Set("limit", p.limit)
		}
		return q
	}
	q := url.Values{"page": {strconv.Itoa(p.byPage + n)}}
	if p.size > 0 {
		q.Set("size", strconv.Itoa(p.size))
	}
	return q
}

// take adds page n and reports whether it was the last.
func (p *pages) take(n int, s sheet) (end bool, err error) {
	if n == 0 && p.c.o.Paging == pagingAuto && s.page >= 0 {
		if s.page > 1 {
			return false, fmt.Errorf("the first page calls itself page %d; set options.paging", s.page)
		}
		p.byPage, p.size = s.page, s.size
	}
	ids, fresh, err := p.read(s)
	if err != nil {
		return false, err
	}
	if n == 0 {
		p.first, p.count = ids, s.count
	} else if len(ids) > 0 && len(fresh) == 0 {
		return p.repeated(ids, s)
	}
	p.rows = append(p.rows, fresh...)
	switch {
	case len(fresh) < len(s.rows):
		return false, &movedError{seen: len(p.rows), counted: max(p.total, len(p.rows)+len(s.rows)-len(fresh))}
	case p.total >= 0 && s.total >= 0 && s.total != p.total:
		return false, &movedError{seen: len(p.rows), counted: s.total}
	case len(p.rows) > maxRows:
		return false, fmt.Errorf("the list does not end after %d rows", len(p.rows))
	}
	if p.total < 0 {
		p.total = s.total
	}
	return p.ended(s)
}

// ended reports whether a page is the last: the server says so, its total is
// reached, or nothing more came. A merely short page is not the end, for servers
// cap the size; nor is "count" reached, which may be that of the page.
func (p *pages) ended(s sheet) (bool, error) {
	switch {
	case len(s.rows) == 0 || p.c.o.Paging == pagingNone:
	case s.hasNext != nil:
		if *s.hasNext {
			return false, nil
		}
	case p.total < 0 || len(p.rows) < p.total:
		return false, nil
	}
	if p.total >= 0 && p.total != len(p.rows) || len(s.rows) == 0 && s.hasNext != nil && *s.hasNext {
		return false, &movedError{seen: len(p.rows), counted: max(p.total, 0)}
	}
	if p.total < 0 && p.count >= 0 && p.count != len(p.rows) && p.count != len(p.first) {
		return false, &movedError{seen: len(p.rows), counted: p.count}
	}
	return true, nil
}

// repeated judges a server that answers a later page with rows that are known
// already: it does not page the way it was asked. One that numbers its pages and
// takes limit and offset, as the vendor's pages together say, is asked by rows.
// Otherwise its list is complete only when every page is the same and the number
// of rows looks like nobody's page size.
func (p *pages) repeated(ids map[string]bool, s sheet) (bool, error) {
	if p.c.o.Paging == pagingAuto && p.byPage >= 0 && len(p.rows) == len(p.first) {
		p.byPage, p.switched = -1, true
		return false, nil
	}
	switch {
	case p.switched || !maps.Equal(ids, p.first):
		return false, &movedError{seen: len(p.rows), counted: max(p.total, len(p.rows)+len(ids))}
	case p.total < 0 && s.total < 0 && s.hasNext == nil && len(p.rows) == len(p.first) && len(p.rows)%5 != 0:
		return true, nil
	}
	return false, fmt.Errorf("every page holds the same %d dashboards, so whether these are all cannot be told; if this server always gives the whole list, set options.paging: none, and if it counts pages, page-from-0 or page-from-1",
		len(p.first))
}

// read takes the rows of a page apart. fresh are those not seen on this or an
// earlier page.
func (p *pages) read(s sheet) (ids map[string]bool, fresh []row, err error) {
	names := p.c.m.dashboard
	ids = make(map[string]bool, len(s.rows))
	for i, n := range s.rows {
		if !asset.IsMap(n) {
			return nil, nil, fmt.Errorf("row %d of the list is no object", len(p.rows)+i+1)
		}
		server := names.id(n)
		if server == "" {
			return nil, nil, fmt.Errorf("row %d of the list has no id: %s", len(p.rows)+i+1, names.missing("id"))
		}
		known := ids[server] || p.seen[server]
		ids[server] = true
		if known {
			continue
		}
		names.in(n)
		uid := p.c.ids.UID(kindDashboard, server)
		fresh = append(fresh, row{server, infoOf(asset.ID{Kind: kindDashboard, UID: uid}, n)})
	}
	for _, r := range fresh {
		p.seen[r.server] = true
	}
	return ids, slices.Clip(fresh), nil
}
