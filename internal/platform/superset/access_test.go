package superset_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
	"github.com/dashkeep/dashkeep/internal/platform/superset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// access is the access section of an asset in one line.
func access(t testing.TB, a *asset.Asset) string {
	t.Helper()
	doc, err := asset.ParseDocument("x.yaml", a.Content)
	if err != nil {
		t.Fatal(err)
	}
	return flow(doc.Access)
}

func flow(n *yaml.Node) string {
	var parts []string
	switch {
	case asset.IsMap(n):
		for k, v := range asset.Each(n) {
			parts = append(parts, k+": "+flow(v))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case asset.IsSeq(n):
		for _, v := range n.Content {
			parts = append(parts, flow(v))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case n == nil:
		return "{}"
	}
	return n.Value
}

// said is an asset whose file says what edit makes of the access section.
func said(t testing.TB, a *asset.Asset, kv ...any) *asset.Asset {
	t.Helper()
	return platformtest.Altered(t, superset.Rules(), a, func(d *asset.Document) {
		d.Access = asset.Map(kv...)
		if len(kv) == 0 {
			d.Access = nil
		}
	})
}

func list(names ...string) any {
	n := asset.Seq()
	for _, name := range names {
		n.Content = append(n.Content, asset.Str(name))
	}
	return n
}

func idOf(kind asset.Kind, it st.Item) asset.ID { return asset.ID{Kind: kind, UID: it.UUID} }

// TestF14_AccessIsRead: what no export holds is read from lists and single
// requests, and is the same on every version.
func TestF14_AccessIsRead(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		d, ch, ds := o.first(st.Dashboard), o.first(st.Chart), o.first(st.Dataset)
		at := fmt.Sprintf("/api/v1/dashboard/%d", d.ID)
		o.send(http.MethodPut, at, map[string]any{"owners": []int{o.person("mia"), o.person("ada")}, "roles": []int{o.role("Finance"), o.role(st.Alpha)}, "tags": []int{}, "is_managed_externally": true})
		o.send(http.MethodPost, fmt.Sprintf("/api/v1/tag/3/%d/", d.ID), map[string]any{"properties": map[string]any{"tags": []string{"b/c", "a: x"}}})
		o.send(http.MethodPut, at+"/embedded", map[string]any{"allowed_domains": []string{"https://b.example.com", "https://a.example.com"}})
		o.send(http.MethodPut, fmt.Sprintf("/api/v1/chart/%d", ch.ID), map[string]any{"owners": []int{}, "tags": []int{}})
		o.send(http.MethodPut, fmt.Sprintf("/api/v1/dataset/%d", ds.ID), map[string]any{"owners": []int{o.person("ada")}, "is_managed_externally": true})
		for id, want := range map[asset.ID]string{
			idOf(st.Dashboard, d): "{embedded: {allowed_domains: [https://a.example.com, https://b.example.com]}, is_managed_externally: true, owners: [ada@example.com, mia@example.com], roles: [Alpha, Finance], tags: [a: x, b/c]}",
			idOf(st.Chart, ch):    "{is_managed_externally: false, owners: [], tags: []}",
			idOf(st.Dataset, ds):  "{is_managed_externally: true, owners: [ada@example.com]}",
			{Kind: st.Database, UID: o.first(st.Database).UUID}: "{is_managed_externally: false}",
		} {
			a := o.read(o.svc, id)
			if got := access(t, a); got != want {
				o.Errorf("%s: %s, want %s", id, got, want)
			}
			if strings.Contains(strings.Join(a.Unread, " "), "/access") {
				o.Errorf("%s: not seen: %v", id, a.Unread)
			}
			if again := platformtest.Altered(t, superset.Rules(), a, func(*asset.Document) {}); string(again.Content) != string(a.Content) {
				o.Errorf("%s: a file of it is another", id)
			}
		}
	})
}

// TestF15_ImportLeavesOwnersAsBefore is acceptance check 9: an account that writes
// is an owner afterwards only where the file says so or it was one before.
func TestF15_ImportLeavesOwnersAsBefore(t *testing.T) {
	offices(t, func(t *testing.T, o *office) { leavesOwners(o) })
}

// TestLiveF15_ImportLeavesOwnersAsBefore is the same on a real server.
func TestLiveF15_ImportLeavesOwnersAsBefore(t *testing.T) {
	o := liveOffice(t)
	share(t, o.admin)
	leavesOwners(o)
}

func leavesOwners(o *office) {
	mia, ada := o.person("mia"), o.person("ada")
	for _, k := range []asset.Kind{st.Dataset, st.Chart, st.Dashboard} {
		it := o.first(string(k))
		if k == st.Chart { // one that has a dataset
			it = o.chartWithDataset()
		}
		id, at := idOf(k, it), fmt.Sprintf("/api/v1/%s/%d", k, it.ID)
		for _, before := range [][]int{{mia, ada}, {}} {
			body := map[string]any{"owners": before}
			if k == st.Dataset {
				body["always_filter_main_dttm"] = true
			}
			o.send(http.MethodPut, at, body)
			was := o.read(o.svc, id)
			silent := platformtest.Altered(o, superset.Rules(), said(o, was), func(d *asset.Document) { d.Title += " x" })
			o.write(o.svc, silent)
			got := o.read(o.svc, id)
			if access(o, got) != access(o, was) || got.Title != silent.Title {
				o.Errorf("%s: %s became %s, title %q", k, access(o, was), access(o, got), got.Title)
			}
			o.write(o.svc, was)
			if got := o.read(o.svc, id); string(got.Content) != string(was.Content) {
				o.Errorf("%s: not back again:\n%s\nwant\n%s", k, got.Content, was.Content)
			}
		}
		whole := o.read(o.svc, id)
		with := said(o, whole, "owners", list("ada@example.com", "svc@example.com"))
		o.write(o.svc, with)
		if got := access(o, o.read(o.svc, id)); !strings.Contains(got, "owners: [ada@example.com, svc@example.com]") {
			o.Errorf("%s: said to be an owner, and is not: %s", k, got)
		}
		o.write(o.svc, said(o, whole)) // it was one before
		if got := access(o, o.read(o.svc, id)); !strings.Contains(got, "owners: [ada@example.com, svc@example.com]") {
			o.Errorf("%s: was an owner before, and is not: %s", k, got)
		}
	}
}

// chartWithDataset is a chart that can be written.
func (o *office) chartWithDataset() st.Item {
	o.Helper()
	it, err := o.admin.Find(o.Context(), st.Chart, "Share")
	if err != nil {
		o.Fatal(err)
	}
	return it
}

// TestNewAssetsBelongToNobody whose file says nothing of owners.
func TestNewAssetsBelongToNobody(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		for _, k := range []asset.Kind{st.Dashboard, st.Chart} {
			it := o.first(string(k))
			if k == st.Chart {
				it = o.chartWithDataset()
			}
			was := o.read(o.svc, idOf(k, it))
			if err := o.svc.Delete(t.Context(), was.ID); err != nil {
				t.Fatal(err)
			}
			o.write(o.svc, said(t, was))
			if got := access(t, o.read(o.svc, was.ID)); !strings.Contains(got, "owners: []") {
				t.Errorf("%s: %s", k, got)
			}
		}
	})
}

// TestWhatIsRightIsNotWritten: the access section costs no request where it is as it
// should be, and a PUT names nothing but what differs.
func TestWhatIsRightIsNotWritten(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		it := o.first(st.Dashboard)
		o.send(http.MethodPut, fmt.Sprintf("/api/v1/dashboard/%d", it.ID), map[string]any{"owners": []int{o.person("mia")}, "roles": []int{o.role("Finance")}})
		admin := o.as("mia", "x")
		was := o.read(admin, idOf(st.Dashboard, it))
		o.sim.ResetLog()
		o.write(admin, was)
		if n := o.sim.Count(http.MethodPut, "/dashboard/") + o.sim.Count(http.MethodPost, "/tag/") + o.sim.Count(http.MethodDelete, ""); n != 0 {
			t.Errorf("%d writes beside the import, of what was right: %v", n, o.sim.Requests())
		}
		o.sim.ResetLog()
		o.write(admin, said(t, was, "roles", list()))
		if n := o.sim.Count(http.MethodPut, "/dashboard/"); n != 1 {
			t.Errorf("%d writes of the dashboard for its roles", n)
		}
		if got := access(t, o.read(admin, was.ID)); !strings.Contains(got, "owners: [mia@example.com], roles: []") {
			t.Error(got)
		}
	})
}

// TestWhomTheServerDoesNotHave is named and left out; where it has none of those who
// are said, it is as it was before.
func TestWhomTheServerDoesNotHave(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		it := o.first(st.Dashboard)
		o.send(http.MethodPut, fmt.Sprintf("/api/v1/dashboard/%d", it.ID), map[string]any{"owners": []int{o.person("mia")}, "roles": []int{o.role("Finance")}})
		was := o.read(o.svc, idOf(st.Dashboard, it))
		o.write(o.svc, said(t, was, "owners", list("ADA@example.com", "gone@example.com", "mia"), "roles", list("Alpha", "Nobody")),
			"/access/owners: the server has no user gone@example.com", "/access/roles: the server has no role Nobody")
		if got := access(t, o.read(o.svc, was.ID)); !strings.Contains(got, "owners: [ada@example.com, mia@example.com], roles: [Alpha]") {
			t.Error(got)
		}
		o.write(o.svc, said(t, was, "owners", list("gone@example.com"), "roles", list("Nobody")),
			"/access/owners: the server has no user gone@example.com: owners stay as they were", "/access/roles: the server has no role Nobody: roles stay as they were")
		if got := access(t, o.read(o.svc, was.ID)); !strings.Contains(got, "owners: [ada@example.com, mia@example.com], roles: [Alpha]") {
			t.Error(got)
		}
	})
}

// TestAccountThatIsNoAdministrator keeps itself among the owners: Superset adds it.
func TestAccountThatIsNoAdministrator(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		it := o.first(st.Dashboard)
		alpha := st.User{Username: "al", Password: "x", First: "Al", Last: "Pha", Email: "al@example.com", Role: st.Alpha}
		id, err := o.admin.AddUser(t.Context(), alpha)
		if err != nil {
			t.Fatal(err)
		}
		o.send(http.MethodPut, fmt.Sprintf("/api/v1/dashboard/%d", it.ID), map[string]any{"owners": []int{id}})
		p := o.as("al", "x")
		was := o.read(p, idOf(st.Dashboard, it))
		if got := access(t, was); !strings.Contains(got, "owners: [al@example.com]") {
			t.Fatalf("without the list of users: %s", got)
		}
		o.write(p, said(t, was, "owners", list("mia@example.com")), "/access/owners: Superset keeps al@example.com among the owners")
		if got := access(t, o.read(p, was.ID)); !strings.Contains(got, "owners: [al@example.com, mia@example.com]") {
			t.Error(got)
		}
	})
}

// TestPeopleWhoCannotBeToldApart are unread, never nobody, and whoever owned an
// asset owns it after an import.
func TestPeopleWhoCannotBeToldApart(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		for _, path := range []string{"/security/users/", "/related/"} {
			o.sim.Break(st.Fault{Path: path, Do: st.Status(403)})
		}
		it := o.first(st.Dashboard)
		was := o.read(o.svc, idOf(st.Dashboard, it))
		if strings.Contains(access(t, was), "owners") || !slices.Contains(was.Unread, "/access/owners") {
			t.Fatalf("%s, unread %v", access(t, was), was.Unread)
		}
		o.write(o.svc, said(t, was, "owners", list("mia@example.com")), "/access/owners: this account may not list people, so owners stay as they were")
		object, _ := o.sim.Object(st.Dashboard, it.UUID)
		if !slices.Equal(object.Owners, []string{"admin"}) {
			t.Errorf("owners are %v", object.Owners)
		}
	})
}

// TestTagsWithoutTheFeature are read and written all the same: the flag hides them
// from people.
func TestTagsWithoutTheFeature(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		for kind, it := range map[asset.Kind]st.Item{st.Dashboard: o.first(st.Dashboard), st.Chart: o.chartWithDataset()} {
			was := o.read(o.svc, idOf(kind, it))
			for _, tags := range [][]string{{"a", "b/c"}, {"a & b", "b/c", "ü"}, {}, {"a", "a & b"}} {
				o.write(o.svc, said(t, was, "tags", list(tags...)))
				if got := access(t, o.read(o.svc, was.ID)); !strings.Contains(got, "tags: ["+strings.Join(tags, ", ")+"]") {
					t.Errorf("%s: tags %v, got %s", kind, tags, got)
				}
			}
		}
		it := o.first(st.Dashboard)
		o.write(o.svc, said(t, o.read(o.svc, idOf(st.Dashboard, it)), "tags", list("a", "owner:1")), "/access/tags: Superset gives the name")
		if got := access(t, o.read(o.svc, idOf(st.Dashboard, it))); !strings.Contains(got, "tags: [a]") {
			t.Error(got)
		}
	}, st.WithoutTags())
}

// TestEmbedding is set and taken off, and keeps the uuid that pages use.
func TestEmbedding(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		it := o.first(st.Dashboard)
		was := o.read(o.svc, idOf(st.Dashboard, it))
		uuid := ""
		for _, want := range []any{false, asset.Map("allowed_domains", list()), asset.Map("allowed_domains", list("https://a.example.com")), false} {
			a := said(t, was, "embedded", want)
			o.write(o.svc, a)
			if got, want := access(t, o.read(o.svc, was.ID)), access(t, a); !strings.Contains(got, want[1:len(want)-1]) {
				t.Errorf("said %s, got %s", want, got)
			}
			status, body, err := o.admin.Do(t.Context(), http.MethodGet, fmt.Sprintf("/api/v1/dashboard/%d/embedded", it.ID), nil)
			if err != nil || status != 200 {
				continue
			}
			_, id, _ := strings.Cut(string(body), `"uuid"`)
			if uuid != "" && uuid != id {
				t.Errorf("the uuid moved from %s to %s", uuid, id)
			}
			uuid = id
		}
	})
}

func TestEmbeddingSwitchedOff(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		readAll(t, o.svc)
		was := o.read(o.svc, idOf(st.Dashboard, o.first(st.Dashboard)))
		if n := o.sim.Count("", "/embedded"); n != 0 || !slices.Contains(was.Unread, "/access/embedded") {
			t.Errorf("the feature is off, and %d requests asked who is embedded; unread %v", n, was.Unread)
		}
	}, st.WithoutEmbedding())
}

// TestManagedFlag travels with the import.
func TestManagedFlag(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		for _, k := range []asset.Kind{st.Database, st.Dataset, st.Dashboard} {
			was := o.read(o.svc, idOf(k, o.first(string(k))))
			for _, want := range []bool{true, false} {
				o.write(o.svc, said(t, was, "is_managed_externally", want))
				if got := access(t, o.read(o.svc, was.ID)); !strings.Contains(got, fmt.Sprintf("is_managed_externally: %v", want)) {
					t.Errorf("%s: want %v, got %s", k, want, got)
				}
			}
		}
	})
}
