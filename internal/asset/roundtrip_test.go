package asset_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// go test ./internal/asset -run TestYM1 -count=1 -args -values=1000000 -seed=1
var (
	values = flag.Int("values", 50_000, "scalar values in the round trip of TestYM1")
	sample = flag.Int("pyvalues", 20_000, "of them, how many PyYAML reads too")
	seed   = flag.Uint64("seed", 20261122, "seed of the random values")
)

// TestYM1_RoundTrip writes random values and reads them back with Parse and with
// plain yaml.v3.
func TestYM1_RoundTrip(t *testing.T) {
	g := &generator{Rand: rand.New(rand.NewPCG(*seed, 1))}
	bytesOut := 0
	for g.made < *values {
		doc := g.document()
		bytesOut += len(checkRoundTrip(t, doc))
		if t.Failed() {
			t.Fatalf("failed after %d values, seed %d", g.made, *seed)
		}
	}
	t.Logf("%d values, %d bytes", g.made, bytesOut)
}

// checkRoundTrip encodes doc and returns the bytes after every promise about
// them has been checked.
func checkRoundTrip(t *testing.T, doc *yaml.Node) []byte {
	t.Helper()
	out, err := asset.Encode(doc)
	if err != nil {
		t.Errorf("encode: %v", err)
		return nil
	}
	back, err := asset.Parse(out)
	if err != nil {
		t.Errorf("parse: %v\n%s", err, out)
		return nil
	}
	again, err := asset.Encode(back)
	if err != nil || !bytes.Equal(again, out) {
		t.Errorf("written twice it differs (%v):\n%q\n%q", err, out, again)
	}
	var v any
	if err := yaml.Unmarshal(out, &v); err != nil {
		t.Errorf("yaml.v3: %v\n%s", err, out)
	} else if d := differs(doc, v); d != "" {
		t.Errorf("yaml.v3 reads another value: %s\n%s", d, out)
	}
	if i := bytes.IndexByte(out, '\r'); i >= 0 || len(out) == 0 || out[len(out)-1] != '\n' {
		t.Errorf("not LF text: %q", out)
	}
	return out
}

// differs says where got, decoded by yaml.v3 into any, is not what want means.
func differs(want *yaml.Node, got any) string {
	bad := func() string { return fmt.Sprintf("want %s %q, got %T %#v", want.Tag, want.Value, got, got) }
	switch want.Kind {
	case yaml.SequenceNode:
		l, ok := got.([]any)
		if !ok || len(l) != len(want.Content) {
			return bad()
		}
		for i, c := range want.Content {
			if d := differs(c, l[i]); d != "" {
				return d
			}
		}
		return ""
	case yaml.MappingNode:
		at := func(k *yaml.Node) (v any, ok bool) {
			switch m := got.(type) {
			case map[string]any:
				v, ok = m[k.Value]
				ok = ok && k.Tag == asset.TagStr
			case map[any]any:
				if v, ok = m[k.Value]; k.Tag == asset.TagInt {
					i, _ := strconv.Atoi(k.Value)
					v, ok = m[i]
				}
			}
			return v, ok
		}
		for i := 0; i < len(want.Content); i += 2 {
			v, ok := at(want.Content[i])
			if !ok {
				return fmt.Sprintf("key %q is gone", want.Content[i].Value)
			}
			if d := differs(want.Content[i+1], v); d != "" {
				return d
			}
		}
		return ""
	}
	if !sameScalar(want, got) {
		return bad()
	}
	return ""
}

func sameScalar(want *yaml.Node, got any) bool {
	switch want.Tag {
	case asset.TagStr:
		return got == want.Value
	case asset.TagNull:
		return got == nil
	case asset.TagBool:
		return got == (want.Value == "true")
	case asset.TagInt:
		if f, big := got.(float64); big { // beyond 64 bits yaml.v3 has nothing better
			w, _ := strconv.ParseFloat(want.Value, 64)
			return f == w && math.Abs(f) > 1<<62
		}
		_, isText := got.(string)
		return !isText && fmt.Sprint(got) == want.Value
	}
	f, ok := got.(float64)
	w, err := strconv.ParseFloat(strings.TrimPrefix(strings.Replace(want.Value, "-.", "-", 1), "."), 64)
	return ok && err == nil && (f == w && math.Signbit(f) == math.Signbit(w) || math.IsNaN(f) && math.IsNaN(w))
}

// TestYM1_PyYAML has PyYAML, which is what Superset reads and writes with, read
// what Encode wrote, and Parse read what PyYAML writes of the same values.
func TestYM1_PyYAML(t *testing.T) {
	if out, err := exec.Command("python3", "-c", "import yaml").CombinedOutput(); err != nil {
		if os.Getenv("DASHKEEP_REQUIRE_PYYAML") != "" {
			t.Fatalf("python3 with PyYAML is required: %v\n%s", err, out)
		}
		t.Skip("python3 with PyYAML is not installed (apt-get install python3-yaml); set DASHKEEP_REQUIRE_PYYAML=1 to make this an error")
	}
	g := &generator{Rand: rand.New(rand.NewPCG(*seed, 2))}
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	var docs []*yaml.Node
	for g.made < *sample {
		doc := g.document()
		if len(docs)%2 == 0 {
			tameKeys(doc)
		}
		out, err := asset.Encode(doc)
		if err != nil {
			t.Fatal(err)
		}
		if err := enc.Encode([]any{string(out), typed(doc)}); err != nil {
			t.Fatal(err)
		}
		docs = append(docs, doc)
	}
	cmd := exec.Command("python3", "testdata/readback.py")
	cmd.Stdin = &in
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	dec := json.NewDecoder(bytes.NewReader(stdout))
	read, tame, quick := 0, 0, 0
	for i, doc := range docs {
		var theirs *string // null: PyYAML does not read its own text back
		if err := dec.Decode(&theirs); err != nil {
			t.Fatal(err)
		}
		if theirs == nil {
			continue
		}
		read++
		if i%2 == 0 {
			tame++
		}
		if asset.ReadersAgree(t, []byte(*theirs)) {
			quick++
		}
		got, err := asset.Parse([]byte(*theirs))
		if err != nil || !asset.Equal(got, doc) {
			t.Fatalf("PyYAML's text reads as another value (%v): %s\n%s", err, firstDifference(doc, got, ""), *theirs)
		}
	}
	t.Logf("%d values; %d of %d texts of PyYAML read, %d of them without the library; %s", g.made, read, len(docs), quick, &stderr)
	if read < len(docs)/2 {
		t.Errorf("PyYAML read back only %d of %d of its own texts", read, len(docs))
	}
	if quick < tame {
		t.Errorf("without the library only %d texts of PyYAML are read, %d are in Superset's style", quick, tame)
	}
}

// tameKeys gives keys such as Superset's instead of those that are written "? key".
func tameKeys(n *yaml.Node) {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			*c = *asset.Str(fmt.Sprint("key_", i/2))
		} else {
			tameKeys(c)
		}
	}
}

// typed gives a value in a form in which JSON cannot blur types: [tag, text],
// ["!!seq", ...], ["!!map", [key, value], ...].
func typed(n *yaml.Node) []any {
	out := []any{n.Tag}
	switch n.Kind {
	case yaml.ScalarNode:
		return append(out, n.Value)
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			out = append(out, []any{typed(n.Content[i]), typed(n.Content[i+1])})
		}
	default:
		for _, c := range n.Content {
			out = append(out, typed(c))
		}
	}
	return out
}

func FuzzText(f *testing.F) {
	for _, s := range traps {
		f.Add(s)
	}
	for _, s := range fragments {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		doc := asset.Map("k", s, "list", asset.Seq(asset.Str(s), asset.Seq(asset.Str(s)), asset.Map(s, s)))
		if _, err := asset.Encode(doc); err != nil && strings.ToValidUTF8(s, "") != s {
			return
		}
		checkRoundTrip(t, doc)
		if got := asset.UnescapeText(asset.EscapeText(s)); got != s {
			t.Errorf("%q escaped and unescaped is %q", s, got)
		}
	})
}

func FuzzDecodeEncode(f *testing.F) {
	for _, s := range []string{"a: 1\n", "a: [1, {b: c}]\n", "a: |2-\n   x\n", "? a\n: b\n", "a: &x 1\n", "k: 0777\nj: .5\n", "a: 'x'\n---\n", "{}", "a:\n- - 1\n  - ? x\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := asset.Parse(data)
		if err != nil {
			return
		}
		out, err := asset.Encode(doc)
		if err != nil {
			t.Fatalf("what parses must encode: %v\n%q", err, data)
		}
		back, err := asset.Parse(out)
		if err != nil || !asset.Equal(doc, back) {
			t.Fatalf("reads back otherwise (%v):\n%q\n%q", err, data, out)
		}
		if again, err := asset.Encode(back); err != nil || !bytes.Equal(again, out) {
			t.Fatalf("written twice it differs (%v):\n%q\n%q", err, out, again)
		}
	})
}

// firstDifference names the place where b is not a.
func firstDifference(a, b *yaml.Node, path string) string {
	if asset.Equal(a, b) {
		return ""
	}
	if a == nil || b == nil || a.Kind != b.Kind || a.Kind == yaml.ScalarNode || len(a.Content) != len(b.Content) {
		return fmt.Sprintf("%s: want %+v, got %+v", path, typedOrNil(a), typedOrNil(b))
	}
	for i, c := range a.Content {
		if d := firstDifference(c, b.Content[i], fmt.Sprint(path, "/", i)); d != "" {
			return d
		}
	}
	return path + ": equal in parts"
}

func typedOrNil(n *yaml.Node) []any {
	if n == nil {
		return nil
	}
	return typed(n)
}
