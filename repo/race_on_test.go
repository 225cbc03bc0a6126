//go:build race

package repo_test

// raceDetector: tests that kill the program by the hundred skip themselves under
// it; make check runs them once more without.
const raceDetector = true
