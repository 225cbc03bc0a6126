package superset

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// kindTag are the tags that people give, with their descriptions. What they are
// given to is content of the tagged objects.
const kindTag asset.Kind = "tag"

func tagRules() normalize.KindRules {
	return normalize.KindRules{UID: "uuid", Title: "name",
		Rules: slices.Concat(blanks("/description"), []normalize.Rule{
			{Op: normalize.RedactText, Path: "", Why: "a password inside a link"},
		})}
}

// tags reads and writes tags. Their list shows all there is of them, and no change
// time. The API answers with TAGGING_SYSTEM on and off (measured, 4.1.4 and
// 6.1.0); off, people do not see it. The answer to GET for one tag is not for us:
// before 6.0.0 it holds the password hash of whoever made the tag (measured on
// 4.1.4; show_columns in tags/api.py of 4.1.4 and 5.0.0).
type tags struct{}

func (tags) read(_ context.Context, _ *conn, rows []*entry) ([]document, error) {
	return fromList(rows, "name", "description")
}

// write makes or describes a tag by bulk_create: POST to the collection and PUT to
// the tag take it off everything that they do not name
// (TagDAO.create_tag_relationship, 4.1.4 to 6.1.0).
func (tags) write(ctx context.Context, im *importing, j *job, e *entry) error {
	if err := ours(j.title); err != nil {
		return err
	}
	body, err := bodyOf(j.node, "uuid")
	if err != nil {
		return err
	}
	if e == nil && im.older("6.0.0") && html.EscapeString(j.title) != j.title {
		return im.makeUnescaped(ctx, j.doc.UID, body)
	}
	return im.describeTag(ctx, body)
}

func (im *importing) describeTag(ctx context.Context, tag map[string]any) error {
	tag["objects_to_tag"] = []any{} // required: KeyError without it
	return im.c.http.Send(ctx, http.MethodPost, "/api/v1/tag/bulk_create", map[string]any{"tags": []any{tag}}, nil)
}

// makeUnescaped makes a tag whose name has an & or the like on a server before
// 6.0.0, which would store it as &amp; (get_tag in tags/models.py). A PUT does not,
// and a tag that was just made is on nothing that the PUT could take it off.
func (im *importing) makeUnescaped(ctx context.Context, uid string, tag map[string]any) error {
	name, unused := tag["name"], "dashkeep "+uid
	tag["name"] = unused
	if err := im.describeTag(ctx, tag); err != nil {
		return err
	}
	var out struct {
		Rows []numbered `json:"result"`
	}
	q := fmt.Sprintf("(filters:!(%s,(col:name,opr:eq,value:'%s')),columns:!(id))", traitOf(kindTag).filter, unused)
	if err := im.c.http.JSON(ctx, apihttp.Request{Path: traitOf(kindTag).endpoint(), Query: rison(q)}, &out); err != nil {
		return err
	}
	if len(out.Rows) != 1 {
		return fmt.Errorf("the server answered OK and did not make the tag %q, which was to be renamed", unused)
	}
	tag["name"] = name
	if _, err := im.c.save(ctx, kindTag, &entry{row: out.Rows[0].ID}, tag); err != nil {
		return fmt.Errorf("the tag is there as %q, and the server does not rename it: %w", unused, err)
	}
	return nil
}

// reserved are the names that Superset gives to tags of its own (tags/models.py).
var reserved = regexp.MustCompile(`^((owner|favorited_by):[0-9]+|type:(query|chart|dashboard|dataset))$`)

// ours refuses names that Superset gives to tags of its own: where somebody else
// has made a tag called owner:1, everything that user 1 owns can no longer be saved
// (UNIQUE constraint failed: tag.name; measured on 4.1.4 and 6.1.0).
func ours(name string) error {
	switch {
	case reserved.MatchString(name):
		return fmt.Errorf("Superset gives the name %q to a tag of its own; made by hand it keeps that server from saving dashboards and charts", name)
	case name != strings.TrimSpace(name):
		return errors.New("Superset takes no spaces around the name of a tag")
	}
	return nil
}

func (tags) remove(ctx context.Context, c *conn, e *entry) error {
	return c.deleteRow(ctx, kindTag, e.row)
}
