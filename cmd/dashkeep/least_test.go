package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// The least-privilege account: it has the role that `check --role apply` writes, owns
// one dashboard and one chart, may see a published one of somebody else's, and may
// not see one that is private.

func TestLoop_LeastPrivilege(t *testing.T) {
	notUnderRace(t)
	for _, v := range append([]string{newest}, olderVersions...) {
		t.Run(v, func(t *testing.T) { leastPrivilege(t, v, simulatorOf(t, v, 1)) })
	}
}

func TestE2E_LeastPrivilege(t *testing.T) {
	a, _, of, _ := realPair(t)
	leastPrivilege(t, of, a)
}

// Of the dashboards of the scenario.
const (
	ownUID     = "7e1e0001-0000-4000-8000-000000000000"
	theirUID   = "7e1e0002-0000-4000-8000-000000000000"
	privateUID = "7e1e0003-0000-4000-8000-000000000000"
	newUID     = "7e1e0004-0000-4000-8000-000000000000"
)

func leastPrivilege(t *testing.T, version string, s *server) {
	seedThree(t, s, version)
	w := newWorld(t, s, nil)
	w.run(0, "pull", "prod")
	w.becomes(t, s, "svc")

	r := w.run(0, "check", "prod")
	for _, want := range []string{"logged in as svc", "dashboard", "writes what it owns", "published dashboards and its own"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("check does not say %q:\n%s", want, r.out)
		}
	}
	if strings.Contains(r.out, "create_app") {
		t.Errorf("the role lacks something:\n%s", r.out)
	}

	head := w.head()
	r = w.run(0, "pull", "prod", "--full")
	if !strings.Contains(r.out, "not shown: dashboard:"+privateUID) || !strings.Contains(r.out, "nothing changed") || w.head() != head {
		t.Errorf("the first pull of the narrow account:\n%s", r.out)
	}
	w.applies(t, s)
	w.newSlug(t, s)
	w.losesSight(t, s)
	w.fsck()
}

// seedThree makes three dashboards of that of the capture.
func seedThree(t *testing.T, s *server, version string) {
	t.Helper()
	files := unzip(t, oracle(t, version, "dashboard-rich.zip"))
	for name, text := range maps.Clone(files) {
		if !strings.Contains(name, "/dashboards/") {
			continue
		}
		delete(files, name)
		for uid, title := range map[string]string{ownUID: "Own", theirUID: "Theirs", privateUID: "Private"} {
			other := strings.Replace(text, "uuid: "+field(text, "uuid"), "uuid: "+uid, 1)
			other = regexp.MustCompile(`(?m)^slug: .*$`).ReplaceAllString(other, "slug: "+strings.ToLower(title))
			files[strings.Replace(name, ".yaml", title+".yaml", 1)] = regexp.MustCompile(`(?m)^dashboard_title: .*(\n  .*)*$`).ReplaceAllString(other, "dashboard_title: "+title)
		}
	}
	s.fill(t, supersettest.Dashboard, rezipped(t, files))
	s.put(t, "dashboard", s.find(t, supersettest.Dashboard, privateUID), map[string]any{"published": false})
}

var permitted = regexp.MustCompile(`(?m)^    \("([^"]+)", "([^"]+)"\),$`)

// becomes makes an account with the role of `check --role apply`, gives it the
// dashboard of the capture and one of its charts, and logs dashkeep in as it.
func (w *world) becomes(t *testing.T, s *server, name string) {
	t.Helper()
	var may []supersettest.Permit
	for _, m := range permitted.FindAllStringSubmatch(w.run(0, "check", "prod", "--role", "apply").out, -1) {
		may = append(may, supersettest.Permit{What: m[1], On: m[2]})
	}
	if n, err := s.api.GrantKnown(t.Context(), "dashkeep_apply", may); err != nil || n < 20 || n < len(may)-5 {
		t.Fatalf("%d of %d permissions granted, %v", n, len(may), err)
	}
	id, err := s.api.AddUser(t.Context(), supersettest.User{Username: name, Password: password, First: "S", Last: "Vc", Email: name + "@example.com", Role: "dashkeep_apply"})
	if err != nil {
		t.Fatal(err)
	}
	admin := 1
	s.put(t, "dashboard", s.find(t, supersettest.Dashboard, ownUID), map[string]any{"owners": []int{admin, id}})
	s.put(t, "chart", s.find(t, supersettest.Chart, "Revenue trend"), map[string]any{"owners": []int{admin, id}})
	w.run(0, "pull", "prod") // owners are content
	config, err := os.ReadFile(w.path("dashkeep.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w.write("dashkeep.yaml", strings.Replace(string(config), "username: admin", "username: "+name, 1))
}

// applies edits five assets in Git: two that the account owns, two that it does not,
// one that it is not shown.
func (w *world) applies(t *testing.T, s *server) {
	t.Helper()
	private := w.contentOf(t, s, privateUID)
	for _, uid := range []string{ownUID, theirUID, privateUID} {
		w.edit(w.file(uid), "  certified_by: Data Office\n", "  certified_by: Edited in Git\n")
	}
	for _, chart := range []string{"revenue-trend", "pivot"} {
		w.edit(w.one("dashboards", "prod", "charts", chart+".*.yaml"), "\nspec:\n", "\nspec:\n  certified_by: Edited in Git\n")
	}
	w.commit("by hand")
	r := w.run(3, "apply", "prod", "--yes")
	for _, want := range []string{"Theirs", "Pivot", "make svc one of its owners", "2 of 4 assets written, read back and equal", "skipped: not shown to this account"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("apply does not say %q:\n%s", want, r.out)
		}
	}
	for uid, want := range map[string]string{ownUID: "Edited in Git", theirUID: "Data Office"} {
		if got := w.contentOf(t, s, uid)["certified_by"]; got != want {
			t.Errorf("%s is certified by %v, want %q", uid, got, want)
		}
	}
	if got := w.contentOf(t, s, privateUID); got["changed_on"] != private["changed_on"] || got["dashboard_title"] != "Private" {
		t.Errorf("the private dashboard was touched: %v", got)
	}
}

// newSlug makes a dashboard in Git with the slug of the one that is not shown.
func (w *world) newSlug(t *testing.T, s *server) {
	t.Helper()
	text, err := os.ReadFile(w.file(ownUID))
	if err != nil {
		t.Fatal(err)
	}
	made := strings.Replace(string(text), ownUID, newUID, 1)
	made = regexp.MustCompile(`(?m)^title: .*$`).ReplaceAllString(made, "title: New")
	made = regexp.MustCompile(`(?m)^  slug: .*$`).ReplaceAllString(made, "  slug: private")
	w.write("dashboards/prod/dashboards/new."+newUID[:8]+".yaml", made)
	w.git("dashboards", "add", ".")
	w.commit("a new one")
	r := w.run(3, "apply", "prod", "--yes", "--select", "dashboard:"+newUID)
	if !strings.Contains(r.out, `slug "private"`) || !strings.Contains(r.out, "not shown") {
		t.Errorf("a slug that is taken by what is not shown:\n%s", r.out)
	}
	if got := w.contentOf(t, s, privateUID); got["dashboard_title"] != "Private" || got["slug"] != "private" {
		t.Fatalf("the private dashboard was overwritten: %v", got)
	}
	w.git("dashboards", "revert", "--no-edit", "HEAD")
	if err := s.api.Delete(t.Context(), supersettest.Dashboard, newUID); err != nil {
		t.Fatal(err)
	}
}

// losesSight deletes what the account could see, and hides its own from it.
func (w *world) losesSight(t *testing.T, s *server) {
	t.Helper()
	for _, uid := range []string{theirUID} {
		if err := s.api.Delete(t.Context(), supersettest.Dashboard, uid); err != nil {
			t.Fatal(err)
		}
	}
	w.git("dashboards", "revert", "--no-edit", "HEAD~2") // what was not applied
	w.run(0, "pull", "prod")
	if files := w.dashboards(t); slices.Contains(files, theirUID[:8]) || !slices.Contains(files, privateUID[:8]) || !slices.Contains(files, ownUID[:8]) {
		t.Errorf("a deleted dashboard is not gone from Git, or one that is not shown is: %v", files)
	}
	own := s.find(t, supersettest.Dashboard, ownUID)
	s.put(t, "dashboard", own, map[string]any{"owners": []int{1}, "published": false})
	for range 2 {
		r := w.run(3, "pull", "prod")
		if !strings.Contains(r.out, ownUID) || !strings.Contains(r.out, "no longer kept") {
			t.Errorf("a dashboard that the account lost sight of:\n%s", r.out)
		}
	}
	if files := w.dashboards(t); !slices.Contains(files, ownUID[:8]) {
		t.Errorf("it left Git: %v", files)
	}
	config, err := os.ReadFile(w.path("dashkeep.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w.write("dashkeep.yaml", string(config)+fmt.Sprintf("    accept: [{asset: \"dashboard:%s\", reason: \"Mia keeps it to herself\", until: 2999-01-01}]\n", ownUID))
	if r := w.run(0, "pull", "prod"); !strings.Contains(r.out, "accepted: dashboard:"+ownUID) {
		t.Errorf("accepted:\n%s", r.out)
	}
}

// file is a dashboard's file in the clone.
func (w *world) file(uid string) string {
	w.t.Helper()
	return w.one("dashboards", "prod", "dashboards", "*."+uid[:8]+"*.yaml")
}

// dashboards are the uid parts of the names of all dashboard files at the head.
func (w *world) dashboards(t *testing.T) []string {
	t.Helper()
	var uids []string
	for _, m := range regexp.MustCompile(`\.([0-9a-f]{8})\.yaml`).FindAllStringSubmatch(w.git("dashboards", "ls-tree", "-r", "--name-only", "HEAD", "prod/dashboards"), -1) {
		uids = append(uids, m[1])
	}
	return uids
}

func (w *world) commit(message string) {
	w.t.Helper()
	w.git("dashboards", "commit", "-q", "-a", "-m", message)
}

// contentOf is a dashboard as the administrator is shown it.
func (w *world) contentOf(t *testing.T, s *server, uid string) map[string]any {
	t.Helper()
	o, err := s.api.Get(t.Context(), supersettest.Dashboard, uid)
	if err != nil {
		t.Fatal(err)
	}
	return o
}
