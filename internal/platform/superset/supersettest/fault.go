package supersettest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Behaviour answers a request in place of the server; next is the server.
type Behaviour func(w http.ResponseWriter, r *http.Request, next http.Handler)

// Fault says which requests go wrong and how.
type Fault struct {
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

// Mend takes all faults back.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *Server) fault(r *http.Request) Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Method != "" && f.Method != r.Method || !strings.Contains(r.URL.Path, f.Path) {
			continue
		}
		f.seen++
		if f.seen > f.After && (f.Times == 0 || f.seen <= f.After+f.Times) {
			return f.Do
		}
	}
	return nil
}

// LoginPage answers 200 with the HTML login page, as a client gets that follows
// the redirect for a missing CSRF token, or a proxy's single sign-on.
func LoginPage() Behaviour {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { writeLoginPage(w, "") }
}

// Status answers with a status and a short body: HTML for 502 to 504, which
// come from a proxy, the server's JSON otherwise.
func Status(code int) Behaviour {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		if code >= 502 && code <= 504 {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(code)
			_, _ = fmt.Fprintf(w, "<html><head><title>%d %s</title></head></html>\n", code, http.StatusText(code))
			return
		}
		writeBody(w, code, map[string]any{"message": "Fatal error"})
	}
}

// Throttle answers 429. Superset gives no Retry-After, proxies do: "" leaves it
// out.
func Throttle(retryAfter string) Behaviour {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		backendError(http.StatusTooManyRequests, "429 Too Many Requests: 50 per 1 second").write(w)
	}
}

// Slow waits, or until the client gives up, and then serves.
func Slow(d time.Duration) Behaviour {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}
}

// Hang answers nothing until the client gives up. started receives, when it has
// room, for each request that is held; nil is allowed.
func Hang(started chan<- struct{}) Behaviour {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		select {
		case started <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	}
}

// Cut serves, but closes the connection after n bytes of the body.
func Cut(n int) Behaviour {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := newAnswer()
		next.ServeHTTP(a, r)
		body := a.body.Bytes()
		for k, v := range a.head {
			w.Header()[k] = v
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(a.status)
		_, _ = w.Write(body[:min(n, len(body))])
		rc := http.NewResponseController(w)
		_ = rc.Flush()
		if conn, _, err := rc.Hijack(); err == nil {
			_ = conn.Close()
		}
	}
}

// Truncate serves only the first n bytes, as a complete answer.
func Truncate(n int) Behaviour {
	return change(func(b []byte) []byte { return b[:min(n, len(b))] })
}

// Replace serves other bytes under the same headers.
func Replace(body []byte) Behaviour { return change(func([]byte) []byte { return body }) }

// Omit leaves entries whose name contains the text out of an exported zip: an
// asset that is listed but not exported.
func Omit(text string) Behaviour {
	return Rewrite(func(name, content string) (string, string) {
		if strings.Contains(name, text) {
			return "", ""
		}
		return name, content
	})
}

// OmitObject leaves one object's own file out of an exported zip.
func OmitObject(kind string, o Object) Behaviour {
	return Rewrite(func(name, content string) (string, string) {
		if strings.Contains(name, "/"+models[kind].folder) && strings.Contains(content, "\nuuid: "+yamlString(o.UUID)+"\n") {
			return "", ""
		}
		return name, content
	})
}

// Rewrite serves an exported zip with other names and texts; "" as a name
// leaves the entry out.
func Rewrite(f func(name, content string) (string, string)) Behaviour {
	return change(func(b []byte) []byte {
		out, err := RewriteZip(b, f)
		if err != nil {
			return b
		}
		return out
	})
}

// RewriteZip makes another zip of one, entry by entry.
func RewriteZip(b []byte, f func(name, content string) (string, string)) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range z.File {
		rc, err := e.Open()
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(io.LimitReader(rc, maxFileSize))
		_ = rc.Close()
		if err != nil {
			return nil, err
		}
		name, content := f(e.Name, string(text))
		if name == "" {
			continue
		}
		entry, err := w.Create(name)
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(entry, content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func change(f func([]byte) []byte) Behaviour {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := newAnswer()
		next.ServeHTTP(a, r)
		if a.status == http.StatusOK {
			body := f(bytes.Clone(a.body.Bytes()))
			a.body.Reset()
			a.body.Write(body)
		}
		a.send(w)
	}
}

// Lie answers 200 "OK" and does nothing, as an import of a dashboard with
// changed charts does.
func Lie() Behaviour {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		writeBody(w, http.StatusOK, map[string]any{"message": "OK"})
	}
}

// ExpireTokens makes every access token given out so far an expired one.
// Refresh tokens go on.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expired = s.issued
}

// ForgetSessions makes every session cookie unknown, as a restarted server with
// a new SECRET_KEY does.
func (s *Server) ForgetSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions = map[string]string{}
}

// HostileZip is an export with an entry that climbs out of its folder, one with
// an absolute path and one that is named twice.
func HostileZip() []byte {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, name := range []string{"x/metadata.yaml", "x/../../../../tmp/dashkeep-escaped.yaml", "/etc/dashkeep-escaped.yaml",
		"x/charts/a_1.yaml", "x/charts/a_1.yaml"} {
		if f, err := z.Create(name); err == nil {
			_, _ = io.WriteString(f, "version: 1.0.0\ntype: assets\n")
		}
	}
	_ = z.Close()
	return buf.Bytes()
}
