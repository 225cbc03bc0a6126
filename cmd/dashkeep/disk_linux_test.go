package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestDK2_programOnAFullDisk fills the disk that the clone is on. A pull and an apply
// fail with the reason, nothing is written to the server, looking still works, and with
// space again everything goes on by itself.
func TestDK2_programOnAFullDisk(t *testing.T) {
	k := newKillWorld(t, 2)
	disk := k.path("disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=6m"); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	k.world.edit(k.path("dashkeep.yaml"), "path: ./dashboards", "path: ./disk/clone")
	k.run(0, "pull")
	k.editGit(k.charts[0].UUID, "4711")
	k.run(0, "pull")
	head := k.world.git("disk/clone", "rev-parse", "main")

	k.editLive(k.charts[1].UUID, "on a full disk")
	filler, err := os.Create(k.path("disk", "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 4096); err == nil; {
		_, err = filler.Write(block)
	}
	_ = filler.Close()
	k.sim.ResetLog()
	for _, args := range [][]string{{"pull"}, {"apply", "prod", "--yes"}} {
		for range 2 { // it does not make itself worse
			if r := k.try(args...); r.code != exitFailed || !strings.Contains(r.err, "no space left on device") {
				t.Errorf("%v: %+v", args, r)
			}
		}
	}
	if n := k.sim.Writes(); n != 0 {
		t.Errorf("%d writes without a pre-image", n)
	}
	if rev := k.world.git("disk/clone", "rev-parse", "main"); rev != head {
		t.Errorf("the branch moved from %s to %s", head, rev)
	}
	k.world.git("disk/clone", "fsck", "--strict", "--full", "--no-dangling")
	if r := k.try("status"); strings.Contains(r.err, "no space") || !strings.Contains(r.out, "prod") {
		t.Errorf("status: %+v", r)
	}

	if err := os.Remove(filler.Name()); err != nil {
		t.Fatal(err)
	}
	k.run(0, "pull")
	k.run(0, "apply", "prod", "--yes")
	k.world.git("disk/clone", "fsck", "--strict", "--full", "--no-dangling")
	if k.values()[k.charts[0].UUID] != "4711" || !strings.Contains(k.world.git("remote.git", "grep", "-h", "description", "main"), "on a full disk") {
		t.Error("it did not go on")
	}
}
