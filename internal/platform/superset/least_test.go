package superset

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// small is a server with the rich dashboard of each version: one database, three
// datasets, nine charts, one dashboard. svc is the account that is tried out.
func small(t *testing.T, version string, opts ...st.Option) (*st.Server, string) {
	t.Helper()
	users := []st.User{{Username: "svc", Password: "pw", First: "S", Last: "Vc"}, {Username: "mia", Password: "pw", First: "Mia", Last: "Öz"}}
	s := st.New(append([]st.Option{st.WithVersion(version), st.WithUsers(users...)}, opts...)...)
	zip, err := os.ReadFile("supersettest/testdata/" + version + "/dashboard-rich.zip")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Seed(zip); err != nil {
		t.Fatal(err)
	}
	return s, serveSim(t, s)
}

func serveSim(t *testing.T, s *st.Server) string {
	t.Helper()
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return h.URL
}

// as is a connection that asks as fast as it can and never waits.
func as(t *testing.T, url string, auth platform.Auth, kinds ...asset.Kind) *conn {
	t.Helper()
	c, err := open(platform.Config{Instance: "prod", URL: url, Auth: auth, Kinds: kinds, Secrets: func(asset.ID) map[string]secret.Value {
		return map[string]secret.Value{"password": secret.Literal("pw"), "extra/engine_params/connect_args/sslpassword": secret.Literal("x"),
			"uri_query/sslpassword": secret.Literal("y"), "encrypted_extra/connect_args/sslpassword": secret.Literal("z")}
	}})
	if err != nil {
		t.Fatal(err)
	}
	c.http.Close()
	c.http, err = apihttp.New(apihttp.Options{Instance: "prod", BaseURL: url, Auth: c.auth, Rate: 1e6, Expired: expired,
		Sleep: func(context.Context, time.Duration) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	c.auth.http = c.http
	t.Cleanup(c.http.Close)
	return c
}

func svc() platform.Auth { return platform.Auth{Username: "svc", Password: secret.Literal("pw")} }

func theVersions() []string { return []string{"4.1.4", "5.0.0", "6.0.0", "6.1.0"} }

// TestAccount: who is an administrator is told on every version and by every way
// to log in, or at least never claimed of one who is none.
func TestAccount(t *testing.T) {
	token := "h." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub": "2"}`)) + ".s" // svc is user 2
	for _, version := range theVersions() {
		for _, c := range []struct {
			name string
			opts []st.Option
			auth platform.Auth
		}{
			{"password", nil, svc()},
			{"password, no users API", []st.Option{st.WithoutUsersAPI()}, svc()},
			{"password, no form", []st.Option{st.WithoutForm()}, svc()},
			{"token", []st.Option{st.WithToken(token, "svc")}, platform.Auth{Token: secret.Literal(token)}},
			{"token, no users API", []st.Option{st.WithToken(token, "svc"), st.WithoutUsersAPI()}, platform.Auth{Token: secret.Literal(token)}},
		} {
			t.Run(version+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				opts := append(c.opts, st.WithRole("users", reads(allViews(), append(allData(), st.Permit{What: "can_get", On: "User"})...)...))
				s, url := small(t, version, opts...)
				for _, role := range []string{st.Admin, st.Alpha, st.Gamma, "users"} {
					s.SetRole("svc", role)
					a, err := as(t, url, c.auth).account(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					told := role != "users" || !strings.HasPrefix(c.name, "token, no") // what it may not even ask
					if a.admin != (role == st.Admin) || told && a.limited == a.admin {
						t.Errorf("%s: %+v", role, a)
					}
					if a.known && a.can("all_datasource_access", "all_datasource_access") == (role == st.Gamma) {
						t.Errorf("%s: all_datasource_access %t", role, role == st.Gamma)
					}
				}
			})
		}
	}
}

// A rights question that the server fails to answer is no answer.
func TestAccountErrorIsNoAnswer(t *testing.T) {
	for _, version := range theVersions() {
		s, url := small(t, version)
		s.Break(st.Fault{Path: "/me/roles/", Do: st.Status(http.StatusBadGateway)})
		if a, err := as(t, url, svc()).account(t.Context()); err == nil {
			t.Errorf("%s: %+v", version, a)
		}
	}
}

// everything reads all and sorts it.
func everything(t *testing.T, c *conn) (assets map[asset.ID]*asset.Asset, failed map[asset.ID]error, kinds map[asset.Kind]asset.KindError) {
	t.Helper()
	assets, failed, kinds = map[asset.ID]*asset.Asset{}, map[asset.ID]error{}, map[asset.Kind]asset.KindError{}
	for raw, err := range c.Export(t.Context(), nil) {
		var one *asset.Error
		var kind *asset.KindError
		switch {
		case errors.As(err, &kind):
			kinds[kind.Kind] = *kind
			continue
		case errors.As(err, &one):
			failed[one.Info.ID] = one.Err
			continue
		case err != nil:
			t.Fatal(err)
		}
		a, _, err := normalize.Canonical(raw, Rules())
		if err == nil {
			err = raw.Doubt()
		}
		if err != nil {
			failed[raw.ID] = err
			continue
		}
		assets[a.ID] = a
	}
	return assets, failed, kinds
}

func countKinds(as map[asset.ID]*asset.Asset) map[asset.Kind]int {
	n := map[asset.Kind]int{}
	for id := range as {
		n[id.Kind]++
	}
	return n
}

// reads is a role that reads some kinds, and what it may do besides.
func reads(views []string, more ...st.Permit) []st.Permit {
	for _, v := range views {
		more = append(more, st.Permit{What: "can_read", On: v}, st.Permit{What: "can_export", On: v})
	}
	return append(more, st.Permit{What: "can_get_embedded", On: "Dashboard"}, st.Permit{What: "can_read", On: "SecurityRestApi"}, st.Permit{What: "can_read", On: "CurrentUserRestApi"},
		st.Permit{What: "can_export", On: "ImportExportRestApi"})
}

func allViews() []string {
	return []string{"Database", "Dataset", "Chart", "Dashboard", "SavedQuery", "Theme", "Tag", "CssTemplate", "Annotation"}
}

func allData() []st.Permit {
	return []st.Permit{{What: "all_datasource_access", On: "all_datasource_access"}, {What: "all_database_access", On: "all_database_access"}}
}

func less(perms []st.Permit, what, on string) []st.Permit {
	return slices.DeleteFunc(slices.Clone(perms), func(p st.Permit) bool { return p == st.Permit{What: what, On: on} })
}

// TestForbiddenKindsAreNotEmpty: a kind whose list is refused is told as such, by
// a reading of everything and by one of what changed, and the others are read.
func TestForbiddenKindsAreNotEmpty(t *testing.T) {
	for _, version := range theVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s, url := small(t, version, st.WithRole("reader", reads([]string{"Database", "Chart", "Dashboard", "Tag", "CssTemplate", "Annotation"}, allData()...)...))
			admin, _, _ := everything(t, as(t, url, svc()))
			s.SetRole("svc", "reader")
			c := as(t, url, svc())
			got, failed, kinds := everything(t, c)
			if e := kinds[kindDataset]; e.Reason != asset.Forbidden || !strings.Contains(e.Why, "can_read on Dataset") {
				t.Errorf("datasets: %+v", e)
			}
			for id, a := range admin {
				if e, ok := kinds[id.Kind]; ok && e.Reason == asset.Forbidden {
					continue
				}
				if g := got[id]; failed[id] == nil && (g == nil || without(g, g.Unread) != without(a, g.Unread)) { // before 6.1.0 owners need can_get on User
					t.Errorf("%s differs for an account that may not list datasets", id)
				}
			}
			if n := countKinds(got); n[kindDataset] != 0 || n[kindChart]+len(failed) < 9 {
				t.Errorf("%v, failed %v", n, failed)
			}
			_, ch, err := c.look(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range ch.Export(t.Context(), nil) {
				if kind := (*asset.KindError)(nil); err != nil && !errors.As(err, &kind) {
					t.Log(err)
				}
			}
			seen := ch.Seen()
			if _, ch, err = c.look(t.Context(), seen); err != nil || ch.All != "" {
				t.Fatalf("%v, %q", err, ch.All)
			}
			if !slices.ContainsFunc(ch.Skipped, func(e asset.KindError) bool { return e.Kind == kindDataset && e.Reason == asset.Forbidden }) ||
				!slices.ContainsFunc(ch.Skipped, func(e asset.KindError) bool { return e.Kind == kindDashboard && e.Reason == asset.InPart }) {
				t.Errorf("a reading of what changed tells %+v", ch.Skipped)
			}
			s.SetRole("svc", st.Admin) // allowed again: everything is read
			if _, ch, err = c.look(t.Context(), seen); err != nil || ch.All == "" {
				t.Errorf("%v, %q", err, ch.All)
			}
		})
	}
}

// Where nothing may be listed that is an error and no empty server.
func TestForbiddenEverything(t *testing.T) {
	s, url := small(t, "6.1.0", st.WithRole("nobody"))
	s.SetRole("svc", "nobody")
	c := as(t, url, svc())
	if _, err := c.List(t.Context()); err == nil || !strings.Contains(err.Error(), "may not list any of") {
		t.Errorf("list: %v", err)
	}
	if _, err := c.Changed(t.Context(), nil); err == nil {
		t.Error("the cheap question finds nothing wrong")
	}
	if _, err := c.Ping(t.Context()); err == nil {
		t.Error("ping finds nothing wrong")
	}
}

// TestExportForbidden: what may be listed and not exported by its own endpoint
// comes from the export of everything; without that right too the kind is not
// read, and is not absent.
func TestExportForbidden(t *testing.T) {
	perms := less(reads(allViews(), allData()...), "can_export", "Database")
	s, url := small(t, "6.1.0", st.WithRole("part", perms...), st.WithRole("less", less(perms, "can_export", "ImportExportRestApi")...))
	db := asset.ID{Kind: kindDatabase, UID: s.Objects(st.Database)[0].UUID}
	s.SetRole("svc", "part")
	n := 0
	for raw, err := range as(t, url, svc()).Export(t.Context(), []asset.ID{db}) {
		if err != nil || raw.ID != db {
			t.Errorf("%v", err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d documents of the one database", n)
	}
	s.SetRole("svc", "less")
	assets, failed, kinds := everything(t, as(t, url, svc()))
	if e := kinds[kindDatabase]; e.Reason != asset.Forbidden || !strings.Contains(e.Why, "can_export on Database") {
		t.Errorf("databases: %+v", e)
	}
	if n := countKinds(assets); n[kindDatabase] != 0 || n[kindDataset] != 3 || n[kindChart] != 9 || n[kindDashboard] != 1 || len(failed) > 0 {
		t.Errorf("%v, failed %v", n, failed)
	}
}

// TestHidden: what an account's lists lack is gone only when it must have been
// shown to that account.
func TestHidden(t *testing.T) {
	for _, version := range theVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s, url := small(t, version, st.WithRole("all data", reads(allViews(), allData()...)...))
			before, _, _ := everything(t, as(t, url, svc()))
			s.SetRole("svc", "all data")
			dash := one(before, kindDashboard)
			if err := s.EditAs("mia", st.Dashboard, dash.UID, func(f map[string]any) { f["published"] = false }); err != nil {
				t.Fatal(err)
			}
			c := as(t, url, svc())
			got, _, kinds := everything(t, c)
			if got[dash] != nil || kinds[kindDashboard].Reason != asset.InPart || kinds[kindChart].Why != "" {
				t.Fatalf("unpublished and shown: %t; %+v", got[dash] != nil, kinds)
			}
			if why := hiddenOf(t, c, before, dash)[dash]; why == "" {
				t.Error("an unpublished dashboard counts as gone")
			}
			chart := one(before, kindChart)
			for _, id := range []asset.ID{dash, chart} {
				if err := s.Delete(string(id.Kind), id.UID); err != nil {
					t.Fatal(err)
				}
				if _, _, _ = everything(t, c); len(hiddenOf(t, c, before, id)) > 0 {
					t.Errorf("%s is deleted and does not count as gone", id)
				}
			}
		})
	}
}

// Without all_datasource_access: a chart is gone when its dataset is shown, a
// dataset when the whole database may be used, a database never.
func TestHiddenWithoutAllData(t *testing.T) {
	s, url := small(t, "6.1.0")
	before, _, _ := everything(t, as(t, url, svc()))
	db := s.Objects(st.Database)[0]
	views := allViews()
	for role, want := range map[string]map[asset.Kind]bool{
		"database": {kindChart: false, kindDataset: false, kindDatabase: true},
		"dataset":  {kindDataset: true, kindDatabase: true},
	} {
		s, url := small(t, "6.1.0",
			st.WithRole("database", reads(views, st.Permit{What: "database_access", On: fmt.Sprintf("[%s].(id:%d)", db.Title, db.ID)})...),
			st.WithRole("dataset", reads(views, st.Permit{What: "datasource_access", On: fmt.Sprintf("[%s].[orders](id:1)", db.Title)})...))
		s.SetRole("svc", role)
		c := as(t, url, svc())
		for k, hidden := range want {
			id := one(before, k)
			if _, err := c.List(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.Break(partly(string(k), fmt.Sprintf("(col:%s,opr:neq,value:'%s')", traitOf(k).title, strings.ReplaceAll(before[id].Title, "'", "!'")), 0))
			if got := hiddenOf(t, c, before, id); (got[id] != "") != hidden {
				t.Errorf("role %s: %s hidden because %q, want hidden %t", role, id, got[id], hidden)
			}
			s.Mend()
		}
	}
}

func one(as map[asset.ID]*asset.Asset, k asset.Kind) asset.ID {
	ids := []asset.ID{}
	for id := range as {
		if id.Kind == k {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, asset.ID.Compare)
	return ids[0]
}

func hiddenOf(t *testing.T, c *conn, known map[asset.ID]*asset.Asset, ids ...asset.ID) map[asset.ID]string {
	t.Helper()
	var lost []asset.Lost
	for _, id := range ids {
		lost = append(lost, asset.Lost{Asset: known[id]})
	}
	hidden, err := c.Hidden(t.Context(), lost)
	if err != nil {
		t.Fatal(err)
	}
	return hidden
}

// TestHiddenQuestionFails: an error of the question is no deletion.
func TestHiddenQuestionFails(t *testing.T) {
	s, url := small(t, "6.1.0", st.WithRole("all data", reads(allViews(), allData()...)...))
	before, _, _ := everything(t, as(t, url, svc()))
	dash := one(before, kindDashboard)
	if err := s.EditAs("mia", st.Dashboard, dash.UID, func(f map[string]any) { f["published"] = false }); err != nil { // svc is shown it no more
		t.Fatal(err)
	}
	s.SetRole("svc", "all data")
	for _, f := range []st.Behaviour{st.Status(http.StatusBadGateway), st.LoginPage(), st.Status(http.StatusUnauthorized)} {
		c := as(t, url, svc())
		if _, err := c.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Break(st.Fault{Path: dash.UID, Do: f})
		if hidden, err := c.Hidden(t.Context(), []asset.Lost{{Asset: before[dash]}}); err == nil || !strings.Contains(err.Error(), "still there") {
			t.Errorf("%v %v", hidden, err)
		}
		s.Mend()
	}
	c := as(t, url, svc())
	if _, err := c.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Break(st.Fault{Path: dash.UID, Do: st.Status(http.StatusInternalServerError)})
	if hiddenOf(t, c, before, dash)[dash] == "" {
		t.Error("a question that is answered with 500 is a deletion")
	}
}

// TestAdministratorNoMore: rights are asked anew when something is missing.
func TestAdministratorNoMore(t *testing.T) {
	s, url := small(t, "6.1.0", st.WithRole("all data", reads(allViews(), allData()...)...))
	c := as(t, url, svc())
	before, _, _ := everything(t, c)
	dash := one(before, kindDashboard)
	if err := s.EditAs("mia", st.Dashboard, dash.UID, func(f map[string]any) { f["published"] = false }); err != nil {
		t.Fatal(err)
	}
	s.SetRole("svc", "all data")
	if got, _, _ := everything(t, c); got[dash] != nil {
		t.Fatal("it is still shown")
	}
	if hiddenOf(t, c, before, dash)[dash] == "" {
		t.Error("what a former administrator is not shown any more counts as gone")
	}
}

// TestReferencesToWhatIsHidden: an account that is not shown a dataset gets a
// dashboard that lacks it in its filters, from a server that answers 200. That is
// unreadable, and no edit.
func TestReferencesToWhatIsHidden(t *testing.T) {
	for _, version := range theVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			var perms []st.Permit
			s, _ := small(t, version)
			for _, ds := range s.Objects(st.Dataset) {
				if ds.Title != "orders" {
					perms = append(perms, st.Permit{What: "datasource_access", On: fmt.Sprintf("[%s].[%s](id:%d)", s.Objects(st.Database)[0].Title, ds.Title, ds.ID)})
				}
			}
			s, url := small(t, version, st.WithRole("some data", reads(allViews(), perms...)...))
			before, _, _ := everything(t, as(t, url, svc()))
			s.SetRole("svc", "some data")
			got, failed, kinds := everything(t, as(t, url, svc()))
			for id, a := range got {
				if string(a.Content) != string(before[id].Content) {
					t.Errorf("%s is another one to an account that is shown less", id)
				}
			}
			dash := one(before, kindDashboard)
			if failed[dash] == nil || !strings.Contains(failed[dash].Error(), "all_datasource_access") {
				t.Errorf("the dashboard: %v", failed[dash])
			}
			if kinds[kindDataset].Reason != asset.InPart || len(got) == 0 {
				t.Errorf("%d read, %+v", len(got), kinds)
			}
		})
	}
}
