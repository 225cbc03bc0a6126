package matihtest

import (
	"maps"
	"net/http"
	"time"
)

// Tenant is the tenant of the built-in account, Other one that has nothing to
// do with it.
const (
	Tenant = "acme-corp"
	Other  = "globex"
)

// Token is an API key of the built-in account, in the form the vendor shows
// (facts: keys begin with mk_live_ or mk_test_).
const Token = "mk_test_of_the_built_in_account"

// Admin is the built-in account.
func Admin() User {
	return User{ID: "user-1", Email: "admin@example.com", Password: "admin", Tenant: Tenant, Roles: []string{"admin"}}
}

// Tenancy says how a request names its tenant.
type Tenancy int

// The vendor's pages name all four. Another tenant than the account's is
// refused with 403 in each, save the claim, which cannot name one.
const (
	ByClaim  Tenancy = iota // the token's tenant_id; headers are overwritten by the gateway
	ByHeader                // X-Tenant-ID, 400 when it is missing
	ByQuery                 // ?tenant_id=, 422 when it is missing
	ByHost                  // first label of the host name
)

// Paths are where the calls live. Widgets and Share are below a dashboard.
type Paths struct{ Dashboards, Widgets, Share, Login, Refresh string }

// Rate is a token bucket: Burst requests at once, PerMinute in the long run.
type Rate struct {
	PerMinute, Burst int
	Epoch            bool // X-RateLimit-Reset is a time, not a number of seconds
}

// settings are what options choose; they do not change once the server runs.
type settings struct {
	now     func() time.Time
	quiet   bool
	seed    uint16
	users   []User
	keys    map[string]string // static token -> user id
	keyHead string            // header of static tokens; "" for Authorization

	userClaim  string
	camelCase  bool
	tokenData  bool
	access     time.Duration
	singleUse  bool
	lockAfter  int
	tenancy    Tenancy
	tenantHead string
	queryUser  bool
	forbids    bool
	blindAdmin bool

	paths     Paths
	dashboard names
	widget    names

	paging     Paging
	size, cap  int
	fixed      bool
	capRefused bool
	order      Order
	listForm   ListForm
	noTotal    bool
	shortRows  bool

	single    SingleForm
	errors    ErrorForm
	echo      bool
	created   int
	deleted   int
	answer    CreateAnswer
	updatedAt bool
	nulls     bool
	parents   bool

	partial   bool
	strict    bool
	grid      bool
	shareForm ShareForm
	etags     bool
	rate      Rate
}

func defaults() settings {
	return settings{
		now: time.Now, seed: 1, users: []User{Admin()}, keys: map[string]string{Token: Admin().ID},
		userClaim: "sub", access: 15 * time.Minute, tenantHead: "X-Tenant-ID",
		paths: Paths{Dashboards: "/api/v1/bi/dashboards", Widgets: "widgets", Share: "share",
			Login: "/api/v1/auth/login", Refresh: "/api/v1/auth/refresh"},
		size: 20, cap: 100, created: http.StatusCreated, deleted: http.StatusNoContent, grid: true,
	}
}

// Option sets up a Server.
type Option func(*settings)

// WithClock replaces time.Now, for token expiry, rate limits and change times.
func WithClock(now func() time.Time) Option { return func(s *settings) { s.now = now } }

// WithoutLog keeps counts of requests but no log, for tests that measure memory.
func WithoutLog() Option { return func(s *settings) { s.quiet = true } }

// WithSeed makes the ids that the server picks, and a shuffled order, other
// ones. Two servers with different seeds never have an id in common.
func WithSeed(seed uint16) Option { return func(s *settings) { s.seed = seed } }

// WithUsers adds accounts to the built-in one. What is left empty in them is as
// in Admin, except for Roles and Teams.
func WithUsers(users ...User) Option {
	return func(s *settings) {
		for _, u := range users {
			if u.Tenant == "" {
				u.Tenant = Tenant
			}
			if u.Password == "" {
				u.Password = Admin().Password
			}
			s.users = append(s.users, u)
		}
	}
}

// WithToken adds a static token of an account.
func WithToken(token, user string) Option { return func(s *settings) { s.keys[token] = user } }

// WithKeyHeader takes static tokens in this header and no longer as bearer.
func WithKeyHeader(name string) Option { return func(s *settings) { s.keyHead = name } }

// WithUserClaim puts the user's id into another claim than sub: the AI
// service's page says user_id.
func WithUserClaim(name string) Option { return func(s *settings) { s.userClaim = name } }

// WithCamelCase spells the fields of the login's answer accessToken instead of
// access_token.
func WithCamelCase() Option { return func(s *settings) { s.camelCase = true } }

// WithTokenEnvelope wraps the login's answer in {success, data}.
func WithTokenEnvelope() Option { return func(s *settings) { s.tokenData = true } }

// WithAccessLifetime changes how long an access token lives (15 minutes).
func WithAccessLifetime(d time.Duration) Option { return func(s *settings) { s.access = d } }

// WithSingleUseRefresh lets each refresh token be used once; the answer brings
// the next one.
func WithSingleUseRefresh() Option { return func(s *settings) { s.singleUse = true } }

// WithMFA answers the built-in account's login with an MFA challenge.
func WithMFA() Option { return func(s *settings) { s.users[0].MFA = true } }

// WithLockAfter locks an account after so many wrong passwords.
func WithLockAfter(tries int) Option { return func(s *settings) { s.lockAfter = tries } }

// WithTenancy says how requests must name their tenant.
func WithTenancy(t Tenancy) Option { return func(s *settings) { s.tenancy = t } }

// WithTenantHeader names the header of ByHeader.
func WithTenantHeader(name string) Option { return func(s *settings) { s.tenantHead = name } }

// WithUserQuery asks for ?user_id= too, in ByQuery.
func WithUserQuery() Option { return func(s *settings) { s.queryUser = true } }

// WithForbidden answers 403 instead of 404 for what another user of the same
// tenant keeps private. The vendor says both.
func WithForbidden() Option { return func(s *settings) { s.forbids = true } }

// WithBlindAdmins lets the role admin see no more than others.
func WithBlindAdmins() Option { return func(s *settings) { s.blindAdmin = true } }

// WithPaths moves calls; what is left empty stays where it is.
func WithPaths(p Paths) Option {
	return func(s *settings) {
		for _, f := range []struct {
			to   *string
			from string
		}{{&s.paths.Dashboards, p.Dashboards}, {&s.paths.Widgets, p.Widgets}, {&s.paths.Share, p.Share},
			{&s.paths.Login, p.Login}, {&s.paths.Refresh, p.Refresh}} {
			if f.from != "" {
				*f.to = f.from
			}
		}
	}
}

// WithDashboardNames renames fields of dashboards on the wire: canonical name
// to name on the wire ("name": "title", "widgets": "panels").
func WithDashboardNames(wire map[string]string) Option {
	return func(s *settings) { s.dashboard = newNames(maps.Clone(wire)) }
}

// WithWidgetNames renames fields of widgets on the wire, "id" included.
func WithWidgetNames(wire map[string]string) Option {
	return func(s *settings) { s.widget = newNames(maps.Clone(wire)) }
}

// WithPartialPut changes only the keys that a PUT brings. Without it absent
// keys are reset to their defaults, as the vendor's design page demands.
func WithPartialPut() Option { return func(s *settings) { s.partial = true } }

// WithStrict refuses unknown keys and keys that belong to the server.
func WithStrict() Option { return func(s *settings) { s.strict = true } }

// WithoutGrid takes any position, also one that leaves the 12 columns.
func WithoutGrid() Option { return func(s *settings) { s.grid = false } }

// WithNullDefaults gives null for what was never set, not "" and [].
func WithNullDefaults() Option { return func(s *settings) { s.nulls = true } }

// WithUpdatedAt shows updated_at and updated_by, which the seed does not.
func WithUpdatedAt() Option { return func(s *settings) { s.updatedAt = true } }

// WithWidgetParents shows in each widget the dashboard_id, which is the server's
// like the id.
func WithWidgetParents() Option { return func(s *settings) { s.parents = true } }

// WithShareForm takes only one of the two body forms of share.
func WithShareForm(f ShareForm) Option { return func(s *settings) { s.shareForm = f } }

// WithETag gives an ETag with each detail and honours If-None-Match.
func WithETag() Option { return func(s *settings) { s.etags = true } }

// WithRate limits requests per tenant, logins aside.
func WithRate(r Rate) Option { return func(s *settings) { s.rate = r } }
