package superset_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// trasher is importer.Trasher.
type trasher interface {
	Trash(ctx context.Context, id asset.ID) (kept string, err error)
}

// TestTrash: where the server has SOFT_DELETE on, as master may, what is deleted is
// said to be kept, by the server's own list, and comes back as it was by an import.
func TestTrash(t *testing.T) {
	for _, v := range versions {
		for _, soft := range []bool{false, true} {
			var opts []st.Option
			if soft {
				if v != versions[0] {
					continue // no older one has it
				}
				opts = append(opts, st.WithSoftDelete())
			}
			r := simRig(t, v, opts...)
			r.rich()
			want := readAll(t, r.p)
			rows := map[asset.ID]int{}
			gone := 0
			for _, k := range []asset.Kind{st.Dashboard, st.Chart, st.Dataset, st.Database} {
				for id := range of(want, k) {
					if k != st.Database {
						it, err := r.api.Find(t.Context(), string(k), id.UID)
						if err != nil {
							t.Fatal(err)
						}
						rows[id] = it.ID
					}
					if k == st.Database && soft {
						continue // its datasets are hidden and still there
					}
					kept, err := r.p.(trasher).Trash(t.Context(), id)
					if err != nil {
						t.Fatal(err)
					}
					if is := strings.Contains(kept, "/api/v1/"+string(k)+"/"+id.UID+"/restore"); is != (soft && k != st.Database) {
						t.Errorf("%s, soft delete %t: %s: %q", v, soft, id, kept)
					}
					gone++
				}
			}
			if got := readAll(t, r.p); len(got) != len(want)-gone {
				t.Errorf("%s, soft delete %t: %d of %d left after %d deletions", v, soft, len(got), len(want), gone)
			}
			r.write(want)
			same(t, v, want, readAll(t, r.p))
			for id, row := range rows {
				it, err := r.api.Find(t.Context(), string(id.Kind), id.UID)
				if err != nil {
					t.Fatal(err)
				}
				if soft && it.ID != row {
					t.Errorf("%s is row %d and was %d: made anew instead of brought back", id, it.ID, row)
				}
			}
		}
	}
}

// TestTrashUnsaid: what the server does not say is not promised.
func TestTrashUnsaid(t *testing.T) {
	r := simRig(t, versions[0], st.WithSoftDelete())
	r.rich()
	for id := range of(readAll(t, r.p), st.Dashboard) {
		r.sim.Break(st.Fault{Method: "GET", Path: "/api/v1/dashboard/", Do: st.Status(500)})
		kept, err := r.p.(trasher).Trash(t.Context(), id)
		if err != nil || strings.Contains(kept, "restore") || !strings.Contains(kept, "did not say") {
			t.Errorf("%q, %v", kept, err)
		}
	}
}

// TestEditorsInPlaceOfOwners: a server that knows no owners and no roles is given
// none, which is named once per asset, and shows none, which is not nobody.
func TestEditorsInPlaceOfOwners(t *testing.T) {
	from := simRig(t, versions[0])
	from.rich()
	want := readAll(t, from.p)
	to := simRig(t, versions[0], st.WithEditors(), st.WithFirstID(500))
	for _, res := range to.p.Import(t.Context(), sorted(want), nil) {
		named := map[string]int{}
		for _, n := range res.Omitted {
			named[n.Path]++
		}
		roles, owners := 0, 0
		switch res.ID.Kind {
		case st.Dashboard:
			roles, owners = 1, 1
		case st.Chart, st.Dataset:
			owners = 1
		}
		if res.Err != nil || named["/access/owners"] != owners || named["/access/roles"] != roles {
			t.Errorf("%s: %v, left out %v", res.ID, res.Err, named)
		}
	}
	for id, a := range readAll(t, to.p) {
		for _, key := range []string{"owners", "roles"} {
			had := strings.Contains(string(want[id].Content), "\n  "+key+":")
			if unread := slices.Contains(a.Unread, "/access/"+key); unread != had || strings.Contains(string(a.Content), "\n  "+key+":") {
				t.Errorf("%s: %s: unread %t, want %t\n%s", id, key, unread, had, a.Content)
			}
		}
	}
}
