package superset_test

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/superset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// TestInboxReadsWhatAServerWouldSay compares the assets of an export dropped into a
// folder with those that the server behind it gives, for each version: the same
// bytes, row ids and all, but for what exports do not hold.
func TestInboxReadsWhatAServerWouldSay(t *testing.T) {
	for _, v := range versions {
		t.Run(v, func(t *testing.T) {
			dir := t.TempDir()
			sim, server := simulator(t, v, true)
			putZip(t, dir, "rich.zip", exportAll(t, sim), 0)
			got, want := readAll(t, openInbox(t, dir)), readAll(t, server)
			if len(got) == 0 {
				t.Fatal("nothing was read")
			}
			for id, g := range got {
				w := want[id]
				if w == nil {
					t.Errorf("%s is not on the server", id)
					continue
				}
				if a, b := withoutAccess(t, w), withoutAccess(t, g); !bytes.Equal(a, b) {
					t.Errorf("%s %q\n--- server\n%s\n--- inbox\n%s", id, w.Title, a, b)
				}
			}
		})
	}
}

// TestInboxNewestWins: of two archives with one asset the later one counts, and
// its order in the folder does not.
func TestInboxNewestWins(t *testing.T) {
	dir := t.TempDir()
	server, _ := simulator(t, versions[0], true)
	first := exportAll(t, server)
	var id string
	for _, o := range server.Objects(st.Dashboard) {
		id = o.UUID
		if err := server.EditAs("admin", st.Dashboard, o.UUID, func(f map[string]any) { f["css"] = ".later {}" }); err != nil {
			t.Fatal(err)
		}
		break
	}
	putZip(t, dir, "a-later.zip", exportAll(t, server), time.Hour)
	putZip(t, dir, "z-first.zip", first, 0)
	got := readAll(t, openInbox(t, dir))
	if a := got[asset.ID{Kind: st.Dashboard, UID: id}]; a == nil || !bytes.Contains(a.Content, []byte(".later {}")) {
		t.Error("the earlier archive won")
	}
}

func withoutAccess(t *testing.T, a *asset.Asset) []byte {
	t.Helper()
	doc, err := asset.ParseDocument(a.Path, a.Content)
	if err != nil {
		t.Fatal(err)
	}
	doc.Access = nil
	out, err := doc.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func exportAll(t *testing.T, s *st.Server) []byte {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	c, err := st.Login(t.Context(), srv.URL, "admin", "admin")
	if err != nil {
		t.Fatal(err)
	}
	var ids []int
	items, err := c.List(t.Context(), st.Dashboard)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range items {
		ids = append(ids, it.ID)
	}
	zip, err := c.Export(t.Context(), st.Dashboard, ids...)
	if err != nil {
		t.Fatal(err)
	}
	return zip
}

func putZip(t *testing.T, dir, name string, data []byte, after time.Duration) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(after)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func openInbox(t *testing.T, dir string) platform.Platform {
	t.Helper()
	p, err := superset.Factory().New(platform.Config{Instance: "byhand", Inbox: dir})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
