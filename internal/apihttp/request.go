package apihttp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Request is one question to the server. It is sent again from these values
// when it is repeated, so it must not be changed while under way.
type Request struct {
	Method      string // GET when empty
	Path        string // below the base URL, not escaped: "/api/v1/chart/"
	Query       url.Values
	Header      http.Header // in addition; credentials come from Auth
	Body        []byte
	ContentType string // of Body
	// Accept is what to ask for; "application/json" when empty. Superset answers
	// errors as HTML pages without it (measured, 4.1.4 to 6.1.0).
	Accept string
	// Want lists the media types an answer may have; the default is JSON for Do,
	// JSON and Get, and zip for Download.
	Want []string
	// Repeatable allows repetition of what is not a GET or HEAD after a failure
	// that leaves open whether the server has acted.
	Repeatable bool
	// NotModified takes status 304 for a wanted answer, without a body: for
	// requests with If-None-Match.
	NotModified bool
	// Redirects takes a 3xx for a wanted answer, whose header says where it leads.
	// It is not followed: for logins by a form, which answer so.
	Redirects bool
	NoAuth    bool          // sent without Auth and without login again: the login itself
	Limit     int64         // bytes of the answer; 0 for the client's limit
	Timeout   time.Duration // of one try; 0 for the client's
	// Check judges a downloaded body. Its error counts as a cut answer: the
	// request is repeated like one. Use it where a server may end a body early
	// without saying so.
	Check func(*File) error
}

// Response is an answer of status 2xx, or 3xx where that was wanted.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request and returns the whole answer. Errors: *Error for an answer
// that is not the one wanted, *NetworkError when there was none, the cause of
// ctx when it ended, and what Auth returned.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	if len(r.Want) == 0 {
		r.Want = []string{"application/json"}
	}
	setDefault(&r.Limit, c.o.MaxJSON)
	setDefault(&r.Timeout, c.o.Timeout)
	var out *Response
	err := c.send(ctx, r, func(_ *attempt, res *http.Response, body io.Reader) error {
		b, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		out = &Response{Status: res.StatusCode, Header: res.Header, Body: b}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// JSON sends a request and decodes the answer into out, which may be nil when
// only success matters. An answer that ends early is repeated like a lost
// connection; any other that does not decode is an *Error.
func (c *Client) JSON(ctx context.Context, r Request, out any) error {
	if len(r.Want) == 0 {
		r.Want = []string{"application/json"}
	}
	setDefault(&r.Limit, c.o.MaxJSON)
	setDefault(&r.Timeout, c.o.Timeout)
	return c.send(ctx, r, func(a *attempt, res *http.Response, body io.Reader) error {
		b, err := io.ReadAll(body)
		if err != nil || out == nil || res.StatusCode == http.StatusNoContent {
			return err
		}
		if len(b) == 0 && res.ContentLength == 0 {
			return a.answerError(res.StatusCode, "an empty answer in place of JSON", nil)
		}
		return a.decode(res.StatusCode, b, out)
	})
}

func (a *attempt) decode(status int, b []byte, out any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	err := dec.Decode(out)
	if err == nil {
		if _, err = dec.Token(); err == io.EOF {
			return nil
		}
		return a.answerError(status, "JSON was expected and more followed it", b)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &cutError{fmt.Errorf("the JSON answer ends after %d bytes", len(b))}
	}
	// The decoder's own text can quote the answer, so it is not passed on.
	if typed := (*json.UnmarshalTypeError)(nil); errors.As(err, &typed) {
		return a.answerError(status, fmt.Sprintf("%s was expected in field %q, which holds a %s", typed.Type, typed.Field, typed.Value), b)
	}
	return a.answerError(status, "the answer is not JSON", b)
}

// Get asks for path and decodes the JSON answer into out.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	return c.JSON(ctx, Request{Path: path, Query: query}, out)
}

// Send sends in as JSON by the given method and decodes the answer into out,
// which may be nil.
func (c *Client) Send(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("instance %s: %s %s: encode the request: %w", c.o.Instance, method, path, err)
	}
	return c.JSON(ctx, Request{Method: method, Path: path, Body: body, ContentType: "application/json"}, out)
}

// build makes the HTTP request anew for each try.
func (c *Client) build(ctx context.Context, r Request) (*http.Request, error) {
	u := *c.base
	u.Path = c.base.Path + "/" + strings.TrimPrefix(r.Path, "/")
	u.RawQuery = r.Query.Encode()
	var body io.Reader
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method(), u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("instance %s: %s %s: the request cannot be made", c.o.Instance, r.method(), r.Path)
	}
	for k, vs := range r.Header {
		req.Header[http.CanonicalHeaderKey(k)] = append([]string(nil), vs...)
	}
	setHeader(req.Header, "Accept", r.Accept)
	setHeader(req.Header, "Accept", "application/json")
	setHeader(req.Header, "Content-Type", r.ContentType)
	setHeader(req.Header, "User-Agent", c.o.UserAgent)
	return req, nil
}

func setHeader(h http.Header, key, value string) {
	if value != "" && h.Get(key) == "" {
		h.Set(key, value)
	}
}

func (r Request) method() string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}

// safe reports whether repeating the request cannot do harm.
func (r Request) safe() bool {
	return r.Repeatable || r.method() == http.MethodGet || r.method() == http.MethodHead
}
