package config

import (
	_ "github.com/goccy/go-yaml"
	y "gopkg.in/yaml.v3"
)

type other struct {
	Provider string `doc:"db, as Superset calls it"` // Superset may be named here
}

func (other) Marshal(any) {}

func write(v any) { // the last call is nobody's encoder
	y.Marshal(v)
	y.NewEncoder(nil)
	y.Unmarshal(nil, v)
	other{}.Marshal(v)
}

func metabaseURL() string { return "" }
