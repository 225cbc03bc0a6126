package merge_test

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// drawDoc makes a small document over few names and values, so that three of
// them meet often: scalars, nested mappings, a list with identity, a list without.
func drawDoc(t *rapid.T, label string) []byte {
	d := rapid.Custom(func(t *rapid.T) *yaml.Node {
		m := asset.Map()
		for _, k := range []string{"a", "b"} {
			if rapid.IntRange(0, 3).Draw(t, k) > 0 {
				asset.Put(m, asset.Int(rapid.IntRange(0, 3).Draw(t, "v")), k)
			}
		}
		for _, k := range []string{"m", "n"} {
			switch rapid.IntRange(0, 5).Draw(t, k) {
			case 0:
			case 1:
				asset.Put(m, asset.Str("text"), k)
			default:
				in := asset.Map()
				for _, k := range []string{"x", "y", "z"} {
					if rapid.Bool().Draw(t, k) {
						asset.Put(in, asset.Int(rapid.IntRange(0, 2).Draw(t, "v")), k)
					}
				}
				asset.Put(m, in, k)
			}
		}
		l := asset.Seq()
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"p", "q", "r", "s"}), 0, 4, rapid.ID[string]).Draw(t, "names") {
			e := asset.Map("name", name, "v", rapid.IntRange(0, 2).Draw(t, "v"))
			if rapid.Bool().Draw(t, "w") {
				asset.Put(e, asset.Int(rapid.IntRange(0, 2).Draw(t, "w")), "w")
			}
			l.Content = append(l.Content, e)
		}
		asset.Put(m, l, "list")
		asset.Put(m, asset.Seq(asset.Int(rapid.IntRange(0, 2).Draw(t, "atom"))), "atomic")
		for _, k := range []string{"tags", "row"} {
			texts := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 4, rapid.ID[string]).Draw(t, k)
			if k == "tags" {
				slices.Sort(texts)
			}
			l := asset.Seq()
			for _, x := range texts {
				l.Content = append(l.Content, asset.Str(x))
			}
			asset.Put(m, l, k)
		}
		asset.Put(m, asset.Str(drawLines(t, "sql")), "sql")
		return m
	}).Draw(t, label)
	out, err := asset.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// drawLines makes a text of few different lines, so that they repeat.
func drawLines(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"", "A", "B", "C"}), 0, 6).Draw(t, label), "\n")
}

// leaves flattens a document to its values by path; absent ones are not there. An
// element of a list of texts is one; a text of several lines is looked at elsewhere.
func leaves(t *rapid.T, data []byte) map[string]string {
	out := map[string]string{}
	if data == nil {
		return out
	}
	n, err := asset.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	var walk func(path []string, n *yaml.Node)
	walk = func(path []string, n *yaml.Node) {
		switch {
		case asset.IsMap(n):
			for k, v := range asset.Each(n) {
				walk(append(path[:len(path):len(path)], k), v)
			}
		case asset.IsSeq(n) && path[len(path)-1] == "list":
			for _, e := range n.Content {
				walk(append(path[:len(path):len(path)], "name="+asset.ElementID(e, "name")), e)
			}
		case asset.IsSeq(n) && (path[len(path)-1] == "tags" || path[len(path)-1] == "row"):
			for _, e := range n.Content {
				out[asset.Pointer(append(path[:len(path):len(path)], e.Value)...)] = "there"
			}
		case path[len(path)-1] == "sql":
		default:
			out[asset.Pointer(path...)] = asset.Render(n)
		}
	}
	walk(nil, n)
	return out
}

func three(t *rapid.T, base, ours, theirs []byte) ([]byte, []merge.Conflict) {
	m, c, err := merge.Three(base, ours, theirs)
	if err != nil {
		t.Fatal(err)
	}
	return m, c
}

func TestThreeLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, x, y := drawDoc(t, "base"), drawDoc(t, "x"), drawDoc(t, "y")
		if rapid.IntRange(0, 9).Draw(t, "absent") == 0 {
			b = nil
		}
		for i, in := range [][3][]byte{{b, x, b}, {b, b, x}, {b, x, x}} {
			if m, c := three(t, in[0], in[1], in[2]); !bytes.Equal(m, x) || len(c) > 0 {
				t.Fatalf("law %d: %q, conflicts %s", i, m, show(c))
			}
		}
		m, c := three(t, b, x, y)
		n, d := three(t, b, y, x)
		if len(c) == 0 && !bytes.Equal(m, n) {
			t.Fatalf("not symmetric:\n%s\n%s", m, n)
		}
		if len(c) != len(d) {
			t.Fatalf("conflicts differ: %s / %s", show(c), show(d))
		}
		if len(c) == 0 {
			if again, c := three(t, b, m, y); !bytes.Equal(again, m) || len(c) > 0 {
				t.Fatalf("merging theirs a second time changes something:\n%s\n%s\n%s", m, again, show(c))
			}
			isCanonical(t, m)
			agreed, err := merge.Agree(b, x, y)
			if err != nil {
				t.Fatal(err)
			}
			if later, c := three(t, agreed, x, y); !bytes.Equal(later, m) || len(c) > 0 {
				t.Fatalf("base moved to what both have and the merge is another one:\n%s\n%s\n%s", m, later, show(c))
			}
		}
	})
}

func isCanonical(t *rapid.T, doc []byte) {
	n, err := asset.Parse(doc)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := asset.Encode(n); err != nil || !bytes.Equal(again, doc) {
		t.Fatalf("not canonical:\n%s\n%s", doc, again)
	}
}

func TestThreeLosesNoEdit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, x, y := drawDoc(t, "base"), drawDoc(t, "x"), drawDoc(t, "y")
		m, conflicts := three(t, b, x, y)
		base, merged := leaves(t, b), leaves(t, m)
		sides := []map[string]string{leaves(t, x), leaves(t, y)}
		contested := func(p string) bool {
			for _, c := range conflicts {
				if p == c.Path || strings.HasPrefix(p, c.Path+"/") || strings.HasPrefix(c.Path, p+"/") {
					return c.Path != "/list" // its order only
				}
			}
			return false
		}
		paths := map[string]bool{}
		for _, l := range append(sides, base, merged) {
			for p := range l {
				paths[p] = true
			}
		}
		for p := range paths {
			if contested(p) {
				continue
			}
			for i, side := range sides {
				other := sides[1-i]
				if got, want := at(base, p), at(other, p); got == want && at(side, p) != got && at(merged, p) != at(side, p) {
					t.Fatalf("%s: base %s, changed to %s, merged %s\n%s", p, got, at(side, p), at(merged, p), show(conflicts))
				}
				if at(side, p) == at(other, p) && at(merged, p) != at(side, p) {
					t.Fatalf("%s: both say %s, merged %s", p, at(side, p), at(merged, p))
				}
			}
			if at(sides[0], p) != at(sides[1], p) && at(sides[0], p) != at(base, p) && at(sides[1], p) != at(base, p) {
				t.Fatalf("%s: moved apart and is no conflict", p)
			}
		}
	})
}

func at(leaves map[string]string, p string) string {
	if v, ok := leaves[p]; ok {
		return v
	}
	return "(absent)"
}

func TestAgreeLaws(t *testing.T) {
	agree := func(t *rapid.T, base, a, b []byte) []byte {
		out, err := merge.Agree(base, a, b)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		b, x, y := drawDoc(t, "base"), drawDoc(t, "x"), drawDoc(t, "y")
		g := agree(t, b, x, y)
		if h := agree(t, b, y, x); !bytes.Equal(g, h) {
			t.Fatalf("depends on the side:\n%s\n%s", g, h)
		}
		if h := agree(t, g, x, y); !bytes.Equal(g, h) {
			t.Fatalf("twice is not once:\n%s\n%s", g, h)
		}
		if h := agree(t, b, x, x); !bytes.Equal(h, x) {
			t.Fatalf("equal sides do not become base:\n%s\n%s", h, x)
		}
		if h := agree(t, x, x, y); !bytes.Equal(h, x) {
			t.Fatalf("base moved though only one side did:\n%s\n%s", h, x)
		}
		base, agreed, a, c := leaves(t, b), leaves(t, g), leaves(t, x), leaves(t, y)
		for p := range a {
			if v, ok := c[p]; ok && v == a[p] && agreed[p] != v {
				t.Fatalf("%s: shared %s, base has %s", p, v, at(agreed, p))
			}
		}
		for p, v := range agreed {
			if base[p] != v && (a[p] != v || c[p] != v) {
				t.Fatalf("%s: base invents %s", p, v)
			}
		}
	})
}

func TestTakeMakesTheValuesEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dst, src := drawDoc(t, "dst"), drawDoc(t, "src")
		pointers := rapid.SliceOf(rapid.SampledFrom([]string{"/a", "/b", "/m/x", "/m", "/n/y", "/list/name=p", "/list/name=q/v", "/atomic"})).Draw(t, "pointers")
		out, err := merge.Take(dst, src, pointers)
		if err != nil {
			t.Fatal(err)
		}
		got, want, was := leaves(t, out), leaves(t, src), leaves(t, dst)
		for p := range was {
			touched := false
			for _, q := range pointers {
				touched = touched || p == q || strings.HasPrefix(p, q+"/") || strings.HasPrefix(q, p+"/")
			}
			if !touched && got[p] != was[p] {
				t.Fatalf("%s was not asked for: %s became %s", p, was[p], at(got, p))
			}
		}
		for _, q := range pointers {
			_, scalar := was[path.Dir(q)] // the way leads through a text
			_, element := was[path.Dir(q)+"/name"]
			if v, ok := want[q]; ok && !scalar && (element || path.Base(q) != "v") && at(got, q) != v {
				t.Fatalf("%s: %s, want %s", q, at(got, q), v)
			}
		}
	})
}
