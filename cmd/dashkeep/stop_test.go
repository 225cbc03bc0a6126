package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopWait is how long a program may take to stop: SPEC section 8 says 30 s.
const stopWait = 30 * time.Second

// ended waits for the program's end, and returns its exit code and how long that took.
func (d *daemon) ended(t *testing.T) (code int, took time.Duration) {
	t.Helper()
	begin := time.Now()
	err := d.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return d.cmd.ProcessState.ExitCode(), time.Since(begin)
}

// TestCR7_stoppedInTheMiddle stops an apply of a dataset and three charts when the server
// has taken the dataset. That is read back, the charts are not begun, and the next apply
// sends those and nothing twice.
func TestCR7_stoppedInTheMiddle(t *testing.T) {
	notUnderRace(t)
	for sig, code := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130} {
		t.Run(sig.String(), func(t *testing.T) {
			k := newKillWorld(t, 3)
			edits := map[string]string{k.table.UUID: "from Git"}
			for _, c := range k.charts {
				edits[c.UUID] = "4711"
			}
			k.commit(edits)
			d := k.start("apply", "prod", "--yes")
			k.trap.set(isWrite, func() { _ = d.cmd.Process.Signal(sig) })
			got, took := d.ended(t)
			t.Logf("stopped in %.1f s", took.Seconds())
			if got != code || took > stopWait {
				t.Errorf("exit %d after %s, want %d\n%s", got, took, code, d.log)
			}
			for uuid, v := range k.values() {
				if (v != "") != (uuid == k.table.UUID) {
					t.Errorf("%s: %q", uuid, v)
				}
			}
			if !strings.Contains(d.log.String(), "1 of 4 assets written, read back and equal") || !strings.Contains(d.log.String(), "not written: stopped by "+sig.String()) {
				t.Errorf("it says\n%s", d.log)
			}
			if refs := k.world.git("remote.git", "for-each-ref", "refs/dashkeep/backup/"); strings.Count(refs, "refs/dashkeep/backup/") != 1 {
				t.Errorf("pre-images at the remote: %q", refs)
			}
			if r := k.run(0, "runs"); strings.Contains(r.out, "killed before its end") {
				t.Errorf("it was stopped, and runs says\n%s", r.out)
			}
			k.run(0, "apply", "prod", "--yes")
			if again := k.watch.twice(); len(again) > 0 {
				t.Errorf("sent twice: %v", again)
			}
			k.converged()
		})
	}
}

// TestCR7_stoppedTwice sends a second signal while the server does not answer: the
// program ends at once, and the next one finds out what was done.
func TestCR7_stoppedTwice(t *testing.T) {
	notUnderRace(t)
	k := newKillWorld(t, 3)
	k.editGit(k.charts[0].UUID, "4711")
	d := k.start("apply", "prod", "--yes")
	hangs := make(chan struct{})
	t.Cleanup(func() { close(hangs) })
	k.trap.set(isWrite, func() {
		_ = d.cmd.Process.Signal(os.Interrupt)
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
		<-hangs // the answer does not come
	})
	if code, took := d.ended(t); code != 130 && code != 143 || took > stopWait {
		t.Errorf("exit %d after %s\n%s", code, took, d.log)
	}
	k.run(0, "pull")
	k.run(0, "apply", "prod", "--yes")
	k.converged()
}
