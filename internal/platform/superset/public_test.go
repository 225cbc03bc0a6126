package superset_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// shownToAll is what servers with public dashboards give the role Public.
var shownToAll = []string{"can_read on Dashboard", "can_read on Chart", "can_read on Database", "can_get_embedded on Dashboard"}

// rich fills a server with the dashboard of the fixtures, which is shown to nobody:
// nobody may use its data.
func (r *rig) rich() {
	r.Helper()
	zip, err := st.RewriteZip(fixture(r.T, r.version, "dashboard-rich.zip"), func(name, text string) (string, string) {
		return name, strings.Replace(text, "sqlalchemy_uri: postgresql:", "sqlalchemy_uri: oracle:", 1) // which every version takes (F17)
	})
	if err != nil {
		r.Fatal(err)
	}
	if err := r.api.Import(r.Context(), st.Dashboard, zip, map[string]string{"overwrite": "true", "passwords": st.Passwords("pw", "databases/Warehouse.yaml")}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) public(permissions ...string) {
	r.Helper()
	if err := r.api.Grant(r.Context(), "Public", permissions...); err != nil {
		r.Fatal(err)
	}
}

// token is one that somebody was given, without a password.
func (r *rig) token() platform.Auth {
	r.Helper()
	status, body, err := r.api.Do(r.Context(), http.MethodPost, "/api/v1/security/login", map[string]any{"username": "admin", "password": "admin", "provider": "db"})
	var out struct {
		Access string `json:"access_token"`
	}
	if err == nil {
		err = json.Unmarshal(body, &out)
	}
	if err != nil || out.Access == "" {
		r.Fatal(status, err)
	}
	return platform.Auth{Token: secret.Literal(out.Access)}
}

// everything is a reading of all, and why what kinds are not read, but for what the
// server has not or the config leaves out.
func (r *rig) everything() (map[asset.ID]*asset.Asset, map[asset.Kind]string) {
	r.Helper()
	kinds := map[asset.Kind]string{}
	return collect(r.T, func(yield func(*asset.Raw, error) bool) {
		for raw, err := range r.p.Export(r.Context(), nil) {
			if kind := (*asset.KindError)(nil); errors.As(err, &kind) && kind.Reason == asset.Forbidden {
				kinds[kind.Kind] = kind.Why
			}
			if !yield(raw, err) {
				return
			}
		}
	}), kinds
}

func notesOf(r *rig) string {
	r.Helper()
	about, err := r.p.Ping(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return strings.Join(about.Notes, "\n")
}

// publicTrap is what a connection has to do on a server whose role Public may read
// dashboards and charts. There, Superset answers every request for them as one of
// nobody: an administrator's list shows none of what is not published.
func publicTrap(r *rig) {
	r.rich()
	want := readAll(r.T, r.p)
	ch, _ := r.look(nil)
	since := ch.Seen()
	if text := notesOf(r); strings.Contains(text, "Public") {
		r.Errorf("without a public kind: %s", text)
	}

	r.public(shownToAll...)
	r.Cleanup(func() { // other tests need the server as it was
		if err := r.api.Grant(context.WithoutCancel(r.Context()), "Public"); r.sim == nil && err != nil {
			r.Error(err)
		}
	})
	if status, body, err := r.api.Do(r.Context(), http.MethodGet, "/api/v1/dashboard/", nil); err != nil || !strings.Contains(string(body), `"count":0`) && !strings.Contains(string(body), `"count": 0`) {
		r.Errorf("the trap is not there: %d %s %v", status, body, err)
	}

	r.reconnect(config(r.url))
	ours, kinds := r.everything()
	same(r.T, "read beside a public role", want, ours)
	if len(kinds) > 0 {
		r.Errorf("not read: %v", kinds)
	}
	r.reconnect(config(r.url))
	if text := notesOf(r); !strings.Contains(text, "databases, charts, dashboards: the role Public may read them") {
		r.Errorf("check says %q", text)
	}

	r.reconnect(config(r.url)) // what was seen before Public got the right
	ch, _ = r.look(since)
	if ch.All == "" && len(ch.Listed) != len(want) {
		r.Errorf("the cheap question lists %d of %d, and does not say why", len(ch.Listed), len(want))
	}
	for range 2 { // then it is known
		r.reconnect(config(r.url))
		ch, _ = r.look(ch.Seen())
	}
	if ch.All != "" || len(ch.Listed) != len(want) || len(ch.Changed) != 0 {
		r.Errorf("nothing changed, but: all %q, %d of %d listed, %d changed", ch.All, len(ch.Listed), len(want), len(ch.Changed))
	}

	for id, a := range want {
		if id.Kind == st.Dashboard {
			r.write(one(edited(r.T, a, "title: ", "title: Public ")))
		}
	}
	r.write(of(want, st.Dashboard))
	same(r.T, "written beside a public role", want, readAll(r.T, r.p))
	publicToken(r, want)
}

// publicToken: who has a token and no password cannot be told from nobody there, so
// nothing of such a kind is read, and nothing of it is missing.
func publicToken(r *rig, want map[asset.ID]*asset.Asset) {
	c := config(r.url)
	c.Auth = r.token()
	r.reconnect(c)
	_, kinds := r.everything()
	for _, k := range []asset.Kind{st.Database, st.Chart, st.Dashboard} {
		if !strings.Contains(kinds[k], "can_read on") || !strings.Contains(kinds[k], "auth.password") {
			r.Errorf("%s with a token: %q", k, kinds[k])
		}
	}
	if len(kinds) != 3 {
		r.Errorf("not read with a token: %v", kinds)
	}
	if text := notesOf(r); !strings.Contains(text, "can_read on Chart") {
		r.Errorf("check with a token says %q", text)
	}
	ch, _ := r.look(nil)
	for range 2 {
		r.reconnect(c)
		ch, _ = r.look(ch.Seen())
	}
	var skipped []asset.Kind
	for _, e := range ch.Skipped {
		if e.Reason == asset.Forbidden {
			skipped = append(skipped, e.Kind)
		}
	}
	slices.Sort(skipped)
	if d := cmp.Diff([]asset.Kind{st.Chart, st.Dashboard, st.Database}, skipped); ch.All != "" || d != "" {
		r.Errorf("the cheap question with a token: all %q, skipped (want -, got +)\n%s", ch.All, d)
	}
	r.public()
	r.reconnect(c)
	got := readAll(r.T, r.p)
	if len(got) != len(want) {
		r.Errorf("with nothing public: %d of %d", len(got), len(want))
	}
	ch, _ = r.look(ch.Seen())
	if ch.All == "" {
		r.Error("what is no longer public is not read again")
	}
}

func TestPublicRoleHidesNothing(t *testing.T) {
	for _, v := range newestUnderRace(versions...) {
		t.Run(v, func(t *testing.T) {
			t.Parallel()
			publicTrap(simRig(t, v))
		})
	}
}

func TestLivePublicRoleHidesNothing(t *testing.T) {
	publicTrap(liveRig(t, "DASHKEEP_TEST_SUPERSET_URL"))
}

// TestPublicRoleWithoutForm: a password, and no form to give it to.
func TestPublicRoleWithoutForm(t *testing.T) {
	for _, v := range versions {
		r := simRig(t, v, st.WithPublic(st.Permit{What: "can_read", On: "Dashboard"}), st.WithoutForm())
		r.rich()
		r.reconnect(config(r.url))
		_, kinds := r.everything()
		if len(kinds) != 1 || !strings.Contains(kinds[st.Dashboard], "login form") && !strings.Contains(kinds[st.Dashboard], "form of the login page") {
			t.Errorf("%s: %v", v, kinds)
		}
	}
}

// TestPublicRoleOutlivesSessions: a session that is over makes nobody of us, on every
// version; no list that was read so is believed.
func TestPublicRoleOutlivesSessions(t *testing.T) {
	for _, v := range versions {
		r := simRig(t, v, st.WithPublic(st.Permit{What: "can_read", On: "Dashboard"}, st.Permit{What: "can_read", On: "Chart"}))
		r.rich()
		r.reconnect(config(r.url))
		want := readAll(t, r.p)
		ch, _ := r.look(nil)
		since := ch.Seen()
		r.sim.EndSessions()
		if ch, _ := r.look(since); ch.All == "" && len(ch.Listed) != len(want) {
			t.Errorf("%s: %d of %d listed", v, len(ch.Listed), len(want))
		}
		r.sim.EndSessions()
		same(t, v, want, readAll(t, r.p))
		r.sim.EndSessions()
		r.sim.ExpireTokens()
		same(t, v+", token expired too", want, readAll(t, r.p))
	}
}

// TestPublicRoleCosts: a pull that finds nothing changed costs no more there than
// anywhere, and one on a server without public kinds nothing more.
func TestPublicRoleCosts(t *testing.T) {
	for _, v := range versions {
		for name, opts := range map[string][]st.Option{"none": nil, "public": {st.WithPublic(st.Permit{What: "can_read", On: "Dashboard"})}} {
			r := simRig(t, v, opts...)
			r.rich()
			r.reconnect(config(r.url))
			ch, _ := r.look(nil)
			since := ch.Seen()
			for range 2 {
				r.reconnect(config(r.url))
				r.sim.ResetLog()
				ch, _ = r.look(since)
				since = ch.Seen()
			}
			kinds := 9
			if v < "6.0.0" {
				kinds = 8
			}
			if n := len(r.sim.Requests()); ch.All != "" || len(ch.Changed) > 0 || n > 4+kinds {
				t.Errorf("%s, %s: %d requests for %d kinds; all %q, changed %v", v, name, n, kinds, ch.All, ch.Changed)
			}
		}
	}
}
