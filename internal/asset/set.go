package asset

import (
	"fmt"
	"iter"
	"maps"
	"slices"
)

// Failure is an asset that was listed but could not be read. It is never
// treated as absent.
type Failure struct {
	Info
	Err error
}

// Note is something a person should know about an asset although the run goes
// on: a reference to nothing, a secret that was redacted.
type Note struct {
	ID   ID
	Path string // JSON pointer in the canonical document, "" for the whole asset
	Text string
}

// Set is a collection of assets with one entry per ID, plus what could not be
// read. The zero value is not usable; call NewSet.
type Set struct {
	byID       map[ID]*Asset
	failed     map[ID]Failure
	unselected map[ID]Outside
	hidden     map[ID]string
	kinds      map[Kind]KindError
	Notes      []Note
}

// NewSet collects assets. A second asset with the same ID, or with a path that
// differs only by case or Unicode normalization, is an error that names both.
func NewSet(as ...*Asset) (*Set, error) {
	s := &Set{byID: make(map[ID]*Asset, len(as)), failed: map[ID]Failure{}, unselected: map[ID]Outside{}, hidden: map[ID]string{}, kinds: map[Kind]KindError{}}
	paths := make(map[string]*Asset, len(as))
	for _, a := range as {
		if o := s.byID[a.ID]; o != nil {
			return nil, fmt.Errorf("%s stands twice: %s and %s", a.ID, where(o), where(a))
		}
		s.byID[a.ID] = a
		if a.Path == "" {
			continue
		}
		key := FoldPath(a.Path)
		if o := paths[key]; o != nil {
			return nil, fmt.Errorf("%s and %s want the same file: %s and %s", o.ID, a.ID, o.Path, a.Path)
		}
		paths[key] = a
	}
	return s, nil
}

func where(a *Asset) string {
	if a.Path != "" {
		return a.Path
	}
	return fmt.Sprintf("%q", a.Title)
}

// Get returns the asset with this ID, or nil.
func (s *Set) Get(id ID) *Asset {
	if s == nil {
		return nil
	}
	return s.byID[id]
}

// Len counts the readable assets.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.byID)
}

// IDs lists the readable assets in order.
func (s *Set) IDs() []ID {
	if s == nil {
		return nil
	}
	ids := make([]ID, 0, len(s.byID))
	for id := range s.byID {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, ID.Compare)
	return ids
}

// All yields the readable assets by ID, so that output is stable.
func (s *Set) All() iter.Seq[*Asset] {
	return func(yield func(*Asset) bool) {
		for _, id := range s.IDs() {
			if !yield(s.byID[id]) {
				return
			}
		}
	}
}

// Fail records an asset that is there but could not be read.
func (s *Set) Fail(f Failure) { s.failed[f.ID] = f }

// Unreadable reports whether the asset is there but could not be read.
func (s *Set) Unreadable(id ID) (Failure, bool) {
	if s == nil {
		return Failure{}, false
	}
	f, ok := s.failed[id]
	return f, ok
}

// Failed lists what is there but could not be read, by ID. Plan skips them and
// nothing treats them as absent.
func (s *Set) Failed() []Failure {
	if s == nil {
		return nil
	}
	fs := make([]Failure, 0, len(s.failed))
	for _, f := range s.failed {
		fs = append(fs, f)
	}
	slices.SortFunc(fs, func(a, b Failure) int { return a.ID.Compare(b.ID) })
	return fs
}

// Outside is what is kept of an asset that is not selected: it may refer to one
// that is.
type Outside struct {
	Refs []ID
	Err  error // it could not be read, so what it refers to is not known
}

// Unselect records an asset that is there but outside the selection. Leaving
// the selection is not deletion.
func (s *Set) Unselect(id ID, o Outside) { s.unselected[id] = o }

// Unselected reports whether the asset may be there but was not asked for: it is
// outside the selection, or its kind was not read.
func (s *Set) Unselected(id ID) bool {
	if s == nil {
		return false
	}
	_, skipped := s.Skipped(id.Kind)
	_, outside := s.unselected[id]
	return skipped && s.byID[id] == nil || outside
}

// SkipKind records that nothing of a kind was read, or no more than a part that
// says nothing about the rest, so that no asset of it is absent. With InPart what
// the account is not shown is absent: see exporter.Witness. What was said before of
// a kind that is not read at all stays.
func (s *Set) SkipKind(e KindError) {
	if old, ok := s.kinds[e.Kind]; ok && e.Reason == InPart && old.Reason != InPart {
		return
	}
	s.kinds[e.Kind] = e
}

// Skipped says why nothing of a kind was read.
func (s *Set) Skipped(k Kind) (why string, ok bool) {
	if s == nil {
		return "", false
	}
	e, ok := s.kinds[k]
	if !ok || e.Reason == InPart {
		return "", false
	}
	return e.Why, true
}

// Kinds lists the kinds that were not read, or in part only, in order.
func (s *Set) Kinds() []KindError {
	if s == nil {
		return nil
	}
	var out []KindError
	for _, k := range slices.Sorted(maps.Keys(s.kinds)) {
		out = append(out, s.kinds[k])
	}
	return out
}

// Outside yields, by ID, what is there but outside the selection.
func (s *Set) Outside() iter.Seq2[ID, Outside] {
	return func(yield func(ID, Outside) bool) {
		if s == nil {
			return
		}
		for _, id := range slices.SortedFunc(maps.Keys(s.unselected), ID.Compare) {
			if !yield(id, s.unselected[id]) {
				return
			}
		}
	}
}

// Add puts in an asset that was found later, in place of one with its ID.
func (s *Set) Add(a *Asset) { s.byID[a.ID] = a }

// Hide records an asset that this read did not find, and of which nobody can say
// whether it is gone. why is for people.
func (s *Set) Hide(id ID, why string) { s.hidden[id] = why }

// Hidden says of an asset that was not found and may be there why that is so.
func (s *Set) Hidden(id ID) (why string, ok bool) {
	if s == nil {
		return "", false
	}
	why, ok = s.hidden[id]
	return why, ok
}

// Absent reports whether the asset is known not to be there: not readable, not
// unreadable, not hidden, not merely outside the selection.
func (s *Set) Absent(id ID) bool {
	if s == nil {
		return true
	}
	_, failed := s.failed[id]
	_, hidden := s.hidden[id]
	return s.byID[id] == nil && !failed && !hidden && !s.Unselected(id)
}
