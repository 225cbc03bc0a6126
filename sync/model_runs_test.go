package sync

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

type pulled struct {
	conflicts, decided []Conflict
	edits              []LiveEdit
	held               bool
	changed            int
}

// wrote is what a run did to the server.
type wrote struct {
	plan   *importer.Plan
	killed bool
}

type doubled struct{ before, after fields }

// pull plays a pull, takes note of what the rules decided, and tries that a second one
// has nothing to do.
func (m *model) pull(accept bool) []Conflict {
	p := m.k.pull(accept)
	m.say("pull accept=%v: %d changed, %d conflicts, %d decided, %d edits, held %v", accept, p.changed, len(p.conflicts), len(p.decided), len(p.edits), p.held)
	if p.held {
		m.observe()
		return nil
	}
	m.decided(p)
	m.observe()
	for key := range m.stale { // a pull has seen it: from now on it is a conflict, or decided
		if !m.s.broken[idOf(key)] {
			delete(m.stale, key)
		}
	}
	if m.rnd.IntN(3) == 0 {
		head, base := m.k.git(), m.k.baseOf()
		if again := m.k.pull(false); again.changed > 0 || !maps.EqualFunc(head, m.k.git(), equalBytes) || !maps.EqualFunc(base, m.k.baseOf(), equalBytes) {
			m.fail("a second pull changed something (%d assets)", again.changed)
		}
	}
	return p.conflicts
}

func idOf(key string) asset.ID {
	id, _, _ := strings.Cut(key, "/")
	kind, uid, _ := strings.Cut(id, ":")
	return asset.ID{Kind: asset.Kind(kind), UID: uid}
}

// decided drops the values that a rule decided against.
func (m *model) decided(p pulled) {
	live := m.liveDocs()
	for _, c := range p.decided {
		for _, v := range c.Values {
			m.lose(c.Winner, v)
		}
		if len(c.Values) > 0 {
			continue
		}
		if c.Winner == importer.Live { // deleted on the server, changed in Git: the pull took the file away
			m.dropGone(c.ID)
		} else {
			m.kill(m.memo.read(live[c.ID]), nil)
		}
	}
	for _, e := range p.edits {
		for _, v := range e.Values {
			if e.Reverted {
				m.lose(importer.Git, v)
			}
		}
	}
}

// dropGone drops values that are nowhere any more because their asset lost.
func (m *model) dropGone(id asset.ID) {
	if m.s.objects[id] != nil || m.k.git()[id] != nil {
		return
	}
	there := m.there(m.k.git())
	for v := range m.alive {
		if !there[v] && m.owner(v) == id {
			delete(m.alive, v)
		}
	}
}

// owner is the asset a value was last seen in.
func (m *model) owner(v string) asset.ID { return m.memo.seen[v] }

func common(id asset.ID, v string) string { return id.UID + "=" + v }

func (m *model) lose(winner importer.OnConflict, c merge.Conflict) {
	wins, loses := text(c.Ours), text(c.Theirs)
	if winner == importer.Live {
		wins, loses = loses, wins
	}
	m.kill(fields{"": loses}, fields{"": wins})
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func equalBytes(a, b []byte) bool { return string(a) == string(b) }

// write plays something that writes to the server, under a fault now and then, and
// takes note of what it was allowed to overwrite.
func (m *model) write(what string, do func() wrote, made map[asset.ID][]byte, prune bool) {
	before := m.liveDocs()
	fault := m.rnd.IntN(6)
	left := m.rnd.IntN(3)
	m.s.onImport = func(id asset.ID) error {
		left--
		switch {
		case left >= 0 || fault > 1:
			return nil
		case fault == 0:
			panic(killed{})
		}
		return fmt.Errorf("refused")
	}
	w := do()
	m.s.onImport = nil
	m.say("%s: %d planned, killed %v, fault %d", what, len(w.plan.Levels()), w.killed, fault)
	after := m.liveDocs()
	m.pruned(before, after, prune, made != nil)
	for _, level := range w.plan.Levels() {
		for _, c := range level {
			b, a := m.memo.read(before[c.ID]), m.memo.read(after[c.ID])
			m.writes[c.ID] = slices.Insert(m.writes[c.ID], 0, doubled{b, m.memo.read(content(c.After))})
			switch {
			case made != nil: // an undo takes away what the run had made, and nothing else
				run := m.memo.values(made[c.ID])
				for _, v := range valuesOf(b) {
					if !slices.Contains(valuesOf(a), v) && slices.Contains(run, v) {
						delete(m.alive, v)
					}
				}
			case m.rule.Overwrite == importer.Always || m.rule.OnLiveEdit == importer.Revert:
				m.kill(b, a)
			}
			for _, v := range c.Decided {
				m.lose(m.rule.Winner(), v)
			}
		}
	}
	m.observe()
}

type killed struct{}

// pruned: an apply deletes what dashkeep made, when it may, and nothing else; an undo
// what its run made.
func (m *model) pruned(before, after map[asset.ID][]byte, prune, undo bool) {
	for id := range after {
		if before[id] == nil {
			delete(m.people, id)
		}
	}
	for id := range before {
		if after[id] == nil {
			m.say("deleted on the server by dashkeep: %s", id)
			if m.people[id] || !prune && !undo {
				m.fail("%s is deleted on the server", id)
			}
		}
	}
}

// resolve settles every conflict the way a person does: one side, knowingly.
func (m *model) resolve(accept bool) {
	for _, c := range m.pull(accept) {
		git, live := m.k.git(), m.liveDocs()
		side := []importer.OnConflict{importer.Git, importer.Live}[m.rnd.IntN(2)]
		m.say("resolve %s for %s", c.ID, side)
		if m.rnd.IntN(2) == 0 && m.k.resolve(c.ID, side) {
			for _, v := range c.Values {
				m.lose(side, v)
			}
			if len(c.Values) == 0 && side == importer.Git {
				m.kill(m.memo.read(live[c.ID]), m.memo.read(m.k.git()[c.ID]))
			} else if len(c.Values) == 0 {
				m.kill(m.memo.read(git[c.ID]), m.memo.read(m.k.git()[c.ID]))
			}
			for _, v := range m.memo.values(live[c.ID]) { // base takes the server's word
				m.common[common(c.ID, v)] = true
			}
			continue
		}
		switch {
		case side == importer.Live:
			m.kill(m.memo.read(git[c.ID]), m.memo.read(live[c.ID]))
			m.k.commit(map[asset.ID][]byte{c.ID: live[c.ID]})
		case git[c.ID] == nil: // the deletion in Git is right
			m.kill(m.memo.read(live[c.ID]), nil)
			m.s.drop(c.ID)
		default:
			m.kill(m.memo.read(live[c.ID]), m.memo.read(git[c.ID]))
			w := m.k.apply(importer.Policy{Force: importer.Always, Select: func(i asset.Info) bool { return i.ID == c.ID }})
			m.note(w, live)
		}
	}
	m.pull(accept)
}

// note remembers what a run without a fault wrote.
func (m *model) note(w wrote, before map[asset.ID][]byte) {
	m.pruned(before, m.liveDocs(), false, false)
	for _, level := range w.plan.Levels() {
		for _, c := range level {
			m.writes[c.ID] = slices.Insert(m.writes[c.ID], 0, doubled{m.memo.read(before[c.ID]), m.memo.read(content(c.After))})
		}
	}
}

func (m *model) liveDocs() map[asset.ID][]byte {
	out := map[asset.ID][]byte{}
	for _, id := range m.s.ids() {
		out[id] = m.memo.encode(id, m.s.objects[id].fields)
	}
	return out
}

// disaster wipes the server; the brake must hold, and then a person restores Git or
// agrees.
func (m *model) disaster() {
	if len(m.k.git()) == 0 || len(m.s.objects) == 0 {
		return
	}
	m.resolve(true)
	live := m.liveDocs()
	m.note(m.k.apply(importer.Policy{}), live)
	m.settle(live)
	m.pull(true)
	git := m.k.git()
	if len(git) == 0 || len(m.k.baseOf()) == 0 {
		return
	}
	there := m.there(git)
	for v := range m.alive {
		if !there[v] || !m.inGit(git, v) && !m.inFork(v) {
			delete(m.alive, v) // what only the server had is lost with it
		}
	}
	m.s.wipe()
	clear(m.pages)
	clear(m.stale)
	m.say("server: wiped")
	if p := m.k.pull(false); !p.held || !maps.EqualFunc(git, m.k.git(), equalBytes) {
		m.fail("the server is wiped and the brake does not hold")
	}
	if m.rnd.IntN(2) == 0 {
		m.say("restore")
		m.note(m.k.restore(), nil)
		clear(m.people)
		return
	}
	base := m.k.baseOf()
	m.k.pull(true)
	m.say("pull --accept")
	left := m.k.git()
	for id, doc := range left { // a rule for Git keeps what was changed there
		if string(base[basePath(id)]) == string(doc) {
			m.fail("after --accept Git holds %s", id)
		}
	}
	there = m.there(left)
	for v := range m.alive {
		if !there[v] {
			delete(m.alive, v)
		}
	}
}

// settle drops what rules let an apply without a fault overwrite.
func (m *model) settle(before map[asset.ID][]byte) {
	if m.rule.Overwrite != importer.Always && m.rule.OnLiveEdit != importer.Revert && m.rule.Winner() == "" {
		return
	}
	after := m.liveDocs()
	for id, doc := range before {
		m.kill(m.memo.read(doc), m.memo.read(after[id]))
	}
}

func (m *model) undo() {
	var made map[asset.ID][]byte
	w := wrote{plan: &importer.Plan{}}
	m.write("undo", func() wrote {
		w, made = m.k.undo()
		if w.plan == nil {
			w.plan = &importer.Plan{}
		}
		return w
	}, map[asset.ID][]byte{}, false)
	before := m.there(m.k.git())
	for _, doc := range made { // what the run had made, and is on neither side now, was taken back knowingly
		for _, v := range m.memo.values(doc) {
			if !before[v] {
				delete(m.alive, v)
			}
		}
	}
	for _, level := range w.plan.Levels() { // and the next pull takes it out of Git
		for _, c := range level {
			m.kill(m.memo.read(made[c.ID]), m.memo.read(m.liveDocs()[c.ID]))
		}
	}
}

// partialPull cannot read one asset: nothing of it may count as gone.
func (m *model) partialPull() {
	id, f := m.pickLive()
	if f == nil {
		return
	}
	m.s.broken[id] = true
	m.say("server: %s cannot be read", id)
	m.pull(false)
	delete(m.s.broken, id)
}
