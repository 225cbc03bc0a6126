// Package asset holds what every other package speaks of: assets, their
// identity, their place in the repository and their canonical YAML form. It is
// pure: no network, no clock, no files.
package asset

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Kind is what sort of thing an asset is: "dashboard", "chart", "dataset",
// "database", "query", "collection", … The platform defines which it has.
type Kind string

// Plural is the folder name of the kind: "dashboards", "queries".
func (k Kind) Plural() string {
	s := string(k)
	switch {
	case s == "":
		return ""
	case strings.HasSuffix(s, "s") && !strings.ContainsAny(s, "aeiouy"): // an abbreviation: "rls"
		return s
	case strings.HasSuffix(s, "y") && !strings.HasSuffix(s, "ay") && !strings.HasSuffix(s, "ey"):
		return s[:len(s)-1] + "ies"
	case strings.HasSuffix(s, "s") || strings.HasSuffix(s, "x"):
		return s + "es"
	}
	return s + "s"
}

// ID names one asset on every server: never a row id (SPEC section 1).
type ID struct {
	Kind Kind
	UID  string
}

// String is the form used in config, flags, logs and messages: "chart:c3d643cd-…".
func (id ID) String() string { return string(id.Kind) + ":" + id.UID }

// Compare orders by kind, then uid.
func (id ID) Compare(o ID) int {
	if c := strings.Compare(string(id.Kind), string(o.Kind)); c != 0 {
		return c
	}
	return strings.Compare(id.UID, o.UID)
}

// ParseID reads what ID.String writes.
func ParseID(s string) (ID, error) {
	kind, uid, ok := strings.Cut(s, ":")
	if !ok || kind == "" || uid == "" {
		return ID{}, fmt.Errorf("%q is not kind:uid", s)
	}
	return ID{Kind: Kind(kind), UID: uid}, nil
}

// Person is a user of the BI server as that server names them. Any field may be
// empty; an entirely empty Person means the server did not say.
type Person struct{ Name, Username, Email string }

// IsZero reports whether the server named nobody.
func (p Person) IsZero() bool { return p == Person{} }

// Info is one line of a listing.
type Info struct {
	ID        ID
	Title     string
	UpdatedAt time.Time // UTC; zero when the server does not say
	UpdatedBy Person
	URL       string   // page of the asset on its server, "" when unknown
	Tags      []string // for select and rules; nil when unknown
	Owners    []string // user names or e-mails, for select and rules; nil when unknown
}

// Lookup turns a server's row id into a uid. ok is false when the server lists
// no such row: the reference is then kept visible as missing.
type Lookup func(k Kind, row string) (uid string, ok bool)

// Raw is a document as the platform gave it, before normalization.
type Raw struct {
	Info
	Doc    *yaml.Node        // the document's root mapping, tags resolved by Parse
	Access *yaml.Node        // who may see it and the like, by names instead of row ids; nil for none
	Digest [sha256.Size]byte // of the bytes Doc was parsed from
	Source string            // where it stood (path in an archive, endpoint), for messages
	Lookup Lookup            // rows of the server it came from; nil when it has none
	// Given: nobody else looks at Doc. Who makes it canonical works in it instead of
	// in a copy, and leaves nil.
	Given  bool
	Unread []string // pointers into the canonical document that this server cannot show ("/access")
	// Doubt is asked after Doc was made canonical: why the outcome is not what the
	// server has, because the account is not shown what the document refers to; nil
	// when it is. nil when there can be no such doubt.
	Doubt func() error
}

// Asset is a normalized document.
type Asset struct {
	Info
	Path    string   // slash path in the repository, made by the layout
	Content []byte   // canonical YAML; two assets are equal when their bytes are
	Refs    []ID     // what must exist first
	Unread  []string // JSON pointers this read, account or server cannot see or hold: merge and verify take Git's value there
}
