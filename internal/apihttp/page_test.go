package apihttp_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dashkeep/dashkeep/internal/apihttp"
)

func debugLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

const loginPage = "<!doctype html>\n<html>\t<head><title>Superset</title></head>\n<body>Sign in with your account to go on, please.</body></html>"

func TestNB4_PageInPlaceOfAnAnswer(t *testing.T) {
	for _, tc := range []struct {
		status      int
		contentType string
		body        string
		want        string
		html        bool
	}{
		{200, "text/html; charset=utf-8", loginPage, "status 200: HTML in place of application/json: a login page or a proxy answered, not the API: <!doctype html> <html> <head><title>Superset</title></head> <body>Sign in with y…", true},
		{403, "text/html", "<h1>Blocked</h1>", "status 403: HTML in place of application/json: a login page or a proxy answered, not the API: <h1>Blocked</h1>", true},
		{200, "text/plain", "hello", "status 200: text/plain in place of application/json: hello", false},
		{200, "", "hello", "status 200: an answer without a type in place of application/json: hello", false},
		{200, "application/json", "<html>", "status 200: the answer is not JSON: <html>", false},
		{200, "application/json", `{"count":"many"}`, `status 200: int was expected in field "Count", which holds a string: {"count":"many"}`, false},
		{200, "application/json", `{"count":1} {"count":2}`, `status 200: JSON was expected and more followed it: {"count":1} {"count":2}`, false},
		{200, "application/json", "", "status 200: an empty answer in place of JSON", false},
		{404, "application/json", `{"message":"Not found"}`, "status 404 Not Found: Not found", false},
	} {
		var asked atomic.Int32
		c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			w.Header()["Content-Type"] = []string{tc.contentType}
			w.WriteHeader(tc.status)
			_, _ = io.WriteString(w, tc.body)
		}), nil)
		var out struct{ Count int }
		err := c.Get(t.Context(), "/api", nil, &out)
		var e *apihttp.Error
		if !errors.As(err, &e) || err.Error() != "instance prod: GET /api: "+tc.want || e.HTML != tc.html || asked.Load() != 1 {
			t.Errorf("asked %d times:\n got %v\nwant %s", asked.Load(), err, tc.want)
		}
	}
}

func TestNB4_PageIsAnErrorAlsoWhereNothingIsExpected(t *testing.T) {
	c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, loginPage)
	}), nil)
	var e *apihttp.Error
	if err := c.Send(t.Context(), "DELETE", "/chart/7", nil, nil); !errors.As(err, &e) || !e.HTML {
		t.Errorf("a login page counts as done: %v", err)
	}
	if f, err := c.Download(t.Context(), apihttp.Request{Path: "/export"}); f != nil || !errors.As(err, &e) || !strings.Contains(err.Error(), "HTML in place of application/zip") {
		t.Errorf("a login page counts as a zip: %v", err)
	}
}

func TestAnswersWithoutContent(t *testing.T) {
	for _, status := range []int{200, 201, 204} {
		c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }), nil)
		if err := c.Send(t.Context(), "DELETE", "/chart/7", nil, nil); err != nil {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestJSONWithASuffixIsJSON(t *testing.T) {
	c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		_, _ = io.WriteString(w, `{"count":2}`)
	}), nil)
	var out struct{ Count int }
	if err := c.Get(t.Context(), "/x", nil, &out); err != nil || out.Count != 2 {
		t.Errorf("%v", err)
	}
}

func TestNB7_RedirectsAreNotFollowed(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		answer(w, 200, `{}`)
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for target, shown := range map[string]string{
			other.URL + "/steal?token=abc":             other.URL + "/steal",
			"http://169.254.169.254/latest/meta-data/": "http://169.254.169.254/latest/meta-data/",
			"http://u:pw@127.0.0.1:1/x#frag":           "http://127.0.0.1:1/x",
			"//evil.example.com/x":                     "http://evil.example.com/x",
			"/login/?next=/api":                        "/login/",
			"":                                         "an address that cannot be read",
			"http://[::1":                              "an address that cannot be read",
		} {
			for _, method := range []string{"GET", "POST"} {
				var asked atomic.Int32
				a := &tokens{token: "abcdefgh"}
				c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					asked.Add(1)
					w.Header().Set("Location", target)
					w.WriteHeader(status)
				}), func(o *apihttp.Options) { o.Auth = a })
				err := c.JSON(t.Context(), apihttp.Request{Method: method, Path: "/api", Body: []byte("{}"), Repeatable: true}, nil)
				var e *apihttp.Error
				if !errors.As(err, &e) || e.Status != status || asked.Load() != 1 {
					t.Errorf("%s %d %s: %v after %d requests", method, status, target, err, asked.Load())
					continue
				}
				to := shown
				if strings.HasPrefix(to, "/") {
					to = c.BaseURL() + to
				}
				if want := "it redirects to " + to + ", which is not followed"; !strings.Contains(err.Error(), want) || e.Redirect != to {
					t.Errorf("%v", err)
				}
			}
		}
	}
	if elsewhere.Load() != 0 {
		t.Errorf("credentials went to another host %d times", elsewhere.Load())
	}
}
