package sync

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The remote is away for a day while people edit and pulls go on: every pull
// commits here and says that it could not push, after one try, and the first one
// after that brings everything in one push.
func TestGT5_RemoteAwayForADay(t *testing.T) {
	l := newLab(t)
	s := newFake()
	s.set("Grace", n(1), "a", "start")
	remote := l.remote()
	m := l.machine("clone", remote, s)
	m.pull()
	before := m.head()
	l.hook("echo push >> " + l.path("pushes") + "; cat > /dev/null")
	if err := os.Rename(remote, remote+".away"); err != nil {
		t.Fatal(err)
	}
	const hours = 24
	for hour := range hours {
		l.ticks.Add(3600)
		s.set("Grace", n(1), "a", fmt.Sprint("hour ", hour))
		run := m.pull()
		if !run.Unpushed || run.Pushed || run.Commits != 1 || run.Code() != 3 || len(run.Failures) > 0 {
			t.Fatalf("hour %d: %+v", hour, run)
		}
		if n := len(run.Warnings); n == 0 || n > 2 {
			t.Errorf("hour %d: %d warnings: %q", hour, n, run.Warnings)
		}
	}
	if out, _ := os.ReadFile(l.path("pushes")); len(out) > 0 {
		t.Fatalf("pushed to a remote that is away: %s", out)
	}
	if err := os.Rename(remote+".away", remote); err != nil {
		t.Fatal(err)
	}
	run := m.pull()
	if !run.Pushed || run.Commits != 0 || run.Code() != 0 || len(run.Warnings) > 0 {
		t.Errorf("%+v", run)
	}
	if out, _ := os.ReadFile(l.path("pushes")); strings.Count(string(out), "push\n") != 1 {
		t.Errorf("%d pushes, want one", strings.Count(string(out), "push\n"))
	}
	if rev := l.git("remote.git", "rev-parse", "main"); rev != string(m.head()) {
		t.Error("the commits did not go out")
	}
	if n := l.git("remote.git", "rev-list", "--count", string(before)+"..main"); n != fmt.Sprint(hours) {
		t.Errorf("%s commits arrived, want %d", n, hours)
	}
	base, _ := m.base()
	if rev := l.git("remote.git", "rev-parse", refName("base", "prod")); rev != string(base) {
		t.Error("base did not go out")
	}
	l.fsck("clone")
	l.fsck("remote.git")
}
