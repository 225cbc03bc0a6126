package apihttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Retry says how long to keep trying.
type Retry struct {
	MaxTries int           // 5
	Initial  time.Duration // first wait; 500 ms, doubled each time, give or take half
	MaxWait  time.Duration // longest single wait, also when Retry-After asks for more; 1 minute
	Budget   time.Duration // of all waits of one request; 3 minutes
}

func (r *Retry) setDefaults() {
	setDefault(&r.MaxTries, 5)
	setDefault(&r.Initial, 500*time.Millisecond)
	setDefault(&r.MaxWait, time.Minute)
	setDefault(&r.Budget, 3*time.Minute)
}

func (r Retry) backoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier = r.Initial, r.MaxWait, 2
	b.Reset()
	return b
}

// send tries until the answer is wanted, the failure is final, or the budget is
// spent. One refusal of the credentials leads to one refresh and does not count
// as a try.
func (c *Client) send(ctx context.Context, r Request, read reader) error {
	waits := c.o.Retry.backoff()
	var waited time.Duration
	refreshed := false
	for try := 1; ; try++ {
		a := &attempt{c: c, r: r}
		began := c.o.Now()
		err := a.run(ctx, read)
		c.logTry(ctx, r, try, began, err)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return c.ended(ctx, r)
		}
		var unready *notSent
		if errors.As(err, &unready) {
			return unready.err
		}
		if !refreshed && c.refused(r, err) {
			refreshed = true
			if err := c.refresh(ctx, a.gen); err != nil {
				return err
			}
			try--
			continue
		}
		wait, again := c.wait(r, err, waits)
		if !again || try >= c.o.Retry.MaxTries || waited+wait > c.o.Retry.Budget {
			return tried(err, try)
		}
		waited += wait
		c.o.Log.WarnContext(ctx, "request is repeated", "instance", c.o.Instance, "wait", wait, "try", try, "error", err.Error())
		if err := c.o.Sleep(ctx, wait); err != nil {
			return c.ended(ctx, r)
		}
	}
}

// wait says whether the request may be sent again, and when.
func (c *Client) wait(r Request, err error, waits backoff.BackOff) (time.Duration, bool) {
	var answer *Error
	var network *NetworkError
	switch {
	case errors.As(err, &answer):
		if !answer.Temporary() || !(r.safe() || notProcessed(answer)) {
			return 0, false
		}
		d := waits.NextBackOff()
		if answer.retryAfter > 0 {
			d = min(answer.retryAfter, c.o.Retry.MaxWait)
			c.pause(d)
		}
		return d, true
	case errors.As(err, &network):
		return waits.NextBackOff(), network.Temporary() && (r.safe() || !network.sent)
	}
	return 0, false
}

// notProcessed reports that the server surely has not acted on the request.
func notProcessed(e *Error) bool {
	return e.Status == http.StatusTooManyRequests || (e.Status == http.StatusServiceUnavailable && e.retryAfter > 0)
}

// retryAfter reads seconds or an HTTP date; 0 when there is no usable wait.
func retryAfter(s string, now time.Time) time.Duration {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return time.Duration(min(n, 1<<31)) * time.Second
	} else if errors.Is(err, strconv.ErrRange) {
		return 1 << 31 * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

// tried notes how often a request was sent in vain.
func tried(err error, tries int) error {
	if tries < 2 {
		return err
	}
	var answer *Error
	var network *NetworkError
	switch {
	case errors.As(err, &answer):
		answer.Tries = tries
	case errors.As(err, &network):
		network.Tries = tries
	}
	return err
}

// ended is the error of a request whose context ended.
func (c *Client) ended(ctx context.Context, r Request) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return fmt.Errorf("instance %s: %s %s: %w", c.o.Instance, r.method(), c.o.Redactor.Scrub(r.Path), err)
}

func (c *Client) logTry(ctx context.Context, r Request, try int, began time.Time, err error) {
	outcome := "ok"
	var answer *Error
	var network *NetworkError
	switch {
	case errors.As(err, &answer):
		outcome = strconv.Itoa(answer.Status)
	case errors.As(err, &network):
		outcome = string(network.Kind)
	case err != nil:
		outcome = "failed"
	}
	c.o.Log.DebugContext(ctx, "request", "instance", c.o.Instance, "method", r.method(), "path", c.o.Redactor.Scrub(r.Path),
		"try", try, "took", c.o.Now().Sub(began), "outcome", outcome)
}
