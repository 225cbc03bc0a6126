package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// server is one Superset of a scenario, looked at through its own API and never
// through dashkeep.
type server struct {
	url string
	api *supersettest.Client
	sim *supersettest.Server // nil when it is a real one
}

// password opens the simulated and the lab's real servers.
const password = "admin"

// simulators are two simulated servers with different row ids, the first filled
// with Superset's example dashboards.
func simulators(t *testing.T) (a, b *server) {
	t.Helper()
	start := func(firstID int) *server {
		sim := supersettest.New(supersettest.WithFirstID(firstID), supersettest.WithSeed(uint64(firstID)))
		h := httptest.NewServer(sim)
		t.Cleanup(h.Close)
		return &server{url: h.URL, sim: sim, api: login(t, h.URL)}
	}
	a, b = start(1), start(500)
	if err := a.sim.Seed(supersettest.Examples); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// realServers are two real ones, wiped, the first filled by importing the real
// export of the example dashboards. Without them the test is skipped: make e2e
// starts them.
func realServers(t *testing.T) (a, b *server) {
	t.Helper()
	a, b = wipedServers(t)
	if err := a.api.Fill(t.Context(), "examples", func() error {
		return a.api.Import(t.Context(), supersettest.Dashboard, supersettest.Examples, map[string]string{"overwrite": "true"})
	}); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// wipedServers are the two real servers, empty.
func wipedServers(t *testing.T) (a, b *server) {
	t.Helper()
	urlA, urlB := os.Getenv("DASHKEEP_TEST_SUPERSET_URL"), os.Getenv("DASHKEEP_TEST_SUPERSET_URL2")
	if urlA == "" || urlB == "" {
		t.Skip("needs two real Supersets: make e2e starts them and sets DASHKEEP_TEST_SUPERSET_URL and _URL2")
	}
	a, b = &server{url: urlA, api: login(t, urlA)}, &server{url: urlB, api: login(t, urlB)}
	for _, s := range []*server{a, b} {
		if err := s.api.Wipe(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return a, b
}

func login(t *testing.T, url string) *supersettest.Client {
	t.Helper()
	c, err := supersettest.Login(t.Context(), url, "admin", password)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// world is a folder with a config, a bare remote and whatever dashkeep makes.
type world struct {
	t   *testing.T
	dir string
	env []string
}

// newWorld writes a config with prod on the first server and, when there is one,
// standby on the second. extra is added to prod.
func newWorld(t *testing.T, a, b *server, extra ...string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), env: append(os.Environ(), "GORACE="+briefExit, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_NAME=Ada Lovelace", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada Lovelace", "GIT_COMMITTER_EMAIL=ada@example.com")}
	var c strings.Builder
	fmt.Fprintf(&c, "version: 1\nrepo: {path: ./dashboards, remote: ./remote.git}\ninstances:\n")
	fmt.Fprintf(&c, "  - name: prod\n    platform: superset\n    url: %s\n    auth: {username: admin, password: {file: ./password}}\n    direction: two-way\n", a.url)
	for _, line := range extra {
		fmt.Fprintf(&c, "    %s\n", line)
	}
	if b != nil {
		fmt.Fprintf(&c, "  - name: standby\n    platform: superset\n    url: %s\n    auth: {username: admin, password: {file: ./password}}\n    direction: apply\n", b.url)
	}
	w.write("dashkeep.yaml", c.String())
	w.write("password", password+"\n")
	w.git(".", "init", "-q", "--bare", "-b", "main", "remote.git")
	return w
}

func (w *world) path(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// result is what a command said.
type result struct {
	code     int
	out, err string
}

// try runs one dashkeep command line.
func (w *world) try(args ...string) result {
	w.t.Helper()
	var out, errs bytes.Buffer
	code := quickApp(strings.NewReader(""), &out, &errs).execute(context.WithoutCancel(w.t.Context()), append([]string{"--config", w.path("dashkeep.yaml")}, args...))
	return result{code, out.String(), errs.String()}
}

// run is try with the exit code checked.
func (w *world) run(want int, args ...string) result {
	w.t.Helper()
	r := w.try(args...)
	if r.code != want {
		w.t.Fatalf("dashkeep %s: exit %d, want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), r.code, want, r.out, r.err)
	}
	return r
}

// git runs the git binary in a folder of the world.
func (w *world) git(dir string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = w.path(dir), w.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimRight(string(out), "\n")
}

// head is the commit of the remote's main.
func (w *world) head() string { w.t.Helper(); return w.git("remote.git", "rev-parse", "main") }

// edit changes one file of somebody's clone by text; the old text must stand
// there exactly once.
func (w *world) edit(file, old, changed string) {
	w.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	if n := strings.Count(string(data), old); n != 1 {
		w.t.Fatalf("%s holds %q %d times", file, old, n)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(data), old, changed, 1)), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// one is the only file that a pattern below the world matches.
func (w *world) one(pattern ...string) string {
	w.t.Helper()
	files, err := filepath.Glob(w.path(pattern...))
	if err != nil || len(files) != 1 {
		w.t.Fatalf("%v: %v %v", pattern, files, err)
	}
	return files[0]
}

// assets counts the files of an instance.
func (w *world) assets(instance string) int {
	w.t.Helper()
	files, err := filepath.Glob(w.path("dashboards", instance, "*", "*.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	return len(files)
}

// fsck checks that Git finds nothing wrong with the clone and the remote.
func (w *world) fsck() {
	w.t.Helper()
	for _, dir := range []string{"dashboards", "remote.git"} {
		w.git(dir, "fsck", "--strict", "--no-dangling")
	}
	if s := w.git("dashboards", "status", "--porcelain"); s != "" {
		w.t.Errorf("git status of the clone:\n%s", s)
	}
}
