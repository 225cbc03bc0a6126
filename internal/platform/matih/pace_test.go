package matih

import (
	"net/http"
	"strconv"
	"testing"
	"time"
)

func TestPause(t *testing.T) {
	now := time.Date(2025, 3, 15, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		left, reset string
		want        time.Duration
	}{
		{"", "", 0}, {"5", "30", 0}, {"0", "30", 30 * time.Second}, {"1", "30", 30 * time.Second}, {"2", "30", 0},
		{"0", "", 0}, {"0", "soon", 0}, {"0", "-5", 0}, {"zero", "30", 0}, {"0", "0", 0},
		{"0", "3600", time.Minute}, {" 0 ", " 7 ", 7 * time.Second},
		{"0", strconv.FormatInt(now.Unix()+20, 10), 20 * time.Second},
		{"0", strconv.FormatInt(now.Unix()-20, 10), 0},
		{"0", strconv.FormatInt(now.Unix()+7200, 10), time.Minute},
		{"0", "9223372036854775807", 0}, {"0", "99999999999999999999", 0},
	} {
		h := http.Header{"X-Ratelimit-Remaining": {c.left}, "X-Ratelimit-Reset": {c.reset}}
		if got := pause(h, now); got != c.want {
			t.Errorf("remaining %q, reset %q: %v, want %v", c.left, c.reset, got, c.want)
		}
	}
}
