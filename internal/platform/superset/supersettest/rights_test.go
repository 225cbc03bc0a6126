package supersettest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRights is what TestLiveSimulatorMirrorsRights compares, on the simulator of
// each release alone: it must run through, and differ where the releases do.
func TestRights(t *testing.T) {
	said := map[string][]string{}
	for _, release := range []string{"4.1.4", "5.0.0", "6.0.0", "6.1.0"} {
		srv := httptest.NewServer(New(WithVersion(release), WithFirstID(31)))
		t.Cleanup(srv.Close)
		c, err := Login(t.Context(), srv.URL, "admin", "admin")
		if err != nil {
			t.Fatal(err)
		}
		said[release] = rights(t, c, release)
	}
	if cmp.Equal(said["4.1.4"], said["6.1.0"]) {
		t.Error("4.1.4 and 6.1.0 differ in nothing")
	}
}

func TestLiveSimulatorMirrorsRights(t *testing.T) {
	m := newMirror(t)
	if d := cmp.Diff(rights(t, m.real, m.release), rights(t, m.sim, m.release)); d != "" {
		t.Errorf("the real server (-) and the simulator (+) answer differently\n%s", d)
	}
	if err := m.real.Wipe(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// rights makes reports, rules and roles and notes what the server says, with row
// ids and times left out.
func rights(t *testing.T, c *Client, release string) (said []string) {
	t.Helper()
	ctx := t.Context()
	bundle := rezip(t, readOf(t, release, "dashboard-rich.zip"), func(n, text string) (string, string) {
		return n, strings.Replace(text, "sqlalchemy_uri: postgresql:", "sqlalchemy_uri: oracle:", 1)
	})
	if err := c.Import(ctx, Dashboard, bundle, map[string]string{"overwrite": "true", "passwords": Passwords("pw", "databases/Warehouse.yaml")}); err != nil {
		t.Fatal(err)
	}
	do := func(method, path string, body map[string]any) {
		t.Helper()
		if body != nil {
			var err error
			if body, err = c.rowsFor(ctx, body); err != nil {
				t.Fatal(err)
			}
		}
		status, raw, err := c.Do(ctx, method, path, body)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, method+" "+digits.ReplaceAllString(path, "N")+": "+fmt.Sprint(status)+" "+plainAnswer(raw))
	}
	ruleRights(t, c, do)
	reportRights(t, c, do)
	roleRights(t, c, do)
	known, err := c.Permissions(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return append(said, slices.Sorted(maps.Keys(known))...)
}

func ruleRights(t *testing.T, c *Client, do func(method, path string, body map[string]any)) {
	const at = "/api/v1/" + Rule + "/"
	eu := map[string]any{"name": "EU only", "filter_type": "Regular", "tables": []string{"orders", "monthly revenue {virtual}"}, "roles": []string{"Gamma", "Finance"}, "clause": "region = 'EU'"}
	with := func(key string, v any) map[string]any {
		out := map[string]any{key: v}
		for k, w := range eu {
			if k != key {
				out[k] = w
			}
		}
		return out
	}
	do("POST", at, eu)
	do("POST", at, eu)
	do("POST", at, with("filter_type", "Odd"))
	do("POST", at, with("tables", []string{}))
	do("POST", at, map[string]any{"name": "x", "filter_type": "Base", "tables": []int{987654}, "roles": []int{}, "clause": "1 = 0"})
	do("POST", at, map[string]any{"name": "x", "filter_type": "Base", "tables": []string{"orders"}, "roles": []int{987654}, "clause": "1 = 0"})
	do("POST", at, map[string]any{"name": "x", "unknown": 1})
	do("GET", at+"?q=(order_column:name,order_direction:asc,page:0,page_size:100)", nil)
	do("GET", at+"?q=(order_column:name,order_direction:asc,page:0,page_size:100,columns:!(id,name,description))", nil)
	row := lastRow(t, c, Rule)
	do("GET", fmt.Sprint(at, row), nil)
	do("PUT", fmt.Sprint(at, row), map[string]any{"name": "EU", "description": "d", "group_key": "g", "filter_type": "Base", "tables": []string{}, "roles": []string{"Finance"}})
	do("GET", fmt.Sprint(at, row), nil)
	do("PUT", fmt.Sprint(at, row), map[string]any{"clause": nil})
	do("PUT", at+"987654", map[string]any{"name": "EU"})
	do("GET", at+"987654", nil)
	do("GET", at+"related/roles?q=(page:0,page_size:2)", nil)
	do("DELETE", fmt.Sprint(at, row), nil)
	do("DELETE", fmt.Sprint(at, row), nil)
}

func reportRights(t *testing.T, c *Client, do func(method, path string, body map[string]any)) {
	const at = "/api/v1/" + Report + "/"
	const board = "Ventes / 売上 \"Q1\" 📊 — résumé"
	do("POST", at, map[string]any{"type": "Report", "name": "Daily", "crontab": "0 9 * * *", "dashboard": board, "creation_method": "alerts_reports", "active": false,
		"recipients": []any{map[string]any{"type": "Email", "recipient_config_json": map[string]any{"target": "a@example.com", "ccTarget": "b@example.com"}}}})
	daily := lastRow(t, c, Report)
	do("POST", at, map[string]any{"type": "Report", "name": "Other", "crontab": "0 9 * * *", "dashboard": board})
	do("POST", at, map[string]any{"type": "Report", "name": "Other", "crontab": "0 9 * * *", "dashboard": board, "creation_method": "dashboards"})
	do("POST", at, map[string]any{"type": "Report", "name": "Daily", "crontab": "0 9 * * *", "dashboard": board, "creation_method": "alerts_reports"})
	do("POST", at, map[string]any{"type": "Alert", "name": "Daily", "crontab": "0 9 * * *", "chart": "Area", "creation_method": "alerts_reports"})
	do("POST", at, map[string]any{"type": "Alert", "name": "Daily", "crontab": "0 9 * * *", "chart": "Area", "database": "Warehouse · 倉庫", "sql": "select 1",
		"validator_type": "operator", "validator_config_json": map[string]any{"op": ">", "threshold": 5}, "creation_method": "alerts_reports", "recipients": []any{}})
	do("POST", at, map[string]any{"type": "Report", "name": "x", "crontab": "0 9", "dashboard": board, "sql": nil, "odd": 1, "report_format": "GIF"})
	do("POST", at, map[string]any{"type": "Report", "name": "x", "crontab": "0 9 * * *", "creation_method": "alerts_reports"})
	do("POST", at, map[string]any{"type": "Report", "name": "x", "crontab": "0 9 * * *", "dashboard": board, "creation_method": "alerts_reports",
		"extra": map[string]any{"dashboard": map[string]any{"urlParams": []any{[]any{"a", "b"}}}}})
	do("POST", at, map[string]any{"type": "Report", "name": "hook", "crontab": "0 9 * * *", "dashboard": board, "creation_method": "alerts_reports",
		"recipients": []any{map[string]any{"type": "Webhook", "recipient_config_json": map[string]any{"target": "https://hooks.example.com/x"}}}})
	do("POST", at, map[string]any{"type": "Report", "name": "mail", "crontab": "0 9 * * *", "dashboard": board, "creation_method": "alerts_reports",
		"recipients": []any{map[string]any{"type": "Email", "recipient_config_json": map[string]any{"target": "nobody"}}}})
	do("POST", at, map[string]any{"type": "Report", "name": "chart", "crontab": "0 9 * * *", "chart": "Share", "creation_method": "charts"})
	do("GET", fmt.Sprint(at, lastRow(t, c, Report)), nil)
	do("GET", at+"?q=(order_column:name,order_direction:asc,page:0,page_size:100,columns:!(id,name,type,active,crontab,timezone,chart_id,dashboard_id,extra,description,creation_method,owners.id,recipients.type))", nil)
	do("PUT", fmt.Sprint(at, daily), map[string]any{"recipients": []any{}, "active": true, "owners": []int{}, "sql": nil, "validator_type": nil, "custom_width": nil})
	do("GET", fmt.Sprint(at, daily), nil)
	do("PUT", fmt.Sprint(at, daily), map[string]any{"database": nil})
	do("PUT", fmt.Sprint(at, daily), map[string]any{"creation_method": "charts"})
	do("PUT", fmt.Sprint(at, daily), map[string]any{"creation_method": "charts", "chart": "Share", "dashboard": nil})
	do("PUT", fmt.Sprint(at, daily), map[string]any{"name": "chart"})
	do("GET", fmt.Sprint(at, daily), nil)
	for _, kind := range []string{Chart, Dashboard, Database} {
		title := map[string]string{Chart: "Area", Dashboard: board, Database: "Warehouse · 倉庫"}[kind]
		it, err := c.Find(t.Context(), kind, title)
		if err != nil {
			t.Fatal(err)
		}
		do("DELETE", fmt.Sprintf("/api/v1/%s/%d", kind, it.ID), nil)
	}
	do("DELETE", fmt.Sprint(at, daily), nil)
	do("GET", fmt.Sprint(at, daily), nil)
}

func roleRights(t *testing.T, c *Client, do func(method, path string, body map[string]any)) {
	t.Helper()
	const at = "/api/v1/security/roles/"
	for _, grants := range [][]string{{"can_read on Chart", "can_write on Dashboard", "datasource_access on [Warehouse · 倉庫].[orders](", "schema_access on [Warehouse · 倉庫].",
		"database_access on [Warehouse · 倉庫]."}, {}} {
		if err := c.Grant(t.Context(), "Finance", grants...); err != nil {
			t.Fatal(err)
		}
		id, err := c.Role(t.Context(), "Finance")
		if err != nil {
			t.Fatal(err)
		}
		do("GET", fmt.Sprint(at, id, "/permissions/"), nil)
	}
	do("POST", at, map[string]any{"name": "Finance"})
	do("GET", at+"987654/permissions/", nil)
	do("POST", at+"987654/permissions", map[string]any{"permission_view_menu_ids": []int{}})
	do("GET", at+"?q=(order_column:name,order_direction:asc,page:0,page_size:100,columns:!(id,name))", nil)
}

func lastRow(t *testing.T, c *Client, kind string) int {
	t.Helper()
	var list struct {
		IDs []int `json:"ids"`
	}
	if err := c.call(context.WithoutCancel(t.Context()), http.MethodGet, "/api/v1/"+kind+"/?q=(page_size:100)", nil, &list); err != nil || len(list.IDs) == 0 {
		t.Fatal(list.IDs, err)
	}
	return slices.Max(list.IDs)
}

var digits = regexp.MustCompile(`\b[0-9]+\b`)

// plainAnswer is a body without what differs per server and moment.
func plainAnswer(raw []byte) string {
	var v map[string]any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	for _, k := range []string{"id", "ids", "label_columns", "description_columns", "order_columns", "show_columns", "show_title"} {
		delete(v, k)
	}
	text, err := json.Marshal(withoutRows(v))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func withoutRows(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range []string{"id", "value", "chart_id", "dashboard_id", "permission_view_menu_ids", "chart", "dashboard", "database", "roles", "tables", "owners", "changed_on_delta_humanized"} {
			if _, isRow := v[k].(float64); isRow || k == "changed_on_delta_humanized" {
				delete(v, k)
			}
			if list, ok := v[k].([]any); ok && len(list) > 0 {
				if _, isRow := list[0].(float64); isRow {
					v[k] = len(list)
				}
			}
		}
		for k := range v {
			v[k] = withoutRows(v[k])
		}
	case []any:
		for i := range v {
			v[i] = withoutRows(v[i])
		}
		slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	case string:
		return digits.ReplaceAllString(v, "N")
	}
	return v
}
