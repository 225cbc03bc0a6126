package importer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// doc is a canonical chart with two fields.
func doc(t testing.TB, uid, a, b string, refs ...asset.ID) *asset.Asset {
	t.Helper()
	return kindDoc(t, "chart", uid, a, b, refs...)
}

func kindDoc(t testing.TB, kind asset.Kind, uid, a, b string, refs ...asset.ID) *asset.Asset {
	t.Helper()
	d := asset.Document{Format: "fake/1", Kind: kind, UID: uid, Title: "Chart " + uid, Spec: asset.Map("a", a, "b", b)}
	content, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return &asset.Asset{Info: asset.Info{ID: d.ID(), Title: d.Title}, Content: content, Refs: refs}
}

func set(t testing.TB, as ...*asset.Asset) *asset.Set {
	t.Helper()
	var present []*asset.Asset
	for _, a := range as {
		if a != nil {
			present = append(present, a)
		}
	}
	s, err := asset.NewSet(present...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func always(o importer.Overwrite) importer.Policy {
	return importer.Policy{Rule: func(asset.Info) importer.Rule { return importer.Rule{Overwrite: o} }}
}

// TestMakePlan_overwriteTable is the table of SPEC section 3, and what stands
// around it.
func TestMakePlan_overwriteTable(t *testing.T) {
	const u = "u1"
	b, git, live := doc(t, u, "1", "1"), doc(t, u, "2", "1"), doc(t, u, "3", "1")
	liveB := doc(t, u, "1", "9") // live moved another value
	both := doc(t, u, "2", "9")
	tests := []struct {
		name                string
		desired, live, base *asset.Asset
		policy              importer.Policy
		action              importer.Action
		after               *asset.Asset // nil: not looked at
		conflicts           int
		skip                string // substring; "" means none
		nothing             bool   // no change at all
	}{
		{name: "in sync", desired: b, live: b, base: b, nothing: true},
		{name: "if-unchanged, only live moved: live stays", desired: b, live: live, base: b, nothing: true},
		{name: "if-unchanged, only Git moved: written", desired: git, live: b, base: b, action: importer.Update, after: git},
		{name: "if-unchanged, both moved apart: conflict", desired: git, live: live, base: b, action: importer.Update, conflicts: 1},
		{name: "if-unchanged, both moved other values: merged", desired: git, live: liveB, base: b, action: importer.Update, after: both},
		{name: "always, only live moved: Git is written", desired: b, live: live, base: b, policy: always(importer.Always), action: importer.Update, after: b},
		{name: "always, both moved: Git is written", desired: git, live: live, base: b, policy: always(importer.Always), action: importer.Update, after: git},
		{name: "never, only Git moved: live stays", desired: git, live: b, base: b, policy: always(importer.Never), action: importer.Update, skip: "overwrite is never"},
		{name: "never, new in Git: created", desired: git, policy: always(importer.Never), action: importer.Create, after: git},
		{name: "protect", desired: git, live: b, base: b, policy: importer.Policy{Rule: func(asset.Info) importer.Rule { return importer.Rule{Overwrite: importer.Always, Protect: true} }}, action: importer.Update, skip: "protected"},
		{name: "protect is stronger than force", desired: git, live: b, base: b, policy: importer.Policy{Force: importer.Always, Rule: func(asset.Info) importer.Rule { return importer.Rule{Protect: true} }}, action: importer.Update, skip: "protected"},
		{name: "ignore keeps live's value", desired: git, live: live, base: b, policy: importer.Policy{Rule: func(asset.Info) importer.Rule { return importer.Rule{Ignore: []string{"/spec/a"}} }}, nothing: true},
		{name: "new on the server: the next pull's", live: live, nothing: true},
		{name: "deleted in Git: not pruned", live: b, base: b, action: importer.Delete, skip: "pruning is off"},
		{name: "deleted on the server: not created again", desired: b, base: b, action: importer.Create, skip: "deleted on the server"},
		{name: "deleted on the server, always: created", desired: b, base: b, policy: always(importer.Always), action: importer.Create, after: b},
		{name: "deleted on the server, selected: created", desired: b, base: b, policy: importer.Policy{Select: func(asset.Info) bool { return true }}, action: importer.Create, after: b},
		{name: "no base, different: conflict, never a guess", desired: git, live: live, action: importer.Update, conflicts: 1},
		{name: "force overrules the rule", desired: git, live: live, base: b, policy: importer.Policy{Force: importer.Never}, action: importer.Update, skip: "never"},
		{name: "outside --select", desired: git, live: b, base: b, policy: importer.Policy{Select: func(asset.Info) bool { return false }}, nothing: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := importer.MakePlan(set(t, tt.desired), set(t, tt.live), set(t, tt.base), tt.policy)
			if err != nil {
				t.Fatal(err)
			}
			if tt.nothing {
				if len(p.Changes) != 0 {
					t.Fatalf("got %+v, want no change", p.Changes)
				}
				return
			}
			if len(p.Changes) != 1 {
				t.Fatalf("got %d changes, want 1", len(p.Changes))
			}
			c := p.Changes[0]
			if c.Action != tt.action || len(c.Conflicts) != tt.conflicts || (tt.skip == "") != (c.Skip == "") || !strings.Contains(c.Skip, tt.skip) {
				t.Errorf("got %s, %d conflicts, skip %q", c.Action, len(c.Conflicts), c.Skip)
			}
			if tt.after != nil && string(c.After.Content) != string(tt.after.Content) {
				t.Errorf("After is\n%s\nwant\n%s", c.After.Content, tt.after.Content)
			}
			if c.Applies() != (tt.skip == "" && tt.conflicts == 0) {
				t.Errorf("Applies() = %v", c.Applies())
			}
		})
	}
}

// An asset that could not be read is neither written nor treated as absent.
func TestMakePlan_unreadableIsNotAbsent(t *testing.T) {
	b, git := doc(t, "u1", "1", "1"), doc(t, "u1", "2", "1")
	live := set(t)
	live.Fail(asset.Failure{Info: b.Info, Err: errors.New("500")})
	p, err := importer.MakePlan(set(t, git), live, set(t, b), always(importer.Always))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Changes) != 1 || p.Changes[0].Applies() || !strings.Contains(p.Changes[0].Skip, "500") {
		t.Errorf("unreadable live: %+v", p.Changes)
	}
	desired := set(t)
	desired.Fail(asset.Failure{Info: b.Info, Err: errors.New("line 3")})
	p, err = importer.MakePlan(desired, set(t, b), set(t, b), always(importer.Always))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Changes) != 1 || p.Changes[0].Applies() || p.Changes[0].Action == importer.Delete {
		t.Errorf("unreadable file: %+v", p.Changes)
	}
}

// What the server cannot show counts as Git's, both ways.
func TestMakePlan_unreadPointersAreNoDifference(t *testing.T) {
	git, live := doc(t, "u1", "1", "1"), doc(t, "u1", "1", "gone")
	live.Unread = []string{"/spec/b"}
	p, err := importer.MakePlan(set(t, git), set(t, live), set(t, git), always(importer.Always))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Changes) != 0 {
		t.Errorf("got %+v", p.Changes)
	}
}

func TestPlan_Levels(t *testing.T) {
	id := func(k, u string) asset.ID { return asset.ID{Kind: asset.Kind(k), UID: u} }
	desired := set(t,
		kindDoc(t, "dashboard", "d", "1", "1", id("chart", "c"), id("chart", "elsewhere")),
		kindDoc(t, "chart", "c", "1", "1", id("dataset", "s")),
		kindDoc(t, "dataset", "s", "1", "1", id("database", "b")),
		kindDoc(t, "database", "b", "1", "1"),
		kindDoc(t, "chart", "loop1", "1", "1", id("chart", "loop2")),
		kindDoc(t, "chart", "loop2", "1", "1", id("chart", "loop1")),
	)
	p, err := importer.MakePlan(desired, nil, nil, importer.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, level := range p.Levels() {
		var names []string
		for _, c := range level {
			names = append(names, c.ID.String())
		}
		got = append(got, strings.Join(names, " "))
	}
	want := []string{"database:b", "dataset:s", "chart:c", "dashboard:d", "chart:loop1 chart:loop2"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", got, want)
	}
}
