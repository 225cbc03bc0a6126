package matih

import (
	"strings"
	"testing"
)

func TestSheetOf(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		rows, total  int
		err          string
	}{
		{"bare", `[{"id":1},{"id":2}]`, 2, -1, ""},
		{"bare and empty", `[]`, 0, -1, ""},
		{"data", `{"data":[{"id":1}]}`, 1, -1, ""},
		{"data.items", `{"data":{"items":[{"id":1}],"total":1}}`, 1, 1, ""},
		{"data.dashboards", `{"data":{"dashboards":[{"id":1}]}}`, 1, -1, ""},
		{"items", `{"items":[{"id":1}],"total":5}`, 1, 5, ""},
		{"results", `{"results":[],"count":0}`, 0, -1, ""},
		{"dashboards", `{"dashboards":[{"id":1}],"total":1}`, 1, 1, ""},
		{"gateway", `{"success":true,"data":[{"id":1}],"metadata":{"requestId":"r"},"pagination":{"page":0,"size":20,"totalElements":1,"totalPages":1,"hasNext":false}}`, 1, 1, ""},
		{"appendix", `{"data":[],"pagination":{"page":1,"size":20,"total":0,"hasNext":false}}`, 0, 0, ""},
		{"null and counted", `{"success":true,"data":null,"pagination":{"total":0}}`, 0, 0, ""},
		{"null and not counted", `{"success":true,"data":null}`, 0, 0, "holds no list"},
		{"null and counted as some", `{"data":null,"total":3}`, 0, 0, "holds no list"},
		{"null", `null`, 0, 0, "holds no list"},
		{"nothing", `{}`, 0, 0, "holds no list"},
		{"something else", `{"status":"ok","version":"1"}`, 0, 0, "holds no list"},
		{"a total alone", `{"total":0}`, 0, 0, "holds no list"},
		{"an object in place of the list", `{"data":{"id":"d"}}`, 0, 0, "holds no list"},
		{"failure", `{"success":false,"data":[],"error":{"code":"X","message":"no such  tenant"}}`, 0, 0, "the server says that it failed: no such tenant"},
		{"failure without reason", `{"success":false}`, 0, 0, "it gives no reason"},
		{"text", `"ok"`, 0, 0, "holds no list"},
		{"cut", `[{"id":1}`, 0, 0, "cannot be read"},
	} {
		n, err := parse([]byte(c.answer))
		var s sheet
		if err == nil {
			s, err = sheetOf(n)
		}
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.name, err, c.err)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case len(s.rows) != c.rows || s.total != c.total:
			t.Errorf("%s: %d rows of %d, want %d of %d", c.name, len(s.rows), s.total, c.rows, c.total)
		}
	}
}

// TestRefusalQuotesNothing holds error sentences to what the server says of a
// request, not what it repeats from it.
func TestRefusalQuotesNothing(t *testing.T) {
	for _, c := range []struct{ answer, want string }{
		{`{"detail":[{"loc":["body","data_source"],"msg":"Input should be valid","type":"x","input":{"password":"s3cret"}},{"loc":[],"msg":"Too long"}]}`, "body.data_source: Input should be valid; Too long"},
		{`{"success":false,"error":{"code":"VALIDATION_FAILED","message":"name is required","details":{"sent":"s3cret"}}}`, "name is required"},
		{`{"error":{"code":"MATIH-IAM-1001"}}`, "MATIH-IAM-1001"},
		{`{"detail":"Not here"}`, "Not here"},
		{`{"echo":"s3cret"}`, ""},
		{`[]`, ""},
	} {
		n, err := parse([]byte(strings.Replace(c.answer, `"success":false,`, "", 1)))
		if err != nil {
			t.Fatal(err)
		}
		if got := refusal(n); got != c.want {
			t.Errorf("%s: %q, want %q", c.answer, got, c.want)
		}
	}
}
