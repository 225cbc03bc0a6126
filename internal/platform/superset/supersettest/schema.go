package supersettest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// field describes one entry of an import schema: its type, whether null may
// stand there and whether it must be there.
type field struct {
	name string
	typ  string // string, bool, int, dict, list:string, uuid, json, columns, metrics, extra, tunnel, enum, raw
	req  bool
	null bool
}

func req(name, typ string) field  { return field{name: name, typ: typ, req: true} }
func opt(name, typ string) field  { return field{name: name, typ: typ} }
func null(name, typ string) field { return field{name: name, typ: typ, null: true} }

// schemas are the ImportV1…Schema classes of 6.1.0, fields in their order.
var schemas = map[string][]field{
	Chart: {req("slice_name", "string"), null("description", "string"), null("certified_by", "string"),
		null("certification_details", "string"), req("viz_type", "string"), opt("params", "dict"), null("query_context", "json"),
		null("cache_timeout", "int"), req("uuid", "uuid"), req("version", "string"), req("dataset_uuid", "uuid"),
		null("is_managed_externally", "bool"), null("external_url", "string"), null("tags", "list:string")},
	Dashboard: {req("dashboard_title", "string"), null("description", "string"), null("css", "string"), null("slug", "string"),
		req("uuid", "uuid"), opt("position", "dict"), opt("metadata", "dict"), req("version", "string"),
		null("is_managed_externally", "bool"), null("external_url", "string"), null("certified_by", "string"),
		null("certification_details", "string"), null("published", "bool"), null("tags", "list:string"),
		null("theme_uuid", "uuid"), null("theme_id", "int")},
	Dataset: {req("table_name", "string"), null("main_dttm_col", "string"), null("currency_code_column", "string"),
		null("description", "string"), null("default_endpoint", "string"), opt("offset", "int"), null("cache_timeout", "int"),
		null("schema", "string"), null("catalog", "string"), null("sql", "string"), null("source_db_engine", "string"),
		null("params", "dict"), null("template_params", "dict"), opt("filter_select_enabled", "bool"),
		null("fetch_values_predicate", "string"), null("extra", "dict"), req("uuid", "uuid"), opt("columns", "columns"),
		opt("metrics", "metrics"), req("version", "string"), req("database_uuid", "uuid"), opt("data", "string"),
		null("is_managed_externally", "bool"), null("external_url", "string"), opt("normalize_columns", "bool"),
		opt("always_filter_main_dttm", "bool"), null("folders", "raw"), null("data_file", "string")},
	Database: {req("database_name", "string"), req("sqlalchemy_uri", "string"), null("password", "string"),
		null("encrypted_extra", "json"), opt("masked_encrypted_extra", "masked"), null("cache_timeout", "int"),
		opt("expose_in_sqllab", "bool"), opt("allow_run_async", "bool"), opt("allow_ctas", "bool"), opt("allow_cvas", "bool"),
		opt("allow_dml", "bool"), opt("allow_csv_upload", "bool"), opt("impersonate_user", "bool"), opt("extra", "extra"),
		req("uuid", "uuid"), req("version", "string"), null("is_managed_externally", "bool"), null("external_url", "string"),
		null("ssh_tunnel", "tunnel"), null("configuration_method", "enum")},
	Theme: {req("theme_name", "string"), req("json_data", "theme"), req("uuid", "uuid"), req("version", "string")},
	SavedQuery: {null("catalog", "string"), null("schema", "string"), null("label", "string"), null("description", "string"),
		req("sql", "string"), req("uuid", "uuid"), req("version", "string"), req("database_uuid", "uuid")},
	"columns": {req("column_name", "string"), null("extra", "dict"), null("verbose_name", "string"), null("is_dttm", "bool"),
		null("is_active", "bool"), null("type", "string"), null("advanced_data_type", "string"), opt("groupby", "bool"),
		opt("filterable", "bool"), null("expression", "string"), null("description", "string"),
		null("python_date_format", "string"), null("datetime_format", "string")},
	"metrics": {req("metric_name", "string"), null("verbose_name", "string"), null("metric_type", "string"),
		req("expression", "string"), null("description", "string"), null("d3format", "string"), null("currency", "currency"),
		null("extra", "dict"), null("warning_text", "string")},
	"extra": {opt("metadata_params", "dict"), opt("engine_params", "dict"), opt("metadata_cache_timeout", "dict"),
		opt("schemas_allowed_for_csv_upload", "list:string"), opt("cost_estimate_enabled", "bool"),
		opt("allows_virtual_table_explore", "bool"), opt("cancel_query_on_windows_unload", "bool"),
		opt("disable_data_preview", "bool"), opt("disable_drill_to_detail", "bool"), opt("allow_multi_catalog", "bool"),
		opt("per_user_caching", "bool"), null("version", "string"), opt("schema_options", "dict")},
	"tunnel": {opt("id", "int"), opt("server_address", "string"), opt("server_port", "int"), opt("username", "string"),
		opt("password", "string"), opt("private_key", "string"), opt("private_key_password", "string")},
}

var uuidText = regexp.MustCompile(`^(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$`)

// checkSchema validates as marshmallow does and returns the messages by field.
// It also makes the repairs that the schemas make in place before validating.
func (s *Server) checkSchema(name string, o *object) *object {
	s.repair(name, o)
	bad := newObject()
	known := map[string]bool{}
	for _, f := range schemas[name] {
		if !s.takes(name, f.name) {
			continue
		}
		known[f.name] = true
		v, present := o.vals[f.name]
		switch {
		case !present && f.req:
			bad.set(f.name, []any{"Missing data for required field."})
		case !present:
		case v == nil && !f.null:
			bad.set(f.name, []any{"Field may not be null."})
		case v != nil:
			if msg := s.checkType(f.typ, v); msg != nil {
				bad.set(f.name, msg)
			}
		}
	}
	for _, k := range o.keys {
		if !known[k] {
			bad.set(k, []any{"Unknown field."})
		}
	}
	return bad
}

// repair is the schemas' pre_load: JSON that older versions exported as text,
// and the two spellings of the upload flags.
func (s *Server) repair(name string, o *object) {
	switch name {
	case "columns", "metrics":
		openText(o, "extra")
		if s.since("6.0.0") {
			openText(o, "currency")
		}
	case Dataset:
		if o.str("extra") != "" || o.get("extra") == "" {
			text := strings.TrimSpace(o.str("extra"))
			v, err := decodeJSON(text)
			if err != nil {
				v = nil
			}
			o.set("extra", v)
		}
		if o.get("template_params") == "" {
			o.set("template_params", nil)
		}
	case Database:
		rename(o, "allow_file_upload", "allow_csv_upload")
	case "extra":
		rename(o, "schemas_allowed_for_file_upload", "schemas_allowed_for_csv_upload")
		openText(o, "schemas_allowed_for_csv_upload")
	}
}

func openText(o *object, key string) {
	if text := o.str(key); text != "" {
		if v, err := decodeJSON(text); err == nil {
			o.set(key, v)
		}
	}
}

func rename(o *object, from, to string) {
	if o.has(from) {
		o.set(to, o.del(from))
	}
}

// checkType returns nil, a list of messages, or messages by position.
func (s *Server) checkType(typ string, v any) any {
	fail := func(msg string) any { return []any{msg} }
	switch typ {
	case "currency": // text before 6.0.0
		if _, ok := v.(string); !ok && !s.since("6.0.0") {
			return fail("Not a valid string.")
		}
	case "theme":
		return checkTheme(v)
	case "string":
		if _, ok := v.(string); !ok {
			return fail("Not a valid string.")
		}
	case "uuid":
		if s, ok := v.(string); !ok || !uuidText.MatchString(s) {
			return fail("Not a valid UUID.")
		}
	case "json", "masked":
		s, ok := v.(string)
		if !ok {
			return fail("Not a valid string.")
		}
		if typ == "masked" && s == "{}" {
			return fail("Field cannot be empty.")
		}
		if _, err := decodeJSON(s); err != nil && s != "" {
			return fail("JSON not valid")
		}
	case "bool":
		if !isBool(v) {
			return fail("Not a valid boolean.")
		}
	case "int":
		if !isInt(v) {
			return fail("Not a valid integer.")
		}
	case "dict":
		if _, ok := v.(*object); !ok {
			return fail("Not a valid mapping type.")
		}
	case "enum":
		if !slices.Contains([]any{"sqlalchemy_form", "dynamic_form"}, v) {
			return fail("Must be one of: sqlalchemy_form, dynamic_form.")
		}
	case "list:string", "columns", "metrics":
		return s.checkList(typ, v)
	case "extra", "tunnel":
		o, ok := v.(*object)
		if !ok {
			return fail("Invalid input type.")
		}
		if bad := s.checkSchema(typ, o); len(bad.keys) > 0 {
			return bad
		}
	}
	return nil
}

func (s *Server) checkList(typ string, v any) any {
	list, ok := v.([]any)
	if !ok {
		return []any{"Not a valid list."}
	}
	bad := newObject()
	for i, e := range list {
		if typ == "list:string" {
			if _, ok := e.(string); !ok {
				bad.set(itoa(i), []any{"Not a valid string."})
			}
			continue
		}
		o, ok := e.(*object)
		if !ok {
			one := newObject()
			one.set("_schema", []any{"Invalid input type."})
			bad.set(itoa(i), one)
			continue
		}
		if one := s.checkSchema(typ, o); len(one.keys) > 0 {
			bad.set(itoa(i), one)
		}
	}
	if len(bad.keys) > 0 {
		return bad
	}
	return nil
}

// isBool and isInt are as lenient as marshmallow: "yes" and "5" pass.
func isBool(v any) bool {
	switch v := v.(type) {
	case bool:
		return true
	case number:
		return v == "0" || v == "1"
	case string:
		return slices.Contains(strings.Fields("t T true True TRUE on On ON y Y yes Yes YES 1 f F false False FALSE off Off OFF n N no No NO 0"), v)
	}
	return false
}

func isInt(v any) bool {
	_, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	_, isBool := v.(bool)
	return err == nil && !isBool
}
