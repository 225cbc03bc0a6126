package superset

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// reportRules: alerts and reports. Defaults are those of the model
// (reports/models.py, the same from 4.1.4 to 6.1.0); `active: false` is one too,
// although Superset's own is true: what a file does not switch on stays off.
func reportRules() normalize.KindRules {
	std := func(path, value string, also ...string) normalize.Rule {
		return normalize.Rule{Op: normalize.Default, Path: path, Value: value, Also: also, Restore: true, Why: "the default of the model"}
	}
	drop := func(why string, paths ...string) (rs []normalize.Rule) {
		for _, p := range paths {
			rs = append(rs, normalize.Rule{Op: normalize.Drop, Path: p, Why: why})
		}
		return rs
	}
	return normalize.KindRules{UID: "uuid", Title: "name",
		Rules: slices.Concat(
			drop("what the last run saw", "/last_eval_dttm", "/last_state", "/last_value", "/last_value_row_json"),
			drop("a row id, made anew at each save", "/id", "/recipients/*/id"),
			drop("read apart, by name", "/owners"),
			[]normalize.Rule{
				{Op: normalize.JSON, Path: "/recipients/*/recipient_config_json", Why: "JSON text when read, a mapping when written"},
				{Op: normalize.JSON, Path: "/validator_config_json", Why: "JSON text when read, a mapping when written"},
				{Op: normalize.Call, Path: "/validator_config_json/threshold", Hook: wholeThreshold(), Why: "5 is read back as 5.0"},
				{Op: normalize.RefValue, Path: "/chart", Kind: kindChart, Why: whyRow},
				{Op: normalize.RefValue, Path: "/dashboard", Kind: kindDashboard, Why: whyRow},
				{Op: normalize.RefValue, Path: "/database", Kind: kindDatabase, Why: whyRow},
				{Op: normalize.RefKeys, Path: "/extra/dashboard/dataMask", Kind: kindChart, Weak: true, Why: "a cross-filter stands under the row id of its chart"},
				{Op: normalize.RefValue, Path: "/extra/dashboard/dataMask/*/id", Kind: kindChart, Weak: true, Why: "a cross-filter stands under the row id of its chart"},
				{Op: normalize.Call, Path: "/recipients", Hook: recipients(), Why: "a set; the link of a hook is a secret"},
				{Op: normalize.Default, Path: "/active", Value: "false", Also: []string{"null"}, Restore: true, Why: "off unless somebody switched it on"},
				{Op: normalize.Default, Path: "/recipients", Value: "[]", Also: []string{"null"}, Restore: true, Why: "none"},
				{Op: normalize.Default, Path: "/extra", Value: "{}", Also: []string{"null", "{dashboard: {}}"}, Restore: true, Why: "nothing chosen of the dashboard"},
				std("/validator_config_json", "{}", "null"), std("/timezone", "UTC"), std("/report_format", "PNG", "null"),
				std("/creation_method", "alerts_reports", "null"), std("/force_screenshot", "false", "null"),
				std("/log_retention", "90"), std("/grace_period", "14400"), std("/working_timeout", "3600"),
			},
			nulls("/chart", "/dashboard", "/validator_type", "/custom_width"),
			blanks("/description", "/context_markdown", "/email_subject", "/sql"),
			[]normalize.Rule{
				{Op: normalize.Default, Path: "/database", Value: "null", Why: "reports have none, and a PUT before 6.1.0 takes no null"},
				{Op: normalize.RedactText, Path: "", Why: "a password inside SQL or a link"},
			}),
		Values: []normalize.Values{
			{Path: "/type", Known: []string{typeAlert, typeReport}},
			{Path: "/report_format", Known: []string{"PDF", "PNG", "CSV", "TEXT"}},
			{Path: "/recipients/*/type", Known: []string{"Email", "Slack", "SlackV2", "Webhook"}},
			{Path: "/validator_type", Known: []string{"not null", "operator"}},
		}}
}

// The types of reports. A name is unique among those of its type only.
const (
	typeAlert  = "Alert"
	typeReport = "Report"
)

// wholeThreshold writes a whole number without the fraction that Superset adds to it.
func wholeThreshold() *normalize.Hook {
	return &normalize.Hook{Canonical: func(d *normalize.Doc) error {
		n := asset.Get(d.Root, "validator_config_json", "threshold")
		if n == nil || n.Tag != asset.TagFloat {
			return nil
		}
		if f, err := strconv.ParseFloat(n.Value, 64); err == nil && f == float64(int64(f)) {
			*n = *asset.Int(int64(f))
		}
		return nil
	}}
}

// recipients sorts the recipients by what they say, and hides links: who knows the
// address of a hook may post to it. Addresses of people and channels are content.
func recipients() *normalize.Hook {
	return &normalize.Hook{Canonical: func(d *normalize.Doc) error {
		list := asset.Get(d.Root, "recipients")
		if !asset.IsSeq(list) {
			return nil
		}
		slices.SortStableFunc(list.Content, func(a, b *yaml.Node) int {
			return cmp.Or(cmp.Compare(recipientKey(a, "type"), recipientKey(b, "type")), cmp.Compare(recipientKey(a, "recipient_config_json", "target"), recipientKey(b, "recipient_config_json", "target")))
		})
		for i, r := range list.Content {
			for field, n := range asset.Each(asset.Get(r, "recipient_config_json")) {
				if masked := maskLink(asset.Text(n)); masked != asset.Text(n) {
					d.Hide(n, asset.Pointer("recipients", strconv.Itoa(i), "recipient_config_json", field), masked)
				}
			}
		}
		for i, pair := range items(asset.Get(d.Root, "extra", "dashboard", "urlParams")) {
			if p := items(pair); len(p) == 2 && normalize.SecretKey(asset.Text(p[0])) && asset.Text(p[1]) != "" {
				d.Hide(p[1], asset.Pointer("extra", "dashboard", "urlParams", strconv.Itoa(i), "1"), normalize.Mask)
			}
		}
		return nil
	}}
}

func recipientKey(r *yaml.Node, keys ...string) string { return asset.Text(asset.Get(r, keys...)) }

// reportRecord reads and writes alerts and reports.
type reportRecord struct{}

const reportsPath = "/api/v1/report/"

func (reportRecord) read(ctx context.Context, c *conn, rows []*entry) ([]document, error) {
	return c.objects(ctx, rows, reportsPath, func(n *yaml.Node) *yaml.Node {
		for _, of := range []string{"chart", "dashboard", "database"} {
			if o := asset.Get(n, of); asset.IsMap(o) {
				asset.Put(n, asset.Get(o, "id"), of)
			}
		}
		return n
	})
}
