package superset_test

import (
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/superset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// hook is the address of a webhook: who knows it may post to it.
const hook = "https://hooks.example.com/services/T0000/FAKE-hook-s3cret"

const rightsDatabase, rightsBoard = "Warehouse · 倉庫", "Ventes / 売上 \"Q1\" 📊 — résumé"

// withRights are all kinds that have to do with rights, and what they need.
func withRights(url string, secrets map[string]secret.Value) platform.Config {
	c := config(url)
	c.Kinds = []asset.Kind{"report", "rls", "role", "theme"} // a dashboard names its theme
	before := c.Secrets
	c.Secrets = func(id asset.ID) map[string]secret.Value {
		out := maps.Clone(before(id))
		maps.Copy(out, secrets)
		return out
	}
	return c
}

// guarded starts a simulated server, when full with content and rights.
func guarded(t *testing.T, version string, full bool, secrets map[string]secret.Value, opts ...st.Option) (*st.Server, *st.Client, platform.Platform) {
	t.Helper()
	s := st.New(append([]st.Option{st.WithVersion(version), st.WithSeed(3)}, opts...)...)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	p, err := superset.Factory().New(withRights(srv.URL, secrets))
	if err != nil {
		t.Fatal(err)
	}
	c, err := st.Login(t.Context(), srv.URL, "admin", "admin")
	if err != nil {
		t.Fatal(err)
	}
	if full {
		if err := s.Seed(fixture(t, version, "dashboard-rich.zip")); err != nil {
			t.Fatal(err)
		}
		fillRights(t, c, version)
	}
	return s, c, p
}

// fillRights gives a server roles, rules and reports of every shape. Public gets
// nothing that would make Superset ignore the login (public.go).
func fillRights(tb testing.TB, c *st.Client, version string) {
	tb.Helper()
	ctx := tb.Context()
	grants := []string{"can_read on Chart", "can_write on Dashboard", "menu_access on Row Level Security", "datasource_access on [" + rightsDatabase + "].[orders](",
		"database_access on [" + rightsDatabase + "].(", "schema_access on [" + rightsDatabase + "]."}
	if version == versions[0] {
		grants = append(grants, newestGrant)
	}
	daily := map[string]any{"type": "Report", "name": "Daily", "crontab": "0 9 * * 1-5", "timezone": "Europe/Berlin", "dashboard": rightsBoard, "creation_method": "alerts_reports",
		"report_format": "PDF", "email_subject": "Ventes {date}", "custom_width": 900, "extra": map[string]any{"dashboard": map[string]any{
			"urlParams": []any{[]any{"region", "EU"}, []any{"access_token", "FAKE-url-s3cret"}}}},
		"recipients": []any{recipient("Slack", "#sales"), recipient("Email", "ada@example.com, eve@example.com")}}
	if version == versions[0] {
		daily["recipients"] = append(daily["recipients"].([]any), recipient("Webhook", hook))
	}
	_, rule := c.Add(ctx, st.Rule, map[string]any{"name": "EU only", "filter_type": "Regular", "tables": []string{"orders", "monthly revenue {virtual}"},
		"roles": []string{"Gamma", "Finance"}, "clause": "region = 'EU'\nAND year > 2020", "group_key": "region", "description": "for Finance"})
	_, base := c.Add(ctx, st.Rule, map[string]any{"name": "Nobody else", "filter_type": "Base", "tables": []string{"orders"}, "roles": []string{}, "clause": "1 = 0"})
	_, report := c.Add(ctx, st.Report, daily)
	_, alert := c.Add(ctx, st.Report, map[string]any{"type": "Alert", "name": "Daily", "crontab": "*/30 * * * *", "chart": "Area", "database": rightsDatabase, "active": false,
		"creation_method": "alerts_reports", "sql": "SELECT count(*) FROM orders", "validator_type": "operator", "validator_config_json": map[string]any{"op": ">=", "threshold": 5},
		"recipients": []any{recipient("Email", "ada@example.com")}, "grace_period": 60, "log_retention": 7, "working_timeout": 99, "force_screenshot": true})
	chart, own := c.Add(ctx, st.Report, map[string]any{"type": "Report", "name": "Share", "crontab": "0 7 * * *", "chart": "Share", "creation_method": "alerts_reports"})
	share, err := c.Find(ctx, st.Chart, "Share")
	err = errors.Join(err, own, c.Set(ctx, st.Report, chart, map[string]any{"creation_method": "charts", "chart": share.ID, "recipients": []any{recipient("Email", "max@example.com")}}))
	for _, err := range []error{c.Grant(ctx, "Finance", grants...), c.Grant(ctx, "Public", "menu_access on Dashboards"), rule, base, report, alert, err} {
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// newestGrant is a permission that only the newest version knows.
const newestGrant = "can_put_chart_customizations on Dashboard"

// named finds assets by kind and title.
func named(t *testing.T, as map[asset.ID]*asset.Asset, kind asset.Kind, title string) *asset.Asset {
	t.Helper()
	for id, a := range as {
		if id.Kind == kind && a.Title == title {
			return a
		}
	}
	t.Fatalf("no %s %q among %d", kind, title, len(as))
	return nil
}

func texts(as map[asset.ID]*asset.Asset) map[asset.ID]string {
	out := map[asset.ID]string{}
	for id, a := range as {
		out[id] = string(a.Content)
	}
	return out
}

// TestRightsComeBackEverywhere reads rights from each version, restores them into an
// empty server with other row ids, and reads the same bytes; reports are off there.
func TestRightsComeBackEverywhere(t *testing.T) {
	for _, v := range versions {
		_, _, from := guarded(t, v, true, nil)
		want := readAll(t, from)
		if d := cmp.Diff(texts(want), texts(readAll(t, from))); d != "" {
			t.Errorf("%s: two readings differ\n%s", v, d)
		}
		count := map[asset.Kind]int{}
		for id := range want {
			count[id.Kind]++
		}
		if count["role"] != 2 || count["rls"] != 2 || count["report"] != 3 {
			t.Errorf("%s: read %v", v, count)
		}
		_, _, to := guarded(t, v, false, map[string]secret.Value{
			"recipients/2/recipient_config_json/target": secret.Literal(hook), "extra/dashboard/urlParams/1/1": secret.Literal("FAKE-url-s3cret")}, st.WithFirstID(700))
		off := 0
		for _, r := range to.Import(t.Context(), sorted(want), nil) {
			if r.Err != nil {
				t.Errorf("%s: %s: %v", v, r.ID, r.Err)
			}
			for _, n := range r.Omitted {
				off++
				if n.Path != "/spec/active" {
					t.Errorf("%s: %v", v, n)
				}
			}
		}
		if off != 2 { // the alert was off
			t.Errorf("%s: %d reports were said to be switched off", v, off)
		}
		got := readAll(t, to)
		expected := texts(want)
		for id, text := range expected {
			expected[id] = strings.Replace(text, "  active: true\n", "", 1)
		}
		if d := cmp.Diff(expected, texts(got)); d != "" {
			t.Errorf("%s: restored with other row ids it differs\n%s", v, d)
		}
		for _, r := range to.Import(t.Context(), sorted(got), nil) {
			if r.Err != nil || len(r.Omitted) > 0 {
				t.Errorf("%s: again: %s: %v %v", v, r.ID, r.Err, r.Omitted)
			}
		}
		if d := cmp.Diff(texts(got), texts(readAll(t, to))); d != "" {
			t.Errorf("%s: a second import changed something\n%s", v, d)
		}
	}
}

// TestRightsHaveTheSameBytesOnEveryVersion fills each version with what all know.
func TestRightsHaveTheSameBytesOnEveryVersion(t *testing.T) {
	read := map[string]map[asset.ID]string{}
	for i, v := range versions {
		s, c, p := guarded(t, v, false, nil, st.WithFirstID(1+100*i))
		if err := s.Seed(fixture(t, "4.1.4", "dashboard-rich.zip")); err != nil {
			t.Fatal(err)
		}
		fillRights(t, c, "4.1.4")
		read[v] = texts(readAll(t, p))
		maps.DeleteFunc(read[v], func(id asset.ID, _ string) bool {
			return !slices.Contains([]asset.Kind{"role", "rls", "report"}, id.Kind)
		})
	}
	for _, v := range versions[1:] {
		if d := cmp.Diff(read[versions[0]], read[v]); d != "" || len(read[v]) != 7 {
			t.Errorf("%s differs from %s\n%s", v, versions[0], d)
		}
	}
}

// TestRightsOfTheNewestOnTheOldest: everything that 4.1.4 can hold is there, the rest
// is named once.
func TestRightsOfTheNewestOnTheOldest(t *testing.T) {
	_, _, from := guarded(t, "6.1.0", true, nil)
	want := readAll(t, from)
	_, c, to := guarded(t, "4.1.4", false, map[string]secret.Value{
		"recipients/2/recipient_config_json/target": secret.Literal(hook), "extra/dashboard/urlParams/1/1": secret.Literal("x")}, st.WithFirstID(700))
	omitted := map[string]int{}
	for _, r := range to.Import(t.Context(), sorted(want), nil) {
		if r.Err != nil && r.ID.Kind != st.Theme { // there are none before 6.0.0
			t.Errorf("%s: %v", r.ID, r.Err)
		}
		if r.ID.Kind == "role" || r.ID.Kind == "report" {
			for _, n := range r.Omitted {
				omitted[n.Path]++
			}
		}
	}
	if want := map[string]int{"/spec/active": 2, "/spec/recipients": 1, "/spec/permissions/" + newestGrant: 1}; !maps.Equal(omitted, want) {
		t.Errorf("omitted %v, want %v", omitted, want)
	}
	have, err := c.Granted(t.Context(), "Finance")
	if err != nil || len(have) != 6 || slices.Contains(have, newestGrant) {
		t.Error(have, err)
	}
}

func TestGolden_Rights(t *testing.T) {
	_, _, p := guarded(t, "6.1.0", true, nil)
	as := readAll(t, p)
	for file, a := range map[string]*asset.Asset{
		"role": named(t, as, "role", "Finance"), "rls": named(t, as, "rls", "EU only"), "report": reportOf(t, as, "Report"), "alert": reportOf(t, as, "Alert"),
	} {
		golden(t, file+".yaml", a.Content)
	}
}

// TestRightsHoldNoSecret looks for what was planted.
func TestRightsHoldNoSecret(t *testing.T) {
	_, _, p := guarded(t, "6.1.0", true, nil)
	for id, a := range readAll(t, p) {
		if strings.Contains(string(a.Content), "s3cret") {
			t.Errorf("%s holds a secret\n%s", id, a.Content)
		}
	}
}

// TestRoles: renamed databases, permissions on what is gone, Public, the built-in
// ones.
func TestRoles(t *testing.T) {
	_, c, p := guarded(t, "6.1.0", true, nil)
	before := readAll(t, p)
	role := named(t, before, "role", "Finance")
	for _, name := range []string{"Admin", "Alpha", "Gamma", "sql_lab"} {
		for id, a := range before {
			if id.Kind == "role" && a.Title == name {
				t.Errorf("%s is read", name)
			}
		}
	}
	if err := c.Put(t.Context(), st.Database, rightsDatabase, map[string]any{"database_name": "[Renamed] ${ref:x}"}); err != nil {
		t.Fatal(err)
	}
	if now := named(t, readAll(t, p), "role", "Finance"); string(now.Content) != string(role.Content) {
		t.Error("another name of the database changes the role\n", cmp.Diff(string(role.Content), string(now.Content)))
	}
	less := altered(t, role, func(d *asset.Document) {
		asset.Delete(d.Spec, "permissions", "can_read on Chart")
		asset.Put(d.Spec, asset.Bool(true), "permissions", "can_fly on Carpet")
		asset.Put(d.Spec, asset.Bool(true), "permissions", "datasource_access on ${ref:dataset:missing-7}")
		asset.Put(d.Spec, asset.Bool(true), "permissions", "datasource_access on ${ref:dataset:11111111-1111-4111-8111-111111111111}")
		asset.Put(d.Spec, asset.Bool(true), "permissions", "odd")
	})
	r := p.Import(t.Context(), []*asset.Asset{less}, nil)[0]
	if r.Err != nil || len(r.Omitted) != 4 {
		t.Errorf("%v %v", r.Err, r.Omitted)
	}
	if now := named(t, readAll(t, p), "role", "Finance"); strings.Contains(string(now.Content), "can_read on Chart") || !strings.Contains(string(now.Content), "can_write on Dashboard") {
		t.Errorf("%s", now.Content)
	}
	public := named(t, before, "role", "Public")
	if err := p.Delete(t.Context(), public.ID); err == nil || !strings.Contains(err.Error(), "Public") {
		t.Error("Public can be deleted:", err)
	}
	if err := errors.Join(p.Delete(t.Context(), role.ID), p.Delete(t.Context(), role.ID)); err != nil {
		t.Error(err)
	}
	rule := named(t, before, "rls", "EU only")
	r = p.Import(t.Context(), []*asset.Asset{rule}, nil)[0]
	if r.Err != nil || len(r.Omitted) != 1 || r.Omitted[0].Path != "/spec/roles" {
		t.Errorf("a rule whose role is gone: %v %v", r.Err, r.Omitted)
	}
	if err := p.Delete(t.Context(), rule.ID); err != nil {
		t.Error(err)
	}
	homeless := altered(t, rule, func(d *asset.Document) { asset.Delete(d.Spec, "tables") })
	if r := p.Import(t.Context(), []*asset.Asset{homeless}, nil)[0]; r.Err == nil {
		t.Error("a rule without a dataset was made")
	}
}

// TestRightsThatAreOff: what the server or the account does not show is skipped with
// the reason, and is not absent.
func TestRightsThatAreOff(t *testing.T) {
	skipped := func(p platform.Platform) map[asset.Kind]string {
		t.Helper()
		out := map[asset.Kind]string{}
		for _, err := range p.Export(t.Context(), nil) {
			if k := (*asset.KindError)(nil); errors.As(err, &k) {
				out[k.Kind] += k.Why
			} else if err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	_, _, p := guarded(t, "4.1.4", false, nil, st.WithoutReports(), st.WithoutUsersAPI())
	off := skipped(p)
	if !strings.Contains(off["report"], "ALERT_REPORTS") || !strings.Contains(off["role"], "FAB_ADD_SECURITY_API") || off["rls"] != "" {
		t.Errorf("skipped %v", off)
	}
	s := st.New(st.WithUsers(st.User{Username: "gus", Password: "x", Role: st.Gamma, Email: "gus@example.com"}))
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	c := withRights(srv.URL, nil)
	c.Auth.Username, c.Auth.Password = "gus", secret.Literal("x")
	p, err := superset.Factory().New(c)
	if err != nil {
		t.Fatal(err)
	}
	for k, why := range skipped(p) {
		if slices.Contains([]asset.Kind{"report", "rls", "role"}, k) && !strings.Contains(why, "this account may not list them (can_") {
			t.Errorf("%s: %q", k, why)
		}
	}
}

func golden(t *testing.T, file string, have []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", file)
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(path, have, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(have)); d != "" {
		t.Errorf("%s (go test -update writes it anew)\n%s", file, d)
	}
}

func asText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func altered(t *testing.T, a *asset.Asset, edit func(*asset.Document)) *asset.Asset {
	t.Helper()
	doc, err := asset.ParseDocument("x.yaml", a.Content)
	if err != nil {
		t.Fatal(err)
	}
	edit(doc)
	text, err := doc.Encode()
	if err != nil {
		t.Fatal(err)
	}
	out, err := normalize.Load("x.yaml", text, superset.Rules())
	if err != nil {
		t.Fatal(err)
	}
	return out
}
