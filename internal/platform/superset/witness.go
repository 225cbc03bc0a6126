package superset

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
//	the kind may not be listed any more              hidden
//	all of the kind is shown (account.part)          gone
//	dashboard  GET by uuid: 404                      gone
//	           else                                  hidden
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
	x, err := c.secondLook(ctx, lost)
	if err != nil {
		return nil, err
	}
	hidden := map[asset.ID]string{}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, l := range lost {
		why := a.part(l.ID.Kind)
		denied, refused := x.denies(l.ID.Kind)
		switch {
		case refused: // since the first look
			mu.Lock()
			hidden[l.ID] = denied.Why
			mu.Unlock()
		case why == "":
		case l.ID.Kind == kindDashboard:
			g.Go(func() error {
				there, err := c.mayBeThere(gctx, l.ID)
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

// secondLook lists anew the kinds of what a list lacked. A server that mixes up the
// filters of requests it answers at the same time (see layerRecords) may show a part
// of a kind as all of it, count included; it does not do so twice in a row.
func (c *conn) secondLook(ctx context.Context, lost []asset.Lost) (*index, error) {
	c.mu.Lock()
	x := c.index
	c.mu.Unlock()
	var kinds []asset.Kind
	for _, l := range lost {
		if !slices.Contains(kinds, l.ID.Kind) && slices.Contains(c.kinds(ctx), l.ID.Kind) {
			kinds = append(kinds, l.ID.Kind)
		}
	}
	if len(kinds) == 0 {
		return x, nil
	}
	x, err := c.list(ctx, kinds...)
	if err != nil {
		return nil, err
	}
	for _, l := range lost {
		if e, ok := x.get(l.ID); ok {
			return nil, fmt.Errorf("instance %s: one list of %s lacks %q (%s) and the next one has it, so the first was not complete; nothing was changed, try again", c.instance, l.ID.Kind.Plural(), e.info.Title, l.ID)
		}
	}
	return x, nil
}

// mayBeThere asks for a dashboard by its uuid. Superset then looks for it among all
// of them and answers 404 when there is none, and when this account may not see it
// 403, or 500 where it has no driver for the database of a chart (daos/dashboard.py
// get_by_id_or_slug; measured, 4.1.4 and 6.1.0).
func (c *conn) mayBeThere(ctx context.Context, id asset.ID) (bool, error) {
	err := c.http.JSON(ctx, apihttp.Request{Path: traitOf(id.Kind).endpoint() + id.UID, Query: rison("(columns:!(id))")}, nil)
	var answer *apihttp.Error
	switch {
	case err == nil:
		return true, nil
	case !errors.As(err, &answer) || answer.HTML || answer.Temporary() || !isAnswer(err):
		return false, fmt.Errorf("is %s still there: %w", id, err)
	}
	return answer.Status != http.StatusNotFound, nil
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
