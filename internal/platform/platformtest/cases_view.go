package platformtest

import (
	"bytes"
	"context"
	"maps"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
)

func omittedIsNamed(tb testing.TB, h *Harness) {
	s, _, before := filledThat(tb, h, "leave an asset out of an export", func(s *Server) bool { return s.Omit != nil })
	target := before.target(tb, h)
	s.Omit(tb, target.ID)
	c, err := tryRead(tb.Context(), h, connect(tb, h, s))
	if err != nil {
		tb.Fatalf("one asset missing from the export ended it: %v", err)
	}
	if _, listed := c.listed[target.ID]; !listed {
		tb.Errorf("%s is not listed any more", target.ID)
	}
	if c.assets[target.ID] == nil && c.broken[target.ID] == nil {
		tb.Errorf("%s was left out of the export and nobody said so", target.ID)
	}
}

func editMovesOne(tb testing.TB, h *Harness) {
	s, p, before := filledThat(tb, h, "be edited behind the platform's back", func(s *Server) bool { return s.Edit != nil })
	target := before.target(tb, h)
	const title = "Edited in the server"
	who := s.Edit(tb, target.ID, title)
	after := read(tb, h, p)
	if got := after.assets[target.ID]; got == nil || got.Title != title || bytes.Equal(got.Content, target.Content) {
		tb.Fatalf("the edit of %s is not seen", target.ID)
	}
	info := after.listed[target.ID]
	if info.Title != title {
		tb.Errorf("the list says %q", info.Title)
	}
	if old := before.listed[target.ID]; !info.UpdatedAt.IsZero() && !info.UpdatedAt.After(old.UpdatedAt) {
		tb.Errorf("changed at %v before and at %v after the edit", old.UpdatedAt, info.UpdatedAt)
	}
	if got := info.UpdatedBy; !who.IsZero() && got != who {
		tb.Errorf("changed by %+v, want %+v", got, who)
	}
	delete(before.assets, target.ID)
	delete(after.assets, target.ID)
	equal(tb, "everything else", before.assets, after.assets)
}

func wipedListsNothing(tb testing.TB, h *Harness) {
	s, p, before := filledThat(tb, h, "be wiped", func(s *Server) bool { return s.Wipe != nil })
	s.Wipe(tb)
	after := read(tb, h, p)
	if len(before.assets) == 0 || len(after.listed)+len(after.assets)+len(after.broken) > 0 {
		tb.Errorf("before %d; after: listed %d, exported %d, broken %v", len(before.assets), len(after.listed), len(after.assets), after.broken)
	}
}

// viewer is exporter.Viewer, which platforms must not import.
type viewer interface {
	Viewer(ctx context.Context) (string, error)
}

// hiddenIsNotGone hides an asset in both ways. Whoever reads the server next
// must be able to tell that from a deletion.
func hiddenIsNotGone(tb testing.TB, h *Harness) {
	s, p, before := filledThat(tb, h, "hide an asset from this account", func(s *Server) bool { return s.Hide != nil })
	v, ok := p.(viewer)
	if !ok {
		tb.Fatal("the server shows each account its own part and the platform has no method Viewer(ctx) (string, error)")
	}
	if _, err := v.Viewer(tb.Context()); err != nil {
		tb.Errorf("Viewer: %v", err)
	}
	target := before.target(tb, h)
	want := maps.Clone(before.assets)
	delete(want, target.ID)
	for _, forbidden := range []bool{false, true} {
		s.Hide(tb, target.ID, forbidden)
		after, err := tryRead(tb.Context(), h, p)
		if err != nil {
			tb.Fatalf("one hidden asset (forbidden: %t) ended the reading: %v", forbidden, err)
		}
		equal(tb, "beside a hidden asset", want, after.assets)
		one := &content{}
		if err := one.export(tb.Context(), h, p, []asset.ID{target.ID}); err != nil {
			tb.Fatalf("one hidden asset (forbidden: %t) ended the export of its id: %v", forbidden, err)
		}
		if a := one.assets[target.ID]; a != nil {
			tb.Errorf("%s is hidden (forbidden: %t) and the export shows %q", target.ID, forbidden, a.Title)
		} else if forbidden && one.broken[target.ID] == nil {
			tb.Errorf("%s is forbidden and the export of its id says nothing: that reads as gone", target.ID)
		}
		s.Mend()
		equal(tb, "after it can be seen again", before.assets, read(tb, h, p).assets)
	}
}
