package superset_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/superset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// TestLiveRights takes roles, row-level security and reports from one real server to
// an empty one with other row ids, or of another version, edits them there and
// deletes them.
func TestLiveRights(t *testing.T) {
	secrets := map[string]secret.Value{"recipients/2/recipient_config_json/target": secret.Literal(hook), "extra/dashboard/urlParams/1/1": secret.Literal("FAKE-url-s3cret")}
	from, source, version := liveServer(t, "DASHKEEP_TEST_SUPERSET_URL", nil)
	to, target, older := liveServer(t, "DASHKEEP_TEST_SUPERSET_URL2", secrets)
	zip, err := st.RewriteZip(fixture(t, older, "dashboard-rich.zip"), func(name, text string) (string, string) {
		return name, strings.Replace(text, "sqlalchemy_uri: postgresql:", "sqlalchemy_uri: oracle:", 1) // which every version takes (F17)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := from.Import(t.Context(), st.Dashboard, zip, map[string]string{"overwrite": "true", "passwords": st.Passwords("pw", "databases/Warehouse.yaml")}); err != nil {
		t.Fatal(err)
	}
	fillRights(t, from, version)
	want := readAll(t, source)
	if d := cmp.Diff(texts(want), texts(readAll(t, source))); d != "" {
		t.Errorf("two readings differ\n%s", d)
	}
	shiftRows(t, target, want)
	if _, err := to.Role(t.Context(), "Ballast"); err != nil {
		t.Fatal(err)
	}
	omitted := map[string]bool{}
	for _, r := range target.Import(t.Context(), sorted(want), nil) {
		if r.Err != nil && r.ID.Kind != st.Theme { // there are none before 6.0.0
			t.Errorf("%s: %v", r.ID, r.Err)
		}
		for _, n := range r.Omitted {
			omitted[n.Path] = true
		}
	}
	delete(omitted, "/spec/theme_uuid")
	known := map[string]bool{"/spec/active": true}
	if version != older && version == versions[0] {
		known["/spec/recipients"], known["/spec/permissions/"+newestGrant] = true, true
	}
	if d := cmp.Diff(known, omitted); d != "" {
		t.Errorf("left out (want -, got +)\n%s", d)
	}
	got := readAll(t, target)
	if d := cmp.Diff(rightsTexts(want, older), rightsTexts(got, older)); d != "" {
		t.Errorf("restored with other row ids it differs\n%s", d)
	}
	here, err := from.Granted(t.Context(), "Finance")
	if err != nil {
		t.Fatal(err)
	}
	there, err := to.Granted(t.Context(), "Finance")
	if err != nil || slices.Equal(here, there) {
		t.Error("the row ids are the same, so this test shows nothing:", there, err)
	}
	editAndDelete(t, target, got)
}

// liveServer is a wiped real server.
func liveServer(t *testing.T, env string, secrets map[string]secret.Value) (*st.Client, platform.Platform, string) {
	t.Helper()
	url := os.Getenv(env)
	if url == "" {
		t.Skip("set " + env)
	}
	c, err := st.Login(t.Context(), url, "admin", "admin")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wipe(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // reports would keep the next test from deleting their charts
		if err := c.Wipe(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	p, err := superset.Factory().New(withRights(url, secrets))
	if err != nil {
		t.Fatal(err)
	}
	about, err := p.Ping(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c, p, about.Version
}

// shiftRows imports a dataset that the source has further on, so that rows of the
// two servers differ.
func shiftRows(t *testing.T, p platform.Platform, as map[asset.ID]*asset.Asset) {
	t.Helper()
	first := named(t, as, st.Dataset, "monthly revenue {virtual}")
	for _, r := range p.Import(t.Context(), []*asset.Asset{named(t, as, st.Database, rightsDatabase), first}, nil) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// rightsTexts are the rights, less what does not come along: that reports are on, and
// what an older version does not know.
func rightsTexts(as map[asset.ID]*asset.Asset, version string) map[asset.ID]string {
	out := map[asset.ID]string{}
	for id, a := range as {
		if !slices.Contains([]asset.Kind{"role", "rls", "report"}, id.Kind) || a.Title == "Ballast" {
			continue
		}
		text := strings.Replace(string(a.Content), "  active: true\n", "", 1)
		if version != versions[0] {
			text = strings.Replace(text, "    "+newestGrant+": true\n", "", 1)
			text = strings.Replace(text, "    - recipient_config_json:\n        target: https://hooks.example.com/XXXXXXXXXX\n      type: Webhook\n", "", 1)
		}
		out[id] = text
	}
	return out
}

func editAndDelete(t *testing.T, p platform.Platform, as map[asset.ID]*asset.Asset) {
	t.Helper()
	edited := []*asset.Asset{
		altered(t, named(t, as, "role", "Finance"), func(d *asset.Document) { asset.Delete(d.Spec, "permissions", "can_read on Chart") }),
		altered(t, named(t, as, "rls", "EU only"), func(d *asset.Document) {
			asset.Put(d.Spec, asset.Str("1 = 1"), "clause")
			asset.Delete(d.Spec, "description")
			asset.Delete(d.Spec, "group_key")
		}),
		altered(t, reportOf(t, as, "Alert"), func(d *asset.Document) {
			asset.Put(d.Spec, asset.Bool(true), "active")
			for _, key := range []string{"validator_type", "validator_config_json", "grace_period"} {
				asset.Delete(d.Spec, key)
			}
		}),
	}
	for _, r := range p.Import(t.Context(), edited, nil) {
		if r.Err != nil || len(r.Omitted) > 0 {
			t.Errorf("%s: %v %v", r.ID, r.Err, r.Omitted)
		}
	}
	got := readAll(t, p)
	for _, a := range edited {
		if d := cmp.Diff(string(a.Content), string(got[a.ID].Content)); d != "" {
			t.Errorf("%s is not what was written\n%s", a.ID, d)
		}
	}
	for id, a := range got {
		if slices.Contains([]asset.Kind{"role", "rls", "report"}, id.Kind) && a.Title != "Public" {
			if err := p.Delete(t.Context(), id); err != nil {
				t.Error(err)
			}
		}
	}
	for id, a := range readAll(t, p) {
		if slices.Contains([]asset.Kind{"role", "rls", "report"}, id.Kind) && a.Title != "Public" {
			t.Errorf("%s %q is still there", id, a.Title)
		}
	}
}
