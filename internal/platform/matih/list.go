package matih

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// row is one dashboard of the listing.
type row struct {
	server string // its id on the server
	info   asset.Info
}

// listing is one complete list.
type listing struct {
	at   time.Time // when it began
	rows []row
	byID map[asset.ID]int
}

// fresh is how old a listing may be that says an asset is not there.
const fresh = time.Minute

// tries is how often a list that changes while it is read is read.
const tries = 3

// List is the cheap index of every dashboard this account may see.
func (c *conn) List(ctx context.Context) ([]asset.Info, error) {
	rows, err := c.list(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]asset.Info, len(rows))
	for i, r := range rows {
		out[i] = r.info
	}
	slices.SortFunc(out, func(a, b asset.Info) int { return a.ID.Compare(b.ID) })
	return out, nil
}

// list reads all pages until they fit together: no row twice and as many as the
// server counts. Rows added or removed meanwhile make it read again.
func (c *conn) list(ctx context.Context) ([]row, error) {
	began := c.now()
	var moved *movedError
	for range tries {
		rows, err := c.listOnce(ctx)
		if err == nil {
			c.remember(began, rows)
			return rows, nil
		}
		if !errors.As(err, &moved) {
			return nil, err
		}
		c.log.InfoContext(ctx, "a list changed while it was read; reading it again", "instance", c.instance, "seen", moved.seen, "counted", moved.counted)
	}
	return nil, fmt.Errorf("instance %s: GET %s: %w %d times; try again when fewer people edit, or set options.paging to what this server does", c.instance, c.o.list(), moved, tries)
}

// movedError says that the pages of a listing do not fit together.
type movedError struct{ seen, counted int }

func (e *movedError) Error() string {
	return fmt.Sprintf("the pages do not fit together: %d different dashboards were seen where %d were counted,", e.seen, e.counted)
}

func (c *conn) remember(at time.Time, rows []row) {
	l := &listing{at: at, rows: rows, byID: make(map[asset.ID]int, len(rows))}
	for i, r := range rows {
		l.byID[r.info.ID] = i
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listed = l
}

func (c *conn) newest() *listing {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listed
}

// find is the row of an asset in the listing.
func (l *listing) find(id asset.ID) (row, bool) {
	if l == nil {
		return row{}, false
	}
	i, ok := l.byID[id]
	if !ok {
		return row{}, false
	}
	return l.rows[i], true
}

// serverOf is the server's id of a dashboard: the bound one, else the one that a
// listing of the last minute shows. false when there is none.
func (c *conn) serverOf(ctx context.Context, id asset.ID) (string, bool, error) {
	if s, ok := c.ids.Server(id); ok {
		return s, true, nil
	}
	l := c.newest()
	if l == nil || c.now().Sub(l.at) >= fresh {
		if _, err := c.list(ctx); err != nil {
			return "", false, err
		}
		l = c.newest()
	}
	r, ok := l.find(id)
	return r.server, ok, nil
}
