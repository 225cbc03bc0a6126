package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// go test ./cmd/dashkeep -run TestCR2 -args -kills=100 -kill-seed=3
var (
	kills    = flag.Int("kills", 20, "how often TestCR2 kills the daemon, at most 100")
	killSeed = flag.Uint64("kill-seed", 1, "decides when")
)

// trap is a handler that calls a function after requests it is told to look for.
type trap struct {
	next  http.Handler
	mu    sync.Mutex
	match func(*http.Request) bool // nil: none
	then  func()
}

func (p *trap) set(match func(*http.Request) bool, then func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.match, p.then = match, then
}

func (p *trap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.next.ServeHTTP(w, r)
	p.mu.Lock()
	caught := p.match != nil && p.match(r)
	if caught {
		p.match = nil
	}
	then := p.then
	p.mu.Unlock()
	if caught { // unlocked: it may ask the server something itself
		then()
	}
}

// killWorld is a world whose server holds a few charts and can be trapped.
type killWorld struct {
	*world
	sim    *supersettest.Server
	trap   *trap
	charts []supersettest.Object
	live   map[string]string // uuid -> the last description somebody gave it on the server
	git    map[string]string // uuid -> the last cache timeout somebody committed
	seen   []string          // heads of the remote after each kill
}

// newKillWorld makes one with this many charts.
func newKillWorld(t *testing.T, charts int) *killWorld {
	t.Helper()
	k := &killWorld{sim: supersettest.New(), live: map[string]string{}, git: map[string]string{}}
	if err := k.sim.Seed(supersettest.Examples); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{supersettest.Dashboard, supersettest.Chart} {
		for i, o := range k.sim.Objects(kind) {
			if kind == supersettest.Dashboard || i >= charts {
				if err := k.sim.Delete(kind, o.UUID); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	k.charts = k.sim.Objects(supersettest.Chart)
	k.trap = &trap{next: k.sim}
	h := httptest.NewServer(k.trap)
	t.Cleanup(h.Close)
	k.world = newWorld(t, &server{url: h.URL}, nil, `schedule: "@every 1s"`, "auto_apply: true", `pull_brake: {removed: 0, changed_percent: 100}`)
	k.run(0, "pull")
	k.world.git(".", "clone", "-q", "remote.git", "ada")
	return k
}

func (k *killWorld) editLive(uuid, text string) {
	k.t.Helper()
	if err := k.sim.EditAs("admin", supersettest.Chart, uuid, func(f map[string]any) { f["description"] = text }); err != nil {
		k.t.Fatal(err)
	}
	k.live[uuid] = text
}

var timeoutLine = regexp.MustCompile(`(?m)^  cache_timeout: .*\n`)

// editGit is a person's edit, made anew when the push comes too late: what a killed
// daemon had sent, the remote may still be taking in.
func (k *killWorld) editGit(uuid, seconds string) {
	k.t.Helper()
	for try := 1; ; try++ {
		k.commitEdit(uuid, seconds)
		cmd := exec.Command("git", "push", "-q", "origin", "main")
		cmd.Dir, cmd.Env = k.path("ada"), k.env
		out, err := cmd.CombinedOutput()
		if err == nil {
			break
		}
		if try == 5 || !strings.Contains(string(out), "rejected") {
			k.t.Fatalf("git push: %v\n%s", err, out)
		}
	}
	k.git[uuid] = seconds
}

func (k *killWorld) commitEdit(uuid, seconds string) {
	k.t.Helper()
	k.world.git("ada", "fetch", "-q")
	k.world.git("ada", "reset", "-q", "--hard", "origin/main")
	file := k.one("ada", "prod", "charts", "*."+uuid[:8]+".yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		k.t.Fatal(err)
	}
	text := timeoutLine.ReplaceAllString(string(data), "")
	text = strings.Replace(text, "\nspec:\n", "\nspec:\n  cache_timeout: "+seconds+"\n", 1)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		k.t.Fatal(err)
	}
	k.world.git("ada", "commit", "-q", "-a", "-m", "timeout "+seconds)
}

func isWrite(r *http.Request) bool {
	return r.Method == http.MethodPut || r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/import/")
}

// killed starts the daemon and kills it at a random moment: some time after the
// first request, after one of the first requests, or after an accepted write.
func (k *killWorld) killed(rnd *rand.Rand) {
	k.t.Helper()
	d := k.start("serve")
	dead := make(chan struct{})
	kill := func() { _ = d.cmd.Process.Kill(); close(dead) }
	left, wait := rnd.IntN(25), time.Duration(rnd.IntN(400))*time.Millisecond
	switch rnd.IntN(3) {
	case 0:
		k.trap.set(func(*http.Request) bool { return true }, func() { time.AfterFunc(wait, kill) })
	case 1:
		k.trap.set(func(*http.Request) bool { left--; return left < 0 }, kill)
	default:
		k.trap.set(isWrite, func() { time.AfterFunc(wait/8, kill) })
	}
	select {
	case <-dead:
	case <-time.After(serveWait):
		k.t.Fatalf("the daemon did nothing:\n%s", d.log)
	}
	_ = d.cmd.Wait()
	k.seen = append(k.seen, k.head())
}

// TestCR2_killedDaemon kills the daemon again and again while people edit on both
// sides; then one run puts everything right. Each value is edited once: when a
// kill kept base from moving, a second edit of the same value before the next run
// is reported as a conflict, and rightly left to a person.
func TestCR2_killedDaemon(t *testing.T) {
	notUnderRace(t)
	t.Logf("%d kills, seed %d", *kills, *killSeed)
	rnd := rand.New(rand.NewPCG(*killSeed, 2))
	k := newKillWorld(t, *kills)
	for i := range *kills {
		k.editLive(k.charts[i].UUID, fmt.Sprint("server edit ", i))
		k.editGit(k.charts[(i+3)%len(k.charts)].UUID, fmt.Sprint(1000+i))
		k.killed(rnd)
	}
	k.run(0, "pull")
	k.run(0, "apply", "prod", "--yes")
	k.run(0, "pull")
	k.converged()
}

// converged checks that every edit is on both sides, that nothing waits, and that
// what was pushed is still there.
func (k *killWorld) converged() {
	k.t.Helper()
	k.fsck()
	if out := k.run(0, "plan", "prod", "--detailed-exitcode").out; !strings.Contains(out, "nothing to do") {
		k.t.Errorf("the plan says\n%s", out)
	}
	for _, c := range k.charts {
		o, _ := k.sim.Object(supersettest.Chart, c.UUID)
		data, err := os.ReadFile(k.one("dashboards", "prod", "charts", "*."+c.UUID[:8]+".yaml"))
		if err != nil {
			k.t.Fatal(err)
		}
		if want, ok := k.live[c.UUID]; ok && (o.Fields["description"] != want || !strings.Contains(string(data), "description: "+want+"\n")) {
			k.t.Errorf("%s: description %q is lost: the server has %v, Git\n%s", c.Title, want, o.Fields["description"], data)
		}
		if want, ok := k.git[c.UUID]; ok && (fmt.Sprint(o.Fields["cache_timeout"]) != want || !strings.Contains(string(data), "cache_timeout: "+want+"\n")) {
			k.t.Errorf("%s: cache_timeout %s is lost: the server has %v, Git\n%s", c.Title, want, o.Fields["cache_timeout"], data)
		}
	}
	for _, rev := range k.seen {
		k.world.git("remote.git", "merge-base", "--is-ancestor", rev, "main")
	}
}

// TestCR3_killedAfterAcceptedWrite kills an apply when the server has taken the
// write and dashkeep has not recorded it: the next run finds it done and does not
// write it again.
func TestCR3_killedAfterAcceptedWrite(t *testing.T) {
	notUnderRace(t)
	k := newKillWorld(t, 3)
	k.editGit(k.charts[0].UUID, "4711")
	d := k.start("apply", "prod", "--yes")
	k.trap.set(isWrite, func() { _ = d.cmd.Process.Kill() })
	_ = d.cmd.Wait()
	if o, _ := k.sim.Object(supersettest.Chart, k.charts[0].UUID); fmt.Sprint(o.Fields["cache_timeout"]) != "4711" {
		t.Fatalf("the write was not accepted: %v\n%s", o.Fields["cache_timeout"], d.log)
	}
	if refs := k.world.git("dashboards", "for-each-ref", "refs/dashkeep/backup/"); strings.Count(refs, "\n") != 0 || refs == "" {
		t.Errorf("pre-images: %q", refs)
	}
	k.sim.ResetLog()
	k.run(0, "pull")
	k.run(0, "apply", "prod", "--yes")
	if n := k.sim.Writes(); n != 0 {
		t.Errorf("%d writes after the restart, want none", n)
	}
	k.converged()
}
