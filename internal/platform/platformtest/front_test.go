package platformtest_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
)

const content = `{"result": [1, 2, 3]}`

func fronted(t *testing.T, s *platformtest.Server) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(s.Front(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, content)
	})))
	t.Cleanup(srv.Close)
	return srv
}

// get returns status, the header Retry-After and the body; cut answers fail.
func get(t *testing.T, url string) (status int, retry, body string, err error) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header.Get("Retry-After"), string(b), err
}

func TestFrontAnswersWronglyUntilMended(t *testing.T) {
	mended := 0
	s := &platformtest.Server{Mend: func() { mended++ }}
	srv := fronted(t, s)
	names := slices.Sorted(maps.Keys(s.Faults))
	for _, name := range names {
		s.Faults[name](t)
		status, _, body, err := get(t, srv.URL)
		if status == http.StatusOK && body == content && err == nil {
			t.Errorf("%s: the answer is right", name)
		}
		_, _, again, err := get(t, srv.URL)
		if once := strings.HasSuffix(name, "once") || strings.Contains(name, "cut"); (again == content && err == nil) != once {
			t.Errorf("%s: then %q, %v", name, again, err)
		}
		s.Mend()
		if _, _, body, err := get(t, srv.URL); body != content || err != nil {
			t.Errorf("%s, mended: %q, %v", name, body, err)
		}
	}
	if len(names) < 8 || mended != len(names) {
		t.Errorf("%d faults, own Mend called %d times", len(names), mended)
	}
	if n := s.Requests(); n != 3*len(names) {
		t.Errorf("%d requests counted, %d made", n, 3*len(names))
	}
}

func TestFrontThrottlesAndStalls(t *testing.T) {
	s := &platformtest.Server{}
	srv := fronted(t, s)
	s.Throttle(t, 2, time.Second)
	for i := range 3 {
		status, retry, _, _ := get(t, srv.URL)
		if throttled := status == http.StatusTooManyRequests && retry == "1"; throttled != (i < 2) {
			t.Errorf("request %d: status %d, Retry-After %q", i, status, retry)
		}
	}
	held := s.Stall(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-held; cancel() }()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(req); !errors.Is(err, context.Canceled) {
		t.Errorf("a stalled request: %v, %v", resp, err)
	}
	s.Mend()
	if _, _, body, _ := get(t, srv.URL); body != content {
		t.Errorf("mended: %q", body)
	}
}

func TestFrontKeepsWhatTheHarnessHas(t *testing.T) {
	own := ""
	note := func(s string) func(testing.TB) { return func(testing.TB) { own = s } }
	s := &platformtest.Server{
		Faults:   map[string]func(testing.TB){"null everywhere": note("null"), "mine": note("mine")},
		Throttle: func(testing.TB, int, time.Duration) { own = "throttle" },
		Requests: func() int { return -1 },
	}
	fronted(t, s)
	for _, name := range []string{"null everywhere", "mine"} {
		if s.Faults[name](t); !strings.HasPrefix(name, own) || own == "" {
			t.Errorf("%s: %q", name, own)
		}
	}
	if s.Throttle(t, 1, 0); own != "throttle" || s.Requests() != -1 {
		t.Errorf("throttle: %q, requests %d", own, s.Requests())
	}
	s.Mend()
}
