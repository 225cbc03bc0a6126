package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// The aim is 10 s for each way; the test waits longer, because a machine that
// does other work must not make it red, and logs what it took.
const (
	serveAim  = 10 * time.Second
	serveWait = 90 * time.Second
)

func TestLoop_Serve(t *testing.T) { serveBothWays(t, simulators) }
func TestE2E_Serve(t *testing.T)  { serveBothWays(t, realServers) }

// daemon is a dashkeep process of its own, so that it can be sent signals.
type daemon struct {
	cmd *exec.Cmd
	log *buffer
}

// buffer may be written and read at once.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }
func (b *buffer) String() string              { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

func (w *world) start(args ...string) *daemon { w.t.Helper(); return w.startUnder(nil, args...) }

// startUnder starts it under another program.
func (w *world) startUnder(other []string, args ...string) *daemon {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	line := append(slices.Concat(other, []string{self, "--config", w.path("dashkeep.yaml")}), args...)
	d := &daemon{cmd: exec.Command(line[0], line[1:]...), log: &buffer{}}
	d.cmd.Env = append(w.env, asProgram+"=1")
	d.cmd.Stderr, d.cmd.Stdout = d.log, d.log
	if err := d.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = d.cmd.Process.Kill(); _ = d.cmd.Wait() })
	return d
}

// eventually waits until ok, and says how long it took.
func (w *world) eventually(what string, d *daemon, ok func() bool) time.Duration {
	w.t.Helper()
	begin := time.Now()
	for !ok() {
		if time.Since(begin) > serveWait {
			w.t.Fatalf("%s: not after %s; the daemon said\n%s", what, serveWait, d.log)
		}
		time.Sleep(100 * time.Millisecond) // polling another process: nothing to wait on
	}
	took := time.Since(begin)
	w.t.Logf("%s: %.1f s (aim %s)", what, took.Seconds(), serveAim)
	return took
}

func serveBothWays(t *testing.T, start starter) {
	a, _ := start(t)
	w := newWorld(t, a, nil, `schedule: "@every 2s"`, "auto_apply: true")
	d := w.start("serve")
	w.eventually("the first pull", d, func() bool { return strings.Contains(d.log.String(), `"commits":1,"pushed":true`) })

	const dataset = "e8623bb9-5e00-f531-506a-19607f5f8005"
	if err := a.api.PutColumn(t.Context(), dataset, "city", map[string]any{"description": "edited in the server"}); err != nil {
		t.Fatal(err)
	}
	w.eventually("an edit in the server reaches the remote", d, func() bool {
		return strings.HasPrefix(w.git("remote.git", "log", "-1", "--format=%an %s", "main"), "Lab Admin prod: ")
	})

	w.git(".", "clone", "-q", "remote.git", "ada")
	w.edit(w.one("ada", "prod", "charts", "quarterly-sales.*.yaml"), "\nspec:\n", "\nspec:\n  description: from Git\n")
	w.git("ada", "commit", "-q", "-a", "-m", "a description")
	w.git("ada", "push", "-q", "origin", "main")
	w.eventually("a pushed commit becomes live", d, func() bool {
		return get(t, a, supersettest.Chart, "692aca26-a526-85db-c94c-411c91cc1077")["description"] == "from Git"
	})

	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := d.cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 128+int(syscall.SIGTERM) {
		t.Errorf("SIGTERM ended it with %v", err)
	}
	if !strings.Contains(d.log.String(), `"msg":"stopped"`) || strings.Contains(d.log.String(), `"level":"ERROR"`) {
		t.Errorf("the log:\n%s", d.log)
	}
	w.fsck()
}
