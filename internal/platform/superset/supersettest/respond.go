package supersettest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
)

// call is one authenticated request.
type call struct {
	w    http.ResponseWriter
	r    *http.Request
	user int // id
}

func (c *call) json(status int, body any) { writeBody(c.w, status, body) }

func (c *call) message(status int, text any) { c.json(status, map[string]any{"message": text}) }

// writeBody answers JSON. Mappings of package types keep their order.
func writeBody(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Vary", "Accept-Encoding, Cookie")
	w.WriteHeader(status)
	text, err := encodeJSON(ordered(body))
	if err != nil {
		text = `{"message": "Fatal error"}`
	}
	_, _ = io.WriteString(w, text+"\n")
}

// ordered turns Go maps and slices into values of this package, keys sorted as
// Flask sorts them.
func ordered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		o := newObject()
		for _, k := range slices.Sorted(maps.Keys(v)) {
			o.set(k, ordered(v[k]))
		}
		return o
	case map[string]string:
		o := newObject()
		for _, k := range slices.Sorted(maps.Keys(v)) {
			o.set(k, v[k])
		}
		return o
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = ordered(v[i])
		}
		return out
	case []map[string]any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = ordered(v[i])
		}
		return out
	case []string:
		out := make([]any, len(v))
		for i := range v {
			out[i] = v[i]
		}
		return out
	case []int:
		out := make([]any, len(v))
		for i := range v {
			out[i] = v[i]
		}
		return out
	case json.Number:
		return pyNumber(v.String())
	}
	return v
}

// apiError is a failure with the body that Superset gives it.
type apiError struct {
	status  int
	message string
	kind    string
	code    int
	extra   *object
}

func (e *apiError) Error() string { return e.message }

func commandError(status int, message string) *apiError {
	return &apiError{status: status, message: message, kind: "GENERIC_COMMAND_ERROR", code: 1010}
}

func backendError(status int, message string) *apiError {
	return &apiError{status: status, message: message, kind: "GENERIC_BACKEND_ERROR", code: 1011}
}

func (e *apiError) write(w http.ResponseWriter) {
	texts := map[int]string{
		1010: "Superset encountered an error while running a command.",
		1011: "Superset encountered an unexpected error.",
		1019: "The submitted payload has the incorrect format.",
		1040: "The submitted payload failed validation.",
	}
	extra := newObject()
	if e.extra != nil {
		extra = clone(e.extra).(*object)
	}
	issue := newObject()
	issue.set("code", e.code)
	issue.set("message", "Issue "+string(number(itoa(e.code)))+" - "+texts[e.code])
	extra.set("issue_codes", []any{issue})
	level := "error"
	if e.code == 1010 && e.status < 500 {
		level = "warning"
	}
	entry := newObject()
	entry.set("message", e.message)
	entry.set("error_type", e.kind)
	entry.set("level", level)
	entry.set("extra", extra)
	body := newObject()
	body.set("errors", []any{entry})
	writeBody(w, e.status, body)
}

func serveNotFound(w http.ResponseWriter, _ *http.Request) {
	backendError(http.StatusNotFound, "404 Not Found: The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.").write(w)
}
