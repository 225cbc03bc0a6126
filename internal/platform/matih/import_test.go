package matih

import (
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
)

func TestImportWritesOnlyWhatDiffers(t *testing.T) {
	r := newRig(t, "")
	a := revenue(t)
	r.write(a)
	r.same(a)
	counts := func(want map[matihtest.Route]int) {
		t.Helper()
		for _, route := range []matihtest.Route{matihtest.Create, matihtest.Put, matihtest.AddWidget, matihtest.PutWidget, matihtest.DeleteWidget, matihtest.Share} {
			if n := r.s.Count(route); n != want[route] {
				t.Errorf("%s: %d requests, want %d", route, n, want[route])
			}
		}
		r.s.ResetLog()
	}
	counts(map[matihtest.Route]int{matihtest.Create: 1, matihtest.AddWidget: 3})
	if n := r.ids.Binds(); n != 2 {
		t.Errorf("%d durable writes of the map, want one for the dashboard and one for its widgets", n)
	}
	r.write(a)
	counts(nil)
	b := edited(t, a, "all regions", "all of them")
	r.write(b)
	r.same(b)
	counts(map[matihtest.Route]int{matihtest.PutWidget: 1})
	c := edited(t, b, "Quarterly revenue analysis across regions", "Other words")
	r.write(c)
	r.same(c)
	counts(map[matihtest.Route]int{matihtest.Put: 1})
}
