package superset

import (
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// What a request needs is a permission with a name: can_read, can_write or
// can_export on the view of its kind. The names are the class_permission_name and
// method_permission_name of each api.py (MODEL_API_RW_METHOD_PERMISSION_MAP in
// constants.py), the same in 4.1.4 to 6.1.0; what a version has not, it does not
// ask for.

func (p permit) String() string { return p.what + " on " + p.on }

// view is what the permissions of a kind are on.
func view(k asset.Kind) string {
	switch k {
	case kindDatabase:
		return "Database"
	case kindDataset:
		return "Dataset"
	case kindChart:
		return "Chart"
	case kindDashboard:
		return "Dashboard"
	case kindSavedQuery:
		return "SavedQuery"
	case kindTheme:
		return "Theme"
	case kindTag:
		return "Tag"
	case kindCSS:
		return "CssTemplate"
	case annotationLayer:
		return "Annotation"
	case kindReport:
		return "ReportSchedule"
	case kindRule:
		return "Row Level Security"
	case kindRole:
		return "Role"
	}
	return string(k)
}

func readPermit(k asset.Kind) permit {
	if k == kindRole { // of Flask-AppBuilder's own security API
		return permit{"can_get", view(k)}
	}
	return permit{"can_read", view(k)}
}

func exportPermit(k asset.Kind) permit { return permit{"can_export", view(k)} }

// readPermits are what listing and reading a kind need.
func readPermits(k asset.Kind) []permit {
	ps := []permit{readPermit(k)}
	switch {
	case k == kindRole:
		return append(ps, permit{"can_list_role_permissions", view(k)}, permit{"can_get", "PermissionViewMenu"})
	case traitOf(k).folder != "":
		return append(ps, exportPermit(k))
	}
	return ps
}

// writePermits are what creating, changing and deleting need besides.
func writePermits(k asset.Kind) []permit {
	if k == kindRole {
		return []permit{{"can_post", view(k)}, {"can_put", view(k)}, {"can_delete", view(k)}, {"can_add_role_permissions", view(k)}}
	}
	return []permit{{"can_write", view(k)}}
}

// dataPermits are what being shown all of a kind needs.
func dataPermits(k asset.Kind) []permit {
	switch k {
	case kindDataset, kindChart, kindReport:
		return []permit{{"all_datasource_access", "all_datasource_access"}}
	case kindDatabase:
		return []permit{{"all_database_access", "all_database_access"}}
	}
	return nil
}

// commonPermits are what no kind is asked for by: exports of everything and of
// what the account is shown of data, the token that writes need, who is logged in,
// names and addresses of editors.
func commonPermits() []permit {
	return []permit{
		{"can_export", "ImportExportRestApi"}, {"can_read", "SecurityRestApi"}, {"can_read", "CurrentUserRestApi"}, {"can_get", "User"},
		{"all_datasource_access", "all_datasource_access"}, {"all_database_access", "all_database_access"},
	}
}

// sidecar are what a kind's access: section needs: tags, embedding.
func sidecar(k asset.Kind, write bool) []permit {
	var ps []permit
	switch k {
	case kindDashboard:
		ps = append(ps, permit{"can_get_embedded", "Dashboard"}, permit{"can_read", "Tag"})
		if write { // its theme travels along
			ps = append(ps, permit{"can_read", "Theme"}, permit{"can_export", "Theme"}, permit{"can_set_embedded", "Dashboard"}, permit{"can_delete_embedded", "Dashboard"}, permit{"can_tag", "Dashboard"}, permit{"can_write", "Tag"})
		}
	case kindChart:
		ps = append(ps, permit{"can_read", "Tag"}, permit{"can_read", "Annotation"})
		if write {
			ps = append(ps, permit{"can_tag", "Chart"}, permit{"can_write", "Tag"})
		}
	}
	return ps
}

// lacking are those of some permissions that an account does not have, by name.
func (a *account) lacking(ps []permit) []string {
	var out []string
	for _, p := range ps {
		if !a.can(p.what, p.on) && !slices.Contains(out, p.String()) {
			out = append(out, p.String())
		}
	}
	return out
}
