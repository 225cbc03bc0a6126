package matih

import (
	"maps"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// parsed reads YAML text as a mapping.
func parsed(t tester, text string) *yaml.Node {
	t.Helper()
	n, err := asset.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// yamlOf is a mapping as canonical text.
func yamlOf(t tester, n *yaml.Node) string {
	t.Helper()
	text, err := asset.Encode(n)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSplitRefusesWhatCannotBeMatched(t *testing.T) {
	for text, want := range map[string]string{
		"widgets: [{name: a}]":                         "widgets/0 has no uid",
		"widgets: [{uid: 7}]":                          "widgets/0 has no uid",
		"widgets: [{uid: x}, {uid: x, name: b}]":       "the uid x stands twice",
		"widgets: {uid: x}":                            "must be a list",
		"widgets: [{uid: x}, 5]":                       "widgets/1 has no uid",
		"a: 1\nwidgets: [{uid: x}, {uid: y, name: b}]": "",
		"a: 1": "",
	} {
		b, err := split(parsed(t, text))
		switch {
		case want == "" && (err != nil || asset.Get(b.meta, "widgets") != nil || asset.Get(b.meta, "a") == nil):
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func widgetsOf(t tester, list string) []widget {
	t.Helper()
	b, err := split(parsed(t, "widgets: "+list))
	if err != nil {
		t.Fatal(err)
	}
	return b.widgets
}

func TestTwinsPairEqualContentOnly(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want map[string]string
	}{
		{"[{uid: l1, name: a}, {uid: l2, name: b}]", "[{uid: g2, name: b}, {uid: g1, name: a}]", map[string]string{"l1": "g1", "l2": "g2"}},
		{"[{uid: l2, name: a}, {uid: l1, name: a}]", "[{uid: g9, name: a}, {uid: g3, name: a}]", map[string]string{"l1": "g3", "l2": "g9"}},
		{"[{uid: l1, name: a}, {uid: l2, name: a}]", "[{uid: g1, name: a}]", map[string]string{"l1": "g1"}},
		{"[{uid: l1, name: a}]", "[{uid: g1, name: A}]", map[string]string{}},
		{"[{uid: l1, name: a, x: 1}]", "[{uid: g1, x: 1, name: a}]", map[string]string{"l1": "g1"}},
		{"[]", "[{uid: g1}]", map[string]string{}},
	} {
		if got := twins(widgetsOf(t, tc.a), widgetsOf(t, tc.b)); !maps.Equal(got, tc.want) {
			t.Errorf("%s and %s: %v, want %v", tc.a, tc.b, got, tc.want)
		}
	}
}

func TestCompleteObject(t *testing.T) {
	for _, tc := range []struct{ prefix, want, live, body string }{
		{"/", "{name: T, uid: u}", "{}", "name: T\n"},
		{"/", "{name: T}", "{name: old, theme: dark, tenant_id: x, created_by: y, widget_count: 3, id: d-1, widgets: [{a: 1}]}", "name: T\ntheme: null\n"},
		{"/", "{name: T, theme: light}", "{theme: dark}", "name: T\ntheme: light\n"},
		{"/", "{name: T, created_at: 2020}", "{}", "name: T\n"},
		{"/", "{name: T}", "{shared_with: [u-1], permissions: view}", "name: T\npermissions: view\nshared_with:\n  - u-1\n"},
		{"/widgets/*/", "{name: T}", "{name: T, config: {a: 1}, dashboard_id: d, updated_at: t, widget_id: w, uid: u, widgets: kept}", "config: null\nname: T\nwidgets: null\n"},
	} {
		if got := yamlOf(t, complete(parsed(t, tc.want), parsed(t, tc.live), ownedKeys(tc.prefix))); got != tc.body {
			t.Errorf("%s over %s:\n%swant\n%s", tc.want, tc.live, got, tc.body)
		}
	}
}

func TestLocationGivesAnIDOnlyBelowThePath(t *testing.T) {
	for location, want := range map[string]string{
		"":                          "",
		"/api/v1/bi/dashboards/d-1": "d-1",
		"https://bi.example.com/api/v1/bi/dashboards/d-1?x=/y": "d-1",
		"/api/v1/bi/dashboards/d-1/":                           "d-1",
		"/api/v1/bi/dashboards":                                "",
		"/api/v1/bi/dashboards/":                               "",
		"/somewhere/else/d-1":                                  "",
		"/api/v1/bi/dashboards/d-1/widgets/7":                  "",
		"d-1":                                                  "",
	} {
		if got := lastSegment(location, "/api/v1/bi/dashboards"); got != want {
			t.Errorf("%q gives %q, want %q", location, got, want)
		}
	}
}
