package normalize_test

import (
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// TestGivenDocument: a document is made canonical in a copy, and in place when it
// is given. Both come to the same.
func TestGivenDocument(t *testing.T) {
	kept := raw(t, full)
	before := asset.Clone(kept.Doc)
	want, notes := canonical(t, kept)
	if !asset.Equal(kept.Doc, before) {
		t.Error("the document of the server was changed")
	}
	given := raw(t, full)
	given.Given = true
	got, gotNotes := canonical(t, given)
	if string(got.Content) != string(want.Content) || len(gotNotes) != len(notes) {
		t.Errorf("in place it becomes\n%s", got.Content)
	}
	if given.Doc != nil {
		t.Error("the document that was worked in is still there for somebody to use")
	}
	if _, err := normalize.Open(given, toy()); err == nil {
		t.Error("a document that is gone was opened")
	}
}
