package matih

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Delete removes a dashboard with its widgets. One that is not there, or that
// was never known, is no error.
func (c *conn) Delete(ctx context.Context, id asset.ID) error {
	if id.Kind != kindDashboard {
		return fmt.Errorf("instance %s: delete %s: there are only dashboards here", c.instance, id)
	}
	server, ok, err := c.serverOf(ctx, id)
	if err != nil {
		return fmt.Errorf("instance %s: delete %s: %w; nothing was deleted", c.instance, id, err)
	}
	if !ok {
		return nil
	}
	_, err = c.send(ctx, http.MethodDelete, c.o.dashboard(server), nil)
	if err == nil || errors.Is(err, errGone) {
		return nil
	}
	if r, ok := c.newest().find(id); ok {
		return fmt.Errorf("instance %s: delete %s %q: %w", c.instance, id, r.info.Title, err)
	}
	title := "of unknown title"
	if d, ferr := c.fetch(ctx, server); ferr == nil {
		title = strconv.Quote(d.info.Title)
	}
	return fmt.Errorf("instance %s: delete %s %s: %w", c.instance, id, title, err)
}
