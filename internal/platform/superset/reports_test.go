package superset_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

func recipient(typ, target string) map[string]any {
	return map[string]any{"type": typ, "recipient_config_json": map[string]any{"target": target}}
}

func reportOf(t *testing.T, as map[asset.ID]*asset.Asset, typ string) *asset.Asset {
	t.Helper()
	for id, a := range as {
		if id.Kind == "report" && a.Title == "Daily" && strings.Contains(string(a.Content), "type: "+typ+"\n") {
			return a
		}
	}
	t.Fatal("no report of type " + typ)
	return nil
}

// TestHooksAreRevealed: a hidden link comes from the config, whole or what follows
// the host, else from the same recipient on the server; a mask is never written.
func TestHooksAreRevealed(t *testing.T) {
	_, c, p := guarded(t, "6.1.0", true, nil)
	daily := reportOf(t, readAll(t, p), "Report")
	edited := altered(t, daily, func(d *asset.Document) { asset.Put(d.Spec, asset.Str("changed"), "description") })
	if r := p.Import(t.Context(), []*asset.Asset{edited}, nil)[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	targets := func(c *st.Client) string {
		t.Helper()
		row, err := c.Object(t.Context(), st.Report, 1)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join([]string{row["description"].(string), asText(row["recipients"]), asText(row["extra"])}, " ")
	}
	if got := targets(c); !strings.Contains(got, "changed") || !strings.Contains(got, hook) || !strings.Contains(got, "FAKE-url-s3cret") {
		t.Error("an edit of the description lost a secret:", got)
	}
	_, _, bare := guarded(t, "6.1.0", true, nil)
	if err := bare.Delete(t.Context(), daily.ID); err != nil {
		t.Fatal(err)
	}
	r := bare.Import(t.Context(), []*asset.Asset{edited}, nil)[0]
	if r.Err == nil || !strings.Contains(r.Err.Error(), "recipients/2/recipient_config_json/target: {env: YOUR_VARIABLE}") || !strings.Contains(r.Err.Error(), "extra/dashboard/urlParams/1/1") {
		t.Errorf("without the secret: %v", r.Err)
	}
	for _, value := range []string{hook, "services/T0000/FAKE-hook-s3cret"} {
		_, c, p := guarded(t, "6.1.0", true, map[string]secret.Value{"recipients/2/recipient_config_json/target": secret.Literal(value)})
		if err := c.Set(t.Context(), st.Report, 1, map[string]any{"recipients": []any{recipient("Webhook", "https://hooks.example.com/other")}}); err != nil {
			t.Fatal(err)
		}
		if r := p.Import(t.Context(), []*asset.Asset{edited}, nil)[0]; r.Err != nil || !strings.Contains(targets(c), hook) {
			t.Error(value, r.Err, targets(c))
		}
	}
}

// TestReportsArriveSwitchedOff, and are switched on when they are there.
func TestReportsArriveSwitchedOff(t *testing.T) {
	_, _, from := guarded(t, "6.1.0", true, nil)
	want := readAll(t, from)
	share := named(t, want, "report", "Share")
	_, c, to := guarded(t, "6.1.0", true, nil, st.WithFirstID(700))
	if err := to.Delete(t.Context(), share.ID); err != nil {
		t.Fatal(err)
	}
	for _, active := range []bool{false, true} {
		r := to.Import(t.Context(), []*asset.Asset{share}, nil)[0]
		told := slices.ContainsFunc(r.Omitted, func(n asset.Note) bool { return n.Path == "/spec/active" })
		if r.Err != nil || told == active {
			t.Errorf("active %t: %v %v", active, r.Err, r.Omitted)
		}
		if row, err := c.Object(t.Context(), st.Report, lastReport(t, c)); err != nil || row["active"] != active || row["creation_method"] != "charts" || !strings.Contains(asText(row["recipients"]), "max@example.com") {
			t.Errorf("active %t: %v %v", active, row, err)
		}
	}
}

// TestReportsKeepTheirOwners: by e-mail, on a server where they have other row ids;
// who is not there is named, and the account that makes a report does not stay.
func TestReportsKeepTheirOwners(t *testing.T) {
	mia := st.User{Username: "mia", Password: "x", First: "Mia", Last: "Öz", Email: "mia@example.com"}
	gus := st.User{Username: "gus", Password: "x", First: "Gus", Last: "G", Email: "gus@example.com"}
	_, c, from := guarded(t, "4.1.4", true, nil, st.WithUsers(mia, gus))
	share := named(t, readAll(t, from), "report", "Share")
	for _, owners := range [][]int{{2}, {2, 3}} {
		if err := c.Set(t.Context(), st.Report, 3, map[string]any{"owners": owners}); err != nil {
			t.Fatal(err)
		}
		want := named(t, readAll(t, from), "report", "Share")
		if string(want.Content) == string(share.Content) || !strings.Contains(string(want.Content), "  owners:\n    - ") {
			t.Fatalf("owners are not read\n%s", want.Content)
		}
		_, _, to := guarded(t, "4.1.4", true, nil, st.WithUsers(st.User{Username: "eve", Password: "x", Email: "eve@example.com"}, mia), st.WithFirstID(700))
		for range 2 { // made, then updated
			for _, r := range to.Import(t.Context(), []*asset.Asset{want}, nil) {
				told := slices.ContainsFunc(r.Omitted, func(n asset.Note) bool {
					return n.Path == "/access/owners" && strings.Contains(n.Text, "gus@example.com")
				})
				if r.Err != nil || told != (len(owners) == 2) {
					t.Errorf("%v: %v %v", owners, r.Err, r.Omitted)
				}
			}
			got := string(named(t, readAll(t, to), "report", "Share").Content)
			if !strings.Contains(got, "    - mia@example.com\n") || strings.Contains(got, "admin@") || strings.Contains(got, "gus@") {
				t.Errorf("%v became\n%s", owners, got)
			}
			if err := to.Delete(t.Context(), want.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestReportsThatCannotBeSent(t *testing.T) {
	_, c, p := guarded(t, "4.1.4", true, nil)
	as := readAll(t, p)
	alert := reportOf(t, as, "Alert")
	for why, edit := range map[string]func(*asset.Document){
		"neither chart nor dashboard": func(d *asset.Document) { asset.Delete(d.Spec, "chart") },
		"not on the server; apply that": func(d *asset.Document) {
			asset.Put(d.Spec, asset.Str("ref:chart:11111111-1111-4111-8111-111111111111"), "chart")
		},
		"alert without a database":           func(d *asset.Document) { asset.Delete(d.Spec, "database") },
		"crontab: Cron expression is not":    func(d *asset.Document) { asset.Put(d.Spec, asset.Str("every day"), "crontab") },
		"a report is known by its name":      func(d *asset.Document) { d.Title = "Weekly" },
		"report_format: Must be one of: PDF": func(d *asset.Document) { asset.Put(d.Spec, asset.Str("GIF"), "report_format") },
	} {
		bad := altered(t, alert, edit)
		bad.ID = alert.ID
		if r := p.Import(t.Context(), []*asset.Asset{bad}, nil)[0]; r.Err == nil || !strings.Contains(r.Err.Error(), why) {
			t.Errorf("%s: %v", why, r.Err)
		}
	}
	if row, err := c.Object(t.Context(), st.Report, 2); err != nil || row["crontab"] != "*/30 * * * *" {
		t.Error("something was written all the same", row, err)
	}
	none := altered(t, alert, func(d *asset.Document) { asset.Delete(d.Spec, "recipients") })
	r := p.Import(t.Context(), []*asset.Asset{none}, nil)[0]
	if r.Err != nil || len(r.Omitted) != 1 || r.Omitted[0].Path != "/spec/recipients" {
		t.Errorf("4.1.4 cannot take the last recipient away: %v %v", r.Err, r.Omitted)
	}
}

// lastReport is the row of the report that was made last.
func lastReport(t *testing.T, c *st.Client) int {
	t.Helper()
	status, body, err := c.Do(t.Context(), http.MethodGet, "/api/v1/report/?q=(page_size:100)", nil)
	var list struct {
		IDs []int `json:"ids"`
	}
	if err := errors.Join(err, json.Unmarshal(body, &list)); err != nil || status != http.StatusOK || len(list.IDs) == 0 {
		t.Fatal(status, err)
	}
	return slices.Max(list.IDs)
}
