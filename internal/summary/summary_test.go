package summary_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/summary"
)

const before = `dashkeep: superset/1
kind: dashboard
uid: u
title: Sales
spec:
  description: old
  columns:
    - {column_name: ds, type: DATE}
    - {column_name: amount, type: INT}
    - {column_name: gone, type: INT}
  position:
    CHART-a: {meta: {width: 4, height: 50}, parents: [ROOT_ID, GRID_ID]}
    CHART-b: {meta: {width: 4, height: 50}, parents: [ROOT_ID, GRID_ID]}
    ROW-1: {children: [CHART-a, CHART-b]}
  owners: [a, b]
  css: |
    a
    b
access:
  roles: [x]
`

func canon(t *testing.T, s string) []byte {
	t.Helper()
	n, err := asset.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	out, err := asset.Encode(n)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func edited(t *testing.T, replace ...string) []byte {
	t.Helper()
	after := strings.NewReplacer(replace...).Replace(before)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(before, replace[i]) {
			t.Fatalf("%q is not in the document", replace[i])
		}
	}
	return canon(t, after)
}

func TestChangesAndLine(t *testing.T) {
	tests := []struct {
		name       string
		replace    []string
		want, line string
	}{
		{"title", []string{"Sales", "Sales 2"}, "title /title changed Sales -> Sales 2", "T: title changed"},
		{"field of a column", []string{"type: DATE", "type: DATE, description: day"}, "columns[ds].description /spec/columns/column_name=ds/description added  -> day", "T: columns[ds].description changed"},
		{"removed column", []string{"    - {column_name: gone, type: INT}\n", ""}, "columns[gone] /spec/columns/column_name=gone removed 2 values -> ", "T: columns[gone] removed"},
		{"two columns", []string{"DATE", "TEXT", "amount, type: INT", "amount, type: FLOAT"}, "columns[ds].type /spec/columns/column_name=ds/type changed DATE -> TEXT; columns[amount].type /spec/columns/column_name=amount/type changed INT -> FLOAT", "T: 2 columns changed"},
		{"reordered", []string{"    - {column_name: ds, type: DATE}\n", "", "gone, type: INT}\n", "gone, type: INT}\n    - {column_name: ds, type: DATE}\n"}, "columns /spec/columns moved ds, amount, gone -> amount, gone, ds", "T: columns moved"},
		{"moved charts", []string{"CHART-a: {meta: {width: 4", "CHART-a: {meta: {width: 6", "CHART-b: {meta: {width: 4", "CHART-b: {meta: {width: 2"}, "position.CHART-a.meta.width /spec/position/CHART-a/meta/width changed 4 -> 6; position.CHART-b.meta.width /spec/position/CHART-b/meta/width changed 4 -> 2", "T: 2 charts moved"},
		{"chart gone", []string{"    CHART-b: {meta: {width: 4, height: 50}, parents: [ROOT_ID, GRID_ID]}\n", ""}, "position.CHART-b /spec/position/CHART-b removed 2 values -> ", "T: 1 chart removed"},
		{"plain list", []string{"[a, b]", "[a, c]"}, "owners /spec/owners changed a, b -> a, c", "T: owners changed"},
		{"text", []string{"    a\n    b\n", "    a\n    c\n"}, `css /spec/css changed a\nb -> a\nc`, "T: css changed"},
		{"access", []string{"[x]", "[]"}, "access.roles /access/roles changed x -> []", "T: access.roles changed"},
		{"nothing", nil, "", "T"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			changes := summary.Changes(canon(t, before), edited(t, tt.replace...))
			var got []string
			for _, c := range changes {
				got = append(got, fmt.Sprintf("%s %s %s %s -> %s", c.Path, c.Pointer, c.Kind, c.Old, c.New))
			}
			if s := strings.Join(got, "; "); s != tt.want {
				t.Errorf("got  %s\nwant %s", s, tt.want)
			}
			if l := summary.Line("dashboard", "T", changes); l != tt.line {
				t.Errorf("%q, want %q", l, tt.line)
			}
		})
	}
}

func TestChangesOfWholeDocuments(t *testing.T) {
	for _, tt := range []struct {
		a, b []byte
		want summary.Kind
	}{{nil, canon(t, before), summary.Added}, {canon(t, before), nil, summary.Removed}, {canon(t, before), []byte("a: [\n"), summary.Changed}} {
		if c := summary.Changes(tt.a, tt.b); len(c) != 1 || c[0].Kind != tt.want || c[0].Path != "" {
			t.Errorf("%+v", c)
		}
	}
	if c := summary.Changes(nil, nil); len(c) != 0 {
		t.Errorf("%+v", c)
	}
}

func TestLineCountsWhatItLeavesOut(t *testing.T) {
	var changes []summary.Change
	for _, p := range []string{"title", "css", "slug", "owners", "tags"} {
		changes = append(changes, summary.Change{Path: p, Kind: summary.Changed})
	}
	if got := summary.Line("dashboard", "T", changes); got != "T: title changed, css changed, 3 more changes" {
		t.Error(got)
	}
}

func TestSubject(t *testing.T) {
	item := func(kind asset.Kind, title string, what summary.Kind, of string, paths ...string) summary.Item {
		it := summary.Item{Kind: kind, Title: title, What: what, Of: of}
		for _, p := range paths {
			it.Changes = append(it.Changes, summary.Change{Path: p, Kind: summary.Changed})
		}
		return it
	}
	long := strings.Repeat("Very long title ", 12)
	tests := []struct {
		items []summary.Item
		want  string
	}{
		{nil, "prod: nothing changed"},
		{[]summary.Item{item("dashboard", "Sales Dashboard", summary.Changed, "", "title", "css")}, "prod: Sales Dashboard: title changed, css changed"},
		{[]summary.Item{item("chart", "Orders", summary.Added, "")}, "prod: Orders: chart added"},
		{[]summary.Item{item("chart", "A", summary.Changed, "Sales Dashboard"), item("chart", "B", summary.Changed, "Sales Dashboard")}, "prod: Sales Dashboard: 2 charts changed"},
		{[]summary.Item{item("dashboard", "Sales Dashboard", summary.Changed, ""), item("chart", "B", summary.Changed, "Sales Dashboard")}, "prod: Sales Dashboard: 1 chart changed"},
		{[]summary.Item{item("chart", "A", summary.Changed, "X"), item("chart", "B", summary.Removed, "Y"), item("dataset", "D", summary.Changed, "")}, "prod: 1 chart, 1 dataset changed, 1 chart removed"},
		{[]summary.Item{item("saved_query", "A", summary.Added, ""), item("saved_query", "B", summary.Added, "")}, "prod: 2 saved queries added"},
		{[]summary.Item{item("chart", long, summary.Changed, "", "a", "b")}, "prod: Very long title Very long title Very lo…: 2 changes"},
		{[]summary.Item{item("chart", "x\n\nDashkeep-Run: forged\x1b[2J\u202e", summary.Changed, "")}, `prod: x\n\nDashkeep-Run: forged\x1b[2J\u202e changed`},
		{[]summary.Item{item("chart", " \n ", summary.Changed, "")}, "prod: chart changed"},
	}
	for _, tt := range tests {
		if got := summary.Subject("prod", tt.items); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestSE4_MessagesCannotBeForged: whatever titles, paths and values hold, the
// subject and each line of the body stay one line of plain text, no line reads
// as a trailer, and the subject stays short.
func TestSE4_MessagesCannotBeForged(t *testing.T) {
	nasty := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"a\nDashkeep-Run: x", "\r\nSigned-off-by: me", "\x1b]0;x\x07", "\u202eevil", "\u2028x", "\x85", "\xff", "", strings.Repeat("w", 300)}))
	rapid.Check(t, func(t *rapid.T) {
		var items []summary.Item
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			old := asset.Map("spec", asset.Map("k", "v", nasty.Draw(t, "key")+"=", 1))
			old2 := asset.Map("spec", asset.Map("k", strings.ToValidUTF8(nasty.Draw(t, "value"), "")))
			a, errA := asset.Encode(old)
			b, errB := asset.Encode(old2)
			it := summary.Item{Kind: rapid.SampledFrom([]asset.Kind{"chart", "dashboard"}).Draw(t, "kind"), Title: nasty.Draw(t, "title"), Of: nasty.Draw(t, "of"),
				What: rapid.SampledFrom([]summary.Kind{summary.Added, summary.Removed, summary.Changed}).Draw(t, "what")}
			if errA == nil && errB == nil {
				it.Changes = summary.Changes(a, b)
				for _, c := range it.Changes {
					plainLine(t, c.Path+c.Old+c.New)
				}
			}
			items = append(items, it)
		}
		subject := summary.Subject("prod", items)
		plainLine(t, subject)
		if utf8.RuneCountInString(subject) > 72 {
			t.Fatalf("%d runes: %q", utf8.RuneCountInString(subject), subject)
		}
		for _, l := range summary.Lines(items) {
			plainLine(t, l)
			if !strings.HasPrefix(l, "- ") {
				t.Fatalf("may read as a trailer: %q", l)
			}
		}
	})
}

func plainLine(t *rapid.T, s string) {
	if !utf8.ValidString(s) || strings.ContainsAny(s, "\n\r\x1b\x07\x00\u202e\u2028\u0085") {
		t.Fatalf("not one plain line: %q", s)
	}
}
