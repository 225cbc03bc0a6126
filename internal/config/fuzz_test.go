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
	f.Add([]byte(config.Sample()))
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

func TestYM2_HostileYAMLIsRefusedQuickly(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 10) + "]\n"
	}
	for name, text := range map[string]string{
		"alias bomb":  bomb,
		"self alias":  "version: &a [*a]\n",
		"deep":        "version: " + strings.Repeat("[", 200_000),
		"deep option": on("options: " + strings.Repeat("{a: ", 3000) + strings.Repeat("}", 3000)),
		"long key":    "version: 1\n" + strings.Repeat("k", 1<<20) + ": 1\n",
		"long text":   "version: " + strings.Repeat("x", 1<<20),
	} {
		if _, err := parse(text); !errors.As(err, new(*config.Error)) || len(err.Error()) > 5000 {
			t.Errorf("%s: %.200v", name, err)
		}
	}
}
