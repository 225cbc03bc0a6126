package superset

import (
	"context"
	"errors"
	"html"
	"regexp"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// tested are the version lines this package's tests run against, oldest first.
var tested = []string{"4.1.", "5.0.", "6.0.", "6.1."}

// bootstrapped finds the version in the data that every HTML page of Superset
// carries for its frontend (views/base.py, menu_data).
var bootstrapped = regexp.MustCompile(`"version_string":\s*"([^"]{1,60})"`)

// version asks for the server's version, once per connection: GET /version from
// 6.1.0 on; before, where that is 404, the login page, which shows it to everybody
// (measured on 4.1.4, 5.0.0, 6.0.0). "" when the server does not tell, which is
// treated as the newest: what such a server refuses, it names (unknown.go).
func (c *conn) version(ctx context.Context) string {
	c.mu.Lock()
	v, known := c.server, c.serverAsked
	c.mu.Unlock()
	if known {
		return v
	}
	v, err := c.askVersion(ctx)
	if err != nil {
		c.log.DebugContext(ctx, "the server's version cannot be read", "instance", c.instance, "error", err.Error())
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server, c.serverAsked = v, true
	return v
}

func (c *conn) askVersion(ctx context.Context) (string, error) {
	var out struct {
		Version string `json:"version_string"`
	}
	err := c.http.JSON(ctx, apihttp.Request{Path: "/version", NoAuth: true}, &out)
	var e *apihttp.Error
	switch {
	case err == nil && out.Version != "" && out.Version != "unknown":
		return released(out.Version), nil
	case err != nil && !errors.As(err, &e):
		return "", err
	}
	page, err := c.loginPage(ctx)
	return released(pageVersion(page)), err
}

// loginPage is the text of the login page, which every version shows to everybody,
// with the data for its frontend; "" for a server that logs in by other means and
// shows none, which is an answer too. What it says of features is kept.
func (c *conn) loginPage(ctx context.Context) (string, error) {
	page, err := c.http.Do(ctx, apihttp.Request{Path: "/login/", Accept: "text/html", Want: []string{"text/html"}, NoAuth: true})
	var e *apihttp.Error
	text := ""
	switch {
	case err == nil:
		text = html.UnescapeString(string(page.Body))
		c.auth.keepForm(page)
	case !errors.As(err, &e):
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.features = map[string]bool{}
	for _, m := range featureFlag.FindAllStringSubmatch(text, -1) {
		c.features[m[1]] = m[2] == "true"
	}
	return text, nil
}

// featureFlag finds the flags in the data for the frontend (common.feature_flags;
// measured, 4.1.4 and 6.1.0).
var featureFlag = regexp.MustCompile(`"([A-Z][A-Z0-9_]*)":\s*(true|false)`)

// embeds reports whether dashboards may be embedded on this server. Where they may
// not, the default, that is not asked of each one of them.
func (c *conn) embeds(ctx context.Context) bool {
	on, told := c.feature(ctx, "EMBEDDED_SUPERSET")
	return on || !told
}

// feature reports whether a feature flag is on, as far as the server tells.
func (c *conn) feature(ctx context.Context, name string) (on, told bool) {
	c.mu.Lock()
	known := c.features != nil
	c.mu.Unlock()
	if !known {
		if _, err := c.loginPage(ctx); err != nil {
			c.log.DebugContext(ctx, "the server's features cannot be read", "instance", c.instance, "error", err.Error())
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	on, told = c.features[name]
	return on, told
}

func pageVersion(page string) string {
	m := bootstrapped.FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return m[1]
}

// released is the version, "" for that of a build from the source tree, which calls
// itself 0.0.0-dev however new it is.
func released(v string) string {
	if strings.HasPrefix(v, "0.") {
		return ""
	}
	return v
}

// describe fills in what the version says about a server.
func describe(s *platform.Server, version string) {
	s.Version = version
	s.Tested = slices.ContainsFunc(tested, func(line string) bool { return strings.HasPrefix(version, line) })
	if version == "" {
		s.Notes = append(s.Notes, "the server does not tell its version and is treated as the newest; what it does not know is left out when it says so")
	}
}

// Lacks lists what a version of Superset does not take or does not show, for the
// page about this platform.
type Lacks struct {
	Kind  asset.Kind
	Path  string // below spec; "" for the kind itself
	Taken string // first version that takes it; "" for all
	Shown string // first version that shows it; "" for all
}

// Versions are the version lines this package is tested against, oldest first, and
// what the older ones of them lack, from the rule table.
func Versions() (lines []string, lacks []Lacks) {
	for _, line := range tested {
		lines = append(lines, strings.TrimSuffix(line, "."))
	}
	rules := Rules()
	for _, k := range Kinds() {
		if since := traitOf(k).since; since != "" {
			lacks = append(lacks, Lacks{k, "", since, since})
		}
		for _, r := range rules.Kinds[k].Rules {
			if r.Since != "" || r.Shown != "" {
				shown := r.Shown
				if shown == "" {
					shown = r.Since
				}
				lacks = append(lacks, Lacks{k, r.Path, r.Since, shown})
			}
		}
	}
	return lines, lacks
}
