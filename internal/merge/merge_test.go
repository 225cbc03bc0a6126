package merge_test

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// canon gives canonical bytes of a YAML text; "" is an absent document.
func canon(t testing.TB, s string) []byte {
	t.Helper()
	if s == "" {
		return nil
	}
	n, err := asset.Parse([]byte(s))
	if err != nil {
		t.Fatalf("%v\n%s", err, s)
	}
	return encode(t, n)
}

func encode(t testing.TB, n *yaml.Node) []byte {
	t.Helper()
	out, err := asset.Encode(n)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func show(c []merge.Conflict) string {
	var b strings.Builder
	val := func(s *string) string {
		if s == nil {
			return "absent"
		}
		return *s
	}
	for _, c := range c {
		b.WriteString(c.Path + ": " + val(c.Base) + " | " + val(c.Ours) + " | " + val(c.Theirs) + "; ")
	}
	return strings.TrimSuffix(b.String(), "; ")
}

func TestThree(t *testing.T) {
	list := func(names string) string {
		var b strings.Builder
		for n := range strings.FieldsSeq(names) {
			name, v, _ := strings.Cut(n, "=")
			b.WriteString("{name: " + name + ", v: " + v + "}, ")
		}
		return "l: [" + b.String() + "]"
	}
	tests := []struct{ name, base, ours, theirs, want, conflicts string }{
		{"different keys", "a: 1\nb: 1", "a: 2\nb: 1", "a: 1\nb: 2", "a: 2\nb: 2", ""},
		{"same change", "a: 1\nb: 1", "a: 2\nb: 1", "a: 2\nb: 2", "a: 2\nb: 2", ""},
		{"conflict", "a: 1\nb: 1", "a: 2\nb: 1", "a: 3\nb: 2", "a: 2\nb: 2", "/a: 1 | 2 | 3"},
		{"types show", "a: x", "a: 1", "a: '1'", "a: 1", "/a: x | 1 | '1'"},
		{"delete and edit", "a: 1\nb: 1", "b: 1", "a: 3\nb: 1", "b: 1", "/a: 1 | absent | 3"},
		{"delete and keep", "a: 1\nb: 1", "b: 2", "a: 1\nb: 1", "b: 2", ""},
		{"both delete", "a: 1\nb: 1", "b: 1", "b: 1", "b: 1", ""},
		{"nested", "s: {x: {p: 1, q: 1}}", "s: {x: {p: 2, q: 1}}", "s: {x: {p: 1, q: 2, r: 3}}", "s: {x: {p: 2, q: 2, r: 3}}", ""},
		{"mapping gone, edited inside", "s: {x: {p: 1}}", "s: {}", "s: {x: {p: 2}}", "s: {}", "/s/x: p: 1 | absent | p: 2"},
		{"scalar became mapping twice", "s: 1", "s: {a: 1}", "s: {b: 1}", "s: {a: 1}", "/s: 1 | a: 1 | b: 1"},
		{"no base", "", "a: 1\nb: 2", "a: 1\nc: 3", "a: 1\nb: 2\nc: 3", ""},
		{"no base, conflict", "", "a: 1", "a: 2", "a: 1", "/a: absent | 1 | 2"},
		{"document deleted, edited", "a: 1", "", "a: 2", "", ": a: 1 | absent | a: 2"},
		{"document deleted", "a: 1", "", "a: 1", "", ""},
		{"atomic list", "l: [1, 2]", "l: [1, 2, 3]", "l: [0, 1, 2]", "l: [1, 2, 3]", "/l: - 1\n- 2 | - 1\n- 2\n- 3 | - 0\n- 1\n- 2"},
		{"elements", list("a=1 b=1 c=1"), list("a=2 b=1 c=1"), list("a=1 b=1 c=2"), list("a=2 b=1 c=2"), ""},
		{"element conflict", list("a=1 b=1"), list("a=2 b=1"), list("a=3 b=1"), list("a=2 b=1"), "/l/name=a/v: 1 | 2 | 3"},
		{"one reorders, one edits", list("a=1 b=1 c=1"), list("c=1 a=1 b=1"), list("a=1 b=5 c=1"), list("c=1 a=1 b=5"), ""},
		{"theirs reorders, ours edits", list("a=1 b=1 c=1"), list("a=1 b=5 c=1"), list("c=1 a=1 b=1"), list("c=1 a=1 b=5"), ""},
		{"both reorder alike", list("a=1 b=1 c=1"), list("c=1 a=1 b=2"), list("c=1 a=2 b=1"), list("c=1 a=2 b=2"), ""},
		{"both reorder apart", list("a=1 b=1 c=1"), list("c=1 a=1 b=1"), list("b=1 a=1 c=1"), list("c=1 a=1 b=1"), "/l: order: a, b, c | order: c, a, b | order: b, a, c"},
		{"both add", list("a=1"), list("a=1 x=1"), list("z=1 a=1 y=1"), list("z=1 a=1 x=1 y=1"), ""},
		{"one adds, one removes", list("a=1 b=1"), list("a=1 n=1 b=1"), list("b=1"), list("n=1 b=1"), ""},
		{"reorder and add", list("a=1 b=1 c=1"), list("c=1 b=1 a=1"), list("a=1 b=1 n=1 c=1"), list("c=1 b=1 n=1 a=1"), ""},
		{"element removed, edited", list("a=1 b=1"), list("b=1"), list("a=2 b=1"), list("b=1"), "/l/name=a: name: a\nv: 1 | absent | name: a\nv: 2"},
		{"no identity on one side", list("a=1 b=1"), list("a=2 b=1"), list("a=1 b=1 b=2"), list("a=2 b=1"), "/l: - name: a\n  v: 1\n- name: b\n  v: 1 | - name: a\n  v: 2\n- name: b\n  v: 1 | - name: a\n  v: 1\n- name: b\n  v: 1\n- name: b\n  v: 2"},
		{"list emptied, edited", list("a=1"), "l: []", list("a=2"), "l: []", "/l/name=a: name: a\nv: 1 | absent | name: a\nv: 2"},
		{"int and float", "a: 1", "a: 1.0", "a: 1", "a: 1.0", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base, ours, theirs, want := canon(t, tt.base), canon(t, tt.ours), canon(t, tt.theirs), canon(t, tt.want)
			got, conflicts, err := merge.Three(base, ours, theirs)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) || (got == nil) != (want == nil) {
				t.Errorf("merged\n%s\nwant\n%s", got, want)
			}
			if s := show(conflicts); s != tt.conflicts {
				t.Errorf("conflicts %q, want %q", s, tt.conflicts)
			}
		})
	}
}

func TestThreeNamesTheSideThatDoesNotParse(t *testing.T) {
	for i, name := range []string{"base", "ours", "theirs"} {
		in := [][]byte{[]byte("a: 1\n"), []byte("a: 2\n"), []byte("a: 3\n")}
		in[i] = []byte("a: [\n")
		if out, _, err := merge.Three(in[0], in[1], in[2]); err == nil || !strings.Contains(err.Error(), name) || out != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAgree(t *testing.T) {
	tests := []struct{ name, base, a, b, want string }{
		{"equal", "a: 1", "a: 2", "a: 2", "a: 2"},
		{"one differs", "a: 1\nb: 1", "a: 2\nb: 2", "a: 2\nb: 3", "a: 2\nb: 1"},
		{"shared absence", "a: 1\nb: 1", "b: 2", "b: 3", "b: 1"},
		{"absent on one side", "a: 1\nb: 1", "b: 2", "a: 1\nb: 2", "a: 1\nb: 2"},
		{"new on one side", "a: 1", "a: 1\nb: 2", "a: 1", "a: 1"},
		{"no base", "", "a: 1\nb: 2", "a: 1\nb: 3", "a: 1"},
		{"both absent", "a: 1", "", "", ""},
		{"one absent", "a: 1", "a: 2", "", "a: 1"},
		{"elements", "l: [{id: 1, v: 1}, {id: 2, v: 1}]", "l: [{id: 2, v: 2}, {id: 1, v: 2}, {id: 3, v: 3}]", "l: [{id: 2, v: 3}, {id: 1, v: 2}, {id: 3, v: 3}]", "l: [{id: 2, v: 1}, {id: 1, v: 2}, {id: 3, v: 3}]"},
		{"order differs", "l: [{id: 1}, {id: 2}]", "l: [{id: 2}, {id: 1}]", "l: [{id: 1}, {id: 2}]", "l: [{id: 1}, {id: 2}]"},
		{"element gone on one side", "l: [{id: 1}, {id: 2}, {id: 3}]", "l: [{id: 1}, {id: 3}]", "l: [{id: 1}, {id: 2}, {id: 3}]", "l: [{id: 1}, {id: 2}, {id: 3}]"},
		{"list without identity", "l: [1]", "l: [1, 2]", "l: [1, 3]", "l: [1]"},
		{"scalar and mapping", "a: 1", "a: {x: 1, y: 1}", "a: {x: 1, y: 2}", "a: {x: 1}"},
	}
	for _, tt := range tests {
		for _, swap := range []bool{false, true} {
			a, b := canon(t, tt.a), canon(t, tt.b)
			if swap {
				a, b = b, a
			}
			got, err := merge.Agree(canon(t, tt.base), a, b)
			if want := canon(t, tt.want); err != nil || string(got) != string(want) || (got == nil) != (want == nil) {
				t.Errorf("%s (swapped %v): %q (%v), want %q", tt.name, swap, got, err, want)
			}
		}
	}
}

func TestTake(t *testing.T) {
	tests := []struct{ name, dst, src, pointers, want string }{
		{"value", "a: 1\nb: 1", "a: 2\nb: 2", "/a", "a: 2\nb: 1"},
		{"absent in source", "a: 1\nb: 1", "b: 2", "/a", "b: 1"},
		{"absent in destination", "b: 1", "a: {x: {y: 1}}\nb: 2", "/a/x/y", "a: {x: {y: 1}}\nb: 1"},
		{"absent in both", "b: 1", "a: {z: 1}", "/a/x/y /q/r", "b: 1"},
		{"whole", "b: 1", "a: 2", "/ ", "b: 1"},
		{"position by identity", "l: [{id: 2, v: 1}, {id: 1, v: 1}]", "l: [{id: 1, v: 8}, {id: 2, v: 9}]", "/l/0/v", "l: [{id: 2, v: 9}, {id: 1, v: 1}]"},
		{"position not in source", "l: [{id: 2, v: 1}, {id: 1, v: 1}]", "l: [{id: 1, v: 8}]", "/l/0", "l: [{id: 1, v: 1}]"},
		{"several positions", "l: [1, 2, 3]", "l: []", "/l/0 /l/1 /l/2", "l: []"},
		{"ten positions", "l: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", "l: [0]", "/l/2 /l/10", "l: [0, 1, 3, 4, 5, 6, 7, 8, 9]"},
		{"by field", "l: [{id: 1, v: 1}]", "l: [{id: 2, v: 2}, {id: 1, v: 3}]", "/l/id=1/v /l/id=2", "l: [{id: 1, v: 3}, {id: 2, v: 2}]"},
		{"through a scalar", "a: 1", "a: {b: 1}", "/a/b", "a: 1"},
	}
	for _, tt := range tests {
		got, err := merge.Take(canon(t, tt.dst), canon(t, tt.src), strings.Fields(strings.TrimPrefix(tt.pointers, "/ ")))
		if want := canon(t, tt.want); err != nil || string(got) != string(want) {
			t.Errorf("%s: %q (%v), want %q", tt.name, got, err, want)
		}
	}
	if got, err := merge.Take([]byte("a: 1\n"), []byte("a: 2\n"), []string{""}); err != nil || string(got) != "a: 2\n" {
		t.Errorf("the whole document: %q %v", got, err)
	}
	if got, err := merge.Take([]byte("a: 1\n"), nil, []string{"/a"}); err != nil || string(got) != "a: 1\n" {
		t.Errorf("from nothing: %q %v", got, err)
	}
	if _, err := merge.Take([]byte("a: 1\n"), []byte("a: 2\n"), []string{"a"}); err == nil {
		t.Error("a bad pointer passed")
	}
}
