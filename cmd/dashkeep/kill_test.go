package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
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
	watch  *importWatch
	charts []supersettest.Object
	table  supersettest.Object // the dataset they are made of
	live   map[string]string   // uuid -> the last description somebody gave a chart on the server
	git    map[string]string   // uuid -> the last value somebody committed, see editGit
}

// keepCharts leaves a server this many charts and the one dataset they are made of, so
// that a run is over soon.
func keepCharts(t *testing.T, sim *supersettest.Server, charts int) {
	t.Helper()
	remove := func(kind string, which func(supersettest.Object) bool) {
		for _, o := range slices.DeleteFunc(sim.Objects(kind), func(o supersettest.Object) bool { return !which(o) }) {
			if err := sim.Delete(kind, o.UUID); err != nil {
				t.Fatal(err)
			}
		}
	}
	const dataset = "cleaned_sales_data"
	remove(supersettest.Dashboard, func(supersettest.Object) bool { return true })
	remove(supersettest.Chart, func(o supersettest.Object) bool { return o.Fields["datasource_name"] != dataset })
	remove(supersettest.Dataset, func(o supersettest.Object) bool { return o.Title != dataset })
	left := 0
	remove(supersettest.Chart, func(supersettest.Object) bool { left++; return left > charts })
	if n := len(sim.Objects(supersettest.Chart)); n != charts {
		t.Fatalf("%d charts, want %d", n, charts)
	}
}

// newKillWorld makes one with this many charts.
func newKillWorld(t *testing.T, charts int) *killWorld {
	t.Helper()
	k := &killWorld{sim: supersettest.New(), live: map[string]string{}, git: map[string]string{}}
	if err := k.sim.Seed(supersettest.Examples); err != nil {
		t.Fatal(err)
	}
	keepCharts(t, k.sim, charts)
	k.charts, k.table = k.sim.Objects(supersettest.Chart), k.sim.Objects(supersettest.Dataset)[0]
	k.watch = &importWatch{next: k.sim, sim: k.sim, sent: map[string]int{}}
	k.trap = &trap{next: k.watch}
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

// editGit is a person's edit of what nobody edits on the server: the cache timeout of a
// chart, the description of the dataset.
func (k *killWorld) editGit(uuid, value string) {
	k.t.Helper()
	k.commit(map[string]string{uuid: value})
}

// commit is one commit with several of them. It is made anew when the push comes too
// late: what a killed daemon had sent, the remote may still be taking in.
func (k *killWorld) commit(edits map[string]string) {
	k.t.Helper()
	for try := 1; ; try++ {
		k.world.git("ada", "fetch", "-q")
		k.world.git("ada", "reset", "-q", "--hard", "origin/main")
		for uuid, value := range edits {
			k.writeEdit(k.file("ada", uuid), uuid, value)
		}
		k.world.git("ada", "commit", "-q", "-a", "-m", "edits in Git")
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
	maps.Copy(k.git, edits)
}

func (k *killWorld) writeEdit(file, uuid, value string) {
	k.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		k.t.Fatal(err)
	}
	key, line := k.editable(uuid)
	text := line.ReplaceAllString(string(data), "")
	text = strings.Replace(text, "\nspec:\n", "\nspec:\n  "+key+": "+value+"\n", 1)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		k.t.Fatal(err)
	}
}

// file is the file of a chart or of the dataset in a clone.
func (k *killWorld) file(clone, uuid string) string {
	k.t.Helper()
	return k.one(clone, "prod", "*", "*."+uuid[:8]+".yaml")
}

var (
	timeoutLine     = regexp.MustCompile(`(?m)^  cache_timeout: (.*)\n`)
	descriptionLine = regexp.MustCompile(`(?m)^  description: (.*)\n`)
)

// editable is what people edit of it in Git.
func (k *killWorld) editable(uuid string) (key string, line *regexp.Regexp) {
	if uuid == k.table.UUID {
		return "description", descriptionLine
	}
	return "cache_timeout", timeoutLine
}

// values are what people edit in Git, as the server has it; "" is none.
func (k *killWorld) values() map[string]string {
	out := map[string]string{}
	for _, kind := range []string{supersettest.Chart, supersettest.Dataset} {
		for _, o := range k.sim.Objects(kind) {
			key, _ := k.editable(o.UUID)
			out[o.UUID] = ""
			if v := o.Fields[key]; v != nil {
				out[o.UUID] = fmt.Sprint(v)
			}
		}
	}
	return out
}

// valueIn is such a value in a file.
func (k *killWorld) valueIn(uuid string, data []byte) string {
	_, line := k.editable(uuid)
	if m := line.FindSubmatch(data); m != nil {
		return string(m[1])
	}
	return ""
}

func isWrite(r *http.Request) bool {
	return r.Method == http.MethodPut || r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/import/")
}

// converged checks that every edit is on both sides, and that nothing waits.
func (k *killWorld) converged() {
	k.t.Helper()
	k.fsck()
	if out := k.run(0, "plan", "prod", "--detailed-exitcode").out; !strings.Contains(out, "nothing to do") {
		k.t.Errorf("the plan says\n%s", out)
	}
	k.bothSides()
}

// bothSides checks that the server and Git hold what people last wrote on either.
func (k *killWorld) bothSides() {
	k.t.Helper()
	server := k.values()
	for uuid, now := range server {
		data, err := os.ReadFile(k.file("dashboards", uuid))
		if err != nil {
			k.t.Fatal(err)
		}
		if want, ok := k.live[uuid]; ok {
			if o, _ := k.sim.Object(supersettest.Chart, uuid); o.Fields["description"] != want || !strings.Contains(string(data), "description: "+want+"\n") {
				k.t.Errorf("%s: description %q is lost: the server has %v, Git\n%s", o.Title, want, o.Fields["description"], data)
			}
		}
		if want, ok := k.git[uuid]; ok && (now != want || k.valueIn(uuid, data) != want) {
			k.t.Errorf("%s: %q is lost: the server has %q, Git\n%s", uuid, want, now, data)
		}
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
