// Package platformtest is the conformance suite: what every platform must do,
// as one table of named cases. A platform's test file makes a Harness for its
// simulated server, and for a real one when there is one, and calls Run.
package platformtest

import (
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// Harness is what a platform's test file gives the suite. Every case asks for
// servers of its own, so Filled and Empty are called many times.
type Harness struct {
	Factory platform.Factory
	// Filled makes a server with assets of every kind the platform has; Empty one
	// with none, whose own ids are other ones.
	Filled, Empty func(testing.TB) *Server
	// Parallel says that these servers have nothing in common, so that cases may
	// run side by side.
	Parallel bool
	// Canaries are secrets that the filled server holds.
	Canaries []string
	// Cannot gives the reason why an asset of the filled server cannot be put
	// back (its export is broken on the server itself), "" when it can. nil means
	// that all can.
	Cannot func(a *asset.Asset) string
	// Bad makes of a good asset one that the server refuses. nil skips.
	Bad func(tb testing.TB, good *asset.Asset) *asset.Asset
	// Many makes a server with n small assets of the last kind (and what those need), on
	// which no request has to wait. nil skips.
	Many func(tb testing.TB, n int) *Server
}

// Server is one server under test. Its functions reach behind the platform's
// back; what is nil cannot be done on this server, and the cases that need it
// are skipped visibly.
type Server struct {
	Config platform.Config
	// Edit changes the title of an asset as a person would, and says whom the
	// platform should name as its editor.
	Edit func(tb testing.TB, id asset.ID, title string) asset.Person
	// Wipe loses everything.
	Wipe func(tb testing.TB)
	// Expire makes the session that clients hold worthless.
	Expire func(tb testing.TB)
	// Throttle refuses the next n requests for content and asks to wait.
	Throttle func(tb testing.TB, n int, wait time.Duration)
	// Stall holds all requests until their client gives up; held receives when
	// one is being held.
	Stall func(tb testing.TB) (held <-chan struct{})
	// Lie answers every write with success and does nothing.
	Lie func(tb testing.TB)
	// Hide makes an asset invisible to this account, as another user's private one
	// is: not listed, and an answer as for one that is not there, or forbidden.
	Hide func(tb testing.TB, id asset.ID, forbidden bool)
	// Omit leaves an asset out of what the server exports, not of its listing.
	Omit func(tb testing.TB, id asset.ID)
	// Faults are ways to answer wrongly, by name. Under each the platform must
	// fail or be complete; it must not say that less is there.
	Faults map[string]func(tb testing.TB)
	// Mend takes Throttle, Stall, Lie, Hide, Omit and Faults back.
	Mend func()
	// Writes counts the changes that the server accepted so far.
	Writes func() int
}

// Case is one requirement.
type Case struct {
	Name string
	Run  func(testing.TB, *Harness)
}

// Cases is the table, in the order it is run.
func Cases() []Case {
	return []Case{
		{"ping names server and user", pingNames},
		{"empty server lists nothing", emptyListsNothing},
		{"list and export agree", listAndExportAgree},
		{"export of some gives exactly those", exportOfSome},
		{"export twice has no noise", noNoise},
		{"reading writes nothing", readingWritesNothing},
		{"canonical form is a fixpoint", canonicalIsFixpoint},
		{"references resolve", referencesResolve},
		{"secrets are never in content", secretsStayOut},
		{"an edit moves one asset and names its editor", editMovesOne},
		{"round trip to other ids gives equal bytes", roundTrip},
		{"a second import changes nothing", secondImport},
		{"a write touches only its own asset", narrowWrite},
		{"dependencies are not overwritten", dependenciesStay},
		{"non-ASCII and YAML traps survive", nonASCII},
		{"one bad asset does not stop the rest", badAssetAlone},
		{"deleted is gone, and can come back", deleteAndReturn},
		{"wiped server lists nothing and fails nothing", wipedListsNothing},
		{"read-back sees through a lying server", lyingServer},
		{"listed but not exported is named", omittedIsNamed},
		{"session expiry in mid-run is bridged", expiryBridged},
		{"throttling is waited for", throttleHonoured},
		{"cancelled context ends every call", cancelled},
		{"a broken answer is never an empty server", brokenAnswers},
		{"wrong password is a login error", wrongPassword},
	}
}

// Run runs every case as a subtest.
func Run(t *testing.T, h Harness) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			if h.Parallel {
				t.Parallel()
			}
			c.Run(t, &h)
		})
	}
}
