package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// machine is another clone of the world's remote, with the same config.
func (k *killWorld) machine(name string) (config string) {
	k.t.Helper()
	text, err := os.ReadFile(k.path("dashkeep.yaml"))
	if err != nil {
		k.t.Fatal(err)
	}
	config = name + ".yaml"
	k.write(config, strings.Replace(string(text), "path: ./dashboards", "path: ./"+name, 1))
	return k.path(config)
}

// on runs a command on another machine.
func (k *killWorld) on(config string, want int, args ...string) result {
	k.t.Helper()
	return k.run(want, append(args, "--config", config)...)
}

// editAll edits the dataset and each chart in Git, in one commit.
func (k *killWorld) editAll(value string) {
	k.t.Helper()
	edits := map[string]string{k.table.UUID: "dataset " + value}
	for _, c := range k.charts {
		edits[c.UUID] = value
	}
	k.commit(edits)
}

// exit waits for a process.
func (d *daemon) exit() int { _ = d.cmd.Wait(); return d.cmd.ProcessState.ExitCode() }

// TestCC1_twoMachinesRace has two processes on two clones apply the same commit at the
// same moment, again and again: each chart is sent once, and whoever did not write says
// why, with exit 11 or because its plan is stale by then.
func TestCC1_twoMachinesRace(t *testing.T) {
	notUnderRace(t)
	k := newKillWorld(t, 4)
	second := k.machine("second")
	k.on(second, 0, "pull")
	codes := map[int]int{}
	for round := range 5 {
		k.editAll(fmt.Sprint(1000 + round))
		k.run(0, "pull")
		k.on(second, 0, "pull")
		before := k.watch.total()
		both := []*daemon{k.start("apply", "prod", "--yes"), k.start("apply", "prod", "--yes", "--config", second)}
		done := 0
		for i, d := range both {
			code := d.exit()
			codes[code]++
			switch {
			case code == 0:
				done++
			case code == exitLocked && strings.Contains(d.log.String(), "instance prod"):
			case code == exitFailed && strings.Contains(d.log.String(), "the plan is stale"):
			default:
				t.Errorf("round %d, machine %d: exit %d\n%s", round, i, code, d.log)
			}
		}
		if n := k.watch.total() - before; n != len(k.charts)+1 || done == 0 || len(k.watch.twice()) > 0 {
			t.Fatalf("round %d: %d assets sent, want %d, %d succeeded\n%s\n%s", round, n, len(k.charts)+1, done, both[0].log, both[1].log)
		}
		k.run(0, "pull")
		k.on(second, 0, "pull")
		k.bothSides()
	}
	t.Logf("exit codes: %v", codes)
	k.on(second, 0, "plan", "prod", "--detailed-exitcode")
	k.converged()
}

// TestCC1_holderIsKilled kills the machine that writes between two writes. The other one
// is told who had been writing, until the lease is over; then it goes on where the first
// one stopped, from the base that was pushed, and the first one joins in again.
func TestCC1_holderIsKilled(t *testing.T) {
	notUnderRace(t)
	k := newKillWorld(t, 3)
	second := k.machine("second")
	k.on(second, 0, "pull")
	before := k.values()
	k.editAll("4711")
	k.run(0, "pull")
	d := k.start("apply", "prod", "--yes")
	k.trap.set(isWrite, func() { _ = d.cmd.Process.Kill() })
	if d.exit() == 0 {
		t.Fatalf("not killed: %s", d.log)
	}
	if n := k.watch.total(); n != 1 {
		t.Fatalf("%d assets were written before the kill, want the dataset", n)
	}
	if r := k.on(second, exitLocked, "apply", "prod", "--yes"); !strings.Contains(r.err, "pid") || !strings.Contains(r.err, "instance prod") {
		t.Errorf("%+v", r)
	}
	k.endLease("prod")
	k.on(second, 0, "apply", "prod", "--yes")
	if n := k.watch.total(); n != len(k.charts)+1 {
		t.Errorf("%d assets sent by both, want %d", n, len(k.charts)+1)
	}
	k.on(second, 0, "pull")
	k.run(0, "pull")
	k.run(0, "apply", "prod", "--yes")
	k.converged()

	// A third machine that knows nothing but the remote takes back both runs.
	third := k.machine("third")
	if r := k.on(third, exitFailed, "runs"); !strings.Contains(r.err, "dashkeep pull clones the remote") {
		t.Errorf("%+v", r)
	}
	var runs struct{ Runs []writeReport }
	if err := json.Unmarshal([]byte(k.on(second, 0, "runs", "prod", "--output", "json").out), &runs); err != nil || len(runs.Runs) != 2 || runs.Runs[1].Ended {
		t.Fatalf("%v %+v", err, runs)
	}
	for _, r := range runs.Runs {
		k.on(third, 0, "undo", r.Run, "--yes")
	}
	if now := k.values(); !maps.Equal(now, before) {
		t.Errorf("after the undos %v, before %v", now, before)
	}
	k.on(third, 0, "pull")
	k.run(0, "pull")
	k.on(third, 0, "plan", "prod", "--detailed-exitcode")
	k.git = before
	k.converged()
}

// endLease lets a lease be over, as if its time had passed.
func (k *killWorld) endLease(instance string) {
	k.t.Helper()
	ref := "refs/dashkeep/lease/" + instance
	var said map[string]any
	if err := json.Unmarshal([]byte(k.world.git("remote.git", "log", "-1", "--format=%B", ref)), &said); err != nil {
		k.t.Fatal(err)
	}
	until, err := time.Parse(time.RFC3339, said["until"].(string))
	if left := time.Until(until); err != nil || left <= 0 || left > 10*time.Minute {
		k.t.Errorf("the lease ends in %s, %v", left, err)
	}
	said["until"] = time.Now().Add(-time.Second).UTC()
	text, _ := json.Marshal(said)
	rev := k.world.git("remote.git", "commit-tree", "-p", ref, "-m", string(text), ref+"^{tree}")
	k.world.git("remote.git", "update-ref", ref, rev)
}

// TestCC1_secondProcess starts a run on a clone that another process is writing to: it
// exits 11 and says who, on which machine and since when; reading is let through.
func TestCC1_secondProcess(t *testing.T) {
	k := newKillWorld(t, 1)
	k.editGit(k.charts[0].UUID, "4711")
	k.run(0, "pull")
	var once sync.Once
	said := map[string]result{}
	k.trap.set(isWrite, func() {
		once.Do(func() {
			for _, args := range [][]string{{"pull"}, {"apply", "prod", "--yes"}, {"runs", "prod"}} {
				d := k.start(args...)
				said[args[0]] = result{code: d.exit(), err: d.log.String()}
			}
		})
	})
	k.run(0, "apply", "prod", "--yes")
	host, _ := os.Hostname()
	for _, op := range []string{"pull", "apply"} {
		if r := said[op]; r.code != exitLocked || !strings.Contains(r.err, "pid") || !strings.Contains(r.err, host) || !strings.Contains(r.err, "since") {
			t.Errorf("%s: %+v", op, r)
		}
	}
	if r := said["runs"]; r.code != 0 {
		t.Errorf("reading: %+v", r)
	}
	k.converged()
}

// TestCC2_personWithGitInTheClone commits, packs and collects garbage in the clone that
// serve works on: nobody's commit is lost and everything gets to both sides.
func TestCC2_personWithGitInTheClone(t *testing.T) {
	notUnderRace(t)
	k := newKillWorld(t, 4)
	d := k.start("serve")
	commits := 0
	for i := range 12 {
		c := k.charts[i%4]
		k.editLive(c.UUID, "server edit "+strings.Repeat("x", i+1))
		k.write("dashboards/notes", strings.Repeat("y", i+1))
		cmd := exec.Command("sh", "-c", "git add notes && git commit -q -m 'a note' -- notes")
		cmd.Dir, cmd.Env = k.path("dashboards"), k.env
		if out, err := cmd.CombinedOutput(); err == nil {
			commits++
		} else if !strings.Contains(string(out), "lock") && !strings.Contains(string(out), "expected") {
			t.Errorf("git commit: %v %s", err, out) // losing the race for a lock is fine
		}
		k.world.git("dashboards", [][]string{{"gc", "-q", "--prune=now"}, {"repack", "-adq"}, {"pack-refs", "--all"}}[i%3]...)
	}
	k.eventually("the last edits reach the remote", d, func() bool {
		text := k.world.git("remote.git", "grep", "-h", "^  description: ", "main", "--", "prod/charts")
		for _, want := range k.live {
			if !strings.Contains(text+"\n", want+"\n") {
				return false
			}
		}
		return true
	})
	_ = d.cmd.Process.Kill()
	d.exit()
	k.run(0, "pull")
	if n := strings.Count(k.world.git("remote.git", "log", "--format=%s", "main")+"\n", "a note\n"); n != commits || commits == 0 {
		t.Errorf("%d of the person's %d commits are at the remote", n, commits)
	}
	k.converged()
}
