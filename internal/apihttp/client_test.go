package apihttp_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/apihttp"
)

// clock counts the waits instead of waiting.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	waits []time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.waits = append(c.waits, d)
	return context.Cause(ctx)
}

func (c *clock) total() (d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.waits {
		d += w
	}
	return d
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)} }

// connect makes a client of a test server with an injected clock.
func connect(t *testing.T, h http.Handler, change func(*apihttp.Options)) (*apihttp.Client, *clock) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	ck := newClock()
	o := apihttp.Options{Instance: "prod", BaseURL: s.URL, Now: ck.Now, Sleep: ck.Sleep, Rate: 1e6}
	if change != nil {
		change(&o)
	}
	c, err := apihttp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, ck
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func TestGetSendsWhatIsAskedAndDecodes(t *testing.T) {
	var seen *http.Request
	c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Clone(context.Background())
		answer(w, 200, `{"count":3}`)
	}), nil)
	var out struct{ Count int }
	err := c.Get(t.Context(), "/api/v1/chart/", url.Values{"q": {"(page:0,columns:!(id))"}}, &out)
	if err != nil || out.Count != 3 {
		t.Fatalf("got %+v, %v", out, err)
	}
	if seen.URL.Path != "/api/v1/chart/" || seen.URL.Query().Get("q") != "(page:0,columns:!(id))" {
		t.Errorf("asked %s", seen.URL)
	}
	if seen.Header.Get("Accept") != "application/json" || seen.Header.Get("User-Agent") != "dashkeep" {
		t.Errorf("headers %v", seen.Header)
	}
}

func TestNewRefusesBadURLs(t *testing.T) {
	for _, tc := range []struct{ url, want string }{
		{"ftp://h", "must begin with http"},
		{"https://u:hunter2secret@h", "must not hold credentials"},
		{"https://", "names no host"},
		{"https://h/?a=b", "query"},
		{"https://h\x7f:hunter2secret", "not one that can be read"},
	} {
		_, err := apihttp.New(apihttp.Options{Instance: "prod", BaseURL: tc.url})
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2secret") {
			t.Errorf("%q: %v", tc.url, err)
		}
	}
}

func TestErrorSaysWhatTheServerSaid(t *testing.T) {
	for body, want := range map[string]string{
		`{"message":"Not authorized"}`:                           "Not authorized",
		`{"msg":"Token has expired"}`:                            "Token has expired",
		`{"errors":[{"message":"bad\nfile","extra":{"a":"b"}}]}`: "bad file",
		`{"message":{"uuid":["missing"]}}`:                       `{"uuid":["missing"]}`,
		`plain text` + "\x1b[31m":                                "plain text[31m",
	} {
		c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, 422, body) }), nil)
		err := c.Send(t.Context(), "PUT", "/api/v1/chart/7", map[string]int{"a": 1}, nil)
		var e *apihttp.Error
		if !errors.As(err, &e) || e.Status != 422 || e.Message != want {
			t.Errorf("%s: %v", body, err)
		}
		if got := err.Error(); got != "instance prod: PUT /api/v1/chart/7: status 422 Unprocessable Entity: "+want {
			t.Errorf("text %q", got)
		}
	}
}

// TestNotModifiedIsAnAnswer takes 304 only where it was asked for.
func TestNotModifiedIsAnAnswer(t *testing.T) {
	c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		answer(w, http.StatusOK, `{}`)
	}), nil)
	r := apihttp.Request{Path: "/x", NotModified: true}
	res, err := c.Do(t.Context(), r)
	if err != nil || res.Status != http.StatusOK || res.Header.Get("ETag") != `"v1"` {
		t.Fatalf("first: %+v, %v", res, err)
	}
	r.Header = http.Header{"If-None-Match": {`"v1"`}}
	res, err = c.Do(t.Context(), r)
	if err != nil || res.Status != http.StatusNotModified || len(res.Body) != 0 {
		t.Fatalf("second: %+v, %v", res, err)
	}
	r.NotModified = false
	var e *apihttp.Error
	if _, err = c.Do(t.Context(), r); !errors.As(err, &e) || e.Status != http.StatusNotModified {
		t.Errorf("not asked for: %v", err)
	}
}

// TestPauseIsKept lets a header of an answer, a refusal or not, hold the next
// request back, a minute at most.
func TestPauseIsKept(t *testing.T) {
	asked := 0
	c, ck := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("X-Wait", []string{"30", "", "7200", "0"}[asked-1])
		answer(w, []int{200, 200, 404, 200}[asked-1], `{}`)
	}), func(o *apihttp.Options) {
		o.Pause = func(h http.Header, _ time.Time) time.Duration {
			d, _ := time.ParseDuration(h.Get("X-Wait") + "s")
			return d
		}
	})
	for i, want := range []time.Duration{0, 30 * time.Second, 30 * time.Second, 90 * time.Second} {
		_, _ = c.Do(t.Context(), apihttp.Request{Path: "/x"})
		if got := ck.total(); got != want {
			t.Errorf("before request %d it waited %v in all, want %v", i+1, got, want)
		}
	}
}
