package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// go test ./cmd/dashkeep -run TestCR2 -v -args -kills=1000 -kill-seed=3
var (
	kills    = flag.Int("kills", 20, "how often TestCR2 kills the program")
	killSeed = flag.Uint64("kill-seed", 0, "decides when and what; 0: from the clock")
)

// lane is how many kills one server and one remote go through.
const lane = 25

// TestCR2_killedAnywhere kills the program again and again, at moments, requests and
// system calls that chance picks, in pulls, applies, undos and in serve, while people
// edit on both sides. What a run had reported is there for good, both repositories are
// sound each time, the next run puts everything right, and the server is sent nothing
// that it already had. Two things are kept apart because a person would have to decide
// on them: a value is edited again, and a chart on the other side, only when a whole
// run has come through since.
func TestCR2_killedAnywhere(t *testing.T) {
	notUnderRace(t)
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) % 1e6
	}
	t.Logf("%d kills, -kill-seed=%d", *kills, seed)
	var all tally
	t.Run("lanes", func(t *testing.T) {
		for i := 0; i*lane < *kills; i++ {
			n := min(lane, *kills-i*lane)
			t.Run(fmt.Sprintf("seed %d.%d", seed, i), func(t *testing.T) {
				t.Parallel()
				x := newTorture(t, rand.New(rand.NewPCG(seed, uint64(i))), &all)
				for end := x.killed + n; x.killed < end; {
					if x.rnd.IntN(8) == 0 {
						x.undoRound()
					} else {
						x.round()
					}
				}
				x.settle()
				x.converged()
				all.imports.Add(int64(x.watch.total()))
				t.Logf("%d kills, %d acknowledged revisions are there, %d assets sent", x.killed, len(x.acks), x.watch.total())
			})
		}
	})
	if !t.Failed() {
		t.Log(all.String())
	}
}

// tally counts over all lanes.
type tally struct{ kills, byCall, byTime, byRequest, byWrite, byPush, ended, acks, settled, undone, imports, again atomic.Int64 }

func (a *tally) String() string {
	return fmt.Sprintf("%d kills: %d at a system call, %d at a moment, %d after a request, %d after an accepted write, %d after a request to the remote; "+
		"%d runs ended first; %d acknowledgements kept; git fsck clean each time (%d looks while a git was joining packs); "+
		"%d times put right by the next run, %d runs undone; %d imports, none twice",
		a.kills.Load(), a.byCall.Load(), a.byTime.Load(), a.byRequest.Load(), a.byWrite.Load(), a.byPush.Load(),
		a.ended.Load(), a.acks.Load(), a.again.Load(), a.settled.Load(), a.undone.Load(), a.imports.Load())
}

// torture is a world whose program is killed, and what it said before.
type torture struct {
	*killWorld
	rnd    *rand.Rand
	all    *tally
	remote *trap                    // of requests to the Git remote
	span   map[string]time.Duration // how long a whole run of a command takes
	open   map[string]bool          // charts that were edited since the last whole run
	acks   map[string]bool          // revisions that a run said are at the remote
	killed int
	next   int // the next value
}

func newTorture(t *testing.T, rnd *rand.Rand, all *tally) *torture {
	t.Helper()
	x := &torture{killWorld: newKillWorld(t, 12), rnd: rnd, all: all, remote: &trap{}, span: map[string]time.Duration{}, open: map[string]bool{}, acks: map[string]bool{}, next: 1000}
	if url := x.serveRemote(x.remote); url != "" {
		x.world.edit(x.path("dashkeep.yaml"), "remote: ./remote.git", "remote: "+url)
		x.world.git("dashboards", "config", "remote.origin.url", url)
	}
	x.edits(1, 1)
	x.settle()
	return x
}

// edits are what people do on the server, and in Git in one commit.
func (x *torture) edits(live, git int) {
	x.t.Helper()
	free := slices.DeleteFunc(slices.Clone(x.charts), func(o supersettest.Object) bool { return x.open[o.UUID] })
	if len(free) < live+git {
		x.settle()
		free = slices.Clone(x.charts)
	}
	x.rnd.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	commit := map[string]string{}
	for i, c := range free[:live+git] {
		x.next++
		x.open[c.UUID] = true
		if i < live {
			x.editLive(c.UUID, fmt.Sprint("server edit ", x.next))
		} else {
			commit[c.UUID] = strconv.Itoa(x.next)
		}
	}
	if git > 0 {
		if !x.open[x.table.UUID] && x.rnd.IntN(2) == 0 { // written before the charts, in an import of its own
			x.open[x.table.UUID] = true
			commit[x.table.UUID] = fmt.Sprint("dataset ", x.next)
		}
		x.commit(commit)
	}
}

// round is one run that is killed, or was quicker; then, or a few rounds later, a
// whole one.
func (x *torture) round() {
	x.t.Helper()
	x.edits(x.rnd.IntN(3), 1+x.rnd.IntN(2))
	switch x.rnd.IntN(10) {
	case 0, 1:
		x.kill("pull")
	case 2, 3, 4, 5:
		x.whole("pull")
		x.kill("apply", "prod", "--yes")
	default:
		x.kill("serve")
	}
	if x.rnd.IntN(5) < 2 {
		x.settle()
	}
}

// whole is a run that nobody disturbs, and that has to succeed.
func (x *torture) whole(args ...string) result {
	x.t.Helper()
	begin := time.Now()
	r := x.run(0, args...)
	x.span[args[0]] = time.Since(begin) + 100*time.Millisecond // the start of a process
	x.all.acks.Add(1)
	if args[0] == "pull" {
		rev := x.world.git("dashboards", "rev-parse", "main")
		x.world.git("remote.git", "merge-base", "--is-ancestor", rev, "main")
		x.acks[rev] = true
	}
	return r
}

// settle is the next run, after which everything is right without anybody's help.
func (x *torture) settle() {
	x.t.Helper()
	x.whole("pull")
	x.whole("apply", "prod", "--yes")
	x.settled()
}

// settled is what must hold after a whole pull and a whole apply.
func (x *torture) settled() {
	x.t.Helper()
	x.bothSides()
	if rev := x.world.git("dashboards", "rev-parse", "main"); rev != x.head() {
		x.t.Errorf("the clone is at %s and the remote at %s", rev, x.head())
	}
	x.kept()
	clear(x.open)
	x.all.settled.Add(1)
	if x.t.Failed() {
		x.t.FailNow()
	}
}

// undoRound has a run killed, or come through, and then undone by an undo that is
// killed and by one that is not: the server is as it was before the run. Whether the
// edit in Git waits or is taken back depends on how far the run had come.
func (x *torture) undoRound() {
	x.t.Helper()
	if len(x.open) > 0 {
		x.settle()
	}
	old := maps.Clone(x.git)
	x.edits(0, 2+x.rnd.IntN(2))
	x.whole("pull")
	before, last := x.values(), x.lastRun()
	if x.rnd.IntN(2) == 0 {
		x.whole("apply", "prod", "--yes")
	} else {
		x.kill("apply", "prod", "--yes")
	}
	run := x.lastRun()
	if run != last {
		x.kill("undo", run, "--yes")
		x.whole("undo", run, "--yes")
		x.all.undone.Add(1)
	}
	if now := x.values(); !maps.Equal(before, now) {
		x.t.Fatalf("run %q is undone, and the server is not as before:\nwas %v\nis  %v", run, before, now)
	}
	x.whole("pull")
	x.whole("apply", "prod", "--yes")
	for uuid, now := range x.values() {
		if x.open[uuid] && now == old[uuid] {
			x.git[uuid] = now
		}
	}
	x.settled()
}

// lastRun is the last run that left a pre-image, "" when there is none.
func (x *torture) lastRun() string {
	x.t.Helper()
	var out struct{ Runs []writeReport }
	if err := json.Unmarshal([]byte(x.run(0, "runs", "prod", "--output", "json").out), &out); err != nil {
		x.t.Fatal(err)
	}
	if len(out.Runs) == 0 {
		return ""
	}
	return out.Runs[0].Run
}

// look is what must hold right after a run was killed, before anything else ran:
// git finds nothing wrong, and what the run had reported is there.
func (x *torture) look(args []string, d *daemon, success bool) {
	x.t.Helper()
	for _, dir := range []string{"dashboards", "remote.git"} {
		x.sound(dir)
	}
	if success {
		x.acknowledged(args[0], "main")
	}
	for line := range strings.Lines(d.log.String()) {
		var said struct {
			Msg, Op, Revision string
			Pushed            bool
			Failed            int
		}
		if json.Unmarshal([]byte(line), &said) != nil || said.Msg != "run done" || said.Failed > 0 {
			continue
		}
		if said.Op == "apply" || said.Pushed {
			x.acknowledged(said.Op, said.Revision)
		}
	}
	if x.t.Failed() {
		x.t.Fatalf("dashkeep %s said\n%s", strings.Join(args, " "), d.log)
	}
}

// sound checks that git finds nothing wrong. A git that joins packs may outlive the run
// that started it and take packs away under git fsck, so what is wrong has to stay wrong.
func (x *torture) sound(dir string) {
	x.t.Helper()
	var out []byte
	for range 10 {
		cmd := exec.Command("git", "fsck", "--strict", "--full", "--no-dangling")
		cmd.Dir, cmd.Env = x.path(dir), x.env
		var err error
		if out, err = cmd.CombinedOutput(); err == nil {
			return
		}
		x.all.again.Add(1)
		time.Sleep(100 * time.Millisecond) // for another process: nothing to wait on
	}
	x.t.Errorf("git fsck of %s:\n%s", dir, out)
}

// acknowledged checks what a run that reported success promised: after a pull what
// people did on the server is in this commit and at the remote, after an apply what
// they did in Git is on the server.
func (x *torture) acknowledged(op, rev string) {
	x.t.Helper()
	x.all.acks.Add(1)
	if rev == "main" {
		rev = x.world.git("dashboards", "rev-parse", "main")
	}
	switch op {
	case "pull":
		x.acks[rev] = true
		text := x.world.git("remote.git", "grep", "-h", "^  description: server edit", rev, "--", "prod/charts") + "\n"
		for uuid, want := range x.live {
			if !strings.Contains(text, "description: "+want+"\n") {
				x.t.Errorf("a pull reported %s, which lacks %q of %s", rev, want, uuid)
			}
		}
	case "apply":
		server := x.values()
		for line := range strings.Lines(x.world.git("dashboards", "grep", "-E", "^  (cache_timeout|description: dataset)", rev, "--", "prod/charts", "prod/datasets")) {
			file, text, _ := strings.Cut(line, ".yaml:")
			for uuid, now := range server {
				if strings.HasSuffix(file, "."+uuid[:8]) && now != x.valueIn(uuid, []byte(strings.TrimRight(text, "\n")+"\n")) {
					x.t.Errorf("an apply reported %s, and the server has %q for %q of %s", rev, now, text, uuid)
				}
			}
		}
	}
}

// kept checks that every revision that was ever said to be at the remote still is.
func (x *torture) kept() {
	x.t.Helper()
	there := map[string]bool{}
	for rev := range strings.FieldsSeq(x.world.git("remote.git", "rev-list", "main")) {
		there[rev] = true
	}
	for rev := range x.acks {
		if !there[rev] {
			x.t.Errorf("%s was acknowledged and is lost", rev)
		}
	}
	if again := x.watch.twice(); len(again) > 0 {
		x.t.Errorf("sent to a server that had it already: %v", again)
	}
}
