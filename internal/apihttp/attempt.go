package apihttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dashkeep/dashkeep/internal/secret"
)

// attempt is one try of a request.
type attempt struct {
	c   *Client
	r   Request
	gen int // of the credentials it was sent with
	req *http.Request
}

// reader takes the body of a wanted answer.
type reader func(a *attempt, res *http.Response, body io.Reader) error

// run sends the request once and hands a wanted answer to read.
func (a *attempt) run(ctx context.Context, read reader) error {
	if err := a.prepare(ctx); err != nil {
		return &notSent{err}
	}
	if err := a.c.waitTurn(ctx); err != nil {
		return err
	}
	defer a.c.release()
	ctx, stop := context.WithTimeoutCause(ctx, a.r.Timeout, errTimeout)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	// The transport itself and not an http.Client, which follows redirects: that
	// would send credentials to wherever the server, or who answers for it, says.
	res, err := a.c.o.Transport.RoundTrip(a.req.WithContext(ctx))
	if err != nil {
		return a.networkError(ctx, err)
	}
	if a.c.o.Pause != nil {
		if d := a.c.o.Pause(res.Header, a.c.o.Now()); d > 0 {
			a.c.pause(min(d, a.c.o.Retry.MaxWait))
		}
	}
	body := newBodyReader(res.Body, a.r.Limit, a.c.o.StallTimeout, func() { cancel(errStalled) })
	defer body.close()
	if err := a.judge(res, body); err != nil {
		return err
	}
	err = read(a, res, body)
	var cut *cutError
	switch {
	case errors.Is(body.err, errTooLarge):
		return a.answerError(res.StatusCode, fmt.Sprintf("the answer is larger than %d MB", a.r.Limit>>20), nil)
	case body.err != nil:
		return a.networkError(ctx, body.err)
	case errors.As(err, &cut):
		return a.networkError(ctx, err)
	}
	return err
}

// notSent marks an error of getting a request ready. Logging in is a request of
// its own with tries of its own, so the one that waits for it is not repeated:
// an unreachable server would cost the product of both.
type notSent struct{ err error }

func (e *notSent) Error() string { return e.err.Error() }
func (e *notSent) Unwrap() error { return e.err }

// prepare builds the request with its credentials. It comes before the slot is
// taken, because a login takes a slot of its own.
func (a *attempt) prepare(ctx context.Context) error {
	a.gen = a.c.session.generation()
	req, err := a.c.build(ctx, a.r)
	if err != nil {
		return err
	}
	a.req = req
	if err := a.c.proxyHeaders(ctx, req.Header); err != nil {
		return err
	}
	if a.c.o.Auth == nil || a.r.NoAuth {
		return nil
	}
	return a.c.o.Auth.Apply(ctx, req)
}

// judge is nil for an answer of the wanted kind.
func (a *attempt) judge(res *http.Response, body *bodyReader) error {
	switch {
	case res.StatusCode == http.StatusNotModified && a.r.NotModified:
		return nil
	case res.StatusCode/100 == 3 && a.r.Redirects:
		return nil
	case res.StatusCode/100 == 3:
		e := a.answerError(res.StatusCode, "it redirects to "+target(res)+", which is not followed; when the server has moved, set url to where it is now", nil)
		e.Redirect = target(res)
		return e
	case res.StatusCode/100 != 2:
		e := a.unwanted(res, body, "")
		e.retryAfter = retryAfter(res.Header.Get("Retry-After"), a.c.o.Now())
		return e
	case res.StatusCode == http.StatusNoContent || res.ContentLength == 0:
		return nil
	}
	if got := mediaType(res); !a.r.wants(got) {
		if got == "" {
			got = "an answer without a type"
		}
		return a.unwanted(res, body, fmt.Sprintf("%s in place of %s", OneLine(got, 60), strings.Join(a.r.Want, " or ")))
	}
	return nil
}

// unwanted reads what came instead of the wanted answer.
func (a *attempt) unwanted(res *http.Response, body *bodyReader, reason string) *Error {
	b, _ := io.ReadAll(io.LimitReader(body, maxErrorBody)) // a cut error text is still worth showing
	html := mediaType(res) == "text/html"
	if html {
		reason = "HTML in place of " + strings.Join(a.r.Want, " or ") + ": a login page or a proxy answered, not the API"
	}
	e := a.answerError(res.StatusCode, reason, b)
	e.HTML = html
	if html {
		e.Message = OneLine(string(e.body), 80)
	}
	return e
}

func (r Request) wants(mediaType string) bool {
	if slices.Contains(r.Want, mediaType) {
		return true
	}
	return strings.HasSuffix(mediaType, "+json") && slices.Contains(r.Want, "application/json")
}

func mediaType(res *http.Response) string {
	t, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// target is where a redirect leads, without query and credentials.
func target(res *http.Response) string {
	u, err := url.Parse(res.Header.Get("Location"))
	if err != nil || (u.Host == "" && u.Path == "") {
		return "an address that cannot be read"
	}
	if res.Request != nil {
		u = res.Request.URL.ResolveReference(u)
	}
	return OneLine((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String(), 200)
}

// scrub removes known secrets and the credentials this very request carried, in
// a header or, as a login does, in a JSON body: a server or proxy may echo them.
func (a *attempt) scrub(s string) string {
	s = a.c.o.Redactor.Scrub(s)
	if a.req == nil || s == "" {
		return s
	}
	var sent secret.Redactor
	if a.r.NoAuth {
		addTexts(&sent, a.r.Body)
	}
	for name, values := range a.req.Header {
		switch name {
		case "Accept", "Content-Type", "User-Agent", "Referer":
			continue
		}
		for _, v := range values {
			sent.Add(v)
			sent.Add(strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ';' })...)
			if _, value, ok := strings.Cut(v, "="); ok {
				sent.Add(value)
			}
		}
	}
	return sent.Scrub(s)
}

// addTexts adds every text of a JSON object.
func addTexts(r *secret.Redactor, body []byte) {
	var fields map[string]any
	if json.Unmarshal(body, &fields) != nil {
		return
	}
	for _, v := range fields {
		if text, ok := v.(string); ok {
			r.Add(text)
		}
	}
}

// release gives the slot back.
func (c *Client) release() { <-c.slots }

// waitTurn holds the request until the server's pause, the rate and the number
// of requests at once allow it. It takes a slot when it returns nil.
func (c *Client) waitTurn(ctx context.Context) error {
	for {
		c.mu.Lock()
		wait := c.paused.Sub(c.o.Now())
		c.mu.Unlock()
		if wait <= 0 {
			break
		}
		if err := c.o.Sleep(ctx, wait); err != nil {
			return err
		}
	}
	now := c.o.Now()
	if wait := c.limit.ReserveN(now, 1).DelayFrom(now); wait > 0 {
		if err := c.o.Sleep(ctx, wait); err != nil {
			return err
		}
	}
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pause makes every request of this client wait: what one was told holds for
// all.
func (c *Client) pause(d time.Duration) {
	until := c.o.Now().Add(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	if until.After(c.paused) {
		c.paused = until
	}
}
