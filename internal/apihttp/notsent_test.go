package apihttp_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/apihttp"
)

// loginThatFails logs in over the same client, as connectors do.
type loginThatFails struct{ c *apihttp.Client }

func (l *loginThatFails) Apply(ctx context.Context, _ *http.Request) error {
	return l.c.JSON(ctx, apihttp.Request{Path: "/login", NoAuth: true}, new(any))
}
func (l *loginThatFails) Refresh(context.Context) error { return errors.New("not reached") }

// NB1: a server that is away costs the waits of one request, not those of the
// request times those of the login it waits for.
func TestNB1_UnreachableLoginIsNotRepeatedTwice(t *testing.T) {
	waits := 0
	login := &loginThatFails{}
	c, err := apihttp.New(apihttp.Options{Instance: "prod", BaseURL: "http://127.0.0.1:1", Auth: login,
		Sleep: func(context.Context, time.Duration) error { waits++; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	login.c = c
	err = c.JSON(t.Context(), apihttp.Request{Path: "/list"}, new(any))
	var network *apihttp.NetworkError
	if !errors.As(err, &network) || network.Kind != apihttp.Unreachable {
		t.Fatalf("got %v", err)
	}
	if waits != 4 {
		t.Errorf("%d waits, want the 4 between 5 tries", waits)
	}
}
