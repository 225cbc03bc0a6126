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
	hidden     map[ID]bool
	skipped    map[Kind]string
	Notes      []Note
}

// NewSet collects assets. A second asset with the same ID, or with a path that
// differs only by case or Unicode normalization, is an error that names both.
func NewSet(as ...*Asset) (*Set, error) {
	s := &Set{byID: make(map[ID]*Asset, len(as)), failed: map[ID]Failure{}, unselected: map[ID]Outside{}, hidden: map[ID]bool{}, skipped: map[Kind]string{}}
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
	_, skipped := s.skipped[id.Kind]
	_, outside := s.unselected[id]
	return skipped && s.byID[id] == nil || outside
}

// SkipKind records that nothing of a kind was read: the account may not list it,
// the server has no such kind, or what was read of it is no more than a part. why is
// for people. No asset of it is absent.
func (s *Set) SkipKind(k Kind, why string) { s.skipped[k] = why }

// Skipped says why nothing of a kind was read.
func (s *Set) Skipped(k Kind) (why string, ok bool) {
	if s == nil {
		return "", false
	}
	why, ok = s.skipped[k]
	return why, ok
}

// SkippedKinds lists the kinds that were not read, in order.
func (s *Set) SkippedKinds() []Kind {
	if s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.skipped))
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
// yet whether it is gone.
func (s *Set) Hide(id ID) { s.hidden[id] = true }

// Hidden reports whether the asset was not found but may be there.
func (s *Set) Hidden(id ID) bool { return s != nil && s.hidden[id] }

// Absent reports whether the asset is known not to be there: not readable, not
// unreadable, not hidden, not merely outside the selection.
func (s *Set) Absent(id ID) bool {
	if s == nil {
		return true
	}
	_, failed := s.failed[id]
	return s.byID[id] == nil && !failed && !s.Unselected(id) && !s.hidden[id]
}
