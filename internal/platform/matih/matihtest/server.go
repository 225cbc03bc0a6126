// Package matihtest is an in-memory server of the generic "BI dashboards" API
// of the MATIH platform, for tests.
//
// No instance of the product can be had, and the vendor's own pages contradict
// each other, so each page is one possible behaviour of this server, chosen by
// options. Profiles names the combinations that belong together.
package matihtest

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Route names one call of the API, whatever its path is.
type Route string

// The nine calls, the two of the login, and everything that is none of them.
const (
	Create       Route = "create"
	List         Route = "list"
	Get          Route = "get"
	Put          Route = "put"
	Delete       Route = "delete"
	AddWidget    Route = "add-widget"
	PutWidget    Route = "put-widget"
	DeleteWidget Route = "delete-widget"
	Share        Route = "share"
	Login        Route = "login"
	Refresh      Route = "refresh"
	Unknown      Route = "unknown"
)

// Request is one line of the server's log.
type Request struct {
	Route               Route
	Method, Path, Query string
	Status              int // 0 while there is no answer
}

// Server is a simulated server of the API. Its methods may be called while it
// serves.
type Server struct {
	settings
	mux    *http.ServeMux
	routes map[string]Route // by pattern of the mux

	mu        sync.Mutex // guards what follows; a request holds it while it is handled
	state     *store
	taken     map[string]uint32 // ids given out, by prefix
	tick      time.Time         // last time given out: change times never repeat
	rng       *rand.Rand
	sessions  sessions
	buckets   map[string]*bucket // by tenant
	omitted   map[string]bool    // dashboards listed and broken
	hidden    map[string]bool    // dashboards made invisible; true answers 403
	faults    []*armed
	between   func(pages int)
	pages     int // of listings, answered so far
	log       []*Request
	counts    map[Route]int
	throttled int
	requests  int // number of the last request, for request ids
	full      int // details answered in full
	unchanged int // details answered 304
}

// New makes a server with nothing in it and the account of Admin.
func New(opts ...Option) *Server {
	s := &Server{settings: defaults(), routes: map[string]Route{}, state: newStore(), taken: map[string]uint32{},
		buckets: map[string]*bucket{}, omitted: map[string]bool{}, hidden: map[string]bool{}, counts: map[Route]int{}}
	for _, o := range opts {
		o(&s.settings)
	}
	s.rng = rand.New(rand.NewPCG(uint64(s.seed), 1))
	s.sessions = newSessions(s.users)
	s.mux = s.newMux()
	return s
}

// handler is one call of the API, for a known user of a known tenant, with the
// lock held.
type handler func(*call) (reply, *refusal)

func (s *Server) newMux() *http.ServeMux {
	mux := http.NewServeMux()
	handle := func(route Route, method, path string, f http.HandlerFunc) {
		mux.HandleFunc(method+" "+path, f)
		s.routes[method+" "+path] = route
	}
	all := s.paths.Dashboards
	one := all + "/{id}"
	widgets := one + "/" + s.paths.Widgets
	widget := widgets + "/{widget}"
	handle(Login, http.MethodPost, s.paths.Login, s.open(s.login))
	handle(Refresh, http.MethodPost, s.paths.Refresh, s.open(s.refresh))
	handle(Create, http.MethodPost, all, s.authenticated(s.create))
	handle(List, http.MethodGet, all, s.authenticated(s.list))
	handle(Get, http.MethodGet, one, s.authenticated(s.get))
	handle(Put, http.MethodPut, one, s.authenticated(s.put))
	handle(Delete, http.MethodDelete, one, s.authenticated(s.remove))
	handle(AddWidget, http.MethodPost, widgets, s.authenticated(s.addWidget))
	handle(PutWidget, http.MethodPut, widget, s.authenticated(s.putWidget))
	handle(DeleteWidget, http.MethodDelete, widget, s.authenticated(s.removeWidget))
	handle(Share, http.MethodPost, one+"/"+s.paths.Share, s.authenticated(s.share))
	mux.HandleFunc("/", s.open(func(*call) (reply, *refusal) { return reply{}, notFound("no such path") }))
	return mux
}

// ServeHTTP answers one request, through whatever fault is armed.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, pattern := s.mux.Handler(r)
	route, known := s.routes[pattern]
	if !known {
		route = Unknown
	}
	rec := &recorder{w, s, s.arrived(route, r)}
	if f := s.fault(route, r); f != nil {
		f(rec, r, s.mux)
	} else {
		s.mux.ServeHTTP(rec, r)
	}
}

func (s *Server) arrived(route Route, r *http.Request) *Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := &Request{Route: route, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery}
	s.counts[route]++
	if !s.quiet {
		s.log = append(s.log, line)
	}
	return line
}

// recorder notes the status in the log, before the client can see it.
type recorder struct {
	http.ResponseWriter
	server *Server
	line   *Request
}

func (r *recorder) WriteHeader(status int) {
	r.server.mu.Lock()
	r.line.Status = status
	if status == http.StatusTooManyRequests {
		r.server.throttled++
	}
	r.server.mu.Unlock()
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Requests is the log since the last ResetLog, in the order of arrival. The
// status of a request stands in it before its client gets the answer.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Request, len(s.log))
	for i, line := range s.log {
		out[i] = *line
	}
	return out
}

// Count counts requests of a route since the last ResetLog; "" counts all.
func (s *Server) Count(route Route) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if route != "" {
		return s.counts[route]
	}
	n := 0
	for _, c := range s.counts {
		n += c
	}
	return n
}

// Throttled counts requests that were answered 429 since the last ResetLog.
func (s *Server) Throttled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.throttled
}

// Details counts the details that were answered in full, and those that were
// answered 304.
func (s *Server) Details() (full, notModified int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full, s.unchanged
}

// Writes counts the changes made through the API: every create, update, delete
// and share that took effect, also when its answer was lost.
func (s *Server) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.writes
}

// ResetLog empties the log and begins all counts anew except Writes.
func (s *Server) ResetLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log, s.full, s.unchanged, s.throttled = nil, 0, 0, 0
	clear(s.counts)
}

// moment gives out a time later than every one before it. The lock is held.
func (s *Server) moment() time.Time {
	t := s.now().UTC().Truncate(time.Microsecond)
	if !t.After(s.tick) {
		t = s.tick.Add(time.Microsecond)
	}
	s.tick = t
	return t
}
