package superset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/dashkeep/dashkeep/internal/asset"
)

const alertsReports = "alerts_reports"

// write creates a report switched off, whatever the document says: on another
// server, or after a restore, nothing may be sent before a person has looked at it.
// One that is there gets what the document says.
//
// Superset takes one report per account and chart or dashboard unless it is said to
// be made on the page of alerts and reports, and from 6.1.0 else sends it to the
// account that makes it (commands/report/create.py), so it is made like that, and
// gets its creation_method by the PUT that follows.
func (reportRecord) write(ctx context.Context, im *importing, j *job, e *entry) error {
	if err := sendable(j); err != nil {
		return err
	}
	asset.Delete(j.node, "uuid")
	if e != nil {
		if err := im.keepsRecipients(ctx, j, e); err != nil {
			return err
		}
		_, err := im.sendObject(ctx, http.MethodPut, reportsPath+strconv.Itoa(e.row), j)
		return err
	}
	method := asset.Text(asset.Get(j.node, "creation_method"))
	asset.Put(j.node, asset.Str(alertsReports), "creation_method")
	if on := asset.Get(j.node, "active"); on != nil && on.Value == "true" {
		asset.Put(j.node, asset.Bool(false), "active")
		im.omit(j.id(), "/spec/active", "it arrives switched off; once you know that it should run on this server, switch it on there or apply it again")
	}
	for key, n := range asset.Each(asset.Clone(j.node)) { // a POST takes no null where a PUT does
		if asset.IsNull(n) {
			asset.Delete(j.node, key)
		}
	}
	row, err := im.sendObject(ctx, http.MethodPost, reportsPath, j)
	if err != nil || method == alertsReports {
		return err
	}
	rest := asset.Map("creation_method", method)
	for _, key := range []string{"chart", "dashboard"} { // which it is checked against
		if n := asset.Get(j.node, key); n != nil {
			asset.Put(rest, n, key)
		}
	}
	text, err := asset.ToJSON(rest)
	if err != nil {
		return err
	}
	if err := im.c.http.Send(ctx, http.MethodPut, reportsPath+strconv.Itoa(row), json.RawMessage(text), nil); err != nil {
		return fmt.Errorf("it was made, but not with its creation_method: %w", err)
	}
	return nil
}

// sendable checks what Superset cannot do without.
func sendable(j *job) error {
	has := func(key string) bool { return asset.Get(j.doc.Spec, key) != nil }
	gets := func(key string) bool { n := asset.Get(j.node, key); return n != nil && !asset.IsNull(n) }
	typ := asset.Text(asset.Get(j.doc.Spec, "type"))
	switch {
	case !has("chart") && !has("dashboard"):
		return errors.New("it has neither chart nor dashboard: Superset sends one of them")
	case !gets("chart") && !gets("dashboard"):
		return errors.New("the chart or dashboard it sends is not on the server; apply that one too")
	case typ == typeAlert && !gets("database"):
		return errors.New("it is an alert without a database on the server; apply that one too")
	}
	return nil
}

// keepsRecipients names recipients that the server will keep: before 6.1.0 an empty
// list leaves them as they are (daos/report.py).
func (im *importing) keepsRecipients(ctx context.Context, j *job, e *entry) error {
	if len(items(asset.Get(j.node, "recipients"))) > 0 || !im.older("6.1.0") {
		return nil
	}
	live, err := im.c.object(ctx, reportsPath+strconv.Itoa(e.row))
	if err != nil {
		return err
	}
	if len(items(asset.Get(live, "recipients"))) > 0 {
		im.omit(j.id(), "/spec/recipients", "this server"+im.versionText()+" does not take the last recipient away; do it there, or switch the report off")
	}
	return nil
}

// fitRecipients takes out recipients of a type that this server does not know
// (Webhook came with 6.1.0), when that is all that is wrong.
func (im *importing) fitRecipients(j *job, refusal json.RawMessage) bool {
	var fields map[string]map[string]map[string]json.RawMessage
	list := asset.Get(j.node, "recipients")
	if json.Unmarshal(refusal, &fields) != nil || len(fields) != 1 || len(fields["recipients"]) == 0 {
		return false
	}
	var out []int
	for at, bad := range fields["recipients"] {
		i, err := strconv.Atoi(at)
		if err != nil || i >= len(items(list)) || len(bad) != 1 || bad["type"] == nil {
			return false
		}
		out = append(out, i)
	}
	slices.Sort(out)
	for _, i := range slices.Backward(out) {
		im.omit(j.id(), "/spec/recipients", fmt.Sprintf("this server%s knows no recipients of type %s", im.versionText(), asset.Text(asset.Get(list.Content[i], "type"))))
		list.Content = append(list.Content[:i:i], list.Content[i+1:]...)
	}
	return true
}

func (reportRecord) remove(ctx context.Context, c *conn, e *entry) error {
	return c.deleteRow(ctx, kindReport, e.row)
}
