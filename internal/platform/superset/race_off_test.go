//go:build !race

package superset

const RaceDetector = false
