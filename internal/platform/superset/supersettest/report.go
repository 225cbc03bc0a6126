package supersettest

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// reportFields are the schemas of 6.1.0 (reports/schemas.py), for POST; a PUT takes
// null in putNulls as well.
var (
	reportFields = map[string]schemaField{
		"type": {typ: "=Alert|Report", req: true}, "name": {typ: "s", req: true}, "crontab": {typ: "s", req: true},
		"description": {typ: "s", null: true}, "email_subject": {typ: "s", null: true}, "context_markdown": {typ: "s", null: true},
		"active": {typ: "b"}, "timezone": {typ: "s"}, "sql": {typ: "s"}, "chart": {typ: "i", null: true},
		"creation_method": {typ: "=charts|dashboards|alerts_reports"}, "dashboard": {typ: "i", null: true}, "database": {typ: "i"},
		"owners": {typ: "l"}, "validator_type": {typ: "=not null|operator"}, "validator_config_json": {typ: "d"},
		"log_retention": {typ: "I"}, "grace_period": {typ: "I"}, "working_timeout": {typ: "I"}, "recipients": {typ: "l"},
		"report_format": {typ: "=PDF|PNG|CSV|TEXT"}, "extra": {typ: "d"}, "force_screenshot": {typ: "b"}, "custom_width": {typ: "i", null: true},
	}
	putNulls = []string{"sql", "creation_method", "validator_type", "working_timeout"}
	mail     = regexp.MustCompile(`^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$`)
)

func (s *Server) checkReport(body *object, created bool) *object {
	fields := maps.Clone(reportFields)
	if !created {
		for _, k := range putNulls {
			fields[k] = schemaField{typ: fields[k].typ, null: true}
		}
		fields["log_retention"] = schemaField{typ: "i"}
		fields["database"] = schemaField{typ: "i", null: s.since("6.1.0")}
	}
	bad := checkFields(fields, body, created)
	if crontab := body.str("crontab"); body.has("crontab") && !bad.has("crontab") && len(strings.Fields(crontab)) != 5 {
		bad.set("crontab", []any{"Cron expression is not valid"})
	}
	if all := s.checkRecipients(body); len(all.keys) > 0 {
		bad.set("recipients", all)
	}
	if created && body.str("type") == "Report" && body.has("database") && len(bad.keys) == 0 {
		bad.set("database", []any{"Database reference is not allowed on a report"})
	}
	return bad
}

func (s *Server) checkRecipients(body *object) *object {
	all := newObject()
	types := "=Email|Slack|SlackV2"
	if s.since("6.1.0") {
		types += "|Webhook"
	}
	for i, v := range body.list("recipients") {
		one := newObject()
		r, _ := v.(*object)
		if msg := fieldMessage(types, r.get("type")); msg != "" {
			one.set("type", []any{msg})
		}
		config := r.obj("recipient_config_json")
		inner := newObject()
		if config != nil {
			for _, k := range config.keys {
				if !slices.Contains([]string{"target", "ccTarget", "bccTarget"}, k) {
					inner.set(k, []any{"Unknown field."})
				}
			}
		}
		if len(inner.keys) > 0 {
			one.set("recipient_config_json", inner)
		} else if r.str("type") == "Email" && s.since("6.1.0") && len(one.keys) == 0 {
			checkMail(one, config)
		}
		if len(one.keys) > 0 {
			all.set(itoa(i), one)
		}
	}
	return all
}

func checkMail(one, config *object) {
	target := ""
	if config != nil {
		target = config.str("target")
	}
	if strings.TrimSpace(target) == "" {
		one.set("target", []any{"Email target is required for Email recipients"})
		return
	}
	for _, a := range strings.FieldsFunc(target, func(r rune) bool { return r == ',' || r == ';' }) {
		if a = strings.TrimSpace(a); a != "" && !mail.MatchString(a) {
			one.set("target", []any{"Invalid email address(es): " + a})
		}
	}
}

// refuseReport is the validation of the commands (commands/report/create.py and
// update.py). r is nil for a POST.
func (s *Server) refuseReport(c *call, body *object, r *row) bool {
	bad := newObject()
	value := func(key string) any {
		if r != nil && !body.has(key) {
			return r.fields[key]
		}
		return body.get(key)
	}
	typ, name := fmt.Sprint(value("type")), fmt.Sprint(value("name"))
	for _, o := range s.state.rows[Report] {
		if o.str("name") == name && o.str("type") == typ && (r == nil || o.id != r.id) {
			article := "A report"
			if typ == "Alert" {
				article = "An alert"
			}
			bad.set("name", []any{fmt.Sprintf("%s named %q already exists", article, name)})
		}
	}
	if typ == "Alert" && (r == nil || body.has("database")) {
		switch id, given := rowID(body.get("database")); {
		case !given && r == nil:
			bad.set("database", "Database is required for alerts")
		case s.state.byID(Database, id) == nil:
			bad.set("database", "Database does not exist")
		}
	}
	s.checkSubject(bad, body, r)
	s.checkTabs(bad, body, r)
	if r == nil && body.str("creation_method") != "alerts_reports" && s.hasReport(c.user, body) {
		(&apiError{status: http.StatusConflict, kind: "GENERIC_COMMAND_ERROR", code: 1010,
			message: "Resource already has an attached report.", extra: newObject()}).write(c.w)
		return true
	}
	if len(bad.keys) > 0 {
		c.message(http.StatusUnprocessableEntity, bad)
	}
	return len(bad.keys) > 0
}

func rowID(v any) (int, bool) {
	n, ok := v.(number)
	return int(atoi(n)), ok
}

// checkSubject looks at the chart or dashboard in the body alone, also of a PUT.
func (s *Server) checkSubject(bad, body *object, r *row) {
	chart, hasChart := rowID(body.get("chart"))
	dashboard, hasDashboard := rowID(body.get("dashboard"))
	switch method := body.str("creation_method"); {
	case method == "charts" && !hasChart:
		bad.set("chart", "Please save your chart first, then try creating a new email report.")
	case method == "dashboards" && !hasDashboard:
		bad.set("dashboard", "Please save your dashboard first, then try creating a new email report.")
	case hasChart && hasDashboard:
		bad.set("chart", "Choose a chart or dashboard not both")
	case hasChart && s.state.byID(Chart, chart) == nil:
		bad.set("chart", "Chart does not exist")
	case hasDashboard && s.state.byID(Dashboard, dashboard) == nil:
		bad.set("dashboard", "Dashboard does not exist")
	case !hasChart && !hasDashboard && r == nil:
		bad.set("chart", "Must choose either a chart or a dashboard")
	}
}

// checkTabs refuses tabs that the dashboard does not have: of a PUT from 6.1.0 on.
func (s *Server) checkTabs(bad, body *object, r *row) {
	state := body.obj("extra").obj("dashboard")
	id, ok := rowID(body.get("dashboard"))
	if r != nil && !ok {
		id, _ = r.fields["dashboard"].(int)
	}
	d := s.state.byID(Dashboard, id)
	if state == nil || d == nil || r != nil && !s.since("6.1.0") {
		return
	}
	position, _ := decodeJSON(d.str("position_json"))
	places, _ := position.(*object)
	var unknown []string
	for _, v := range append(state.list("activeTabs"), state.get("anchor")) {
		if tab, _ := v.(string); tab != "" && !places.has(tab) {
			unknown = append(unknown, "'"+tab+"'")
		}
	}
	if len(unknown) > 0 {
		bad.set("extra", []any{"Invalid tab ids: {" + strings.Join(unknown, ", ") + "}"})
	}
}

// hasReport reports whether the account made a report on this chart or dashboard.
func (s *Server) hasReport(user int, body *object) bool {
	return slices.ContainsFunc(s.state.rows[Report], func(o *row) bool {
		for _, key := range []string{Chart, Dashboard} {
			if id, ok := rowID(body.get(key)); ok && o.fields[key] != id {
				return false
			}
		}
		return o.createdBy == user
	})
}

// setReport takes a body over. From 6.1.0 one that is made on a chart or dashboard
// goes to the account that makes it; before, an empty list leaves the recipients.
func (s *Server) setReport(c *call, r *row, body *object, created bool) {
	for _, k := range body.keys {
		switch v := body.vals[k]; k {
		case "owners":
			r.owners = intList(v)
		case "recipients":
			if len(body.list(k)) > 0 || s.since("6.1.0") {
				r.fields[k] = dumped(body.list(k))
			}
		case "chart", "dashboard", "database":
			r.fields[k] = nil
			if id, ok := rowID(v); ok {
				r.fields[k] = id
			}
		case "validator_config_json":
			config := clone(v).(*object)
			if n, ok := config.get("threshold").(number); ok && !strings.ContainsAny(string(n), ".eE") {
				config.set("threshold", n+".0")
			}
			r.fields[k] = mustJSON(config)
		default:
			r.fields[k] = v
		}
	}
	if method := body.str("creation_method"); created && s.since("6.1.0") && (method == "charts" || method == "dashboards") {
		config, one := newObject(), newObject()
		config.set("target", s.users[c.user-1].Email)
		one.set("type", "Email")
		one.set("recipient_config_json", config)
		r.fields["recipients"] = []any{one}
	}
	if created && len(r.owners) == 0 {
		r.owners = []int{c.user}
	}
}

// dumped are recipients as the schema writes them: its fields in its order.
func dumped(recipients []any) (out []any) {
	for _, v := range recipients {
		r, config := clone(v).(*object), newObject()
		for _, k := range []string{"target", "ccTarget", "bccTarget"} {
			if given := r.obj("recipient_config_json"); given.has(k) {
				config.set(k, given.get(k))
			}
		}
		r.set("recipient_config_json", config)
		out = append(out, r)
	}
	return out
}

func (s *Server) describeReport(r *row, m map[string]any) {
	for k, kind := range map[string]string{"chart": Chart, "dashboard": Dashboard, "database": Database} {
		m[k], m[k+"_id"] = nil, nil
		id, _ := r.fields[k].(int)
		if o := s.state.byID(kind, id); o != nil {
			m[k], m[k+"_id"] = map[string]any{"id": id, models[kind].name: o.title(), "viz_type": o.fields["viz_type"]}, id
		}
	}
	for _, k := range []string{"context_markdown", "custom_width", "description", "email_subject", "last_eval_dttm", "last_value",
		"last_value_row_json", "sql", "validator_type"} {
		m[k] = r.fields[k]
	}
	m["crontab_humanized"] = r.str("crontab")
	recipients := []map[string]any{}
	list, _ := r.fields["recipients"].([]any)
	for i, v := range list {
		o := v.(*object)
		recipients = append(recipients, map[string]any{"id": r.id*100 + i, "type": o.get("type"), "recipient_config_json": mustJSON(o.get("recipient_config_json"))})
	}
	m["recipients"] = recipients
}
