package superset

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// Superset's master keeps what is deleted of three kinds where the feature flag
// SOFT_DELETE is on (SIP-208, apache/superset#39464; #40128, #40129, #40130; in no
// release up to 6.1.0, off by default). DELETE is the same request; the row is hidden
// from every answer but a list that is filtered by its kind's deleted state. An import
// of its uuid brings it back with what the file says, POST <uuid>/restore as it was.
//
// So nothing has to be known of versions: the flag is among those that the server
// tells its frontend, and whether it kept the asset its own list says afterwards.

func softDeleted(k asset.Kind) bool {
	return k == kindDashboard || k == kindChart || k == kindDataset
}

// Trash implements importer.Trasher.
func (c *conn) Trash(ctx context.Context, id asset.ID) (kept string, err error) {
	if err := c.Delete(ctx, id); err != nil || !softDeleted(id.Kind) {
		return "", err
	}
	if on, _ := c.feature(ctx, "SOFT_DELETE"); !on {
		return "", nil
	}
	since, there, err := c.archived(ctx, id)
	switch {
	case err != nil: // deleted it is, so this is no failure
		return fmt.Sprintf("the server may keep it in its archive (SOFT_DELETE is on), but did not say: %v", err), nil
	case !there:
		return "", nil
	}
	return fmt.Sprintf("the server keeps it in its archive (Settings, Recently Archived) since %s; POST %s%s/restore brings it back as it was, and so does an apply of its file",
		since, traitOf(id.Kind).endpoint(), id.UID), nil
}

// archived asks the list of what was deleted.
func (c *conn) archived(ctx context.Context, id asset.ID) (since string, there bool, err error) {
	var out struct {
		Count int `json:"count"`
		Rows  []struct {
			UUID      string `json:"uuid"`
			DeletedAt string `json:"deleted_at"`
		} `json:"result"`
	}
	for n := 0; ; n++ {
		q := "(columns:!(id,uuid,deleted_at),filters:!((col:id,opr:" + string(id.Kind) + "_deleted_state,value:only)),page:" + strconv.Itoa(n) + ",page_size:" + strconv.Itoa(pageSize) + ")"
		if err := c.http.JSON(ctx, apihttp.Request{Path: traitOf(id.Kind).endpoint(), Query: rison(q)}, &out); err != nil {
			return "", false, err
		}
		for _, r := range out.Rows {
			if strings.EqualFold(r.UUID, id.UID) && r.DeletedAt != "" {
				return r.DeletedAt, true, nil
			}
		}
		if len(out.Rows) == 0 || (n+1)*pageSize >= out.Count {
			return "", false, nil
		}
		out.Rows = nil
	}
}
