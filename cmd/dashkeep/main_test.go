package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// asProgram in the environment makes the test binary the program itself.
const asProgram = "DASHKEEP_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:]))
	}
	testscript.Main(m, map[string]func(){"dashkeep": func() { os.Exit(run(os.Args[1:])) }})
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
