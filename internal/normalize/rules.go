// Package normalize turns a document as a BI server gives it into its canonical
// form and back. The engine is here; what is volatile, derived, secret or a
// reference is data, one rule table per platform (SPEC section 5).
//
// The same table works in three directions: Canonical reads a server's
// document, Load reads a file from Git that a person may have edited, and
// Denormalize makes the document a server's importer wants. Rules run in the
// order they are listed and are taken back in the opposite order.
package normalize

import (
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Mask stands in canonical files where a secret was. It is the mask Superset
// itself writes (superset/constants.py, PASSWORD_MASK, 4.1 to 6.1).
const Mask = "XXXXXXXXXX"

// ParkedBase is added to the number in "ref:chart:missing-7" where a server must
// be given some row id. No real server has so many rows, so the id reads back as
// the same missing reference.
const ParkedBase = 2_000_000_000

// Rules is the rule table of one platform.
type Rules struct {
	Format string // "superset/1": platform and version of the canonical form
	Kinds  map[asset.Kind]KindRules
}

// KindRules says how documents of one kind become canonical.
type KindRules struct {
	UID   string // top-level field that becomes the header's uid
	Title string // top-level field that becomes the header's title
	Rules []Rule
	// Unread are top-level fields that some servers do not show at all. When the
	// key is absent from a server's document, its pointer is listed in
	// Asset.Unread.
	Unread []Field
	Values []Values    // documented values of fields that have a closed list of them
	Access []AccessKey // nil for kinds whose access section is left as it is
	Whole  []Structure // values whose parts must fit together
}

// Structure is a value whose parts must fit together: one that a merge broke is a
// conflict, and is then taken from one side as a whole.
type Structure struct {
	Path string // JSON pointer into the spec
	Why  string
	// Check lists what is wrong with the value, in a fixed order and in words that do
	// not depend on what is right; nil is absent. It must take values of any form.
	Check func(*yaml.Node) []string
}

// RefersTo reports whether documents of the kind may refer to assets of kind k.
func (r KindRules) RefersTo(k asset.Kind) bool {
	return slices.ContainsFunc(r.Rules, func(rule Rule) bool { return rule.Kind == k })
}

// Field is a top-level field with the reason it is special.
type Field struct{ Name, Why string }

// Op is what a rule does.
type Op uint8

// The operations. "Back" is what Denormalize does.
const (
	// Drop removes the value. Back: sets Value when it is not "".
	Drop Op = iota + 1
	// Default removes the value when it equals Value or one of Also. Back: sets
	// Value where the key is absent, when Restore is true.
	Default
	// JSON opens JSON text that holds an object or a list. Back: closes it again
	// when Restore is true.
	JSON
	// Rename gives the last key of Path the name To. Back: nothing.
	Rename
	// RefValue turns row ids into "ref:kind:uid". Back: row ids.
	RefValue
	// RefKeys does it for the keys of the mapping at Path.
	RefKeys
	// RefText does it inside text: Match finds the row id in its first group.
	RefText
	// Depend reads uids that stand in the document under the platform's own name.
	Depend
	// SortSet sorts a list whose order has no meaning.
	SortSet
	// SortBy sorts a list of mappings by the text of their field By.
	SortBy
	// Redact masks every scalar at and below Path that could be a secret.
	Redact
	// RedactKeys masks what stands below Path under a key that SecretKey knows.
	RedactKeys
	// RedactURL masks the password and secret query parameters of a URL.
	RedactURL
	// RedactText masks key blocks and user:password@ inside any text below Path.
	RedactText
	// Call runs Hook: for what data cannot say.
	Call
)

// Missing is what Denormalize does with a reference whose row the server does
// not have.
type Missing uint8

// The ways to treat a missing row.
const (
	Omit Missing = iota // leave it out and say so
	Park                // write ParkedBase + n for "missing-n"; omit an unknown uid
)

// Rule is one line of a table. Path is a pointer of literal segments, "*" (one
// level) and "**" (any number of levels, also none).
type Rule struct {
	Op   Op
	Path string
	Why  string // for people: the reason, with the fact it rests on

	Value   string         // Drop, Default: YAML flow text
	Also    []string       // Default: further values that mean the same
	Restore bool           // Default, JSON: undone by Denormalize
	Until   string         // JSON: undone only for servers older than this version
	Since   string         // Default: first server version that takes the field; older ones are not sent it
	Shown   string         // Default: first that shows it, when later than Since; for older ones no default is sent
	To      string         // Rename
	By      string         // SortBy
	Kind    asset.Kind     // Ref*, Depend
	Missing Missing        // Ref*
	Parked  string         // Ref*: on servers older than this version Missing is Park
	Weak    bool           // Ref*: no dependency (asset.Asset.Refs)
	Match   *regexp.Regexp // RefText
	Hook    *Hook          // Call
	// Free, of RedactKeys, says that people and products choose the keys here as they
	// like: under a name that is also an ordinary word ("key", "token") only a text
	// that looks like a credential is masked.
	Free bool
}

// Hook is what data cannot say. Either side may be nil.
type Hook struct {
	Canonical func(d *Doc) error
	Back      func(b *Back) error
}

// Doc is a document on its way to canonical form.
type Doc struct {
	ID     asset.ID
	Title  string
	Root   *yaml.Node // the spec: a mapping, changed in place
	Live   bool       // from a server; false: from a file
	rows   asset.Lookup
	open   bool // secrets stay (see Open)
	access *yaml.Node
	notes  []asset.Note
	refs   []asset.ID
}

// Row asks for the uid of a server's row.
func (d *Doc) Row(k asset.Kind, row string) (string, bool) {
	if d.rows == nil {
		return "", false
	}
	return d.rows(k, row)
}

// Note records something a person should know. path points into the spec.
func (d *Doc) Note(path, text string) { d.note(asset.Note{ID: d.ID, Path: "/spec" + path, Text: text}) }

// Broken is Note for what makes that no server takes the asset as it is.
func (d *Doc) Broken(path, text string) {
	d.note(asset.Note{ID: d.ID, Path: "/spec" + path, Text: text, Broken: true})
}

func (d *Doc) note(n asset.Note) {
	if !slices.Contains(d.notes, n) {
		d.notes = append(d.notes, n)
	}
}

// Hide replaces a secret that stands where no rule can name it. A reading that
// keeps secrets (Open) keeps it. path points into the spec.
func (d *Doc) Hide(n *yaml.Node, path, masked string) {
	if d.open {
		return
	}
	*n = *asset.Str(masked)
	if d.Live {
		d.Note(path, noteSecret)
	}
}

// Depend records that another asset must exist first.
func (d *Doc) Depend(id asset.ID) { d.refs = append(d.refs, id) }

// Server is the server Denormalize writes for.
type Server struct {
	Version string // "" means the newest
	// Row gives the row id of an asset on that server. m is the rule's policy: a
	// platform may know a row and still refuse it for Omit, when its importer
	// would stumble over it.
	Row func(id asset.ID, m Missing) (row string, ok bool)
}

// Back is a document on its way to a server.
type Back struct {
	ID      asset.ID
	Title   string
	Root    *yaml.Node
	Server  Server
	omitted []asset.Note
}

// Omit records what this server cannot hold and was left out. path points into
// the spec of the canonical document.
func (b *Back) Omit(path, text string) {
	b.omitted = append(b.omitted, asset.Note{ID: b.ID, Path: "/spec" + path, Text: text})
}
