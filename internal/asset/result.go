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

// KindError says that nothing of a kind can be read, because the account may not
// list it or the server has no such kind. Exports yield it and go on: nothing of
// the kind is absent.
type KindError struct {
	Kind Kind
	Why  string
}

func (e *KindError) Error() string { return fmt.Sprintf("%s: %s", e.Kind.Plural(), e.Why) }
