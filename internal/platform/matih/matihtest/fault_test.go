package matihtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	mt "github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
)

func TestFaultsHitTheRequestsTheyName(t *testing.T) {
	for name, c := range map[string]struct {
		fault mt.Fault
		want  string // statuses of: list, get, list, put
	}{
		"all":             {mt.Fault{}, "500 500 500 500"},
		"the second":      {mt.Fault{After: 1, Times: 1}, "200 500 200 200"},
		"a route":         {mt.Fault{Route: mt.List}, "500 200 500 200"},
		"its second call": {mt.Fault{Route: mt.List, After: 1}, "200 200 500 200"},
		"a method":        {mt.Fault{Method: "PUT"}, "200 200 200 500"},
		"a path":          {mt.Fault{Path: "/dash-"}, "200 500 200 500"},
	} {
		s := mt.New()
		seed(t, s, oneSeed)
		c.fault.Do = mt.Status(500)
		s.Break(c.fault)
		var got []string
		for _, st := range []step{{do: base}, {do: base + "/" + first}, {do: base}, {do: "PUT " + base + "/" + first, body: board}} {
			got = append(got, map[int]string{200: "200", 500: "500"}[ask(s, st).Code])
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
		s.Mend()
		if ask(s, step{do: base}).Code != 200 {
			t.Errorf("%s: not mended", name)
		}
	}
}

func TestWhatFaultsAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		do     mt.Behaviour
		status int
		body   string
		header string
	}{
		"500":          {mt.Status(500), 500, "{\"detail\":\"Internal Server Error\"}\n", ""},
		"503":          {mt.Status(503), 503, "<html><head><title>503 Service Unavailable</title></head></html>\n", "Content-Type: text/html"},
		"429":          {mt.Throttle("7"), 429, "{\"detail\":\"Too Many Requests\"}\n", "Retry-After: 7"},
		"empty object": {mt.EmptyObject(), 200, "{}", "Content-Type: application/json"},
		"empty body":   {mt.EmptyBody(), 200, "", ""},
		"garbage":      {mt.Garbage(), 200, "\x00\x01 not json {]", ""},
		"replaced":     {mt.Replace("[7]"), 200, "[7]", "Content-Type: application/json"},
		"truncated":    {mt.Truncate(3), 200, `[{"`, ""},
	} {
		s := mt.New()
		seed(t, s, oneSeed)
		s.Break(mt.Fault{Do: c.do})
		a := ask(s, step{do: base})
		k, v, _ := strings.Cut(c.header, ": ")
		if a.Code != c.status || a.Body.String() != c.body || a.Header().Get(k) != v {
			t.Errorf("%s: %d %q %v", name, a.Code, a.Body, a.Header())
		}
	}
	for name, do := range map[string]mt.Behaviour{"<html>": mt.LoginPage(), `"success":false`: mt.NotSuccess()} {
		s := mt.New()
		s.Break(mt.Fault{Do: do})
		if a := ask(s, step{do: base}); a.Code != 200 || !strings.Contains(a.Body.String(), name) {
			t.Errorf("%s: %d %q", name, a.Code, a.Body)
		}
	}
	s := mt.New()
	s.Break(mt.Fault{Do: mt.Throttle("")})
	if a := ask(s, step{do: base}); a.Header().Values("Retry-After") != nil || s.Throttled() != 1 {
		t.Errorf("Throttle without wait: %v, counted %d", a.Header(), s.Throttled())
	}
	if s.ResetLog(); s.Throttled() != 0 {
		t.Errorf("ResetLog keeps %d", s.Throttled())
	}
}

func TestAShortListLeavesItsTotal(t *testing.T) {
	s := mt.New(mt.WithList(mt.ListItems))
	s.Many(5)
	s.Break(mt.Fault{Route: mt.List, Do: mt.ShortList(2)})
	play(t, s, "short", step{do: base, status: 200, want: `{"items":[{},{},{}],"total":5}`})
	s.Break(mt.Fault{Route: mt.List, Do: mt.ShortList(9)})
	s.Mend()
	play(t, s, "mended", step{do: base, status: 200, want: `{"items":[{},{},{},{},{}]}`})
}

func TestALyingServerDoesNothing(t *testing.T) {
	s := mt.New()
	seed(t, s, oneSeed)
	before := show(t, s)
	s.Break(mt.Fault{Do: mt.Lie()})
	one := base + "/" + first
	for _, st := range []step{
		{do: "POST " + base, body: board, status: 201, want: `{"id":"…","name":"Q4"}`}, {do: "PUT " + one, body: board, status: 200, want: `{"name":"Q4"}`},
		{do: "POST " + one + "/widgets", body: aWidget, status: 201, want: `{"id":"…"}`}, {do: "PUT " + one + "/widgets/" + w1, body: aWidget, status: 200, want: `{"widget_type":"bar_chart"}`},
		{do: "POST " + one + "/share", body: `{"visibility":"public","shared_with":[]}`, status: 200},
		{do: "DELETE " + one + "/widgets/" + w1, status: 204}, {do: "DELETE " + one, status: 204}, {do: one, status: 200, want: `{"name":"One"}`},
	} {
		play(t, s, st.do, st)
	}
	if after := show(t, s); after != before || s.Writes() != 0 || len(s.Shares(first)) != 0 {
		t.Errorf("%d writes\nbefore %s\nafter  %s", s.Writes(), before, after)
	}
	s.Mend()
	play(t, s, "mended", step{do: "DELETE " + one, status: 204})
}

func show(t *testing.T, s *mt.Server) string {
	t.Helper()
	text, err := json.Marshal(s.Dashboards())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// overTheNet asks through a real connection.
func overTheNet(t *testing.T, ctx context.Context, url, method, path, body string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+mt.Token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

func TestConnectionsBreak(t *testing.T) {
	s := mt.New()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	ctx := t.Context()
	s.Break(mt.Fault{Route: mt.Create, Times: 1, Do: mt.DropAnswer()})
	if text, err := overTheNet(t, ctx, srv.URL, "POST", base, board); err == nil {
		t.Errorf("the dropped answer came: %q", text)
	}
	if len(s.Dashboards()) != 1 || s.Writes() != 1 {
		t.Errorf("the create whose answer was lost made %d dashboards", len(s.Dashboards()))
	}
	s.Break(mt.Fault{Route: mt.Create, Times: 1, Do: mt.DropRequest()})
	if _, err := overTheNet(t, ctx, srv.URL, "POST", base, board); err == nil || s.Writes() != 1 {
		t.Errorf("the dropped request: %v, %d writes", err, s.Writes())
	}
	s.Break(mt.Fault{Route: mt.List, Times: 1, Do: mt.Cut(10)})
	if text, err := overTheNet(t, ctx, srv.URL, "GET", base, ""); len(text) != 10 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the cut body: %q, %v", text, err)
	}
}

func TestHangEndsWithItsClient(t *testing.T) {
	s := mt.New()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	started := make(chan struct{}, 1)
	s.Break(mt.Fault{Do: mt.Hang(started)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := overTheNet(t, ctx, srv.URL, "PUT", base+"/x", board)
		done <- err
	}()
	<-started
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	s.Break(mt.Fault{Do: mt.Hang(nil)})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	a := httptest.NewRecorder()
	s.ServeHTTP(a, httptest.NewRequest("GET", base, nil).WithContext(gone))
}
