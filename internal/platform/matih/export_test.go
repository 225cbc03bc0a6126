package matih

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	mt "github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
)

// TestExportOfSome gives what was asked for, in that order, and leaves out what
// no binding and no list knows.
func TestExportOfSome(t *testing.T) {
	s := mt.New()
	s.Many(30)
	c := connect(t, s, "{rate: {per_minute: 600000}}", static)
	all := export(t.Context(), c, nil)
	ids := []asset.ID{all.raws[20].ID, {Kind: kindDashboard, UID: "nobody"}, all.raws[3].ID, {Kind: "chart", UID: all.raws[4].ID.UID}, all.raws[11].ID}
	s.ResetLog()
	got := export(t.Context(), c, ids)
	if got.end != nil || len(got.broken) > 0 || len(got.raws) != 3 {
		t.Fatalf("%d documents, %v, %v", len(got.raws), got.broken, got.end)
	}
	for i, want := range []asset.ID{ids[0], ids[2], ids[4]} {
		if got.raws[i].ID != want {
			t.Errorf("document %d is %s, want %s", i, got.raws[i].ID, want)
		}
	}
	if s.Count(mt.Get) != 3 {
		t.Errorf("%d details were asked for", s.Count(mt.Get))
	}
	if got := export(t.Context(), c, []asset.ID{}); len(got.raws) > 0 || got.end != nil {
		t.Errorf("an export of nothing gives %d documents, %v", len(got.raws), got.end)
	}
}

// TestExportGoesOnAfterFailures: a dashboard that cannot be read is named and
// the rest goes on; a server that fails again and again is left alone.
func TestExportGoesOnAfterFailures(t *testing.T) {
	s := mt.New()
	s.Many(80)
	c := connect(t, s, "{rate: {per_minute: 600000}}", static)
	ds := s.Dashboards()
	for _, d := range []mt.Dashboard{ds[0], ds[40], ds[79]} {
		s.Omit(d.ID)
	}
	got := export(t.Context(), c, nil)
	if got.end != nil || len(got.raws) != 77 || len(got.broken) != 3 {
		t.Errorf("%d documents, %d broken, %v", len(got.raws), len(got.broken), got.end)
	}
	for _, b := range got.broken {
		if b.Info.Title == "" || b.Info.ID.UID == "" {
			t.Errorf("a broken dashboard is not named: %v", b)
		}
	}
	s.Break(mt.Fault{Route: mt.Get, Do: mt.Status(http.StatusInternalServerError)})
	s.ResetLog()
	got = export(t.Context(), c, nil)
	if got.end == nil || len(got.broken) != hopeless || !strings.Contains(got.end.Error(), "50 dashboards in a row") || s.Count(mt.Get) > hopeless+8 {
		t.Errorf("a failing server: %d broken, %d requests, %v", len(got.broken), s.Count(mt.Get), got.end)
	}
	s.Mend()
	s.Break(mt.Fault{Route: mt.Get, Do: mt.DropRequest()})
	if got = export(t.Context(), c, nil); got.end == nil || len(got.broken) != hopelessQuiet {
		t.Errorf("a silent server: %d broken, %v", len(got.broken), got.end)
	}
}

// TestExportIsBounded asks ahead by no more than it may at once, so that the
// details of a reader who takes his time do not pile up.
func TestExportIsBounded(t *testing.T) {
	s := mt.New()
	s.Many(60)
	c := connect(t, s, "{rate: {per_minute: 600000, concurrency: 4}}", static)
	n := 0
	for _, err := range c.Export(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 5 {
			break
		}
	}
	if asked := s.Count(mt.Get); asked > 5+4 {
		t.Errorf("%d details were asked for when 5 had been taken", asked)
	}
}

func TestExportEndsWithItsContext(t *testing.T) {
	s := mt.New()
	s.Many(20)
	c := connect(t, s, "{rate: {per_minute: 600000}}", static)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n, end := 0, error(nil)
	for _, err := range c.Export(ctx, nil) {
		if n++; n == 3 {
			cancel()
		}
		end = err
	}
	if !errors.Is(end, context.Canceled) || n > 3+4+1 {
		t.Errorf("after %d: %v", n, end)
	}
}

// TestETagsAreBounded forgets what has no tag any more, and keeps within its
// limits.
func TestETagsAreBounded(t *testing.T) {
	tags := newETags()
	tags.put("a", tagged{`"1"`, make([]byte, 10)})
	tags.put("a", tagged{`"2"`, make([]byte, 20)})
	if tags.bytes != 20 || tags.get("a").tag != `"2"` {
		t.Errorf("%d bytes, %q", tags.bytes, tags.get("a").tag)
	}
	tags.put("a", tagged{"", make([]byte, 20)})
	if tags.bytes != 0 || tags.get("a").tag != "" {
		t.Errorf("without a tag: %d bytes, %q", tags.bytes, tags.get("a").tag)
	}
	tags.put("big", tagged{`"b"`, make([]byte, maxTagBytes)})
	tags.put("more", tagged{`"m"`, make([]byte, 1)})
	if tags.get("more").tag != "" || tags.bytes != maxTagBytes {
		t.Errorf("more than %d bytes are kept", maxTagBytes)
	}
	many := newETags()
	for i := range maxTags + 10 {
		many.put(fmt.Sprint(i), tagged{`"t"`, nil})
	}
	if len(many.byURL) != maxTags {
		t.Errorf("%d answers are kept", len(many.byURL))
	}
}

// TestServerOf finds the id by binding, else in a list not older than a minute.
func TestServerOf(t *testing.T) {
	k := newClock()
	s := mt.New(mt.WithList(mt.ListItems))
	s.Many(3)
	c := connect(t, s, "", static, onClock(k))
	unknown := asset.ID{Kind: kindDashboard, UID: "unknown"}
	for range 3 {
		if server, ok, err := c.serverOf(t.Context(), unknown); ok || err != nil {
			t.Errorf("unknown: %q, %t, %v", server, ok, err)
		}
	}
	if s.Count(mt.List) != 1 {
		t.Errorf("%d lists within a minute", s.Count(mt.List))
	}
	id := c.newest().rows[1].info.ID
	if server, ok, err := c.serverOf(t.Context(), id); !ok || err != nil || server != c.newest().rows[1].server {
		t.Errorf("known: %q, %t, %v", server, ok, err)
	}
	k.advance(2 * time.Minute)
	if _, ok, err := c.serverOf(t.Context(), unknown); ok || err != nil || s.Count(mt.List) != 2 {
		t.Errorf("after two minutes: %t, %v, %d lists", ok, err, s.Count(mt.List))
	}
	s.Break(mt.Fault{Route: mt.List, Do: mt.EmptyObject()})
	k.advance(2 * time.Minute)
	if _, _, err := c.serverOf(t.Context(), unknown); err == nil {
		t.Error("a list that cannot be read says that nothing is there")
	}
}

// TestInfo reads the index line in the spellings that occur.
func TestInfo(t *testing.T) {
	when := time.Date(2025, 3, 15, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		object string
		want   asset.Info
	}{
		{`{"name":"A"}`, asset.Info{Title: "A"}},
		{`{"name":"A","created_by":"user-1","updated_at":"2025-03-15T10:00:00Z"}`, asset.Info{Title: "A", UpdatedAt: when, Owners: []string{"user-1"}}},
		{`{"name":"A","created_by":{"id":"u","email":"u@x.org"},"updated_by":{"name":"U","username":"u"},"updated_at":"2025-03-15 10:00:00"}`,
			asset.Info{Title: "A", UpdatedAt: when, UpdatedBy: asset.Person{Name: "U", Username: "u"}, Owners: []string{"u", "u@x.org"}}},
		{`{"name":"A","tags":["x",5,"y"],"updated_by":"u@x.org","updated_at":"2025-03-15T12:00:00+02:00"}`,
			asset.Info{Title: "A", UpdatedAt: when, UpdatedBy: asset.Person{Email: "u@x.org"}, Tags: []string{"x", "y"}}},
		{`{"name":null,"tags":null,"created_by":null,"updated_at":17}`, asset.Info{Tags: []string{}, Owners: []string{}}},
	} {
		n, err := asset.FromJSON(c.object)
		if err != nil {
			t.Fatal(err)
		}
		if got := infoOf(asset.ID{}, n); fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", c.want) {
			t.Errorf("%s\n got %+v\nwant %+v", c.object, got, c.want)
		}
	}
}

// TestExportOfMuchThatIsHidden: refusals of single dashboards are answers of a
// working server, however many there are. With an end to the run a pull could
// never get past an account that lost its right to many.
func TestExportOfMuchThatIsHidden(t *testing.T) {
	s := mt.New()
	s.Many(hopeless + 10)
	c := connect(t, s, "{rate: {per_minute: 600000}}", static)
	var ids []asset.ID
	for _, raw := range export(t.Context(), c, nil).raws {
		ids = append(ids, raw.ID)
	}
	for _, d := range s.Dashboards() {
		s.Hide(d.ID, true)
	}
	if got := export(t.Context(), c, ids); got.end != nil || len(got.broken) != hopeless+10 {
		t.Errorf("%d refused, ended by %v", len(got.broken), got.end)
	}
}
