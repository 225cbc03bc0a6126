//go:build race

package superset

// RaceDetector: tests that go through many kinds of server, or through much in one
// goroutine, skip under it; make check runs them all once more without.
const RaceDetector = true
