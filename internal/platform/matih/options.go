package matih

import (
	"fmt"
	"maps"
	"net/textproto"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Options is what stands under options of an instance. Zero values mean the
// defaults.
type Options struct {
	Tenant       Tenant  `yaml:"tenant" doc:"whose dashboards are meant, and how the server is told"`
	Paths        Paths   `yaml:"paths" doc:"where the endpoints are"`
	Fields       Fields  `yaml:"fields" doc:"how this server names what the canonical form calls otherwise"`
	Paging       Paging  `yaml:"paging" jsonschema:"default=auto" doc:"how lists are asked for; auto asks by offset and follows the page numbers of the answer"`
	Sharing      Sharing `yaml:"sharing" jsonschema:"default=off" doc:"whether access is written, and in which form of the body; it can never be read back"`
	APIKeyHeader string  `yaml:"api_key_header" doc:"header for auth.api_key; empty for Authorization: Bearer"`
	Rate         Rate    `yaml:"rate" doc:"how fast this instance may be asked"`
}

// Tenant says whose dashboards are meant.
type Tenant struct {
	By     TenantBy `yaml:"by" jsonschema:"default=claim" doc:"claim: the token says it; header or query: each request says it"`
	ID     string   `yaml:"id" doc:"the tenant; with by: claim the token must be for it"`
	User   string   `yaml:"user" doc:"with by: query, sent as user_id"`
	Header string   `yaml:"header" jsonschema:"default=X-Tenant-ID" doc:"with by: header, its name"`
}

// Paths are where the endpoints are. The first, login and refresh begin at the
// server's root, the others below a dashboard.
type Paths struct {
	Dashboards string `yaml:"dashboards" jsonschema:"default=/api/v1/bi/dashboards" doc:"list, create, and the parent of each dashboard"`
	Widgets    string `yaml:"widgets" jsonschema:"default=widgets" doc:"below a dashboard"`
	Share      string `yaml:"share" jsonschema:"default=share" doc:"below a dashboard"`
	Login      string `yaml:"login" jsonschema:"default=/api/v1/auth/login" doc:"login with e-mail and password"`
	Refresh    string `yaml:"refresh" jsonschema:"default=/api/v1/auth/refresh" doc:"new tokens for a refresh token"`
}

// Fields maps names of the canonical form to those of the server.
type Fields struct {
	Dashboard map[string]string `yaml:"dashboard" doc:"canonical name: name on the server, for dashboards"`
	Widget    map[string]string `yaml:"widget" doc:"canonical name: name on the server, for widgets"`
}

// Rate is the client's own limit.
type Rate struct {
	PerMinute   int `yaml:"per_minute" jsonschema:"default=300" doc:"requests per minute"`
	Concurrency int `yaml:"concurrency" jsonschema:"default=4" doc:"requests at once"`
}

// TenantBy is how the server is told the tenant.
type TenantBy string

// The ways to tell the tenant.
const (
	byClaim  TenantBy = "claim"
	byHeader TenantBy = "header"
	byQuery  TenantBy = "query"
)

// Values lists what is allowed.
func (TenantBy) Values() []string {
	return []string{string(byClaim), string(byHeader), string(byQuery)}
}

// Paging is how lists are asked for.
type Paging string

// The ways to page.
const (
	pagingAuto   Paging = "auto"
	pagingOffset Paging = "offset"
	pagingFrom0  Paging = "page-from-0"
	pagingFrom1  Paging = "page-from-1"
	pagingNone   Paging = "none"
)

// Values lists what is allowed.
func (Paging) Values() []string {
	return []string{string(pagingAuto), string(pagingOffset), string(pagingFrom0), string(pagingFrom1), string(pagingNone)}
}

// Sharing is whether and how access is written.
type Sharing string

// The forms of sharing: the vendor's pages show two bodies.
const (
	sharingOff   Sharing = "off"
	sharingList  Sharing = "list"  // shared_with: [id, …] with one permission for all
	sharingUsers Sharing = "users" // shared_with: [{user_id, permission}, …]
)

// Values lists what is allowed.
func (Sharing) Values() []string {
	return []string{string(sharingOff), string(sharingList), string(sharingUsers)}
}

// decodeOptions reads n strictly, nil for all defaults. An error names the key
// and what is allowed.
func decodeOptions(n *yaml.Node) (Options, error) {
	var o Options
	if n != nil && !n.IsZero() {
		if err := knownKeys(n, reflect.TypeFor[Options](), "options"); err != nil {
			return o, err
		}
		if err := n.Decode(&o); err != nil {
			return o, fmt.Errorf("options: %w", err)
		}
	}
	o.setDefaults()
	return o, o.validate()
}

// knownKeys refuses keys that t has no field for; yaml.v3 forgets KnownFields
// when it decodes a node.
func knownKeys(n *yaml.Node, t reflect.Type, at string) error {
	if t.Kind() != reflect.Struct {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
			return nil
		}
		return fmt.Errorf("%s must be keys and values", at)
	}
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		fields[t.Field(i).Tag.Get("yaml")] = t.Field(i).Type
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		in, ok := fields[key]
		if !ok {
			return fmt.Errorf("%s: unknown key %q (allowed: %s)", at, key, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		if err := knownKeys(n.Content[i+1], in, at+"."+key); err != nil {
			return err
		}
	}
	return nil
}

func (o *Options) setDefaults() {
	preset(&o.Tenant.By, byClaim)
	preset(&o.Tenant.Header, "X-Tenant-ID")
	preset(&o.Paths.Dashboards, "/api/v1/bi/dashboards")
	preset(&o.Paths.Widgets, "widgets")
	preset(&o.Paths.Share, "share")
	preset(&o.Paths.Login, "/api/v1/auth/login")
	preset(&o.Paths.Refresh, "/api/v1/auth/refresh")
	preset(&o.Paging, pagingAuto)
	preset(&o.Sharing, sharingOff)
	preset(&o.Rate.PerMinute, 300)
	preset(&o.Rate.Concurrency, 4)
}

func preset[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (o *Options) validate() error {
	for _, e := range []struct {
		key, value string
		allowed    []string
	}{
		{"tenant.by", string(o.Tenant.By), o.Tenant.By.Values()},
		{"paging", string(o.Paging), o.Paging.Values()},
		{"sharing", string(o.Sharing), o.Sharing.Values()},
	} {
		if !slices.Contains(e.allowed, e.value) {
			return fmt.Errorf("options.%s: %q is not allowed (allowed: %s)", e.key, e.value, strings.Join(e.allowed, ", "))
		}
	}
	for _, p := range []struct{ key, path string }{
		{"dashboards", o.Paths.Dashboards}, {"widgets", o.Paths.Widgets}, {"share", o.Paths.Share}, {"login", o.Paths.Login}, {"refresh", o.Paths.Refresh},
	} {
		if !plainPath(p.path) {
			return fmt.Errorf("options.paths.%s: %q is not a path: no host, no query, no empty or dotted part", p.key, p.path)
		}
	}
	switch {
	case o.Tenant.By != byClaim && o.Tenant.ID == "":
		return fmt.Errorf("options.tenant.id is missing: by: %s needs it", o.Tenant.By)
	case o.Tenant.By != byQuery && o.Tenant.User != "":
		return fmt.Errorf("options.tenant.user is only sent with by: query (it is %s)", o.Tenant.By)
	case !headerName(o.Tenant.Header):
		return fmt.Errorf("options.tenant.header: %q is not the name of a header", o.Tenant.Header)
	case o.APIKeyHeader != "" && !headerName(o.APIKeyHeader):
		return fmt.Errorf("options.api_key_header: %q is not the name of a header", o.APIKeyHeader)
	case o.Rate.PerMinute < 1 || o.Rate.PerMinute > 600_000:
		return fmt.Errorf("options.rate.per_minute must be from 1 to 600000, not %d", o.Rate.PerMinute)
	case o.Rate.Concurrency < 1 || o.Rate.Concurrency > 64:
		return fmt.Errorf("options.rate.concurrency must be from 1 to 64, not %d", o.Rate.Concurrency)
	}
	_, err := newMapping(o.Fields)
	return err
}

// plainPath reports whether p can be put into a URL as it stands.
func plainPath(p string) bool {
	if p == "" || strings.ContainsAny(p, "?#\\%") {
		return false
	}
	for _, part := range strings.Split(strings.Trim(p, "/"), "/") {
		if !plainID(part) {
			return false
		}
	}
	return true
}

// plainID reports whether a server's id can stand in a path, and in a binding
// of platform.IDs, where a slash parts dashboard and widget.
func plainID(id string) bool {
	return id != "" && len(id) <= 200 && id != "." && id != ".." &&
		!strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' || r == '\\' || r == 0xfffd })
}

func headerName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	}) && textproto.CanonicalMIMEHeaderKey(s) != "Authorization"
}

// list is the path of the listing and of creations.
func (o *Options) list() string { return "/" + strings.Trim(o.Paths.Dashboards, "/") }

func (o *Options) dashboard(server string) string { return o.list() + "/" + server }

func (o *Options) widgets(server string) string {
	return o.dashboard(server) + "/" + strings.Trim(o.Paths.Widgets, "/")
}

func (o *Options) widget(server, wid string) string { return o.widgets(server) + "/" + wid }

func (o *Options) share(server string) string {
	return o.dashboard(server) + "/" + strings.Trim(o.Paths.Share, "/")
}
