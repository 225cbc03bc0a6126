package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/invopop/jsonschema"
	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// Schema is the JSON Schema (draft 2020-12) of the config, from the same
// structs the decoder uses. platformOptions names the platforms, each with a
// pointer to the zero value of its options, nil when it has none.
func Schema(platformOptions map[string]any) ([]byte, error) {
	s := reflector().Reflect(&Config{})
	s.Title = "dashkeep.yaml"
	s.Description = "Config of dashkeep"
	in := s.Definitions["Instance"]
	if in == nil {
		return nil, fmt.Errorf("config schema: no definition of an instance")
	}
	if err := addPlatforms(s, in, platformOptions); err != nil {
		return nil, err
	}
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("config schema: %w", err)
	}
	return append(out, '\n'), nil
}

func reflector() *jsonschema.Reflector {
	return &jsonschema.Reflector{
		Anonymous:                  true,
		ExpandedStruct:             true,
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		Mapper:                     schemaOf,
		LookupComment:              fieldDoc,
	}
}

func fieldDoc(t reflect.Type, name string) string {
	if t.Kind() != reflect.Struct {
		return ""
	}
	f, ok := t.FieldByName(name)
	if !ok {
		return ""
	}
	return f.Tag.Get("doc")
}

// addPlatforms lists the platforms and ties each one's options to it.
func addPlatforms(root, in *jsonschema.Schema, platformOptions map[string]any) error {
	platform, ok := in.Properties.Get("platform")
	if !ok {
		return fmt.Errorf("config schema: an instance has no platform")
	}
	for _, name := range slices.Sorted(maps.Keys(platformOptions)) {
		platform.Enum = append(platform.Enum, name)
		options := jsonschema.FalseSchema
		if zero := platformOptions[name]; zero != nil {
			r := reflector()
			r.DoNotReference = true
			options = r.Reflect(zero)
			options.Version = ""
		}
		is := jsonschema.NewProperties()
		is.Set("platform", &jsonschema.Schema{Const: name})
		then := jsonschema.NewProperties()
		then.Set("options", options)
		in.AllOf = append(in.AllOf, &jsonschema.Schema{
			If:   &jsonschema.Schema{Properties: is, Required: []string{"platform"}},
			Then: &jsonschema.Schema{Properties: then},
		})
	}
	return nil
}

// schemaOf describes the types that are not what their Go kind says.
func schemaOf(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[secret.Value]():
		return secretSchema()
	case reflect.TypeFor[yaml.Node]():
		return &jsonschema.Schema{Type: "object"}
	case reflect.TypeFor[Match]():
		return text(`^(\*|[^:]+:.+)$`)
	case reflect.TypeFor[Ignore]():
		return text(`^[^:/]+:/.+$`)
	case reflect.TypeFor[asset.ID]():
		return text(`^[^:]+:.+$`)
	case reflect.TypeFor[Date]():
		return text(`^\d{4}-\d{2}-\d{2}$`)
	case reflect.TypeFor[Cron]():
		return text(`^(@every .+|@(hourly|daily|midnight|weekly|monthly|yearly|annually)|\S+(\s+\S+){4})$`)
	case reflect.TypeFor[Author]():
		return text(`^(committer|[^<>]+ <[^<>]+@[^<>]+>)$`)
	case reflect.TypeFor[time.Duration]():
		return text(`^([0-9.]+(ns|us|µs|ms|s|m|h))+$`)
	case reflect.TypeFor[Span]():
		return text(`^([0-9]+d)?([0-9.]+(ns|us|µs|ms|s|m|h))*$|^0$`)
	case reflect.TypeFor[Secrets]():
		return &jsonschema.Schema{
			Type:                 "object",
			PropertyNames:        &jsonschema.Schema{Pattern: `^[^:]+:.+$`},
			AdditionalProperties: &jsonschema.Schema{Type: "object", AdditionalProperties: secretSchema()},
		}
	}
	if e, ok := reflect.Zero(t).Interface().(enum); ok {
		s := &jsonschema.Schema{Type: "string"}
		for _, v := range e.Values() {
			s.Enum = append(s.Enum, v)
		}
		return s
	}
	return nil
}

func text(pattern string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: pattern}
}

func secretSchema() *jsonschema.Schema {
	one := uint64(1)
	form := func(key, doc string, value *jsonschema.Schema) *jsonschema.Schema {
		p := jsonschema.NewProperties()
		p.Set(key, value)
		return &jsonschema.Schema{Type: "object", Description: doc, Properties: p, Required: []string{key}, AdditionalProperties: jsonschema.FalseSchema}
	}
	str := func() *jsonschema.Schema { return &jsonschema.Schema{Type: "string", MinLength: &one} }
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		form("env", "an environment variable", str()),
		form("file", "a file; one trailing line end is dropped", str()),
		form("command", "what a program prints; it is run without a shell", &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Type: "string"}, MinItems: &one}),
		{Type: "string", MinLength: &one, Description: "the secret itself: accepted with a warning"},
	}}
}
