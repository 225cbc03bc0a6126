package importer_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// slowServer takes its time for each import, or hangs until it is told to stop.
type slowServer struct {
	*server
	takes time.Duration
	stop  func() // called in the middle of the first import
}

func (s *slowServer) Import(ctx context.Context, as []*asset.Asset, known *asset.Set) []asset.Result {
	if len(s.calls) == 0 {
		s.stop()
	}
	select {
	case <-time.After(s.takes):
		return s.server.Import(ctx, as, known)
	case <-ctx.Done():
		return []asset.Result{{ID: as[0].ID, Err: context.Cause(ctx)}}
	}
}

var errAsked = errors.New("stopped by terminated")

// stopped applies a chart and a dashboard made of it, and is asked to stop while the
// chart is written.
func stopped(t *testing.T, takes time.Duration) (*slowServer, *importer.Outcome, time.Duration) {
	dep := asset.ID{Kind: "chart", UID: "u1"}
	s := &slowServer{server: newServer(), takes: takes}
	p, err := importer.MakePlan(set(t, doc(t, "u1", "1", "1"), kindDoc(t, "dashboard", "u2", "1", "1", dep)), s.set(t), nil, always(importer.Always))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	begin := time.Now()
	s.stop = func() { cancel(errAsked) }
	var pre []asset.ID
	o := s.options(&pre)
	o.Read = func(ctx context.Context, ids []asset.ID) (*asset.Set, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return s.read(ctx, ids)
	}
	out, err := importer.Apply(ctx, s, p, o)
	if err != nil {
		t.Fatal(err)
	}
	return s, out, time.Since(begin)
}

// CR7: what is in hand when a run is asked to stop is finished and read back, and what
// was not begun is not.
func TestCR7_WhatIsInHandIsFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, out, took := stopped(t, 5*time.Second)
		if len(s.has) != 1 || took != 5*time.Second {
			t.Errorf("%d assets written in %s", len(s.has), took)
		}
		i := slices.IndexFunc(out.Done, func(d importer.Done) bool { return d.ID.UID == "u1" })
		if d := out.Done[i]; !d.Verified || d.Err != nil {
			t.Errorf("the chart: %+v", d)
		}
		if f := out.Failed(); len(f) != 1 || f[0].Taken || !strings.Contains(f[0].Err.Error(), "not written") {
			t.Errorf("failed: %+v", f)
		}
	})
}

// CR7: a server that does not answer cannot hold up a stop.
func TestCR7_AStopDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, out, took := stopped(t, time.Hour)
		if took != 10*time.Second || len(out.Failed()) != 2 || !errors.Is(out.Failed()[0].Err, errAsked) {
			t.Errorf("%s: %+v", took, out.Failed())
		}
	})
}
