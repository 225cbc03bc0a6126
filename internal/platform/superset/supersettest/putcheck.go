package supersettest

import (
	"slices"
	"strings"
)

// putFields are the keys that a PUT takes, with their types: s text, b boolean,
// i integer, j JSON text, l list.
var putFields = map[string]map[string]byte{
	Dashboard: {"dashboard_title": 's', "slug": 's', "owners": 'l', "roles": 'l', "position_json": 'j', "css": 's', "theme_id": 'i',
		"json_metadata": 'j', "published": 'b', "certified_by": 's', "certification_details": 's', "is_managed_externally": 'b',
		"external_url": 's', "tags": 'l', "uuid": 's'},
	Chart: {"slice_name": 's', "description": 's', "viz_type": 's', "owners": 'l', "params": 'j', "query_context": 's',
		"query_context_generation": 'b', "cache_timeout": 'i', "datasource_id": 'i', "datasource_type": 's', "dashboards": 'l',
		"certified_by": 's', "certification_details": 's', "is_managed_externally": 'b', "external_url": 's', "tags": 'l', "uuid": 's'},
	Dataset: {"table_name": 's', "database_id": 'i', "sql": 's', "filter_select_enabled": 'b', "fetch_values_predicate": 's',
		"catalog": 's', "schema": 's', "description": 's', "main_dttm_col": 's', "currency_code_column": 's',
		"normalize_columns": 'b', "always_filter_main_dttm": 'b', "offset": 'i', "default_endpoint": 's', "cache_timeout": 'i',
		"is_sqllab_view": 'b', "template_params": 's', "owners": 'l', "columns": 'l', "metrics": 'l', "extra": 's',
		"is_managed_externally": 'b', "external_url": 's', "uuid": 's'},
	Database: {"database_name": 's', "cache_timeout": 'i', "expose_in_sqllab": 'b', "allow_run_async": 'b', "allow_file_upload": 'b',
		"allow_ctas": 'b', "allow_cvas": 'b', "allow_dml": 'b', "force_ctas_schema": 's', "impersonate_user": 'b',
		"masked_encrypted_extra": 's', "extra": 'j', "server_cert": 's', "sqlalchemy_uri": 's', "is_managed_externally": 'b',
		"external_url": 's', "uuid": 's'},
	Theme: {"theme_name": 's', "json_data": 'j'},
	SavedQuery: {"db_id": 'i', "description": 's', "label": 's', "catalog": 's', "schema": 's', "sql": 's', "template_parameters": 's',
		"extra_json": 's'},
	AnnotationLayer: {"name": 's', "descr": 's'},
	CSSTemplate:     {"template_name": 's', "css": 's'},
	Tag:             {"name": 's', "description": 's', "objects_to_tag": 'l'},
}

// metadataKeys are what 6.1.0 accepts in json_metadata.
var metadataKeys = strings.Fields(`native_filter_configuration chart_configuration global_chart_configuration
	chart_customization_config timed_refresh_immune_slices filter_scopes expanded_slices refresh_frequency default_filters
	stagger_refresh stagger_time color_scheme color_namespace positions label_colors shared_label_colors map_label_colors
	color_scheme_domain cross_filters_enabled show_chart_timestamps import_time remote_id filter_bar_orientation
	native_filter_migration show_native_filters`)

// columnPut and metricPut are the keys of a column and a metric in a PUT.
var (
	columnPut = append([]string{"id", "uuid"}, columnFields...)
	metricPut = append([]string{"id", "uuid"}, metricFields...)
)

func (s *Server) checkPut(kind string, body *object) *object {
	bad := newObject()
	for _, k := range body.keys {
		typ, known := putFields[kind][k]
		known = known && !(s.editors && (k == "owners" || k == "roles"))
		v := body.vals[k]
		msg := ""
		switch {
		case !known:
			msg = "Unknown field."
		case v == nil:
		case typ == 's' || typ == 'j':
			text, ok := v.(string)
			if !ok {
				msg = "Not a valid string."
			} else if typ == 'j' && text != "" {
				if _, err := decodeJSON(text); err != nil {
					msg = "JSON not valid"
				}
			}
		case typ == 'b':
			if _, ok := v.(bool); !ok {
				msg = "Not a valid boolean."
			}
		case typ == 'i':
			if _, ok := v.(number); !ok {
				msg = "Not a valid integer."
			}
		case typ == 'l':
			if _, ok := v.([]any); !ok {
				msg = "Not a valid list."
			}
		}
		if msg != "" {
			bad.set(k, []any{msg})
		}
	}
	checkPutChildren(bad, body, "columns", "column_name", columnPut)
	checkPutChildren(bad, body, "metrics", "metric_name", metricPut)
	if meta, err := decodeJSON(body.str("json_metadata")); err == nil {
		unknown := newObject()
		if o, ok := meta.(*object); ok {
			for _, k := range o.keys {
				if !slices.Contains(metadataKeys, k) || !s.takes("json_metadata", k) {
					unknown.set(k, []any{"Unknown field."})
				}
			}
		}
		if len(unknown.keys) > 0 {
			bad.set("json_metadata", []any{unknown})
		}
	}
	return bad
}

func checkPutChildren(bad, body *object, list, name string, known []string) {
	all := newObject()
	for i, v := range body.list(list) {
		o, _ := v.(*object)
		one := newObject()
		if o.str(name) == "" {
			one.set(name, []any{"Missing data for required field."})
		}
		if o != nil {
			for _, k := range o.keys {
				if !slices.Contains(known, k) {
					one.set(k, []any{"Unknown field."})
				}
			}
		}
		if len(one.keys) > 0 {
			all.set(itoa(i), one)
		}
	}
	if len(all.keys) > 0 {
		bad.set(list, all)
	}
}
