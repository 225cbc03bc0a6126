package platformtest

import "testing"

// SetMany makes fewer than 10,000 assets do.
func (h *Harness) SetMany(n int) { h.many = n }

// Alone reports whether nothing may run beside the case.
func (c Case) Alone() bool { return c.alone }

// Asking is the testing.TB that a case gets from Run.
func Asking(tb testing.TB, asks string) testing.TB { return &asking{TB: tb, asks: asks} }

// RaceDetector is on when memory cannot be measured.
const RaceDetector = raceDetector
