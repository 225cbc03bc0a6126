package matih

import (
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/secret"
)

func TestMaskedPlaces(t *testing.T) {
	const mask = "XXXXXXXXXX"
	for text, want := range map[string]string{
		"data_source: {password: " + mask + "}":                                                 "data_source/password",
		"widgets: [{uid: w-1, data_source: {password: " + mask + "}}]":                          "widgets/w-1/data_source/password",
		"widgets: [{uid: w-1, id: 3, config: {auth: {user: " + mask + "}}}]":                    "widgets/w-1/config/auth/user",
		"widgets: [{uid: w-1, config: {sources: [{name: a, token: " + mask + "}, {name: b}]}}]": "widgets/w-1/config/sources/a/token",
		"widgets: [{uid: w-1, config: {tokens: [" + mask + "]}}]":                               "widgets/w-1/config/tokens/0",
		"widgets: [{uid: w-1, data_source: {sql: 'x postgres://u:" + mask + "@h y'}}]":          "widgets/w-1/data_source/sql",
		"key: '-----BEGIN PRIVATE KEY-----" + mask + "-----END PRIVATE KEY-----'":               "key",
		"widgets: [{uid: w-1, name: " + mask + "}]":                                             "", // a heading
		"description: " + mask:                 "",
		"name: 'a:" + mask + "@b'":             "", // titles are never masked
		"config: {'password=x': " + mask + "}": "config/password=x",
		"data_source: {password: ''}":          "",
	} {
		var got []string
		for _, s := range masked(parsed(t, text)) {
			got = append(got, s.name())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %q", text, got, want)
		}
	}
}

func TestSecretsComeFromTheServerThenTheConfig(t *testing.T) {
	const one = "widgets: [{uid: w-1, name: a, data_source: {password: XXXXXXXXXX}}]"
	password := map[string]secret.Value{"widgets/w-1/data_source/password": secret.Literal("configured")}
	for _, tc := range []struct {
		name, want, live string // live "": to be created
		values           map[string]secret.Value
		body, note, err  string
	}{
		{"the server's", one, "widgets: [{uid: w-1, data_source: {password: live}}]", password, "password: live", "", ""},
		{"a number stays one", one, "widgets: [{uid: w-1, data_source: {password: 123}}]", nil, "password: 123", "", ""},
		{"the config's for a new dashboard", one, "", password, "password: configured", "", ""},
		{"the config's for a new widget", one, "widgets: [{uid: w-2, data_source: {password: other}}]", password, "password: configured", "", ""},
		{"the config's where the server masks too", one, "widgets: [{uid: w-1, data_source: {password: XXXXXXXXXX}}]", password, "password: configured", "", ""},
		{"none for a new dashboard", one, "", nil, "", "", "widgets/w-1/data_source/password: {env: YOUR_VARIABLE}"},
		{"none for a new widget", one, "widgets: []", nil, "", "", "widgets/w-1/data_source/password: {env: YOUR_VARIABLE}"},
		{"none: left as it is", one, "widgets: [{uid: w-1, data_source: {sql: x}}]", nil, "data_source: {}", "/spec/widgets/uid=w-1/data_source/password", ""},
		{"within a text", "widgets: [{uid: w-1, data_source: {sql: 'pg://u:XXXXXXXXXX@h'}}]", "widgets: [{uid: w-1, data_source: {sql: 'pg://u:live@h'}}]", nil, "sql: pg://u:live@h", "", ""},
		{"another host does not get it", "widgets: [{uid: w-1, data_source: {sql: 'pg://u:XXXXXXXXXX@evil'}}]", "widgets: [{uid: w-1, data_source: {sql: 'pg://u:live@h'}}]", nil, "sql: pg://u:live@h", "/spec/widgets/uid=w-1/data_source/sql", ""},
		{"within a text, configured", "widgets: [{uid: w-1, data_source: {sql: 'pg://u:XXXXXXXXXX@h'}}]", "", map[string]secret.Value{"widgets/w-1/data_source/sql": secret.Literal("c")}, "sql: pg://u:c@h", "", ""},
		{"a list that moved", "widgets: [{uid: w-1, config: {tokens: [XXXXXXXXXX]}}]", "widgets: [{uid: w-1, config: {tokens: [a, b]}}]", nil, "", "", "widgets/w-1/config/tokens/0"},
		{"a list as it was", "widgets: [{uid: w-1, config: {tokens: [XXXXXXXXXX, XXXXXXXXXX]}}]", "widgets: [{uid: w-1, config: {tokens: [a, b]}}]", nil, "- a\n", "", ""},
		{"a mask as value", one, "", map[string]secret.Value{"widgets/w-1/data_source/password": secret.Literal("XXXXXXXXXX")}, "", "", "empty or a mask"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := connect(t, &wire{}, "", func(cfg *platform.Config) {
				cfg.Secrets = func(asset.ID) map[string]secret.Value { return tc.values }
			})
			spec := parsed(t, tc.want)
			var live = parsed(t, "{}")
			if tc.live == "" {
				live = nil
			} else {
				live = parsed(t, tc.live)
			}
			notes, err := c.reveal(t.Context(), &asset.Document{Kind: kindDashboard, UID: "u", Title: "T"}, spec, live)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), "live") {
					t.Fatalf("%v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if text := yamlOf(t, spec); !strings.Contains(text, tc.body) || strings.Contains(text, "XXXXXXXXXX") {
				t.Errorf("body\n%swant %q", text, tc.body)
			}
			if tc.note == "" && len(notes) > 0 || tc.note != "" && (len(notes) != 1 || notes[0].Path != tc.note) {
				t.Errorf("notes %v, want %q", notes, tc.note)
			}
		})
	}
}
