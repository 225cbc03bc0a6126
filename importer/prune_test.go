package importer_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

func chart(uid string) asset.ID { return asset.ID{Kind: "chart", UID: uid} }

// pruning is the policy of a config with prune: {enabled: true} and the given
// inventory.
func pruning(owned ...asset.ID) importer.Policy {
	return importer.Policy{Prune: importer.Prune{Enabled: true, Max: 10, MaxPercent: 100, Instance: "prod",
		Owned: func(id asset.ID) bool {
			for _, o := range owned {
				if o == id {
					return true
				}
			}
			return false
		}}}
}

// with changes a policy.
func with(p importer.Policy, f func(*importer.Policy)) importer.Policy { f(&p); return p }

func ruled(r importer.Rule) func(*importer.Policy) {
	return func(p *importer.Policy) { p.Rule = func(asset.Info) importer.Rule { return r } }
}

// TestMakePlan_prune: what is deleted, and everything that keeps it from being so.
// Git holds "keep"; "gone" is in base and on the server.
func TestMakePlan_prune(t *testing.T) {
	keep, gone := doc(t, "keep", "1", "1"), doc(t, "gone", "1", "1")
	edited := doc(t, "gone", "1", "hers")
	owned := pruning(gone.ID)
	user := kindDoc(t, "dashboard", "user", "1", "1", gone.ID)
	tests := []struct {
		name                string
		policy              importer.Policy
		desired, live, base []*asset.Asset // beside keep; nil live and base: gone
		broken              func(desired, live *asset.Set)
		deletes             bool
		skip                string
		conflict            string
		nothing             bool
	}{
		{name: "enabled and owned", policy: owned, deletes: true},
		{name: "off", policy: with(owned, func(p *importer.Policy) { p.Prune.Enabled = false }), skip: "pruning is off, so the server keeps it: --prune deletes it there"},
		{name: "off and not owned", policy: importer.Policy{Prune: importer.Prune{Instance: "prod"}}, skip: "dashkeep manage prod --select chart:gone, then --prune"},
		{name: "not in the inventory", policy: pruning(), skip: "dashkeep did not create it, so the server keeps it: to have it deleted, dashkeep manage prod --select chart:gone"},
		{name: "no inventory at all", policy: with(owned, func(p *importer.Policy) { p.Prune.Owned = nil }), skip: "did not create it"},
		{name: "protected", policy: with(owned, ruled(importer.Rule{Protect: true, Where: "rule tag:x"})), skip: "protected (rule tag:x), so the server keeps it"},
		{name: "rule never", policy: with(owned, ruled(importer.Rule{Overwrite: importer.Never})), skip: "overwrite is never, so the server keeps it"},
		{name: "rule never is stronger than force", policy: with(with(owned, ruled(importer.Rule{Overwrite: importer.Never})), func(p *importer.Policy) { p.Force = importer.Always }), skip: "overwrite is never"},
		{name: "forced never", policy: with(owned, func(p *importer.Policy) { p.Force = importer.Never }), skip: "overwrite is never"},
		{name: "the platform cannot", policy: with(owned, func(p *importer.Policy) {
			p.Prune.Cannot = func(asset.Kind) string { return "the server has no request for it" }
		}), skip: "delete it on the server by hand: the server has no request for it"},
		{name: "edited on the server", policy: owned, live: []*asset.Asset{edited}, base: []*asset.Asset{gone}, conflict: "/spec/b"},
		{name: "edited on the server, rule always", policy: with(owned, ruled(importer.Rule{Overwrite: importer.Always})), live: []*asset.Asset{edited}, base: []*asset.Asset{gone}, conflict: "/spec/b"},
		{name: "unsafe", policy: with(owned, func(p *importer.Policy) { p.Prune.Unsafe = "the brake holds" }), skip: "nothing is deleted now: the brake holds"},
		{name: "outside --select", policy: with(owned, func(p *importer.Policy) { p.Select = func(i asset.Info) bool { return i.ID != gone.ID } }), nothing: true},
		{name: "never pulled", policy: owned, live: []*asset.Asset{gone}, base: []*asset.Asset{keep}, nothing: true},
		{name: "never pulled, in a restore", policy: with(owned, func(p *importer.Policy) { p.Prune.Restore = true }), live: []*asset.Asset{gone}, base: []*asset.Asset{keep}, skip: "dashkeep pull prod, then restore again"},
		{name: "restore", policy: with(owned, func(p *importer.Policy) { p.Prune.Restore, p.Force = true, importer.Always }), deletes: true},
		{name: "restore without --prune", policy: with(owned, func(p *importer.Policy) { p.Prune.Restore, p.Prune.Enabled = true, false }), skip: "not in the revision that is restored; pruning is off"},
		{name: "restore to another instance: its own base counts", policy: with(owned, func(p *importer.Policy) {
			p.Prune.Restore = true
			p.Prune.Base = set(t, gone)
		}), live: []*asset.Asset{edited}, base: []*asset.Asset{keep}, conflict: "/spec/b"},
		{name: "an unreadable asset on the server", policy: owned, broken: func(_, live *asset.Set) {
			live.Fail(asset.Failure{Info: asset.Info{ID: chart("bad"), Title: "Bad"}, Err: errors.New("500")})
		}, skip: `the server could not be read completely: chart:bad "Bad" (500)`},
		{name: "an accepted one", policy: with(owned, func(p *importer.Policy) {
			p.Prune.Tolerate = func(id asset.ID) bool { return id == chart("bad") }
		}), broken: func(_, live *asset.Set) {
			live.Fail(asset.Failure{Info: asset.Info{ID: chart("bad")}, Err: errors.New("500")})
		}, deletes: true},
		{name: "an unreadable file in Git", policy: owned, broken: func(desired, _ *asset.Set) {
			desired.Fail(asset.Failure{Info: asset.Info{ID: chart("bad")}, Err: errors.New("line 3")})
		}, skip: "the file of chart:bad in Git cannot be read (line 3)"},
		{name: "an unreadable one outside the selection", policy: owned, broken: func(_, live *asset.Set) {
			live.Unselect(chart("bad"), asset.Outside{Err: errors.New("500")})
		}, skip: "chart:bad, which is not selected"},
		{name: "its own reading failed", policy: owned, live: []*asset.Asset{keep}, base: []*asset.Asset{gone}, broken: func(_, live *asset.Set) {
			live.Fail(asset.Failure{Info: gone.Info, Err: errors.New("500")})
		}, nothing: true},
		{name: "not shown", policy: owned, live: []*asset.Asset{keep}, base: []*asset.Asset{gone}, broken: func(_, live *asset.Set) { live.Hide(gone.ID, "not shown") }, nothing: true},
		{name: "used by one on the server", policy: owned, live: []*asset.Asset{gone, user}, base: []*asset.Asset{gone, user}, desired: []*asset.Asset{kindDoc(t, "dashboard", "user", "1", "1")},
			skip: `dashboard:user "Chart user" uses it and stays`},
		{name: "used by one that nobody owns", policy: owned, live: []*asset.Asset{gone, user}, base: []*asset.Asset{gone, user}, skip: "dashboard:user"},
		{name: "used in Git only", policy: owned, desired: []*asset.Asset{user}, live: []*asset.Asset{gone}, base: []*asset.Asset{gone}, skip: "dashboard:user"},
		{name: "used by one outside the selection", policy: owned, broken: func(_, live *asset.Set) {
			live.Unselect(asset.ID{Kind: "dashboard", UID: "out"}, asset.Outside{Refs: []asset.ID{gone.ID}})
		}, skip: "dashboard:out uses it and stays"},
		{name: "used by one that is accepted as unreadable", policy: with(owned, func(p *importer.Policy) { p.Prune.Tolerate = func(asset.ID) bool { return true } }),
			live: []*asset.Asset{gone}, base: []*asset.Asset{gone, user}, broken: func(_, live *asset.Set) {
				live.Fail(asset.Failure{Info: user.Info, Err: errors.New("500")})
			}, skip: "dashboard:user uses it and stays"},
		{name: "a kind that may use it is not read", policy: with(owned, func(p *importer.Policy) {
			p.Prune.Uses = func(by, of asset.Kind) bool { return by == "dashboard" && of == "chart" }
		}), broken: func(_, live *asset.Set) { live.SkipKind(asset.KindError{Kind: "dashboard", Why: "not selected"}) }, skip: "whether one of the dashboards uses it is not known (not selected)"},
		{name: "a kind that may use it, if this server had it", policy: with(owned, func(p *importer.Policy) {
			p.Prune.Uses = func(by, of asset.Kind) bool { return by == "dashboard" && of == "chart" }
		}), broken: func(_, live *asset.Set) { live.SkipKind(asset.KindError{Kind: "dashboard", Reason: asset.NotThere}) }, deletes: true},
		{name: "a kind that may use it is shown in part", policy: with(owned, func(p *importer.Policy) {
			p.Prune.Uses = func(by, of asset.Kind) bool { return by == "dashboard" && of == "chart" }
		}), broken: func(_, live *asset.Set) {
			live.SkipKind(asset.KindError{Kind: "dashboard", Why: "published ones only", Reason: asset.InPart})
		}, skip: "whether one of the dashboards uses it is not known (published ones only)"},
		{name: "a kind that uses nothing of the sort is not read", policy: with(owned, func(p *importer.Policy) {
			p.Prune.Uses = func(by, of asset.Kind) bool { return by == "dashboard" && of == "chart" }
		}), broken: func(_, live *asset.Set) { live.SkipKind(asset.KindError{Kind: "theme", Why: "not selected"}) }, deletes: true},
		{name: "rights that are only read", policy: with(owned, ruled(importer.Rule{ReadOnly: "rights are only read"})), skip: "rights are only read, so the server keeps it"},
		{name: "used by itself", policy: owned, live: []*asset.Asset{doc(t, "gone", "1", "1", gone.ID)}, base: []*asset.Asset{gone}, deletes: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.live == nil && tt.base == nil {
				tt.live, tt.base = []*asset.Asset{gone}, []*asset.Asset{gone}
			}
			desired, live := set(t, plus(keep, tt.desired)...), set(t, plus(keep, tt.live)...)
			if tt.broken != nil {
				tt.broken(desired, live)
			}
			p, err := importer.MakePlan(desired, live, set(t, plus(keep, tt.base)...), tt.policy)
			if err != nil {
				t.Fatal(err)
			}
			var got *importer.Change
			for i, c := range p.Changes {
				if c.ID == gone.ID {
					got = &p.Changes[i]
				} else if c.Action == importer.Delete && c.Applies() {
					t.Errorf("%s would be deleted", c.ID)
				}
			}
			if tt.nothing {
				if got != nil {
					t.Errorf("got %+v, want no word of it", got)
				}
				return
			}
			if got == nil || got.Action != importer.Delete || got.Applies() != tt.deletes || (tt.skip == "") != (got.Skip == "") || !strings.Contains(got.Skip, tt.skip) {
				t.Fatalf("got %+v, want deletes %v, skip %q", got, tt.deletes, tt.skip)
			}
			if (tt.conflict != "") != (len(got.Conflicts) > 0) || tt.conflict != "" && (got.Conflicts[0].Path != tt.conflict || got.Conflicts[0].Ours != nil || *got.Conflicts[0].Theirs != "hers") {
				t.Errorf("conflicts %+v, want one at %q", got.Conflicts, tt.conflict)
			}
		})
	}
}

// plus is a with bs, without repeating an id.
func plus(a *asset.Asset, bs []*asset.Asset) []*asset.Asset {
	out := []*asset.Asset{a}
	for _, b := range bs {
		if b.ID != a.ID {
			out = append(out, b)
		}
	}
	return out
}

// An empty source is no order to delete everything.
func TestMakePlan_pruneEmptySource(t *testing.T) {
	gone := doc(t, "gone", "1", "1")
	p, err := importer.MakePlan(set(t), set(t, gone), set(t, gone), pruning(gone.ID))
	if err != nil || len(p.Levels()) != 0 || !strings.Contains(p.Changes[0].Skip, "Git holds no asset") {
		t.Errorf("%v %+v", err, p.Changes)
	}
}

// What is kept keeps what it refers to, down to the last; what an update takes out
// of a dashboard may go.
func TestMakePlan_pruneKeepsWhatIsUsed(t *testing.T) {
	source := kindDoc(t, "dataset", "s", "1", "1")
	c1, c2 := doc(t, "c1", "1", "1", source.ID), doc(t, "c2", "1", "1")
	board := kindDoc(t, "dashboard", "d", "1", "uses c1 c2", c1.ID, c2.ID)
	live := set(t, source, c1, c2, board)
	tests := []struct {
		name  string
		board *asset.Asset // in Git; nil: deleted too
		owned []asset.ID
		want  string
	}{
		{"all of it goes", nil, []asset.ID{source.ID, c1.ID, c2.ID, board.ID}, "dashboard:d|chart:c1|chart:c2 dataset:s"},
		{"nobody owns the dashboard", nil, []asset.ID{source.ID, c1.ID, c2.ID}, ""},
		{"the dashboard lets go of one", kindDoc(t, "dashboard", "d", "1", "uses c1", c1.ID), []asset.ID{source.ID, c1.ID, c2.ID}, "dashboard:d|chart:c2"},
		{"nobody owns the chart between", nil, []asset.ID{source.ID, c2.ID, board.ID}, "dashboard:d|chart:c2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			git := []*asset.Asset{doc(t, "other", "1", "1")}
			if tt.board != nil {
				git = append(git, tt.board)
			}
			p, err := importer.MakePlan(set(t, git...), set(t, append(git[:1:1], live.Get(source.ID), c1, c2, board)...), set(t, append(git[:1:1], source, c1, c2, board)...), pruning(tt.owned...))
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
			if strings.Join(got, "|") != tt.want {
				t.Errorf("got %q, want %q\n%+v", got, tt.want, p.Changes)
			}
		})
	}
}

// Too many deletions are none, and the text says what to write into the config.
func TestMakePlan_pruneCaps(t *testing.T) {
	tests := []struct {
		known, gone, max, percent int
		text                      string // "": goes on
	}{
		{20, 2, 10, 10, ""},
		{20, 3, 10, 10, "3 assets deleted in Git would be deleted on the server, more than prune allows (max is 10, max_percent is 10 of 20 assets), so none is"},
		{20, 3, 10, 10, "set prune: {max: 10, max_percent: 15} for instance prod"},
		{20, 3, 2, 100, "set prune: {max: 3, max_percent: 100}"},
		{3, 1, 10, 10, ""},
		{3, 2, 10, 10, "max_percent: 67"},
		{3, 1, 0, 10, "max is 0"},
		{3, 1, 10, 0, "max_percent is 0"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d of %d, max %d, %d percent", tt.gone, tt.known, tt.max, tt.percent), func(t *testing.T) {
			var all []*asset.Asset
			var ids []asset.ID
			for i := range tt.known {
				all = append(all, doc(t, fmt.Sprintf("u%02d", i), "1", "1"))
				ids = append(ids, all[i].ID)
			}
			policy := pruning(ids...)
			policy.Prune.Max, policy.Prune.MaxPercent = tt.max, tt.percent
			p, err := importer.MakePlan(set(t, all[tt.gone:]...), set(t, all...), set(t, all...), policy)
			if err != nil {
				t.Fatal(err)
			}
			if tt.text == "" {
				if p.Held != "" || len(p.Levels()) != 1 || len(p.Levels()[0]) != tt.gone {
					t.Errorf("held %q, levels %+v", p.Held, p.Levels())
				}
				return
			}
			if !strings.Contains(p.Held, tt.text) || len(p.Levels()) != 0 || !strings.Contains(p.Changes[0].Skip, "held: ") {
				t.Errorf("held %q, %d levels, changes %+v", p.Held, len(p.Levels()), p.Changes)
			}
		})
	}
}
