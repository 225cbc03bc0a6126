package matih

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestOptions(t *testing.T) {
	o, err := decodeOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	if o.list() != "/api/v1/bi/dashboards" || o.widget("d", "w") != "/api/v1/bi/dashboards/d/widgets/w" || o.share("d") != "/api/v1/bi/dashboards/d/share" {
		t.Errorf("default paths: %s %s %s", o.list(), o.widget("d", "w"), o.share("d"))
	}
	if o.Paging != pagingAuto || o.Sharing != sharingOff || o.Tenant.By != byClaim || o.Rate != (Rate{300, 4}) {
		t.Errorf("defaults are %+v", o)
	}
	o, err = decodeOptions(node(t, "{paths: {dashboards: v2/boards/, widgets: tiles}, fields: {widget: {widget_type: type}}, rate: {per_minute: 60}}"))
	if err != nil {
		t.Fatal(err)
	}
	if o.widget("d", "w") != "/v2/boards/d/tiles/w" || o.Rate != (Rate{60, 4}) {
		t.Errorf("got %s, %+v", o.widget("d", "w"), o.Rate)
	}
}

func TestOptionsRefused(t *testing.T) {
	for _, c := range []struct{ options, want string }{
		{"{tenants: {}}", `options: unknown key "tenants" (allowed: api_key_header, fields, paging, paths, rate, sharing, tenant)`},
		{"{paths: {dashboard: /x}}", `options.paths: unknown key "dashboard" (allowed: dashboards, login, refresh, share, widgets)`},
		{"{fields: {widget: {kind: x}}}", `options.fields.widget: unknown key "kind" (allowed: id, name,`},
		{"{fields: {dashboard: {name: title, description: title}}}", `both mapped to "title"`},
		{"{fields: {dashboard: {name: description}}}", `is mapped to "description", which is the name of another field`},
		{"{fields: {dashboard: {name: ''}}}", `options.fields.dashboard.name is empty`},
		{"{paging: pages}", `options.paging: "pages" is not allowed (allowed: auto, offset, page-from-0, page-from-1, none)`},
		{"{sharing: yes please}", `options.sharing: "yes please" is not allowed`},
		{"{tenant: {by: magic}}", `options.tenant.by: "magic"`},
		{"{tenant: {by: header}}", "options.tenant.id is missing: by: header needs it"},
		{"{tenant: {user: u}}", "options.tenant.user is only sent with by: query"},
		{"{tenant: {by: header, id: x, header: 'A B'}}", "is not the name of a header"},
		{"{api_key_header: Authorization}", "is not the name of a header"},
		{"{paths: {dashboards: '/a/../b'}}", "is not a path"},
		{"{paths: {share: 'share?x=1'}}", "is not a path"},
		{"{rate: {per_minute: -1}}", "options.rate.per_minute must be from 1"},
		{"{rate: {concurrency: 1000}}", "options.rate.concurrency must be from 1 to 64"},
		{"{rate: 5}", "options.rate must be keys and values"},
		{"{rate: {per_minute: many}}", "options: "},
	} {
		_, err := decodeOptions(node(t, c.options))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.options, err, c.want)
		}
	}
}

// TestOptionDefaultsAreTheTags holds setDefaults to the tags that the schema and
// the reference are made from, and finds keys without a meaning.
func TestOptionDefaultsAreTheTags(t *testing.T) {
	o, err := decodeOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	var walk func(v reflect.Value, at string)
	walk = func(v reflect.Value, at string) {
		for i := range v.NumField() {
			f, key := v.Type().Field(i), at+v.Type().Field(i).Tag.Get("yaml")
			if doc := f.Tag.Get("doc"); doc == "" || strings.HasSuffix(doc, ".") {
				t.Errorf("%s: doc %q", key, doc)
			}
			if f.Type.Kind() == reflect.Struct {
				walk(v.Field(i), key+".")
				continue
			}
			want, _ := strings.CutPrefix(f.Tag.Get("jsonschema"), "default=")
			text, err := yaml.Marshal(v.Field(i).Interface())
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Trim(strings.TrimSpace(string(text)), `"`); got != want && !(want == "" && got == "{}") {
				t.Errorf("%s is %q by default, its tag says %q", key, got, want)
			}
		}
	}
	walk(reflect.ValueOf(o), "")
}

// TestOptionsTableIsCurrent holds the table in docs/matih.md to the structs.
func TestOptionsTableIsCurrent(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n| key | default | what |\n| --- | --- | --- |\n")
	var walk func(typ reflect.Type, at string)
	walk = func(typ reflect.Type, at string) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			key := at + f.Tag.Get("yaml")
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type, key+".")
				continue
			}
			preset, what := "", f.Tag.Get("doc")
			if text, ok := strings.CutPrefix(f.Tag.Get("jsonschema"), "default="); ok {
				preset = "`" + text + "`"
			}
			if e, ok := reflect.Zero(f.Type).Interface().(interface{ Values() []string }); ok {
				what += ": `" + strings.Join(e.Values(), "`, `") + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", key, preset, what)
		}
	}
	walk(reflect.TypeFor[Options](), "")
	file := filepath.Join("..", "..", "..", "docs", "matih.md")
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- begin options: go test ./internal/platform/matih -run TestOptionsTableIsCurrent -update -->\n", "<!-- end options -->\n"
	before, rest, ok1 := strings.Cut(string(page), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatal("docs/matih.md has no section for the options")
	}
	want := before + begin + b.String() + "\n" + end + after
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(page) {
		t.Error("the options in docs/matih.md are not what the structs say: run this test with -update")
	}
}
