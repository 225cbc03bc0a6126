package superset

import (
	"context"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// Rights implements platform.Auditor.
func (c *conn) Rights(ctx context.Context) ([]platform.KindRights, bool, error) {
	a, err := c.accountNow(ctx)
	if err != nil {
		return nil, false, err
	}
	kinds := c.kinds(ctx)
	if !a.known && !a.admin {
		if a, err = c.permissionsByKind(ctx, a, kinds); err != nil {
			return nil, false, err
		}
	}
	var out []platform.KindRights
	for _, k := range kinds {
		r := platform.KindRights{Kind: k, Part: a.part(k), ReadLacks: a.lacking(readPermits(k)), WriteLacks: a.lacking(writePermits(k))}
		r.Read, r.Write = len(r.ReadLacks) == 0 || a.readsWithout(k), len(r.WriteLacks) == 0
		r.ReadLacks = append(r.ReadLacks, a.lacking(dataPermits(k))...)
		r.Owned = !a.admin && owned(k)
		out = append(out, r)
	}
	return out, a.admin, nil
}

// owned are kinds of which only an owner or an administrator overwrites and
// deletes what is there (facts F15; security/manager.py, raise_for_ownership).
func owned(k asset.Kind) bool {
	return k == kindDataset || k == kindChart || k == kindDashboard || k == kindReport
}

// readsWithout reports whether a kind comes from the export of everything, which is
// fetched in place of a refused one of its own (reading.forbidden).
func (a *account) readsWithout(k asset.Kind) bool {
	read := readPermit(k)
	return a.can(read.what, read.on) && !isRecord(k) && a.can("can_export", "ImportExportRestApi")
}

// permissionsByKind asks each kind for the permissions on its view, where the
// server does not tell the account's roles.
func (c *conn) permissionsByKind(ctx context.Context, a *account, kinds []asset.Kind) (*account, error) {
	out := *a
	out.may = map[permit]bool{}
	for _, k := range kinds {
		var info struct {
			Permissions []string `json:"permissions"`
		}
		err := c.http.JSON(ctx, apihttp.Request{Path: traitOf(k).endpoint() + "_info", Query: rison("(keys:!(permissions))")}, &info)
		var answer apihttp.Error
		switch {
		case err != nil && !answered(err, &answer):
			return nil, err
		case err != nil:
			continue
		}
		for _, what := range info.Permissions {
			out.may[permit{what, view(k)}] = true
		}
	}
	return &out, nil
}
