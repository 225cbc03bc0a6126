package superset_test

import (
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/superset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// office is a server with people, and the connection of a service account to it.
type office struct {
	*testing.T
	url   string
	admin *st.Client
	svc   platform.Platform
	sim   *st.Server // nil for a real server
}

const service = "svc"

// offices are a simulated server of the newest version and one of the oldest, with
// the rich dashboard. They wait for their own rate limit most of the time, side by
// side.
func offices(t *testing.T, check func(*testing.T, *office), opts ...st.Option) {
	t.Parallel()
	for _, v := range []string{versions[0], versions[len(versions)-1]} {
		t.Run(v, func(t *testing.T) {
			t.Parallel()
			s, _ := simulator(t, v, true, opts...)
			srv := httptest.NewServer(s)
			t.Cleanup(srv.Close)
			o := newOffice(t, srv.URL)
			o.sim = s
			check(t, o)
		})
	}
}

// newOffice gives the server its people. svc is an administrator, as a service
// account is told to be, and nobody's owner.
func newOffice(t *testing.T, url string) *office {
	t.Helper()
	c, err := st.Login(t.Context(), url, "admin", "admin")
	if err != nil {
		t.Fatal(err)
	}
	o := &office{T: t, url: url, admin: c}
	for _, u := range append(accounts(), st.User{Username: service, Password: "svc", First: "Service", Last: "Account", Email: "svc@example.com", Role: st.Admin}) {
		if _, err := c.AddUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	o.svc = o.as(service, "svc")
	return o
}

func (o *office) as(user, password string) platform.Platform {
	o.Helper()
	cfg := config(o.url)
	cfg.Auth.Username, cfg.Auth.Password = user, secret.Literal(password)
	p, err := superset.Factory().New(cfg)
	if err != nil {
		o.Fatal(err)
	}
	return p
}

func (o *office) person(name string) int {
	o.Helper()
	for _, u := range accounts() {
		if u.Username == name {
			id, err := o.admin.AddUser(o.Context(), u)
			if err != nil {
				o.Fatal(err)
			}
			return id
		}
	}
	o.Fatalf("no account %s", name)
	return 0
}

func (o *office) role(name string) int {
	o.Helper()
	id, err := o.admin.Role(o.Context(), name)
	if err != nil {
		o.Fatal(err)
	}
	return id
}

// send talks to the server as its administrator.
func (o *office) send(method, path string, body any) {
	o.Helper()
	if status, raw, err := o.admin.Do(o.Context(), method, path, body); err != nil || status/100 != 2 {
		o.Fatalf("%s %s: %d %s %v", method, path, status, raw, err)
	}
}

// dashboard is the first one, as its row and its uuid.
func (o *office) first(kind string) st.Item {
	o.Helper()
	items, err := o.admin.List(o.Context(), kind)
	if err != nil || len(items) == 0 {
		o.Fatalf("%d %s, %v", len(items), kind, err)
	}
	slices.SortFunc(items, func(a, b st.Item) int { return strings.Compare(a.UUID, b.UUID) })
	return items[0]
}

func (o *office) read(p platform.Platform, id asset.ID) *asset.Asset {
	o.Helper()
	for raw, err := range p.Export(o.Context(), []asset.ID{id}) {
		if err != nil {
			if _, kind := err.(*asset.KindError); kind {
				continue
			}
			o.Fatal(err)
		}
		a, _, err := normalize.Canonical(raw, superset.Rules())
		if err != nil {
			o.Fatal(err)
		}
		a.Path = "lab/" + id.UID + ".yaml"
		return a
	}
	o.Fatalf("%s is not there", id)
	return nil
}

// write imports and fails on everything but the expected notes, as "path: text".
func (o *office) write(p platform.Platform, a *asset.Asset, notes ...string) {
	o.Helper()
	for _, r := range p.Import(o.Context(), []*asset.Asset{a}, nil) {
		if r.Err != nil {
			o.Error(r.Err)
		}
		var got []string
		for _, n := range r.Omitted {
			got = append(got, n.Path+": "+n.Text)
		}
		for i := range max(len(got), len(notes)) {
			if i >= len(got) || i >= len(notes) || !strings.Contains(got[i], notes[i]) {
				o.Errorf("left out %q, want %q", got, notes)
				return
			}
		}
	}
}

func liveOffice(t *testing.T) *office {
	t.Helper()
	url := os.Getenv("DASHKEEP_TEST_SUPERSET_URL2")
	if url == "" {
		t.Skip("set DASHKEEP_TEST_SUPERSET_URL2")
	}
	c, err := st.Login(t.Context(), url, "admin", "admin")
	if err == nil {
		err = c.Wipe(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	o := newOffice(t, url)
	p := o.as("admin", "admin")
	about, err := p.Ping(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fill(t, o.admin, about.Version)
	return o
}
