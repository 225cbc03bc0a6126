package superset

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// clockServer is a server of charts only, in which the test decides what time an
// edit carries. Version counts the edits of a chart.
type clockServer struct {
	mu       sync.Mutex
	now      time.Time     // the real one, and that of our side
	drift    time.Duration // of the server's clock
	grain    time.Duration // of its change times
	charts   map[int]*clockChart
	next     int
	requests int
}

type clockChart struct {
	version int
	at      time.Time
}

func (s *clockServer) uid(row int) string {
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", row)
}
func (s *clockServer) stamp() time.Time { return s.now.Add(s.drift).Truncate(s.grain) }

func (s *clockServer) create() {
	s.next++
	s.charts[s.next] = &clockChart{at: s.stamp()}
}

// rows are the row ids in order.
func (s *clockServer) rows() []int { return slices.Sorted(maps.Keys(s.charts)) }

// versions is what there is.
func (s *clockServer) versions() map[asset.ID]int {
	out := map[asset.ID]int{}
	for row, c := range s.charts {
		out[asset.ID{Kind: kindChart, UID: s.uid(row)}] = c.version
	}
	return out
}

var listedAs = regexp.MustCompile(`order_column:([a-z_]+),order_direction:(asc|desc),page:(\d+),page_size:(\d+)`)

func (s *clockServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	answer := map[string]any{"count": 0, "result": []any{}}
	if strings.HasPrefix(r.URL.Path, "/api/") && r.URL.Path != "/api/v1/security/login" && r.Header.Get("Authorization") == "" {
		http.Error(w, `{"msg": "Missing Authorization Header"}`, http.StatusUnauthorized)
		return
	}
	switch r.URL.Path {
	case "/version":
		answer = map[string]any{"version_string": "6.1.0"}
	case "/api/v1/security/login":
		answer = map[string]any{"access_token": "a", "refresh_token": "b"}
	case "/api/v1/chart/":
		m := listedAs.FindStringSubmatch(r.URL.Query().Get("q"))
		rows := s.rows()
		if m[1] == "changed_on_delta_humanized" {
			slices.SortStableFunc(rows, func(a, b int) int { return s.charts[b].at.Compare(s.charts[a].at) })
		}
		page, _ := strconv.Atoi(m[3])
		size, _ := strconv.Atoi(m[4])
		from := min(page*size, len(rows))
		var result []any
		for _, row := range rows[from:min(from+size, len(rows))] {
			result = append(result, map[string]any{"id": row, "uuid": s.uid(row), "slice_name": "chart " + strconv.Itoa(row),
				"changed_on_utc": s.charts[row].at.Format("2006-01-02T15:04:05.000000-0700")})
		}
		answer = map[string]any{"count": len(rows), "result": append([]any{}, result...)}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// unhurried is a connection that asks as fast as it can.
func unhurried(t *testing.T, url string, now func() time.Time) *conn {
	t.Helper()
	c, err := open(platform.Config{Instance: "prod", URL: url, Now: now, Auth: platform.Auth{Username: "admin", Password: secret.Literal("admin")}})
	if err != nil {
		t.Fatal(err)
	}
	c.http.Close()
	c.http, err = apihttp.New(apihttp.Options{Instance: "prod", BaseURL: url, Auth: c.auth, Rate: 1e6})
	if err != nil {
		t.Fatal(err)
	}
	c.auth.http = c.http
	t.Cleanup(c.http.Close)
	return c
}

// follower is what an exporter would make of the answers.
type follower struct {
	s    *clockServer
	c    *conn
	seen *asset.Seen
	have map[asset.ID]int // versions that were read
	edit func(string)     // somebody at work in between
}

func (f *follower) look(t *rapid.T) {
	l, ch, err := f.c.look(t.Context(), f.seen)
	if err != nil {
		t.Fatal(err)
	}
	f.edit("after the question")
	if ch.All != "" {
		f.have = f.s.versions()
		f.edit("after the export, before the list")
		if l.index, err = f.c.listAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		for id := range f.have { // as reading does: what the list lacks is not there
			if l.index.byID[id] == nil {
				delete(f.have, id)
			}
		}
		f.seen = l.seenAll()
		return
	}
	now, next := f.s.versions(), map[asset.ID]int{}
	for _, id := range ch.Listed {
		version, read := f.have[id]
		if !read || slices.Contains(ch.Changed, id) {
			version = now[id]
		}
		next[id] = version
	}
	f.have, f.seen = next, l.seen()
}

// Whatever people do between and during the looks, one look in a quiet minute
// has everything: with times of any grain when the clock is honest, and with a
// clock that jumps when a page holds all charts and times have fractions.
func TestChangedMissesNothing(t *testing.T) {
	if RaceDetector {
		t.Skip("one goroutine asks a server of its own: make check runs this without the race detector")
	}
	s := &clockServer{}
	h := httptest.NewServer(s)
	defer h.Close()
	c := unhurried(t, h.URL, func() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.now })
	rapid.Check(t, func(t *rapid.T) {
		small := rapid.Bool().Draw(t, "small")
		s.now, s.drift, s.next, s.charts = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC), 0, 0, map[int]*clockChart{}
		s.grain = rapid.SampledFrom([]time.Duration{time.Second, time.Microsecond}).Draw(t, "grain")
		charts := rapid.IntRange(0, 30)
		if !small {
			charts = rapid.IntRange(98, 130)
		}
		pause := rapid.SampledFrom([]time.Duration{time.Microsecond, 50 * time.Millisecond}).Draw(t, "pause")
		for range charts.Draw(t, "charts") {
			s.create()
			s.now = s.now.Add(pause)
		}
		step := func(what string) {
			s.now = s.now.Add(rapid.SampledFrom([]time.Duration{time.Microsecond, 300 * time.Millisecond, time.Second, time.Minute}).Draw(t, "time passes"))
			rows := s.rows()
			op := rapid.SampledFrom([]string{"edit", "edit", "edit", "create", "delete", "none", "clock", "import"}).Draw(t, what)
			switch {
			case op == "create":
				s.create()
			case op == "import": // over all that is there, more than a page
				for _, row := range rows {
					s.now = s.now.Add(pause)
					s.charts[row].version, s.charts[row].at = s.charts[row].version+1, s.stamp()
				}
			case op == "clock" && small && s.grain < time.Second: // the very same time again is beyond telling
				s.drift = rapid.SampledFrom([]time.Duration{-time.Hour, -2123457 * time.Microsecond, 0, time.Hour}).Draw(t, "drift")
			case op == "edit" && len(rows) > 0:
				c := s.charts[rapid.SampledFrom(rows).Draw(t, "row")]
				c.version, c.at = c.version+1, s.stamp()
			case op == "delete" && len(rows) > 0:
				delete(s.charts, rapid.SampledFrom(rows).Draw(t, "row"))
			}
		}
		f := &follower{s: s, c: c, edit: step}
		c.index = nil
		for range rapid.IntRange(1, 6).Draw(t, "looks") {
			for range rapid.IntRange(0, 3).Draw(t, "edits") {
				step("before")
			}
			f.look(t)
		}
		f.edit = func(string) {}
		s.now = s.now.Add(time.Minute)
		f.look(t)
		if want := s.versions(); !maps.Equal(want, f.have) {
			t.Fatalf("have %v, want %v", byID(f.have), byID(want))
		}
		s.now = s.now.Add(time.Minute)
		f.look(t) // settles what stands in the newest whole second
		s.now, s.requests = s.now.Add(time.Minute), 0
		_, ch, err := c.look(t.Context(), f.seen)
		if err != nil || ch.All != "" {
			t.Fatalf("%v, all: %q", err, ch.All)
		}
		if s.drift == 0 && s.requests != 1+len(c.chosen) || len(ch.Changed) > 0 || len(ch.Listed) != len(s.charts) {
			t.Fatalf("nothing changed: %d requests, %d changed, %d of %d listed", s.requests, len(ch.Changed), len(ch.Listed), len(s.charts))
		}
	})
}

func byID(m map[asset.ID]int) []string {
	var out []string
	for _, id := range slices.SortedFunc(maps.Keys(m), asset.ID.Compare) {
		out = append(out, fmt.Sprintf("%s=%d", id.UID[30:], m[id]))
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out
}
