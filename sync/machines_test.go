package sync

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// hook makes the bare remote run a script before it takes a push.
func (l *lab) hook(script string) {
	l.Helper()
	if err := os.WriteFile(l.path("remote.git", "hooks", "pre-receive"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		l.Fatal(err)
	}
}

// A host that takes the branch and refuses our own refs costs a warning.
func TestRemote_ownRefsRefused(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.set("Grace", n(1), "a", "1")
	remote := l.remote()
	l.hook("while read old new ref; do case $ref in refs/dashkeep/*) echo no refs but branches; exit 1;; esac; done")
	m := l.machine("clone", remote, s)
	run := m.pull()
	if len(run.Warnings) != 1 || !strings.Contains(run.Warnings[0], "no refs but branches") || !run.Pushed || run.Code() != 0 {
		t.Fatalf("%+v", run)
	}
	if rev := l.git("remote.git", "rev-parse", "main"); rev != string(m.head()) {
		t.Error("the branch is not pushed")
	}
	m.commit(map[string][]byte{m.files()[n(1)].Path: canon(t, n(1), "Title", "a", "2")})
	run = m.apply(importer.Policy{})
	if s.field(n(1), "a") != "2" || run.Code() != 0 || run.Backup == "" || len(run.Warnings) == 0 {
		t.Errorf("apply: %+v, live %q", run, s.field(n(1), "a"))
	}
	if run := m.pull(); run.Commits != 0 || len(run.Conflicts) > 0 {
		t.Errorf("the next pull: %+v", run)
	}
}

// A remote that is gone for a while costs a warning; everything goes out later.
func TestRemote_down(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.set("Grace", n(1), "a", "1")
	remote := l.remote()
	m := l.machine("clone", remote, s)
	m.pull()
	if err := os.Rename(remote, remote+".away"); err != nil {
		t.Fatal(err)
	}
	s.set("Grace", n(1), "a", "2")
	run := m.pull()
	if !run.Unpushed || run.Commits != 1 || run.Code() != 3 || len(run.Warnings) == 0 {
		t.Errorf("%+v", run)
	}
	if run := m.pull(); run.Commits != 0 || !run.Unpushed {
		t.Errorf("a second pull: %+v", run)
	}
	m.commit(map[string][]byte{m.files()[n(1)].Path: canon(t, n(1), "Title", "a", "3")})
	if run := m.apply(importer.Policy{}); s.field(n(1), "a") != "3" || !run.Unpushed {
		t.Errorf("apply without the remote: live %q, %+v", s.field(n(1), "a"), run)
	}
	if err := os.Rename(remote+".away", remote); err != nil {
		t.Fatal(err)
	}
	if run := m.pull(); !run.Pushed || run.Commits != 0 {
		t.Errorf("%+v", run)
	}
	if rev := l.git("remote.git", "rev-parse", "main"); rev != string(m.head()) {
		t.Error("the commits did not go out")
	}
	base, _ := m.base()
	if rev := l.git("remote.git", "rev-parse", refName("base", "prod")); rev != string(base) {
		t.Error("base did not go out")
	}
}

// Somebody pushes while a pull is reading: both get in, nothing is forced.
func TestRemote_movesDuringPull(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.set("Grace", n(1), "a", "1")
	s.set("Grace", n(2), "a", "1")
	remote := l.remote()
	m := l.machine("clone", remote, s)
	m.pull()
	ada := &onGit{machine: m, ada: l.machine("ada", remote, s)}
	s.set("Grace", n(1), "a", "2")
	s.onExport = func(context.Context, []asset.ID) error {
		s.onExport = nil
		ada.commit(map[asset.ID][]byte{n(2): canon(t, n(2), "Title", "a", "3")})
		return nil
	}
	if run := m.pull(); !run.Pushed || run.Code() != 0 {
		t.Fatalf("%+v", run)
	}
	git := ada.git()
	if read(t, git[n(1)])["a"] != "2" || read(t, git[n(2)])["a"] != "3" {
		t.Errorf("Git holds %s%s", git[n(1)], git[n(2)])
	}
	if run := m.pull(); run.Commits != 0 {
		t.Errorf("%+v", run)
	}
	if m.apply(importer.Policy{}); s.field(n(2), "a") != "3" || s.field(n(1), "a") != "2" {
		t.Error("the apply is wrong")
	}
}

// Two machines move base apart. Joining them keeps what either learned: a value
// that one machine saw move must not look unmoved on the other, or a person's
// return to the old value would be taken for nothing and be overwritten.
func TestTwoMachines_joinedBaseKeepsWhatEachLearned(t *testing.T) {
	for _, first := range []string{"one", "two"} {
		t.Run(first+" pushes first", func(t *testing.T) {
			l := newLab(t)
			s := newFake()
			s.set("Grace", n(1), "a", "old")
			s.set("Grace", n(2), "a", "old")
			remote := l.remote()
			one := l.machine("one", remote, s)
			one.pull()
			two := l.machine("two", remote, s)
			two.pull()
			l.hook("exit 1") // nobody can push for a while: each works alone
			s.set("Grace", n(1), "a", "new")
			if run, _ := one.Pull(context.Background(), "prod", PullOptions{}); run.Commits != 1 {
				t.Fatalf("%+v", run)
			}
			s.set("Grace", n(1), "a", "old") // back again, for the second machine to see
			s.set("Grace", n(2), "a", "new")
			if run, _ := two.Pull(context.Background(), "prod", PullOptions{}); run.Commits != 1 {
				t.Fatalf("%+v", run)
			}
			if err := os.Remove(l.path("remote.git", "hooks", "pre-receive")); err != nil {
				t.Fatal(err)
			}
			ms := []*machine{one, two}
			if first == "two" {
				ms[0], ms[1] = two, one
			}
			for range 2 {
				for _, m := range ms {
					if run := m.pull(); run.Code() != 0 {
						t.Fatalf("%s: %+v", m.name, run)
					}
				}
			}
			for _, m := range ms {
				m.apply(importer.Policy{})
			}
			if s.field(n(1), "a") != "old" || s.field(n(2), "a") != "new" {
				t.Errorf("a person's edit is overwritten: live is %q and %q", s.field(n(1), "a"), s.field(n(2), "a"))
			}
			a, _ := one.base()
			one.pull()
			two.pull()
			if b, _ := two.base(); one.head() != two.head() {
				t.Errorf("heads %s %s, bases %s %s", one.head(), two.head(), a, b)
			}
		})
	}
}

// Two machines take turns; nobody's edit is lost and nothing is deleted.
func TestTwoMachines_takingTurns(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			l := newLab(t)
			s := newFake()
			for i := range 3 {
				s.set("Grace", n(i+1), "a", "start")
			}
			remote := l.remote()
			one := l.machine("one", remote, s)
			one.pull()
			two := l.machine("two", remote, s)
			ms := []*machine{one, two}
			rnd := rand.New(rand.NewPCG(seed, 1))
			for step := range 8 {
				m := ms[rnd.IntN(2)]
				switch rnd.IntN(3) {
				case 0:
					m.pull()
					m.apply(importer.Policy{})
				default:
					v := fmt.Sprint("v", step)
					id := n(1 + rnd.IntN(3))
					s.set("Grace", id, "a", v)
					if run := m.pull(); run.Code() != 0 || read(t, m.files()[id].Content)["a"] != v {
						t.Fatalf("%s lost %s: %+v", m.name, v, run)
					}
				}
			}
			for _, m := range ms {
				if run := m.pull(); run.Commits > 0 || run.Code() != 0 {
					t.Errorf("%s in the end: %+v", m.name, run)
				}
			}
			if len(s.objects) != 3 || len(one.files()) != 3 || len(two.files()) != 3 {
				t.Error("something is deleted")
			}
			l.fsck("one")
			l.fsck("two")
			l.fsck("remote.git")
		})
	}
}

// Ids that two machines bound apart are joined, and a machine that has the map
// open already can go on binding.
func TestTwoMachines_idsAreJoined(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.set("Grace", n(1), "a", "1")
	remote := l.remote()
	one := l.machine("one", remote, s)
	one.pull()
	two := l.machine("two", remote, s)
	var maps []*IDs
	for i, m := range []*machine{one, two} {
		ids, err := LoadIDs(m.Repo, "prod")
		if err != nil {
			t.Fatal(err)
		}
		if err := ids.Bind(platform.Binding{ID: n(i + 1), Server: fmt.Sprint("row ", i+1)}); err != nil {
			t.Fatal(err)
		}
		maps = append(maps, ids)
	}
	one.pull()
	two.pull()
	one.pull()
	for i, m := range []*machine{one, two} {
		if err := maps[i].Bind(platform.Binding{ID: n(i + 3), Server: fmt.Sprint("row ", i+3)}); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		ids, err := LoadIDs(m.Repo, "prod")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{1, 2, i + 3} {
			if row, ok := ids.Server(n(want)); !ok || row != fmt.Sprint("row ", want) {
				t.Errorf("%s: %s is bound to %q", m.name, n(want), row)
			}
			if row, ok := maps[i].Server(n(want)); !ok || row != fmt.Sprint("row ", want) {
				t.Errorf("%s, opened before: %s is bound to %q", m.name, n(want), row)
			}
		}
	}
	two.pull()
	one.pull()
	if refs, err := filepath.Glob(l.path("*")); err != nil || len(refs) != 3 {
		t.Error(refs, err)
	}
}

func (l *lab) unhook() {
	l.Helper()
	if err := os.Remove(l.path("remote.git", "hooks", "pre-receive")); err != nil {
		l.Fatal(err)
	}
}
