package sync

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// TestPull_brake goes through what must hold a pull and what must not.
func TestPull_brake(t *testing.T) {
	tests := []struct {
		name   string
		assets int
		brake  exporter.Brake
		then   func(*fakeServer)
		reason string // "": goes on
	}{
		{"nothing", 12, exporter.Brake{Removed: 2, ChangedPercent: 25}, func(*fakeServer) {}, ""},
		{"as many as may go", 12, exporter.Brake{Removed: 2, ChangedPercent: 25}, func(s *fakeServer) { s.drop(n(1), n(2)) }, ""},
		{"one too many", 12, exporter.Brake{Removed: 2, ChangedPercent: 25}, func(s *fakeServer) { s.drop(n(1), n(2), n(3)) }, "3 of 12 assets are gone"},
		{"none may go", 12, exporter.Brake{ChangedPercent: 25}, func(s *fakeServer) { s.drop(n(1)) }, "1 of 12 assets are gone"},
		{"all gone, few", 2, exporter.Brake{Removed: 10, ChangedPercent: 25}, func(s *fakeServer) { s.wipe() }, "holds nothing any more"},
		{"many changed", 12, exporter.Brake{Removed: 2, ChangedPercent: 25}, func(s *fakeServer) { editAll(s, 10) }, "10 of 12 assets changed at once"},
		{"many changed, all may", 12, exporter.Brake{Removed: 2, ChangedPercent: 100}, func(s *fakeServer) { editAll(s, 12) }, ""},
		{"changed, below the minimum", 12, exporter.Brake{Removed: 2, ChangedPercent: 25}, func(s *fakeServer) { editAll(s, 9) }, ""},
		{"the newest is deleted", 12, exporter.Brake{Removed: 2, ChangedPercent: 25}, func(s *fakeServer) { s.drop(n(12)) }, ""},
		{"time went back", 12, exporter.Brake{Removed: 2, ChangedPercent: 25}, func(s *fakeServer) {
			s.objects[n(12)].at = s.objects[n(12)].at.Add(-time.Hour)
		}, "change times went back: chart:"},
		{"unreadable is not gone", 12, exporter.Brake{ChangedPercent: 25}, func(s *fakeServer) { s.broken[n(1)], s.broken[n(2)] = true, true }, ""},
		{"left out of the export is not gone", 12, exporter.Brake{ChangedPercent: 25}, func(s *fakeServer) { s.omit[n(1)] = true }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t)
			s := newFake()
			for i := range tt.assets {
				s.set("Grace", n(i+1), "a", "1")
			}
			m := l.machine("clone", "", s)
			m.Instances[0].Brake = tt.brake
			if run := m.pull(); run.Held != nil || run.Commits != 1 {
				t.Fatalf("the first pull is exempt, but: %+v", run)
			}
			tt.then(s)
			head := m.head()
			base, _ := m.base()
			run := m.pull()
			if tt.reason == "" {
				if run.Held != nil {
					t.Errorf("held: %v", run.Held)
				}
				return
			}
			var held *HeldError
			if !errors.As(run.Held, &held) || !strings.Contains(held.Error(), tt.reason) || !strings.Contains(held.Error(), "--accept") || run.Code() != 3 {
				t.Fatalf("held %v, code %d, want %q", run.Held, run.Code(), tt.reason)
			}
			if now, _ := m.base(); m.head() != head || now != base {
				t.Error("a held pull moved something")
			}
			if run := m.pull(true); run.Held != nil {
				t.Errorf("--accept: %v", run.Held)
			}
			if run := m.pull(); run.Held != nil || run.Commits > 0 {
				t.Errorf("after --accept: held %v, %d commits", run.Held, run.Commits)
			}
		})
	}
}

func n(i int) asset.ID { return chartID(fmt.Sprintf("%08d-uid", i)) }

func editAll(s *fakeServer, count int) {
	for i := range count {
		s.set("Grace", n(i+1), "a", "2")
	}
}

// Assets that cannot be read keep their files, whatever happens around them.
func TestPull_unreadableStays(t *testing.T) {
	l := newLab(t)
	s := newFake()
	for i := range 3 {
		s.set("Grace", n(i+1), "a", "1")
	}
	m := l.machine("clone", "", s)
	m.pull()
	s.broken[n(1)], s.omit[n(2)] = true, true
	s.set("Grace", n(3), "a", "2")
	run := m.pull()
	if len(m.files()) != 3 || len(run.Failures) != 2 || run.Code() != 3 || run.Commits != 1 {
		t.Errorf("%d files, failures %+v, code %d, %d commits", len(m.files()), run.Failures, run.Code(), run.Commits)
	}
	clear(s.broken)
	clear(s.omit)
	if run := m.pull(); run.Commits != 0 || run.Code() != 0 {
		t.Errorf("afterwards %+v", run)
	}
}

func TestPull_oneCommitPerEditor(t *testing.T) {
	l := newLab(t)
	s := newFake()
	for i := range 5 {
		s.set("Grace", n(i+1), "a", "1")
	}
	m := l.machine("clone", "", s)
	m.pull()
	if got := l.git("clone", "log", "--format=%an|%s"); got != "dashkeep|prod: baseline: 5 charts" {
		t.Errorf("baseline: %q", got)
	}
	s.set("Grace", n(1), "a", "2")
	s.set("Ada", n(2), "a", "2")
	s.set("Grace", n(3), "a", "2")
	s.set("", n(4), "a", "2")
	s.drop(n(5))
	if run := m.pull(); run.Commits != 3 {
		t.Errorf("%d commits", run.Commits)
	}
	want := "Ada <ada@example.com>\nGrace <grace@example.com>\ndashkeep <dashkeep@localhost>"
	if got := l.git("clone", "log", "-3", "--reverse", "--format=%an <%ae>"); got != want {
		t.Errorf("authors\n%s\nwant\n%s", got, want)
	}
	if got := l.git("clone", "log", "-3", "--format=%cn"); got != "dashkeep\ndashkeep\ndashkeep" {
		t.Errorf("committers %q", got)
	}
}

// SE4: nothing in a title or a name can break a line, forge a trailer or another
// author, or reach a terminal as an escape.
func TestSE4_hostileTitlesAndNames(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.set("Grace", n(1), "a", "1")
	m := l.machine("clone", "", s)
	m.pull()
	evil := []string{"two\nlines\n\nDashkeep-Run: forged\nSigned-off-by: Eve <eve@example.com>", "esc\x1b[31mred\x1b]0;title\x07", "Signed-off-by: Eve <eve@example.com>",
		"\u202eright to left", "日本語のダッシュボード", "", strings.Repeat("long ", 100), "../../etc/passwd", "a/b\\c:d*e?f", "\x00nul"[1:], "# comment"}
	for i, title := range evil {
		s.edit("Grace", n(i+10), func(o *object) { o.title = title })
		s.objects[n(i+10)].by = asset.Person{Name: "Eve\nCommitter: x <x@x>\x1b[0m", Email: "e>vil\n<@example.com"}
	}
	run := m.pull()
	if run.Code() != 0 || len(run.Pulled) != len(evil) {
		t.Fatalf("%+v", run)
	}
	for rev := range strings.SplitSeq(l.git("clone", "rev-list", "HEAD~"+fmt.Sprint(run.Commits)+"..HEAD"), "\n") {
		raw := l.git("clone", "cat-file", "commit", rev)
		if strings.ContainsAny(raw, "\x1b\x07\x00\u202e") {
			t.Errorf("control characters in %q", raw)
		}
		trailers := l.git("clone", "log", "-1", "--format=%(trailers:only)", rev)
		for line := range strings.SplitSeq(strings.TrimSpace(trailers), "\n") {
			if !strings.HasPrefix(line, "Dashkeep-Run: "+run.ID) && line != "Dashkeep-Instance: prod" {
				t.Errorf("trailer %q", line)
			}
		}
		if c := l.git("clone", "log", "-1", "--format=%cn <%ce>", rev); c != "dashkeep <dashkeep@localhost>" {
			t.Errorf("committer %q", c)
		}
	}
	for id, a := range m.files() {
		if !strings.HasPrefix(a.Path, "prod/charts/") || strings.Count(a.Path, "/") != 2 || a.Title != s.objects[id].title {
			t.Errorf("%q lies in %q as %q", s.objects[id].title, a.Path, a.Title)
		}
	}
	l.fsck("clone")
	if out := l.git("clone", "status", "--porcelain"); out != "" {
		t.Errorf("git status: %s", out)
	}
}

func TestPull_fileFollowsTitleUnlessAPersonNamedIt(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.edit("Grace", n(1), func(o *object) { o.title = "Sales" })
	s.edit("Grace", n(2), func(o *object) { o.title = "Sales" })
	m := l.machine("clone", "", s)
	m.pull()
	if p := m.files()[n(1)].Path; p != "prod/charts/sales.00000001.yaml" {
		t.Errorf("file %s", p)
	}
	named := "prod/charts/my own name.yaml"
	m.commit(map[string][]byte{m.files()[n(2)].Path: nil, named: m.files()[n(2)].Content})
	for i := range 2 {
		s.edit("Grace", n(i+1), func(o *object) { o.title = "Umsätze" })
	}
	m.pull()
	if a, b := m.files()[n(1)].Path, m.files()[n(2)].Path; a != "prod/charts/umsätze.00000001.yaml" || b != named {
		t.Errorf("files %s and %s", a, b)
	}
	if run := m.pull(); run.Commits != 0 {
		t.Error("a second pull made a commit")
	}
	s.edit("Grace", n(1), func(o *object) { o.title = "UMSÄTZE" }) // same slug: stays
	m.pull()
	if a := m.files()[n(1)].Path; a != "prod/charts/umsätze.00000001.yaml" {
		t.Errorf("file %s", a)
	}
}

// uids that share their first eight digits share names, too: titles that are
// swapped or taken over in one pull, by several editors, must not cost a file.
func TestPull_renamesNeverMeet(t *testing.T) {
	l := newLab(t)
	s := newFake()
	a, b, c, d := chartID("12345678-aaaa"), chartID("12345678-bbbb"), chartID("12345678-cccc"), chartID("12345678-0000")
	titled := func(by string, id asset.ID, title string) { s.edit(by, id, func(o *object) { o.title = title }) }
	titled("Ada", a, "One")
	titled("Ada", b, "Two")
	m := l.machine("clone", "", s)
	m.pull()
	titled("Zoe", a, "Two") // the two swap titles,
	titled("Bob", b, "One") // by different people,
	titled("Ada", c, "One") // and new ones take both,
	titled("Ada", d, "Two") // one sorted before, one after
	for range 3 {
		if run := m.pull(); run.Code() != 0 {
			t.Fatalf("%+v", run)
		}
		for _, id := range []asset.ID{a, b, c, d} {
			if f := m.files()[id]; f == nil || f.Title != s.objects[id].title {
				t.Fatalf("%s is %+v after the pull, files %v", id, f, l.git("clone", "ls-files"))
			}
		}
	}
	if out := l.git("clone", "status", "--porcelain"); out != "" {
		t.Errorf("git status: %s", out)
	}
}

// One asset with an id that no file name can hold does not stop the rest, and
// does not leave its folder.
func TestPull_strangeUIDs(t *testing.T) {
	l := newLab(t)
	s := newFake()
	uids := []string{"../../../state.json", "a/b", "..", ".git", "CON", strings.Repeat("x", 300), "ümlaut", "sp ace", "UPPER", "upper", "new\nline", "back\\slash", "a:b"}
	for _, u := range uids {
		s.set("Grace", chartID(u), "a", "1")
	}
	m := l.machine("clone", "", s)
	run := m.pull()
	if len(run.Failures) > 0 || len(m.files()) != len(uids) {
		t.Fatalf("%d files, failures %+v", len(m.files()), run.Failures)
	}
	if _, base := m.base(); len(base) != len(uids) {
		t.Errorf("base holds %d assets", len(base))
	}
	if run := m.pull(); run.Commits != 0 || len(run.Conflicts) > 0 {
		t.Errorf("second pull: %+v", run)
	}
	s.set("Grace", chartID("a/b"), "a", "2")
	if run := m.pull(); run.Commits != 1 {
		t.Errorf("an edit: %+v", run)
	}
}

// Many instances in one repository that are due at the same moment all get
// their commits in.
func TestPull_instancesAtOnce(t *testing.T) {
	l := newLab(t)
	var servers []*fakeServer
	for range 8 {
		s := newFake()
		s.set("Grace", n(1), "a", "1")
		servers = append(servers, s)
	}
	m := l.machine("clone", "", servers...)
	for round := range 3 {
		for _, s := range servers {
			s.set("Grace", n(1), "a", fmt.Sprint("round ", round))
		}
		var wg sync.WaitGroup
		for _, in := range m.Instances {
			wg.Go(func() {
				if run, err := m.Pull(context.Background(), in.Name, PullOptions{}); err != nil || run.Commits != 1 {
					t.Errorf("%s: %v %+v", in.Name, err, run)
				}
			})
		}
		wg.Wait()
	}
	l.fsck("clone")
}

// What a person edited and did not commit is left alone and named; the rest of
// the pull goes on.
func TestPull_dirtyFileIsLeftAlone(t *testing.T) {
	l := newLab(t)
	s := newFake()
	for i := range 4 {
		s.set("Grace", n(i+1), "a", "1")
	}
	m := l.machine("clone", "", s)
	m.pull()
	files := m.files()
	mine := "# being edited\n" + string(files[n(1)].Content)
	for _, id := range []asset.ID{n(1), n(2)} {
		if err := os.WriteFile(l.path("clone", files[id].Path), []byte(mine), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.set("Grace", n(1), "a", "2")
	s.drop(n(2))
	s.set("Grace", n(3), "a", "2")
	run := m.pull()
	if len(run.Dirty) != 2 || run.Code() != 13 || len(run.Pulled) != 1 {
		t.Errorf("dirty %v, code %d, pulled %d", run.Dirty, run.Code(), len(run.Pulled))
	}
	for _, id := range []asset.ID{n(1), n(2)} {
		if data, err := os.ReadFile(l.path("clone", files[id].Path)); err != nil || string(data) != mine {
			t.Errorf("%s was touched: %v", files[id].Path, err)
		}
	}
	l.git("clone", "checkout", "-q", "--", ".")
	if run := m.pull(); len(run.Pulled) != 2 || run.Code() != 0 {
		t.Errorf("afterwards %+v", run)
	}
}
