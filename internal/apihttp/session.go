package apihttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// session counts the generations of credentials, so that many requests refused
// at once lead to one login.
type session struct {
	lock chan struct{} // held while refreshing

	mu  sync.Mutex
	gen int
	err error // of the refresh that ended the last generation

	headers   sync.Mutex
	forHeader map[string]string // nil: to be fetched
}

func (s *session) generation() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gen
}

// refused reports whether err asks for a new login and one is possible.
func (c *Client) refused(r Request, err error) bool {
	var e *Error
	if !errors.As(err, &e) || !c.o.Expired(e) {
		return false
	}
	return (c.o.Auth != nil && !r.NoAuth) || (c.o.Auth == nil && len(c.o.Headers) > 0)
}

// refresh replaces the credentials of generation gen. When another request has
// done so meanwhile, its outcome holds: a refused login is not tried once per
// waiting request, which could lock the account.
func (c *Client) refresh(ctx context.Context, gen int) error {
	s := &c.session
	select {
	case s.lock <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-s.lock }()
	s.mu.Lock()
	now, last := s.gen, s.err
	s.mu.Unlock()
	if now != gen {
		return last
	}
	s.headers.Lock()
	s.forHeader = nil
	s.headers.Unlock()
	var err error
	if c.o.Auth != nil {
		err = c.o.Auth.Refresh(ctx)
	}
	if err != nil && ctx.Err() != nil {
		return err // only this request gave up; the next one in line tries
	}
	s.mu.Lock()
	s.gen, s.err = s.gen+1, err
	s.mu.Unlock()
	return err
}

// proxyHeaders adds the configured headers.
func (c *Client) proxyHeaders(ctx context.Context, h http.Header) error {
	if len(c.o.Headers) == 0 {
		return nil
	}
	s := &c.session
	s.headers.Lock()
	defer s.headers.Unlock()
	if s.forHeader == nil {
		got := make(map[string]string, len(c.o.Headers))
		for name, v := range c.o.Headers {
			text, err := v.Resolve(ctx)
			if err != nil {
				return fmt.Errorf("instance %s: auth.headers %s: %w", c.o.Instance, name, err)
			}
			got[name] = text
		}
		s.forHeader = got
	}
	for name, v := range s.forHeader {
		h.Set(name, v)
	}
	return nil
}
