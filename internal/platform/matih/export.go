package matih

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// hopeless is after how many failed details in a row no more are asked for: then
// it is the server that fails, not a dashboard. Where it does not answer at all,
// each failure has cost minutes of waiting.
const (
	hopeless      = 50
	hopelessQuiet = 5
)

// grace is how long the requests that are under way may take when nobody wants
// their answers any more. Most come in that time, and their connections stay
// usable.
const grace = time.Second

// Export yields the documents of ids, nil for all that are listed: one request
// each, a few at once, in order, so that no more than a few are in memory. What
// is listed and cannot be read is an *asset.Error; an asked id that is gone is
// left out.
func (c *conn) Export(ctx context.Context, ids []asset.ID) iter.Seq2[*asset.Raw, error] {
	return func(yield func(*asset.Raw, error) bool) {
		wanted, err := c.wanted(ctx, ids)
		if err != nil {
			yield(nil, err)
			return
		}
		var f failures
		for got := range c.details(ctx, wanted, ids == nil) {
			switch {
			case got.left:
				continue
			case got.err == nil:
				f = failures{}
				if !yield(c.raw(got.detail), nil) {
					return
				}
				continue
			case endsAll(got.err):
				yield(nil, got.err)
				return
			}
			if !yield(nil, &asset.Error{Info: got.row.info, Err: got.err}) {
				return
			}
			if err := f.add(got.err); err != nil {
				yield(nil, fmt.Errorf("instance %s: %w", c.instance, err))
				return
			}
		}
	}
}

// wanted finds the server's ids of what is to be read. Ids that no binding and no
// listing knows are not on the server.
func (c *conn) wanted(ctx context.Context, ids []asset.ID) ([]row, error) {
	if ids == nil {
		return c.list(ctx)
	}
	out, listed := make([]row, 0, len(ids)), false
	for _, id := range ids {
		if id.Kind != kindDashboard {
			continue
		}
		server, bound := c.ids.Server(id)
		if !bound && !listed {
			if _, err := c.list(ctx); err != nil {
				return nil, err
			}
			listed = true
		}
		r, known := c.newest().find(id)
		switch {
		case bound && !(known && r.server == server):
			out = append(out, row{server, asset.Info{ID: id}})
		case known:
			out = append(out, r)
		}
	}
	return out, nil
}

// result is what came of one request for a detail.
type result struct {
	row    row
	detail *detail
	left   bool // gone, and nobody said that it is there
	err    error
}

// details fetches ahead of its reader by as many as may be asked at once.
func (c *conn) details(ctx context.Context, rows []row, listed bool) iter.Seq[result] {
	return func(yield func(result) bool) {
		ahead := c.o.Rate.Concurrency
		under := make([]chan result, 0, ahead)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer func() { // whoever stops reading leaves nothing under way
			late := time.AfterFunc(grace, cancel)
			defer late.Stop()
			for _, ch := range under {
				<-ch
			}
		}()
		for i := 0; i < len(rows) || len(under) > 0; {
			if i < len(rows) && len(under) < ahead {
				ch := make(chan result, 1)
				go func(r row) { ch <- c.one(ctx, r, listed) }(rows[i])
				under, i = append(under, ch), i+1
				continue
			}
			got := <-under[0]
			under = append(under[:0], under[1:]...)
			if !yield(got) {
				return
			}
		}
	}
}

// one reads a dashboard. When the list has it and the server says 404, it is
// asked once more: what was deleted meanwhile and what a faulty server loses look
// the same, so it is reported and not left out.
func (c *conn) one(ctx context.Context, r row, listed bool) result {
	d, err := c.fetch(ctx, r.server)
	if listed && errors.Is(err, errGone) {
		d, err = c.fetch(ctx, r.server)
	}
	switch {
	case errors.Is(err, errGone) && !listed:
		return result{row: r, left: true}
	case errors.Is(err, errHidden):
		err = fmt.Errorf("hidden: %w; it is kept as it was", err)
	}
	return result{row: r, detail: d, err: err}
}

// endsAll reports whether no other dashboard can be read either.
func endsAll(err error) bool {
	var refused *platform.LoginError
	return errors.As(err, &refused) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// failures counts those in a row. A refusal of one dashboard is none: the server
// works, and to end there would keep the rest from being read at each run.
type failures struct{ all, quiet int }

func (f *failures) add(err error) error {
	if errors.Is(err, errHidden) {
		*f = failures{}
		return nil
	}
	f.all++
	var network *apihttp.NetworkError
	var answer *apihttp.Error
	if errors.As(err, &network) || errors.As(err, &answer) && answer.Temporary() {
		f.quiet++
	} else {
		f.quiet = 0
	}
	if f.all >= hopeless || f.quiet >= hopelessQuiet {
		return fmt.Errorf("%d dashboards in a row could not be read, so no more are asked for; the last: %w", f.all, err)
	}
	return nil
}
