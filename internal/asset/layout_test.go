package asset_test

import (
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/internal/asset"
)

func TestSlug(t *testing.T) {
	tests := []struct{ in, want string }{
		{"Sales Dashboard", "sales-dashboard"}, {"  Umsatz (€) — 2024!  ", "umsatz-2024"}, {"日本語 タイトル", "日本語-タイトル"}, {"ÄÖÜ", "äöü"}, {"A\u0308", "ä"},
		{"", "untitled"}, {"///", "untitled"}, {"\u0301", "untitled"}, {"..", "untitled"}, {"CON", "x-con"}, {"com1", "x-com1"}, {"LPT³", "lpt"}, {"com", "com"}, {"com10", "com10"}, {"nul.txt", "nul-txt"},
		{"a\x00\n/../b", "a-b"}, {"हिन्दी", "हिन्दी"}, {"x\u200dy", "x-y"}, {"a\xffb", "a-b"}, {strings.Repeat("a", 59) + " b", strings.Repeat("a", 59)}, {strings.Repeat("ab ", 40), strings.TrimSuffix(strings.Repeat("ab-", 20), "-")},
	}
	for _, tt := range tests {
		if got := asset.Slug(tt.in); got != tt.want {
			t.Errorf("%q becomes %q, want %q", tt.in, got, tt.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := asset.Slug(rapid.String().Draw(t, "title"))
		if s == "" || utf8.RuneCountInString(s) > 62 || len(s) > 190 || strings.ContainsAny(s, "/\\. \x00:*?\"<>|") || s[0] == '-' || s[len(s)-1] == '-' || strings.Contains(s, "--") {
			t.Fatalf("slug %q", s)
		}
		if asset.Slug(s) != s {
			t.Fatalf("%q becomes %q", s, asset.Slug(s))
		}
	})
}

func TestFoldPath(t *testing.T) {
	same := [][2]string{{"a/B.yaml", "A/b.yaml"}, {"ä", "a\u0308"}, {"STRASSE", "straße"}, {"Σ", "ς"}, {"Å", "å"}, {"\u212b", "å"}}
	for _, p := range same {
		if asset.FoldPath(p[0]) != asset.FoldPath(p[1]) {
			t.Errorf("%q and %q are told apart", p[0], p[1])
		}
	}
	if asset.FoldPath("a") == asset.FoldPath("ä") {
		t.Error("a and ä are one")
	}
}

func TestAllocator(t *testing.T) {
	uid := "04f79081-fb49-7bac-7f14-cc76cd2ad93b"
	a := asset.Layout{Root: "prod"}.Allocator(map[asset.ID]string{{Kind: "chart", UID: "old"}: "prod/charts/Elsewhere/name.yaml"})
	tests := []struct {
		kind, uid, title, want string
	}{
		{"dashboard", uid, "Sales", "prod/dashboards/sales.04f79081.yaml"},
		{"dashboard", uid, "Renamed", "prod/dashboards/sales.04f79081.yaml"},
		{"chart", "old", "Any", "prod/charts/Elsewhere/name.yaml"},
		{"dashboard", "04f79081-fb49-0000-0000-000000000000", "SALES", "prod/dashboards/sales.04f79081-fb4.yaml"},
		{"dashboard", "04f79081-fb49-0000-0000-000000000001", "sales", "prod/dashboards/sales.04f79081-fb49-00.yaml"},
		{"saved_query", "x", "", "prod/saved_queries/untitled.x.yaml"},
		{"collection", "AbCdEfGhIjKlMnOpQrStU", "C", "prod/collections/c.AbCdEfGh.yaml"},
		{"collection", "aBcDeFgHiJkLmNoPqRsTu", "C", "prod/collections/c.aBcDeFgHiJkL.yaml"},
	}
	for _, tt := range tests {
		if got := a.Path(asset.ID{Kind: asset.Kind(tt.kind), UID: tt.uid}, tt.title); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.uid, tt.title, got, tt.want)
		}
	}
	sharded := asset.Layout{Root: "a/b", Sharded: true}.Allocator(nil)
	if got := sharded.Path(asset.ID{Kind: "chart", UID: "C3D643CD-1"}, "x"); got != "a/b/charts/c3/x.C3D643CD.yaml" {
		t.Error(got)
	}
	if got := sharded.Path(asset.ID{Kind: "chart", UID: "zz"}, "x"); len(got) != len("a/b/charts/c3/x.zz.yaml") {
		t.Error(got)
	}
}

// TestZP4_NamesAreUniqueEverywhere: duplicate titles, case and normalization
// twins, long names and uids that differ only by case never meet in one file.
func TestZP4_NamesAreUniqueEverywhere(t *testing.T) {
	title := rapid.OneOf(rapid.SampledFrom([]string{"Sales", "SALES", "sàles", "sa\u0300les", "con", strings.Repeat("日", 300), strings.Repeat("x", 300)}), rapid.String())
	uid := rapid.OneOf(rapid.StringMatching(`[ab]{6,24}`), rapid.StringMatching(`[aA]{8,12}`), rapid.StringMatching(`04f79081-[01]{4}-[01]{4}`), rapid.String(), rapid.StringMatching(`.{0,80}`))
	rapid.Check(t, func(t *rapid.T) {
		l := asset.Layout{Root: "prod", Sharded: rapid.Bool().Draw(t, "sharded")}
		a, again := l.Allocator(nil), l.Allocator(nil)
		seen := map[string]asset.ID{}
		for range rapid.IntRange(1, 30).Draw(t, "n") {
			id, name := asset.ID{Kind: "chart", UID: uid.Draw(t, "uid")}, title.Draw(t, "title")
			p := a.Path(id, name)
			if o, dup := seen[asset.FoldPath(p)]; dup && o != id {
				t.Fatalf("%q and %q both get %s", o, id, p)
			}
			seen[asset.FoldPath(p)] = id
			if q := again.Path(id, name); q != p {
				t.Fatalf("not deterministic: %s, %s", p, q)
			}
			if base := path.Base(p); len(base) > 255 || !strings.HasPrefix(p, "prod/charts/") || path.Clean(p) != p || strings.ContainsAny(base, "\\:*?\"<>| \x00\n") {
				t.Fatalf("bad name %q (%d bytes)", p, len(base))
			}
		}
	})
}
