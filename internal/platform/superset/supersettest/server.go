package supersettest

import (
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Version is the Superset release that the simulator behaves as unless told
// otherwise (WithVersion).
const Version = "6.1.0"

// The roles that every Superset has, with the permissions it gives them: Alpha
// sees what is published or its own and may overwrite only its own; Gamma sees
// nothing. WithRole makes others.
const (
	Admin = "Admin"
	Alpha = "Alpha"
	Gamma = "Gamma"
)

// User is an account of the simulated server. Ids are given in order, from 1.
type User struct {
	Username, Password, First, Last, Email string
	Role                                   string // Admin when empty
}

// Request is one line of the server's log.
type Request struct {
	Method, Path, Query string
	User                string // "" before authentication
	Status              int
}

// Server is a simulated Superset. Its methods may be called while it serves.
type Server struct {
	mu          sync.Mutex
	mux         *http.ServeMux
	now         func() time.Time
	tick        time.Time // last time given out: change times never repeat
	random      io.Reader
	rng         *rand.Rand
	firstID     int
	tagging     bool
	embeds      bool
	tunnels     bool
	unreachable bool // every warehouse
	fixedThemes bool // see WithFixedThemes
	softDelete  bool
	editors     bool // see WithEditors
	version     string
	users       []User
	roles       []string      // by id, from 1; "" for one that was deleted
	accessed    time.Duration // lifetime of an access token
	key         []byte
	issued      int                 // tokens given out so far
	expired     int                 // access tokens up to this one are expired
	sessions    map[string]string   // session cookie -> CSRF token
	browsers    map[string]int      // session cookie of a form login -> user
	tokens      map[string]string   // bearer tokens that are no JWT of ours -> user name
	may         map[string][]Permit // by role
	zipLimit    int
	usersAPI    bool
	permissions []permission  // there are; roles have them by id
	grants      map[int][]int // permissions by role
	noReports   bool          // ALERT_REPORTS is off
	form        bool
	state       *state
	texts       map[written]string
	listed      map[listKey]listed
	faults      []*armed
	log         []Request
	broken      map[string]string // by uuid of a dataset: why its queries fail
}

// Option sets up a Server.
type Option func(*Server)

// WithClock replaces time.Now, for token expiry and change times.
func WithClock(now func() time.Time) Option { return func(s *Server) { s.now = now } }

// WithFirstID makes every row id start there, so that two servers disagree.
func WithFirstID(id int) Option { return func(s *Server) { s.firstID = id } }

// WithSeed decides everything random: order of exports, generated names, uuids.
func WithSeed(seed uint64) Option {
	return func(s *Server) {
		var key [32]byte
		for i := range 8 {
			key[i] = byte(seed >> (8 * i))
		}
		s.random = rand.NewChaCha8(key)
		s.rng = rand.New(rand.NewPCG(seed, seed))
	}
}

// WithUsers adds accounts to the built-in admin/admin.
func WithUsers(users ...User) Option {
	return func(s *Server) { s.users = append(s.users, users...) }
}

// WithAdmin renames the built-in account (its password stays "admin").
func WithAdmin(first, last, email string) Option {
	return func(s *Server) { s.users[0].First, s.users[0].Last, s.users[0].Email = first, last, email }
}

// WithoutTags switches the TAGGING_SYSTEM feature flag off, as in a plain
// installation; the lab and the fixtures have it on. Without it tags are in no export
// and no import, and the server gives none by itself; lists and the API about tags
// are as with it (measured, 6.1.0).
func WithoutTags() Option { return func(s *Server) { s.tagging = false } }

// WithSSHTunnels switches the SSH_TUNNELING feature flag on.
func WithSSHTunnels() Option { return func(s *Server) { s.tunnels = true } }

// WithAccessLifetime changes how long an access token lives (900 s).
func WithAccessLifetime(d time.Duration) Option { return func(s *Server) { s.accessed = d } }

// New makes a server with nothing in it and the account admin/admin.
func New(opts ...Option) *Server {
	s := &Server{
		now: time.Now, firstID: 1, tagging: true, embeds: true, version: Version, accessed: 900 * time.Second,
		key: []byte("simulated superset, not a secret"), sessions: map[string]string{}, browsers: map[string]int{}, tokens: map[string]string{},
		roles: standardRoles(), grants: map[int][]int{}, may: builtin(), zipLimit: maxFileSize, usersAPI: true, form: true, texts: map[written]string{}, listed: map[listKey]listed{},
		users: []User{{Username: "admin", Password: "admin", First: "Lab", Last: "Admin", Email: "admin@example.com", Role: Admin}},
	}
	WithSeed(1)(s)
	for _, o := range opts {
		o(s)
	}
	for i := range s.users {
		if s.users[i].Role == "" {
			s.users[i].Role = Admin
		}
		if s.roleID(s.users[i].Role) == 0 {
			s.roles = append(s.roles, s.users[i].Role)
		}
	}
	s.state = newState(s.firstID)
	s.systemThemes()
	s.standardPermissions()
	s.mux = s.routes()
	return s
}

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	handle := func(pattern string, f func(*call)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.authenticated(w, r, f) })
	}
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "OK") })
	if s.since("6.1.0") {
		mux.HandleFunc("GET /version", s.serveVersion)
	}
	mux.HandleFunc("GET /login/", s.serveLoginPage)
	mux.HandleFunc("POST /login/", s.serveFormLogin)
	mux.HandleFunc("GET /api/v1/me/roles/{$}", s.serveMyRoles)
	mux.HandleFunc("POST /api/v1/security/login", s.serveLogin)
	mux.HandleFunc("POST /api/v1/security/refresh", s.serveRefresh)
	handle("GET /api/v1/security/csrf_token/{$}", s.serveCSRF)
	s.rightsRoutes(handle)
	if s.since("6.1.0") {
		handle("GET /api/v1/me/{$}", s.serveMe)
	} else {
		mux.HandleFunc("GET /api/v1/me/{$}", s.serveMeBySession)
	}
	handle("GET /api/v1/menu/{$}", s.serveMenu)
	handle("GET /api/v1/assets/export/{$}", s.serveExportAssets)
	handle("POST /api/v1/assets/import/{$}", s.serveImportAssets)
	for kind := range models {
		if kind == Theme && !s.themes() || models[kind].own {
			continue
		}
		base := "/api/v1/" + kind + "/"
		handle("GET "+base+"{$}", func(c *call) { s.serveList(c, kind) })
		handle("GET "+base+"{id}", func(c *call) { s.serveItem(c, kind) })
		switch kind {
		case SavedQuery:
			handle("PUT "+base+"{id}", s.servePutQuery)
			handle("POST "+base+"{$}", s.servePostQuery)
		case Theme:
			handle("PUT "+base+"{id}", s.servePutTheme)
		default:
			handle("PUT "+base+"{id}", func(c *call) { s.servePut(c, kind) })
		}
		handle("DELETE "+base+"{id}", func(c *call) { s.serveDelete(c, kind) })
		handle("DELETE "+base+"{$}", func(c *call) { s.serveBulkDelete(c, kind) })
		if s.keeps(kind) {
			handle("POST "+base+"{id}/restore", func(c *call) { s.serveRestore(c, kind) })
		}
		if isRecord(kind) {
			handle("POST "+base+"{$}", func(c *call) { s.servePost(c, kind) })
			continue
		}
		handle("GET "+base+"export/{$}", func(c *call) { s.serveExport(c, kind) })
		handle("POST "+base+"import/{$}", func(c *call) { s.serveImport(c, kind) })
	}
	if s.themes() {
		for _, f := range []string{"system_default", "system_dark"} {
			handle("PUT /api/v1/theme/{id}/set_"+f, func(c *call) { s.serveSetTheme(c, "is_"+f) })
			handle("DELETE /api/v1/theme/unset_"+f, func(c *call) { s.serveUnsetTheme(c, "is_"+f) })
		}
	}
	for _, kind := range []string{Dataset, Chart, Dashboard} {
		handle("GET /api/v1/"+kind+"/related/owners", func(c *call) { s.serveRelated(c, "owners") })
	}
	handle("GET /api/v1/dashboard/related/roles", func(c *call) { s.serveRelated(c, "roles") })
	handle("GET /api/v1/dashboard/{id}/embedded", s.serveEmbedded)
	handle("POST /api/v1/dashboard/{id}/embedded", s.serveEmbed)
	handle("PUT /api/v1/dashboard/{id}/embedded", s.serveEmbed)
	handle("DELETE /api/v1/dashboard/{id}/embedded", s.serveUnembed)
	handle("POST /api/v1/tag/{type}/{id}/{$}", s.serveTagObject)
	handle("POST /api/v1/tag/bulk_create", s.serveTagsCreate)
	s.annotationRoutes(handle)
	handle("DELETE /api/v1/tag/{type}/{id}/{tag}/{$}", s.serveUntagObject)
	handle("GET /api/v1/database/{id}/connection", s.serveConnection)
	handle("PUT /api/v1/dataset/{id}/refresh", s.serveSyncColumns)
	handle("POST /api/v1/chart/data", s.serveChartData)
	handle("POST /api/v1/sqllab/execute/{$}", s.serveExecute)
	handle("GET /api/v1/dashboard/{id}/charts", s.serveDashboardCharts)
	mux.HandleFunc("/", serveNotFound)
	return mux
}

// ServeHTTP answers one request, through whatever faults are armed.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w}
	user := ""
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, _ := s.bearer(r, "access"); u != nil {
			user = u.Username
		}
		if s.csrfRefused(w, r) {
			return
		}
		s.mux.ServeHTTP(w, r)
	})
	if f := s.fault(r); f != nil {
		f(rec, r, next)
	} else {
		next(rec, r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, Request{r.Method, r.URL.Path, r.URL.RawQuery, user, rec.status})
}

// recorder notes the status for the log.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Requests is the log since the last ResetLog.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Count counts logged requests of a method ("" for any) whose path contains the
// text.
func (s *Server) Count(method, path string) int {
	n := 0
	for _, r := range s.Requests() {
		if (method == "" || r.Method == method) && strings.Contains(r.Path, path) {
			n++
		}
	}
	return n
}

// Writes counts logged requests other than GET that were answered below 400,
// logins and refreshes aside.
func (s *Server) Writes() int {
	n := 0
	for _, r := range s.Requests() {
		if r.Method != http.MethodGet && r.Status < 400 && r.Path != "/api/v1/security/login" && r.Path != "/api/v1/security/refresh" && r.Path != "/login/" {
			n++
		}
	}
	return n
}

// ResetLog empties the request log.
func (s *Server) ResetLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

// clock gives out a time that is later than every one before it, in
// microseconds as the metadata database keeps them. The lock must be held.
func (s *Server) clock() time.Time {
	t := s.now().UTC().Truncate(time.Microsecond)
	if !t.After(s.tick) {
		t = s.tick.Add(time.Microsecond)
	}
	s.tick = t
	return t
}

// touch marks a row as changed by a user now.
func (s *Server) touch(r *row, user int) {
	r.changedOn, r.changedBy = s.clock(), user
}
