package matihtest

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// bucket holds the requests that a tenant may make at once.
type bucket struct {
	tokens float64
	at     time.Time
}

// take spends one request of a tenant, and gives the headers that every answer
// carries: the vendor names X-RateLimit-Limit, -Remaining and -Reset, and
// Retry-After on 429. It does not say what Reset counts from, so it is both.
// The lock is held.
func (s *Server) take(tenant string) (map[string]string, *refusal) {
	head := map[string]string{}
	if s.rate.PerMinute == 0 {
		return head, nil
	}
	perSecond, room, now := float64(s.rate.PerMinute)/60, float64(s.rate.Burst), s.now()
	b := s.buckets[tenant]
	if b == nil {
		b = &bucket{tokens: room, at: now}
		s.buckets[tenant] = b
	}
	b.tokens = min(room, b.tokens+now.Sub(b.at).Seconds()*perSecond)
	b.at = now
	granted := b.tokens >= 1
	if granted {
		b.tokens--
	}
	reset := int64(math.Ceil((room - b.tokens) / perSecond))
	if s.rate.Epoch {
		reset += now.Unix()
	}
	head["X-RateLimit-Limit"] = strconv.Itoa(s.rate.PerMinute)
	head["X-RateLimit-Remaining"] = strconv.Itoa(int(b.tokens))
	head["X-RateLimit-Reset"] = strconv.FormatInt(reset, 10)
	if granted {
		return head, nil
	}
	wait := int(math.Ceil((1 - b.tokens) / perSecond))
	return head, &refusal{status: http.StatusTooManyRequests, code: "RATE_LIMITED", message: "Rate limit exceeded",
		head: map[string]string{"Retry-After": strconv.Itoa(wait)}}
}
