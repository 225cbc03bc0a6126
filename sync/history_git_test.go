package sync

import (
	"context"
	"strconv"
	"testing"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// onGit plays a history against the engine and a real repository. Commits by
// hand come from a second clone when there is a remote.
type onGit struct {
	*machine
	ada *machine // nil: commits by hand are made in the engine's own clone
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

func (g *onGit) pull(accept bool) ([]Conflict, bool, int) {
	before := g.machine.head()
	var opts []bool
	if accept {
		opts = append(opts, true)
	}
	run := g.machine.pull(opts...)
	if len(run.Failures) > 0 || len(run.Dirty) > 0 || len(run.Warnings) > 0 || run.Unpushed {
		g.l.Fatalf("pull: %+v", run)
	}
	if run.Commits == 0 && len(run.Pulled) > 0 || run.Held != nil && g.machine.head() != before && g.ada == nil {
		g.l.Fatalf("pull: %+v", run)
	}
	return run.Conflicts, run.Held != nil, len(run.Pulled)
}

func (g *onGit) apply(p importer.Policy) {
	if len(g.git()) == 0 {
		return // an empty Git is nothing to apply, and the engine says so
	}
	run := g.machine.apply(p)
	if run.Outcome != nil && len(run.Outcome.Failed()) > 0 {
		g.l.Fatalf("apply: %+v", run.Outcome.Failed())
	}
}

func (g *onGit) restore() {
	p, _, err := g.PlanRestore(context.Background(), "prod", RestoreOptions{})
	if err != nil {
		g.l.Fatal(err)
	}
	if _, err := g.Restore(context.Background(), p, nil); err != nil {
		g.l.Fatal(err)
	}
}

// playOnGit plays one history and checks the repository in the end.
func playOnGit(t *testing.T, seed uint64, steps int, remote bool) {
	l := newLab(t)
	s := newFake()
	g := &onGit{}
	url := ""
	if remote {
		url = l.remote()
	}
	g.machine = l.machine("clone", url, s)
	g.Instances[0].Prune = importer.Prune{Max: 10, MaxPercent: 100}
	if remote {
		s.set("Grace", chartID("00000000-uid"), "a", "v0")
		g.machine.pull() // makes the branch that Ada clones
		g.ada = l.machine("ada", url, s)
	}
	h := newHistory(t, seed, s, g)
	h.say("seed %d", seed)
	for range steps {
		h.step()
	}
	h.finish()
	h.headIsStill(g)
	l.fsck("clone")
	if out := l.git("clone", "status", "--porcelain"); out != "" {
		h.fail("git status:\n%s", out)
	}
	if remote {
		l.fsck("remote.git")
		if rev := l.git("remote.git", "rev-parse", "main"); rev != string(g.machine.head()) {
			h.fail("the remote is at %s, the clone at %s", rev, g.machine.head())
		}
	}
}

// headIsStill: a pull with nothing to do moves neither the branch nor base.
func (h *history) headIsStill(g *onGit) {
	head := g.machine.head()
	base, _ := g.machine.base()
	h.pull(false)
	if now, _ := g.machine.base(); g.machine.head() != head || now != base {
		h.fail("a pull without an edit moved head %s to %s, base %s to %s", head, g.machine.head(), base, now)
	}
}

func TestHistory_onGit(t *testing.T) {
	for i := range uint64(17) {
		t.Run(strconv.FormatUint(*historySeed+i, 10), func(t *testing.T) { playOnGit(t, *historySeed+i, 12, false) })
	}
}

func TestHistory_onGitWithRemote(t *testing.T) {
	for i := range uint64(3) {
		seed := *historySeed + 100 + i
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { playOnGit(t, seed, 7, true) })
	}
}
