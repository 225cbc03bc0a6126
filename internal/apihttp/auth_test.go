package apihttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// tokens logs in through the client itself, as a connector does.
type tokens struct {
	client *apihttp.Client
	mu     sync.Mutex
	token  string
	logins int
	err    error
}

func (a *tokens) Apply(_ context.Context, r *http.Request) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.Header.Set("Authorization", "Bearer "+a.token)
	return nil
}

func (a *tokens) Refresh(ctx context.Context) error {
	var out struct{ Token string }
	err := a.client.JSON(ctx, apihttp.Request{Method: "POST", Path: "/login", NoAuth: true}, &out)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.logins++
	if a.err != nil {
		return a.err
	}
	a.token = out.Token
	return err
}

func (a *tokens) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.logins
}

// guarded gives out one token at /login and wants it everywhere else.
func guarded(asked *atomic.Int32, bodies *sync.Map) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			if r.Header.Get("Authorization") != "" {
				answer(w, 400, `{"message":"credentials on the login"}`)
				return
			}
			answer(w, 200, `{"token":"good"}`)
			return
		}
		n := asked.Add(1)
		b, _ := io.ReadAll(r.Body)
		if bodies != nil {
			bodies.Store(n, string(b))
		}
		if r.Header.Get("Authorization") != "Bearer good" {
			answer(w, 401, `{"msg":"Token has expired"}`)
			return
		}
		answer(w, 200, `{"ok":true}`)
	})
}

func withTokens(t *testing.T, h http.Handler, change func(*apihttp.Options)) (*apihttp.Client, *tokens) {
	a := &tokens{token: "stale"}
	c, _ := connect(t, h, func(o *apihttp.Options) {
		o.Auth, o.Concurrency = a, 1 // one slot: a login inside a request must not wait for itself
		if change != nil {
			change(o)
		}
	})
	a.client = c
	return c, a
}

func TestNB3_OneRefusalOneLoginOneRepetition(t *testing.T) {
	var asked atomic.Int32
	var bodies sync.Map
	c, a := withTokens(t, guarded(&asked, &bodies), nil)
	var out struct{ OK bool }
	err := c.Send(t.Context(), "POST", "/import", map[string]string{"a": "b"}, &out)
	if err != nil || !out.OK || a.count() != 1 || asked.Load() != 2 {
		t.Errorf("%v, %d logins, %d requests", err, a.count(), asked.Load())
	}
	first, _ := bodies.Load(int32(1))
	second, _ := bodies.Load(int32(2))
	if first != `{"a":"b"}` || second != first {
		t.Errorf("bodies %q and %q", first, second)
	}
	if err := c.Get(t.Context(), "/x", nil, nil); err != nil || a.count() != 1 {
		t.Errorf("the new token is not kept: %v, %d logins", err, a.count())
	}
}

func TestNB3_ManyRefusalsOneLogin(t *testing.T) {
	var asked atomic.Int32
	var arrived sync.WaitGroup
	arrived.Add(20)
	next := guarded(&asked, nil)
	c, a := withTokens(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/login" && r.Header.Get("Authorization") == "Bearer stale" {
			arrived.Done()
			arrived.Wait() // all are refused before the first can log in
		}
		next.ServeHTTP(w, r)
	}), func(o *apihttp.Options) { o.Concurrency = 20 })
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := c.Get(t.Context(), "/x", nil, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if a.count() != 1 || asked.Load() != 40 {
		t.Errorf("%d logins, %d requests", a.count(), asked.Load())
	}
}

func TestNB3_RefusedLoginIsNotTriedOncePerRequest(t *testing.T) {
	var asked atomic.Int32
	var arrived sync.WaitGroup
	arrived.Add(20)
	next := guarded(&asked, nil)
	c, a := withTokens(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/login" {
			arrived.Done()
			arrived.Wait()
		}
		next.ServeHTTP(w, r)
	}), func(o *apihttp.Options) { o.Concurrency = 20 })
	a.err = errors.New("wrong password")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := c.Get(t.Context(), "/x", nil, nil); !errors.Is(err, a.err) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if a.count() != 1 {
		t.Errorf("%d logins could lock the account", a.count())
	}
}

func TestNB3_SecondRefusalIsTheAnswer(t *testing.T) {
	var asked atomic.Int32
	c, a := withTokens(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			answer(w, 200, `{"token":"never good"}`)
			return
		}
		asked.Add(1)
		answer(w, 401, `{"msg":"no"}`)
	}), nil)
	err := c.Get(t.Context(), "/x", nil, nil)
	var e *apihttp.Error
	if !errors.As(err, &e) || e.Status != 401 || a.count() != 1 || asked.Load() != 2 {
		t.Errorf("%v, %d logins, %d requests", err, a.count(), asked.Load())
	}
}

func TestNB3_ForbiddenIsNoReasonToLogIn(t *testing.T) {
	c, a := withTokens(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, 403, `{"message":"Forbidden"}`) }), nil)
	err := c.Get(t.Context(), "/x", nil, nil)
	var e *apihttp.Error
	if !errors.As(err, &e) || e.Status != 403 || a.count() != 0 {
		t.Errorf("%v, %d logins", err, a.count())
	}
}

func TestNB3_ExpiredIsThePlatformsToSay(t *testing.T) {
	var asked atomic.Int32
	c, a := withTokens(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/login":
			answer(w, 200, `{"token":"good"}`)
		case asked.Add(1) == 1:
			http.Redirect(w, r, "/login/?next=/x", http.StatusFound) // as Superset answers a stale CSRF token
		default:
			answer(w, 200, `{}`)
		}
	}), func(o *apihttp.Options) {
		o.Expired = func(e *apihttp.Error) bool { return strings.HasSuffix(e.Redirect, "/login/") }
	})
	if err := c.Send(t.Context(), "POST", "/x", nil, nil); err != nil || a.count() != 1 {
		t.Errorf("%v, %d logins", err, a.count())
	}
}

func TestNB3_GivingUpDoesNotSpoilTheLoginOfOthers(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var asked, logins atomic.Int32
	next := guarded(&asked, nil)
	c, a := withTokens(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" && logins.Add(1) == 1 {
			cancel()
			<-r.Context().Done()
			return
		}
		next.ServeHTTP(w, r)
	}), nil)
	if err := c.Get(ctx, "/x", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the first: %v", err)
	}
	if err := c.Get(t.Context(), "/x", nil, nil); err != nil || a.count() != 2 {
		t.Errorf("the second: %v, %d logins", err, a.count())
	}
}

func TestProxyHeadersAreFetchedAgainAfterARefusal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old-proxy-token")
	c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Proxy-Token") != "new-proxy-token" {
			write("new-proxy-token")
			answer(w, 401, `{"echo":"`+r.Header.Get("X-Proxy-Token")+`"}`)
			return
		}
		answer(w, 200, `{}`)
	}), func(o *apihttp.Options) { o.Headers = map[string]secret.Value{"X-Proxy-Token": secret.File(path)} })
	if err := c.Get(t.Context(), "/x", nil, nil); err != nil {
		t.Error(err)
	}
	none, _ := connect(t, http.NotFoundHandler(), func(o *apihttp.Options) {
		o.Headers = map[string]secret.Value{"X-Proxy-Token": secret.File(path + ".none")}
	})
	if err := none.Get(t.Context(), "/x", nil, nil); err == nil || !strings.HasPrefix(err.Error(), "instance prod: auth.headers X-Proxy-Token: secret file") {
		t.Errorf("%v", err)
	}
}

// echo is the worst server: it answers with all it was sent.
func echo(status int, contentType string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Location", "https://u:canary-location@other.example.com/path?token=canary-location")
		w.WriteHeader(status)
		fmt.Fprintf(w, "%s %s %v %q %s", r.URL, r.RequestURI, r.Header, r.Header, b)
	})
}

func TestSE1_ErrorsAndLogsHoldNoSecret(t *testing.T) {
	for _, status := range []int{200, 302, 400, 401, 403, 422, 500, 503} {
		for _, contentType := range []string{"application/json", "text/html", "text/plain", ""} {
			var log strings.Builder
			a := &tokens{token: "canary-bearer-token"}
			r := &secret.Redactor{}
			r.Add("canary-known")
			c, _ := connect(t, echo(status, contentType), func(o *apihttp.Options) {
				o.Auth, o.Redactor, o.Log = a, r, debugLog(&log)
				o.Headers = map[string]secret.Value{"X-Proxy": secret.Literal("canary-proxy-header")}
			})
			a.client = c
			header := http.Header{"Cookie": {"session=canary-cookie; other=canary-other"}, "X-Csrftoken": {"canary-csrf"}}
			for _, req := range []apihttp.Request{
				{Path: "/x", Query: map[string][]string{"token": {"canary-known"}}, Header: header},
				{Method: "POST", Path: "/canary-known", Header: header, NoAuth: true, Body: []byte(`{"username":"u","password":"canary-password"}`)},
			} {
				err := c.JSON(t.Context(), req, new(struct{ A int }))
				if err == nil {
					t.Fatalf("%d %s: no error", status, contentType)
				}
				text := fmt.Sprintf("%v %+v %#v %q", err, err, err, err) + log.String()
				var e *apihttp.Error
				if errors.As(err, &e) {
					text += string(e.Body()) + e.Redirect
				}
				if i := strings.Index(text, "canary"); i >= 0 {
					t.Errorf("%d %q %s: …%s…", status, contentType, req.Method, text[i:min(len(text), i+60)])
				}
			}
		}
	}
}
