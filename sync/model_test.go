package sync

import (
	"flag"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
	"github.com/dashkeep/dashkeep/internal/normalize"
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

type doubled struct{ before, after fields }

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

// value is a new one, which counts as alive.
func (m *model) value() string {
	m.n++
	v := fmt.Sprintf("v%d", m.n)
	m.alive[v] = true
	return v
}

var valueText = regexp.MustCompile(`\bv[0-9]+\b`)

func valuesIn(text string) []string { return valueText.FindAllString(text, -1) }

func valuesOf(f fields) []string {
	var out []string
	for _, v := range f {
		out = append(out, valuesIn(v)...)
	}
	slices.Sort(out)
	return out
}

// kill drops the values of fields that others do not have.
func (m *model) kill(f, kept fields) {
	stay := valuesOf(kept)
	for _, v := range valuesOf(f) {
		if !slices.Contains(stay, v) {
			delete(m.alive, v)
		}
	}
}

// edit changes one place of an asset: a field, or a line of its text.
func (m *model) edit(f fields) (fields, string) {
	f = maps.Clone(f)
	switch place := []string{"a", "b", "c", "t", "t"}[m.rnd.IntN(5)]; {
	case place == "t" && f["t"] != "":
		lines := strings.Split(f["t"], "\n")
		at := m.rnd.IntN(len(lines))
		for _, v := range valuesIn(lines[at]) {
			delete(m.alive, v)
		}
		lines[at] = m.value()
		f["t"] = strings.Join(lines, "\n")
		return f, fmt.Sprintf("t[%d]=%s", at, lines[at])
	case place != "t" && f[place] != "" && m.rnd.IntN(8) == 0:
		delete(m.alive, f[place])
		delete(f, place)
		return f, "no " + place
	default:
		if place == "t" {
			place = "a"
		}
		delete(m.alive, f[place])
		f[place] = m.value()
		return f, place + "=" + f[place]
	}
}

func (m *model) fresh() (asset.ID, fields) {
	m.uids++
	return chartID(fmt.Sprintf("%08d-uid", m.uids)), fields{"a": m.value(), "t": "-- 1\n" + m.value() + "\n-- 2\n" + m.value() + "\n-- 3\n" + m.value()}
}

func (m *model) createLive() {
	id, f := m.fresh()
	m.s.edit("Grace", id, func(o *object) { o.fields = f })
	m.people[id] = true
	m.say("server: new %s %s", id, valuesOf(f))
}

func (m *model) createGit() {
	id, f := m.fresh()
	m.say("git: new %s %s", id, valuesOf(f))
	m.k.commit(map[asset.ID][]byte{id: m.memo.encode(id, f)})
}

func (m *model) pickLive() (asset.ID, fields) {
	ids := m.s.ids()
	if len(ids) == 0 {
		return asset.ID{}, nil
	}
	id := ids[m.rnd.IntN(len(ids))]
	return id, m.s.objects[id].fields
}

// editLive: a person in the server replaces what stands there knowingly.
func (m *model) editLive() {
	id, was := m.pickLive()
	if was == nil {
		return
	}
	f, what := m.edit(was)
	for _, k := range []string{"a", "b", "c"} {
		key := id.String() + "/" + k
		if f[k] != was[k] && m.stale[key] != "" { // whom the stale page misled
			delete(m.alive, m.stale[key])
			delete(m.stale, key)
		}
	}
	m.s.edit([]string{"Grace", "Ada", ""}[m.rnd.IntN(3)], id, func(o *object) { o.fields = f })
	m.say("server: %s %s", id, what)
}

func (m *model) deleteLive() {
	id, f := m.pickLive()
	if f == nil {
		return
	}
	m.kill(f, nil)
	if doc := m.k.git()[id]; string(doc) == string(m.k.baseOf()[basePath(id)]) {
		m.kill(m.memo.read(doc), nil) // all of it was on the server once, and nothing waits
	}
	m.s.drop(id)
	m.say("server: deleted %s", id)
}

// openPage: somebody opens an asset for editing.
func (m *model) openPage() {
	if id, f := m.pickLive(); f != nil {
		m.pages[id] = maps.Clone(f)
		m.say("server: %s is opened", id)
	}
}

// savePage: they save, with the fields as they saw them and one edit of theirs. What
// people edited on the server meanwhile is overwritten by the server itself; what our
// own runs wrote meanwhile must survive in Git.
func (m *model) savePage() {
	ids := slices.SortedFunc(maps.Keys(m.pages), asset.ID.Compare)
	if len(ids) == 0 {
		return
	}
	id := ids[m.rnd.IntN(len(ids))]
	page := m.pages[id]
	delete(m.pages, id)
	if m.s.objects[id] == nil {
		return
	}
	now := m.s.objects[id].fields
	git := m.memo.read(m.k.git()[id])
	f := maps.Clone(now)
	for _, k := range []string{"a", "b", "c"} {
		if page[k] == now[k] {
			continue
		}
		if m.window && git[k] == now[k] && m.wentBack(id, k, page[k]) {
			if now[k] != "" {
				m.stale[id.String()+"/"+k] = now[k]
			}
		} else {
			delete(m.alive, now[k])
			delete(m.alive, m.stale[id.String()+"/"+k])
			delete(m.stale, id.String()+"/"+k)
		}
		f[k] = page[k]
		if page[k] == "" {
			delete(f, k)
		}
	}
	delete(m.alive, now["d"])
	f["d"] = m.value()
	m.s.edit("Ada", id, func(o *object) { o.fields = f })
	m.say("server: %s is saved from an old page: %s", id, valuesOf(f))
}

// oldPage is what random steps seldom come to: an asset is opened, an apply changes it,
// the page is saved, and now and then somebody edits on after a pull has seen that.
func (m *model) oldPage() {
	git := m.k.git()
	ids := slices.DeleteFunc(m.s.ids(), func(id asset.ID) bool { return git[id] == nil })
	if len(ids) == 0 {
		return
	}
	id := ids[m.rnd.IntN(len(ids))]
	clear(m.pages)
	m.pages[id] = maps.Clone(m.s.objects[id].fields)
	m.say("server: %s is opened", id)
	f := maps.Clone(m.memo.read(git[id]))
	k := []string{"a", "b"}[m.rnd.IntN(2)]
	delete(m.alive, f[k])
	f[k] = m.value()
	m.say("git: %s %s=%s", id, k, f[k])
	m.k.commit(map[asset.ID][]byte{id: m.memo.encode(id, f)})
	m.write("apply", func() wrote { return m.k.apply(importer.Policy{}) }, nil, false)
	m.savePage()
	if m.rnd.IntN(2) == 0 {
		m.pull(false)
		if was := m.s.objects[id]; was != nil && m.rnd.IntN(2) == 0 {
			m.editField(id, k)
		}
	}
}

// editField is editLive of one field.
func (m *model) editField(id asset.ID, k string) {
	was := m.s.objects[id].fields
	key := id.String() + "/" + k
	if m.stale[key] != "" {
		delete(m.alive, m.stale[key])
		delete(m.stale, key)
	}
	delete(m.alive, was[k])
	f := maps.Clone(was)
	f[k] = m.value()
	m.s.edit("Grace", id, func(o *object) { o.fields = f })
	m.say("server: %s %s=%s", id, k, f[k])
}

// wentBack reports whether a field that becomes v is what it was before one of our
// writes, and not what a newer one left.
func (m *model) wentBack(id asset.ID, k, v string) bool {
	for _, w := range m.writes[id] {
		switch {
		case w.before == nil || w.after == nil, v == w.after[k]:
			return false
		case w.before[k] == w.after[k]:
		case v == w.before[k]:
			return true
		}
	}
	return false
}

func (m *model) pickGit() (asset.ID, []byte) {
	git := m.k.git()
	if len(git) == 0 {
		return asset.ID{}, nil
	}
	ids := slices.SortedFunc(maps.Keys(git), asset.ID.Compare)
	id := ids[m.rnd.IntN(len(ids))]
	return id, git[id]
}

func (m *model) editGit() {
	id, doc := m.pickGit()
	if doc == nil {
		return
	}
	f, what := m.edit(m.memo.read(doc))
	m.say("git: %s %s", id, what)
	m.k.commit(map[asset.ID][]byte{id: m.memo.encode(id, f)})
}

func (m *model) deleteGit() {
	id, doc := m.pickGit()
	if doc == nil {
		return
	}
	m.kill(m.memo.read(doc), nil)
	m.say("git: deleted %s", id)
	m.k.commit(map[asset.ID][]byte{id: nil})
}

// branch: somebody edits on a branch of Git, which is merged later or given up.
func (m *model) branch() {
	if m.fork == nil {
		m.from = maps.Clone(m.k.git())
		m.fork = maps.Clone(m.from)
		m.say("branch: begun")
		return
	}
	ids := slices.SortedFunc(maps.Keys(m.fork), asset.ID.Compare)
	if m.rnd.IntN(3) == 0 || len(ids) == 0 {
		m.mergeBranch()
		return
	}
	id := ids[m.rnd.IntN(len(ids))]
	was := m.memo.read(m.fork[id])
	dead := maps.Clone(m.alive)
	f, what := m.edit(was)
	m.fork[id] = m.memo.encode(id, f)
	there := m.there(m.k.git())
	for v := range dead { // until it is merged, what it replaces lives on in main
		if there[v] {
			m.alive[v] = true
		}
	}
	m.say("branch: %s %s", id, what)
}

func (m *model) mergeBranch() {
	git, out := m.k.git(), map[asset.ID][]byte{}
	fork, from := m.fork, m.from
	m.fork, m.from = nil, nil
	for id, doc := range fork {
		if string(doc) == string(from[id]) {
			continue
		}
		merged, conflicts, err := merge.Three(from[id], git[id], doc)
		if err != nil {
			m.fail("merging the branch: %v", err)
		}
		if len(conflicts) > 0 {
			m.say("branch: given up")
			m.dropBranch(fork, git)
			return
		}
		out[id] = merged
	}
	for id, doc := range out { // who merges means it
		m.kill(m.memo.read(git[id]), m.memo.read(doc))
	}
	m.say("branch: merged")
	m.k.commit(out)
	m.dropBranch(fork, m.k.git()) // what it only kept from the time it began is gone with it
}

func (m *model) dropBranch(fork, git map[asset.ID][]byte) {
	there := m.there(git)
	for _, doc := range fork {
		for _, v := range m.memo.values(doc) {
			if !there[v] {
				delete(m.alive, v)
			}
		}
	}
}

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

func (m *model) mergeOpenBranch() {
	if m.fork != nil {
		m.mergeBranch()
	}
}

// memo keeps what parsing and encoding gave: a history sees the same documents again
// and again.
type memo struct {
	docs   map[string][]byte
	fields map[string]fields
	vals   map[string][]string
	assets map[string]*asset.Asset
	seen   map[string]asset.ID
}

func newMemo() *memo {
	return &memo{docs: map[string][]byte{}, fields: map[string]fields{}, vals: map[string][]string{}, assets: map[string]*asset.Asset{}, seen: map[string]asset.ID{}}
}

func (c *memo) encode(id asset.ID, f fields) []byte {
	key := id.String()
	var kv []any
	for _, k := range slices.Sorted(maps.Keys(f)) {
		key += "\x00" + k + "\x00" + f[k]
		kv = append(kv, k, f[k])
	}
	if doc, ok := c.docs[key]; ok {
		return doc
	}
	d := asset.Document{Format: "fake/1", Kind: id.Kind, UID: id.UID, Title: "Title " + id.UID, Spec: asset.Map(kv...)}
	doc, err := d.Encode()
	if err != nil {
		panic(err)
	}
	c.docs[key] = doc
	return doc
}

func (c *memo) read(doc []byte) fields {
	if doc == nil {
		return nil
	}
	if f, ok := c.fields[string(doc)]; ok {
		return f
	}
	_, f, _, err := fieldsOf(doc)
	if err != nil {
		panic(err)
	}
	c.fields[string(doc)] = f
	return f
}

// values are those of a document.
func (c *memo) values(doc []byte) []string {
	if doc == nil {
		return nil
	}
	v, ok := c.vals[string(doc)]
	if !ok {
		v = valuesOf(c.read(doc))
		c.vals[string(doc)] = v
	}
	return v
}

func (c *memo) load(doc []byte) *asset.Asset {
	if a, ok := c.assets[string(doc)]; ok {
		return a
	}
	a, err := normalize.Load("prod/charts/x.yaml", doc, fakeRules())
	if err != nil {
		panic(err)
	}
	a.Path = ""
	c.assets[string(doc)] = a
	return a
}
