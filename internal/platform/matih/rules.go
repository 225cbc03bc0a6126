package matih

import (
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// Format is the canonical form this package reads and writes.
const Format = "matih/1"

// kindDashboard is the only kind of asset. Widgets have uids of their own, bound
// in platform.IDs under kindWidget, and are parts of their dashboard.
const (
	kindDashboard asset.Kind = "dashboard"
	kindWidget    asset.Kind = "widget"
)

// Kinds lists what is read and written.
func Kinds() []asset.Kind { return []asset.Kind{kindDashboard} }

// Rules is the table of canonical form matih/1. It speaks of canonical field
// names: what the server calls them is the mapping's business.
func Rules() normalize.Rules {
	return normalize.Rules{Format: Format, Kinds: map[asset.Kind]normalize.KindRules{kindDashboard: dashboardRules()}}
}

func dashboardRules() normalize.KindRules {
	return normalize.KindRules{UID: "uid", Title: "name", Values: documented(), Rules: slices.Concat(
		drop("the server's own id: the file has a uid, the map of ids joins them", "/id", "/dashboard_id", "/~id"),
		drop("the server writes it (API page, answer of a creation)", "/tenant_id", "/created_at", "/updated_at", "/updated_by", "/widget_count"),
		drop("the server writes it; who owns the dashboard is for select and rules", "/created_by"),
		drop("sharing: no call of the API reads it back, so what a server happens to show is not compared", "/shared_with", "/permissions"),
		drop("the server's own id: the file has a uid, the map of ids joins them", "/widgets/*/id", "/widgets/*/widget_id", "/widgets/*/dashboard_id", "/widgets/*/~id"),
		drop("the server writes it", "/widgets/*/tenant_id", "/widgets/*/created_by", "/widgets/*/created_at", "/widgets/*/updated_by", "/widgets/*/updated_at"),
		[]normalize.Rule{
			{Op: normalize.Default, Path: "/description", Value: `""`, Also: []string{"null"}, Restore: true, Why: "empty means absent; sent, because an update may leave absent keys as they are"},
			{Op: normalize.Default, Path: "/tags", Value: "[]", Also: []string{"null"}, Restore: true, Why: "empty means absent; sent, because an update may leave absent keys as they are"},
			{Op: normalize.Default, Path: "/filters", Value: "[]", Also: []string{"null"}, Restore: true, Why: "empty means absent; sent, because an update may leave absent keys as they are"},
			{Op: normalize.Default, Path: "/widgets", Value: "[]", Also: []string{"null"}, Restore: true, Why: "no widgets"},
			{Op: normalize.Default, Path: "/*", Value: "null", Why: "null means absent: servers differ in whether they show a field without value"},
			{Op: normalize.Default, Path: "/widgets/*/config", Value: "{}", Why: "empty means absent; a widget without it is not sent one"},
			{Op: normalize.Default, Path: "/widgets/*/data_source", Value: "{}", Why: "empty means absent; a widget without it, a text for instance, is not sent one"},
			{Op: normalize.Default, Path: "/widgets/*/*", Value: "null", Why: "null means absent: an update takes a key out by sending null"},
			{Op: normalize.SortSet, Path: "/tags", Why: "a set"},
			{Op: normalize.SortBy, Path: "/widgets", By: "uid", Why: "the place of a widget is its position on the grid, not in the list"},
			{Op: normalize.RedactKeys, Path: "/widgets/*/data_source", Why: "it may hold credentials of the source"},
			{Op: normalize.RedactKeys, Path: "", Free: true, Why: "free-form config and keys nobody knows may hold credentials; a column called key is none"},
			{Op: normalize.RedactText, Path: "", Why: "a password inside SQL or a link"},
		})}
}

// documented are the values that the vendor's pages list, taken together.
func documented() []normalize.Values {
	return []normalize.Values{
		{Path: "/visibility", Known: []string{"private", "team", "tenant", "public"}},
		{Path: "/widgets/*/widget_type", Known: []string{"bar_chart", "line_chart", "pie_chart", "area_chart", "scatter_plot", "kpi_card", "table", "heatmap", "text"}},
	}
}

func drop(why string, paths ...string) []normalize.Rule {
	var rs []normalize.Rule
	for _, p := range paths {
		rs = append(rs, normalize.Rule{Op: normalize.Drop, Path: p, Why: why})
	}
	return rs
}
