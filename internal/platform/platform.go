// Package platform states what a BI platform must offer. It holds types only;
// each platform lives in a folder of its own and is named in package all.
package platform

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// Platform is one connected server. It serves as exporter.Source and
// importer.Target. Methods may be called from several goroutines.
type Platform interface {
	// Ping logs in and says what the server is. Errors: ErrLogin, ErrUnreachable.
	Ping(ctx context.Context) (Server, error)
	// List is the cheap index of every asset of the kinds the platform reads.
	List(ctx context.Context) ([]asset.Info, error)
	// Export yields the documents of ids, nil for all; an asked id that is not on
	// the server is left out. An error is yielded as an
	// *asset.Error when it concerns one asset, and ends the sequence otherwise.
	Export(ctx context.Context, ids []asset.ID) iter.Seq2[*asset.Raw, error]
	// Import makes each asset on the server become exactly its content, and
	// nothing else: it writes kinds in dependency order, splits a rejected batch
	// until the bad asset stands alone, and lets the rest through. deps holds
	// what they refer to (canonical, at least the closure), to travel along where
	// the platform's import needs it, never overwritten. One Result per asset.
	Import(ctx context.Context, as []*asset.Asset, deps *asset.Set) []asset.Result
	// Delete removes one asset. An asset that is not there is no error.
	Delete(ctx context.Context, id asset.ID) error
}

// Server is what Ping learned.
type Server struct {
	Version string // "" when the server does not tell
	User    string
	Tested  bool     // this version is one the platform's tests run against
	Notes   []string // what this account or server cannot do
}

// Recognizer is what a platform without portable uids (Caps.StableUID is false)
// must have besides.
type Recognizer interface {
	// Recognize finds out which objects of the server the known assets are, after
	// their bindings were lost: same kind, title and content, and no other object
	// or asset for which that holds too. known are all assets there are, those
	// whose objects are found among them: what is one of these is no other's. It
	// binds what it found and returns how many assets that were. It changes nothing
	// on the server.
	Recognize(ctx context.Context, known []*asset.Asset) (int, error)
}

// Caps says what a platform can do at all.
type Caps struct {
	Delete    bool
	StableUID bool // uids are the server's own and portable; without it: IDs and Recognizer
	Sharing   bool // owners and roles can be read
	// Bulk says that Import takes many assets for little more than the price of
	// one. Without it assets are written one at a time, each read again right
	// before.
	Bulk bool
}

// Verb is one thing that can be done with assets of a kind.
type Verb string

// The verbs, in the order of the table in docs/platforms.md.
const (
	Read     Verb = "read"
	Create   Verb = "create"
	Update   Verb = "update"
	Delete   Verb = "delete"
	Restore  Verb = "restore"  // into an empty server, equal when read back
	Access   Verb = "access"   // owners, roles, sharing
	Verified Verb = "verified" // read back and compared after every write
)

// Verbs lists all of them.
func Verbs() []Verb { return []Verb{Read, Create, Update, Delete, Restore, Access, Verified} }

// Limit is what a platform cannot do with a kind. What no Limit names it can.
type Limit struct {
	Kind   asset.Kind // "" for every kind
	Verb   Verb
	Partly bool   // it can in part; Why says which
	Why    string // for people, with the fact it rests on
}

// Binding says which object of a server an asset is.
type Binding struct {
	ID     asset.ID
	Server string
}

// IDs is the map between uids and an instance's own ids, for platforms whose
// ids are not portable. Parts of an asset that have ids of their own (a
// dashboard's widgets) may be bound too, under a kind that the factory does not
// list.
type IDs interface {
	// UID is the uid of a server's object: the bound one, else one minted from
	// instance, kind and server id, always the same.
	UID(k asset.Kind, server string) string
	// Server is the server's id of an asset, if it was bound, or minted by UID
	// since the instance was connected.
	Server(id asset.ID) (string, bool)
	// Minted reports whether UID minted this id and nobody has bound it: its object
	// may be another asset's, whose binding was lost or never made.
	Minted(id asset.ID) bool
	// Bind is durable when it returns. A new binding replaces an older one of the
	// same asset.
	Bind(bs ...Binding) error
}

// Auth holds the credentials of one instance. Secrets are resolved at login.
type Auth struct {
	Username string
	Password secret.Value
	Provider string // superset: db (default), ldap
	Token    secret.Value
	APIKey   secret.Value
	Headers  map[string]secret.Value // for a proxy in front
}

// Config is what a Factory gets. Options is decoded by the platform alone.
type Config struct {
	Instance string // for messages
	URL      string
	Inbox    string // a folder of export archives in place of a server; "" for a server
	Auth     Auth
	HTTP     *http.Transport // TLS settings applied; nil for the default
	IDs      IDs
	Options  *yaml.Node // nil when absent
	// Kinds are those to read, with what they need added by the platform; nil for
	// all that are content (Factory.Kinds without Factory.Rights).
	Kinds []asset.Kind
	// Secrets gives the values to put back into an asset at apply, by name
	// ("password", "extra/engine_params/…"); empty when none are configured.
	Secrets func(id asset.ID) map[string]secret.Value
	Log     *slog.Logger
	Now     func() time.Time
	// Sleep waits between tries of a request; nil for the real clock. Tests of
	// faults pass one that does not wait.
	Sleep func(context.Context, time.Duration) error
	// Rate is how many requests a second may be sent; 0 for what suits the platform,
	// negative for no bound, as tests set it, whose servers have no other users. How
	// many are under way at once is bounded all the same.
	Rate float64
}

// Factory makes connections to servers of one platform.
type Factory struct {
	Name  string
	Caps  Caps
	Kinds []asset.Kind // in dependency order: what is referred to comes first
	Rules normalize.Rules
	// Rights are kinds that say who may do what, or act by themselves: read when
	// the selection names them, written only when apply_kinds does too.
	Rights []asset.Kind
	// Guarded are kinds that no rule of the config makes writable by default:
	// connections, where a wrong write cuts off everything at once. What is new in
	// Git is created all the same.
	Guarded []asset.Kind
	// Limits says, for docs/platforms.md, what it cannot do.
	Limits []Limit
	// Inbox says that New takes a folder of export archives (Config.Inbox).
	Inbox bool
	// Bundle writes the archive that the platform's own pages import, of the wanted
	// assets with what they use among known; nil: the platform takes none. version is
	// that of the server it is for, "" for the newest.
	Bundle func(want []*asset.Asset, known *asset.Set, version string) (*Bundle, error)
	// Role writes the program behind `check --role`; nil where an account gets its
	// rights in other ways.
	Role    Granter
	Options func() any // a pointer to the zero options struct, for the JSON Schema; nil when it has none
	New     func(Config) (Platform, error)
}

// Bundle is an archive for people to import by hand.
type Bundle struct {
	Data  []byte // nil when nothing could be taken in
	Page  string // where the server's user interface imports it
	Holds []asset.ID
	// Left are wanted assets that are not in it (Path is ""), and values that are not.
	Left []asset.Note
}

// LoginError says that the server refused the credentials.
type LoginError struct {
	Instance, User, Reason string
}

func (e *LoginError) Error() string {
	return fmt.Sprintf("instance %s: login as %q refused: %s", e.Instance, e.User, e.Reason)
}
