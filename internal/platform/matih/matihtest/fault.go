package matihtest

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// Behaviour answers a request in place of the server; next is the server.
type Behaviour func(w http.ResponseWriter, r *http.Request, next http.Handler)

// Fault says which requests go wrong and how.
type Fault struct {
	Route  Route  // "" for any
	Method string // "" for any
	Path   string // part of the path, "" for any
	After  int    // lets that many matching requests through first
	Times  int    // then goes wrong that often; 0 for ever
	Do     Behaviour
}

type armed struct {
	Fault
	seen int
}

// Break arms a fault. The first armed fault that matches a request takes it.
func (s *Server) Break(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &armed{Fault: f})
}

// Mend takes all faults back, and Omit, Hide and BetweenPages.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.between = nil, nil
	clear(s.omitted)
	clear(s.hidden)
}

func (s *Server) fault(route Route, r *http.Request) Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Route != "" && f.Route != route || f.Method != "" && f.Method != r.Method || !strings.Contains(r.URL.Path, f.Path) {
			continue
		}
		f.seen++
		if f.seen > f.After && (f.Times == 0 || f.seen <= f.After+f.Times) {
			return f.Do
		}
	}
	return nil
}

// Hang answers nothing until the client gives up. started receives, when it has
// room, for each request that is held; nil is allowed.
func Hang(started chan<- struct{}) Behaviour {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		// A server notices that the client is gone only once the body is read.
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case started <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	}
}

// Status answers with a status and a short body: HTML for 502 to 504, which
// come from a proxy, the server's JSON otherwise.
func Status(code int) Behaviour {
	if code >= 502 && code <= 504 {
		return answer(code, "text/html", fmt.Sprintf("<html><head><title>%d %s</title></head></html>\n", code, http.StatusText(code)))
	}
	return answer(code, "application/json", fmt.Sprintf("{\"detail\":%q}\n", http.StatusText(code)))
}

// Throttle answers 429; "" leaves Retry-After out.
func Throttle(retryAfter string) Behaviour {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		Status(http.StatusTooManyRequests)(w, r, next)
	}
}

// LoginPage answers 200 with the HTML page of a single sign-on in front.
func LoginPage() Behaviour {
	return answer(http.StatusOK, "text/html; charset=utf-8", "<!DOCTYPE html>\n<html>\n  <head><title>Sign in</title></head>\n  <body><form></form></body>\n</html>\n")
}

// EmptyObject answers 200 with {}.
func EmptyObject() Behaviour { return answer(http.StatusOK, "application/json", "{}") }

// NotSuccess answers 200 with {"success":false}.
func NotSuccess() Behaviour {
	return answer(http.StatusOK, "application/json", `{"success":false,"data":null,"errors":[{"code":"LLM_UNAVAILABLE","message":"Service unavailable"}]}`)
}

// EmptyBody answers 200 with nothing.
func EmptyBody() Behaviour { return answer(http.StatusOK, "application/json", "") }

// Garbage answers 200 with what is no JSON.
func Garbage() Behaviour { return answer(http.StatusOK, "application/json", "\x00\x01 not json {]") }

func answer(status int, kind, body string) Behaviour {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Replace serves, but with another body under the same status and headers.
func Replace(body string) Behaviour {
	return changed(func([]byte) []byte { return []byte(body) })
}

// Truncate serves only the first n bytes, as a complete answer.
func Truncate(n int) Behaviour { return changed(func(b []byte) []byte { return b[:min(n, len(b))] }) }

func changed(f func([]byte) []byte) Behaviour {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := serveHeld(next, r)
		maps.Copy(w.Header(), a.head)
		w.WriteHeader(a.status)
		_, _ = w.Write(f(a.body.Bytes()))
	}
}

// Cut serves, but closes the connection after n bytes of the body.
func Cut(n int) Behaviour {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := serveHeld(next, r)
		maps.Copy(w.Header(), a.head)
		w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body.Bytes()[:min(n, a.body.Len())])
		_ = http.NewResponseController(w).Flush()
		hangUp(w)
	}
}

// DropAnswer does what is asked and closes the connection instead of answering:
// the client cannot know whether its write took place.
func DropAnswer() Behaviour {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		serveHeld(next, r)
		hangUp(w)
	}
}

// DropRequest closes the connection and does nothing.
func DropRequest() Behaviour {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { hangUp(w) }
}

func hangUp(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

// ShortList leaves the last n rows out of a page, and out of no count.
func ShortList(n int) Behaviour { return trick(tricks{short: n}) }

// Lie answers as if all were well, and takes back whatever was done.
func Lie() Behaviour { return trick(tricks{lie: true}) }

func trick(t tricks) Behaviour {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, tricked(r, t)) }
}

// held is an answer that was not sent yet.
type held struct {
	head   http.Header
	status int
	body   bytes.Buffer
}

func serveHeld(next http.Handler, r *http.Request) *held {
	a := &held{head: http.Header{}, status: http.StatusOK}
	next.ServeHTTP(a, r)
	return a
}

func (a *held) Header() http.Header         { return a.head }
func (a *held) WriteHeader(status int)      { a.status = status }
func (a *held) Write(b []byte) (int, error) { return a.body.Write(b) }
