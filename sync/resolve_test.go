package sync

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

func (m *machine) resolve(name string, take Take) *Run {
	m.l.Helper()
	f, err := m.FindAsset(name, m.Instances)
	if err != nil {
		m.l.Fatal(err)
	}
	run, err := m.Resolve(context.Background(), f, take)
	if err != nil {
		m.l.Fatal(err)
	}
	return run
}

func git() Take  { return Take{Side: importer.Git} }
func live() Take { return Take{Side: importer.Live} }

// TestResolve: each way to end a conflict leaves what it says in Git, writes it with
// the next apply, and is over afterwards. Values that are in no conflict are merged.
func TestResolve(t *testing.T) {
	tests := []struct {
		name             string
		take             Take
		a, b, c, d       string // in Git afterwards, and on the server after an apply
		warns            bool
		liveAfterResolve string // a on the server, before the apply
	}{
		{"git", git(), "G", "live's", "git's", "0", false, "L"},
		{"live", live(), "L", "live's", "git's", "0", false, "L"},
		{"file", Take{File: []byte("kind: chart\nuid: 00000001-uid\ntitle: Title 00000001-uid\ndashkeep: fake/1\nspec: {a: mine, b: live's, c: git's, d: '0'}\n"), Name: "f.yaml"}, "mine", "live's", "git's", "0", false, "L"},
		{"file without live's edit", Take{File: []byte("kind: chart\nuid: 00000001-uid\ntitle: Title 00000001-uid\ndashkeep: fake/1\nspec: {a: mine, b: '0', c: git's, d: '0'}\n"), Name: "f.yaml"}, "mine", "0", "git's", "0", true, "L"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, s := ruled(t, importer.Rule{}, true)
			for _, f := range []string{"c", "d"} {
				s.set("Grace", n(1), f, "0")
			}
			m.pull()
			m.gitSet(n(1), "a", "G", "b", "0", "c", "git's", "d", "0")
			s.set("Ada", n(1), "a", "L")
			s.set("Ada", n(1), "b", "live's")
			if run := m.pull(); run.Code() != 13 {
				t.Fatalf("%+v", run)
			}
			run := m.resolve("chart:00000001-uid", tt.take)
			if len(run.Conflicts) != 1 || !run.Pushed || len(run.Warnings) > 0 != tt.warns || s.field(n(1), "a") != tt.liveAfterResolve {
				t.Fatalf("%+v", run)
			}
			check := func(where string, field func(string) string) {
				t.Helper()
				for f, want := range map[string]string{"a": tt.a, "b": tt.b, "c": tt.c, "d": tt.d} {
					if got := field(f); got != want {
						t.Errorf("%s has %s=%s, want %s", where, f, got, want)
					}
				}
			}
			check("Git", func(f string) string { return m.gitField(n(1), f) })
			if run := m.pull(); run.Code() != 0 || run.Commits > 0 {
				t.Errorf("the next pull: %+v", run)
			}
			m.apply(importer.Policy{})
			check("the server", func(f string) string { return s.field(n(1), f) })
			if run := m.pull(); run.Code() != 0 || run.Commits > 0 {
				t.Errorf("the pull after an apply: %+v", run)
			}
			if run := m.resolve("chart:00000001-uid", git()); len(run.Conflicts) > 0 || run.Commits > 0 {
				t.Errorf("it is over, and resolved again: %+v", run)
			}
			m.l.fsck("clone")
		})
	}
}

func TestResolve_deletions(t *testing.T) {
	file := Take{File: canon(t, n(1), "Mine", "a", "mine"), Name: "f.yaml"}
	for _, tt := range []struct {
		name           string
		deletedLive    bool
		take           Take
		git, afterward string // a; (absent)
	}{
		{"deleted live, git", true, git(), "G", "G"},
		{"deleted live, live", true, live(), "(absent)", "(absent)"},
		{"deleted live, file", true, file, "mine", "mine"},
		{"deleted in Git, live", false, live(), "L", "L"},
		{"deleted in Git, git", false, git(), "(absent)", "L"}, // waits for a prune
		{"deleted in Git, file", false, file, "mine", "mine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, s := ruled(t, importer.Rule{}, false)
			m.Instances[0].Brake.ChangedPercent = 100
			if tt.deletedLive {
				m.gitSet(n(1), "a", "G")
				s.drop(n(1))
			} else {
				m.commit(map[string][]byte{m.files()[n(1)].Path: nil})
				s.set("Ada", n(1), "a", "L")
			}
			if run := m.pull(); run.Code() != 13 {
				t.Fatalf("%+v", run)
			}
			if run := m.resolve("chart:00000001", tt.take); len(run.Conflicts) != 1 {
				t.Fatalf("%+v", run)
			}
			if got := m.gitField(n(1), "a"); got != tt.git {
				t.Errorf("Git has %s, want %s", got, tt.git)
			}
			if run := m.pull(); run.Code() != 0 || run.Commits > 0 {
				t.Errorf("the next pull: %+v", run)
			}
			m.apply(importer.Policy{})
			got := s.field(n(1), "a")
			if s.objects[n(1)] == nil {
				got = "(absent)"
			}
			if got != tt.afterward {
				t.Errorf("the server has %s, want %s", got, tt.afterward)
			}
		})
	}
}

// A value that the server put back is a conflict that resolve ends like any other.
func TestResolve_returned(t *testing.T) {
	for _, take := range []Take{git(), live()} {
		m, s := ruled(t, importer.Rule{}, false)
		m.Instances[0].RevertWindow = 24 * time.Hour
		s.clock = m.l.now()
		m.gitSet(n(1), "a", "G", "b", "0")
		m.apply(importer.Policy{})
		s.set("Ada", n(1), "a", "0")
		if run := m.pull(); run.Code() != 13 {
			t.Fatalf("%+v", run)
		}
		want := "G"
		if take.Side == importer.Live {
			want = "0"
		}
		m.resolve("chart:00000001", take)
		if run := m.pull(); run.Code() != 0 || m.gitField(n(1), "a") != want {
			t.Errorf("%+v", run)
		}
		if m.apply(importer.Policy{}); s.field(n(1), "a") != want {
			t.Errorf("the server has %s, want %s", s.field(n(1), "a"), want)
		}
		if run := m.pull(); run.Code() != 0 || run.Commits > 0 {
			t.Errorf("%+v", run)
		}
	}
}

// What must not be: another asset's file, a secret, an edited working file, an asset
// that cannot be read, a repository that was never pulled to.
func TestResolve_refusals(t *testing.T) {
	m, s := ruled(t, importer.Rule{}, false)
	m.gitSet(n(1), "a", "G", "b", "0")
	s.set("Ada", n(1), "a", "L")
	head := m.head()
	base, _ := m.base()
	f, err := m.FindAsset("chart:00000001", m.Instances)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(want string, take Take) {
		t.Helper()
		_, err := m.Resolve(context.Background(), f, take)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if now, _ := m.base(); m.head() != head || now != base {
			t.Error("something was changed")
		}
	}
	refused("holds chart:00000002-uid", Take{File: canon(t, n(2), "x", "a", "1"), Name: "f.yaml"})
	refused("f.yaml", Take{File: []byte("spec: ["), Name: "f.yaml"})
	refused("looks like a secret", Take{File: canon(t, n(1), "x", "a", "AKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLE", "k", "-----BEGIN RSA PRIVATE KEY-----"), Name: "f.yaml"})
	s.broken[n(1)] = true
	refused("cannot be read", git())
	s.broken[n(1)] = false
	work := filepath.Join(m.l.path("clone"), m.files()[n(1)].Path)
	if err := os.WriteFile(work, []byte("edited"), 0o600); err != nil {
		t.Fatal(err)
	}
	var dirty *DirtyError
	if _, err := m.Resolve(context.Background(), f, git()); !errors.As(err, &dirty) {
		t.Error(err)
	}
}

func TestFindAsset(t *testing.T) {
	l := newLab(t)
	a, b := newFake(), newFake()
	board := asset.ID{Kind: "dashboard", UID: "abcdef01-1"}
	for _, s := range []*fakeServer{a, b} {
		s.set("Grace", asset.ID{Kind: "chart", UID: "abcdef01-1"}, "a", "1")
		s.set("Grace", asset.ID{Kind: "chart", UID: "abcdef01-12"}, "a", "1")
	}
	a.edit("Grace", board, func(o *object) { o.title = "Sales: EU/US" })
	a.edit("Grace", n(1), func(o *object) { o.title = "Twice" })
	a.edit("Grace", n(2), func(o *object) { o.title = "Twice" })
	m := l.machine("clone", "", a, b)
	m.pull()
	if _, err := m.Pull(context.Background(), "prod2", PullOptions{}); err != nil {
		t.Fatal(err)
	}
	m.commit(map[string][]byte{m.files()[n(2)].Path: nil}) // deleted in Git: base knows it
	for text, want := range map[string]string{
		"prod/chart:abcdef01-1":                       "prod/chart:abcdef01-1",
		"prod2/chart:ABCDEF01-1":                      "prod2/chart:abcdef01-1",
		"prod2/chart:abcdef01-12":                     "prod2/chart:abcdef01-12",
		"dashboard:abc":                               "prod/dashboard:abcdef01-1",
		`dashboard:"Sales: EU/US"`:                    "prod/dashboard:abcdef01-1",
		"dashboard:Sales: EU/US":                      "prod/dashboard:abcdef01-1",
		"prod/dashboard:Sales: EU/US":                 "prod/dashboard:abcdef01-1",
		"chart:00000002":                              "prod/chart:00000002-uid",
		m.files()[board].Path:                         "prod/dashboard:abcdef01-1",
		"./" + m.files()[board].Path:                  "prod/dashboard:abcdef01-1",
		l.path("clone") + "/" + m.files()[board].Path: "prod/dashboard:abcdef01-1",
	} {
		f, err := m.FindAsset(text, m.Instances)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f.Instance.Name + "/" + f.Info.ID.String(); got != want {
			t.Errorf("%s means %s, want %s", text, got, want)
		}
	}
	for text, candidates := range map[string]int{"chart:abcdef01-1": 2, "chart:abc": 4, "prod/chart:abc": 2, "chart:Twice": 2, "chart:nothing": 0, "chart": 0, "": 0, "dashboard:": 0, "other/chart:abc": 0} {
		_, err := m.FindAsset(text, m.Instances)
		var find *FindError
		if !errors.As(err, &find) || len(find.Found) != candidates {
			t.Errorf("%q: %v", text, err)
		} else if candidates > 0 && !strings.Contains(err.Error(), `prod/chart:`) {
			t.Errorf("%q: the candidates are not named: %v", text, err)
		}
	}
}
