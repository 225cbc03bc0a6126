package merge_test

import (
	"slices"
	"testing"

	"github.com/dashkeep/dashkeep/internal/merge"
)

func TestReturned(t *testing.T) {
	type w struct{ before, after string }
	sql := func(lines string) string { return "s: \"" + lines + "\"" }
	tests := []struct {
		name, base, live string
		writes           []w // newest first
		want             []string
	}{
		{"a value", "a: 2\nb: 1", "a: 1\nb: 1", []w{{"a: 1\nb: 1", "a: 2\nb: 1"}}, []string{"/a"}},
		{"another edit beside it", "a: 2\nb: 1", "a: 1\nb: 5", []w{{"a: 1\nb: 1", "a: 2\nb: 1"}}, []string{"/a"}},
		{"a third value", "a: 2", "a: 3", []w{{"a: 1", "a: 2"}}, nil},
		{"nothing moved", "a: 2", "a: 2", []w{{"a: 1", "a: 2"}}, nil},
		{"added, and gone again", "a: 1\nb: 1", "a: 1", []w{{"a: 1", "a: 1\nb: 1"}}, []string{"/b"}},
		{"removed, and there again", "a: 1", "a: 1\nb: 1", []w{{"a: 1\nb: 1", "a: 1"}}, []string{"/b"}},
		{"an element", "l: [{id: 1, v: 2}]", "l: [{id: 1, v: 1}]", []w{{"l: [{id: 1, v: 1}]", "l: [{id: 1, v: 2}]"}}, []string{"/l/id=1/v"}},
		{"two writes, behind the older", "a: 3", "a: 1", []w{{"a: 2", "a: 3"}, {"a: 1", "a: 2"}}, []string{"/a"}},
		{"we put it back ourselves", "a: 2", "a: 1", []w{{"a: 2", "a: 1"}, {"a: 1", "a: 2"}}, nil},
		{"the newer write left it alone", "a: 2\nb: 2", "a: 1\nb: 2", []w{{"a: 2\nb: 1", "a: 2\nb: 2"}, {"a: 1\nb: 1", "a: 2\nb: 1"}}, []string{"/a"}},
		{"the write created it", "a: 2", "a: 1", []w{{"", "a: 2"}}, nil},
		{"the write deleted it", "a: 2", "a: 1", []w{{"a: 1", ""}}, nil},
		{"lines, with an edit of another one", sql(`A\nb\nc\nd`), sql(`a\nb\nc\nD`), []w{{sql(`a\nb\nc\nd`), sql(`A\nb\nc\nd`)}}, []string{"/s"}},
		{"lines, edited from the new text", sql(`A\nb\nc\nd`), sql(`A\nb\nc\nD`), []w{{sql(`a\nb\nc\nd`), sql(`A\nb\nc\nd`)}}, nil},
		{"lines, rewritten", sql(`A\nb`), sql(`x\ny`), []w{{sql(`a\nb`), sql(`A\nb`)}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var writes []merge.Write
			for _, x := range tt.writes {
				writes = append(writes, merge.Write{Before: canon(t, x.before), After: canon(t, x.after)})
			}
			got, err := merge.Returned(canon(t, tt.base), canon(t, tt.live), writes)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%v %q, want %q", err, got, tt.want)
			}
		})
	}
	if got, err := merge.Moved(canon(t, "a: 1\nb: 1"), canon(t, "a: 2\nc: 1"), []string{"/a", "/b", "/c", "/d"}); err != nil || !slices.Equal(got, []string{"/a", "/b", "/c"}) {
		t.Errorf("%v %v", err, got)
	}
}
