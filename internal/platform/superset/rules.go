package superset

import (
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// Format is the canonical form this package reads and writes.
const Format = "superset/1"

// The kinds; those of a table of their own stand with it (css.go, tag.go).
const (
	kindDatabase    asset.Kind = "database"
	kindDataset     asset.Kind = "dataset"
	kindChart       asset.Kind = "chart"
	kindDashboard   asset.Kind = "dashboard"
	kindTheme       asset.Kind = "theme"
	kindSavedQuery  asset.Kind = "saved_query"
	annotationLayer asset.Kind = "annotation_layer"
	kindReport      asset.Kind = "report" // alerts too
	kindRule        asset.Kind = "rls"    // row-level security
	kindRole        asset.Kind = "role"
)

// Rules is the table of canonical form superset/1. F numbers are explained
// in the package comment; file names without more are those of Superset 6.1.0's
// source.
func Rules() normalize.Rules {
	rs := normalize.Rules{Format: Format, Kinds: map[asset.Kind]normalize.KindRules{}}
	for _, t := range traits() {
		rs.Kinds[t.kind] = t.rules()
	}
	return rs
}

const (
	whyAbsentStays = "import_from_dict leaves an absent key as it is, so null is left out here and sent on import"
	whyConstant    = "the version of the export format: 1.0.0 in every release, required by the importer"
	whyUnsaveable  = "an older server takes it in an import, and then refuses every edit of the dashboard's properties for it (dashboards/schemas.py)"
	whyRow         = "row ids differ per server (F12)"
)

var tagsAside = normalize.Rule{Op: normalize.Drop, Path: "/tags", Why: "in access.tags, from the list: exported from 6.0.0 on only, and with TAGGING_SYSTEM"}

var version = normalize.Rule{Op: normalize.Drop, Path: "/version", Value: "1.0.0", Why: whyConstant}

// nulls leaves out explicit nulls, and empty text where a form writes "" for a
// field nobody filled in.
func nulls(paths ...string) []normalize.Rule {
	var rs []normalize.Rule
	for _, p := range paths {
		rs = append(rs, normalize.Rule{Op: normalize.Default, Path: p, Value: "null", Restore: true, Why: whyAbsentStays})
	}
	return rs
}

func blanks(paths ...string) []normalize.Rule {
	rs := nulls(paths...)
	for i := range rs {
		rs[i].Also = []string{`""`}
		rs[i].Why += `; the edit forms save "" for a field left empty`
	}
	return rs
}

func databaseRules() normalize.KindRules {
	return normalize.KindRules{UID: "uuid", Title: "database_name", Access: accessKeys(kindDatabase),
		Unread: []normalize.Field{
			{Name: "configuration_method", Why: "exported from 6.1.0 on"},
			{Name: "impersonate_user", Why: "exported from 5.0.0 on"},
		},
		Rules: slices.Concat([]normalize.Rule{
			version,
			{Op: normalize.Drop, Path: "/password", Why: "never exported; a secret"},
			{Op: normalize.JSON, Path: "/extra", Why: "text in some exports (F11)"},
			{Op: normalize.Rename, Path: "/allow_file_upload", To: "allow_csv_upload", Why: "two names, one field (F11); this is the importer's"},
			{Op: normalize.Rename, Path: "/extra/schemas_allowed_for_file_upload", To: "schemas_allowed_for_csv_upload", Why: "two names, one field (F11)"},
			{Op: normalize.JSON, Path: "/extra/schemas_allowed_for_csv_upload", Why: "an old form saved text; the importer opens it too"},
			{Op: normalize.Rename, Path: "/masked_encrypted_extra", To: "encrypted_extra", Why: "6.1.0 picks the name by engine; everything in it is masked here anyway"},
			{Op: normalize.JSON, Path: "/encrypted_extra", Restore: true, Why: "JSON text"},
			{Op: normalize.Default, Path: "/encrypted_extra", Value: "{}", Also: []string{"null", `""`}, Restore: true, Since: "6.0.0", Shown: "6.1.0", Why: "empty means absent; not taken before 6.0.0, not exported before 6.1.0 (F16)"},
			{Op: normalize.Default, Path: "/extra/schema_options", Value: "null", Since: "5.0.0", Why: "not taken before 5.0.0 (databases/schemas.py)"},
			{Op: normalize.Default, Path: "/extra/per_user_caching", Value: "null", Since: "6.1.0", Why: "not taken before 6.1.0 (databases/schemas.py)"},
			{Op: normalize.Default, Path: "/extra", Value: "{}", Also: []string{"null", `""`}, Restore: true, Why: "the importer needs the key"},
			{Op: normalize.Default, Path: "/impersonate_user", Value: "false", Also: []string{"null"}, Restore: true, Since: "5.0.0", Why: "not exported by 4.1.4"},
			{Op: normalize.Default, Path: "/configuration_method", Value: "sqlalchemy_form", Also: []string{"null"}, Restore: true, Since: "6.1.0", Why: "not exported before 6.1.0"},
			{Op: normalize.Default, Path: "/ssh_tunnel", Value: "null", Also: []string{"{}"}, Why: "no tunnel"},
		},
			nulls("/cache_timeout"),
			[]normalize.Rule{
				{Op: normalize.Redact, Path: "/encrypted_extra", Why: "6.1.0 exports it in clear (F16)"},
				{Op: normalize.Redact, Path: "/ssh_tunnel/password", Why: "a secret"},
				{Op: normalize.Redact, Path: "/ssh_tunnel/private_key", Why: "a secret"},
				{Op: normalize.Redact, Path: "/ssh_tunnel/private_key_password", Why: "a secret"},
				{Op: normalize.RedactURL, Path: "/sqlalchemy_uri", Why: "Superset masks the password, not the query (F16)"},
				{Op: normalize.RedactKeys, Path: "/extra", Why: "exported in clear (F16)"},
				{Op: normalize.RedactText, Path: "", Why: "secrets under keys nobody thought of"},
			})}
}

func datasetRules() normalize.KindRules {
	return normalize.KindRules{UID: "uuid", Title: "table_name", Access: accessKeys(kindDataset),
		Unread: []normalize.Field{
			{Name: "folders", Why: "exported from 6.0.0 on"},
			{Name: "currency_code_column", Why: "exported from 6.1.0 on"},
		},
		Rules: slices.Concat([]normalize.Rule{
			version,
			{Op: normalize.JSON, Path: "/params", Why: "text inside database exports (F11)"},
			{Op: normalize.JSON, Path: "/extra", Why: "text inside database exports (F11)"},
			{Op: normalize.JSON, Path: "/template_params", Why: "text inside database exports (F11)"},
			{Op: normalize.JSON, Path: "/columns/*/extra", Why: "text inside database exports (F11)"},
			{Op: normalize.JSON, Path: "/metrics/*/extra", Why: "text inside database exports (F11)"},
			{Op: normalize.JSON, Path: "/metrics/*/currency", Until: "6.0.0", Why: "text before 6.0.0, a mapping since"},
			{Op: normalize.SortBy, Path: "/columns", By: "column_name", Why: "the exporter sorts by the characters of the whole row, so an edited description moves it (F9)"},
			{Op: normalize.SortBy, Path: "/metrics", By: "metric_name", Why: "as columns (F9)"},
			{Op: normalize.Default, Path: "/columns", Value: "[]", Also: []string{"null"}, Restore: true, Why: "no columns"},
			{Op: normalize.Default, Path: "/metrics", Value: "[]", Also: []string{"null"}, Restore: true, Why: "no metrics"},
			{Op: normalize.Default, Path: "/columns/*/is_dttm", Value: "false", Restore: true, Why: "the database column's default"},
			{Op: normalize.Default, Path: "/columns/*/is_active", Value: "true", Restore: true, Why: "the database column's default"},
			{Op: normalize.Default, Path: "/columns/*/groupby", Value: "true", Restore: true, Why: "the database column's default"},
			{Op: normalize.Default, Path: "/columns/*/filterable", Value: "true", Restore: true, Why: "the database column's default"},
			{Op: normalize.Default, Path: "/columns/*/datetime_format", Value: "null", Also: []string{`""`}, Restore: true, Since: "6.1.0", Why: whyAbsentStays},
			{Op: normalize.Default, Path: "/currency_code_column", Value: "null", Also: []string{`""`}, Restore: true, Since: "6.1.0", Why: whyAbsentStays},
			{Op: normalize.Default, Path: "/folders", Value: "null", Restore: true, Since: "6.0.0", Why: whyAbsentStays},
		},
			nulls("/cache_timeout"),
			blanks("/main_dttm_col", "/description", "/default_endpoint", "/catalog", "/schema", "/sql", "/params",
				"/template_params", "/fetch_values_predicate", "/extra",
				"/columns/*/verbose_name", "/columns/*/type", "/columns/*/advanced_data_type", "/columns/*/expression",
				"/columns/*/description", "/columns/*/python_date_format", "/columns/*/extra",
				"/metrics/*/verbose_name", "/metrics/*/metric_type", "/metrics/*/description", "/metrics/*/d3format",
				"/metrics/*/currency", "/metrics/*/extra", "/metrics/*/warning_text"),
			[]normalize.Rule{
				{Op: normalize.RedactKeys, Path: "/template_params", Free: true, Why: "exported in clear"},
				{Op: normalize.RedactKeys, Path: "/extra", Free: true, Why: "exported in clear"},
				{Op: normalize.RedactText, Path: "", Why: "a password inside SQL or a link"},
				{Op: normalize.Depend, Path: "/database_uuid", Kind: kindDatabase, Why: "required by the importer"},
			})}
}

func chartRules() normalize.KindRules {
	drop := func(why string, paths ...string) (rs []normalize.Rule) {
		for _, p := range paths {
			rs = append(rs, normalize.Rule{Op: normalize.Drop, Path: p, Why: why})
		}
		return rs
	}
	return normalize.KindRules{UID: "uuid", Title: "slice_name", Access: accessKeys(kindChart),
		Rules: slices.Concat([]normalize.Rule{
			version, tagsAside,
			{Op: normalize.JSON, Path: "/params", Why: "stays text when the server could not read it"},
			{Op: normalize.JSON, Path: "/query_context", Restore: true, Why: "a one-line JSON text (F12)"},
			{Op: normalize.Call, Path: "/params/datasource", Hook: brokenDatasource(), Why: "a chart without dataset keeps the lost row visible (F5)"},
		},
			drop("derived from the dataset; the importer writes it (update_chart_config_dataset)",
				"/query_context/datasource", "/query_context/queries/*/datasource", "/query_context/form_data/datasource"),
			drop("the chart's own row id; the server fills it in when the chart is opened (F12, F13)",
				"/params/slice_id", "/query_context/form_data/slice_id"),
			drop("derived from the dashboards that hold the chart, and never remapped (F13)",
				"/params/dashboards", "/query_context/form_data/dashboards"),
			[]normalize.Rule{
				{Op: normalize.Default, Path: "/params/annotation_layers", Value: "[]", Why: "the importer adds an empty list"},
				{Op: normalize.Default, Path: "/query_context/form_data/annotation_layers", Value: "[]", Why: "as in params"},
				{Op: normalize.Call, Path: "/params/annotation_layers", Hook: layerRefs(), Why: "layers point to charts and annotation layers by row id (F12)"},
				{Op: normalize.Call, Path: "/query_context/form_data", Hook: formData(), Why: "a second copy of params: only what differs is kept, so that one edit changes one place"},
				{Op: normalize.Call, Path: "/params/viz_type", Hook: vizType(), Why: "a copy of viz_type"},
				{Op: normalize.Default, Path: "/params", Value: "{}", Also: []string{"null", `""`}, Restore: true, Why: "the importer needs a mapping"},
			},
			nulls("/cache_timeout"),
			blanks("/description", "/certified_by", "/certification_details", "/query_context"),
			[]normalize.Rule{
				{Op: normalize.RedactText, Path: "", Why: "a password inside SQL or a link"},
				{Op: normalize.Depend, Path: "/dataset_uuid", Kind: kindDataset, Why: "required by the importer"},
			})}
}

func dashboardRules() normalize.KindRules {
	ids := func(weakWhy string, m normalize.Missing, paths ...string) (rs []normalize.Rule) {
		for _, p := range paths {
			rs = append(rs,
				normalize.Rule{Op: normalize.RefValue, Path: p + "/*", Kind: kindChart, Missing: m, Weak: true, Why: whyRow + weakWhy},
				normalize.Rule{Op: normalize.SortSet, Path: p, Why: "a set; the server keeps the order of clicks"})
		}
		return rs
	}
	// before 6.0.0 the importer leaves them alone, so what is missing may stay
	untouched := func(rs []normalize.Rule) []normalize.Rule {
		for i := range rs {
			rs[i].Parked = "6.0.0"
		}
		return rs
	}
	keys := func(paths ...string) (rs []normalize.Rule) {
		for _, p := range paths {
			rs = append(rs, normalize.Rule{Op: normalize.RefKeys, Path: p, Kind: kindChart, Weak: true, Why: whyRow})
		}
		return rs
	}
	const filters, custom = "/metadata/native_filter_configuration/*", "/metadata/chart_customization_config/*"
	const cross, global = "/metadata/chart_configuration", "/metadata/global_chart_configuration"
	return normalize.KindRules{UID: "uuid", Title: "dashboard_title", Access: accessKeys(kindDashboard),
		Unread: []normalize.Field{{Name: "theme_uuid", Why: "exported from 6.0.0 on"}},
		Whole:  []normalize.Structure{{Path: "/position", Check: checkLayout, Why: "places name each other as children and parents"}},
		Rules: slices.Concat([]normalize.Rule{
			version, tagsAside,
			{Op: normalize.Drop, Path: "/metadata/show_native_filters", Why: "the importer removes it (dashboard/importers/v1/utils.py)"},
			{Op: normalize.JSON, Path: "/metadata/default_filters", Restore: true, Why: "JSON text keyed by row ids (F12)"},
			{Op: normalize.Call, Path: "/metadata/default_filters", Hook: legacyFilters(), Why: "the importer removes legacy filters (migrations/shared/native_filters.py)"},
			{Op: normalize.Default, Path: "/metadata/default_filters", Value: "{}", Why: "empty means absent"},
			{Op: normalize.Default, Path: "/metadata/filter_scopes", Value: "{}", Why: "empty means absent"},
			{Op: normalize.Default, Path: "/metadata/native_filter_configuration", Value: "[]", Why: "the importer adds an empty list"},
			{Op: normalize.Call, Path: "/position", Hook: layout(), Why: "rows of charts that stand in no layout get random names and order at each export (F10); titles and row ids in the layout are copies"},
			{Op: normalize.Drop, Path: "/position/*/meta/sliceName", Why: "a copy of the chart's title, refreshed when the dashboard opens"},
			{Op: normalize.RefValue, Path: "/position/*/meta/chartId", Kind: kindChart, Missing: normalize.Park, Why: whyRow},
			{Op: normalize.Depend, Path: "/position/*/meta/uuid", Kind: kindChart, Why: "a chart on the dashboard"},
			{Op: normalize.Depend, Path: filters + "/targets/*/datasetUuid", Kind: kindDataset, Why: "the importer fails without it (F13)"},
			{Op: normalize.RefValue, Path: custom + "/targets/*/datasetId", Kind: kindDataset, Missing: normalize.Park, Why: whyRow + "; never remapped (F13)"},
		},
			keys("/metadata/expanded_slices", "/metadata/filter_scopes", "/metadata/default_filters"),
			untouched(keys(cross)),
			untouched([]normalize.Rule{{Op: normalize.RefValue, Path: cross + "/*/id", Kind: kindChart, Weak: true, Why: whyRow}}),
			ids("; KeyError in the importer when absent", normalize.Omit, "/metadata/timed_refresh_immune_slices", "/metadata/filter_scopes/*/*/immune",
				filters+"/scope/excluded"),
			untouched(ids("; dropped by the importer when absent", normalize.Omit, cross+"/*/crossFilters/scope/excluded", global+"/scope/excluded")),
			ids("; the importer does not touch it (F13)", normalize.Park, filters+"/chartsInScope", cross+"/*/crossFilters/chartsInScope",
				global+"/chartsInScope", custom+"/chartsInScope", custom+"/scope/excluded"),
			[]normalize.Rule{
				{Op: normalize.Default, Path: "/metadata", Value: "{}", Also: []string{"null"}, Restore: true, Why: "empty means absent"},
				{Op: normalize.Default, Path: "/theme_uuid", Value: "null", Restore: true, Since: "6.0.0", Why: "absent before 6.0.0"},
				{Op: normalize.Depend, Path: "/theme_uuid", Kind: kindTheme, Why: "the importer takes the theme off where it is not on the server"},
				{Op: normalize.Default, Path: "/metadata/chart_customization_config", Value: "null", Since: "6.1.0", Why: whyUnsaveable},
				{Op: normalize.Default, Path: "/metadata/show_chart_timestamps", Value: "null", Since: "6.1.0", Why: whyUnsaveable},
			},
			blanks("/description", "/css", "/slug", "/certified_by", "/certification_details"),
			[]normalize.Rule{{Op: normalize.RedactText, Path: "", Why: "a password inside a link"}})}
}
