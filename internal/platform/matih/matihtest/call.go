package matihtest

import (
	"context"
	"mime"
	"net/http"
)

// call is one request while it is handled.
type call struct {
	r      *http.Request
	text   []byte // of the body
	user   *User
	tenant string
	tricks tricks
	listed bool // a page of the listing was answered
}

// tricks are faults that need the server's help.
type tricks struct {
	lie   bool // takes everything back before answering
	short int  // rows that a listing leaves out
}

type trickKey struct{}

func tricked(r *http.Request, t tricks) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), trickKey{}, t))
}

// open serves a call that needs no account.
func (s *Server) open(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, h) }
}

// authenticated serves a call for a known user of a known tenant, within the
// tenant's rate.
func (s *Server) authenticated(h handler) http.HandlerFunc {
	return s.open(func(c *call) (reply, *refusal) {
		if f := s.authenticate(c); f != nil {
			return reply{}, f
		}
		head, f := s.take(c.user.Tenant)
		var out reply
		if f == nil {
			if f = s.enter(c); f == nil {
				out, f = h(c)
			}
		}
		if f != nil {
			out = s.refuse(f)
		}
		for k, v := range out.head {
			head[k] = v
		}
		out.head = head
		return out, nil
	})
}

// serve handles one call as one transaction: the lock is held meanwhile. The
// answer is sent after.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, h handler) {
	text, bad := readBody(r)
	c := &call{r: r, text: text}
	c.tricks, _ = r.Context().Value(trickKey{}).(tricks)
	s.mu.Lock()
	s.requests++
	before := s.state
	if c.tricks.lie {
		s.state = before.clone()
	}
	hook := s.between
	var out reply
	if bad == nil {
		out, bad = h(c)
	}
	if bad != nil {
		out = s.refuse(bad)
	}
	if c.tricks.lie {
		s.state = before
	}
	pages := s.pages
	s.mu.Unlock()
	if c.listed && hook != nil {
		hook(pages)
	}
	out.write(w)
}

// object is the body as a JSON object.
func (c *call) object() (map[string]any, *refusal) {
	kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	v, err := decoded(c.text)
	switch {
	case len(c.text) == 0:
		return nil, invalid(problem{loc: []any{"body"}, message: "Field required", kind: "missing"})
	case err != nil:
		return nil, invalid(problem{loc: []any{"body", 0}, message: "JSON decode error", kind: "json_invalid"})
	}
	m, ok := v.(map[string]any)
	if !ok || kind != "application/json" {
		return nil, invalid(problem{loc: []any{"body"}, message: "Input should be a valid dictionary or object", kind: "model_attributes_type"})
	}
	return m, nil
}
