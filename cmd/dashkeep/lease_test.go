package main

import (
	"os"
	"strings"
	"testing"
)

// TestCC1_twoMachinesApplyAtOnce has a second clone of one remote apply while the
// first is writing: it exits 11, says who writes, and sends nothing.
func TestCC1_twoMachinesApplyAtOnce(t *testing.T) {
	k := newKillWorld(t, 2)
	config, err := os.ReadFile(k.path("dashkeep.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	k.write("second.yaml", strings.Replace(string(config), "path: ./dashboards", "path: ./second", 1))
	second := func(args ...string) result { return k.try(append(args, "--config", k.path("second.yaml"))...) }
	if r := second("pull"); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	for _, c := range k.charts {
		k.editGit(c.UUID, "4711")
	}
	if r := second("plan", "prod", "--out", k.path("plan.json")); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	k.sim.ResetLog()
	var kept result
	k.trap.set(isWrite, func() { kept = second("apply", "prod", k.path("plan.json"), "--yes") })
	k.run(0, "apply", "prod", "--yes")
	alone := k.sim.Writes()
	if kept.code != exitLocked || !strings.Contains(kept.err, "pid") || !strings.Contains(kept.err, "instance prod") {
		t.Errorf("the second machine: %+v", kept)
	}
	if r := second("apply", "prod", "--yes"); r.code != 0 || k.sim.Writes() != alone {
		t.Errorf("afterwards: %d writes, %d before; %+v", k.sim.Writes(), alone, r)
	}
	for _, args := range [][]string{{"pull"}, {"plan", "prod", "--detailed-exitcode"}} {
		if r := second(args...); r.code != 0 {
			t.Errorf("%v: %+v", args, r)
		}
	}
	if out := k.world.git("remote.git", "for-each-ref", "refs/dashkeep/lease"); out != "" {
		t.Errorf("left on the remote: %s", out)
	}
	k.converged()
	if alone == 0 {
		t.Error("nothing was written at all")
	}
}
