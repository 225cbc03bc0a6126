package asset_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/internal/asset"
)

func parse(t *testing.T, s string) *yaml.Node {
	t.Helper()
	n, err := asset.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestGetPutDelete(t *testing.T) {
	n := parse(t, "a: {b: [x, {name: n1, v: 1}, {name: n2, v: 2}]}\n")
	if v := asset.Get(n, "a", "b", "name=n2", "v"); v == nil || v.Value != "2" {
		t.Errorf("by identity: %v", v)
	}
	if v := asset.Get(n, "a", "b", "1", "v"); v == nil || v.Value != "1" {
		t.Errorf("by position: %v", v)
	}
	for _, keys := range [][]string{{"x"}, {"a", "b", "7"}, {"a", "b", "-1"}, {"a", "b", "01"}, {"a", "b", "name=zz"}, {"a", "b", "q"}, {"a", "b", "0", "x"}} {
		if v := asset.Get(n, keys...); v != nil {
			t.Errorf("%v is %v", keys, v)
		}
		if asset.Delete(n, keys...) {
			t.Errorf("%v deleted", keys)
		}
	}
	if !asset.Put(n, asset.Int(3), "new", "deep", "key") || asset.Get(n, "new", "deep", "key").Value != "3" {
		t.Error("put made no way")
	}
	if !asset.Put(n, asset.Int(9), "a", "b", "name=n1", "v") || asset.Get(n, "a", "b", "1", "v").Value != "9" {
		t.Error("put did not replace")
	}
	before := asset.Clone(n)
	if asset.Put(n, asset.Int(1), "a", "b", "0", "x") || asset.Put(n, asset.Int(1), "a", "b", "9") || asset.Put(n, asset.Int(1)) || !asset.Equal(n, before) {
		t.Error("put through a scalar, beyond a list or nowhere")
	}
	if !asset.Delete(n, "a", "b", "name=n1") || len(asset.Get(n, "a", "b").Content) != 2 || !asset.Delete(n, "new") || asset.Get(n, "new") != nil {
		t.Error("delete left something")
	}
	if !asset.Equal(before, parse(t, "new: {deep: {key: 3}}\na: {b: [x, {v: 9, name: n1}, {name: n2, v: 2}]}\n")) {
		t.Error("clone was changed with its original")
	}
}

func TestEqual(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"a: 1\nb: 2\n", "b: 2\na: 1\n", true}, {"a: 1\n", "a: 1.0\n", false}, {"a: 1\n", "a: '1'\n", false}, {"a: 0x10\n", "a: 16\n", true},
		{"a: [1, 2]\n", "a: [2, 1]\n", false}, {"a: .nan\n", "a: .NaN\n", true}, {"a: 0.0\n", "a: -0.0\n", false}, {"a: null\n", "b: null\n", false},
		{"a: []\n", "a: {}\n", false}, {"a: null\n", "a: ''\n", false}, {"1: a\n", "'1': a\n", false}, {"a: {x: 1, y: 2, z: 3}\n", "a: {x: 1, z: 3, y: 2}\n", true},
		{"a: {x: 1, y: 2, z: 3}\n", "a: {x: 1, z: 2, y: 3}\n", false},
	}
	for _, tt := range tests {
		if got := asset.Equal(parse(t, tt.a), parse(t, tt.b)); got != tt.want {
			t.Errorf("%q and %q: equal is %v", tt.a, tt.b, got)
		}
	}
	if asset.Equal(nil, asset.Null()) || !asset.Equal(nil, nil) {
		t.Error("nil equals only nil")
	}
}

func TestIdentity(t *testing.T) {
	tests := []struct{ lists, want string }{
		{"[{name: a, id: 1}, {name: b, id: 2}]", "id"}, {"[{name: a, id: 1}, {name: b}]", "name"}, {"[{name: a}, {name: a}]", ""},
		{"[{uuid: a, id: 1}]|[{id: 1}]", "id"}, {"[{x: 1}]", ""}, {"[a, b]", ""}, {"[]", ""}, {"[]|[{name: a}]", "name"}, {"[{name: null}]", ""}, {"[{name: ''}]", ""},
		{"{a: b}", ""}, {"[{name: [x]}]", ""}, {"[{short_descr: a, name: x}, {short_descr: b, name: x}]", "short_descr"},
	}
	for _, tt := range tests {
		var lists []*yaml.Node
		for l := range strings.SplitSeq(tt.lists, "|") {
			lists = append(lists, asset.Get(parse(t, "k: "+l+"\n"), "k"))
		}
		if got, ok := asset.Identity(append(lists, nil)...); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q %v, want %q", tt.lists, got, ok, tt.want)
		}
	}
}

func TestPointer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOf(rapid.StringOf(rapid.RuneFrom([]rune("~/01ab=")))).Draw(t, "keys")
		got, err := asset.Split(asset.Pointer(keys...))
		if err != nil || strings.Join(got, "\x00") != strings.Join(keys, "\x00") || len(got) != len(keys) {
			t.Fatalf("%q -> %q -> %q (%v)", keys, asset.Pointer(keys...), got, err)
		}
	})
	if _, err := asset.Split("a/b"); err == nil {
		t.Error("a pointer without slash passed")
	}
	if got := asset.Pointer("a/b", "m~n"); got != "/a~1b/m~0n" { // RFC 6901 section 5
		t.Error(got)
	}
}

func TestFromJSON(t *testing.T) {
	good := []struct{ in, want string }{
		{`{"b": 1, "a": [1.0, 1e3, -0, -0.0, 12345678901234567890123]}`, "a: [1.0, 1000.0, 0, -0.0, 12345678901234567890123]\nb: 1\n"},
		{`{"a": NaN, "b": Infinity, "c": -Infinity, "d": 1E400}`, "a: .nan\nb: .inf\nc: -.inf\nd: .inf\n"},
		{`{"a": 1, "b": 2, "a": 3}`, "b: 2\na: 3\n"},
		{` { "x" : "\u00e9\ud83d\ude80\n\/" , "y":[ ] , "z": { } } `, "x: \"é\\U0001F680\\n/\"\ny: []\nz: {}\n"},
		{`{"t": true, "n": null, "s": "yes"}`, "t: true\nn: null\ns: 'yes'\n"},
	}
	for _, tt := range good {
		got, err := asset.FromJSON(tt.in)
		if err != nil || !asset.Equal(got, parse(t, tt.want)) {
			t.Errorf("%s: %v %v", tt.in, typedOrNil(got), err)
		}
	}
	for _, in := range []string{``, ` `, `{`, `[1,]`, `{"a":1,}`, `{a:1}`, `[1 2]`, `1 2`, `"\ud800"`, `"\ude80\ud83d"`, `"\ud83dx"`, `"\x"`, `"\u12"`, "\"a\nb\"", "\"\xff\"", `01`, `1.`, `.5`, `+1`, `-`, `1e`, `tru`, `'a'`, `"a`,
		strings.Repeat("[", 100_000), `{"a" 1}`, `{"a":1 "b":2}`, `nulll`} {
		if n, err := asset.FromJSON(in); err == nil {
			t.Errorf("%.40q was read as %v", in, typedOrNil(n))
		}
	}
	if _, err := asset.FromJSON("{\n  \"a\": x}"); err == nil || !strings.HasPrefix(err.Error(), "2:8: ") {
		t.Errorf("place: %v", err)
	}
}

func TestToJSON(t *testing.T) {
	got, err := asset.ToJSON(parse(t, "b: [1, 2.5, null]\na: {é: \"\\U0001F680\\x01\"}\n1: .nan\nc: -.inf\nd: 1.0e+16\ne: []\nf: {}\n"))
	want := `{"1": NaN, "a": {"\u00e9": "\ud83d\ude80\u0001"}, "b": [1, 2.5, null], "c": -Infinity, "d": 1.0e+16, "e": [], "f": {}}`
	if err != nil || got != want {
		t.Errorf("%s (%v), want %s", got, err, want)
	}
	for _, n := range []*yaml.Node{nil, asset.Map("a", struct{}{}), asset.Map("a", 1, "a", 2), asset.Str("\xff")} {
		if s, err := asset.ToJSON(n); err == nil {
			t.Errorf("wrote %q", s)
		}
	}
}

// TestJSONRoundTrip reads back every value with text keys, and has encoding/json
// agree on what it can hold.
func TestJSONRoundTrip(t *testing.T) {
	g := &generator{Rand: rand.New(rand.NewPCG(*seed, 3))}
	for g.made < 20_000 {
		doc := g.document()
		for i := 0; i < len(doc.Content); i += 2 {
			doc.Content[i].Tag = asset.TagStr
		}
		text, err := asset.ToJSON(doc)
		if err != nil {
			t.Fatal(err)
		}
		back, err := asset.FromJSON(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		again, err := asset.ToJSON(back)
		if err != nil || again != text {
			t.Fatalf("%s\n%s\n%v", text, again, err)
		}
		if !strings.Contains(text, "NaN") && !strings.Contains(text, "Infinity") && !json.Valid([]byte(text)) {
			t.Fatalf("not JSON: %s", text)
		}
	}
}

func TestFloatsSurviveJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
		text, err := asset.ToJSON(asset.Float(f))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := asset.FromJSON(text); err != nil || !asset.Equal(n, asset.Float(f)) {
			t.Fatalf("%v became %s (%v)", f, text, err)
		}
	})
}
