package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// calls are the system calls at which a run may be killed, and about how many of
// them one thread of it makes.
var calls = []struct {
	name string
	n    int
}{{"write", 120}, {"openat", 150}, {"close", 150}, {"fsync", 15}, {"renameat", 12}, {"linkat", 3}, {"mkdirat", 8}, {"unlinkat", 12}, {"pwrite64", 6}, {"flock", 3}, {"connect", 3}}

// kill starts the program and kills it somewhere. It may have come to its end before.
func (x *torture) kill(args ...string) {
	x.t.Helper()
	span := x.span[args[0]]
	if args[0] == "undo" || args[0] == "serve" {
		span = x.span["pull"] + x.span["apply"]
	}
	var under []string
	how, count := x.rnd.IntN(6), &x.all.byTime
	if args[0] == "pull" && how == 4 {
		how = 5 // it writes nothing
	}
	if _, err := exec.LookPath("strace"); how == 0 && err == nil {
		c := calls[x.rnd.IntN(len(calls))]
		// -D: the program is this process's own child, which a kill gets to
		under = []string{"strace", "-D", "-f", "-qq", "-o", os.DevNull, "-e", "trace=" + c.name, "-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", c.name, 1+x.rnd.IntN(c.n))}
		count = &x.all.byCall
	}
	d := x.startUnder(under, args...)
	kill := func() { _ = d.cmd.Process.Kill() }
	wait := time.Duration(x.rnd.Int64N(int64(span)))
	left := x.rnd.IntN(50)
	after := func(*http.Request) bool { left--; return left < 0 }
	switch how {
	case 0:
	case 1, 2:
		time.AfterFunc(wait, kill)
	case 3:
		count = &x.all.byRequest
		x.trap.set(after, kill)
	case 4:
		count = &x.all.byWrite
		left %= 2
		x.trap.set(func(r *http.Request) bool { return isWrite(r) && after(r) }, func() { time.AfterFunc(wait/8, kill) })
	case 5:
		count = &x.all.byPush
		left %= 8
		x.remote.set(after, kill)
	}
	var late atomic.Bool
	if args[0] == "serve" { // which does not end by itself
		timer := time.AfterFunc(2*span, func() { late.Store(true); kill() })
		defer timer.Stop()
	}
	err := d.cmd.Wait()
	if late.Load() {
		count = &x.all.byTime
	}
	x.trap.set(nil, nil)
	x.remote.set(nil, nil)
	if d.cmd.ProcessState.Exited() {
		x.all.ended.Add(1)
		if err != nil {
			x.t.Fatalf("dashkeep %s: %v\n%s", strings.Join(args, " "), err, d.log)
		}
	} else {
		x.killed++
		x.all.kills.Add(1)
		count.Add(1)
	}
	x.look(args, d, err == nil)
}

// serveRemote serves the world's remote by git's own server, and says where; "" when
// this git has none.
func (w *world) serveRemote(t *trap) string {
	w.t.Helper()
	h := w.gitBackend()
	if h == nil {
		return ""
	}
	h.Stderr, h.Logger = io.Discard, log.New(io.Discard, "", 0) // of clients that died
	// git http-backend 2.39 never ends when a body is cut short, so it gets whole
	// ones only, as behind a buffering proxy.
	t.next = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		h.ServeHTTP(rw, r)
	})
	srv := httptest.NewServer(t)
	w.t.Cleanup(srv.Close)
	return srv.URL + "/remote.git"
}

// importWatch counts what is imported, and notes each import that the server took though
// it held all of an asset already.
type importWatch struct {
	next  http.Handler
	sim   *supersettest.Server
	mu    sync.Mutex
	sent  map[string]int // uuid -> how often
	again []string
}

func (w *importWatch) twice() []string { w.mu.Lock(); defer w.mu.Unlock(); return w.again }

// total is the number of assets that were sent, each time counted.
func (w *importWatch) total() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, times := range w.sent {
		n += times
	}
	return n
}

var importPath = regexp.MustCompile(`^/api/v1/(chart|dataset)/import/`)

func (w *importWatch) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	m := importPath.FindStringSubmatch(r.URL.Path)
	if r.Method != http.MethodPost || m == nil {
		w.next.ServeHTTP(rw, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // whoever sent it is dead
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	sent, before := bundled(r, body, "/"+m[1]+"s/"), map[string]any{}
	for _, uuid := range sent {
		if o, ok := w.sim.Object(m[1], uuid); ok {
			before[uuid] = o.Fields
		}
	}
	answer := &status{ResponseWriter: rw}
	w.next.ServeHTTP(answer, r)
	if answer.code >= 400 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(sent) == 0 {
		w.again = append(w.again, "an import of nothing")
	}
	for _, uuid := range sent {
		w.sent[uuid]++
		if o, _ := w.sim.Object(m[1], uuid); reflect.DeepEqual(before[uuid], any(o.Fields)) {
			w.again = append(w.again, uuid)
		}
	}
}

var uuidLine = regexp.MustCompile(`(?m)^uuid: (\S+)$`)

// bundled are the assets in a folder of an uploaded bundle.
func bundled(r *http.Request, body []byte, folder string) (uuids []string) {
	c := r.Clone(r.Context())
	c.Body = io.NopCloser(bytes.NewReader(body))
	file, _, err := c.FormFile("formData")
	if err != nil {
		return nil
	}
	data, _ := io.ReadAll(file)
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil
	}
	for _, f := range archive.File {
		if !strings.Contains(f.Name, folder) {
			continue
		}
		if in, err := f.Open(); err == nil {
			text, _ := io.ReadAll(in)
			if m := uuidLine.FindSubmatch(text); m != nil {
				uuids = append(uuids, string(m[1]))
			}
		}
	}
	return uuids
}

// status notes what was answered.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) { s.code = code; s.ResponseWriter.WriteHeader(code) }

func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }
