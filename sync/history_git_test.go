package sync

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// onGit plays a history against the engine and a real repository. Commits by
// hand come from a second clone when there is a remote.
type onGit struct {
	*machine
	ada   *machine // nil: commits by hand are made in the engine's own clone
	s     *fakeServer
	files int
}

func (g *onGit) git() map[asset.ID][]byte {
	out := map[asset.ID][]byte{}
	m := g.machine
	if g.ada != nil { // Ada sees what is pushed and pushes at once, so her clone is the newest
		m = g.ada
		g.fetchAda()
	}
	for id, a := range m.files() {
		out[id] = a.Content
	}
	return out
}

func (g *onGit) fetchAda() {
	if _, err := g.ada.Repo.Fetch(context.Background()); err != nil {
		g.l.Fatal(err)
	}
}

func (g *onGit) baseOf() map[string][]byte { _, files := g.machine.base(); return files }

func (g *onGit) commit(changes map[asset.ID][]byte) {
	m := g.machine
	if g.ada != nil {
		m = g.ada
		g.fetchAda()
	}
	have, files := m.files(), map[string][]byte{}
	for id, doc := range changes {
		p := "prod/charts/by-hand." + id.UID[:8] + ".yaml"
		if a := have[id]; a != nil {
			p = a.Path
		}
		files[p] = doc
	}
	m.commit(files)
	if g.ada != nil {
		if err := m.Repo.Push(context.Background()); err != nil {
			g.l.Fatal(err)
		}
	}
}

func (g *onGit) pull(accept bool) pulled {
	before := g.machine.head()
	var opts []bool
	if accept {
		opts = append(opts, true)
	}
	run := g.machine.pull(opts...)
	if len(run.Failures) != len(g.s.broken) || len(run.Dirty) > 0 || len(run.Warnings) > 0 || run.Unpushed {
		g.l.Fatalf("pull: %+v", run)
	}
	if run.Commits == 0 && len(run.Pulled) > 0 || run.Held != nil && g.machine.head() != before && g.ada == nil {
		g.l.Fatalf("pull: %+v", run)
	}
	return pulled{conflicts: run.Conflicts, decided: run.Decided, edits: run.Edits, held: run.Held != nil, changed: len(run.Pulled)}
}

func (g *onGit) killPull() (pulled, bool) { return pulled{}, false } // TestCR2 kills the whole program

func (g *onGit) apply(p importer.Policy) wrote {
	if len(g.git()) == 0 {
		return wrote{plan: &importer.Plan{}} // an empty Git is nothing to apply, and the engine says so
	}
	plan, _, err := g.Plan(context.Background(), "prod", "", p)
	if err != nil {
		g.l.Fatal(err)
	}
	if g.files++; g.files%3 == 0 { // as apply reads it from a file
		data, err := importer.EncodePlan(plan, time.Now())
		if err == nil {
			plan, err = importer.DecodePlan(data)
		}
		if err != nil {
			g.l.Fatal(err)
		}
	}
	return g.carry(plan, func() (*Run, error) { return g.Apply(context.Background(), plan, nil) })
}

// carry runs something that writes, which may be killed in the middle.
func (g *onGit) carry(plan *importer.Plan, do func() (*Run, error)) (w wrote) {
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
	if _, err := do(); err != nil {
		g.l.Fatal(err)
	}
	return w
}

func (g *onGit) restore() wrote {
	p, _, err := g.PlanRestore(context.Background(), "prod", RestoreOptions{})
	if err != nil {
		g.l.Fatal(err)
	}
	return g.carry(p, func() (*Run, error) { return g.Restore(context.Background(), p, nil) })
}

func (g *onGit) undo() (wrote, map[asset.ID][]byte) {
	b, err := g.FindBackup("", g.Instances)
	if err != nil {
		return wrote{}, nil
	}
	p, _, err := g.PlanUndo(context.Background(), b, importer.IfUnchanged)
	if err != nil {
		g.l.Fatal(err)
	}
	_, _, after, err := g.openBackup(g.Instances[0], b)
	if err != nil {
		g.l.Fatal(err)
	}
	made := map[asset.ID][]byte{}
	for a := range after.All() {
		made[a.ID] = a.Content
	}
	return g.carry(p, func() (*Run, error) { return g.Undo(context.Background(), b, p, nil) }), made
}

func (g *onGit) resolve(id asset.ID, side importer.OnConflict) bool {
	g.machine.resolve(id.String(), Take{Side: side})
	return true
}

// playOnGit plays one history and checks the repository in the end.
func playOnGit(t *testing.T, seed uint64, steps int, remote bool) {
	l := newLab(t)
	s := newFake()
	g := &onGit{s: s}
	url := ""
	if remote {
		url = l.remote()
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	rule, window := drawRule(rnd)
	g.machine = l.machine("clone", url, s)
	g.machine.Now = l.now
	in := g.machine.Instances[0]
	in.Prune = importer.Prune{Max: 10, MaxPercent: 100}
	in.Rule = func(asset.Info) importer.Rule { return rule }
	if window {
		in.RevertWindow = 100 * 365 * 24 * time.Hour
	}
	if remote {
		s.set("Grace", chartID("00000000-uid"), "a", "v0")
		g.machine.pull() // makes the branch that Ada clones
		g.ada = l.machine("ada", url, s)
	}
	m := newModel(t, rnd, s, g, rule, window)
	m.say("seed %d", seed)
	for range steps {
		m.step()
	}
	m.finish()
	m.headIsStill(g)
	l.fsck("clone")
	if out := l.git("clone", "status", "--porcelain"); out != "" {
		m.fail("git status:\n%s", out)
	}
	if remote {
		l.fsck("remote.git")
		if rev := l.git("remote.git", "rev-parse", "main"); rev != string(g.machine.head()) {
			m.fail("the remote is at %s, the clone at %s", rev, g.machine.head())
		}
	}
}

// headIsStill: a pull with nothing to do moves neither the branch nor base.
func (m *model) headIsStill(g *onGit) {
	head := g.machine.head()
	base, _ := g.machine.base()
	m.pull(false)
	if now, _ := g.machine.base(); g.machine.head() != head || now != base {
		m.fail("a pull without an edit moved head %s to %s, base %s to %s", head, g.machine.head(), base, now)
	}
}

// TestCC4_onGit plays them against the engine and real repositories, one in four with
// a remote to which somebody else pushes.
func TestCC4_onGit(t *testing.T) {
	t.Logf("%d histories from seed %d", *gitCount, *historySeed)
	for i := range uint64(*gitCount) {
		seed := *historySeed + i
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel() // each has a server and repositories of its own
			if seed%4 == 0 {
				playOnGit(t, seed, 8, true)
			} else {
				playOnGit(t, seed, 14, false)
			}
		})
	}
}
