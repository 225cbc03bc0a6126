package matih

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// do sends a request. A refusal of the credentials that outlives the client's
// own refresh is given one new login; after that it is a *platform.LoginError.
func (c *conn) do(ctx context.Context, r apihttp.Request) (*apihttp.Response, error) {
	res, err := c.http.Do(ctx, r)
	if !isStatus(err, http.StatusUnauthorized) {
		return res, tidy(err)
	}
	if res, err = c.http.Do(ctx, r); isStatus(err, http.StatusUnauthorized) {
		return nil, c.auth.refused("the server refuses the requests of a new login too: %s", reason(tidy(err)))
	}
	return res, tidy(err)
}

// tidy gives a refusal the sentence of the server's error object in place of the
// whole of it: FastAPI quotes what was sent, and that may hold a secret.
func tidy(err error) error {
	var e *apihttp.Error
	if !errors.As(err, &e) || e.HTML || len(e.Body()) == 0 {
		return err
	}
	if n, bad := asset.FromJSON(string(e.Body())); bad == nil {
		e.Message = refusal(n)
	}
	return err
}

// get reads a JSON answer.
func (c *conn) get(ctx context.Context, path string, q url.Values) (*yaml.Node, error) {
	res, err := c.do(ctx, apihttp.Request{Path: path, Query: q})
	if err != nil {
		return nil, err
	}
	n, err := parse(res.Body)
	if err != nil {
		return nil, fmt.Errorf("instance %s: GET %s: %w", c.instance, path, err)
	}
	return n, nil
}

// send writes. body, nil for none, has wire names. It returns the object of the
// answer, nil when the server sends nothing back. An answer that says
// success: false is an error whatever its status. PUT and DELETE are repeated
// after a lost connection, because doing them twice changes nothing more; a POST
// is not. 404 and 403 give errGone and errHidden, wrapped.
func (c *conn) send(ctx context.Context, method, path string, body *yaml.Node) (*yaml.Node, error) {
	r := apihttp.Request{Method: method, Path: path, Repeatable: method == http.MethodPut || method == http.MethodDelete}
	if body != nil {
		text, err := asset.ToJSON(body)
		if err != nil {
			return nil, fmt.Errorf("instance %s: %s %s: %w", c.instance, method, path, err)
		}
		r.Body, r.ContentType = []byte(text), "application/json"
	}
	res, err := c.do(ctx, r)
	if err != nil {
		return nil, named(err)
	}
	if len(res.Body) == 0 {
		return nil, nil
	}
	n, err := parse(res.Body)
	if err != nil {
		return nil, fmt.Errorf("instance %s: %s %s: %w", c.instance, method, path, err)
	}
	if object, _ := unwrap(n, c.m.dashboard, string(kindDashboard)); object != nil && c.m.dashboard.id(object) != "" {
		return object, nil
	}
	object, _ := unwrap(n, c.m.widget, string(kindWidget))
	return object, nil
}

// named makes 404, 410 and 403 answers errGone and errHidden.
func named(err error) error {
	switch {
	case isStatus(err, http.StatusNotFound) || isStatus(err, http.StatusGone):
		return fmt.Errorf("%w (%w)", errGone, err)
	case isStatus(err, http.StatusForbidden):
		return fmt.Errorf("%w (%w)", errHidden, err)
	}
	return err
}

func isStatus(err error, status int) bool {
	var e *apihttp.Error
	return errors.As(err, &e) && e.Status == status
}

// reason is what the server said in a refusal.
func reason(err error) string {
	var e *apihttp.Error
	switch {
	case !errors.As(err, &e):
		return err.Error()
	case e.Message != "":
		return e.Message
	case e.Reason != "":
		return e.Reason
	}
	return fmt.Sprintf("status %d", e.Status)
}
