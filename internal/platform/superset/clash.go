package superset

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// clash refuses what would silently overwrite another asset: when the uuid is
// new, import_from_dict (models/helpers.py) matches by any unique constraint, and
// gives the asset it finds the new uuid. Databases are unique by name, datasets
// by name and place in their database, dashboards by slug.
func (im *importing) clash(j *job) error {
	spec, id := j.doc.Spec, j.id()
	text := func(field string) string { return asset.Text(asset.Get(spec, field)) }
	for _, e := range im.index.byID {
		if e.info.ID.Kind != id.Kind || e.info.ID == id {
			continue
		}
		what := ""
		switch id.Kind {
		case kindDatabase:
			if e.info.Title == j.title {
				what = "database of this name"
			}
		case kindDataset:
			if e.info.Title == j.title && e.database == text("database_uuid") && same(text("schema"), e.schema) && same(text("catalog"), e.catalog) {
				what = "dataset on this table"
			}
		case kindDashboard:
			if e.slug != "" && e.slug == text("slug") {
				what = "dashboard with the slug " + strconv.Quote(e.slug)
			}
		}
		if what != "" {
			return fmt.Errorf("the server has another %s, %s, and would overwrite that one; rename or delete it first: %s", what, e.info.ID, e.info.URL)
		}
	}
	return im.requires(j)
}

// same: an unset schema or catalog takes no part in the match.
func same(ours, theirs string) bool { return ours == "" || ours == theirs }

// requires checks what the importer cannot do without.
func (im *importing) requires(j *job) error {
	field, k := "", kindDatabase
	switch j.doc.Kind {
	case kindDataset, kindSavedQuery:
		field = "database_uuid"
	case kindChart:
		field, k = "dataset_uuid", kindDataset
	case kindDashboard:
		if !asset.IsMap(asset.Get(j.doc.Spec, "position")) {
			return errors.New("it has no position: Superset cannot import a dashboard without a layout")
		}
		return nil
	case kindDatabase:
		if asset.Get(j.doc.Spec, "allow_csv_upload") == nil && im.older("6.1.0") {
			return errors.New("it has no allow_csv_upload: Superset before 6.1.0 cannot import a connection without it (KeyError); write allow_csv_upload: false below spec")
		}
		return nil
	default:
		return nil
	}
	uid := asset.Text(asset.Get(j.doc.Spec, field))
	if uid == "" {
		return fmt.Errorf("it has no %s: Superset cannot import a %s without its %s; give it one in Superset or in this file", field, j.doc.Kind, k)
	}
	need := asset.ID{Kind: k, UID: uid}
	if _, ok := im.index.get(need); !ok {
		if r, planned := im.results[need]; planned && r.Err != nil {
			return fmt.Errorf("not written, because its %s was not: %s", k, need)
		}
		return fmt.Errorf("its %s is not on the server: %s; apply that one too", k, need)
	}
	return nil
}

// movable prepares a dataset or saved query that goes to another database: the
// importer looks for it there only, and would then insert it a second time.
func (im *importing) movable(ctx context.Context, j *job) error {
	e, ok := im.index.get(j.id())
	uid := asset.Text(asset.Get(j.doc.Spec, "database_uuid"))
	field := map[asset.Kind]string{kindDataset: "database_id", kindSavedQuery: "db_id"}[j.doc.Kind]
	if field == "" || !ok || e.database == "" || e.database == uid {
		return nil
	}
	to, ok := im.index.get(asset.ID{Kind: kindDatabase, UID: uid})
	if !ok {
		return nil
	}
	err := im.c.http.Send(ctx, http.MethodPut, traitOf(j.doc.Kind).endpoint()+strconv.Itoa(e.row), map[string]any{field: to.row}, nil)
	if err != nil {
		return fmt.Errorf("move it to database %q: %w", to.info.Title, err)
	}
	return nil
}
