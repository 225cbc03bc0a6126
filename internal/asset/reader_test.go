package asset

import (
	"bytes"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// agree fails when the reader accepts what the library reads otherwise.
func agree(t *testing.T, data []byte) (accepted bool) {
	t.Helper()
	if precheck(data) != nil {
		return false
	}
	fast := readQuick(data)
	if fast == nil {
		return false
	}
	slow, err := parseAny(data)
	if err != nil {
		t.Fatalf("accepted what the library refuses: %v\n%q", err, data)
	}
	var walk func(a, b *yaml.Node)
	walk = func(a, b *yaml.Node) {
		if a.Kind != b.Kind || a.Tag != b.Tag || a.Value != b.Value || a.Line != b.Line || a.Column != b.Column || a.Style != b.Style || len(a.Content) != len(b.Content) {
			t.Fatalf("read as %s %q at %d:%d (%d parts), the library has %s %q at %d:%d (%d parts)\n%q",
				a.Tag, a.Value, a.Line, a.Column, len(a.Content), b.Tag, b.Value, b.Line, b.Column, len(b.Content), data)
		}
		for i := range a.Content {
			walk(a.Content[i], b.Content[i])
		}
	}
	walk(fast, slow)
	return true
}

func TestReaderAccepts(t *testing.T) {
	for _, s := range []string{
		"a: 1\n", "a:\n  b: x\n  c:\n    - 1\n    - - 2\n      - k: v\n        l: |-\n          x\n           y\n\n          z\n    - []\nd: {}\n", "'é b': 'it''s'\n\"a\\n\": \"\\x1B\\u2028\\t\"\n",
		"a: |2-\n\n   x\nb: |+\n  y\n\n", "a: |2\n  \tx\n", "a: http://x:80/#y\n", "a: '#'\n", "a: <<\n", "a: -5\nb: -.inf\n",
	} {
		if !agree(t, []byte(s)) {
			t.Errorf("declined %q", s)
		}
	}
}

// TestReaderAgreesOnDamagedFiles changes canonical files byte by byte.
func TestReaderAgreesOnDamagedFiles(t *testing.T) {
	src := "a: 1\n'b c':\n  - x\n  - k: |-\n      t1\n\n       t2\n    'l': \"\\n\"\n  - - y\n    - |2+\n        z\n\n  - {}\nc: -5\nd:\n  e: 'f'\n"
	if !agree(t, []byte(src)) {
		t.Fatal("the file itself is declined")
	}
	accepted := 0
	insert := []string{" ", "  ", "\n", "\t", "-", "- ", ":", ": ", "#", " #", "'", "\"", "|", "|-\n", "? ", "&a ", "!", "<<", "...", "---", "{", "]", ",", "\\", "0", "é", "\u0301", "k: v\n", "x"}
	for i := range len(src) + 1 {
		for _, ins := range insert {
			if agree(t, []byte(src[:i]+ins+src[i:])) {
				accepted++
			}
			if i < len(src) && agree(t, []byte(src[:i]+ins+src[i+1:])) {
				accepted++
			}
		}
		if i < len(src) && agree(t, []byte(src[:i]+src[i+1:])) {
			accepted++
		}
		for _, more := range []int{2, 5, 9} {
			if i+more <= len(src) && agree(t, []byte(src[:i]+src[i+more:])) {
				accepted++
			}
		}
	}
	t.Logf("%d damaged files accepted, and read alike", accepted)
	if accepted < 500 {
		t.Error("too few accepted for this to mean much")
	}
}

func FuzzReader(f *testing.F) {
	for _, s := range []string{"a: 1\n", "a:\n  - b: |-\n      x\n", "'a': \"\\n\"\n", "a:\n  - - 1\n    - 'x'\n"} {
		f.Add([]byte(s))
	}
	for _, s := range foreignStyle {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { agree(t, data) })
}

func TestReaderTakesWhatEncodeWrites(t *testing.T) {
	doc := Map("dashkeep", "superset/1", "spec", Map("a", Seq(Str("x\ny\n"), Map("k", " lead\nx", "yes", "no")), "b", "a\r\nb", "c", 1.5, "é: x", nil, "e", Seq(Seq(Int(1), Seq()))))
	out, err := Encode(doc)
	if err != nil || !agree(t, out) {
		t.Errorf("declined (%v):\n%s", err, out)
	}
	long := Map(strings.Repeat("k", 2000), "v") // "? " keys are the library's
	if out, err = Encode(long); err != nil || agree(t, out) || !bytes.HasPrefix(out, []byte("? ")) {
		t.Errorf("%v %.20q", err, out)
	}
}
