package matih

import (
	"bytes"
	"context"
	"errors"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// adopt looks for what a run left behind that ended between creating this
// dashboard and binding it: unbound, of the same title and metadata, with no
// widget that is not wanted. Only a single one counts. It is nil when there is
// none.
func (j *job) adopt(ctx context.Context, rows []row) (*state, error) {
	var found []*state
	for _, r := range rows {
		if r.info.Title != j.doc.Title || !j.c.ids.Minted(r.info.ID) {
			continue
		}
		st, err := j.leftover(ctx, r)
		if err != nil {
			return nil, err
		}
		if st != nil {
			found = append(found, st)
		}
	}
	if len(found) != 1 {
		return nil, nil
	}
	return found[0], nil
}

// leftover reads a dashboard and returns it when it may be what a run left
// behind, nil when not. One that cannot be read is not.
func (j *job) leftover(ctx context.Context, r row) (*state, error) {
	d, err := j.c.fetch(ctx, r.server)
	if errors.Is(err, errGone) || errors.Is(err, errHidden) || isOdd(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	st, err := j.c.stateOf(d)
	if err != nil {
		return nil, nil // its own reading reports it
	}
	// deps holds Git's word over the server's. Where it says something else under
	// this uid, the dashboard is an asset of its own that was edited.
	if a := j.deps.Get(r.info.ID); a != nil && !bytes.Equal(a.Content, st.content) {
		return nil, nil
	}
	if !begins(st.board, j.want) || len(twins(st.widgets, j.want.widgets)) < len(st.widgets) {
		return nil, nil
	}
	return st, nil
}

// begins reports whether a dashboard has the title and metadata with which want
// would be created.
func begins(have, want *board) bool {
	meta := asset.Clone(have.meta)
	if asset.Get(want.meta, "visibility") == nil {
		asset.Delete(meta, "visibility") // the server's own choice
	}
	return asset.Equal(want.meta, meta)
}

// recent is the list of dashboards, at most a minute old. What this connection
// has created since is bound, and so not mistaken for what was left behind.
func (c *conn) recent(ctx context.Context) ([]row, error) {
	if l := c.newest(); l != nil && c.now().Sub(l.at) < fresh {
		return l.rows, nil
	}
	return c.list(ctx)
}

// forget drops the list, after something was done whose effect is not known.
func (c *conn) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listed = nil
}
