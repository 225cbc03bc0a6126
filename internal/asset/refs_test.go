package asset_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/internal/asset"
)

func TestRefs(t *testing.T) {
	id := asset.ID{Kind: "chart", UID: "c3d643cd-fb49"}
	if got, ok := asset.ParseRef(asset.Ref(id)); !ok || got != id || asset.Ref(id) != "ref:chart:c3d643cd-fb49" {
		t.Errorf("%v %v", got, ok)
	}
	missing := asset.MissingRef("chart", "7")
	if kind, row, ok := asset.ParseMissing(missing); missing != "ref:chart:missing-7" || kind != "chart" || row != "7" || !ok || !asset.IsMissing(missing) {
		t.Errorf("%q: %v %v %v", missing, kind, row, ok)
	}
	for _, s := range []string{"", "ref:", "ref:chart", "ref:chart:", "ref::x", "chart:x", "ref:Chart:x", "ref:chart:a b", "ref:chart:a}", "ref:chart:missing-7", "ref:a b:c", "xref:chart:x", "ref:chart:a:b"} {
		if id, ok := asset.ParseRef(s); ok {
			t.Errorf("%q reads as a reference to %v", s, id)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.String().Draw(t, "row")
		s := asset.MissingRef("saved_query", row)
		if _, got, ok := asset.ParseMissing(s); !ok || got != row {
			t.Fatalf("%q -> %q -> %q", row, s, got)
		}
		if parts := asset.SplitText(asset.JoinText(asset.TextPart{Ref: s})); len(parts) != 1 || parts[0].Ref != s {
			t.Fatalf("%q in text: %q", s, parts)
		}
	})
}

var textPieces = rapid.SampledFrom([]string{"$", "$$", "{ref:", "${ref:", "$${ref:", "${ref:query:a}", "}", "{", "x", " ", "\n", "ref:", "é", "${ref:query:missing-7}", "{ref:query:b}"})

func TestTextEscapesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOf(textPieces).Draw(t, "pieces"), "")
		e := asset.EscapeText(s)
		if got := asset.UnescapeText(e); got != s {
			t.Fatalf("%q escaped is %q, back is %q", s, e, got)
		}
		for _, p := range asset.SplitText(e) {
			if p.Ref != "" {
				t.Fatalf("%q escaped is %q and holds a reference", s, e)
			}
		}
	})
}

func TestTextPartsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var parts []asset.TextPart
		for range rapid.IntRange(0, 8).Draw(t, "n") {
			if rapid.Bool().Draw(t, "ref") {
				parts = append(parts, asset.TextPart{Ref: rapid.SampledFrom([]string{"ref:query:a", "ref:chart:missing-7"}).Draw(t, "r")})
			} else if s := strings.Join(rapid.SliceOfN(textPieces, 1, 4).Draw(t, "text"), ""); len(parts) > 0 && parts[len(parts)-1].Ref == "" {
				parts[len(parts)-1].Text += s
			} else {
				parts = append(parts, asset.TextPart{Text: s})
			}
		}
		s := asset.JoinText(parts...)
		if got := asset.SplitText(s); !slices.Equal(got, parts) {
			t.Fatalf("%q joined is %q, back is %q", parts, s, got)
		}
	})
}

func TestExpandText(t *testing.T) {
	in := "SELECT * FROM query_${ref:query:u-1} WHERE a = '$${ref:x}' AND b = $5 {ref:y} ${ref:bad ${ref:}"
	got, err := asset.ExpandText(in, func(ref string) (string, error) {
		id, ok := asset.ParseRef(ref)
		if !ok || id.Kind != "query" {
			return "", errors.New("unexpected " + ref)
		}
		return "17", nil
	})
	if want := "SELECT * FROM query_17 WHERE a = '${ref:x}' AND b = $5 {ref:y} ${ref:bad ${ref:}"; err != nil || got != want {
		t.Errorf("%q (%v), want %q", got, err, want)
	}
	gone := errors.New("gone")
	if _, err := asset.ExpandText("a ${ref:query:missing-7}", func(string) (string, error) { return "", gone }); !errors.Is(err, gone) || !strings.Contains(err.Error(), "missing-7") {
		t.Error(err)
	}
	if got := asset.JoinText(asset.TextPart{Text: "a$"}, asset.TextPart{Ref: "ref:query:x"}, asset.TextPart{Text: "${ref:"}); got != "a$$${ref:query:x}$${ref:" {
		t.Error(got)
	}
}

func TestReferences(t *testing.T) {
	n := parse(t, "a: ref:chart:x\nb: ['SELECT ${ref:query:y} $${ref:query:z} ${ref:query:missing-1}', ref:dataset:missing-2]\nref:chart:w: 1\nc: see ref:chart:no\nd: 5\n")
	var got []string
	for ref, at := range asset.References(n) {
		if at.Line == 0 {
			t.Errorf("%s has no place", ref)
		}
		got = append(got, ref)
	}
	if want := []string{"ref:chart:x", "ref:query:y", "ref:query:missing-1", "ref:dataset:missing-2", "ref:chart:w"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for ref := range asset.References(n) {
		if ref != got[0] {
			t.Error("went on after the first")
		}
		break
	}
}
