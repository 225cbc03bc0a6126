package asset

import (
	"context"
	"iter"
)

// Seen is what a platform wants to find again when it is next asked what has
// changed. Nobody else looks inside; it holds no secret.
type Seen struct {
	State string        // about the server as a whole
	Marks map[ID]string // about each asset that was listed
}

// Changes is a server's cheap answer to what has changed since it was last seen.
type Changes struct {
	Server string // version, "" when unknown
	// All is why only a reading of everything will do, for people; "" when Listed,
	// Changed and Texts say all there is to say.
	All string
	// Listed is everything that the server has. It is as good as a complete
	// listing: what was known and is not in it is gone.
	Listed []ID
	// Changed is what may differ from what was last seen, or is new.
	Changed []ID
	// Skipped are kinds that are not read, or in part only, with the reason.
	Skipped []KindError
	// Texts betray assets that may differ although nothing of their own moved: a
	// canonical file that holds one of them is read again.
	Texts []string
	// Export is the platform's Export with what the question has taught it; nil ids
	// means all.
	Export func(ctx context.Context, ids []ID) iter.Seq2[*Raw, error]
	// Kept lists pointers into a canonical document that Export leaves unread, though
	// they could be read: what is there moved no further than the last reading saw,
	// until a complete one. It may be nil.
	Kept func(ID) []string
	// Seen is called after Export and says what to ask with next time. What was
	// changed after the question was put is changed for the next question too.
	Seen func() *Seen
}

// Lost is an asset that a complete listing lacks.
type Lost struct {
	*Asset // as it was last known
	// Own: this same account was shown it at the last pull of the instance.
	Own bool
	// Fresh: the instance never had it, as far as is known; Git wants it there.
	Fresh bool
}
