package apihttp_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/apihttp"
)

// refuses answers with a status the first times, then 200.
func refuses(times int, status int, retryAfter string, asked *atomic.Int32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if int(asked.Add(1)) > times {
			answer(w, 200, `{}`)
			return
		}
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		answer(w, status, `{"message":"later"}`)
	})
}

func TestNB2_RetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"1":                              time.Second,
		" 17 ":                           17 * time.Second,
		"60":                             time.Minute,
		"61":                             time.Minute, // capped
		"86400":                          time.Minute,
		"99999999999999999999999":        time.Minute,
		"Sun, 22 Nov 2026 12:00:30 GMT":  30 * time.Second,
		"Sunday, 22-Nov-26 12:00:30 GMT": 30 * time.Second,
		"Mon, 22 Nov 2027 12:00:00 GMT":  time.Minute,
		"Sun, 22 Nov 2026 11:00:00 GMT":  0, // past: back off as usual
		"0":                              0,
		"-5":                             0,
		"1.5":                            0,
		"soon":                           0,
		"":                               0,
	} {
		for _, status := range []int{429, 503} {
			var asked atomic.Int32
			c, ck := connect(t, refuses(1, status, header, &asked), nil)
			if err := c.Get(t.Context(), "/x", nil, nil); err != nil || asked.Load() != 2 {
				t.Errorf("%d %q: %v after %d requests", status, header, err, asked.Load())
			}
			got := ck.total()
			if want > 0 && got != want {
				t.Errorf("%d %q: waited %s, want %s", status, header, got, want)
			}
			if want == 0 && (got < 250*time.Millisecond || got > 750*time.Millisecond) {
				t.Errorf("%d %q: backed off %s", status, header, got)
			}
		}
	}
}

func TestNB2_WhatIsRepeated(t *testing.T) {
	for _, tc := range []struct {
		method     string
		repeatable bool
		status     int
		retryAfter string
		want       int // requests
	}{
		{"GET", false, 429, "", 2},
		{"GET", false, 502, "", 2},
		{"GET", false, 503, "", 2},
		{"GET", false, 504, "", 2},
		{"HEAD", false, 503, "", 2},
		{"GET", false, 500, "", 1},
		{"GET", false, 404, "", 1},
		{"GET", false, 400, "9", 1},
		{"GET", false, 501, "9", 1},
		{"POST", false, 429, "", 2},  // surely not processed
		{"POST", false, 503, "3", 2}, // said so itself
		{"POST", false, 503, "", 1},
		{"POST", false, 502, "", 1},
		{"POST", false, 504, "5", 1},
		{"PUT", false, 503, "", 1},
		{"DELETE", false, 502, "", 1},
		{"POST", true, 502, "", 2},
		{"PUT", true, 504, "", 2},
		{"POST", true, 500, "", 1},
	} {
		var asked atomic.Int32
		c, ck := connect(t, refuses(1, tc.status, tc.retryAfter, &asked), nil)
		err := c.JSON(t.Context(), apihttp.Request{Method: tc.method, Path: "/x", Body: []byte("{}"), Repeatable: tc.repeatable}, nil)
		if int(asked.Load()) != tc.want || (err == nil) != (tc.want == 2) || len(ck.waits) != tc.want-1 {
			t.Errorf("%+v: %d requests, waits %v, %v", tc, asked.Load(), ck.waits, err)
		}
	}
}

func TestNB2_GivesUpWithinTheBudget(t *testing.T) {
	for _, tc := range []struct {
		retryAfter string
		change     func(*apihttp.Options)
		tries      int32
		most       time.Duration
	}{
		{"", nil, 5, 12 * time.Second},
		{"3600", nil, 4, 3 * time.Minute},
		{"30", func(o *apihttp.Options) { o.Retry.Budget = time.Minute }, 3, time.Minute},
		{"", func(o *apihttp.Options) { o.Retry.MaxTries = 1 }, 1, 0},
		{"", func(o *apihttp.Options) { o.Retry.MaxTries, o.Retry.MaxWait = 9, time.Second }, 9, 12 * time.Second},
	} {
		var asked atomic.Int32
		c, ck := connect(t, refuses(1000, 503, tc.retryAfter, &asked), tc.change)
		err := c.Get(t.Context(), "/x", nil, nil)
		var e *apihttp.Error
		if !errors.As(err, &e) || e.Status != 503 || asked.Load() != tc.tries || ck.total() > tc.most {
			t.Errorf("%q: %d requests, waited %s, %v", tc.retryAfter, asked.Load(), ck.total(), err)
		}
		if tries := fmt.Sprintf("later (after %d tries)", tc.tries); tc.tries > 1 && !strings.HasSuffix(err.Error(), tries) {
			t.Errorf("%v", err)
		}
	}
}

func TestNB2_OneRefusalHoldsAllRequestsOfTheServer(t *testing.T) {
	var asked atomic.Int32
	c, ck := connect(t, refuses(1, 429, "40", &asked), func(o *apihttp.Options) { o.Retry.MaxTries = 1 })
	other, otherClock := connect(t, refuses(0, 0, "", new(atomic.Int32)), nil)
	if err := c.Get(t.Context(), "/a", nil, nil); err == nil {
		t.Fatal("the refusal is lost")
	}
	if err := c.Get(t.Context(), "/b", nil, nil); err != nil || ck.total() != 40*time.Second {
		t.Errorf("the next request waited %s, %v", ck.total(), err)
	}
	if err := other.Get(t.Context(), "/a", nil, nil); err != nil || otherClock.total() != 0 {
		t.Errorf("another server waited %s, %v", otherClock.total(), err)
	}
}

func TestNB2_BodyIsSentAgainWhole(t *testing.T) {
	var bodies []string
	c, _ := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			t.Error(err)
		}
		f, _, err := r.FormFile("formData")
		if err != nil {
			t.Error(err)
			return
		}
		b := make([]byte, 100)
		n, _ := f.Read(b)
		bodies = append(bodies, string(b[:n])+r.FormValue("overwrite"))
		if len(bodies) < 3 {
			answer(w, 429, `{}`)
			return
		}
		answer(w, 200, `{"message":"OK"}`)
	}), nil)
	body, contentType, err := apihttp.Form(
		apihttp.Part{Name: "formData", FileName: "a\"b.zip", ContentType: "application/zip", Data: []byte("zip-bytes ")},
		apihttp.Part{Name: "overwrite", Data: []byte("true")})
	if err != nil {
		t.Fatal(err)
	}
	err = c.JSON(t.Context(), apihttp.Request{Method: "POST", Path: "/import/", Body: body, ContentType: contentType}, nil)
	if err != nil || strings.Join(bodies, "|") != "zip-bytes true|zip-bytes true|zip-bytes true" {
		t.Errorf("%q, %v", bodies, err)
	}
}

func TestWithoutABoundNothingWaits(t *testing.T) {
	c, ck := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, `{}`) }),
		func(o *apihttp.Options) { o.Rate = -1 })
	for range 100 {
		if err := c.Get(t.Context(), "/x", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(ck.waits) > 0 {
		t.Errorf("waited %v", ck.waits)
	}
}

func TestRateAndNumberAtOnceAreBounded(t *testing.T) {
	var now, most atomic.Int32
	gate := make(chan struct{})
	c, ck := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-gate
		now.Add(-1)
		answer(w, 200, `{}`)
	}), func(o *apihttp.Options) { o.Concurrency, o.Rate = 3, 10 })
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			if err := c.Get(t.Context(), "/x", nil, nil); err != nil {
				t.Error(err)
			}
		})
	}
	for range 30 {
		gate <- struct{}{}
	}
	wg.Wait()
	if most.Load() > 3 {
		t.Errorf("%d requests at once", most.Load())
	}
	if len(ck.waits) == 0 {
		t.Error("30 requests at 10 a second waited for nothing")
	}
}
