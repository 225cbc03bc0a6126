package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// update is read by TestReferenceIsCurrent only.
var update = flag.Bool("update", false, "rewrite docs/config.md")

// TestReferenceIsCurrent holds docs/config.md to the structs. Where it fails:
// go test ./internal/config -run TestReferenceIsCurrent -update
func TestReferenceIsCurrent(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "config.md")
	want := reference()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/config.md is not what the structs say: run this test with -update")
	}
}

// TestEveryKeyIsDescribed finds keys without a meaning and defaults that do
// not decode.
func TestEveryKeyIsDescribed(t *testing.T) {
	for _, s := range sections(reflect.TypeFor[Config](), "", "") {
		for _, f := range fieldsOf(s.typ) {
			if f.doc == "" || strings.HasSuffix(f.doc, ".") {
				t.Errorf("%s: doc %q", join(s.key, f.key), f.doc)
			}
			if f.preset == "" {
				continue
			}
			d := &decoder{at: map[string]*yaml.Node{}, failed: map[string]bool{}}
			d.preset(reflect.New(f.typ).Elem(), f.preset)
			if len(d.problems) > 0 {
				t.Errorf("%s: default %q: %v", join(s.key, f.key), f.preset, d.problems)
			}
		}
	}
}

// section is a struct of the config and the key it stands under.
type section struct {
	key, doc string
	typ      reflect.Type
}

func sections(t reflect.Type, key, doc string) []section {
	out := []section{{key, doc, t}}
	for _, f := range fieldsOf(t) {
		in, at := f.typ, join(key, f.key)
		if in.Kind() == reflect.Slice {
			in, at = in.Elem(), at+"[]"
		}
		if in.Kind() == reflect.Struct && typeName(in) == "section" {
			out = append(out, sections(in, at, f.doc)...)
		}
	}
	return out
}

const introduction = `# dashkeep.yaml

<!-- Made from the structs of internal/config by go test ./internal/config -run TestReferenceIsCurrent -update -->

The file is looked for in this order: ` + "`--config`, `$DASHKEEP_CONFIG`, `./dashkeep.yaml`, `$XDG_CONFIG_HOME/dashkeep/dashkeep.yaml`" + `.
A key that is not listed here is an error, and so is a value that is not allowed: every problem is reported at once,
with file, line and column, and nothing runs. ` + "`dashkeep config schema`" + ` prints a JSON Schema for editors, with the options of
each platform. Anchors, aliases and tags of YAML are not read.

`

const forms = `## How values are written

| type | form |
| --- | --- |
| secret | ` + "`{env: NAME}`, `{file: PATH}` or `{command: [PROGRAM, ARG]}`" + `; fetched again at each login. The secret itself is accepted with a warning. A file loses one trailing line end; a command runs without a shell for at most 30 s, and what it prints to stderr is never shown |
| path | absolute, from the home folder (` + "`~/`" + `), or from the folder of the config file |
| cron line | five fields (minute hour day month weekday), ` + "`@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`, or `@every 30s`" + ` (whole seconds). The time zone has a key of its own. A line that never fires is an error |
| match | ` + "`*`, `kind:NAME`, `tag:GLOB`, `title:GLOB`, `owner:GLOB` or `KIND:UID`" + `. In a GLOB ` + "`*`" + ` is any text and ` + "`?`" + ` one character; owners are compared without regard to case |
| author | ` + "`Name <e-mail>`, or `committer`" + ` |
| date | ` + "`2027-01-31`" + ` |

`

func reference() string {
	var b strings.Builder
	b.WriteString(introduction + forms)
	for _, s := range sections(reflect.TypeFor[Config](), "", "") {
		if s.key == "" {
			b.WriteString("## Top level\n\n")
		} else {
			fmt.Fprintf(&b, "## `%s`\n\n%s.\n\n", s.key, upperFirst(s.doc))
		}
		b.WriteString("| key | type | default | meaning |\n| --- | --- | --- | --- |\n")
		for _, f := range fieldsOf(s.typ) {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.key, cell(typeName(f.typ)), cell(preset(f)), cell(f.doc))
		}
		b.WriteByte('\n')
	}
	b.WriteString("## Example\n\n```yaml\n" + Sample() + "```\n")
	return b.String()
}

// Sample is the config of docs/config.md, for the platform that most readers have.
func Sample() string {
	return Starter{Name: "prod", Platform: "superset", URL: "https://superset.example.com", Username: "dashkeep",
		Password: "SUPERSET_PASSWORD", RepoPath: "./dashboards"}.YAML()
}

func preset(f field) string {
	switch {
	case f.required:
		return "required"
	case f.preset != "":
		return "`" + f.preset + "`"
	}
	return ""
}

func cell(s string) string { return strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;").Replace(s) }

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// typeName is how the reference calls a field's type.
func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[secret.Value]():
		return "secret"
	case reflect.TypeFor[yaml.Node]():
		return "keys and values"
	case reflect.TypeFor[Match]():
		return "match"
	case reflect.TypeFor[asset.ID]():
		return "KIND:UID"
	case reflect.TypeFor[asset.Kind]():
		return "kind"
	case reflect.TypeFor[Span]():
		return "duration"
	case reflect.TypeFor[Date]():
		return "date"
	case reflect.TypeFor[Cron]():
		return "cron line"
	case reflect.TypeFor[Author]():
		return "author"
	case reflect.TypeFor[Ignore]():
		return "KIND:/pointer"
	case reflect.TypeFor[time.Duration]():
		return "duration"
	}
	if e, ok := reflect.Zero(t).Interface().(enum); ok {
		return strings.Join(e.Values(), ", ")
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list of " + typeName(t.Elem())
	case reflect.Map:
		return typeName(t.Key()) + " to " + typeName(t.Elem())
	case reflect.Struct:
		return "section"
	}
	return "text"
}
