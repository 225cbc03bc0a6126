package superset

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// An account that is shown a part of a kind cannot look whether something else has
// the name that a new asset brings along, and Superset's importer does not ask who
// may: it gives what it finds by a unique constraint the new uuid and the new
// content, also when the account may neither see nor overwrite it (measured, 6.1.0:
// a dashboard's slug; import_from_dict in models/helpers.py, the same in 4.1.4).
// So what clash finds out for an administrator is found out in other ways here.

// unseen keeps a job from overwriting what this account is not shown. A slug is
// left out of what is imported and put in its place afterwards, by a request that
// checks it (settleSlugs).
func (im *importing) unseen(ctx context.Context, j *job) error {
	j.slug = ""
	e, exists := im.index.get(j.id())
	slug := asset.Text(asset.Get(j.doc.Spec, "slug"))
	switch j.doc.Kind {
	case kindDashboard:
		if slug == "" || exists && e.slug == slug {
			return nil
		}
	case kindDatabase, kindDataset:
		if exists {
			return nil
		}
	default:
		return nil
	}
	a, err := im.c.account(ctx)
	if err != nil {
		return fmt.Errorf("what this account may see cannot be told, and so neither whether this would overwrite something else: %w", err)
	}
	why := a.part(j.doc.Kind)
	switch {
	case why == "":
	case j.doc.Kind == kindDashboard:
		j.slug = slug
	case j.doc.Kind == kindDataset && a.mayUse(im.index, asset.Text(asset.Get(j.doc.Spec, "database_uuid"))):
	case j.doc.Kind == kindDataset:
		return fmt.Errorf("whether the server has another dataset on this table cannot be told, and Superset would overwrite it: %s", why)
	default:
		return fmt.Errorf("whether the server has another database of this name cannot be told, and Superset would overwrite it: %s", why)
	}
	return nil
}

// mayUse reports whether the account may use all of a database, and so is shown
// all of its datasets.
func (a *account) mayUse(x *index, uid string) bool {
	db, shown := x.get(asset.ID{Kind: kindDatabase, UID: uid})
	return shown && a.can("database_access", "["+db.info.Title+"].(id:"+strconv.Itoa(db.row)+")")
}

// settleSlugs gives dashboards the slugs that were left out of the import. A slug
// that another dashboard has is refused then (422).
func (im *importing) settleSlugs(ctx context.Context, jobs []*job) {
	for _, j := range jobs {
		e, ok := im.index.get(j.id())
		if !ok || j.slug == "" || im.results[j.id()].Err != nil {
			continue
		}
		err := im.c.http.Send(ctx, http.MethodPut, traitOf(kindDashboard).endpoint()+strconv.Itoa(e.row), map[string]any{"slug": j.slug}, nil)
		var answer *apihttp.Error
		switch {
		case errors.As(err, &answer) && answer.Status == http.StatusUnprocessableEntity && strings.Contains(string(answer.Body()), "slug"):
			im.fail(j.id(), fmt.Errorf("%s: written without its slug %q: the server has another dashboard with it, which this account is not shown; give one of them another slug", j.path, j.slug))
		case err != nil:
			im.fail(j.id(), fmt.Errorf("%s: written without its slug %q: %w", j.path, j.slug, err))
		}
	}
}

// notOwned explains a refusal for lack of ownership: the importers answer it with
// 500 and a sentence (facts F15), other requests with 403.
func (im *importing) notOwned(j *job, e *apihttp.Error) error {
	who := im.c.auth.cfg.Username
	if who == "" {
		who = "this account"
	}
	switch said := string(e.Body()); {
	case strings.Contains(said, "have permissions to overwrite it"):
		return fmt.Errorf("Superset lets only its owners and administrators overwrite it, and %s is neither: make %s one of its owners in Superset, or apply with an administrator; it was left as it is", who, who)
	case strings.Contains(said, "have permission to create"):
		return fmt.Errorf("it is new, and %s may not create it (%s); a role that may: dashkeep check %s --role apply", who, e.Message, im.c.instance)
	case isDenied(e):
		lacks := permit{"can_write", view(j.doc.Kind)}
		if strings.Contains(e.Path, "csrf_token") {
			lacks = permit{"can_read", "SecurityRestApi"}
		}
		return fmt.Errorf("%s may not do that (%s): %w; a role that may: dashkeep check %s --role apply", who, lacks, e, im.c.instance)
	}
	return nil
}
