package superset

import (
	"context"
	"fmt"
	"html"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// sendGrants sends them one by one: Superset makes tags and permissions as it goes,
// and two requests that make the same one at once are a 500 or a 422 (UNIQUE
// constraint failed: tag.name, ab_view_menu.name; measured, 6.1.0).
func (im *importing) sendGrants(ctx context.Context, grants []*granting) {
	for _, g := range grants {
		if g.err = im.prepareTags(ctx, g.addTags); g.err == nil {
			g.err = im.c.sendGrant(ctx, g)
		}
		if g.err != nil {
			im.fail(g.job.id(), fmt.Errorf("%s: written, but not its access section: %w", g.job.path, g.err))
		}
	}
}

// prepareTags makes tags that the server would make under another name (see
// makeUnescaped).
func (im *importing) prepareTags(ctx context.Context, names []string) error {
	for _, name := range names {
		if !im.older("6.0.0") || html.EscapeString(name) == name {
			continue
		}
		id := asset.ID{Kind: kindTag, UID: nameUID(kindTag, name)}
		_, there, err := im.c.entry(ctx, id)
		if err != nil {
			return err
		}
		if there {
			continue
		}
		if err := im.makeUnescaped(ctx, id.UID, map[string]any{"name": name, "description": ""}); err != nil {
			return fmt.Errorf("tag %q: %w", name, err)
		}
	}
	return nil
}

// sendGrant sends embedding first and owners with the rest last: an account that is
// no administrator keeps itself among the owners whatever it sends
// (commands/utils.py, populate_owner_list), so it loses no right in between.
func (c *conn) sendGrant(ctx context.Context, g *granting) error {
	k, row := g.job.doc.Kind, strconv.Itoa(g.row)
	if g.embed != nil {
		if err := c.embed(ctx, g.row, g.job.before != nil, g.embed); err != nil {
			return fmt.Errorf("embedding: %w", err)
		}
	}
	for _, name := range g.cutTags {
		if strings.Contains(name, "/") {
			return fmt.Errorf("tag %q: Superset cannot take a tag with a slash off a %s", name, k)
		}
		err := c.http.JSON(ctx, apihttp.Request{Method: http.MethodDelete, Path: tagPath(k, row) + name + "/"}, nil)
		if err != nil {
			return fmt.Errorf("tag %q: %w", name, err)
		}
	}
	if g.body != nil {
		if err := c.http.Send(ctx, http.MethodPut, traitOf(k).endpoint()+row, g.body, nil); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(slices.Sorted(maps.Keys(g.body)), ", "), err)
		}
	}
	if len(g.addTags) > 0 {
		err := c.http.Send(ctx, http.MethodPost, tagPath(k, row), map[string]any{"properties": map[string]any{"tags": g.addTags}}, nil)
		if err != nil {
			return fmt.Errorf("tags %s: %w", strings.Join(g.addTags, ", "), err)
		}
	}
	return nil
}

// tagPath is where the tags of an object are put on and taken off; the kinds are
// numbered (tags/models.py, ObjectType).
func tagPath(k asset.Kind, row string) string {
	return "/api/v1/tag/" + map[asset.Kind]string{kindSavedQuery: "1", kindChart: "2", kindDashboard: "3"}[k] + "/" + row + "/"
}

// embed makes a dashboard embedded as said, or not. What is as it should be is left
// alone; a change of domains keeps the uuid that pages embed it by.
func (c *conn) embed(ctx context.Context, row int, existed bool, said *yaml.Node) error {
	if existed {
		have, err := c.embedded(ctx, row)
		if err != nil {
			return err
		}
		if have != nil && tidyEmbedded(have) == nil && asset.Equal(have, said) {
			return nil
		}
	}
	if said.Kind == yaml.ScalarNode {
		return c.http.JSON(ctx, apihttp.Request{Method: http.MethodDelete, Path: embeddedPath(row)}, nil)
	}
	domains := []string{}
	for _, n := range items(asset.Get(said, keyDomains)) {
		domains = append(domains, n.Value)
	}
	return c.http.Send(ctx, http.MethodPut, embeddedPath(row), map[string]any{keyDomains: domains}, nil)
}
