package sync

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// go test ./sync -run TestHistory -args -histories=20000 -seed=7
var (
	historyCount = flag.Int("histories", 40, "random histories in memory")
	historySeed  = flag.Uint64("seed", 1, "seed of the first random history")
)

// keeperUnderTest is what a history plays against: the engine on real Git, or
// its pure parts on maps.
type keeperUnderTest interface {
	git() map[asset.ID][]byte  // what the branch holds
	baseOf() map[string][]byte // files of base
	commit(map[asset.ID][]byte)
	pull(accept bool) (conflicts []Conflict, held bool, changed int)
	apply(importer.Policy)
	restore()
}

// history is a random sequence of what people and dashkeep do to a few assets.
// Every edit writes a value that no other writes, so that a lost one is noticed.
type history struct {
	t      testing.TB
	rnd    *rand.Rand
	s      *fakeServer
	k      keeperUnderTest
	alive  map[string]bool   // values somebody set and nobody replaced or dropped knowingly
	common map[string]bool   // asset/field=value that Git and live once held both
	people map[asset.ID]bool // made by people on the server, and never by dashkeep
	n      int
	uids   int
	log    []string
}

func newHistory(t testing.TB, seed uint64, s *fakeServer, k keeperUnderTest) *history {
	h := &history{t: t, rnd: rand.New(rand.NewPCG(seed, 0)), s: s, k: k, alive: map[string]bool{}, common: map[string]bool{}, people: map[asset.ID]bool{}}
	for range 4 {
		h.createLive()
	}
	h.pull(false)
	return h
}

func (h *history) say(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf(format, args...))
}

func (h *history) fail(format string, args ...any) {
	h.t.Helper()
	h.t.Fatalf("%s\nafter\n%s", fmt.Sprintf(format, args...), strings.Join(h.log, "\n"))
}

func (h *history) value() string { h.n++; return fmt.Sprintf("v%d", h.n) }

func (h *history) field() string { return []string{"a", "b", "c"}[h.rnd.IntN(3)] }

func (h *history) createLive() {
	h.uids++
	id := chartID(fmt.Sprintf("%08d-uid", h.uids))
	v := h.value()
	h.s.set("Grace", id, "a", v)
	h.alive[v], h.people[id] = true, true
	h.say("server: new %s a=%s", id, v)
}

func (h *history) createGit() {
	h.uids++
	id := chartID(fmt.Sprintf("%08d-uid", h.uids))
	v := h.value()
	h.alive[v] = true
	h.say("git: new %s a=%s", id, v)
	h.k.commit(map[asset.ID][]byte{id: canon(h.t, id, "Title "+id.UID, "a", v)})
}

// editLive: a person in the server replaces what stands there knowingly.
func (h *history) editLive() {
	if len(h.s.objects) == 0 {
		return
	}
	ids := h.s.ids()
	id, f, v := ids[h.rnd.IntN(len(ids))], h.field(), h.value()
	delete(h.alive, h.s.field(id, f))
	h.s.set([]string{"Grace", "Ada", ""}[h.rnd.IntN(3)], id, f, v)
	h.alive[v] = true
	h.say("server: %s %s=%s", id, f, v)
}

func (h *history) deleteLive() {
	if len(h.s.objects) == 0 {
		return
	}
	ids := h.s.ids()
	id := ids[h.rnd.IntN(len(ids))]
	for _, v := range h.s.objects[id].fields {
		delete(h.alive, v)
	}
	h.s.drop(id)
	h.say("server: deleted %s", id)
}

func (h *history) pickGit() (asset.ID, []byte) {
	git := h.k.git()
	if len(git) == 0 {
		return asset.ID{}, nil
	}
	ids := slices.SortedFunc(maps.Keys(git), asset.ID.Compare)
	id := ids[h.rnd.IntN(len(ids))]
	return id, git[id]
}

func (h *history) editGit() {
	id, doc := h.pickGit()
	if doc == nil {
		return
	}
	f, v := h.field(), h.value()
	fields := read(h.t, doc)
	delete(h.alive, fields[f])
	fields[f] = v
	h.alive[v] = true
	h.say("git: %s %s=%s", id, f, v)
	h.k.commit(map[asset.ID][]byte{id: h.doc(id, fields)})
}

func (h *history) doc(id asset.ID, f fields) []byte {
	var kv []any
	for _, k := range slices.Sorted(maps.Keys(f)) {
		kv = append(kv, k, f[k])
	}
	return canon(h.t, id, "Title "+id.UID, kv...)
}

func (h *history) deleteGit() {
	id, doc := h.pickGit()
	if doc == nil {
		return
	}
	for _, v := range read(h.t, doc) {
		delete(h.alive, v)
	}
	h.say("git: deleted %s", id)
	h.k.commit(map[asset.ID][]byte{id: nil})
}

func (h *history) pull(accept bool) []Conflict {
	conflicts, held, changed := h.k.pull(accept)
	h.say("pull accept=%v: %d changed, %d conflicts, held %v", accept, changed, len(conflicts), held)
	h.observe()
	if held {
		return nil
	}
	head, base := h.k.git(), h.k.baseOf()
	if _, _, again := h.k.pull(false); again > 0 || !maps.EqualFunc(head, h.k.git(), equalBytes) || !maps.EqualFunc(base, h.k.baseOf(), equalBytes) {
		h.fail("a second pull changed something (%d assets)", again)
	}
	return conflicts
}

func equalBytes(a, b []byte) bool { return string(a) == string(b) }

// resolve settles every conflict the way a person does: one side, knowingly.
func (h *history) resolve() {
	h.choose(h.pull(false))
	h.pull(false)
}

func (h *history) choose(conflicts []Conflict) {
	for _, c := range conflicts {
		git, live := h.k.git(), h.liveDocs()
		h.say("resolve %s", c.ID)
		switch {
		case h.rnd.IntN(2) == 0: // live is right
			h.kill(git[c.ID], live[c.ID])
			h.k.commit(map[asset.ID][]byte{c.ID: live[c.ID]})
		case git[c.ID] == nil: // the deletion in Git is right
			h.kill(live[c.ID], nil)
			h.s.drop(c.ID)
		default:
			h.kill(live[c.ID], git[c.ID])
			h.apply(importer.Policy{Force: importer.Always, Select: func(i asset.Info) bool { return i.ID == c.ID }})
		}
	}
}

// kill drops the values of a document that another one does not have.
func (h *history) kill(doc, kept []byte) {
	stay := read(h.t, kept)
	for f, v := range read(h.t, doc) {
		if stay[f] != v {
			delete(h.alive, v)
		}
	}
}

func (h *history) liveDocs() map[asset.ID][]byte {
	out := map[asset.ID][]byte{}
	for _, id := range h.s.ids() {
		out[id] = h.doc(id, h.s.objects[id].fields)
	}
	return out
}

// disaster wipes the server; the brake must hold, and then a person restores Git
// or agrees.
func (h *history) disaster() {
	if len(h.k.git()) == 0 || len(h.s.objects) == 0 {
		return
	}
	h.resolve()
	h.k.apply(importer.Policy{})
	h.pull(false)
	git := h.k.git()
	if len(git) == 0 || len(h.k.baseOf()) == 0 {
		return
	}
	kept := map[string]bool{}
	for _, doc := range git {
		for _, v := range read(h.t, doc) {
			kept[v] = true
		}
	}
	maps.DeleteFunc(h.alive, func(v string, _ bool) bool { return !kept[v] }) // what was deleted in Git and still live is lost with the server
	h.s.wipe()
	h.say("server: wiped")
	_, held, _ := h.k.pull(false)
	if !held || !maps.EqualFunc(git, h.k.git(), equalBytes) {
		h.fail("the server is wiped and the brake does not hold")
	}
	if h.rnd.IntN(2) == 0 {
		h.say("restore")
		h.k.restore()
		clear(h.people)
		return
	}
	h.k.pull(true)
	h.say("pull --accept")
	if len(h.k.git()) != 0 {
		h.fail("after --accept Git holds %d assets", len(h.k.git()))
	}
	clear(h.alive)
}

func (h *history) step() {
	switch n := h.rnd.IntN(100); {
	case n < 30:
		h.editLive()
	case n < 52:
		h.editGit()
	case n < 56:
		h.createLive()
	case n < 60:
		h.createGit()
	case n < 63:
		h.deleteLive()
	case n < 66:
		h.deleteGit()
	case n < 80:
		h.pull(false)
	case n < 92:
		h.apply(importer.Policy{Prune: importer.Prune{Enabled: h.rnd.IntN(2) == 0}})
		h.observe()
	case n < 97:
		h.resolve()
	default:
		h.disaster()
	}
	h.check()
}

// apply may delete what dashkeep made, and nothing else.
func (h *history) apply(p importer.Policy) {
	before := map[asset.ID]bool{}
	for _, id := range h.s.ids() {
		before[id] = true
	}
	h.say("apply prune=%v force=%s", p.Prune.Enabled, p.Force)
	h.k.apply(p)
	for _, id := range h.s.ids() {
		if !before[id] {
			delete(h.people, id)
		}
		delete(before, id)
	}
	for id := range before {
		h.say("pruned %s", id)
		if !p.Prune.Enabled || h.people[id] {
			h.fail("%s is deleted on the server", id)
		}
	}
}

// observe lists every value there is and notes what both sides have in common.
func (h *history) observe() map[string]bool {
	git, live, there := h.k.git(), h.liveDocs(), map[string]bool{}
	for id, doc := range git {
		l := read(h.t, live[id])
		for f, v := range read(h.t, doc) {
			there[v] = true
			if l[f] == v {
				h.common[id.String()+"/"+f+"="+v] = true
			}
		}
	}
	for _, doc := range live {
		for _, v := range read(h.t, doc) {
			there[v] = true
		}
	}
	return there
}

// check: nothing is lost, and base holds only what was common.
func (h *history) check() {
	h.t.Helper()
	there := h.observe()
	for v := range h.alive {
		if !there[v] {
			h.fail("%s is lost", v)
		}
	}
	for p, doc := range h.k.baseOf() {
		a, err := normalize.Load(p, doc, fakeRules())
		if err != nil {
			h.fail("base: %v", err)
		}
		for f, v := range read(h.t, doc) {
			if !h.common[a.ID.String()+"/"+f+"="+v] {
				h.fail("base holds %s %s=%s, which Git and live never had in common", a.ID, f, v)
			}
		}
	}
}

// finish settles everything: then both sides are the same and nothing is lost.
func (h *history) finish() {
	if _, held, _ := h.k.pull(false); held { // people deleted the last of it, and mean it
		h.choose(h.pull(true))
	}
	h.resolve()
	h.check()
	h.k.apply(importer.Policy{})
	if c := h.pull(false); len(c) > 0 {
		h.fail("%d conflicts are left: %+v", len(c), c)
	}
	h.check()
	git, live := h.k.git(), h.liveDocs()
	for id, doc := range git {
		if string(live[id]) != string(doc) && live[id] != nil {
			h.fail("%s differs in the end:\n%s%s", id, doc, live[id])
		}
	}
}

// pure is a keeper made of the engine's pure parts.
type pure struct {
	t           testing.TB
	s           *fakeServer
	files, base map[asset.ID][]byte
	owned       map[asset.ID]bool
}

func newPure(t testing.TB, s *fakeServer) *pure {
	return &pure{t: t, s: s, files: map[asset.ID][]byte{}, base: map[asset.ID][]byte{}, owned: map[asset.ID]bool{}}
}

func (p *pure) git() map[asset.ID][]byte { return p.files }

func (p *pure) baseOf() map[string][]byte {
	out := map[string][]byte{}
	for id, doc := range p.base {
		out[basePath(id)] = doc
	}
	return out
}

func (p *pure) commit(changes map[asset.ID][]byte) {
	p.files = maps.Clone(p.files)
	for id, doc := range changes {
		if doc == nil {
			delete(p.files, id)
		} else {
			p.files[id] = doc
		}
	}
}

func (p *pure) set(docs map[asset.ID][]byte) *asset.Set {
	var as []*asset.Asset
	for id, doc := range docs {
		a, err := normalize.Load("prod/charts/"+id.UID+".yaml", doc, fakeRules())
		if err != nil {
			p.t.Fatal(err)
		}
		as = append(as, a)
	}
	s, err := asset.NewSet(as...)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *pure) live(ctx context.Context, ids []asset.ID) (*asset.Set, error) {
	return exporter.Export(ctx, p.s, exporter.Options{Rules: fakeRules(), IDs: ids})
}

func (p *pure) pull(accept bool) ([]Conflict, bool, int) {
	live, err := p.live(context.Background(), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	b := &base{set: p.set(p.base)}
	r := mustReconcile(p.t, p.set(p.files), live, b.set)
	brake := exporter.Brake{Removed: 10, ChangedPercent: 25}
	if held := brake.Check(exporter.Seen{Known: b.set.Len(), Live: live.Len(), Removed: r.Removed, Changed: len(r.Changed)}); held != nil && !accept {
		return nil, true, 0
	}
	for _, c := range r.Pulled {
		p.commit(map[asset.ID][]byte{c.Info.ID: c.After})
	}
	p.agree(b, r.Git, live, nil)
	return r.Conflicts, false, len(r.Pulled)
}

func (p *pure) agree(b *base, git map[asset.ID][]byte, live *asset.Set, written map[asset.ID][]byte) {
	for _, id := range allIDs(b.set, live, p.set(p.files)) {
		doc, err := (&Engine{}).agree(id, b, git, live, written[id])
		if err != nil {
			p.t.Fatal(err)
		}
		delete(p.base, id)
		if doc != nil {
			p.base[id] = doc
		}
	}
}

func (p *pure) apply(policy importer.Policy) {
	live, err := p.live(context.Background(), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	b := &base{set: p.set(p.base)}
	policy.Prune.Max, policy.Prune.MaxPercent = 10, 100
	policy.Prune.Owned = func(id asset.ID) bool { return p.owned[id] }
	plan, err := importer.MakePlan(p.set(p.files), live, b.set, policy)
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := importer.Apply(context.Background(), p.s, plan, importer.ApplyOptions{Read: p.live, Preimage: func(context.Context, *asset.Set) error { return nil },
		Created: func(_ context.Context, cs []importer.Change) {
			for _, c := range cs {
				p.owned[c.ID] = true
			}
		}})
	if err != nil || len(out.Failed()) > 0 {
		p.t.Fatal(err, out)
	}
	if len(out.Done) == 0 {
		return
	}
	git := map[asset.ID][]byte{}
	for _, d := range out.Done {
		git[d.ID] = p.files[d.ID]
		if d.Action == importer.Delete {
			delete(p.owned, d.ID)
		}
	}
	p.agree(b, git, out.Live, git)
}

func (p *pure) restore() { p.apply(importer.Policy{Force: importer.Always}) }

func TestHistory_inMemory(t *testing.T) {
	t.Logf("%d histories from seed %d", *historyCount, *historySeed)
	for i := range *historyCount {
		seed := *historySeed + uint64(i)
		s := newFake()
		h := newHistory(t, seed, s, newPure(t, s))
		h.say("seed %d", seed)
		for range 25 {
			h.step()
		}
		h.finish()
	}
}
