package exporter

import (
	"fmt"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Brake says how much of an instance one pull may take out of Git or change
// before a person is asked (SPEC promise 6).
type Brake struct {
	Removed        int // most assets that may disappear at once; 0 means none may
	ChangedPercent int // largest share that may change at once, of at least BrakeMinimum assets
}

// BrakeMinimum is how many assets must change before their share counts: two of
// four charts edited in a small instance is a working day, not a disaster.
const BrakeMinimum = 10

// Seen is what one pull found, in numbers.
type Seen struct {
	Known   int // assets in base before this pull
	Live    int // assets the server has now
	Removed []asset.ID
	Changed int
	// WentBack names assets that were the newest of their kind at the last pull
	// and now carry an older change time: a backup was put back, or this is
	// another server. (Deleting the newest asset is no such sign.)
	WentBack []WentBack
	// Older names assets that went back to a content that Git held before.
	Older []asset.ID
}

// WentBack is one asset whose change time moved back.
type WentBack struct {
	ID       asset.ID
	Was, Now time.Time
}

// Held is why a brake holds: one sentence per reason.
type Held struct{ Reasons []string }

func (h *Held) Error() string {
	s := ""
	for i, r := range h.Reasons {
		if i > 0 {
			s += "; "
		}
		s += r
	}
	return s
}

// Check returns nil when the pull may go on. The first pull (Known 0) is exempt.
func (b Brake) Check(s Seen) *Held {
	if s.Known == 0 {
		return nil
	}
	var reasons []string
	switch {
	case s.Live == 0 && len(s.Removed) > 0:
		reasons = append(reasons, fmt.Sprintf("the server holds nothing any more (%d assets at the last pull)", s.Known))
	case len(s.Removed) > b.Removed:
		reasons = append(reasons, fmt.Sprintf("%d of %d assets are gone from the server (pull_brake.removed is %d)",
			len(s.Removed), s.Known, b.Removed))
	}
	if s.Changed >= BrakeMinimum && s.Changed*100 > b.ChangedPercent*s.Known {
		reasons = append(reasons, fmt.Sprintf("%d of %d assets changed at once (pull_brake.changed_percent is %d)",
			s.Changed, s.Known, b.ChangedPercent))
	}
	if len(s.WentBack) > 0 {
		w := s.WentBack[0]
		reasons = append(reasons, fmt.Sprintf("change times went back: %s was changed at %s at the last pull and at %s now (a backup was put back, or this is another server)",
			w.ID, w.Was.UTC().Format(time.RFC3339), w.Now.UTC().Format(time.RFC3339)))
	}
	if len(s.Older) >= BrakeMinimum {
		reasons = append(reasons, fmt.Sprintf("%d of %d assets went back to what Git held before, such as %s (an older state was put back)",
			len(s.Older), s.Known, s.Older[0]))
	}
	if reasons == nil {
		return nil
	}
	return &Held{Reasons: reasons}
}
