package superset_test

import (
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
	"github.com/dashkeep/dashkeep/internal/platform/superset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// withRightsCases are the cases that say something about rights. The others rename
// assets, or want a server with nothing in it, and Superset always has a Public role.
var withRightsCases = []string{
	"list and export agree", "export of some gives exactly those", "export twice has no noise", "reading writes nothing",
	"canonical form is a fixpoint", "references resolve", "secrets are never in content", "round trip to other ids gives equal bytes",
	"a second import changes nothing", "a write touches only its own asset", "dependencies are not overwritten",
	"deleted is gone, and can come back", "deleting removes nothing else", "a deletion that did not happen is seen", "parallel calls give the same",
}

// TestConformanceRights runs the suite where the config names the rights kinds.
func TestConformanceRights(t *testing.T) {
	for _, v := range newestUnderRace(versions[0], versions[len(versions)-1]) {
		h := rightsHarness(v)
		found := 0
		for _, c := range platformtest.Cases() {
			if slices.Contains(withRightsCases, c.Name) {
				found++
				t.Run(v+"/"+c.Name, func(t *testing.T) {
					t.Parallel()
					c.Run(t, &h)
				})
			}
		}
		if found != len(withRightsCases) {
			t.Errorf("the suite has %d of %d cases", found, len(withRightsCases))
		}
	}
}

func rightsHarness(version string) platformtest.Harness {
	h := harness(version, func(tb testing.TB, full bool) *platformtest.Server {
		opts := []st.Option{st.WithVersion(version), st.WithSeed(3)}
		if !full {
			opts = append(opts, st.WithFirstID(5000))
		}
		s := st.New(opts...)
		sv := &platformtest.Server{Mend: s.Mend, Writes: s.Writes, Lie: func(testing.TB) { s.Break(st.Fault{Method: "DELETE", Do: st.Lie()}) }}
		behind := httptest.NewServer(s)
		tb.Cleanup(behind.Close)
		if full {
			if err := s.Seed(fixture(tb, version, "dashboard-rich.zip")); err != nil {
				tb.Fatal(err)
			}
			c, err := st.Login(tb.Context(), behind.URL, "admin", "admin")
			if err != nil {
				tb.Fatal(err)
			}
			fillRights(tb, c, version)
			for row := range 3 { // as they come back
				if err := c.Set(tb.Context(), st.Report, row+1, map[string]any{"active": false}); err != nil {
					tb.Fatal(err)
				}
			}
		}
		front := httptest.NewServer(sv.Front(s))
		tb.Cleanup(front.Close)
		sv.Config = withRights(front.URL, map[string]secret.Value{
			"recipients/2/recipient_config_json/target": secret.Literal(hook), "extra/dashboard/urlParams/1/1": secret.Literal("FAKE-url-s3cret")})
		return sv
	})
	f := superset.Factory()
	f.Rights = nil
	f.Kinds = slices.DeleteFunc(f.Kinds, func(k asset.Kind) bool {
		return !slices.Contains([]asset.Kind{st.Database, st.Dataset, st.Chart, st.Theme, st.Dashboard, "role", "rls", "report"}, k)
	})
	h.Factory, h.Main, h.Canaries = f, st.Dashboard, []string{"FAKE-hook-s3cret", "FAKE-url-s3cret"}
	if version != versions[0] {
		h.Canaries = h.Canaries[1:]
	}
	h.Edited = func(tb testing.TB, a *asset.Asset) *asset.Asset {
		edit := map[asset.Kind]func(*asset.Document){
			"role":   func(d *asset.Document) { asset.Put(d.Spec, asset.Bool(true), "permissions", "can_write on Chart") },
			"rls":    func(d *asset.Document) { asset.Put(d.Spec, asset.Str("1 = 1"), "clause") },
			"report": func(d *asset.Document) { asset.Put(d.Spec, asset.Str("30 7 * * *"), "crontab") },
		}[a.ID.Kind]
		if edit == nil {
			return nil
		}
		return platformtest.Altered(tb, superset.Rules(), a, edit)
	}
	return h
}
