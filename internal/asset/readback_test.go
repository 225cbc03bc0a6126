package asset

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// TestComparisonSeesWhatDiffers: the text of a document compares equal with it, and
// no damaged text does that reads as anything else.
func TestComparisonSeesWhatDiffers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		doc := (&dumper{T: rt}).randomMap(3)
		var e emitter
		if err := e.mapping(doc, 0, false); err != nil {
			rt.Fatal(err)
		}
		same := func(text []byte) bool {
			return precheck(text) == nil && compares(text, e.said)
		}
		if !same(e.out) {
			rt.Fatalf("needs a second tree to be compared:\n%s", e.out)
		}
		g := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 2))
		for range 6 {
			text := damaged(g, string(e.out))
			back, err := Parse(text)
			if same(text) && (err != nil || !Equal(doc, back)) {
				rt.Fatalf("%q\ncompares equal with\n%s", text, e.out)
			}
		}
	})
}

func TestReadBackRefuses(t *testing.T) {
	doc := Map("a", Seq(Str("x"), Map("b", 1)), "c", Map(), "d", "y")
	for _, text := range []string{
		"a:\n  - x\n  - b: 1\nc: {}\nd: z\n", "a:\n  - x\n  - b: 2\nc: {}\nd: y\n", "a:\n  - x\n  - b: '1'\nc: {}\nd: y\n", "a:\n  - x\n  - b: 1\nc: []\nd: y\n",
		"a:\n  - x\n  - b: 1\nc: {}\n", "a:\n  - x\n  - b: 1\nc: {}\nd: y\ne: f\n", "a:\n  - x\nc: {}\nd: y\n", "a:\n  - x\n  - b: 1\n    c: {}\nd: y\n", "a:\n  - x\n  - b: 1\n  - c\nd: y\n", "a: [\n", "",
	} {
		e := emitter{}
		if err := e.mapping(doc, 0, false); err != nil {
			t.Fatal(err)
		}
		if e.out = []byte(text); e.readBack(doc) == nil {
			t.Errorf("taken for what was written: %q", text)
		}
	}
}
