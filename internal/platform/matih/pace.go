package matih

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longestPause bounds one wait for a rate limit's window; when it is not over
// then, the next answer says so again.
const longestPause = time.Minute

// pause reads how long the server wants silence from X-RateLimit-Remaining and
// X-RateLimit-Reset. The last request of a window is left to those under way, so
// that none of them is refused. Reset is met as seconds to wait and as seconds
// since 1970; more than a year to wait is taken for the latter.
func pause(h http.Header, now time.Time) time.Duration {
	left, err := strconv.Atoi(strings.TrimSpace(h.Get("X-RateLimit-Remaining")))
	if err != nil || left > 1 {
		return 0
	}
	reset, err := strconv.ParseInt(strings.TrimSpace(h.Get("X-RateLimit-Reset")), 10, 64)
	if err != nil || reset < 0 || reset > 1<<38 {
		return 0
	}
	const year = 365 * 24 * 3600
	wait := longestPause
	switch {
	case reset > year:
		wait = time.Unix(reset, 0).Sub(now)
	case reset < int64(longestPause/time.Second):
		wait = time.Duration(reset) * time.Second
	}
	return min(max(wait, 0), longestPause)
}
