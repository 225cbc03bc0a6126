package sync

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/repo"
)

// fakeRules is the table of a platform with charts and dashboards that name them.
func fakeRules() normalize.Rules {
	return normalize.Rules{Format: "fake/1", Kinds: map[asset.Kind]normalize.KindRules{
		"chart":     {UID: "uuid", Title: "name", Unread: []normalize.Field{{Name: "hidden", Why: "some accounts do not see it"}}},
		"dashboard": {UID: "uuid", Title: "name", Rules: []normalize.Rule{{Op: normalize.Depend, Path: "/charts/*", Kind: "chart"}}},
	}}
}

// object is one asset on the fake server.
type object struct {
	title  string
	fields map[string]string
	charts []string
	by     asset.Person
	at     time.Time
}

// fakeServer is a BI server in memory: an exporter.Source and importer.Target.
type fakeServer struct {
	mu       sync.Mutex
	objects  map[asset.ID]*object
	clock    time.Time
	broken   map[asset.ID]bool // listed, but its export fails
	omit     map[asset.ID]bool // listed, but the export leaves it out without a word
	shy      bool              // does not show "hidden"
	writes   []string
	exports  int
	onImport func(asset.ID) error                    // before a write
	onExport func(context.Context, []asset.ID) error // before a read
}

func newFake() *fakeServer {
	return &fakeServer{objects: map[asset.ID]*object{}, broken: map[asset.ID]bool{}, omit: map[asset.ID]bool{},
		clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func chartID(uid string) asset.ID { return asset.ID{Kind: "chart", UID: uid} }

// edit is a person at work in the server; f gets a new object when there is none.
func (s *fakeServer) edit(by string, id asset.ID, f func(*object)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objects[id]
	if o == nil {
		o = &object{title: "Title " + id.UID, fields: map[string]string{}}
		s.objects[id] = o
	}
	f(o)
	s.clock = s.clock.Add(time.Minute)
	o.at = s.clock
	o.by = asset.Person{}
	if by != "" {
		o.by = asset.Person{Name: by, Username: strings.ToLower(by), Email: strings.ToLower(by) + "@example.com"}
	}
}

func (s *fakeServer) set(by string, id asset.ID, field, value string) {
	s.edit(by, id, func(o *object) { o.fields[field] = value })
}

func (s *fakeServer) drop(ids ...asset.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		delete(s.objects, id)
	}
}

func (s *fakeServer) wipe() { s.mu.Lock(); defer s.mu.Unlock(); clear(s.objects) }

// written lists what was imported, in order.
func (s *fakeServer) written() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

// field is a value as the server has it.
func (s *fakeServer) field(id asset.ID, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.objects[id]; o != nil {
		return o.fields[name]
	}
	return ""
}

func (s *fakeServer) ids() []asset.ID {
	return slices.SortedFunc(maps.Keys(s.objects), asset.ID.Compare)
}

func (s *fakeServer) List(ctx context.Context) ([]asset.Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []asset.Info
	for _, id := range s.ids() {
		out = append(out, s.info(id))
	}
	return out, ctx.Err()
}

func (s *fakeServer) info(id asset.ID) asset.Info {
	o := s.objects[id]
	return asset.Info{ID: id, Title: o.title, UpdatedAt: o.at, UpdatedBy: o.by}
}

func (s *fakeServer) Export(ctx context.Context, ids []asset.ID) iter.Seq2[*asset.Raw, error] {
	return func(yield func(*asset.Raw, error) bool) {
		s.mu.Lock()
		hook := s.onExport
		s.mu.Unlock()
		if hook != nil {
			if err := hook(ctx, ids); err != nil {
				yield(nil, err)
				return
			}
		}
		for _, r := range s.raws(ids) {
			if !yield(r.raw, r.err) {
				return
			}
		}
	}
}

type rawOrError struct {
	raw *asset.Raw
	err error
}

func (s *fakeServer) raws(ids []asset.ID) (out []rawOrError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exports++
	for _, id := range s.ids() {
		switch {
		case ids != nil && !slices.Contains(ids, id), s.omit[id]:
		case s.broken[id]:
			out = append(out, rawOrError{err: &asset.Error{Info: s.info(id), Err: errors.New("500 from the server")}})
		default:
			out = append(out, rawOrError{raw: &asset.Raw{Info: s.info(id), Doc: s.doc(id), Source: id.String()}})
		}
	}
	return out
}

func (s *fakeServer) doc(id asset.ID) *yaml.Node {
	o := s.objects[id]
	n := asset.Map("uuid", id.UID, "name", o.title)
	for _, k := range slices.Sorted(maps.Keys(o.fields)) {
		if k != "hidden" || !s.shy {
			asset.Put(n, asset.Str(o.fields[k]), k)
		}
	}
	if o.charts != nil {
		var list []*yaml.Node
		for _, c := range o.charts {
			list = append(list, asset.Str(c))
		}
		asset.Put(n, asset.Seq(list...), "charts")
	}
	return n
}

func (s *fakeServer) Import(ctx context.Context, as []*asset.Asset, _ *asset.Set) []asset.Result {
	var out []asset.Result
	for _, a := range as {
		out = append(out, asset.Result{ID: a.ID, Err: s.write(ctx, a)})
	}
	return out
}

func (s *fakeServer) write(ctx context.Context, a *asset.Asset) error {
	if s.onImport != nil {
		if err := s.onImport(a.ID); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	title, fields, charts, err := fieldsOf(a.Content)
	if err != nil {
		return err
	}
	s.edit("dashkeep", a.ID, func(o *object) { o.title, o.fields, o.charts = title, fields, charts })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, a.ID.String())
	return nil
}

func (s *fakeServer) Delete(_ context.Context, id asset.ID) error { s.drop(id); return nil }

// fieldsOf takes a canonical file apart.
func fieldsOf(content []byte) (title string, fields map[string]string, charts []string, err error) {
	d, err := asset.ParseDocument("", content)
	if err != nil {
		return "", nil, nil, err
	}
	fields = map[string]string{}
	for k, v := range asset.Each(d.Spec) {
		if k != "charts" {
			fields[k] = v.Value
			continue
		}
		charts = []string{}
		for _, c := range v.Content {
			charts = append(charts, c.Value)
		}
	}
	return d.Title, fields, charts, nil
}

// canon is the canonical file of an object.
func canon(t testing.TB, id asset.ID, title string, kv ...any) []byte {
	t.Helper()
	d := asset.Document{Format: "fake/1", Kind: id.Kind, UID: id.UID, Title: title, Spec: asset.Map(kv...)}
	b, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMain keeps the configuration of whoever runs the tests out of git.
func TestMain(m *testing.M) {
	for _, name := range []string{"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"} {
		if err := os.Setenv(name, os.DevNull); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// lab is a folder with a bare remote; machines are clones with an engine each.
type lab struct {
	testing.TB
	dir   string
	ticks atomic.Int64
}

// now is a clock of all machines on which no two commits are made in one second.
func (l *lab) now() time.Time {
	return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(l.ticks.Add(1)) * time.Second)
}

func newLab(t testing.TB) *lab {
	t.Helper()
	return &lab{TB: t, dir: t.TempDir()}
}

func (l *lab) path(elem ...string) string { return filepath.Join(append([]string{l.dir}, elem...)...) }

func (l *lab) git(dir string, args ...string) string {
	l.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = l.path(dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimRight(string(out), "\n")
}

func (l *lab) remote() string {
	l.Helper()
	l.git(".", "init", "-q", "--bare", "-b", "main", "remote.git")
	return l.path("remote.git")
}

// fsck checks what Git thinks of a clone.
func (l *lab) fsck(dir string) {
	l.Helper()
	l.git(dir, "fsck", "--strict", "--no-dangling")
}

func (l *lab) open(name, remote string) *repo.Store {
	l.Helper()
	s, err := repo.Open(context.Background(), repo.Options{Path: l.path(name), Remote: remote, Branch: "main", Committer: keeper(), Now: l.now})
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { _ = s.Close() })
	return s
}

func keeper() repo.Signature { return repo.Signature{Name: "dashkeep", Email: "dashkeep@localhost"} }

// machine is an engine with its clone.
type machine struct {
	*Engine
	l    *lab
	name string
}

// machine makes one with the instance prod on each server, named prod, prod2, …
func (l *lab) machine(name, remote string, servers ...*fakeServer) *machine {
	l.Helper()
	e := &Engine{Repo: l.open(name, remote), Committer: keeper(), Remote: remote != "", Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	for i, s := range servers {
		in := instanceOn(s)
		if i > 0 {
			in.Name += string(rune('1' + i))
			in.Root = in.Name
		}
		e.Instances = append(e.Instances, in)
	}
	return &machine{Engine: e, l: l, name: name}
}

func instanceOn(s *fakeServer) *Instance {
	return &Instance{
		Name: "prod", Platform: "fake", Root: "prod", Direction: TwoWay, Source: s, Target: s, Rules: fakeRules(),
		Kinds: []asset.Kind{"chart", "dashboard"}, Top: "dashboard", Brake: exporter.Brake{Removed: 10, ChangedPercent: 25},
		Author: func(p asset.Person) (repo.Signature, bool) { return repo.Signature{Name: p.Name, Email: p.Email}, true },
	}
}

func (m *machine) pull(accept ...bool) *Run {
	m.l.Helper()
	run, err := m.Pull(context.Background(), "prod", PullOptions{Accept: len(accept) > 0})
	if err != nil {
		m.l.Fatalf("%s: pull: %v", m.name, err)
	}
	return run
}

func (m *machine) apply(p importer.Policy) *Run {
	m.l.Helper()
	plan, _, err := m.Plan(context.Background(), "prod", "", p)
	if err != nil {
		m.l.Fatalf("%s: plan: %v", m.name, err)
	}
	run, err := m.Apply(context.Background(), plan, nil)
	if err != nil {
		m.l.Fatalf("%s: apply: %v", m.name, err)
	}
	return run
}

// commit is a person's commit, straight on the branch of this clone.
func (m *machine) commit(changes map[string][]byte) {
	m.l.Helper()
	c := repo.Commit{Changes: changes, Author: repo.Signature{Name: "Ada", Email: "ada@example.com"}, Message: "by hand\n"}
	if _, err := m.Repo.Commit(context.Background(), []repo.Commit{c}); err != nil && !errors.Is(err, repo.ErrNothingToCommit) {
		m.l.Fatal(err)
	}
}

func (m *machine) head() repo.Revision {
	m.l.Helper()
	h, _, err := m.Repo.Head()
	if err != nil {
		m.l.Fatal(err)
	}
	return h
}

func (m *machine) base() (repo.Revision, map[string][]byte) {
	m.l.Helper()
	rev, _, err := m.Repo.ReadRef(refName("base", "prod"))
	if err != nil {
		m.l.Fatal(err)
	}
	files, err := m.Repo.Files(rev, "")
	if err != nil {
		m.l.Fatal(err)
	}
	delete(files, stateFile)
	return rev, files
}

// files is what the branch holds, by asset.
func (m *machine) files() map[asset.ID]*asset.Asset {
	m.l.Helper()
	set, broken, err := m.desired(m.Instances[0], m.head())
	if err != nil || len(broken) > 0 {
		m.l.Fatalf("%v %v", err, broken)
	}
	out := map[asset.ID]*asset.Asset{}
	for a := range set.All() {
		out[a.ID] = a
	}
	return out
}
