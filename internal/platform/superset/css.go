package superset

import (
	"context"
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// kindCSS are the style sheets that the editor of a dashboard offers. A dashboard
// holds a copy of the text and no reference to its template.
const kindCSS asset.Kind = "css_template"

func cssRules() normalize.KindRules {
	return normalize.KindRules{UID: "uuid", Title: "template_name",
		Rules: slices.Concat(blanks("/css"), []normalize.Rule{
			{Op: normalize.RedactText, Path: "", Why: "a password inside a link"},
		})}
}

// cssTemplates reads and writes style sheets. Their list shows all there is of
// them, no change time, and no other order than by name; a uuid, which the table has
// from 6.0.0 on, is in no answer (css_templates/api.py, 4.1.4 to 6.1.0). Names are
// not unique.
type cssTemplates struct{}

func (cssTemplates) read(_ context.Context, _ *conn, rows []*entry) ([]document, error) {
	return fromList(rows, "template_name", "css")
}

func (cssTemplates) write(ctx context.Context, im *importing, j *job, e *entry) error {
	body, err := bodyOf(j.node, "uuid")
	if err != nil {
		return err
	}
	_, err = im.c.save(ctx, kindCSS, e, body)
	return err
}

func (cssTemplates) remove(ctx context.Context, c *conn, e *entry) error {
	return c.deleteRow(ctx, kindCSS, e.row)
}
