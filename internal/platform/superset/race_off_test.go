//go:build !race

package superset_test

const raceDetector = false
