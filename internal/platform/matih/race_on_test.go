//go:build race

package matih_test

// raceDetector: tests that go through many kinds of server skip most of them under
// it; make check runs them all once more without.
const raceDetector = true
