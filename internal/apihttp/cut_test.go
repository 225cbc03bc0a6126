package apihttp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/apihttp"
)

// raw answers with bytes on the bare connection and then ends it, by a reset
// when hard.
func raw(t *testing.T, w http.ResponseWriter, text string, hard bool) {
	t.Helper()
	conn, buf, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = buf.WriteString(text)
	_ = buf.Flush()
	if hard {
		_ = conn.(*net.TCPConn).SetLinger(0)
	}
	_ = conn.Close()
}

// cuts are ways in which an answer ends early. %d is the announced length.
func cuts(contentType, body string) map[string]string {
	half := body[:len(body)/2]
	head := "HTTP/1.1 200 OK\r\nContent-Type: " + contentType + "\r\n"
	return map[string]string{
		"no answer":          "",
		"half a status line": "HTTP/1.1 20",
		"half a header":      head,
		"no body":            head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)),
		"half a body":        head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + half,
		"half a chunk":       head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", len(body)) + half,
		"no last chunk":      head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(body), body),
		"no length":          head + "Connection: close\r\n\r\n" + half,
	}
}

const jsonBody = `{"result": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}`

func TestNB1_CutJSONIsRepeated(t *testing.T) {
	for name, text := range cuts("application/json", jsonBody) {
		for _, hard := range []bool{false, true} {
			var asked atomic.Int32
			c, ck := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if asked.Add(1) <= 2 {
					raw(t, w, text, hard)
					return
				}
				answer(w, 200, jsonBody)
			}), nil)
			var out struct{ Result []int }
			if err := c.Get(t.Context(), "/x", nil, &out); err != nil || len(out.Result) != 10 || asked.Load() != 3 {
				t.Errorf("%s: %v after %d requests, %v", name, out, asked.Load(), err)
			}
			if len(ck.waits) != 2 {
				t.Errorf("%s: waits %v", name, ck.waits)
			}
		}
	}
}

func TestNB1_CutAnswersGiveUpWithinTheBudget(t *testing.T) {
	for name, text := range cuts("application/json", jsonBody) {
		var asked atomic.Int32
		c, ck := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			raw(t, w, text, false)
		}), nil)
		out := map[string]any{"untouched": true}
		err := c.Get(t.Context(), "/x", nil, &out)
		var n *apihttp.NetworkError
		if !errors.As(err, &n) || n.Kind != apihttp.Cut || !n.Temporary() || !strings.HasSuffix(err.Error(), "(after 5 tries)") {
			t.Errorf("%s: %v", name, err)
		}
		if asked.Load() != 5 || ck.total() > time.Minute || len(out) != 1 {
			t.Errorf("%s: %d requests, waits %v, out %v", name, asked.Load(), ck.waits, out)
		}
	}
}

func TestNB1_CutPostIsNotRepeated(t *testing.T) {
	for name, text := range cuts("application/json", jsonBody) {
		var asked atomic.Int32
		c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			asked.Add(1)
			raw(t, w, text, false)
		}), nil)
		var out any
		err := c.Send(t.Context(), "POST", "/import", map[string]int{"a": 1}, &out)
		if !errors.As(err, new(*apihttp.NetworkError)) || asked.Load() != 1 {
			t.Errorf("%s: asked %d times: %v", name, asked.Load(), err)
		}
	}
}

func TestNB1_CutDownloadIsRepeated(t *testing.T) {
	body := strings.Repeat("zip bytes ", 100)
	for name, text := range cuts("application/zip", body) {
		var asked atomic.Int32
		c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) == 1 {
				raw(t, w, text, false)
				return
			}
			w.Header().Set("Content-Type", "application/zip")
			_, _ = io.WriteString(w, body)
		}), nil)
		f, err := c.Download(t.Context(), apihttp.Request{Path: "/export", Check: func(f *apihttp.File) error {
			if f.Size() != int64(len(body)) {
				return fmt.Errorf("%d bytes", f.Size())
			}
			return nil
		}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		if string(got) != body || err != nil || asked.Load() != 2 {
			t.Errorf("%s: %d bytes after %d requests, %v", name, len(got), asked.Load(), err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNB1_StalledBodyEnds(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"a":`)
		w.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}), func(o *apihttp.Options) { o.StallTimeout, o.Retry.MaxTries = 30*time.Millisecond, 2 })
	err := c.Get(t.Context(), "/x", nil, new(any))
	var n *apihttp.NetworkError
	if !errors.As(err, &n) || n.Kind != apihttp.Timeout || !strings.Contains(err.Error(), "sent nothing for 30ms in the middle of its answer (after 2 tries)") {
		t.Errorf("%v", err)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		t.Error("looks as if the caller's context had ended")
	}
}

func TestNB1_NoAnswerInTime(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}), func(o *apihttp.Options) { o.Timeout, o.Retry.MaxTries = 30*time.Millisecond, 2 })
	err := c.Get(t.Context(), "/x", nil, new(any))
	var n *apihttp.NetworkError
	if !errors.As(err, &n) || n.Kind != apihttp.Timeout || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestCanceledContextIsTheCallers(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int32
	c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		cancel()
		<-r.Context().Done()
	}), nil)
	err := c.Get(ctx, "/x", nil, new(any))
	if !errors.Is(err, context.Canceled) || asked.Load() != 1 || !strings.HasPrefix(err.Error(), "instance prod: GET /x: ") {
		t.Errorf("%d requests: %v", asked.Load(), err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	endless := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(r.URL.Path, "/zip") {
			w.Header().Set("Content-Type", "application/zip")
		}
		block := bytes.Repeat([]byte(" "), 64<<10)
		for range 1000 {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	c, _ := connect(t, endless, func(o *apihttp.Options) { o.MaxJSON, o.MaxDownload = 1<<20, 2<<20 })
	var e *apihttp.Error
	if err := c.Get(t.Context(), "/x", nil, new(any)); !errors.As(err, &e) || e.Reason != "the answer is larger than 1 MB" {
		t.Errorf("JSON: %v", err)
	}
	if f, err := c.Download(t.Context(), apihttp.Request{Path: "/zip"}); f != nil || !errors.As(err, &e) || e.Reason != "the answer is larger than 2 MB" {
		t.Errorf("download: %v", err)
	}
}

func TestDownloadInMemoryAndInAFile(t *testing.T) {
	for _, size := range []int{0, 1, 8<<20 - 1, 8 << 20, 8<<20 + 1, 20 << 20} {
		body := make([]byte, size)
		for i := range body {
			body[i] = byte(i * 7 >> 3)
		}
		dir := t.TempDir()
		c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write(body)
		}), func(o *apihttp.Options) { o.TempDir = dir })
		f, err := c.Download(t.Context(), apihttp.Request{Path: "/export"})
		if err != nil {
			t.Fatalf("%d: %v", size, err)
		}
		left, _ := filepath.Glob(filepath.Join(dir, "*"))
		got, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		if err != nil || !bytes.Equal(got, body) || len(left) != 0 {
			t.Errorf("%d: read %d bytes, %v; named files %v", size, len(got), err, left)
		}
		if err := errors.Join(f.Close(), f.Close()); err != nil {
			t.Errorf("%d: %v", size, err)
		}
	}
}

func TestDownloadSaysThatItCannotBeKept(t *testing.T) {
	var asked atomic.Int32
	c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/zip")
		_, _ = w.Write(make([]byte, 9<<20))
	}), func(o *apihttp.Options) { o.TempDir = filepath.Join(t.TempDir(), "none") })
	_, err := c.Download(t.Context(), apihttp.Request{Path: "/export"})
	if !errors.Is(err, os.ErrNotExist) || asked.Load() != 1 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

func TestUnreachableHosts(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	dial := func(err error) *http.Transport {
		return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, err }}
	}
	for name, tc := range map[string]struct {
		transport *http.Transport
		want      string
		kind      apihttp.NetworkKind
		tries     int
	}{
		"refused":     {nil, " cannot be reached: connection refused, nothing listens there (after 5 tries)", apihttp.Unreachable, 5},
		"no such":     {dial(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "bi.example.com", IsNotFound: true}}), "the host name bi.example.com does not resolve (no such host): check url and the network", apihttp.DNS, 1},
		"dns timeout": {dial(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "i/o timeout", Name: "bi.example.com", IsTimeout: true}}), "the host name bi.example.com does not resolve (i/o timeout): check url and the network (after 5 tries)", apihttp.DNS, 5},
		"timeout":     {dial(&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}), " cannot be reached: no answer in time (after 5 tries)", apihttp.Timeout, 5},
	} {
		for _, method := range []string{"GET", "POST"} { // nothing was sent, so a POST may be repeated
			ck := newClock()
			c, err := apihttp.New(apihttp.Options{Instance: "prod", BaseURL: s.URL, Transport: tc.transport, Now: ck.Now, Sleep: ck.Sleep})
			if err != nil {
				t.Fatal(err)
			}
			err = c.JSON(t.Context(), apihttp.Request{Method: method, Path: "/api", Body: []byte("{}")}, nil)
			var n *apihttp.NetworkError
			if !errors.As(err, &n) || n.Kind != tc.kind || !strings.HasSuffix(err.Error(), tc.want) || len(ck.waits) != tc.tries-1 {
				t.Errorf("%s %s: %v, waits %v", name, method, err, ck.waits)
			}
		}
	}
}
