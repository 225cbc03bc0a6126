package asset

import "fmt"

// Result is what became of one asset that was written to a server.
type Result struct {
	ID  ID
	Err error // nil: the server took it (whether it kept it, the read-back tells)
	// Omitted is what this server cannot hold and was left out. The read-back
	// exempts exactly these pointers, and the report lists them.
	Omitted []Note
	URL     string // page of the asset on its server, "" when unknown
}

// Error is a failure that concerns one asset; the rest goes on. Exports yield
// it for an asset that is listed but cannot be read.
type Error struct {
	Info Info
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s %q: %v", e.Info.ID, e.Info.Title, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// KindReason is why a kind is not read, or not whole.
type KindReason uint8

// The reasons. The zero value is the one that people must hear of.
const (
	Forbidden KindReason = iota // the account may not read it
	NotThere                    // this server, or this version of it, has no such kind
	NotChosen                   // the config leaves it out
	InPart                      // it is read, but the account is shown a part of it only
	Pieces                      // what is read says nothing of the rest: hand-made exports
)

// KindError says that nothing of a kind is read, or a part of it only. Exports
// yield it and go on: nothing of a kind that is not read is absent. Why is for
// people.
type KindError struct {
	Kind   Kind
	Why    string
	Reason KindReason
}

func (e *KindError) Error() string { return fmt.Sprintf("%s: %s", e.Kind.Plural(), e.Why) }
