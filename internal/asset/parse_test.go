package asset_test

import (
	"errors"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

func TestParseResolvesScalarsAsPyYAMLWroteThem(t *testing.T) {
	tests := []struct{ in, tag, value string }{
		{"", asset.TagNull, "null"}, {"~", asset.TagNull, "null"}, {"Null", asset.TagNull, "null"}, {"nULL", asset.TagStr, "nULL"},
		{"true", asset.TagBool, "true"}, {"TRUE", asset.TagBool, "true"}, {"False", asset.TagBool, "false"},
		{"yes", asset.TagStr, "yes"}, {"on", asset.TagStr, "on"}, {"n", asset.TagStr, "n"},
		{"0", asset.TagInt, "0"}, {"-0", asset.TagInt, "0"}, {"+7", asset.TagInt, "7"}, {"-12", asset.TagInt, "-12"},
		{"0777", asset.TagInt, "511"}, {"-0777", asset.TagInt, "-511"}, {"1_000", asset.TagInt, "1000"}, {"0x1F", asset.TagInt, "31"},
		{"0b101", asset.TagInt, "5"}, {"00", asset.TagInt, "0"}, {"0_", asset.TagInt, "0"},
		{"123456789012345678901234567890", asset.TagInt, "123456789012345678901234567890"},
		{"089", asset.TagStr, "089"}, {"0o17", asset.TagStr, "0o17"}, {"0x", asset.TagStr, "0x"}, {"0b2", asset.TagStr, "0b2"}, {"0x_", asset.TagStr, "0x_"},
		{"1.0", asset.TagFloat, "1.0"}, {"1.", asset.TagFloat, "1.0"}, {".5", asset.TagFloat, "0.5"}, {"-.5", asset.TagStr, "-.5"},
		{"-0.0", asset.TagFloat, "-0.0"}, {"1.0e+16", asset.TagFloat, "1.0e+16"}, {"1.5e3", asset.TagStr, "1.5e3"}, {"1e3", asset.TagStr, "1e3"},
		{"1e+3", asset.TagStr, "1e+3"}, {"1.e-7", asset.TagFloat, "1.0e-07"}, {"1_0.5", asset.TagFloat, "10.5"}, {"12_3.4_5", asset.TagFloat, "123.45"},
		{".inf", asset.TagFloat, ".inf"}, {"-.INF", asset.TagFloat, "-.inf"}, {".NaN", asset.TagFloat, ".nan"}, {".iNf", asset.TagStr, ".iNf"},
		{"+.nan", asset.TagStr, "+.nan"}, {".", asset.TagStr, "."}, {"._5", asset.TagStr, "._5"}, {"1._5", asset.TagFloat, "1.5"},
		{"12:30:45", asset.TagStr, "12:30:45"}, {"2020-01-01", asset.TagStr, "2020-01-01"}, {"=", asset.TagStr, "="}, {"<<", asset.TagStr, "<<"},
		{"'12'", asset.TagStr, "12"}, {`"null"`, asset.TagStr, "null"}, {"|\n    true\n", asset.TagStr, "true\n"},
	}
	for _, tt := range tests {
		n, err := asset.Parse([]byte("k: " + tt.in + "\n"))
		if err != nil {
			t.Errorf("%q: %v", tt.in, err)
			continue
		}
		if v := asset.Get(n, "k"); v.Tag != tt.tag || v.Value != tt.value {
			t.Errorf("%q is %s %q, want %s %q", tt.in, v.Tag, v.Value, tt.tag, tt.value)
		}
	}
}

func TestYM2_HostileInput(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := range 9 {
		name := string(rune('a' + i))
		bomb.WriteString(name + ": &" + name + " [*a0, *a0, *a0, *a0, *a0]\n")
	}
	tests := []struct {
		name, in, msg string
		line          int
	}{
		{"alias bomb", bomb.String(), "anchors", 1},
		{"a million aliases", "a: &a 1\nb: [" + strings.Repeat("*a,", 1_000_000) + "]\n", "anchors", 1},
		{"self alias", "a: &a\n  b: *a\n", "anchors", 1},
		{"lone alias", "a: *b\n", "unknown anchor", 0},
		{"merge key", "a:\n  <<: {x: 1}\n", "merge keys", 2},
		{"custom tag", "a: 1\nb: !!python/object/apply:os.system [x]\n", "tag", 2},
		{"core tag", "a: !!str 1\n", "tag", 1},
		{"depth by indicator", "a: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nested deeper", 1},
		{"depth 200,000", "a: " + strings.Repeat("[", 200_000), "depth", 0},
		{"depth by dash", strings.Repeat("- ", 100_000) + "\n", "depth", 0},
		{"duplicate key", "x:\n  a: 1\n  b: 2\n  a: 3\n", "twice", 4},
		{"duplicate key of another type", "1: a\n'1': b\n", "twice", 2},
		{"mapping as key", "{a: b}: c\n", "key must be", 1},
		{"list as key", "? [a]\n: c\n", "key must be", 1},
		{"two documents", "a: 1\n---\nb: 2\n", "second document", 2},
		{"empty", "", "empty", 1},
		{"comment only", "# nothing\n", "", 1},
		{"list as root", "- a\n", "mapping", 1},
		{"text as root", "a\n", "mapping", 1},
		{"invalid UTF-8", "a: 1\nb: x\xff\n", "UTF-8", 2},
		{"UTF-16", "\xff\xfea\x00:\x00 \x001\x00", "UTF-8", 1},
		{"NUL", "a: \x00\n", "", 0},
		{"unclosed quote", "a: 1\nb: 'x\n", "", 0},
		{"tab indentation", "a:\n\tb: 1\n", "", 0},
		{"too large", "a: " + strings.Repeat("x", asset.MaxBytes), "bytes", 1},
		{"too many parts", "a: [" + strings.Repeat("[],", asset.MaxBytes/3-10) + "]", "too many parts", 1},
		{"only brackets", strings.Repeat("{", asset.MaxBytes-1), "too many parts", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := asset.Parse([]byte(tt.in))
			var s *asset.SyntaxError
			if !errors.As(err, &s) {
				t.Fatalf("got %v, want a *SyntaxError", err)
			}
			if s.Line < 1 || s.Col < 1 || tt.line > 0 && s.Line != tt.line {
				t.Errorf("error at %d:%d, want line %d: %v", s.Line, s.Col, tt.line, err)
			}
			if !strings.Contains(s.Msg, tt.msg) {
				t.Errorf("message %q does not speak of %q", s.Msg, tt.msg)
			}
			if len(s.Msg) > 300 {
				t.Errorf("message has %d bytes", len(s.Msg))
			}
		})
	}
}

func TestParseKeepsPositionsAndDropsTheRest(t *testing.T) {
	n, err := asset.Parse([]byte("# head\na: {x: 'y'} # why\n\nb:\n  - |\n    text\n"))
	if err != nil {
		t.Fatal(err)
	}
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Style != 0 || n.HeadComment+n.LineComment+n.FootComment != "" || n.Line == 0 {
			t.Errorf("%+v keeps style or comment, or has no line", n)
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(n)
	if b := asset.Get(n, "b", "0"); b.Line != 5 || b.Value != "text\n" {
		t.Errorf("got %+v", b)
	}
}
