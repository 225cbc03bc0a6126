package superset

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// These tests run against real servers of the lab, admin/admin. They write to
// both: DASHKEEP_TEST_SUPERSET_URL is seeded, DASHKEEP_TEST_SUPERSET_URL2 must be
// empty at first.

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
	c, err := open(platform.Config{Instance: "lab", URL: url, Secrets: secrets,
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

func difference(want, got map[asset.ID]*asset.Asset) []string {
	var out []string
	for id, w := range want {
		g := got[id]
		switch {
		case g == nil:
			out = append(out, fmt.Sprintf("%s %q is missing", id, w.Title))
		case string(g.Content) != string(w.Content):
			out = append(out, fmt.Sprintf("%s %q: %s", id, w.Title, firstLine(string(w.Content), string(g.Content))))
		}
	}
	return out
}

func firstLine(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range x {
		if i >= len(y) || x[i] != y[i] {
			other := "(end)"
			if i < len(y) {
				other = y[i]
			}
			return fmt.Sprintf("line %d: %q became %q", i+1, x[i], other)
		}
	}
	return "longer"
}

func values(m map[asset.ID]*asset.Asset) []*asset.Asset {
	var out []*asset.Asset
	for _, a := range m {
		out = append(out, a)
	}
	return out
}

func TestLiveRestoreIntoEmptyServer(t *testing.T) {
	from, to := live(t, "DASHKEEP_TEST_SUPERSET_URL"), live(t, "DASHKEEP_TEST_SUPERSET_URL2")
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
