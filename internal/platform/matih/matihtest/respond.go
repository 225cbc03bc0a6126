package matihtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const maxBody = 8 << 20 // what a request may bring; more is answered 413

// reply is an answer before it is written. A nil body is no body.
type reply struct {
	status int
	head   map[string]string
	body   any
}

// ErrorForm is how a refusal looks.
type ErrorForm int

// The vendor's pages show three forms.
const (
	ErrorsFastAPI  ErrorForm = iota // {detail}, validation is 422
	ErrorsGateway                   // {success:false, error{code,category,message,details}, metadata{requestId}}, validation is 400
	ErrorsAppendix                  // {error{code:"MATIH-…",message}}, validation is 400
)

// WithErrors chooses the form of refusals.
func WithErrors(f ErrorForm) Option { return func(s *settings) { s.errors = f } }

// WithInputEcho adds to each problem of a 422 what was sent, as FastAPI with
// pydantic 2 does. A client that shows such an answer may show a secret.
func WithInputEcho() Option { return func(s *settings) { s.echo = true } }

// problem is one thing wrong with a request.
type problem struct {
	loc     []any
	message string
	kind    string
	input   any
}

// refusal is an answer of 400 and above.
type refusal struct {
	status   int
	code     string
	message  string
	head     map[string]string
	problems []problem
}

func notFound(what string) *refusal {
	return &refusal{status: http.StatusNotFound, code: "RESOURCE_NOT_FOUND", message: what}
}

func forbidden(code, why string) *refusal {
	return &refusal{status: http.StatusForbidden, code: code, message: why}
}

func unauthorized(code, why string) *refusal {
	return &refusal{status: http.StatusUnauthorized, code: code, message: why, head: map[string]string{"WWW-Authenticate": "Bearer"}}
}

func invalid(problems ...problem) *refusal {
	return &refusal{status: http.StatusUnprocessableEntity, code: "VALIDATION_FAILED", message: "Request validation failed", problems: problems}
}

// refuse gives a refusal the form that was chosen. The lock is held.
func (s *Server) refuse(f *refusal) reply {
	out := reply{status: f.status, head: f.head}
	if f.problems != nil && s.errors != ErrorsFastAPI {
		out.status = http.StatusBadRequest
	}
	switch s.errors {
	case ErrorsGateway:
		details := make([]any, len(f.problems))
		for i, p := range f.problems {
			details[i] = map[string]any{"field": fmt.Sprint(p.loc[len(p.loc)-1]), "message": p.message}
		}
		out.body = map[string]any{"success": false, "metadata": s.metadata(), "error": map[string]any{
			"code": f.code, "category": category(out.status), "message": f.message, "details": details}}
	case ErrorsAppendix:
		out.body = map[string]any{"error": map[string]any{"code": appendixCode(out.status), "message": f.message}}
	default:
		out.body = map[string]any{"detail": s.fastAPI(f)}
	}
	return out
}

func (s *Server) fastAPI(f *refusal) any {
	if f.problems == nil {
		return f.message
	}
	list := make([]any, len(f.problems))
	for i, p := range f.problems {
		one := map[string]any{"loc": p.loc, "msg": p.message, "type": p.kind}
		if s.echo {
			one["input"] = p.input
		}
		list[i] = one
	}
	return list
}

func (s *Server) metadata() map[string]any {
	return map[string]any{"requestId": fmt.Sprintf("req-%06d", s.requests), "timestamp": timeText(s.now())}
}

func category(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "AUTHENTICATION"
	case http.StatusForbidden:
		return "AUTHORIZATION"
	case http.StatusTooManyRequests:
		return "RATE_LIMIT"
	}
	if status >= 500 {
		return "SERVER"
	}
	return "CLIENT"
}

func appendixCode(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusLocked:
		return "MATIH-IAM-1001"
	}
	return "MATIH-AI-" + strconv.Itoa(status)
}

func (a reply) write(w http.ResponseWriter) {
	for k, v := range a.head {
		w.Header().Set(k, v)
	}
	if a.body == nil || a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, _ = w.Write(encoded(a.body))
}

// encoded is a value as JSON. Numbers keep the spelling they came with. What is
// not JSON cannot get here: all of it came from JSON or was made above.
func encoded(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Appendf(nil, "{\"detail\":%q}\n", err)
	}
	return buf.Bytes()
}

func decoded(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("extra data after the document")
	}
	return v, nil
}

// readBody takes the body of a request, before the lock: a client that sends
// slowly holds nobody up.
func readBody(r *http.Request) ([]byte, *refusal) {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, &refusal{status: http.StatusBadRequest, code: "INVALID_REQUEST", message: "the body was cut off"}
	}
	if len(text) > maxBody {
		return nil, &refusal{status: http.StatusRequestEntityTooLarge, code: "PAYLOAD_TOO_LARGE", message: "the body is too large"}
	}
	return text, nil
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
