// Package platformtest is the conformance suite: what every platform must do,
// as one table of named cases. A platform's test file makes a Harness for its
// simulated server, and for a real one when there is one, and calls Run.
package platformtest

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// Harness is what a platform's test file gives the suite. Every case asks for
// servers of its own, so Filled and Empty are called many times.
//
// A server whose Config.IDs is nil gets a map of ids in memory from the suite,
// which lasts as long as the Server and is shared by all connections to it. So
// the harness of a platform without portable ids leaves IDs out, and its Edit,
// Omit and Hide find the server's own id by Server.Config.IDs. A platform with
// Caps.StableUID ignores the map.
type Harness struct {
	Factory platform.Factory
	// Filled makes a server with assets of every kind the platform has, three at
	// least of the last kind; Empty one with none, whose own ids are other ones. The
	// factory's Rights are left alone, because only who names them reads them; for
	// them there is a harness whose factory calls them no rights.
	Filled, Empty func(testing.TB) *Server
	// Parallel says that these servers have nothing in common, so that cases may
	// run side by side.
	Parallel bool
	// Canaries are secrets that the filled server holds.
	Canaries []string
	// Cannot gives the reason why an asset of the filled server cannot be put
	// back (its export is broken on the server itself), "" when it can. nil means
	// that all can. What the factory's Limits say is known already.
	Cannot func(a *asset.Asset) string
	// Bad makes of a good asset one that the server refuses; Altered helps. nil
	// skips.
	Bad func(tb testing.TB, good *asset.Asset) *asset.Asset
	// Twin makes what nothing but uids, its own and those of its parts, tells from
	// an asset. nil gives a copy another uid, which does where parts have none.
	Twin func(tb testing.TB, a *asset.Asset) *asset.Asset
	// Edited is an edit in Git of something else than the title, for kinds that are
	// known by their title; nil, or nil for an asset: its title is edited.
	Edited func(tb testing.TB, a *asset.Asset) *asset.Asset
	// Main is the kind that cases take which need some asset to rename; "" is the last
	// of which single assets can be written.
	Main asset.Kind
	// Many makes a server with n small assets of one kind (and what those need), on
	// which no request has to wait. nil skips.
	Many func(tb testing.TB, n int) *Server
	// ManyBytes is how much of the heap each asset may hold while all of them are
	// exported; 0 means PerAsset. A platform that must hold more says why where it
	// sets this.
	ManyBytes int

	many int // how many assets Many makes; 0 means 10,000. Smaller in the suite's own tests
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
	// Requests counts all requests that reached the server so far. It is asked of
	// Many's server; nil leaves out what it would tell, and skips nothing.
	Requests func() int
}

// Case is one requirement.
type Case struct {
	Name string
	// Asks says in one sentence what a platform must do and where to look when it
	// does not: the checklist of docs/adding-a-platform.md, and the first line of
	// a failure.
	Asks string
	Run  func(testing.TB, *Harness)

	alone bool // measures the whole process, so nothing may run beside it
}

// Run runs every case as a subtest. A failing case says first what is asked.
func Run(t *testing.T, h Harness) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			if h.Parallel && !c.alone {
				t.Parallel()
			}
			c.Run(&asking{TB: t, asks: c.Asks}, &h)
		})
	}
}

// asking says what is asked before the first failure of a case.
type asking struct {
	testing.TB
	asks string
	said atomic.Bool
}

func (a *asking) ask() {
	a.Helper()
	if a.said.CompareAndSwap(false, true) {
		a.TB.Error("TO DO: " + a.asks)
	}
}

func (a *asking) Error(args ...any)            { a.Helper(); a.ask(); a.TB.Error(args...) }
func (a *asking) Errorf(f string, args ...any) { a.Helper(); a.ask(); a.TB.Errorf(f, args...) }
func (a *asking) Fatal(args ...any)            { a.Helper(); a.ask(); a.TB.Fatal(args...) }
func (a *asking) Fatalf(f string, args ...any) { a.Helper(); a.ask(); a.TB.Fatalf(f, args...) }

// full is a filled server that is ready to be connected to.
func (h *Harness) full(tb testing.TB) *Server { return withIDs(h.Filled(tb), "filled") }

// bare is an empty server that is ready to be connected to.
func (h *Harness) bare(tb testing.TB) *Server { return withIDs(h.Empty(tb), "empty") }

func withIDs(s *Server, instance string) *Server {
	if s.Config.IDs == nil {
		s.Config.IDs = NewIDs(instance)
	}
	return s
}

// whyNot is why the platform cannot do something with a kind at all, "" when it
// can, at least in part.
func (h *Harness) whyNot(k asset.Kind, v platform.Verb) string {
	if v == platform.Delete && !h.Factory.Caps.Delete {
		return "the factory's Caps say that nothing can be deleted"
	}
	for _, l := range h.Factory.Limits {
		if l.Verb == v && !l.Partly && (l.Kind == "" || l.Kind == k) {
			return l.Why
		}
	}
	return ""
}

// kinds are those that are read without being named.
func (h *Harness) kinds() []asset.Kind {
	return slices.DeleteFunc(slices.Clone(h.Factory.Kinds), func(k asset.Kind) bool { return slices.Contains(h.Factory.Rights, k) })
}

// last is the last kind of which single assets can be written, for cases that
// need some asset; it skips the case when there is none.
func (h *Harness) last(tb testing.TB) asset.Kind {
	tb.Helper()
	if h.Main != "" {
		return h.Main
	}
	kinds := h.kinds()
	for i := len(kinds) - 1; i >= 0; i-- {
		if h.whyNot(kinds[i], platform.Create) == "" && h.whyNot(kinds[i], platform.Update) == "" {
			return kinds[i]
		}
	}
	tb.Skipf("the factory's Limits say that %s can write no kind", h.Factory.Name)
	return ""
}

// Altered is an asset as an edit in Git makes it.
func Altered(tb testing.TB, rs normalize.Rules, a *asset.Asset, edit func(*asset.Document)) *asset.Asset {
	tb.Helper()
	doc, err := asset.ParseDocument("edited.yaml", a.Content)
	if err != nil {
		tb.Fatal(err)
	}
	edit(doc)
	text, err := doc.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := normalize.Load("edited.yaml", text, rs)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}
