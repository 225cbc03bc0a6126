package superset

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// Lists of saved queries show no uuid (4.1.4 to 6.1.0), only the export of a query
// does, and names tell nothing: labels are not unique, and of two that fall together
// in one archive the second is lost (F8). So a row that is not known is exported by
// itself to learn its uuid, which is then kept: in memory, and between runs in what
// asset.Seen remembers.

// naming is how many rows are exported at a time for their uuids.
const naming = 4

// namedRow is what is known of a row whose list does not show its uuid.
type namedRow struct{ uid, print, created string }

// of gives a row its uuid when it is beyond doubt the one that was named: nothing
// of it changed, or it was made at the same instant. A row id alone is not enough,
// SQLite gives out that of a deleted row again.
func (n namedRow) of(r row) (row, bool) {
	if n.uid == "" {
		return r, false
	}
	r.UUID = n.uid
	return r, printOf(r) == n.print || r.Created != "" && r.Created == n.created
}

// name gives listed rows their uuids. Rows that are gone by now are left out. One
// that cannot be exported keeps the uuid that its row id had, so that its failure
// has a name; when it had none, the kind cannot be read: any query that is missing
// might be that one.
func (c *conn) name(ctx context.Context, k asset.Kind, rows []row) ([]row, error) {
	if !traitOf(k).nameless {
		return rows, nil
	}
	var mu sync.Mutex
	named, gone := make([]row, len(rows)), map[int]bool{}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(naming)
	for i, r := range rows {
		known := c.nameOf(k, r.ID)
		if full, sure := known.of(r); sure {
			named[i] = full
			continue
		}
		g.Go(func() error {
			uid, err := c.exportedUID(gctx, k, r)
			var answer *apihttp.Error
			switch {
			case err == nil:
			case errors.As(err, &answer) && answer.Status == http.StatusNotFound:
				mu.Lock()
				defer mu.Unlock()
				gone[i] = true
				return nil
			case !splits(err):
				return err
			case known.uid == "":
				return &asset.KindError{Kind: k, Why: fmt.Sprintf("the list shows no uuid of row %d (%q), and its export fails: %v", r.ID, r.title(), err)}
			default:
				uid = known.uid
			}
			r.UUID = uid
			named[i] = r
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return c.keepNames(k, named, gone), nil
}

func (c *conn) nameOf(k asset.Kind, row int) namedRow {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.uuids[k][row]
}

// keepNames remembers named rows, and gives those that are there.
func (c *conn) keepNames(k asset.Kind, rows []row, gone map[int]bool) []row {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.uuids[k] == nil {
		c.uuids[k] = map[int]namedRow{}
	}
	out := rows[:0]
	for i, r := range rows {
		if !gone[i] {
			c.uuids[k][r.ID] = namedRow{r.UUID, printOf(r), r.Created}
			out = append(out, r)
		}
	}
	return out
}

// teach takes over what an earlier run knew of rows.
func (c *conn) teach(known map[asset.ID]seenRow) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, s := range known {
		if !traitOf(id.Kind).nameless {
			continue
		}
		if c.uuids[id.Kind] == nil {
			c.uuids[id.Kind] = map[int]namedRow{}
		}
		if _, newer := c.uuids[id.Kind][s.row]; !newer {
			c.uuids[id.Kind][s.row] = namedRow{uid: id.UID, print: s.print}
		}
	}
}

// exportedUID asks for a row's uuid.
func (c *conn) exportedUID(ctx context.Context, k asset.Kind, r row) (string, error) {
	docs, err := c.exportRows(ctx, k, []int{r.ID})
	if err != nil {
		return "", err
	}
	for _, d := range docs {
		if d.id.Kind == k && d.id.UID != "" {
			return d.id.UID, nil
		}
	}
	return "", fmt.Errorf("instance %s: the export of %s %q (row %d) does not hold it", c.instance, k, r.title(), r.ID)
}
