package superset

import "github.com/dashkeep/dashkeep/internal/asset"

// What a request needs is a permission with a name: can_read, can_write or
// can_export on the view of its kind. The names are the class_permission_name and
// method_permission_name of each api.py (MODEL_API_RW_METHOD_PERMISSION_MAP in
// constants.py), the same in 4.1.4 to 6.1.0.

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
	case "tag":
		return "Tag"
	case "css_template":
		return "CssTemplate"
	case annotationLayer:
		return "Annotation"
	case kindReport:
		return "ReportSchedule"
	case "rls":
		return "Row Level Security"
	case "role":
		return "Role"
	}
	return string(k)
}

func readPermit(k asset.Kind) permit {
	if k == "role" { // of Flask-AppBuilder's own security API
		return permit{"can_get", view(k)}
	}
	return permit{"can_read", view(k)}
}

func exportPermit(k asset.Kind) permit { return permit{"can_export", view(k)} }
