package supersettest

import (
	"slices"
	"strconv"
	"strings"
)

// WithVersion makes the server behave as another release than Version: 4.1.4,
// 5.0.0 and 6.0.0 are pinned by real answers, as 6.1.0 is.
func WithVersion(v string) Option { return func(s *Server) { s.version = v } }

// since reports whether the server is of this release or a later one.
func (s *Server) since(release string) bool {
	have, want := strings.Split(s.version, "."), strings.Split(release, ".")
	for i, w := range want {
		x, y := 0, 0
		if i < len(have) {
			x, _ = strconv.Atoi(have[i])
		}
		y, _ = strconv.Atoi(w)
		if x != y {
			return x > y
		}
	}
	return true
}

// takenSince tells from which release on an import schema has a field, by schema
// and field; what is not listed is in all of them (the schemas.py of 4.1.4 to
// 6.1.0 were compared).
var takenSince = map[string]map[string]string{
	Database: {"impersonate_user": "5.0.0", "encrypted_extra": "6.0.0", "masked_encrypted_extra": "6.1.0", "configuration_method": "6.1.0"},
	Dataset:  {"folders": "6.0.0", "currency_code_column": "6.1.0", "source_db_engine": "6.1.0", "data_file": "6.1.0"},
	Chart:    {"tags": "6.0.0"}, Dashboard: {"tags": "6.0.0", "theme_uuid": "6.0.0", "theme_id": "6.1.0"},
	SavedQuery:      {"catalog": "5.0.0"}, // exported by 4.1.4, which refuses it back
	"columns":       {"datetime_format": "6.1.0"},
	"json_metadata": {"chart_customization_config": "6.1.0", "show_chart_timestamps": "6.1.0"}, // of a PUT; imports take anything
	"extra":         {"schema_options": "5.0.0", "per_user_caching": "6.1.0"},
}

// takes reports whether an import schema has a field.
func (s *Server) takes(schema, field string) bool {
	release := takenSince[schema][field]
	return release == "" || s.since(release)
}

// shown leaves out of a list of export fields what this release does not export.
// Exports and import schemas gained the same fields together but for
// encrypted_extra, which is not in these lists.
func (s *Server) shown(schema string, fields []string) []string {
	if s.since(Version) {
		return fields
	}
	return slices.DeleteFunc(slices.Clone(fields), func(f string) bool { return !s.takes(schema, f) })
}

// themes reports whether the release has themes.
func (s *Server) themes() bool { return s.since("6.0.0") }

// tags reports whether tags travel in exports and imports: the release does it and
// the feature is on.
func (s *Server) tags() bool { return s.tagging && s.since("6.0.0") }

// byUUIDSince tells from which release on an item's address may be its uuid; the rest
// answer 405.
var byUUIDSince = map[string]string{Dashboard: "4.0.0", Chart: "6.0.0", Dataset: "6.1.0", Theme: "6.0.0"}

// WithoutWarehouse makes every warehouse unreachable. Releases before 6.0.0 then
// refuse new connections with a nameless 500 (facts F17).
func WithoutWarehouse() Option { return func(s *Server) { s.unreachable = true } }
