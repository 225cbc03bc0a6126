package config_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/config"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := config.Schema(map[string]any{"superset": &supersetOptions{}, "redash": nil})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("dashkeep.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("dashkeep.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON reads YAML as an editor would.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSchemaTakesWhatLoads(t *testing.T) {
	s := compiled(t)
	// Editors read an unquoted date as a text.
	for _, text := range []string{small, strings.Replace(full, "2027-01-31", `"2027-01-31"`, 1), config.Sample()} {
		mustParse(t, text)
		if err := s.Validate(asJSON(t, text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

func TestSchemaRefusesWhatDoesNotLoad(t *testing.T) {
	s := compiled(t)
	for _, text := range []string{
		"version: 1\n",
		on("schedul: x"),
		on("direction: puli"),
		on("auto_apply: often"),
		on("pull_brake: {removed: -1}"),
		on("pull_brake: {changed_percent: 101}"),
		on("prune: {max: -1}"),
		on("prune: {max_percent: 101}"),
		on("apply_kinds: database"),
		on("auth: {password: {vault: x}}"),
		on("auth: {password: {env: A, file: b}}"),
		on("auth: {password: {command: []}}"),
		on("rules: [{overwrite: never}]"),
		on("rules: [{match: sales}]"),
		on(`rules: [{match: "*", on_conflict: gti}]`),
		on(`rules: [{match: "*", on_live_edit: ignore}]`),
		on("revert_window: soon"),
		on("backups: {last: 0}"),
		on("schedule: sometimes"),
		on("authors: {admin: Ada}"),
		on(`accept: [{asset: "chart:a"}]`),
		on(`secrets: {warehouse: {password: {env: A}}}`),
		on("options: {page_sise: 5}"),
		on("options: {page_size: big}"),
		strings.Replace(on("options: {a: 1}"), "superset", "redash", 1),
		strings.Replace(small, "superset", "tableau", 1),
		small + "extra: 1\n",
	} {
		if _, err := parse(text); err == nil {
			t.Errorf("this loads:\n%s", text)
		}
		if s.Validate(asJSON(t, text)) == nil {
			t.Errorf("the schema takes:\n%s", text)
		}
	}
}

func TestSchemaDescribesEveryKey(t *testing.T) {
	text, err := config.Schema(map[string]any{"superset": &supersetOptions{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"description": "the branch that is followed and written"`, `"default": "main"`, `"default": 10`, `"default": false`,
		`"description": "rows of a page"`, `"https://json-schema.org/draft/2020-12/schema"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("missing %s", want)
		}
	}
	if strings.Contains(string(text), "github.com/") {
		t.Error("the schema names Go packages")
	}
}
