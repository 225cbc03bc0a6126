package sync

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// pure is a keeper made of the engine's pure parts.
type pure struct {
	t           reporter
	s           *fakeServer
	rule        importer.Rule
	window      bool
	memo        *memo
	files, base map[asset.ID][]byte
	kept        map[asset.ID][]string // contested pointers of open conflicts
	runs        []pureRun             // oldest first
	owned       map[asset.ID]bool     // the inventory
}

// pureRun is the pre-image of a run.
type pureRun struct {
	ids           []asset.ID
	before, after map[asset.ID][]byte
}

func newPure(t reporter, s *fakeServer, rule importer.Rule, window bool) *pure {
	return &pure{t: t, s: s, rule: rule, window: window, memo: newMemo(), files: map[asset.ID][]byte{}, base: map[asset.ID][]byte{}, owned: map[asset.ID]bool{}}
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
	for _, doc := range docs {
		as = append(as, p.memo.load(doc))
	}
	s, err := asset.NewSet(as...)
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	return s
}

func (p *pure) live(_ context.Context, ids []asset.ID) (*asset.Set, error) {
	docs := map[asset.ID][]byte{}
	for id, o := range p.s.objects {
		if !p.s.broken[id] && (ids == nil || slices.Contains(ids, id)) {
			docs[id] = p.memo.encode(id, o.fields)
		}
	}
	s := p.set(docs)
	for id := range p.s.broken {
		if p.s.objects[id] != nil && (ids == nil || slices.Contains(ids, id)) {
			s.Fail(asset.Failure{Info: p.s.info(id), Err: fmt.Errorf("500")})
		}
	}
	return s, nil
}

func (p *pure) policy(o importer.Policy) importer.Policy {
	o.Rule = func(asset.Info) importer.Rule { return p.rule }
	o.Returned = p.returned
	o.Prune.Max, o.Prune.MaxPercent = 10, 100
	o.Prune.Owned = func(id asset.ID) bool { return p.owned[id] }
	return o
}

func (p *pure) returned(id asset.ID, base, live []byte) ([]string, error) {
	found, err := merge.Moved(base, live, p.kept[id])
	if err != nil || !p.window {
		return found, err
	}
	var writes []merge.Write
	for _, r := range slices.Backward(p.runs) {
		if slices.Contains(r.ids, id) {
			writes = append(writes, merge.Write{Before: r.before[id], After: r.after[id]})
		}
	}
	now, err := merge.Returned(base, live, writes)
	return append(found, now...), err
}

func (p *pure) pull(accept bool) pulled { return p.pullTo(accept, true) }

func (p *pure) killPull() (pulled, bool) { return p.pullTo(false, false), true }

func (p *pure) pullTo(accept, whole bool) pulled {
	live, _ := p.live(context.Background(), nil)
	b := &base{set: p.set(p.base)}
	r, err := reconcile(p.set(p.files), live, b.set, ways{pathOf: func(a *asset.Asset) string { return "f" }, policy: p.policy(importer.Policy{})})
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	brake := exporter.Brake{Removed: 10, ChangedPercent: 25}
	if held := brake.Check(exporter.Seen{Known: b.set.Len(), Live: live.Len() + len(live.Failed()), Removed: r.Removed, Changed: len(r.Changed)}); held != nil && !accept {
		return pulled{held: true}
	}
	contested := map[asset.ID][]string{}
	for id := range p.s.broken {
		contested[id] = p.kept[id]
	}
	for _, c := range slices.Concat(r.Conflicts, r.Decided) {
		at, err := p.returned(c.ID, p.base[c.ID], content(live.Get(c.ID)))
		if err != nil {
			p.t.Fatalf("%v", err)
		}
		for _, v := range c.Values {
			if c.Winner != importer.Live && slices.Contains(at, v.Path) {
				contested[c.ID] = append(contested[c.ID], v.Path)
			}
		}
	}
	for _, c := range r.Pulled {
		p.commit(map[asset.ID][]byte{c.Info.ID: c.After})
	}
	if whole {
		p.agree(b, r.Git, live, nil)
		p.kept = contested
	}
	return pulled{conflicts: r.Conflicts, decided: r.Decided, edits: r.Edits, changed: len(r.Pulled)}
}

func (p *pure) agree(b *base, git map[asset.ID][]byte, live *asset.Set, written map[asset.ID][]byte) {
	for _, id := range allIDs(b.set, live, p.set(p.files)) {
		doc, err := (&Engine{}).agree(id, b, git, live, written[id])
		if err != nil {
			p.t.Fatalf("%v", err)
		}
		delete(p.base, id)
		if doc != nil {
			p.base[id] = doc
		}
	}
}

func (p *pure) apply(policy importer.Policy) wrote {
	live, _ := p.live(context.Background(), nil)
	plan, err := importer.MakePlan(p.set(p.files), live, p.set(p.base), p.policy(policy))
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	return p.carryOut(plan)
}

func (p *pure) restore() wrote { return p.apply(importer.Policy{Force: importer.Always}) }

// carryOut writes a plan. A kill leaves the pre-image and what was written so far.
func (p *pure) carryOut(plan *importer.Plan) (w wrote) {
	w.plan = plan
	defer func() {
		switch v := recover().(type) {
		case nil:
		case killed:
			w.killed = true
		default:
			panic(v)
		}
	}()
	keep := func(_ context.Context, live *asset.Set) error {
		r := pureRun{before: map[asset.ID][]byte{}, after: map[asset.ID][]byte{}}
		for _, c := range plan.Changes {
			if c.Applies() {
				r.ids = append(r.ids, c.ID)
				if l := live.Get(c.ID); l != nil {
					r.before[c.ID] = l.Content
				}
				if c.Action != importer.Delete {
					r.after[c.ID] = c.After.Content
				}
			}
		}
		p.runs = append(p.runs, r)
		return nil
	}
	out, err := importer.Apply(context.Background(), p.s, plan, importer.ApplyOptions{Read: p.live, Preimage: keep,
		Created: func(_ context.Context, cs []importer.Change) {
			for _, c := range cs {
				p.owned[c.ID] = true
			}
		}})
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	if out.Live == nil {
		return w
	}
	b := &base{set: p.set(p.base)}
	git, written := map[asset.ID][]byte{}, map[asset.ID][]byte{}
	for _, d := range out.Done {
		if d.Err == nil {
			git[d.ID] = p.files[d.ID]
			if d.Action == importer.Delete {
				delete(p.owned, d.ID)
			} else {
				written[d.ID] = d.After.Content
			}
		}
	}
	p.agree(b, git, out.Live, written)
	return w
}

func (p *pure) undo() (wrote, map[asset.ID][]byte) {
	if len(p.runs) == 0 {
		return wrote{}, nil
	}
	r := p.runs[len(p.runs)-1]
	live, _ := p.live(context.Background(), nil)
	plan, err := importer.MakeUndo(r.ids, p.set(r.before), p.set(r.after), live, p.policy(importer.Policy{}))
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	return p.carryOut(plan), r.after
}

func (p *pure) resolve(asset.ID, importer.OnConflict) bool { return false }

// rapidChooser draws from rapid, so that a failing history is made small.
type rapidChooser struct{ t *rapid.T }

func (c rapidChooser) IntN(n int) int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return rapid.SampledFrom(all).Draw(c.t, "")
}

// TestCC4_inMemory plays random histories of edits on both sides, branches, pulls,
// applies, undos, faults and kills over several assets, under every policy, against
// the pure parts of the engine. Each batch prints its seed:
//
//	go test ./sync -run TestCC4_inMemory -args -histories=200 -seed=SEED
func TestCC4_inMemory(t *testing.T) {
	const batch = 200
	setFlag := func(name, value string) {
		old := flag.Lookup(name).Value.String()
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = flag.Set(name, old) })
	}
	setFlag("rapid.nofailfile", "true")
	setFlag("rapid.checks", fmt.Sprint(min(batch, *historyCount)))
	for i := 0; i < *historyCount; i += batch {
		seed := *historySeed + uint64(i) // rapid counts its seed up with each history
		setFlag("rapid.seed", fmt.Sprint(seed))
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				rnd := rapidChooser{t}
				s := newFake()
				rule, window := drawRule(rnd)
				m := newModel(t, rnd, s, newPure(t, s, rule, window), rule, window)
				for range 20 {
					m.step()
				}
				m.finish()
			})
		})
	}
	t.Logf("%d histories from seed %d", *historyCount, *historySeed)
}
