package asset

import "testing"

// TestPartOfNothing: an account that may not list a kind is also shown a part of it
// only; the weaker word must not make its assets absent.
func TestPartOfNothing(t *testing.T) {
	chart := ID{"chart", "u"}
	for _, order := range [][]KindReason{{Forbidden, InPart}, {InPart, Forbidden}} {
		s, err := NewSet()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range order {
			s.SkipKind(KindError{Kind: "chart", Why: "because", Reason: r})
		}
		if s.Absent(chart) {
			t.Errorf("%v: the chart is said to be gone", order)
		}
	}
}
