package sync

import (
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// go test ./sync -run TestCC4 -args -histories=20000 -git-histories=300 -seed=7
var (
	historyCount = flag.Int("histories", 300, "random histories in memory")
	gitCount     = flag.Int("git-histories", 16, "random histories on real Git")
	historySeed  = flag.Uint64("seed", 1, "seed of the first random history")
)

// chooser is where a history's decisions come from.
type chooser interface{ IntN(n int) int }

// reporter is what a history needs of a test.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

// keeper is what a history plays against: the engine on real Git, or its pure parts
// on maps. Faults come from the fake server.
type keeperUnderTest interface {
	git() map[asset.ID][]byte  // what the branch holds
	baseOf() map[string][]byte // files of base
	commit(map[asset.ID][]byte)
	pull(accept bool) pulled
	apply(importer.Policy) wrote
	restore() wrote
	undo() (wrote, map[asset.ID][]byte) // the last run, and what it had made; nothing when there is none
	resolve(id asset.ID, side importer.OnConflict) bool
	killPull() (p pulled, can bool) // a pull that dies between its commit and base
}

// model is what people know of a few assets, and what must never be lost: every
// edit writes a value that no other writes. Fields hold a value, t is a text of
// several lines that holds one in every second line.
type model struct {
	t      reporter
	rnd    chooser
	s      *fakeServer
	k      keeperUnderTest
	rule   importer.Rule
	window bool // values that go back to a pre-image are a conflict
	memo   *memo

	alive  map[string]bool   // values somebody set and nobody, nor a rule, has replaced or dropped knowingly
	common map[string]bool   // what Git and live once held both
	people map[asset.ID]bool // assets made by people on the server, and never by dashkeep
	pages  map[asset.ID]fields
	fork   map[asset.ID][]byte // somebody's branch, and where it began
	from   map[asset.ID][]byte
	writes map[asset.ID][]doubled // by our own runs, newest first
	stale  map[string]string      // asset/field whose value in Git a stale page undid, and no pull has seen yet
	n      int
	uids   int
	log    []string
}

func newModel(t reporter, rnd chooser, s *fakeServer, k keeperUnderTest, rule importer.Rule, window bool) *model {
	m := &model{t: t, rnd: rnd, s: s, k: k, rule: rule, window: window, memo: newMemo(), alive: map[string]bool{}, common: map[string]bool{},
		people: map[asset.ID]bool{}, pages: map[asset.ID]fields{}, writes: map[asset.ID][]doubled{}, stale: map[string]string{}}
	m.say("rule %+v, window %v", rule, window)
	for range 4 {
		m.createLive()
	}
	m.pull(false)
	return m
}

// drawRule picks how a history's assets are treated.
func drawRule(rnd chooser) (importer.Rule, bool) {
	rules := []importer.Rule{{}, {}, {OnConflict: importer.Git}, {OnConflict: importer.Live}, {OnConflict: importer.Branch},
		{OnLiveEdit: importer.Notify}, {OnLiveEdit: importer.Revert}, {OnLiveEdit: importer.Revert, OnConflict: importer.Live}, {Overwrite: importer.Always}}
	return rules[rnd.IntN(len(rules))], rnd.IntN(2) == 0
}

func (m *model) say(format string, args ...any) { m.log = append(m.log, fmt.Sprintf(format, args...)) }

func (m *model) fail(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("%s\nafter\n%s", fmt.Sprintf(format, args...), strings.Join(m.log, "\n"))
}

func (m *model) inGit(git map[asset.ID][]byte, v string) bool {
	for _, doc := range git {
		if slices.Contains(m.memo.values(doc), v) {
			return true
		}
	}
	return false
}

func (m *model) inFork(v string) bool { return m.inGit(m.fork, v) }

func (m *model) step() {
	switch n := m.rnd.IntN(100); {
	case n < 24:
		m.editLive()
	case n < 42:
		m.editGit()
	case n < 45:
		m.createLive()
	case n < 48:
		m.createGit()
	case n < 50:
		m.deleteLive()
	case n < 52:
		m.deleteGit()
	case n < 56:
		m.openPage()
	case n < 58:
		m.savePage()
	case n < 60:
		m.oldPage()
	case n < 65:
		m.branch()
	case n < 75:
		m.pull(false)
	case n < 77:
		m.partialPull()
	case n < 79:
		if p, can := m.k.killPull(); can {
			m.say("pull killed before base moved, held %v", p.held)
			m.decided(p)
		}
	case n < 90:
		prune := m.rnd.IntN(2) == 0
		m.write(fmt.Sprintf("apply prune=%v", prune), func() wrote { return m.k.apply(importer.Policy{Prune: importer.Prune{Enabled: prune}}) }, nil, prune)
	case n < 94:
		m.undo()
	case n < 98:
		m.resolve(false)
	default:
		m.disaster()
	}
	m.check()
}

// there lists every value there is.
func (m *model) there(git map[asset.ID][]byte) map[string]bool {
	out := map[string]bool{}
	for _, docs := range []map[asset.ID][]byte{git, m.liveDocs(), m.fork} {
		for id, doc := range docs {
			for _, v := range m.memo.values(doc) {
				out[v] = true
				m.memo.seen[v] = id
			}
		}
	}
	return out
}

// observe also notes what both sides have in common.
func (m *model) observe() map[string]bool {
	git, live := m.k.git(), m.liveDocs()
	for id, doc := range git {
		l := m.memo.values(live[id])
		for _, v := range m.memo.values(doc) {
			if slices.Contains(l, v) {
				m.common[common(id, v)] = true
			}
		}
	}
	return m.there(git)
}

// check: nothing is lost, and base holds only what was common.
func (m *model) check() {
	m.t.Helper()
	there := m.observe()
	for v := range m.alive {
		if !there[v] {
			m.fail("%s is lost", v)
		}
	}
	for _, doc := range m.k.baseOf() {
		id := m.memo.load(doc).ID
		for _, v := range m.memo.values(doc) {
			if !m.common[common(id, v)] {
				m.fail("base holds %s %s, which Git and live never had in common", id, v)
			}
		}
	}
}

// finish settles everything: then both sides are the same and nothing is lost.
func (m *model) finish() {
	m.mergeOpenBranch()
	m.resolve(true)
	m.check()
	live := m.liveDocs()
	m.note(m.k.apply(importer.Policy{}), live)
	m.settle(live)
	if c := m.pull(true); len(c) > 0 {
		m.fail("%d conflicts are left: %+v", len(c), c)
	}
	m.check()
	now := m.liveDocs()
	for id, doc := range m.k.git() {
		if string(now[id]) != string(doc) && now[id] != nil {
			m.fail("%s differs in the end:\n%s%s", id, doc, now[id])
		}
	}
}
