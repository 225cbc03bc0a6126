package superset

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// Viewer names the account, for exporter.Viewer.
func (c *conn) Viewer(context.Context) (string, error) {
	if c.auth.cfg.Username != "" {
		return c.auth.cfg.Username, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.who != nil {
		return c.who.name, nil
	}
	return "", nil
}

// Hidden implements exporter.Witness. Rights are asked for anew: who was an
// administrator when the connection was made may be none now.
//
//	all of the kind is shown (account.part)          gone
//	dashboard  GET by uuid: 404                      gone
//	           403, or 200 although no list has it   hidden
//	chart      its dataset is listed                 gone: who sees one sees the other
//	dataset    database_access on its database       gone: such an account sees all in it
//	saved query  this same account saw it before     gone: it made it, which cannot change
//	           it was never seen here                gone: should another account have made
//	                                                 it, its import says so (send.go, groups)
//	else                                             may be hidden
func (c *conn) Hidden(ctx context.Context, lost []asset.Lost) (map[asset.ID]string, error) {
	a, err := c.accountNow(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	x := c.index
	c.mu.Unlock()
	hidden := map[asset.ID]string{}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, l := range lost {
		why := a.part(l.ID.Kind)
		switch {
		case why == "":
		case l.ID.Kind == kindDashboard:
			g.Go(func() error {
				there, err := c.isThere(gctx, l.ID)
				mu.Lock()
				defer mu.Unlock()
				if there {
					hidden[l.ID] = "it is on the server; " + why
				}
				return err
			})
		case !a.goneFor(x, l):
			mu.Lock()
			hidden[l.ID] = why
			mu.Unlock()
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return hidden, nil
}

// isThere asks for a dashboard by its uuid. Superset then looks for it among all
// of them and answers 403 when this account may not see it, 404 when there is
// none (daos/dashboard.py get_by_id_or_slug; measured, 4.1.4 and 6.1.0).
func (c *conn) isThere(ctx context.Context, id asset.ID) (bool, error) {
	err := c.http.JSON(ctx, apihttp.Request{Path: traitOf(id.Kind).endpoint() + id.UID, Query: rison("(columns:!(id))")}, nil)
	var answer *apihttp.Error
	switch {
	case err == nil, isDenied(err):
		return true, nil
	case errors.As(err, &answer) && answer.Status == http.StatusNotFound && !answer.HTML:
		return false, nil
	}
	return false, fmt.Errorf("is %s still there: %w", id, err)
}

// goneFor reports whether a listing would show the asset to this account if it
// were there, although it does not show it everything of the kind.
func (a *account) goneFor(x *index, l asset.Lost) bool {
	doc, err := asset.ParseDocument(l.Path, l.Content)
	if err != nil || x == nil {
		return false
	}
	switch l.ID.Kind {
	case kindChart:
		_, shown := x.get(asset.ID{Kind: kindDataset, UID: asset.Text(asset.Get(doc.Spec, "dataset_uuid"))})
		return shown
	case kindDataset:
		db, shown := x.get(asset.ID{Kind: kindDatabase, UID: asset.Text(asset.Get(doc.Spec, "database_uuid"))})
		return shown && a.may[permit{"database_access", "[" + db.info.Title + "].(id:" + strconv.Itoa(db.row) + ")"}]
	case kindSavedQuery:
		return l.Own || l.Fresh
	}
	return false
}
