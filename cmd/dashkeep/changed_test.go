package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/superset"
	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

func TestLoop_NoChangePullIsCheap(t *testing.T) { notUnderRace(t); noChangePullIsCheap(t, simulators) }
func TestE2E_NoChangePullIsCheap(t *testing.T)  { noChangePullIsCheap(t, realServers) }

// The figures of the promise, every request of a fresh process counted, the login
// too: 4 and one per kind when nothing changed, 5 more than that pull sent for an
// edited chart.
func noChangePullIsCheap(t *testing.T, start starter) {
	kinds := int64(contentKinds())
	a, _ := start(t)
	if err := a.api.Import(t.Context(), supersettest.Dashboard, moreDashboards(t, 100), map[string]string{"overwrite": "true"}); err != nil {
		t.Fatal(err)
	}
	var sent atomic.Int64
	w := newWorld(t, &server{url: counted(t, a.url, &sent)}, nil)
	w.run(0, "pull")
	head := w.head()
	pull := func(what, said string, most int64) {
		t.Helper()
		sent.Store(0)
		if r := w.run(0, "pull"); !strings.Contains(r.out, said) {
			t.Errorf("%s: the pull said %q, want %q", what, r.out, said)
		}
		t.Logf("%s: %d requests", what, sent.Load())
		if sent.Load() > most {
			t.Errorf("%s: %d requests, want at most %d", what, sent.Load(), most)
		}
	}
	pull("nothing changed", "nothing changed", 4+kinds)
	quiet := sent.Load()
	if w.head() != head {
		t.Error("a pull without a change made a commit")
	}
	const chart = "692aca26-a526-85db-c94c-411c91cc1077"
	if err := a.api.Put(t.Context(), supersettest.Chart, chart, map[string]any{"description": "edited"}); err != nil {
		t.Fatal(err)
	}
	pull("one chart edited", "1 file in 1 commit", quiet+5)
	pull("nothing changed again", "nothing changed", quiet)
	if r := w.run(0, "pull", "--full"); !strings.Contains(r.out, "nothing changed") {
		t.Errorf("reading everything found %q", r.out)
	}
	if refs := w.git("remote.git", "for-each-ref", "--format=%(refname)", "refs/dashkeep"); strings.Contains(refs, "/live/") || strings.Contains(refs, "/doubt/") {
		t.Errorf("the cache was pushed: %s", refs)
	}
	w.fsck()
}

// contentKinds counts what a pull reads when select.kinds is not set.
func contentKinds() int {
	f := superset.Factory()
	return len(f.Kinds) - len(f.Rights)
}

// counted is a proxy in front of a server that counts what passes.
func counted(t *testing.T, target string, n *atomic.Int64) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.Transport = &http.Transport{} // no proxy of the environment: the servers are local
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	return h.URL
}

// moreDashboards is the bundle of the examples with copies of its dashboards
// until there are n.
func moreDashboards(t *testing.T, n int) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(supersettest.Examples), int64(len(supersettest.Examples)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	put := func(name string, data []byte) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	boards := map[string][]byte{}
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if put(f.Name, data); strings.Contains(f.Name, "/dashboards/") {
			boards[f.Name] = data
		}
	}
	line := func(key string) *regexp.Regexp { return regexp.MustCompile(`(?m)^` + key + `: .*$`) }
	for i := len(boards); i < n; i++ {
		for name, data := range boards { // any of them
			data = line("uuid").ReplaceAll(data, fmt.Appendf(nil, "uuid: 00000000-0000-4000-8000-%012d", i))
			data = line("slug").ReplaceAll(data, []byte("slug: null"))
			data = line("dashboard_title").ReplaceAll(data, fmt.Appendf(nil, "dashboard_title: Copy %d", i))
			put(strings.TrimSuffix(name, ".yaml")+fmt.Sprintf("_copy_%d.yaml", i), data)
			break
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Whatever people do, a pull of what changed leaves nothing for a full one to
// find. (Roles and embedding of a dashboard, which would, are not in its file.)
func TestLoop_ChangedPullEqualsFullPull(t *testing.T) {
	notUnderRace(t)
	a, _ := simulators(t)
	w := newWorld(t, a, nil, "pull_brake: {changed_percent: 100}")
	w.run(0, "pull")
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 7))
		var did []string
		for range 1 + rng.IntN(4) {
			did = append(did, somebodyWorks(t, a, rng))
		}
		r := w.run(0, "pull")
		if full := w.run(0, "pull", "--full"); !strings.Contains(full.out, "nothing changed") {
			t.Fatalf("after %q the pull said %q, and a full one then found %q", did, r.out, full.out)
		}
	}
	w.fsck()
}

// somebodyWorks changes something on a server through its API.
func somebodyWorks(t *testing.T, s *server, rng *rand.Rand) string {
	t.Helper()
	pickOne := func(kind string) supersettest.Object {
		objects := s.sim.Objects(kind)
		slices.SortFunc(objects, func(a, b supersettest.Object) int { return strings.Compare(a.UUID, b.UUID) })
		return objects[rng.IntN(len(objects))]
	}
	chart, board, dataset := pickOne(supersettest.Chart), pickOne(supersettest.Dashboard), pickOne(supersettest.Dataset)
	stamp := fmt.Sprint(rng.Uint32())
	put := func(kind, uid string, fields map[string]any) error { return s.api.Put(t.Context(), kind, uid, fields) }
	works := []struct {
		what string
		do   func() error
	}{
		{"edit chart " + chart.UUID, func() error { return put(supersettest.Chart, chart.UUID, map[string]any{"description": stamp}) }},
		{"rename chart " + chart.UUID, func() error { return put(supersettest.Chart, chart.UUID, map[string]any{"slice_name": stamp}) }},
		{"owners of chart " + chart.UUID, func() error { return put(supersettest.Chart, chart.UUID, map[string]any{"owners": []int{}}) }},
		{"chart " + chart.UUID + " onto " + board.UUID, func() error {
			return put(supersettest.Chart, chart.UUID, map[string]any{"dashboards": []int{board.ID}})
		}},
		{"delete chart " + chart.UUID, func() error { return s.api.Delete(t.Context(), supersettest.Chart, chart.UUID) }},
		{"rename dashboard " + board.UUID, func() error {
			return put(supersettest.Dashboard, board.UUID, map[string]any{"dashboard_title": stamp})
		}},
		{"owners of dashboard " + board.UUID, func() error { return put(supersettest.Dashboard, board.UUID, map[string]any{"owners": []int{}}) }},
		{"rename dataset " + dataset.UUID, func() error {
			return put(supersettest.Dataset, dataset.UUID, map[string]any{"table_name": "t" + stamp})
		}},
		{"edit dataset " + dataset.UUID, func() error { return put(supersettest.Dataset, dataset.UUID, map[string]any{"description": stamp}) }},
		{"edit the database", func() error {
			return put(supersettest.Database, pickOne(supersettest.Database).UUID, map[string]any{"cache_timeout": 1 + rng.IntN(1000)})
		}},
		{"put the examples back", func() error {
			return s.api.Import(t.Context(), supersettest.Chart, chartsOf(t), map[string]string{"overwrite": "true"})
		}},
	}
	one := works[rng.IntN(len(works))]
	if err := one.do(); err != nil {
		t.Fatalf("%s: %v", one.what, err)
	}
	return one.what
}

// chartsOf is the bundle of the examples as an export of charts.
func chartsOf(t *testing.T) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(supersettest.Examples), int64(len(supersettest.Examples)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range in.File {
		if strings.Contains(f.Name, "/dashboards/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		w, err := z.Create(f.Name)
		if err == nil {
			_, err = w.Write(bytes.ReplaceAll(data, []byte("type: Dashboard"), []byte("type: Slice")))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
