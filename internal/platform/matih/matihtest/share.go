package matihtest

import (
	"net/http"
	"slices"
)

// ShareForm is which body form share takes.
type ShareForm int

// The vendor shows two forms.
const (
	ShareAny   ShareForm = iota
	ShareList            // {visibility, shared_with:["user-…","team-…"], permissions:"view"}
	ShareUsers           // {visibility, shared_with:[{user_id, permission}]}
)

// share takes sharing settings. No call reads them back; what shows is the
// visibility, and in whose list the dashboard stands.
func (s *Server) share(c *call) (reply, *refusal) {
	old, f := s.own(c)
	if f != nil {
		return reply{}, f
	}
	body, f := c.object()
	if f != nil {
		return reply{}, f
	}
	in := &input{body: body}
	in.text("visibility", false, false)
	with := s.recipients(in)
	if s.strict {
		in.closed([]string{"visibility", "shared_with", "permissions"})
	}
	if len(in.problems) > 0 {
		return reply{}, invalid(in.problems...)
	}
	d := old.copied()
	if v, ok := body["visibility"]; ok {
		d.fields["visibility"] = v
	}
	d.sharedWith = with
	d.shares = append(d.shares, body)
	s.write(c, d)
	return reply{status: http.StatusOK, body: s.wrap("share", map[string]any{
		"dashboard_id": d.id, "visibility": d.fields["visibility"], "shared_with": body["shared_with"]})}, nil
}

// recipients checks shared_with in either form.
func (s *Server) recipients(in *input) []string {
	list, ok := in.body["shared_with"].([]any)
	if !ok {
		in.report("shared_with", "Input should be a valid list", "list_type")
		return nil
	}
	var out []string
	for i, e := range list {
		switch e := e.(type) {
		case string:
			if s.shareForm == ShareUsers {
				in.report("shared_with", "Input should be a valid dictionary", "dict_type", i)
			}
			out = append(out, e)
		case map[string]any:
			id, isText := e["user_id"].(string)
			permission, _ := e["permission"].(string)
			if s.shareForm == ShareList || !isText || permission == "" {
				in.report("shared_with", "Input should be a valid string", "string_type", i)
			}
			out = append(out, id)
		default:
			in.report("shared_with", "Input is neither a name nor an object", "type_error", i)
		}
	}
	names := len(list) > 0 && !slices.ContainsFunc(list, func(e any) bool { _, ok := e.(string); return !ok })
	if _, ok := in.body["permissions"].(string); names && !ok {
		in.report("permissions", "Field required", "missing")
	}
	return out
}

// Shares are the bodies that were posted to share of a dashboard, oldest first.
func (s *Server) Shares(id string) []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.state.rows[id]
	if d == nil {
		return nil
	}
	out := make([]map[string]any, len(d.shares))
	for i, b := range d.shares {
		out[i] = clonedMap(b)
	}
	return out
}
