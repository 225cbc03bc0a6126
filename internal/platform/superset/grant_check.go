package superset

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// checkGrants looks at what the server has made of new owners.
func (im *importing) checkGrants(ctx context.Context, k asset.Kind, grants []*granting) {
	x, err := im.c.list(ctx, k)
	if err != nil {
		for _, g := range grants {
			im.fail(g.job.id(), fmt.Errorf("written, but the list could not be read afterwards: %w", err))
		}
		return
	}
	im.index = x
	var again []*job
	for _, g := range grants {
		e, ok := x.get(g.job.id())
		if !ok || e.shown == nil {
			continue
		}
		if g.owners == nil {
			continue
		}
		if more := except(e.shown.owners, g.owners); len(more) > 0 {
			im.omit(g.job.id(), "/access/owners", "Superset keeps "+im.c.called(ctx, more)+" among the owners: only an administrator's account can leave itself out")
		}
		if catalog := asset.Text(asset.Get(g.job.node, "catalog")); k == kindDataset && e.catalog != catalog && !x.withoutCatalogs(e.database) {
			if catalog == "" { // the same table by its full name
				im.omit(g.job.id(), "/spec/catalog", fmt.Sprintf("Superset writes the connection's default catalog, %q, whenever owners are set", e.catalog))
				continue
			}
			again = append(again, g.job)
		}
	}
	im.writeBack(ctx, k, again)
}

// writeBack imports datasets again whose catalog the server has replaced when their
// owners were set. The import adds the account to the owners once more.
func (im *importing) writeBack(ctx context.Context, k asset.Kind, jobs []*job) {
	notes := map[asset.ID][]asset.Note{}
	for _, j := range jobs {
		notes[j.id()] = im.results[j.id()].Omitted
	}
	im.write(ctx, k, jobs)
	for _, j := range jobs {
		im.results[j.id()].Omitted = notes[j.id()]
		im.omit(j.id(), "/access/owners", fmt.Sprintf("this account stays among the owners: whenever owners are set, Superset writes the connection's default catalog in place of %q",
			asset.Text(asset.Get(j.node, "catalog"))))
	}
}

func except(ids, others []int) []int {
	return slices.DeleteFunc(slices.Clone(ids), func(id int) bool { return slices.Contains(others, id) })
}

// called names people for a message.
func (c *conn) called(ctx context.Context, ids []int) string {
	people := c.names(ctx, nil)
	var names []string
	for _, id := range ids {
		name := ownerName(people[id])
		if name == "" {
			name = "user " + strconv.Itoa(id)
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
