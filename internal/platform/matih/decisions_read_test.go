package matih

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
	mt "github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// What the API leaves open was decided once, point by point; each decision about
// reading has a test of its name here.

var update = flag.Bool("update", false, "rewrite testdata/golden")

// TestDecision_NoExportOrZip: the content of a server is its list and one
// request for each dashboard, nothing else.
func TestDecision_NoExportOrZip(t *testing.T) {
	s := filled(t)
	c := connect(t, s, "", static)
	got := whole(t, c)
	if len(got) != len(s.Dashboards()) {
		t.Errorf("%d of %d dashboards", len(got), len(s.Dashboards()))
	}
	for _, r := range s.Requests() {
		if r.Route != mt.List && r.Route != mt.Get {
			t.Errorf("an export asked %s %s", r.Method, r.Path)
		}
	}
	if n := s.Count(mt.Get); n != len(got) {
		t.Errorf("%d details were asked for %d dashboards", n, len(got))
	}
}

// TestDecision_ListShapes: every documented shape gives the same list, with more
// dashboards than a page holds.
func TestDecision_ListShapes(t *testing.T) {
	for form := mt.ListBare; form <= mt.ListAppendix; form++ {
		for _, paging := range []mt.Paging{mt.ByOffset, mt.PageFrom0, mt.PageFrom1} {
			for _, total := range []bool{true, false} {
				opts := []mt.Option{mt.WithList(form), mt.WithPaging(paging), mt.WithPageSize(20, 50)}
				if !total {
					opts = append(opts, mt.WithoutTotal())
				}
				options := []string{"", "{paging: page-from-0, rate: {per_minute: 600000}}", "{paging: page-from-1, rate: {per_minute: 600000}}"}[paging]
				if paging != mt.ByOffset && form >= mt.ListGateway {
					options = "" // the answer says how it counts
				}
				s := mt.New(opts...)
				s.Many(117)
				c := connect(t, s, options, static)
				infos, err := c.List(t.Context())
				if err != nil || len(infos) != 117 {
					t.Errorf("form %d, paging %d, total %t: %d dashboards, %v", form, paging, total, len(infos), err)
				}
			}
		}
	}
	for _, p := range mt.Profiles() {
		s := p.Server()
		s.Many(45)
		infos, err := connect(t, s, p.ClientOptions, withPassword).List(t.Context())
		if err != nil && p.Name != "partial-put" || err == nil && len(infos) != 45 { // that one shuffles between pages
			t.Errorf("profile %s: %d dashboards, %v", p.Name, len(infos), err)
		}
		if empty, err := connect(t, p.Server(), p.ClientOptions, withPassword).List(t.Context()); err != nil || len(empty) > 0 {
			t.Errorf("profile %s, empty: %d dashboards, %v", p.Name, len(empty), err)
		}
	}
}

// TestDecision_PagesAreStable: what is created or deleted between two pages
// makes the list be read again, and one that never holds still is an error with
// both figures.
func TestDecision_PagesAreStable(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(s *mt.Server, page int) error
		want   int // dashboards, 0 for an error
	}{
		{"created once", func(s *mt.Server, page int) error {
			if page != 1 {
				return nil
			}
			_, err := s.Seed(mt.Dashboard{Fields: map[string]any{"name": "new"}})
			return err
		}, 61},
		{"deleted once", func(s *mt.Server, page int) error {
			if page != 1 {
				return nil
			}
			return s.Remove(s.Dashboards()[0].ID)
		}, 59},
		{"created again and again", func(s *mt.Server, page int) error {
			_, err := s.Seed(mt.Dashboard{Fields: map[string]any{"name": fmt.Sprint("new ", page)}})
			return err
		}, 0},
	} {
		forms := []mt.ListForm{mt.ListItems, mt.ListBare, mt.ListGateway}
		if c.name == "deleted once" { // without a count nothing tells; who is missing is asked for by id
			forms = []mt.ListForm{mt.ListItems, mt.ListGateway}
		}
		for _, form := range forms {
			s := mt.New(mt.WithOrder(mt.NewestFirst), mt.WithList(form), mt.WithFixedPage(25))
			s.Many(60)
			s.BetweenPages(func(page int) {
				if err := c.change(s, page); err != nil {
					t.Error(err)
				}
			})
			infos, err := connect(t, s, "{rate: {per_minute: 600000}}", static).List(t.Context())
			switch {
			case c.want > 0 && (err != nil || len(infos) != c.want):
				t.Errorf("%s, form %d: %d dashboards, want %d; %v", c.name, form, len(infos), c.want, err)
			case c.want == 0 && (err == nil || !strings.Contains(err.Error(), "were counted")):
				t.Errorf("%s, form %d: %d dashboards, %v", c.name, form, len(infos), err)
			}
		}
	}
}

// TestDecision_ChangeTestIsTheHash: a change is found by content alone, and an
// ETag, where there is one, only saves the transfer.
func TestDecision_ChangeTestIsTheHash(t *testing.T) {
	for _, tagged := range []bool{true, false} {
		opts := []mt.Option{mt.WithUpdatedAt()}
		if tagged {
			opts = append(opts, mt.WithETag())
		}
		s := filled(t, opts...)
		c := connect(t, s, "{rate: {per_minute: 600000}}", static)
		n := len(s.Dashboards())
		first := whole(t, c)
		if full, same := s.Details(); full != n || same != 0 {
			t.Errorf("tagged %t, first: %d full, %d unchanged", tagged, full, same)
		}
		s.ResetLog()
		second := whole(t, c)
		full, same := s.Details()
		if tagged && (full != 0 || same != n) || !tagged && (full != n || same != 0) {
			t.Errorf("tagged %t, second: %d full, %d unchanged", tagged, full, same)
		}
		if fmt.Sprint(first) != fmt.Sprint(second) {
			t.Errorf("tagged %t: a second reading is different", tagged)
		}
		// An edit of nothing moves updated_at and the ETag, and no content.
		one := s.Dashboards()[0]
		if err := s.EditAs(mt.Admin().ID, one.ID, func(map[string]any) {}); err != nil {
			t.Fatal(err)
		}
		if third := whole(t, c); fmt.Sprint(first) != fmt.Sprint(third) {
			t.Errorf("tagged %t: a save without a change is a change", tagged)
		}
		if err := s.EditAs(mt.Admin().ID, one.ID, func(f map[string]any) { f["description"] = "edited" }); err != nil {
			t.Fatal(err)
		}
		s.ResetLog()
		fourth := whole(t, c)
		if !strings.Contains(fourth[one.Name()], "description: edited\n") {
			t.Errorf("tagged %t: the edit is not seen\n%s", tagged, fourth[one.Name()])
		}
		if full, _ := s.Details(); tagged && full != 1 {
			t.Errorf("after one edit %d details came in full", full)
		}
	}
}

// TestDecision_AbsenceIsNotDeletion: 403 is hidden, and reported; 404 for what
// is listed is asked once more, and reported; only an asked id that answers 404
// is left out.
func TestDecision_AbsenceIsNotDeletion(t *testing.T) {
	for _, forbidden := range []bool{true, false} {
		s := filled(t)
		c := connect(t, s, "", static)
		ids := map[string]asset.ID{}
		for _, d := range s.Dashboards() {
			ids[d.ID] = c.titled(t, d.Name())
		}
		one := s.Dashboards()[1]
		s.Hide(one.ID, forbidden)
		infos, err := c.List(t.Context())
		if err != nil || len(infos) != len(ids)-1 {
			t.Errorf("hidden: %d listed, %v", len(infos), err)
		}
		got := export(t.Context(), c, []asset.ID{ids[one.ID]})
		switch {
		case got.end != nil || len(got.raws) > 0:
			t.Errorf("forbidden %t: %d documents, %v", forbidden, len(got.raws), got.end)
		case forbidden && (len(got.broken) != 1 || !errors.Is(got.broken[0], errHidden) || got.broken[0].Info.ID != ids[one.ID] || !strings.Contains(got.broken[0].Error(), "hidden")):
			t.Errorf("403 gives %v", got.broken)
		case !forbidden && len(got.broken) > 0:
			t.Errorf("404 of an asked id gives %v", got.broken)
		}
	}
	s := filled(t)
	one := s.Dashboards()[2]
	c := connect(t, s, "", static)
	s.Break(mt.Fault{Route: mt.Get, Path: one.ID, Times: 1, Do: mt.Status(http.StatusNotFound)})
	if got := export(t.Context(), c, nil); got.end != nil || len(got.broken) > 0 || len(got.raws) != len(s.Dashboards()) {
		t.Errorf("404 once for a listed one: %d documents, %v, %v", len(got.raws), got.broken, got.end)
	}
	s.Break(mt.Fault{Route: mt.Get, Path: one.ID, Do: mt.Status(http.StatusNotFound)})
	if got := export(t.Context(), c, nil); got.end != nil || len(got.broken) != 1 || len(got.raws) != len(s.Dashboards())-1 {
		t.Errorf("404 for a listed one: %d documents, %v, %v", len(got.raws), got.broken, got.end)
	}
	other := mt.New(mt.WithUsers(mt.User{ID: "user-9", Email: "nine@example.com", Tenant: mt.Other}), mt.WithToken("mk_test_nine", "user-9"))
	if err := other.SeedExamples(); err != nil {
		t.Fatal(err)
	}
	c = connect(t, other, "", func(cfg *platform.Config) { cfg.Auth = platform.Auth{Token: secret.Literal("mk_test_nine")} })
	if err := c.ids.Bind(platform.Binding{ID: asset.ID{Kind: kindDashboard, UID: "u"}, Server: other.Dashboards()[0].ID}); err != nil {
		t.Fatal(err)
	}
	if got := export(t.Context(), c, []asset.ID{{Kind: kindDashboard, UID: "u"}}); got.end != nil || len(got.raws)+len(got.broken) > 0 {
		t.Errorf("another tenant's: %v", got)
	}
}

// TestDecision_WidgetListAndIDKeys: the list of widgets is found where it is
// known to stand, ids under the names they are known by; and where it is not, the
// dashboard is unreadable, not empty.
func TestDecision_WidgetListAndIDKeys(t *testing.T) { golden(t, "widgets") }

// TestDecision_ServerOwnedFields: what only the server writes stays out of the
// file.
func TestDecision_ServerOwnedFields(t *testing.T) { golden(t, "owned") }

// TestDecision_UnknownValuesPass: unknown types, visibilities, keys and odd
// values come through as they are.
func TestDecision_UnknownValuesPass(t *testing.T) { golden(t, "unknown") }

// golden reads the answers testdata/golden/PREFIX-*.json, each the detail of
// dashboard "d-1", and compares what becomes of them. A first line that begins
// with # gives options.
func golden(t *testing.T, prefix string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "golden", prefix+"-*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of %s: %v", prefix, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		options, body := "", string(text)
		if strings.HasPrefix(body, "#") {
			options, body, _ = strings.Cut(body[1:], "\n")
		}
		c := connect(t, &wire{answer: fixed(map[string]string{listPath + "/d-1": body})}, strings.TrimSpace(options))
		got := picture(t, c)
		want := strings.TrimSuffix(file, ".json") + ".txt"
		if *update {
			if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if is, err := os.ReadFile(want); err != nil || string(is) != got {
			t.Errorf("%s (%v)\n%s", want, err, got)
		}
	}
}

// picture is what dashboard d-1 became: its canonical form, ids of widgets, index
// line and notes, or the error.
func picture(t *testing.T, c *conn) string {
	t.Helper()
	d, err := c.fetch(t.Context(), "d-1")
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	raw := c.raw(d)
	a, notes, err := normalize.Canonical(raw, Rules())
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	if strings.Contains(string(a.Content), "d-1") || strings.Contains(string(a.Content), "w-1") {
		t.Error("an id of the server stands in the content")
	}
	var b strings.Builder
	b.Write(a.Content)
	b.WriteString("---\n")
	for _, uid := range sortedKeys(d.widgets) {
		fmt.Fprintf(&b, "widget %s is %s on the server\n", uid, d.widgets[uid])
	}
	fmt.Fprintf(&b, "updated %v by %v, owners %v, tags %v, unread %v\n", raw.UpdatedAt, raw.UpdatedBy, raw.Owners, raw.Tags, a.Unread)
	for _, n := range notes {
		fmt.Fprintf(&b, "note %s: %s\n", n.Path, n.Text)
	}
	return b.String()
}

func sortedKeys(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// TestDecision_TokenLife: tokens are renewed before they end, once when one is
// refused, then by one new login, and then the run fails.
func TestDecision_TokenLife(t *testing.T) {
	k := newClock()
	s := filled(t, mt.WithClock(k.now), mt.WithSingleUseRefresh())
	c := connect(t, s, "", withPassword, onClock(k))
	for range 20 { // more than an hour
		whole(t, c)
		k.advance(4 * time.Minute)
	}
	refused := 0
	for _, r := range s.Requests() {
		if r.Status == http.StatusUnauthorized {
			refused++
		}
	}
	if refused > 0 || s.Count(mt.Login) != 1 || s.Count(mt.Refresh) < 4 {
		t.Errorf("renewed before the end: %d refused, %d logins, %d renewals", refused, s.Count(mt.Login), s.Count(mt.Refresh))
	}
	s.ResetLog()
	s.ExpireTokens()
	whole(t, c)
	if s.Count(mt.Login) != 0 || s.Count(mt.Refresh) != 1 {
		t.Errorf("refused once: %d logins, %d renewals", s.Count(mt.Login), s.Count(mt.Refresh))
	}
	k.advance(5 * time.Minute)
	s.ResetLog()
	s.ForgetSessions()
	whole(t, c)
	if s.Count(mt.Login) != 1 || s.Count(mt.Refresh) != 1 {
		t.Errorf("the refresh token is refused too: %d logins, %d renewals", s.Count(mt.Login), s.Count(mt.Refresh))
	}
	s.ResetLog()
	s.Break(mt.Fault{Route: mt.List, Do: mt.Status(http.StatusUnauthorized)})
	_, err := c.List(t.Context())
	var login *platform.LoginError
	if !errors.As(err, &login) || s.Count(mt.List) > 4 || s.Count(mt.Login) > 2 {
		t.Errorf("a server that refuses each token: %v after %d requests and %d logins", err, s.Count(mt.List), s.Count(mt.Login))
	}
}

// TestDecision_Limits: at the configured pace a server of the vendor's limits
// refuses nothing; where it is stricter than configured its headers and
// Retry-After are kept to; and no more requests are under way than configured.
func TestDecision_Limits(t *testing.T) {
	for _, tc := range []struct {
		name    string
		rate    mt.Rate
		options string
	}{
		{"free plan", mt.Rate{PerMinute: 60, Burst: 10}, "{rate: {per_minute: 60}}"},
		{"as configured", mt.Rate{PerMinute: 300, Burst: 50}, ""},
		{"stricter, seconds", mt.Rate{PerMinute: 60, Burst: 10}, "{rate: {per_minute: 6000, concurrency: 2}}"},
		{"stricter, time", mt.Rate{PerMinute: 60, Burst: 10, Epoch: true}, "{rate: {per_minute: 6000, concurrency: 2}}"},
	} {
		k := newClock()
		s := mt.New(mt.WithClock(k.now), mt.WithRate(tc.rate))
		s.Many(120)
		c := connect(t, s, tc.options, static, onClock(k))
		if got := whole(t, c); len(got) != 120 {
			t.Errorf("%s: %d of 120", tc.name, len(got))
		}
		if n := s.Throttled(); n > 0 {
			t.Errorf("%s: %d requests were refused", tc.name, n)
		}
	}
	k := newClock()
	s := mt.New(mt.WithClock(k.now))
	s.Many(5)
	s.Break(mt.Fault{Route: mt.Get, Times: 2, Do: mt.Throttle("7")})
	if got := whole(t, connect(t, s, "{rate: {concurrency: 1}}", static, onClock(k))); len(got) != 5 || k.waited < 14*time.Second {
		t.Errorf("Retry-After: %d of 5 after waiting %v", len(got), k.waited)
	}
	atOnce(t)
}

// atOnce counts the requests that are under way together: the first three meet.
func atOnce(t *testing.T) {
	t.Helper()
	var inside, most atomic.Int32
	var three sync.WaitGroup
	three.Add(3)
	s := mt.New()
	s.Many(40)
	s.Break(mt.Fault{Route: mt.Get, Times: 3, Do: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		three.Done()
		three.Wait()
		next.ServeHTTP(w, r)
	}})
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), inside.Add(1)))
		defer inside.Add(-1)
		s.ServeHTTP(w, r)
	})
	got := export(t.Context(), connect(t, counted, "{rate: {per_minute: 600000, concurrency: 3}}", static), nil)
	if len(got.raws) != 40 || got.end != nil || most.Load() != 3 {
		t.Errorf("%d of 40, %v; %d requests at once, want 3", len(got.raws), got.end, most.Load())
	}
}
