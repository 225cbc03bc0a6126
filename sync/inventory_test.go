package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Two machines change the inventory apart.
func TestTwoMachines_inventoryIsJoined(t *testing.T) {
	l := newLab(t)
	s := newFake()
	for i := range 4 {
		s.set("Grace", n(i+1), "a", "1")
	}
	remote := l.remote()
	one := l.machine("one", remote, s)
	one.pull()
	only := func(ids ...asset.ID) func(asset.Info) bool {
		return func(i asset.Info) bool { return strings.Contains(fmt.Sprint(ids), i.ID.String()) }
	}
	if _, err := one.Manage(context.Background(), "prod", only(n(1), n(2))); err != nil {
		t.Fatal(err)
	}
	two := l.machine("two", remote, s)
	two.pull()
	l.hook("exit 1")
	a, err1 := one.Release(context.Background(), "prod", only(n(1)))
	b, err2 := two.Manage(context.Background(), "prod", only(n(3)))
	if err := errors.Join(err1, err2); err != nil || len(a.Warnings) == 0 || len(b.Warnings) == 0 {
		t.Fatalf("%v, or the hook lets everything through", err)
	}
	l.unhook()
	for range 2 {
		one.pull()
		two.pull()
	}
	for _, m := range []*machine{one, two} {
		if v := m.inventory(); v.owns(n(1)) || !v.owns(n(2)) || !v.owns(n(3)) || len(v.Assets) != 2 {
			t.Errorf("%s: %+v", m.name, v.Assets)
		}
	}
}

func TestInventory_trim(t *testing.T) {
	v := &inventory{Assets: map[string]Owned{}, Deleted: map[string]Tombstone{}}
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for i := range tombstoneCount + 10 {
		v.bury(n(i), Tombstone{At: now.Add(-time.Duration(i) * time.Minute)})
	}
	v.bury(chartID("ancient-1"), Tombstone{At: now.Add(-tombstoneAge - time.Second)})
	v.trim(now)
	_, youngest := v.tombstone(n(0))
	_, oldest := v.tombstone(n(tombstoneCount))
	if len(v.Deleted) != tombstoneCount || !youngest || oldest {
		t.Errorf("%d are left, the youngest %v, the oldest %v", len(v.Deleted), youngest, oldest)
	}
}

func TestInventory_join(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 6, day, 0, 0, 0, 0, time.UTC) }
	owned := func(run string, day int) Owned { return Owned{How: howCreated, Run: run, At: at(day)} }
	enc := func(assets map[string]Owned, deleted map[string]Tombstone) []byte {
		return encodeOwn(&inventory{Assets: assets, Deleted: deleted}, nil)
	}
	fork := enc(map[string]Owned{"chart:a": owned("1", 1), "chart:b": owned("1", 1), "chart:c": owned("1", 1)}, nil)
	ours := enc(map[string]Owned{"chart:b": owned("1", 1), "chart:c": owned("2", 2), "chart:d": owned("2", 2)}, map[string]Tombstone{"chart:a": {Run: "2", At: at(2)}, "chart:x": {At: at(1)}})
	theirs := enc(map[string]Owned{"chart:a": owned("1", 1), "chart:x": owned("3", 3)}, map[string]Tombstone{"chart:b": {Run: "3", At: at(3)}, "chart:c": {At: at(3)}})
	for name, got := range map[string][]byte{"one way": joinInventory(fork, ours, theirs), "the other": joinInventory(fork, theirs, ours)} {
		v, err := decodeInventory(got)
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Assets) != 2 || !v.owns(chartID("d")) || !v.owns(chartID("x")) || len(v.Deleted) != 3 {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if got := joinInventory(fork, []byte("{"), theirs); string(got) != string(theirs) {
		t.Error("a damaged one wins")
	}
}
