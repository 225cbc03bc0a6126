package apihttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// Error is an answer of the server that is not the one wanted. It holds neither
// the query nor any header, and its text is scrubbed of known secrets.
type Error struct {
	Instance string
	Method   string
	Path     string
	Status   int
	Reason   string // "" when the status says it all
	Message  string // what the server said, at most 300 characters of one line; "" for nothing
	Redirect string // where a 3xx leads, without its query
	HTML     bool   // the body is a page, not an answer of the API
	Tries    int    // how often it was asked, when more than once

	body       []byte // scrubbed
	retryAfter time.Duration
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "instance %s: %s %s: ", e.Instance, e.Method, e.Path)
	fmt.Fprintf(&b, "status %d", e.Status)
	if t := http.StatusText(e.Status); t != "" && e.Reason == "" {
		b.WriteString(" " + t)
	}
	if e.Reason != "" {
		b.WriteString(": " + e.Reason)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	b.WriteString(afterTries(e.Tries))
	return b.String()
}

func afterTries(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (after %d tries)", n)
}

// GoString is the error's text: the body is not for print.
func (e *Error) GoString() string { return e.Error() }

// Temporary reports whether the same request may succeed a little later.
func (e *Error) Temporary() bool {
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// Body is the answer, scrubbed of known secrets and cut at 1 MB, for connectors
// that read more from it than the message.
func (e *Error) Body() []byte { return e.body }

// Decode reads the answer as JSON.
func (e *Error) Decode(out any) error { return json.Unmarshal(e.body, out) }

const maxErrorBody = 1 << 20

func (a *attempt) answerError(status int, reason string, body []byte) *Error {
	if len(body) > maxErrorBody {
		body = body[:maxErrorBody]
	}
	clean := a.scrub(string(body))
	return &Error{
		Instance: a.c.o.Instance, Method: a.r.method(), Path: a.scrub(a.r.Path), Status: status,
		Reason: a.scrub(reason), Message: message(clean), body: []byte(clean),
	}
}

// message finds the sentence in an error body: the usual JSON fields of the BI
// servers, else the text itself.
func message(body string) string {
	var m struct {
		Message any `json:"message"` // text, or a map of field to reasons
		Msg     any `json:"msg"`
		Error   any `json:"error"`
		Detail  any `json:"detail"`
		Errors  []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal([]byte(body), &m) == nil {
		if len(m.Errors) > 0 && m.Errors[0].Message != "" {
			return OneLine(m.Errors[0].Message, 300)
		}
		for _, v := range []any{m.Message, m.Msg, m.Error, m.Detail} {
			switch t := v.(type) {
			case nil:
			case string:
				return OneLine(t, 300)
			default:
				j, _ := json.Marshal(t)
				return OneLine(string(j), 300)
			}
		}
	}
	return OneLine(body, 300)
}

// OneLine makes text from outside fit for a message: printable characters
// only, runs of blanks as one, at most max characters.
func OneLine(s string, limit int) string {
	var b strings.Builder
	n, blank := 0, false
	for _, r := range s {
		if unicode.IsSpace(r) {
			blank = n > 0
			continue
		}
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			continue
		}
		if blank {
			b.WriteByte(' ')
			n++
			blank = false
		}
		if n >= limit {
			b.WriteString("…")
			break
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}
