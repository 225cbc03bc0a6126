//go:build !race

package matih_test

const raceDetector = false
