package platformtest

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Front puts what can go wrong with any HTTP server in front of a fake one. It
// fills in Stall, Throttle and Requests where they are nil, adds to Faults what
// is not there under the same name, makes Mend take all of it back besides what
// it did, and returns what to serve in place of next:
//
//	s := &platformtest.Server{Config: …, Edit: …}
//	srv := httptest.NewServer(s.Front(fake))
//	s.Config.URL = srv.URL
//
// Logins go wrong like every other request; the cases have logged in before.
func (s *Server) Front(next http.Handler) http.Handler {
	f := &front{next: next}
	if s.Stall == nil {
		s.Stall = func(testing.TB) <-chan struct{} {
			held := make(chan struct{}, 1)
			f.set(0, stall(held))
			return held
		}
	}
	if s.Throttle == nil {
		s.Throttle = func(_ testing.TB, n int, wait time.Duration) { f.set(n, throttle(wait)) }
	}
	if s.Requests == nil {
		s.Requests = f.requests
	}
	faults := map[string]func(testing.TB){}
	for name, w := range wrong() {
		faults[name] = func(testing.TB) { f.set(w.times, w.answer) }
	}
	maps.Copy(faults, s.Faults)
	s.Faults = faults
	own := s.Mend
	s.Mend = func() {
		f.set(0, nil)
		if own != nil {
			own()
		}
	}
	return f
}

// answer takes the place of a server's; next is the server.
type answer func(w http.ResponseWriter, r *http.Request, next http.Handler)

type front struct {
	next http.Handler

	mu    sync.Mutex // guards what follows
	count int
	wrong answer // nil when all is well
	left  int    // how often it goes wrong yet; below 0 for ever
}

// set makes the next times requests go wrong, all of them when times is 0.
func (f *front) set(times int, a answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if times == 0 {
		times = -1
	}
	f.wrong, f.left = a, times
}

func (f *front) requests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.count++
	a := f.wrong
	if f.left == 0 {
		a = nil
	} else if a != nil && f.left > 0 {
		f.left--
	}
	f.mu.Unlock()
	if a == nil {
		f.next.ServeHTTP(w, r)
		return
	}
	a(w, r, f.next)
}

type wrongAnswer struct {
	times  int // 0 for ever
	answer answer
}

// wrong are answers that no client may take for an empty server.
func wrong() map[string]wrongAnswer {
	return map[string]wrongAnswer{
		"a login page everywhere":       {0, fixed(http.StatusOK, "text/html; charset=utf-8", "<!DOCTYPE html><html><head><title>Sign in</title></head></html>")},
		"empty answers everywhere":      {0, changed(func([]byte) []byte { return nil })},
		"half of every answer":          {0, changed(func(b []byte) []byte { return b[:len(b)/2] })},
		"null everywhere":               {0, fixed(http.StatusOK, "application/json", "null")},
		"an empty object everywhere":    {0, fixed(http.StatusOK, "application/json", "{}")},
		"401 everywhere":                {0, fixed(http.StatusUnauthorized, "application/json", `{"message": "unauthorized"}`)},
		"404 everywhere":                {0, fixed(http.StatusNotFound, "application/json", `{"message": "not found"}`)},
		"500 everywhere":                {0, fixed(http.StatusInternalServerError, "application/json", `{"message": "internal error"}`)},
		"a connection cut in an answer": {1, cut},
		"a bad gateway once":            {1, fixed(http.StatusBadGateway, "text/html", "<html><head><title>502 Bad Gateway</title></head></html>")},
	}
}

func fixed(status int, kind, body string) answer {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// changed serves another body under the same status and headers.
func changed(f func([]byte) []byte) answer {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		body := f(rec.Body.Bytes())
		maps.Copy(w.Header(), rec.Header())
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body)
	}
}

// cut closes the connection after half of the body it promised.
func cut(w http.ResponseWriter, r *http.Request, next http.Handler) {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	body := rec.Body.Bytes()
	maps.Copy(w.Header(), rec.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(rec.Code)
	_, _ = w.Write(body[:len(body)/2])
	rc := http.NewResponseController(w)
	_ = rc.Flush()
	if conn, _, err := rc.Hijack(); err == nil {
		_ = conn.Close()
	}
}

// throttle asks for patience; Retry-After counts whole seconds.
func throttle(wait time.Duration) answer {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Round(time.Second)/time.Second)))
		fixed(http.StatusTooManyRequests, "application/json", `{"message": "too many requests"}`)(w, r, next)
	}
}

// stall answers nothing until the client gives up, which a server notices only
// when the request was read.
func stall(held chan<- struct{}) answer {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case held <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	}
}
