package superset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// These tests run against real servers of the lab, admin/admin. They write to
// both: DASHKEEP_TEST_SUPERSET_URL is seeded, DASHKEEP_TEST_SUPERSET_URL2 is wiped
// again and again.

func live(t *testing.T, env string) *conn {
	t.Helper()
	url := os.Getenv(env)
	if url == "" {
		t.Skip("set " + env)
	}
	return connect(t, url, nil)
}

func connect(t *testing.T, url string, secrets func(asset.ID) map[string]secret.Value) *conn {
	t.Helper()
	c, err := open(platform.Config{Instance: "lab", URL: url, Rate: -1, Secrets: secrets,
		Auth: platform.Auth{Username: "admin", Password: secret.Literal("admin")},
		Log:  slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.Close)
	return c
}

// seed imports a captured export as a person would.
func seed(t *testing.T, c *conn, name, passwords string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	body, ct, err := apihttp.Form(apihttp.Part{Name: "formData", FileName: "x.zip", Data: data},
		apihttp.Part{Name: "overwrite", Data: []byte("true")}, apihttp.Part{Name: "passwords", Data: []byte(passwords)})
	if err != nil {
		t.Fatal(err)
	}
	err = c.http.JSON(t.Context(), apihttp.Request{Method: http.MethodPost, Path: "/api/v1/dashboard/import/", Body: body, ContentType: ct, Timeout: importTimeout}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// pull reads everything and normalizes it.
func pull(t *testing.T, c *conn, ids []asset.ID) map[asset.ID]*asset.Asset {
	t.Helper()
	out := map[asset.ID]*asset.Asset{}
	for raw, err := range c.Export(context.Background(), ids) {
		if kind := (*asset.KindError)(nil); errors.As(err, &kind) {
			continue // not read, which is no failure
		}
		if err != nil {
			t.Errorf("export: %v", err)
			continue
		}
		a, _, err := normalize.Canonical(raw, Rules())
		if err != nil {
			t.Errorf("canonical: %v", err)
			continue
		}
		a.Path = fmt.Sprintf("lab/%s/%s.yaml", a.ID.Kind.Plural(), a.ID.UID)
		out[a.ID] = a
	}
	return out
}

// liveRich is rich with a connection that every version takes: before 6.0.0 a new
// one has to answer, unless Superset has no driver for it, as the lab for Oracle.
func liveRich(t *testing.T) map[asset.ID]*asset.Asset {
	t.Helper()
	as := rich(t)
	for id, a := range as {
		switch id.Kind {
		case kindDatabase:
			a.Content = bytes.Replace(a.Content, []byte("sqlalchemy_uri: postgresql:"), []byte("sqlalchemy_uri: oracle:"), 1)
		case kindDataset: // that engine has no catalogs
			a.Content = bytes.Replace(a.Content, []byte("\n  catalog: warehouse\n"), []byte("\n"), 1)
		}
	}
	return as
}

// newestOnly skips what rests on a capture of 6.1.0 or an answer that came with it.
func newestOnly(t *testing.T, c *conn) {
	t.Helper()
	if v := c.version(t.Context()); normalize.Older(v, "6.1.0") {
		t.Skipf("not on Superset %s", v)
	}
}

func TestLiveRestoreIntoEmptyServer(t *testing.T) {
	from, to := live(t, "DASHKEEP_TEST_SUPERSET_URL"), scratch(t)
	newestOnly(t, from)
	seed(t, from, "6.1.0/dashboard-examples.zip", "{}")
	want := pull(t, from, nil)
	if again := pull(t, from, nil); len(difference(want, again)) != 0 {
		t.Errorf("second export differs: %v", difference(want, again))
	}
	t.Logf("%d assets", len(want))
	for _, r := range to.Import(t.Context(), values(want), nil) {
		if r.Err != nil {
			t.Errorf("import %s: %v", r.ID, r.Err)
		}
		for _, n := range r.Omitted {
			t.Logf("omitted %v", n)
		}
	}
	got := pull(t, to, nil)
	diff := difference(want, got)
	for _, d := range diff {
		t.Error(d)
	}
	if extra := difference(got, want); len(got) != len(want) {
		t.Error("extra on the server", extra)
	}
	t.Logf("%d differing assets", len(diff))
}

func TestLiveTimes(t *testing.T) {
	c := live(t, "DASHKEEP_TEST_SUPERSET_URL")
	newestOnly(t, c)
	now := time.Now()
	lap := func(what string) { t.Logf("%-28s %v", what, time.Since(now).Round(time.Millisecond)); now = time.Now() }
	if _, err := c.page(t.Context(), kindDatabase, 0, 1); err != nil {
		t.Fatal(err)
	}
	lap("login")
	docs, err := c.download(t.Context(), "/api/v1/assets/export/", "")
	if err != nil {
		t.Fatal(err)
	}
	lap("bare assets/export, parsed")
	infos, err := c.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lap("list")
	all := pull(t, c, nil)
	lap("export nil + canonical")
	for _, info := range infos {
		if info.ID.Kind == kindDashboard {
			pull(t, c, []asset.ID{info.ID})
			break
		}
	}
	lap("export one dashboard")
	t.Log(len(docs), len(infos), len(all), infos[0])
}

// TestLiveBecomesExactly overwrites full assets by bare ones and back: every
// default must be written, for the importer leaves an absent key as it is.
func TestLiveBecomesExactly(t *testing.T) {
	url := os.Getenv("DASHKEEP_TEST_SUPERSET_URL2")
	if url == "" {
		t.Skip("set DASHKEEP_TEST_SUPERSET_URL2")
	}
	c := connect(t, url, richSecrets)
	newestOnly(t, c)
	seed(t, c, "6.1.0/dashboard-rich.zip", `{"databases/Warehouse.yaml": "Fake-pg-password"}`) // for the theme
	full := liveRich(t)
	bare := strip(t, full)
	for i, want := range []map[asset.ID]*asset.Asset{full, bare, full} {
		apply(t, c, want)
		for _, d := range difference(want, only(pull(t, c, nil), want)) {
			t.Errorf("round %d: %s", i+1, d)
		}
	}
}

// TestLiveSecretsStay creates a connection with secrets from the config and then
// overwrites it without: the values stay what they were, and no mask is written.
func TestLiveSecretsStay(t *testing.T) {
	url := os.Getenv("DASHKEEP_TEST_SUPERSET_URL2")
	if url == "" {
		t.Skip("set DASHKEEP_TEST_SUPERSET_URL2")
	}
	id := asset.ID{Kind: kindDatabase, UID: "9f36925b-a237-4ef9-a578-49f1754524e1"}
	db := canonical(t, unzip(t, "6.1.0/assets.zip")).assets[id]
	db.Path = "lab/databases/secrets-db.9f36925b.yaml"
	bare := connect(t, url, nil)
	newestOnly(t, bare)
	if err := bare.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	r := bare.Import(t.Context(), []*asset.Asset{db}, nil)[0]
	if r.Err == nil {
		t.Fatal("a connection was created without its secrets")
	}
	for _, want := range []string{"password: {env:", "uri_query/sslpassword:", "encrypted_extra/connect_args/sslpassword:", id.String()} {
		if !strings.Contains(r.Err.Error(), want) {
			t.Errorf("the error does not name %q: %v", want, r.Err)
		}
	}
	with := connect(t, url, func(asset.ID) map[string]secret.Value {
		return map[string]secret.Value{"password": secret.Literal("Fake-pw"), "uri_query/sslpassword": secret.Literal("Fake-query&=ü"),
			"encrypted_extra/connect_args/sslpassword": secret.Literal("Fake-encrypted")}
	})
	for i, c := range []*conn{with, bare} {
		content := strings.Replace(string(db.Content), "allow_dml: false", fmt.Sprintf("allow_dml: %v", i == 1), 1)
		next := &asset.Asset{Info: db.Info, Path: db.Path, Content: []byte(content)}
		if r := c.Import(t.Context(), []*asset.Asset{next}, nil)[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		got := pull(t, bare, []asset.ID{id})[id]
		if said := without(got, []string{"/access/is_managed_externally"}); strings.TrimSuffix(said, "access: {}\n") != content {
			t.Errorf("round %d: %s", i, firstLine(content, said))
		}
		raw := rawOf(t, bare, id)
		uri := asset.Text(asset.Get(raw.Doc, "sqlalchemy_uri"))
		if !strings.Contains(uri, "sslpassword=Fake-query%26%3D%C3%BC") || !strings.Contains(asset.Text(asset.Get(raw.Doc, "encrypted_extra")), "Fake-encrypted") {
			t.Errorf("round %d: the server has lost a secret", i)
		}
	}
	if err := bare.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := bare.Delete(t.Context(), id); err != nil {
		t.Error("deleting twice:", err)
	}
}

// TestLiveBadOnes: one asset the server cannot take does not stop the rest.
func TestLiveBadOnes(t *testing.T) {
	url := os.Getenv("DASHKEEP_TEST_SUPERSET_URL2")
	if url == "" {
		t.Skip("set DASHKEEP_TEST_SUPERSET_URL2")
	}
	c := connect(t, url, richSecrets)
	as := liveRich(t)
	apply(t, c, as)
	var bad asset.ID
	for id, a := range as {
		text := strings.Replace(string(a.Content), "\ntitle: ", "\ntitle: edited ", 1)
		if id.Kind == kindChart && bad.UID == "" {
			bad, text = id, strings.Replace(text, "  viz_type:", "  cache_timeout: often\n  viz_type:", 1)
		}
		as[id] = &asset.Asset{Info: a.Info, Path: a.Path, Content: []byte(text)}
	}
	broken := canonical(t, unzip(t, "6.1.0/chart-broken.zip")).assets
	for id, a := range broken {
		a.Path = "lab/charts/broken.yaml"
		as[id] = a
	}
	left := map[asset.ID][]string{} // and named: a theme that no other test has left there, what the version does not know
	for _, r := range c.Import(t.Context(), values(as), nil) {
		for _, n := range r.Omitted {
			left[r.ID] = append(left[r.ID], n.Path)
		}
		switch {
		case r.ID == bad || broken[r.ID] != nil:
			if r.Err == nil {
				t.Errorf("%s was taken", r.ID)
			}
			t.Log(r.Err)
		case r.Err != nil:
			t.Error(r.Err)
		}
	}
	got := pull(t, c, nil)
	for id, paths := range left {
		if g := got[id]; g != nil {
			g.Unread = append(g.Unread, paths...)
		}
	}
	delete(as, bad)
	for id := range broken {
		delete(as, id)
	}
	for _, d := range difference(as, only(got, as)) {
		t.Error(d)
	}
	if strings.HasPrefix(got[bad].Title, "edited") {
		t.Error("the bad chart was changed")
	}
}

// TestLiveTunnel needs a server with SSH_TUNNELING. To change a tunnel without its
// secrets, or to take it off, Superset opens the connection; the lab has no SSH.
func TestLiveTunnel(t *testing.T) {
	url := os.Getenv("DASHKEEP_TEST_SUPERSET_TUNNEL_URL")
	if url == "" {
		t.Skip("set DASHKEEP_TEST_SUPERSET_TUNNEL_URL")
	}
	id := asset.ID{Kind: kindDatabase, UID: "938c973a-952b-4d3f-a6c3-e4b60cd12bee"}
	content := `dashkeep: superset/1
kind: database
uid: 938c973a-952b-4d3f-a6c3-e4b60cd12bee
title: tunnel
spec:
  allow_csv_upload: true
  allow_ctas: false
  allow_cvas: false
  allow_dml: false
  allow_run_async: false
  expose_in_sqllab: true
  sqlalchemy_uri: postgresql://u:XXXXXXXXXX@10.255.255.1:5432/x
  ssh_tunnel:
    password: XXXXXXXXXX
    server_address: '127.0.0.1'
    server_port: 2222
    username: u
`
	with := connect(t, url, func(asset.ID) map[string]secret.Value {
		return map[string]secret.Value{"password": secret.Literal("Fake-pw"), "ssh_tunnel/password": secret.Literal("Fake-ssh")}
	})
	texts := []string{
		content,
		strings.Replace(content, "allow_dml: false", "allow_dml: true", 1),
		strings.Replace(content, "2222", "2223", 1),
	}
	bare := connect(t, url, nil)
	for i, c := range []*conn{with, bare, with} {
		text := texts[i]
		a := &asset.Asset{Info: asset.Info{ID: id, Title: "tunnel"}, Path: "lab/databases/tunnel.yaml", Content: []byte(text)}
		if r := c.Import(t.Context(), []*asset.Asset{a}, nil)[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		if got := string(pull(t, c, []asset.ID{id})[id].Content); got != text {
			t.Errorf("round %d: %s", i, firstLine(text, got))
		}
	}
}

func TestLivePing(t *testing.T) {
	c := live(t, "DASHKEEP_TEST_SUPERSET_URL")
	newestOnly(t, c)
	s, err := c.Ping(t.Context())
	if err != nil || s.Version == "" || !s.Tested || s.User != "admin" || len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "saved_queries") {
		t.Errorf("%+v, %v", s, err)
	}
	wrong, err := open(platform.Config{Instance: "lab", URL: os.Getenv("DASHKEEP_TEST_SUPERSET_URL"), Auth: platform.Auth{Username: "admin", Password: secret.Literal("no")}})
	if err != nil {
		t.Fatal(err)
	}
	var refused *platform.LoginError
	if _, err := wrong.Ping(t.Context()); !errors.As(err, &refused) {
		t.Errorf("wrong password: %v", err)
	}
	token, err := open(platform.Config{Instance: "lab", URL: os.Getenv("DASHKEEP_TEST_SUPERSET_URL"), Auth: platform.Auth{Token: secret.Literal(c.auth.access)}})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := token.Ping(t.Context()); err != nil || s.User != "admin" {
		t.Errorf("by token: %+v, %v", s, err)
	}
	bad, err := open(platform.Config{Instance: "lab", URL: os.Getenv("DASHKEEP_TEST_SUPERSET_URL"), Auth: platform.Auth{Token: secret.Literal("rubbish")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bad.Ping(t.Context()); !errors.As(err, &refused) {
		t.Errorf("bad token: %v", err)
	}
}
