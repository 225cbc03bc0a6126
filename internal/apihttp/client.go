// Package apihttp is the one HTTP client of all connectors. It bounds what it
// reads, how fast it asks and how long it waits; repeats only what is safe to
// repeat; never follows a redirect; and its errors say in a sentence what
// happened, without a query string, header or secret.
package apihttp

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/dashkeep/dashkeep/internal/secret"
)

// Auth proves who asks. Its methods may be called from several goroutines;
// Refresh never twice at once. Either may send requests through the same
// Client when they are marked NoAuth.
type Auth interface {
	// Apply puts credentials on one request, logging in first when needed.
	Apply(ctx context.Context, r *http.Request) error
	// Refresh gets new credentials after the server refused the present ones.
	Refresh(ctx context.Context) error
}

// Options configures a Client. The zero value of each field but BaseURL means
// the default.
type Options struct {
	Instance  string                  // named in every error
	BaseURL   string                  // http or https, without credentials, query or fragment
	Transport *http.Transport         // from Transport(TLS); nil for the default
	Auth      Auth                    // nil: none
	Headers   map[string]secret.Value // for a proxy in front; fetched at first use and again after a 401
	Expired   func(*Error) bool       // which answers mean "log in again"; nil: status 401
	UserAgent string                  // "dashkeep"

	Rate        float64 // requests per second; 25. Negative: as fast as the server answers
	Concurrency int     // requests at once; 4
	// Pause reads from the header of each answer how long the server wants no
	// request at all; 0 or less for no wait. nil: only Retry-After is honoured.
	Pause func(h http.Header, now time.Time) time.Duration

	Timeout         time.Duration // one try, answer included; 2 minutes
	DownloadTimeout time.Duration // one try of Download; 15 minutes
	StallTimeout    time.Duration // longest silence within a body; 1 minute
	Retry           Retry

	MaxJSON     int64  // bytes of a JSON answer; 64 MB
	MaxDownload int64  // bytes of a download; 256 MB
	TempDir     string // large downloads wait here; "" is the system's

	Redactor *secret.Redactor // what else must not stand in errors
	Log      *slog.Logger     // one debug line per try, a warning per repetition; nil for none

	Now   func() time.Time                           // for tests
	Sleep func(context.Context, time.Duration) error // for tests
}

// Client talks to one server. It may be used by several goroutines.
type Client struct {
	o       Options
	base    *url.URL
	limit   *rate.Limiter
	slots   chan struct{}
	session session

	mu     sync.Mutex
	paused time.Time // the server asked for silence until then
}

// New checks the options and makes a Client; it sends nothing.
func New(o Options) (*Client, error) {
	base, err := parseBase(o.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("instance %s: %w", o.Instance, err)
	}
	o.setDefaults()
	if o.Transport == nil {
		if o.Transport, err = Transport(TLS{}); err != nil {
			return nil, err
		}
	}
	c := &Client{
		o:     o,
		base:  base,
		limit: limiter(o.Rate),
		slots: make(chan struct{}, o.Concurrency),
	}
	c.session.lock = make(chan struct{}, 1)
	return c, nil
}

func limiter(perSecond float64) *rate.Limiter {
	if perSecond < 0 {
		return rate.NewLimiter(rate.Inf, 1)
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
}

func (o *Options) setDefaults() {
	setDefault(&o.UserAgent, "dashkeep")
	setDefault(&o.Rate, 25)
	setDefault(&o.Concurrency, 4)
	setDefault(&o.Timeout, 2*time.Minute)
	setDefault(&o.DownloadTimeout, 15*time.Minute)
	setDefault(&o.StallTimeout, time.Minute)
	setDefault(&o.MaxJSON, 64<<20)
	setDefault(&o.MaxDownload, 256<<20)
	o.Retry.setDefaults()
	if o.Expired == nil {
		o.Expired = func(e *Error) bool { return e.Status == http.StatusUnauthorized }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func parseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("url is not one that can be read") // the text may hold a password
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("url must begin with http:// or https://")
	case u.User != nil:
		return nil, fmt.Errorf("url must not hold credentials: give them under auth")
	case u.Hostname() == "":
		return nil, fmt.Errorf("url names no host")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("url must not hold a query or a fragment")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

// BaseURL is the server's address without a trailing slash, for links in
// messages.
func (c *Client) BaseURL() string { return c.base.String() }

// Close lets idle connections go.
func (c *Client) Close() { c.o.Transport.CloseIdleConnections() }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
