package sync

import (
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// TestIDs_twoMachines: a run that has minted an id for an object, before another
// machine's name for it came, must not take the object away from that one.
func TestIDs_twoMachines(t *testing.T) {
	l := newLab(t)
	m := l.machine("clone", "", newFake())
	load := func() *IDs {
		ids, err := LoadIDs(m.Repo, "prod")
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	ours, theirs := load(), load()
	minted := asset.ID{Kind: "dashboard", UID: ours.UID("dashboard", "7")}
	named := asset.ID{Kind: "dashboard", UID: "zz-named-in-git"}
	if err := theirs.Bind(platform.Binding{ID: named, Server: "7"}); err != nil {
		t.Fatal(err)
	}
	if err := ours.Keep(); err != nil {
		t.Fatal(err)
	}
	for name, ids := range map[string]*IDs{"ours": ours, "durable": load()} {
		if s, ok := ids.Server(named); !ok || s != "7" || ids.UID("dashboard", "7") != named.UID {
			t.Errorf("%s: %s is %q, and 7 is %s", name, named, s, ids.UID("dashboard", "7"))
		}
		if s, ok := ids.Server(minted); ok {
			t.Errorf("%s: the minted id is %q too", name, s)
		}
	}
}

// TestIDs_freshAtEachRun: a process that runs for long sees what others bound.
func TestIDs_freshAtEachRun(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.set("Grace", n(1), "a", "1")
	m := l.machine("clone", "", s)
	for _, name := range []string{"ours", "theirs"} {
		ids, err := LoadIDs(m.Repo, "prod")
		if err != nil {
			t.Fatal(err)
		}
		if name == "ours" {
			m.Instances[0].IDs = ids
			continue
		}
		if err := ids.Bind(platform.Binding{ID: n(1), Server: "7"}); err != nil {
			t.Fatal(err)
		}
	}
	m.pull()
	if uid := m.Instances[0].IDs.UID("chart", "7"); uid != n(1).UID {
		t.Errorf("7 is %s", uid)
	}
}

// TestIDs_swap: what moves within one call is lost on neither side.
func TestIDs_swap(t *testing.T) {
	m := newLab(t).machine("clone", "", newFake())
	ids, err := LoadIDs(m.Repo, "prod")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range [][2]string{{"1", "2"}, {"2", "1"}} {
		if err := ids.Bind(platform.Binding{ID: n(1), Server: at[0]}, platform.Binding{ID: n(2), Server: at[1]}); err != nil {
			t.Fatal(err)
		}
		for i, id := range []asset.ID{n(1), n(2)} {
			if s, ok := ids.Server(id); !ok || s != at[i] || ids.UID("chart", at[i]) != id.UID {
				t.Errorf("%s is %q, want %s; and that is %s", id, s, at[i], ids.UID("chart", at[i]))
			}
		}
	}
}
