package sync

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// telling is a fake server that can say what changed, by change times alone.
type telling struct {
	*fakeServer
	all string // what it says in place of an answer
}

func (s *telling) Changed(_ context.Context, since *asset.Seen) (*asset.Changes, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := &asset.Seen{State: "fake", Marks: map[asset.ID]string{}}
	ch := &asset.Changes{All: s.all, Export: s.Export, Seen: func() *asset.Seen { return seen }, Server: "1.0"}
	for id, o := range s.objects {
		seen.Marks[id] = o.at.Format(time.RFC3339Nano)
		ch.Listed = append(ch.Listed, id)
		if since != nil && since.Marks[id] != seen.Marks[id] {
			ch.Changed = append(ch.Changed, id)
		}
	}
	return ch, nil
}

// quietly changes an object and not its change time.
func (s *telling) quietly(id asset.ID, field, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[id].fields[field] = value
}

// tellingMachine is a machine on a server with three charts and a dashboard.
func tellingMachine(t *testing.T) (*machine, *telling) {
	s := &telling{fakeServer: newFake()}
	for _, c := range []string{"chart-a", "chart-b", "chart-c"} {
		s.set("Ada", chartID(c), "sql", "select 1")
	}
	s.edit("Ada", boardID, func(o *object) { o.charts = []string{"chart-a", "chart-b"} })
	m := newLab(t).machine("work", "", s.fakeServer)
	m.Instances[0].Source, m.Instances[0].Target = s, s
	return m, s
}

var boardID = asset.ID{Kind: "dashboard", UID: "dashboard-1"}

func (m *machine) ref(sort string) string {
	m.l.Helper()
	rev, _, err := m.Repo.ReadRef(refName(sort, "prod"))
	if err != nil {
		m.l.Fatal(err)
	}
	return string(rev)
}

// reads pulls and checks how much was read.
func (m *machine) reads(what string, full bool, n int) *Run {
	m.l.Helper()
	run := m.pull()
	if run.Full != full || run.Read != n {
		m.l.Errorf("%s: full %v, %d read; want %v, %d", what, run.Full, run.Read, full, n)
	}
	return run
}

func TestPullReadsWhatChanged(t *testing.T) {
	m, s := tellingMachine(t)
	m.reads("the first pull", true, 4)
	live := m.ref("live")
	m.reads("nothing changed", false, 0)
	if m.ref("live") != live {
		t.Error("a pull without a change wrote the cache")
	}
	s.set("Bob", chartID("chart-a"), "sql", "select 2")
	if run := m.reads("one edit", false, 1); len(run.Pulled) != 1 || run.Pulled[0].Info.UpdatedBy.Name != "Bob" {
		t.Errorf("pulled %+v", run.Pulled)
	}
	s.set("Bob", chartID("chart-d"), "sql", "select 2")
	m.reads("one made", false, 1)
	s.drop(chartID("chart-b"))
	if run := m.reads("one deleted, and a dashboard that names it", false, 1); len(run.Pulled) != 1 || run.Pulled[0].Action != "removed" {
		t.Errorf("pulled %+v", run.Pulled)
	}
	s.quietly(chartID("chart-a"), "sql", "unseen")
	m.reads("an edit that moves no time", false, 0)
	run, err := m.Pull(t.Context(), "prod", PullOptions{Full: true})
	if err != nil || !run.Full || len(run.Pulled) != 1 {
		t.Errorf("a full pull: %+v %v", run.Pulled, err)
	}
	m.l.fsck(m.name)
}

// What the last pull left is a cache: whatever is wrong with it costs a complete
// reading and nothing else.
func TestPullReadsAllInDoubt(t *testing.T) {
	m, s := tellingMachine(t)
	m.pull()
	amend := func(changes map[string][]byte) func() {
		return func() {
			rev, _, err := m.Repo.ReadRef(refName("live", "prod"))
			if err == nil {
				_, err = m.Repo.AmendRef(t.Context(), refName("live", "prod"), rev, changes, "x")
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	drop := func() {
		if err := m.Repo.DeleteRef(t.Context(), refName("live", "prod")); err != nil {
			t.Fatal(err)
		}
	}
	at := livePath(chartID("chart-a"))
	for what, spoil := range map[string]func(){
		"the ref is gone":       drop,
		"no state":              amend(map[string][]byte{stateFile: nil}),
		"broken state":          amend(map[string][]byte{stateFile: []byte("{")}),
		"a broken entry":        amend(map[string][]byte{at + ".json": []byte("{")}),
		"an entry of another":   amend(map[string][]byte{at + ".json": []byte(`{"ID":{"Kind":"chart","UID":"chart-z"}}`)}),
		"another build":         func() { m.Build += "+" },
		"the server cannot say": func() { s.all = "for a reason" },
	} {
		spoil()
		if run := m.reads(what, true, 4); len(run.Pulled) > 0 {
			t.Errorf("%s: pulled %+v", what, run.Pulled)
		}
		s.all = ""
		m.reads("after "+what, false, 0)
	}
	amend(map[string][]byte{at + ".yaml": nil})()
	m.reads("content is missing", false, 1)
}

func TestFullPullIsDue(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	nightly, err := cron.ParseStandard("0 3 * * *")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		plan      cron.Schedule
		last, now time.Duration
		due       bool
	}{
		{nil, 0, 23 * time.Hour, false},
		{nil, 0, 24 * time.Hour, true},
		{nil, time.Hour, 0, true}, // a clock went back
		{nightly, 0, 2 * time.Hour, false},
		{nightly, 0, 3 * time.Hour, true},
		{nightly, 4 * time.Hour, 26 * time.Hour, false},
		{nightly, 4 * time.Hour, 99 * time.Hour, true},
	} {
		in := &Instance{FullPull: c.plan}
		if got := in.fullDue(day.Add(c.last), day.Add(c.now)); got != c.due {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if !(&Instance{}).fullDue(time.Time{}, day) {
		t.Error("never read, and not due")
	}
	m, s := tellingMachine(t)
	m.Now = func() time.Time { return day }
	m.pull()
	m.Now = func() time.Time { return day.Add(time.Hour) }
	s.quietly(chartID("chart-a"), "sql", "unseen")
	m.reads("within the day", false, 0)
	m.Now = func() time.Time { return day.Add(25 * time.Hour) }
	if run := m.reads("the day after", true, 4); len(run.Pulled) != 1 {
		t.Errorf("pulled %+v", run.Pulled)
	}
	m.reads("after it", false, 0)
}

// What a run writes is read by the next pull, whether its change time moved or
// not, and even when the run was killed.
func TestWhatWasWrittenIsReadAgain(t *testing.T) {
	m, s := tellingMachine(t)
	m.pull()
	file := m.files()[chartID("chart-a")]
	m.commit(map[string][]byte{file.Path: canon(t, chartID("chart-a"), "Title chart-a", "sql", "from Git")})
	before := s.objects[chartID("chart-a")].at
	m.apply(importer.Policy{})
	s.objects[chartID("chart-a")].at = before // as a server that does not move it
	s.quietly(chartID("chart-a"), "sql", "from Git, and moved meanwhile")
	run, err := m.Pull(t.Context(), "prod", PullOptions{DryRun: true})
	if err != nil || run.Read != 1 || m.ref("doubt") == "" {
		t.Errorf("a dry run: %d read, %v", run.Read, err)
	}
	if run := m.reads("after the apply", false, 1); len(run.Pulled) != 1 {
		t.Errorf("pulled %+v", run.Pulled)
	}
	if m.ref("doubt") != "" {
		t.Error("the doubt stays")
	}
	m.reads("once more", false, 0)
}

func TestWhatCannotBeReadIsAskedForAgain(t *testing.T) {
	m, s := tellingMachine(t)
	m.pull()
	s.broken[chartID("chart-a")] = true
	m.reads("broken, and nobody knows", false, 0)
	s.set("Ada", chartID("chart-a"), "sql", "select 9")
	for range 2 {
		if run := m.reads("broken", false, 1); len(run.Failures) != 1 || run.Failures[0].Title != "Title chart-a" {
			t.Errorf("failures %+v", run.Failures)
		}
	}
	delete(s.broken, chartID("chart-a"))
	if run := m.reads("mended", false, 1); len(run.Pulled) != 1 || len(run.Failures) > 0 {
		t.Errorf("pulled %+v, failures %+v", run.Pulled, run.Failures)
	}
	s.omit[chartID("chart-b")] = true
	s.set("Ada", chartID("chart-b"), "sql", "select 9")
	if run := m.reads("left out without a word", true, 3); len(run.Failures) != 1 {
		t.Errorf("failures %+v", run.Failures)
	}
}

// The cache is in Git, so no secret may be in it.
func TestNoSecretInTheCache(t *testing.T) {
	m, s := tellingMachine(t)
	const canary = "AKIAABCDEFGHIJKLMNOP"
	s.set("Ada", chartID("chart-a"), "sql", canary)
	s.edit("Ada", chartID("chart-b"), func(o *object) { o.title = canary })
	m.pull()
	for range 2 {
		if run := m.reads("two that are withheld", false, 2); len(run.Failures) != 2 {
			t.Errorf("failures %+v", run.Failures)
		}
	}
	rev, _, err := m.Repo.ReadRef(refName("live", "prod"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := m.Repo.Files(rev, "")
	if err != nil {
		t.Fatal(err)
	}
	for p, data := range files {
		if strings.Contains(string(data), canary) {
			t.Errorf("%s holds the secret", p)
		}
	}
	if len(files) != 1+4+2 {
		t.Errorf("%d files", len(files))
	}
}

// view is everything the engine can see of a set.
func view(s *asset.Set) map[string]any {
	out := map[string]any{}
	for a := range s.All() {
		b := *a
		b.Refs, b.Unread = slices.Concat(b.Refs, []asset.ID{}), slices.Concat(b.Unread, []string{})
		out[a.ID.String()] = fmt.Sprintf("%+v %s", b, b.Content)
	}
	for _, f := range s.Failed() {
		out[f.ID.String()] = fmt.Sprintf("failed %+v", f.Info)
	}
	for _, n := range s.Notes {
		out["note "+n.ID.String()+n.Path] = n.Text
	}
	return out
}

// However a server is edited, read and remembered: where change times are honest
// the engine sees what a complete reading shows, and after a complete reading it
// does so where they were not.
func TestChangedIsWhatAFullReadingShows(t *testing.T) {
	m, s := tellingMachine(t)
	in := m.Instances[0]
	rapid.Check(t, func(t *rapid.T) {
		s.wipe()
		clear(s.broken)
		s.shy = false
		if err := m.Repo.DeleteRef(t.Context(), refName("live", "prod")); err != nil {
			t.Fatal(err)
		}
		uid := func() string {
			return rapid.SampledFrom([]string{"one-1", "two-2", "three-3", "four-4"}).Draw(t, "uid")
		}
		for range rapid.IntRange(1, 4).Draw(t, "pulls") {
			honest := true
			for range rapid.IntRange(0, 4).Draw(t, "edits") {
				id := asset.ID{Kind: rapid.SampledFrom([]asset.Kind{"chart", "dashboard"}).Draw(t, "kind"), UID: uid()}
				switch rapid.SampledFrom([]string{"set", "drop", "link", "break", "quiet"}).Draw(t, "edit") {
				case "set":
					s.set(uid(), id, "sql", uid())
				case "drop":
					s.drop(id)
				case "link":
					s.edit("", asset.ID{Kind: "dashboard", UID: uid()}, func(o *object) { o.charts = []string{uid()} })
				case "break":
					if s.objects[id] != nil {
						s.broken[id] = !s.broken[id]
						s.set("", id, "sql", "broken or mended")
					}
				case "quiet":
					if s.objects[id] != nil {
						s.quietly(id, "sql", uid())
						honest = false
					}
				}
			}
			o := PullOptions{Full: rapid.Bool().Draw(t, "full") || !honest}
			run := m.newRun("pull", in)
			got, err := m.readLive(t.Context(), in, o, run)
			if err != nil || len(run.Warnings) > 0 {
				t.Fatal(err, run.Warnings)
			}
			want, err := exporter.Export(t.Context(), s, exporter.Options{Rules: in.Rules, Select: in.Select})
			if err != nil {
				t.Fatal(err)
			}
			if g, w := view(got), view(want); !reflect.DeepEqual(g, w) {
				t.Fatalf("the engine sees\n%v\nthe server has\n%v", g, w)
			}
		}
	})
	m.l.fsck(m.name)
}
