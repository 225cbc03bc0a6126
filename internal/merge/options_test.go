package merge_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

func TestMerge_options(t *testing.T) {
	tests := []struct {
		name, base, ours, theirs string
		o                        merge.Options
		want, conflicts          string
	}{
		{"theirs wins in a conflict and ours elsewhere", "a: 1\nb: 1\nc: 1", "a: 2\nb: 2\nc: 1", "a: 3\nb: 1\nc: 3", merge.Options{Theirs: true}, "a: 3\nb: 2\nc: 3", "/a: 1 | 2 | 3"},
		{"theirs deletes", "a: 1\nb: 1", "a: 2\nb: 1", "b: 2", merge.Options{Theirs: true}, "b: 2", "/a: 1 | 2 | absent"},
		{"theirs orders", "l: [{id: 1}, {id: 2}, {id: 3}]", "l: [{id: 2}, {id: 1}, {id: 3}]", "l: [{id: 3}, {id: 1}, {id: 2}]", merge.Options{Theirs: true}, "l: [{id: 3}, {id: 1}, {id: 2}]", "/l: order: 1, 2, 3 | order: 2, 1, 3 | order: 3, 1, 2"},
		{"held: only theirs moved", "a: 1\nb: 1", "a: 1\nb: 2", "a: 3\nb: 1\nc: 1", merge.Options{Hold: true}, "a: 1\nb: 2", ""},
		{"held: nothing of ours moved", "a: 1", "a: 1", "a: 3", merge.Options{Hold: true}, "a: 1", ""},
		{"held: deleted by theirs", "a: 1", "a: 1", "", merge.Options{Hold: true}, "a: 1", ""},
		{"held: both moved is a conflict still", "a: 1\nb: 1", "a: 2\nb: 1", "a: 3\nb: 3", merge.Options{Hold: true}, "a: 2\nb: 1", "/a: 1 | 2 | 3"},
		{"held and theirs wins", "a: 1\nb: 1", "a: 2\nb: 1", "a: 3\nb: 3", merge.Options{Hold: true, Theirs: true}, "a: 3\nb: 1", "/a: 1 | 2 | 3"},
		{"held: elements and their order", "l: [{id: 1, v: 1}, {id: 2, v: 1}]", "l: [{id: 1, v: 2}, {id: 2, v: 1}]", "l: [{id: 2, v: 3}, {id: 1, v: 1}, {id: 3, v: 1}]", merge.Options{Hold: true}, "l: [{id: 1, v: 2}, {id: 2, v: 1}]", ""},
		{"held: lines", "s: \"a\\nb\\nc\"", "s: \"A\\nb\\nc\"", "s: \"a\\nb\\nC\"", merge.Options{Hold: true}, "s: \"A\\nb\\nc\"", ""},
		{"held: texts", "s: [a, b]", "s: [a, b, c]", "s: [b, d]", merge.Options{Hold: true}, "s: [a, b, c]", ""},
		{"contested: a move of theirs alone is a conflict", "m: {a: 1, b: 1}", "m: {a: 1, b: 1}", "m: {a: 2, b: 2}", merge.Options{Contested: []string{"/m/a"}}, "m: {a: 1, b: 2}", "/m/a: 1 | 1 | 2"},
		{"contested, theirs wins", "m: {a: 1, b: 1}", "m: {a: 1, b: 1}", "m: {a: 2, b: 2}", merge.Options{Contested: []string{"/m/a"}, Theirs: true}, "m: {a: 2, b: 2}", "/m/a: 1 | 1 | 2"},
		{"contested: removed", "m: {a: 1, b: 1}", "m: {a: 1, b: 2}", "m: {b: 1}", merge.Options{Contested: []string{"/m/a"}}, "m: {a: 1, b: 2}", "/m/a: 1 | 1 | absent"},
		{"contested: came back", "m: {b: 1}", "m: {b: 1}", "m: {a: 1, b: 1}", merge.Options{Contested: []string{"/m/a"}}, "m: {b: 1}", "/m/a: absent | absent | 1"},
		{"contested: element", "l: [{id: 1}, {id: 2}]", "l: [{id: 1}, {id: 2}]", "l: [{id: 1}]", merge.Options{Contested: []string{"/l/id=2"}}, "l: [{id: 1}, {id: 2}]", "/l/id=2: id: 2 | id: 2 | absent"},
		{"contested: order", "l: [{id: 1}, {id: 2}]", "l: [{id: 1}, {id: 2}]", "l: [{id: 2}, {id: 1}]", merge.Options{Contested: []string{"/l"}}, "l: [{id: 1}, {id: 2}]", "/l: - id: 1\n- id: 2 | - id: 1\n- id: 2 | - id: 2\n- id: 1"},
		{"contested and the other side moved the text too", "s: \"a\\nb\\nc\"", "s: \"A\\nb\\nc\"", "s: \"a\\nb\\nC\"", merge.Options{Contested: []string{"/s"}}, "s: \"A\\nb\\nc\"", "/s: a\nb\nc | A\nb\nc | a\nb\nC"},
		{"contested and unmoved", "a: 1\nb: 1", "a: 2\nb: 1", "a: 1\nb: 1", merge.Options{Contested: []string{"/a"}}, "a: 2\nb: 1", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, conflicts, err := merge.Merge(canon(t, tt.base), canon(t, tt.ours), canon(t, tt.theirs), tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if want := canon(t, tt.want); !bytes.Equal(got, want) {
				t.Errorf("merged\n%s\nwant\n%s", got, want)
			}
			if s := show(conflicts); s != tt.conflicts {
				t.Errorf("conflicts %q, want %q", s, tt.conflicts)
			}
		})
	}
}

func TestThree_listsOfTexts(t *testing.T) {
	tests := []struct{ name, base, ours, theirs, want string }{ // want "": a conflict
		{"sets", "[a, c]", "[a, b, c]", "[a, c, d]", "[a, b, c, d]"},
		{"removed and added", "[a, b]", "[b]", "[a, b, c]", "[b, c]"},
		{"different places", "[z, m, a]", "[x, z, m, a]", "[z, m, a, y]", "[x, z, m, a, y]"},
		{"one place", "[z, a]", "[z, a, y]", "[z, a, x]", ""},
		{"replaced on both sides", "[z, a]", "[x, a]", "[z, y]", ""},
		{"one reorders, one adds", "[c, b, a]", "[a, b, c]", "[c, x, b, a]", "[a, b, c, x]"},
		{"both reorder", "[c, b, a, d]", "[b, c, a, d]", "[c, a, b, d]", ""},
		{"twice the same", "[a, a]", "[a, a, b]", "[a]", ""},
		{"positions", "[0, 10]", "[5, 10]", "[0, 20]", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := func(l string) []byte { return canon(t, "l: "+l) }
			got, conflicts, err := merge.Three(doc(tt.base), doc(tt.ours), doc(tt.theirs))
			if err != nil {
				t.Fatal(err)
			}
			if (tt.want == "") != (len(conflicts) > 0) || tt.want != "" && !bytes.Equal(got, doc(tt.want)) {
				t.Errorf("%s, conflicts %s", got, show(conflicts))
			}
		})
	}
	if _, conflicts, err := merge.Three(nil, canon(t, "l: [a]"), canon(t, "l: [b]")); err != nil || len(conflicts) != 1 {
		t.Errorf("without a base: %v %s", err, show(conflicts))
	}
}

// holders is a structure in which every member stands in exactly one holder.
func holders() merge.Structure {
	return merge.Structure{Path: "/spec/h", Check: func(n *yaml.Node) []string {
		var wrong []string
		seen := map[string]string{}
		for key, list := range asset.Each(n) {
			if !asset.IsSeq(list) {
				continue
			}
			for _, m := range list.Content {
				if first, twice := seen[m.Value]; twice {
					wrong = append(wrong, fmt.Sprintf("%s stands in %s and %s", m.Value, first, key))
				}
				seen[m.Value] = key
			}
		}
		return wrong
	}}
}

func TestMerge_structures(t *testing.T) {
	base := "spec: {t: 1, h: {p: [x, y], q: [z], r: [w]}}"
	ours, theirs := "spec: {t: 2, h: {p: [y], q: [x, z], r: [w]}}", "spec: {t: 1, h: {p: [y], q: [z], r: [w, x]}}"
	o := merge.Options{Whole: []merge.Structure{holders()}}
	got, conflicts, err := merge.Merge(canon(t, base), canon(t, ours), canon(t, theirs), o)
	if err != nil || len(conflicts) != 1 || conflicts[0].Path != "/spec/h" || !strings.Contains(conflicts[0].Text, "x stands in q and r") || !bytes.Equal(got, canon(t, ours)) {
		t.Fatalf("%v %+v\n%s", err, conflicts, got)
	}
	if *conflicts[0].Base != "3 parts" || *conflicts[0].Ours != "3 parts, changed p q" || *conflicts[0].Theirs != "3 parts, changed p r" {
		t.Error(show(conflicts))
	}
	o.Theirs = true
	if got, _, _ := merge.Merge(canon(t, base), canon(t, ours), canon(t, theirs), o); !bytes.Equal(got, canon(t, "spec: {t: 2, h: {p: [y], q: [z], r: [w, x]}}")) {
		t.Errorf("the structure of theirs, the rest merged:\n%s", got)
	}
	// what was wrong before is not the merge's doing
	base, ours, theirs = "spec: {h: {p: [x], q: [x], r: [w]}}", "spec: {h: {p: [x], q: [x], r: [a, w]}}", "spec: {h: {p: [x], q: [x], r: [w, z]}}"
	if _, conflicts, err := merge.Merge(canon(t, base), canon(t, ours), canon(t, theirs), o); err != nil || len(conflicts) > 0 {
		t.Errorf("%v %s", err, show(conflicts))
	}
	// nothing merged, nothing checked: a side may be taken as it is
	if got, conflicts, err := merge.Merge(canon(t, "spec: {h: {p: [x]}}"), canon(t, "spec: {h: {p: [x]}}"), canon(t, "spec: {h: {p: [x], q: [x]}}"), o); err != nil || len(conflicts) > 0 || len(got) == 0 {
		t.Errorf("%v %s", err, show(conflicts))
	}
}

// TestMergeLaws: the choices change what is taken in a conflict and what is held
// back, and nothing else.
func TestMergeLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, x, y := drawDoc(t, "base"), drawDoc(t, "x"), drawDoc(t, "y")
		do := func(o merge.Options) ([]byte, []merge.Conflict) {
			m, c, err := merge.Merge(b, x, y, o)
			if err != nil {
				t.Fatal(err)
			}
			return m, c
		}
		m, conflicts := do(merge.Options{})
		th, c := do(merge.Options{Theirs: true})
		if show(c) != show(conflicts) || len(c) == 0 && !bytes.Equal(m, th) {
			t.Fatalf("theirs: %s / %s", show(c), show(conflicts))
		}
		held, c := do(merge.Options{Hold: true})
		if !bytes.Equal(held, x) {
			t.Fatalf("held, it is not ours:\n%s\n%s", held, x)
		}
		if show(c) != show(conflicts) {
			t.Fatalf("held: %s / %s", show(c), show(conflicts))
		}
		// every value that theirs moved is contested: then a merge without a conflict
		// is one in which theirs moved nothing that ours has not
		moved, err := merge.Differences(b, y)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, d := range moved {
			all = append(all, d.Path)
		}
		m, c = do(merge.Options{Contested: all})
		if len(c) == 0 && !bytes.Equal(m, x) {
			t.Fatalf("contested %v: taken without a conflict:\n%s", all, m)
		}
		if slices.ContainsFunc(conflicts, func(one merge.Conflict) bool { return !covered(one.Path, c) }) {
			t.Fatalf("contested: %s, without it %s", show(c), show(conflicts))
		}
	})
}

func covered(path string, by []merge.Conflict) bool {
	return slices.ContainsFunc(by, func(c merge.Conflict) bool {
		return c.Path == path || strings.HasPrefix(path, c.Path+"/") || strings.HasPrefix(c.Path, path+"/")
	})
}
