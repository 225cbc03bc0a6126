package superset_test

import (
	"context"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/platform/superset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// A server that others use is asked 25 times a second and no faster, on a clock
// that stands still; the other tests of this package ask as fast as they can.
func TestServersOfOthersAreNotAskedInOneRush(t *testing.T) {
	srv := httptest.NewServer(st.New())
	t.Cleanup(srv.Close)
	for rate, wants := range map[float64]bool{0: true, -1: false} {
		c := config(srv.URL)
		var waits atomic.Int32
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		c.Rate, c.Now = rate, func() time.Time { return at }
		c.Sleep = func(context.Context, time.Duration) error { waits.Add(1); return nil }
		p, err := superset.Factory().New(c)
		if err != nil {
			t.Fatal(err)
		}
		for range 30 {
			if _, err := p.List(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if (waits.Load() > 0) != wants {
			t.Errorf("rate %v: %d waits", rate, waits.Load())
		}
	}
}
