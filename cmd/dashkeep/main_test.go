package main

import (
	"io"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// asProgram in the environment makes the test binary the program itself.
const asProgram = "DASHKEEP_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(asMain())
	}
	testscript.Main(m, map[string]func(){"dashkeep": func() { os.Exit(asMain()) }})
}

// asMain is main in a process of its own.
func asMain() int { return run(quickApp(os.Stdin, os.Stdout, os.Stderr), os.Args[1:]) }

// briefExit for GORACE: a program with the race detector else waits a whole second
// when it ends, for races in what still runs then, and scripts run it by the hundred.
const briefExit = "atexit_sleep_ms=20"

// quickApp is the program without a bound on requests per second: the servers of
// tests have no other users.
func quickApp(in io.Reader, out, errw io.Writer) *app {
	a := newApp(in, out, errw)
	a.rate = -1
	return a
}

// notUnderRace skips what runs the whole program many times over: the race
// detector makes it several times slower and the other tests show it the same
// code. make check runs these tests once more without it.
func notUnderRace(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("runs without the race detector: make check runs it so")
	}
}
