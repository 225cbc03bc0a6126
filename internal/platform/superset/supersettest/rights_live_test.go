package supersettest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var anyURI = regexp.MustCompile(`(?m)^sqlalchemy_uri: .*$`)

// TestLiveRights asks a simulated and a real server the same as accounts of several
// roles and compares status and number of rows: who may list, export and open what,
// and what is 403, 404 or 500.
func TestLiveRights(t *testing.T) {
	m := newMirror(t)
	zip, err := RewriteZip(read(t, "../"+m.release+"/dashboard-rich.zip"), func(name, text string) (string, string) {
		return name, anyURI.ReplaceAllString(text, "sqlalchemy_uri: sqlite:///warehouse.db") // one with a driver: Superset asks it for the default schema
	})
	if err != nil {
		t.Fatal(err)
	}
	m.both("import", func(ctx context.Context, c *Client) error {
		return c.Import(ctx, Dashboard, zip, map[string]string{"overwrite": "true", "passwords": Passwords("pw", "databases/Warehouse.yaml")})
	})
	want, got := rightsOf(t, m.real), rightsOf(t, m.sim)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the real server (-) and the simulator (+) disagree\n%s", d)
	}
	t.Logf("%d answers compared", len(want))
}

// rightsOf maps "account published question" to "status count".
func rightsOf(t *testing.T, admin *Client) map[string]string {
	t.Helper()
	ctx := t.Context()
	only := func(kind string) Item {
		items, err := admin.List(ctx, kind)
		if err != nil || len(items) == 0 {
			t.Fatalf("%s: %v %v", kind, items, err)
		}
		return items[0]
	}
	db, dash := only(Database), only(Dashboard)
	chart, err := admin.Find(ctx, Chart, "Revenue trend")
	if err != nil {
		t.Fatal(err)
	}
	orders, err := admin.Find(ctx, Dataset, "orders")
	if err != nil {
		t.Fatal(err)
	}
	reads := []Permit{{"can_read", "SecurityRestApi"}, {"can_export", "ImportExportRestApi"}}
	for _, v := range []string{"Database", "Dataset", "Chart", "Dashboard"} {
		reads = append(reads, Permit{"can_read", v}, Permit{"can_export", v})
	}
	for role, may := range map[string][]Permit{
		"reads all":  append(reads[:len(reads):len(reads)], Permit{"all_datasource_access", "all_datasource_access"}, Permit{"all_database_access", "all_database_access"}),
		"reads some": append(reads[:len(reads):len(reads)], Permit{"datasource_access", fmt.Sprintf("[%s].[orders](id:%d)", db.Title, orders.ID)}),
		"no export":  {{"can_read", "Database"}, {"can_read", "Dashboard"}, {"can_read", "SecurityRestApi"}},
		Alpha:        nil, Gamma: nil,
	} {
		if may != nil {
			if _, err := admin.GrantKnown(ctx, role, may); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := admin.AddUser(ctx, User{Username: "rights " + role, Password: "pw", First: role, Last: "R", Email: strings.ReplaceAll(role, " ", "-") + "@rights.example", Role: role}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx := context.WithoutCancel(ctx)
			if err := admin.DropUser(ctx, "rights "+role); err != nil {
				t.Log(err)
			}
			if err := dropRole(ctx, admin, role, may); err != nil {
				t.Log(err)
			}
		})
	}
	out := map[string]string{}
	for _, published := range []bool{true, false} {
		if err := admin.Put(ctx, Dashboard, dash.UUID, map[string]any{"published": published}); err != nil {
			t.Fatal(err)
		}
		for _, role := range []string{"reads all", "reads some", "no export", Alpha, Gamma} {
			c, err := Login(ctx, admin.base, "rights "+role, "pw")
			if err != nil {
				out[role+" login"] = fmt.Sprint(err)
				continue
			}
			for name, path := range map[string]string{
				"databases": "database/", "datasets": "dataset/", "charts": "chart/", "dashboards": "dashboard/", "layers": "annotation_layer/",
				"users": "security/users/", "roles": "security/roles/", "export of all": "assets/export/",
				"export of the dashboard": fmt.Sprintf("dashboard/export/?q=!(%d)", dash.ID), "export of the chart": fmt.Sprintf("chart/export/?q=!(%d)", chart.ID),
				"export of the database": fmt.Sprintf("database/export/?q=!(%d)", db.ID), "export of the dataset": fmt.Sprintf("dataset/export/?q=!(%d)", orders.ID),
				"dashboard by uuid": "dashboard/" + dash.UUID, "dashboard by row": fmt.Sprintf("dashboard/%d", dash.ID),
				"dashboard of nobody": "dashboard/00000000-0000-4000-8000-000000000000", "chart by row": fmt.Sprintf("chart/%d", chart.ID),
				"connection": fmt.Sprintf("database/%d/connection", db.ID),
			} {
				status, body, err := c.Do(ctx, http.MethodGet, "/api/v1/"+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				var answer struct {
					Count *int `json:"count"`
				}
				text := fmt.Sprint(status)
				if json.Unmarshal(body, &answer) == nil && answer.Count != nil {
					text += fmt.Sprint(" count ", *answer.Count)
				}
				out[fmt.Sprintf("%s, published %t: %s", role, published, name)] = text
			}
			for name, body := range map[string]map[string]any{"retitle the chart": {"slice_name": "x"}} {
				status, _, err := c.Do(ctx, http.MethodPut, fmt.Sprintf("/api/v1/chart/%d", chart.ID), body)
				if err != nil {
					t.Fatal(err)
				}
				out[fmt.Sprintf("%s, published %t: %s", role, published, name)] = fmt.Sprint(status)
			}
		}
	}
	return out
}

// dropRole leaves the roles that every Superset has.
func dropRole(ctx context.Context, admin *Client, role string, may []Permit) error {
	if may == nil {
		return nil
	}
	return admin.DropRole(ctx, role)
}
