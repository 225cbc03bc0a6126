package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Span is a length of time in which people think: days as well as hours.
type Span time.Duration

// UnmarshalText reads 90d, 36h, 1d12h, 0.
func (s *Span) UnmarshalText(b []byte) error {
	text := string(b)
	wrong := fmt.Errorf("%q is not a length of time such as 24h, 90d or 1d12h", text)
	var total time.Duration
	rest := text
	if days, after, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return wrong
		}
		total, rest = time.Duration(n)*24*time.Hour, after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return wrong
		}
		total += d
	} else if text == "" {
		return wrong
	}
	if total < 0 { // too long to count
		return wrong
	}
	*s = Span(total)
	return nil
}
