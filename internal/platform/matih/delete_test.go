package matih

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
)

func TestDelete(t *testing.T) {
	r := newRig(t, "")
	a, b := revenue(t), dash(t, "u-2", "Other", "visibility: private")
	r.write(a)
	r.write(b)
	for range 2 { // what is not there is no error
		if err := r.c.Delete(t.Context(), a.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.c.Delete(t.Context(), asset.ID{Kind: kindDashboard, UID: "never seen"}); err != nil {
		t.Error(err)
	}
	r.same(b)
	r.write(a) // it comes back, with the same uids on new server ids
	r.same(a, b)

	for name, fault := range map[string]matihtest.Behaviour{"403": matihtest.Status(403), "500": matihtest.Status(500), "503": matihtest.Status(503)} {
		r.s.Break(matihtest.Fault{Route: matihtest.Delete, Do: fault})
		err := r.c.Delete(t.Context(), a.ID)
		if err == nil || !strings.Contains(err.Error(), a.ID.String()) || !strings.Contains(err.Error(), `"Q4 Revenue Dashboard"`) {
			t.Errorf("%s: %v names neither id nor title", name, err)
		}
		r.s.Mend()
	}
	r.s.Break(matihtest.Fault{Route: matihtest.Delete, Times: 1, Do: matihtest.DropAnswer()})
	if err := r.c.Delete(t.Context(), b.ID); err != nil {
		t.Errorf("done, and its answer lost: %v", err)
	}
	r.same(a)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.c.Delete(ctx, a.ID); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	r.same(a)
}
