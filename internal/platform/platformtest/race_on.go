//go:build race

package platformtest

// raceDetector: memory cannot be measured under it, so that the case that does
// skips itself; make check runs it once more without.
const raceDetector = true
