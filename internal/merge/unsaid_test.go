package merge_test

import (
	"testing"

	"github.com/dashkeep/dashkeep/internal/merge"
)

func TestUnsaid(t *testing.T) {
	tests := []struct{ name, doc, other, want string }{
		{"no access on either side", "spec: {a: 1}", "spec: {a: 2}", "spec: {a: 1}"},
		{"no section: all of the other's", "spec: {a: 1}", "spec: {a: 2}\naccess: {owners: [x], tags: []}", "spec: {a: 1}\naccess: {owners: [x], tags: []}"},
		{"a key that is not there", "spec: {a: 1}\naccess: {tags: [t]}", "spec: {a: 1}\naccess: {owners: [x], tags: []}", "spec: {a: 1}\naccess: {owners: [x], tags: [t]}"},
		{"an empty list is said", "spec: {a: 1}\naccess: {owners: []}", "spec: {a: 1}\naccess: {owners: [x]}", "spec: {a: 1}\naccess: {owners: []}"},
		{"false is said", "spec: {a: 1}\naccess: {embedded: false}", "spec: {a: 1}\naccess: {embedded: {domains: []}}", "spec: {a: 1}\naccess: {embedded: false}"},
		{"the other says less", "spec: {a: 1}\naccess: {owners: [x]}", "spec: {a: 1}\naccess: {tags: []}", "spec: {a: 1}\naccess: {owners: [x], tags: []}"},
		{"no other", "spec: {a: 1}\naccess: {owners: [x]}", "", "spec: {a: 1}\naccess: {owners: [x]}"},
		{"no document", "", "spec: {a: 1}\naccess: {owners: [x]}", ""},
		{"a key of that name in the spec", "spec: {access: {b: 1}}", "spec: {access: {a: 1}}", "spec: {access: {b: 1}}"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, err := merge.Unsaid(canon(t, tc.doc), canon(t, tc.other))
			if err != nil || string(got) != string(canon(t, tc.want)) || (got == nil) != (tc.want == "") {
				t.Errorf("got\n%s%v", got, err)
			}
		})
	}
	if _, err := merge.Unsaid([]byte("a: ["), []byte("\naccess:\n  a: 1\n")); err == nil {
		t.Error("a document that does not parse gives no error")
	}
}
