package matih

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
)

// four is a dashboard of four widgets; differ of them have other content, and
// twin is appended to each uid.
func four(t tester, uid, title string, differ int, twin string) *asset.Asset {
	t.Helper()
	var b strings.Builder
	b.WriteString("visibility: team\nwidgets:\n")
	for i := range 4 {
		sql := "SELECT 1"
		if i < differ {
			sql = "SELECT 2"
		}
		fmt.Fprintf(&b, "  - {uid: w-%d%s, name: W%d, widget_type: table, position: {x: 0, y: %d, width: 6, height: 4}, data_source: {sql: %s}}\n", i, twin, i, i, sql)
	}
	return dash(t, uid, title, b.String())
}

func TestRecognize(t *testing.T) {
	for _, tc := range []struct {
		name        string
		live, known []*asset.Asset
		want        int
		reads       int // details
	}{
		{"equal", []*asset.Asset{four(t, "a", "T", 0, "")}, []*asset.Asset{four(t, "a", "T", 0, "")}, 1, 1},
		{"another title", []*asset.Asset{four(t, "a", "T", 0, "")}, []*asset.Asset{four(t, "a", "U", 0, "")}, 0, 0},
		{"twins live", []*asset.Asset{four(t, "a", "T", 0, ""), four(t, "b", "T", 0, "b")}, []*asset.Asset{four(t, "a", "T", 0, "")}, 0, 2},
		{"twins known", []*asset.Asset{four(t, "a", "T", 0, "")}, []*asset.Asset{four(t, "a", "T", 0, ""), four(t, "b", "T", 0, "b")}, 0, 1},
		{"same title, other content", []*asset.Asset{four(t, "a", "T", 0, ""), four(t, "b", "T", 4, "b")}, []*asset.Asset{four(t, "b", "T", 4, "b"), four(t, "a", "T", 0, "")}, 2, 2},
		{"half edited", []*asset.Asset{four(t, "a", "T", 2, "")}, []*asset.Asset{four(t, "a", "T", 0, "")}, 1, 1},
		{"more than half edited", []*asset.Asset{four(t, "a", "T", 3, "")}, []*asset.Asset{four(t, "a", "T", 0, "")}, 0, 1},
		{"edited, and two of that title", []*asset.Asset{four(t, "a", "T", 1, ""), four(t, "b", "T", 2, "b")}, []*asset.Asset{four(t, "a", "T", 0, "")}, 0, 2},
		{"one equal, the other edited", []*asset.Asset{four(t, "a", "T", 0, ""), four(t, "b", "T", 2, "b")}, []*asset.Asset{four(t, "a", "T", 0, ""), four(t, "b", "T", 3, "b")}, 2, 2},
		{"empty and edited", []*asset.Asset{dash(t, "a", "T", "visibility: team")}, []*asset.Asset{dash(t, "a", "T", "visibility: private")}, 0, 1},
		{"empty and equal", []*asset.Asset{dash(t, "a", "T", "visibility: team")}, []*asset.Asset{dash(t, "a", "T", "visibility: team")}, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, "")
			for _, a := range tc.live {
				r.write(a)
			}
			r.write(dash(t, "z", "Nobody asks for it", "visibility: team"))
			r.connect("")
			writes := r.s.Writes()
			r.s.ResetLog()
			n, err := r.c.Recognize(t.Context(), tc.known)
			if err != nil || n != tc.want {
				t.Fatalf("recognized %d, want %d, %v", n, tc.want, err)
			}
			if reads := r.s.Count(matihtest.Get); reads != tc.reads {
				t.Errorf("%d details read, want %d", reads, tc.reads)
			}
			if binds := r.ids.Binds(); binds != min(n, 1) {
				t.Errorf("%d durable writes", binds)
			}
			if r.s.Writes() != writes {
				t.Error("something was written")
			}
			bound := r.ids.Bound()
			if n == 0 && len(bound) > 0 {
				t.Errorf("bound %v", bound)
			}
			got := r.read()
			for _, a := range tc.known[:n] {
				if got[a.ID] == nil {
					t.Errorf("%s is not read back under its id", a.ID)
				}
			}
			if again, err := r.c.Recognize(t.Context(), tc.known); err != nil || n > 0 && again != 0 {
				t.Errorf("a second time: %d, %v", again, err)
			}
		})
	}
}

// TestRecognizedEditShowsAsAnEdit: widgets that changed keep their uid where
// title and type say which they are.
func TestRecognizedEditShowsAsAnEdit(t *testing.T) {
	r := newRig(t, "")
	edited := four(t, "a", "T", 2, "")
	r.write(edited)
	r.connect("")
	if n, err := r.c.Recognize(t.Context(), []*asset.Asset{four(t, "a", "T", 0, "")}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	r.same(edited)
}

// TestRecognizeTakesNothingThatIsBound: neither a dashboard that another asset is
// bound to, nor one for an asset whose own is there but not listed.
func TestRecognizeTakesNothingThatIsBound(t *testing.T) {
	r := newRig(t, "")
	a := four(t, "a", "T", 0, "")
	r.write(a)
	lost := four(t, "b", "T", 0, "b")
	if n, err := r.c.Recognize(t.Context(), []*asset.Asset{lost}); n != 0 || err != nil {
		t.Errorf("another asset's dashboard was taken: %d, %v", n, err)
	}
	server, _ := r.ids.Server(a.ID)
	other := newRigOn(t, r)
	other.connect("")
	other.write(four(t, "c", "T", 0, "c")) // an unbound twin appears
	r.s.Hide(server, true)
	if n, err := r.c.Recognize(t.Context(), []*asset.Asset{a}); n != 0 || err != nil {
		t.Errorf("a hidden dashboard was taken for lost: %d, %v", n, err)
	}
	r.s.Mend()
}

// TestRecognizeSaysWhatItCouldNotRead: a failing read is no reason to guess.
func TestRecognizeSaysWhatItCouldNotRead(t *testing.T) {
	r := newRig(t, "")
	r.write(four(t, "a", "T", 0, ""))
	for name, fault := range map[string]matihtest.Fault{
		"list": {Route: matihtest.List, Do: matihtest.Status(500)},
		"get":  {Route: matihtest.Get, Do: matihtest.Status(500)},
	} {
		r.connect("")
		r.s.Break(fault)
		if n, err := r.c.Recognize(t.Context(), []*asset.Asset{four(t, "a", "T", 0, "")}); n != 0 || err == nil {
			t.Errorf("%s: recognized %d, %v", name, n, err)
		}
		r.s.Mend()
	}
	var _ platform.Recognizer = r.c
}

// TestRecognizeAmongNamesakes: after the map was lost, a dashboard whose file has
// the uid that is minted anyway is that asset's, and no candidate for another one
// of its title.
func TestRecognizeAmongNamesakes(t *testing.T) {
	r := newRig(t, "")
	r.write(four(t, "a", "T", 0, ""))
	r.connect("") // as a pull sees what people made: under a minted uid
	known := []*asset.Asset{four(t, "b", "T", 0, "b")}
	for _, a := range r.read() {
		known = append(known, a)
	}
	r.write(four(t, "b", "T", 1, "b"))
	was, _ := r.ids.Server(known[0].ID)
	r.connect("") // the map is lost
	n, err := r.c.Recognize(t.Context(), known)
	if is, _ := r.ids.Server(known[0].ID); err != nil || n != 1 || is != was {
		t.Errorf("recognized %d, %v: it is %s and was %s", n, err, is, was)
	}
}

// TestRecognizeBesideAnUnreadableNamesake: an answer that cannot be read stays so,
// and an error would end each pull of all other dashboards. It could be any of its
// title, so none of that title is recognized.
func TestRecognizeBesideAnUnreadableNamesake(t *testing.T) {
	list := `{"data":[{"id":"d-1","name":"T"},{"id":"d-2","name":"T"},{"id":"d-3","name":"U"}],"total":3}`
	c := connect(t, &wire{answer: fixed(map[string]string{
		"/api/v1/bi/dashboards":     list,
		"/api/v1/bi/dashboards/d-1": `{"id":"d-1","name":"T","visibility":"team","widgets":[],"widget_count":7}`,
		"/api/v1/bi/dashboards/d-2": `{"id":"d-2","name":"T","visibility":"team","widgets":[]}`,
		"/api/v1/bi/dashboards/d-3": `{"id":"d-3","name":"U","visibility":"team","widgets":[]}`,
	})}, "")
	n, err := c.Recognize(t.Context(), []*asset.Asset{dash(t, "a", "T", "visibility: team"), dash(t, "b", "U", "visibility: team")})
	if n != 1 || err != nil {
		t.Errorf("recognized %d, %v", n, err)
	}
}
