package asset_test

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestEncodeTexts(t *testing.T) {
	tests := []struct{ in, want string }{
		{"Sales Dashboard", "Sales Dashboard"}, {"", "''"}, {"é…日本", "é…日本"}, {"a\u00a0b", "a\u00a0b"},
		{"it's", "it's"}, {"'q'", "'''q'''"}, {" x", "' x'"}, {"x ", "'x '"}, {"a: b", "'a: b'"}, {"a:", "'a:'"}, {"http://x/y", "http://x/y"},
		{"a #b", "'a #b'"}, {"a#b", "a#b"}, {"#b", "'#b'"}, {"- x", "'- x'"}, {"a\tb", "'a\tb'"}, {"*", "'*'"}, {"%d", "'%d'"}, {"[x]", "'[x]'"},
		{"yes", "'yes'"}, {"No", "'No'"}, {"y", "'y'"}, {"oN", "'oN'"}, {"null", "'null'"}, {"~", "'~'"}, {"=", "'='"}, {"<<", "'<<'"}, {"yesterday", "yesterday"},
		{"12", "'12'"}, {"1_0", "'1_0'"}, {"0x1f", "'0x1f'"}, {"0O17", "'0O17'"}, {"1e3", "'1e3'"}, {"-.5", "'-.5'"}, {".5", "'.5'"}, {"+.inf", "'+.inf'"}, {"12:30", "'12:30'"},
		{"1.2.3.4", "'1.2.3.4'"}, {"2020-01-01", "'2020-01-01'"}, {"2020-1-1T10:00:00Z", "'2020-1-1T10:00:00Z'"}, {"2020-01-01x", "2020-01-01x"}, {"3 charts", "3 charts"},
		{"04f79081-fb49-7bac-7f14-cc76cd2ad93b", "04f79081-fb49-7bac-7f14-cc76cd2ad93b"}, {"12345678-0000-0000-0000-000000000e12", "'12345678-0000-0000-0000-000000000e12'"},
		{"---", "'---'"}, {"... x", "'... x'"}, {".x", ".x"}, {"ref:chart:c3", "ref:chart:c3"}, {"${ref:query:1}", "${ref:query:1}"},
		{"\n", `"\n"`}, {" \n\t\n", `" \n\t\n"`}, {"a\r\nb", `"a\r\nb"`}, {"a\x00\x1b\x7f", `"a\x00\x1B\x7F"`}, {"a\u0085\u2028\ufeff", `"a\x85\u2028\uFEFF"`},
		{"a\u202eb", `"a\u202Eb"`}, {"a\u200db", "a\u200db"}, {"\U0001F469\u200d\U0001F680", "\U0001F469\u200d\U0001F680"},
		{"a\nb", "|-\n  a\n  b"}, {"a\nb\n", "|\n  a\n  b"}, {"a\n\n\n", "|+\n  a\n\n"}, {"\na", "|2-\n\n  a"}, {"  a\nb", "|2-\n    a\n  b"},
		{"\ta\n", "|2\n  \ta"}, {"a \nb\t\n\n c", "|-\n  a \n  b\t\n\n   c"}, {"a\n   ", "|-\n  a\n     "}, {"# a\n", "|\n  # a"},
	}
	for _, tt := range tests {
		got, err := asset.Encode(asset.Map("k", tt.in))
		if err != nil {
			t.Errorf("%q: %v", tt.in, err)
			continue
		}
		if want := "k: " + tt.want + "\n"; string(got) != want {
			t.Errorf("%q is written %q, want %q", tt.in, got, want)
		}
	}
}

func TestEncodeNumbers(t *testing.T) {
	tests := []struct {
		in   *yaml.Node
		want string
	}{
		{asset.Int(-5), "-5"}, {asset.Int(uint64(math.MaxUint64)), "18446744073709551615"},
		{&yaml.Node{Kind: yaml.ScalarNode, Tag: asset.TagInt, Value: "0777"}, "511"},
		{asset.Float(1), "1.0"}, {asset.Float(1e16), "1.0e+16"}, {asset.Float(1e15), "1000000000000000.0"}, {asset.Float(1.5e-7), "1.5e-07"}, {asset.Float(1e-4), "0.0001"},
		{asset.Float(0.1), "0.1"}, {asset.Float(math.Copysign(0, -1)), "-0.0"}, {asset.Float(math.NaN()), ".nan"}, {asset.Float(math.Inf(-1)), "-.inf"},
		{asset.Float(5e-324), "5.0e-324"}, {asset.Float(math.MaxFloat64), "1.7976931348623157e+308"},
		{&yaml.Node{Kind: yaml.ScalarNode, Tag: asset.TagFloat, Value: "1e3"}, "1000.0"},
		{asset.Bool(true), "true"}, {asset.Null(), "null"}, {asset.Seq(), "[]"}, {asset.Map(), "{}"},
	}
	for _, tt := range tests {
		got, err := asset.Encode(asset.Map("k", tt.in))
		if err != nil || string(got) != "k: "+tt.want+"\n" {
			t.Errorf("%+v is written %q (%v), want %q", tt.in.Value, got, err, tt.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	loop := asset.Map()
	loop.Content = []*yaml.Node{asset.Str("a"), loop}
	tests := map[string]*yaml.Node{
		"nil": nil, "list": asset.Seq(), "text": asset.Str("x"),
		"no tag": asset.Map("k", &yaml.Node{Kind: yaml.ScalarNode, Value: "x"}), "wrong tag": asset.Map("k", &yaml.Node{Kind: yaml.ScalarNode, Tag: asset.TagInt, Value: "x"}),
		"empty int": asset.Map("k", &yaml.Node{Kind: yaml.ScalarNode, Tag: asset.TagInt}), "timestamp": asset.Map("k", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!timestamp", Value: "2020-01-01"}),
		"Go value": asset.Map("k", struct{}{}), "odd": asset.Map("k"), "list as key": asset.Map(asset.Seq(asset.Str("x")), 1), "duplicate": asset.Map("k", 1, "k", 1),
		"invalid UTF-8": asset.Map("k", "a\xff"), "invalid UTF-8 key": asset.Map("\xff", 1), "cycle": loop, "nil value": {Kind: yaml.MappingNode, Content: []*yaml.Node{asset.Str("a"), nil}},
		"alias": asset.Map("k", &yaml.Node{Kind: yaml.AliasNode, Value: "x"}), "anchor": asset.Map("k", &yaml.Node{Kind: yaml.ScalarNode, Tag: asset.TagStr, Anchor: "x"}),
	}
	for name, n := range tests {
		if got, err := asset.Encode(n); err == nil {
			t.Errorf("%s: no error, wrote %q", name, got)
		}
	}
}

// TestGolden shows the canonical form of whole documents; -update rewrites it.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			in, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			n, err := asset.Parse(in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := asset.Encode(n)
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(f, ".in.yaml") + ".golden.yaml"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("%s: run go test ./internal/asset -update if this is meant\n%s", golden, got)
			}
		})
	}
}
