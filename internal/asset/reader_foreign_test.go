package asset

import (
	"archive/zip"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// realExports are the documents in the archives that real Supersets wrote.
func realExports(t *testing.T) (docs [][]byte) {
	t.Helper()
	archives, err := filepath.Glob("../platform/superset/testdata/*/*.zip")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives (%v)", err)
	}
	for _, name := range archives {
		r, err := zip.OpenReader(name)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for _, f := range r.File {
			in, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(in)
			if err != nil {
				t.Fatalf("%s: %s: %v", name, f.Name, err)
			}
			docs = append(docs, data)
		}
	}
	return docs
}

// TestReaderTakesRealExports keeps what Superset exports from becoming slow unseen.
func TestReaderTakesRealExports(t *testing.T) {
	docs := realExports(t)
	for _, data := range docs {
		if !agree(t, data) {
			t.Errorf("declined:\n%s", data)
		}
	}
	t.Logf("%d documents", len(docs))
}

// TestReaderAgreesOnDamagedExports changes bytes, drops lines, and moves them.
func TestReaderAgreesOnDamagedExports(t *testing.T) {
	g := rand.New(rand.NewPCG(6, 1))
	docs := realExports(t)
	tried, accepted := 0, 0
	for i := range 2000 {
		data := docs[g.IntN(len(docs))]
		if len(data) > 4000 && i%10 > 0 { // the library is slow
			continue
		}
		tried++
		if agree(t, damaged(g, string(data))) {
			accepted++
		}
	}
	t.Logf("%d of %d damaged exports accepted, and read alike", accepted, tried)
	if accepted < tried/10 {
		t.Error("too few accepted for this to mean much")
	}
}

// damage is what a file may get where it does not belong.
var damage = []string{
	" ", "  ", "\n", "\n\n", "\n  ", " \n", "\t", "-", "- ", ":", ": ", ":\n", "#", " #", " # c", "'", "''", "\"", "\\", "\\\n", "|", "|-\n", ">\n", "? ", "&a ", "*a", "!x ", "<<",
	"...", "---", "\n---\n", "\n...\n", "{", "{}", "]", ",", "0", "é", "\u0301", "\u0085", "\u2028", "\u2029", "\ufeff", "\r\n", "\r", "\x00", "k: v\n", "- a\n",
}

func damaged(g *rand.Rand, s string) []byte {
	for range 1 + g.IntN(3) {
		i := g.IntN(len(s))
		lines := strings.SplitAfter(s, "\n")
		j := g.IntN(len(lines))
		switch g.IntN(6) {
		case 0:
			s = s[:i] + damage[g.IntN(len(damage))] + s[i:]
		case 1:
			s = s[:i] + damage[g.IntN(len(damage))] + s[i+1:]
		case 2:
			s = s[:i] + string(s[i]^byte(1<<g.IntN(7))) + s[i+1:]
		case 3:
			s = strings.Join(append(lines[:j:j], lines[j+1:]...), "")
		case 4:
			lines[j] = strings.Repeat(" ", g.IntN(4)) + strings.TrimPrefix(lines[j], "  ")
			s = strings.Join(lines, "")
		default:
			s = strings.Join(append(append(lines[:j:j], lines[g.IntN(len(lines))]), lines[j:]...), "")
		}
		if s == "" {
			return []byte("\n")
		}
	}
	return []byte(s)
}

// TestReaderAcceptsForeignStyle is what PyYAML's block dump does and Encode does
// not; FuzzReader begins with the same texts.
func TestReaderAcceptsForeignStyle(t *testing.T) {
	for _, s := range foreignStyle {
		if !agree(t, []byte(s)) {
			t.Errorf("declined %q", s)
		}
	}
}

var foreignStyle = []string{
	"a:\n- 1\n- x\nb: 2\n",
	"a:\n- b:\n  - - 1\n    - 2\n  - c: d\n    e:\n    - f\n- g: h\n",
	"a:\n  - b: 1\n  - c\nd:\n- e\n",
	"a: one two\n  three\nb: x\n", "a:\n- one\n  two\n- b: one\n    two\n  c: d\n", "a:\n- - one\n    two\n  - b\n",
	"a: one\n\n  two\n\n\n  three four\n", "a: one\n      two\n   three\n", "a:\n- b\n c\n", "a: b\n  - c\n", "a: b\n  ? c\n  [d]\n  'e'\n", "a: 1\n  2\n", "a: b\n  --- c\n  ...\n",
	"a: http://x\n  http://y#z\n", "a: -b\nc: ?d\ne: :f\ng: --x\n-h: i\n", "a: b\n  &c *d !e %f @g `h\n",
	"a: 'one\n  two'\nb: 'it''s\n\n  ''\n  x'\n", "a: '\n\n  x\n\n  '\n", "a: '# x: y\n  # not a comment: -\n  - z'\n", "a: 'x\n  --- y\n  ...'\n", "a: 'x   \n     y'\n", "a:\n- 'x\n  y'\n- 'k': 'l\n    m'\n",
	"a: \"one\n  two\"\nb: \"one\\\n  \\ two\\\n  three\"\n", "a: \"x\\\n\n\n  y\"\n", "a: \"x \\\n  y\\  \n  z\"\n", "a: \"\n  x\n  \"\n", "a:\n- \"x\\\n  y\"\n- \"k\": \"\\\n    v\"\n",
	"a: \"\\0\\a\\b\\t\\n\\v\\f\\r\\e\\ \\\"\\\\\\N\\_\\L\\P\\x41\\xe9\\u58F2\\U0001F4CA\"\n",
	"a: null\nb: ''\nc: {}\nd: []\ne: ~\nf: true\ng:\n- null\n- {}\n", "'<<': a\n\"b\": c\n", "a: '<<'\nb: <<\n", "é: ü\n日本: 語\n  本\n'ß': \"é\\\n  ü\"\n",
}

// TestReaderDeclines is what looks like that and is not, or is the library's to
// judge; both must agree where the reader does accept it after all.
func TestReaderDeclines(t *testing.T) {
	deep := "a: " + strings.Repeat("\n- ", 1) + strings.Repeat("- ", MaxDepth) + "x\n"
	for _, s := range []string{
		"", "\n", "a", "a: b", "- a\n", "a\n", " a: b\n", "a:\n", "a: \n", "a:\n\nb: c\n", "a: b\n\nc: d\n", "a: b\n\n", "a:\n b: c\n", "a:\n   b: c\n", "a:\n - b\n",
		"a: b # c\n", "# c\na: b\n", "a: b\n# c\n", "a: b\n  # c\n", "a: b\n  c # d\n", "a: b\n  c: d\n", "a: b\n  c:\n", "a: b\n  c :\n", "a: b\n\tc\n", "a: b\n  \tc\n", "a: b\n  c\td\n", "a: b\n  c \n", "a: b \n  c\n",
		"a\n  b: c\n", "'a\n  b': c\n", "\"a\\\n  b\": c\n", "? a\n: b\n", "a:\n- ? b\n  : c\n", "a: &b c\n", "a: *b\n", "a: !b c\n", "<<: b\n", "a:\n- <<: b\n", "a: > \n  b\n", "a: >\n  b\n", "a: |4\n    b\n", "a: |+2\n  b\n",
		"--- a: b\n", "---\na: b\n", "a: b\n...\n", "a: b\n---\nc: d\n", "a: 'b\n---\n  c'\n", "a: 'b\n... c'\n", "a: 'b\nc'\n", "a: \"b\nc\"\n", "a: 'b\n'\n", "a: 'b\t\n  c'\n", "a: 'b\n  \tc'\n", "a: \"b\\\n\tc\"\n", "...a: b\n", "a: ---\n",
		"a: 'b' c\n", "a: 'b'c: d\n", "a: b: c\n", "a: 'b': c\n", "a:\n- 'b\n  c': d\n", "a: [b]\n", "a: {b: c}\n", "a: {} \n", "a: []b\n", "a:\n- b\n- c: d\n   e: f\n", "a:\n- - b\n  c: d\n", "a:\n  - b\n  c: d\n", "a:\n-\n", "a:\n- \n",
		"a: \"\\/\"\n", "a: \"\\'\"\n", "a: \"\\x4\"\n", "a: \"\\xg1\"\n", "a: \"\\ud800\"\n", "a: \"\\U00110000\"\n", "a: \"\\UFFFFFFFF\"\n", "a: \"\\u+041\"\n", "a: \"\\u12", "a: \"b\n", "a: 'b\n", "a: \"b\\\n", "a: 'b\n\n", "a: \"\\",
		"a: b\r\n", "a: b\r\n  c\r\n", "a: b\rc\n", "a: b\u0085c\n", "a: b\u2028c\n", "a: 'b\u2029c'\n", "\ufeffa: b\n", "a: b\ufeff\n", "a: b\x00\n", "a: \x1b\n", "a: \x7f\n", "a: \u009f\n",
		"a: b\na: c\n", "1: b\n'1': c\n", "a:\n  b: c\n  b: d\n", "%a: b\n", "a: @b\n", "a: `b\n", "a: %b\n", "a: ,b\n", "a: - b\n", "a: -\n", "a: ?\n", "a : b\n", "a:  b\n", "a:\tb\n", ": a\n", "a: b:\n",
		deep, strings.Repeat("k", 1001) + ": v\n", "'" + strings.Repeat("k", 1030) + "': v\n",
	} {
		if agree(t, []byte(s)) {
			t.Errorf("accepted %q", s)
		}
	}
}

// TestReaderCountsNodes: the limit holds for what is wide, too.
func TestReaderCountsNodes(t *testing.T) {
	wide := []byte("a:\n" + strings.Repeat("- 1\n", MaxNodes))
	if precheck(wide) != nil {
		t.Fatal("not for the reader to judge")
	}
	if readQuick(wide) != nil {
		t.Errorf("took a list of %d elements", MaxNodes)
	}
}

// TestReaderKeepsToTheDepth: about the limit both refuse, or read alike.
func TestReaderKeepsToTheDepth(t *testing.T) {
	accepted := 0
	for n := MaxDepth - 5; n < MaxDepth+5; n++ {
		lists := "a:\n" + strings.Repeat("- ", n) + "x\n"
		maps := ""
		for i := range n {
			maps += strings.Repeat("  ", i) + "k:\n"
		}
		maps += strings.Repeat("  ", n) + "k: v\n"
		for _, s := range []string{lists, maps} {
			if agree(t, []byte(s)) {
				accepted++
			}
		}
	}
	if accepted == 0 || accepted == 20 {
		t.Errorf("%d of 20 accepted: the limit is elsewhere", accepted)
	}
}
