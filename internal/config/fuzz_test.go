package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/config"
)

// FuzzParse: no text makes the program panic, and a text is either a config or
// an Error whose problems name the file.
func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(full))
	f.Add([]byte(config.Example()))
	for _, tc := range badInputs {
		f.Add([]byte(tc.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.Parse("f.yaml", text, options())
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v and %v", c, err)
		}
		var e *config.Error
		if err == nil {
			return
		}
		if !errors.As(err, &e) || len(e.Problems) == 0 {
			t.Fatalf("%v", err)
		}
		for _, line := range e.Problems {
			if !strings.HasPrefix(line.String(), "f.yaml:") {
				t.Fatalf("%q", line)
			}
		}
	})
}
