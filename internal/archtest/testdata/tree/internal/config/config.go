package config

import (
	_ "github.com/goccy/go-yaml"
	y "gopkg.in/yaml.v3"
)

type other struct{}

func (other) Marshal(any) {}

func write(v any) { // the last call is nobody's encoder
	y.Marshal(v)
	y.NewEncoder(nil)
	y.Unmarshal(nil, v)
	other{}.Marshal(v)
}
