package superset

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// grant is one permission as Flask-AppBuilder names it: a permission on a "view
// menu". Of the data permissions that text holds names and row ids
// (get_dataset_perm and its neighbours, security/manager.py):
//
//	database_access    [database].(id:1)
//	datasource_access  [database].[table](id:7)
//	catalog_access     [database].[catalog]
//	schema_access      [database].[schema], [database].[catalog].[schema]
type grant struct {
	Permission string `json:"permission_name"`
	View       string `json:"view_menu_name"`
}

// target is what a permission means on one server: what it says, or for that on a
// database or dataset, whose names are copies, the row.
type target struct {
	permission, view string
	kind             asset.Kind
	row              int
}

const grantOn = " on "

var (
	databaseView = regexp.MustCompile(`^\[.+\]\.\(id:([0-9]+)\)$`)
	datasetView  = regexp.MustCompile(`^\[.+\]\.\[.*\]\(id:([0-9]+)\)$`)
)

// cutGrant takes "permission on view" apart. No permission's name has a space
// before its view; what has, reads "menu access".
func cutGrant(key string) (permission, view string, ok bool) { return strings.Cut(key, grantOn) }

func targetOf(g grant) target {
	for k, form := range map[asset.Kind]*regexp.Regexp{kindDatabase: databaseView, kindDataset: datasetView} {
		if m := form.FindStringSubmatch(g.View); m != nil {
			if row, err := strconv.Atoi(m[1]); err == nil {
				return target{permission: g.Permission, kind: k, row: row}
			}
		}
	}
	return target{permission: g.Permission, view: g.View}
}

// namesDatabase reports whether the view names its database by name alone.
func (g grant) namesDatabase() bool {
	return g.Permission == "schema_access" || g.Permission == "catalog_access"
}

// node is the grant as a document from a server holds it, with the row of the
// database or dataset it is about. databases are rows by name.
func (g grant) node(databases map[string]int) *yaml.Node {
	n := asset.Map("permission", g.Permission)
	if t := targetOf(g); t.row != 0 {
		asset.Put(n, asset.Str(string(t.kind)), "kind")
		asset.Put(n, asset.Int(t.row), "row")
		return n
	}
	if g.namesDatabase() {
		if row, rest, ok := cutDatabase(g.View, databases); ok {
			asset.Put(n, asset.Str(string(kindDatabase)), "kind")
			asset.Put(n, asset.Int(row), "row")
			asset.Put(n, asset.Str(rest), "rest")
			return n
		}
	}
	asset.Put(n, asset.Str(g.View), "view")
	return n
}

// cutDatabase takes the database's name off "[database].[schema]". Names may hold
// brackets, so the longest that fits is it.
func cutDatabase(view string, databases map[string]int) (row int, rest string, ok bool) {
	names := slices.SortedFunc(maps.Keys(databases), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	for _, name := range names {
		if rest, ok = strings.CutPrefix(view, "["+name+"]"); ok && strings.HasPrefix(rest, ".[") {
			return databases[name], rest, true
		}
	}
	return 0, "", false
}
