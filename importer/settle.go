package importer

import (
	"bytes"

	"github.com/dashkeep/dashkeep/internal/merge"
)

// OnConflict says what happens to values that Git and the server both moved.
type OnConflict string

// The ways to treat a conflict.
const (
	Stop   OnConflict = "stop"   // default: the asset is left alone on both sides, a person decides
	Git    OnConflict = "git"    // Git's values count
	Live   OnConflict = "live"   // the server's values count
	Branch OnConflict = "branch" // as Stop, and the server's version is parked on a branch
)

// OnLiveEdit says what becomes of values that only the server moved.
type OnLiveEdit string

// The ways to treat an edit on the server.
const (
	Accept OnLiveEdit = "accept" // default: a pull takes it into Git
	Notify OnLiveEdit = "notify" // the same, and people are told
	Revert OnLiveEdit = "revert" // a pull leaves it out, and the next apply writes Git's values
)

// Winner is the side that counts in a conflict; "" when a person must choose. Where
// Git is always written there is nothing to choose.
func (r Rule) Winner() OnConflict {
	switch {
	case r.Overwrite == Always, r.OnConflict == Git:
		return Git
	case r.OnConflict == Live:
		return Live
	}
	return ""
}

// Prefers reports whether the rule lets this side win conflicts.
func (r Rule) Prefers(side OnConflict) bool { return r.Winner() == side }

// Settled is one asset after Git and the server were merged under a rule.
type Settled struct {
	Content   []byte           // what both are to hold; with Conflicts it means nothing
	Conflicts []merge.Conflict // a person must choose
	Decided   []merge.Conflict // both sides moved them, and the rule says whose counts
	Edits     []merge.Conflict // what only the server moved: Ours is Git's value, Theirs the server's
}

// Contest is what a merge must know besides the three documents.
type Contest struct {
	Whole []merge.Structure
	// Returned are pointers of values that went back to what they were before an
	// apply: a conflict, although only the server moved.
	Returned []string
}

// Settle merges what Git and the server made of base, value by value:
//
//	only Git moved      Git's value
//	only live moved     live's value; with on_live_edit: revert Git's
//	both moved          as on_conflict says
//
// It is the one decision that plan and pull share. nil is an absent document.
func (r Rule) Settle(base, git, live []byte, c Contest) (Settled, error) {
	o := merge.Options{Whole: c.Whole, Contested: c.Returned, Theirs: r.Winner() == Live}
	var s Settled
	merged, conflicts, err := merge.Merge(base, git, live, o)
	if err != nil {
		return s, err
	}
	s.Content = merged
	if len(conflicts) > 0 && r.Winner() == "" {
		s.Conflicts = conflicts
		return s, nil
	}
	s.Decided = conflicts
	if r.OnLiveEdit != Notify && r.OnLiveEdit != Revert {
		return s, nil
	}
	o.Theirs = false
	taken, _, err := merge.Merge(base, git, live, o)
	if err != nil {
		return s, err
	}
	if git != nil && taken != nil && !bytes.Equal(git, taken) {
		if s.Edits, err = merge.Differences(git, taken); err != nil {
			return s, err
		}
	}
	if r.OnLiveEdit == Revert {
		o.Hold, o.Theirs = true, r.Winner() == Live
		s.Content, _, err = merge.Merge(base, git, live, o)
	}
	return s, err
}
