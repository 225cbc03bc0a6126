package superset

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

type obj = map[string]any

// site is a server with people on it: what is done through its API, and not by a
// connection of ours.
type site struct {
	t   *testing.T
	s   *st.Server
	api *st.Client
	url string
}

func newSite(t *testing.T, version string, opts ...st.Option) *site {
	t.Helper()
	s, url := small(t, version, opts...)
	api, err := st.Login(t.Context(), url, "admin", "admin")
	if err != nil {
		t.Fatal(err)
	}
	return &site{t, s, api, url}
}

func (s *site) conn(kinds ...asset.Kind) *conn { return as(s.t, s.url, svc(), kinds...) }

// do sends a request and gives the id of what it made.
func (s *site) do(method, path string, body any) int {
	s.t.Helper()
	status, raw, err := s.api.Do(s.t.Context(), method, path, body)
	if err != nil || status >= 300 {
		s.t.Fatalf("%s %s: %d %s %v", method, path, status, raw, err)
	}
	var out struct{ ID int }
	if err := json.Unmarshal(raw, &out); err != nil {
		s.t.Fatal(err)
	}
	return out.ID
}

func (s *site) css(name any, css string) int {
	s.t.Helper()
	return s.do("POST", "/api/v1/css_template/", obj{"template_name": name, "css": css})
}

func (s *site) tag(name, description string) {
	s.t.Helper()
	s.do("POST", "/api/v1/tag/", obj{"name": name, "description": description, "objects_to_tag": []any{}})
}

func (s *site) layer(name string, notes ...obj) int {
	s.t.Helper()
	id := s.do("POST", "/api/v1/annotation_layer/", obj{"name": name})
	for _, n := range notes {
		s.note(id, n)
	}
	return id
}

func (s *site) note(layer int, more obj) {
	s.t.Helper()
	n := obj{"short_descr": "x", "start_dttm": "2026-01-01T00:00:00", "end_dttm": "2026-01-02T00:00:00"}
	for k, v := range more {
		n[k] = v
	}
	s.do("POST", fmt.Sprintf("/api/v1/annotation_layer/%d/annotation/", layer), n)
}

// written is a document as a person writes it.
func written(t *testing.T, k asset.Kind, name, spec string) *asset.Asset {
	t.Helper()
	return writtenAs(t, k, nameUID(k, name), name, spec)
}

func writtenAs(t *testing.T, k asset.Kind, uid, name, spec string) *asset.Asset {
	t.Helper()
	text := fmt.Sprintf("dashkeep: %s\nkind: %s\nuid: %s\ntitle: %q\nspec: %s\n", Format, k, uid, name, spec)
	a, err := normalize.Load("prod/"+k.Plural()+"/x.yaml", []byte(text), Rules())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (s *site) write(c *conn, a *asset.Asset) error {
	s.t.Helper()
	return c.Import(s.t.Context(), []*asset.Asset{a}, nil)[0].Err
}

// reads gives one asset as it is now, and why it is not to be had.
func (s *site) reads(c *conn, id asset.ID) (*asset.Asset, error) {
	s.t.Helper()
	for raw, err := range c.Export(s.t.Context(), []asset.ID{id}) {
		if err != nil {
			return nil, err
		}
		a, _, err := normalize.Canonical(raw, Rules())
		return a, err
	}
	return nil, errors.New("nothing came")
}

func idOf(k asset.Kind, name string) asset.ID { return asset.ID{Kind: k, UID: nameUID(k, name)} }

// Uids of names stand in everybody's files.
func TestNameUIDsStay(t *testing.T) {
	for _, c := range []struct{ kind, name, uid string }{
		{"annotation_layer", "Releases", "d1a087d2-e083-5e0f-a086-159c2aa1b535"},
		{"tag", "finance", "a7e7f824-306e-5940-98f6-e5ddb8a17a1f"},
		{"css_template", "Corporate ü", "ac7569b6-b17a-5021-b6e2-764e839166c9"},
	} {
		if got := nameUID(asset.Kind(c.kind), c.name); got != c.uid {
			t.Errorf("%s %q: %s, want %s", c.kind, c.name, got, c.uid)
		}
	}
}

// Of things that share a name none is lost in silence and none is written or
// deleted in place of another.
func TestSharedNamesAreReported(t *testing.T) {
	s := newSite(t, "6.1.0")
	first := s.css("A", "one {}")
	s.css("A", "two {}")
	s.css("B", "three {}")
	s.css(nil, "four {}")
	c := s.conn(kindCSS)
	assets, failed, _ := everything(t, c)
	a, b := idOf(kindCSS, "A"), idOf(kindCSS, "B")
	if len(assets) != 1 || assets[b] == nil || len(failed) != 3 || failed[a] == nil {
		t.Fatalf("read %v, failed %v", countKinds(assets), failed)
	}
	if why := failed[a].Error(); !strings.Contains(why, "2 css_templates of the server have this name") || !strings.Contains(why, fmt.Sprintf("row %d", first)) {
		t.Error(why)
	}
	infos, err := c.List(t.Context())
	if err != nil || len(infos) != 4 {
		t.Errorf("%v %v", infos, err)
	}
	if err := s.write(c, written(t, kindCSS, "A", "{css: x}")); err == nil || !strings.Contains(err.Error(), "rename all but one") {
		t.Errorf("written: %v", err)
	}
	if err := c.Delete(t.Context(), a); err == nil || !strings.Contains(err.Error(), "rename all but one") {
		t.Errorf("deleted: %v", err)
	}
	_, ch, err := c.look(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range ch.Export(t.Context(), nil) {
	}
	seen := ch.Seen()
	s.do("PUT", fmt.Sprintf("/api/v1/css_template/%d", first), obj{"template_name": "A1"})
	if _, ch, err = c.look(t.Context(), seen); err != nil || ch.All != "" || !slices.Contains(ch.Changed, a) || !slices.Contains(ch.Changed, idOf(kindCSS, "A1")) {
		t.Errorf("after one was renamed: %v, changed %v", err, ch.Changed)
	}
	if assets, failed, _ = everything(t, c); len(assets) != 3 || len(failed) != 1 {
		t.Errorf("after one was renamed: read %v, failed %v", countKinds(assets), failed)
	}
}

// A file whose title was changed in Git has the uid of another name.
func TestRenameInGitIsRefused(t *testing.T) {
	s := newSite(t, "6.1.0")
	s.css("A", "one {}")
	c := s.conn(kindCSS, kindTag, annotationLayer)
	for _, k := range []asset.Kind{kindCSS, kindTag, annotationLayer} {
		err := s.write(c, writtenAs(t, k, nameUID(k, "A"), "B", "{}"))
		if err == nil || !strings.Contains(err.Error(), "write uid: "+nameUID(k, "B")) {
			t.Errorf("%s: %v", k, err)
		}
	}
	if n := s.s.Writes(); n != 1 {
		t.Errorf("%d writes", n-1)
	}
}

// What was renamed in the server after it was listed is not deleted for its old
// name.
func TestDeleteByNameLooksAgain(t *testing.T) {
	s := newSite(t, "6.1.0")
	row := s.css("A", "one {}")
	c := s.conn(kindCSS)
	if _, err := c.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.do("PUT", fmt.Sprintf("/api/v1/css_template/%d", row), obj{"template_name": "B"})
	if err := c.Delete(t.Context(), idOf(kindCSS, "A")); err != nil {
		t.Error(err)
	}
	if a, err := s.reads(c, idOf(kindCSS, "B")); a == nil {
		t.Errorf("B is gone: %v", err)
	}
}

// An edit that was made after a listing is seen by whoever asks for the asset.
func TestRecordsAreReadAnew(t *testing.T) {
	s := newSite(t, "6.1.0")
	row := s.css("A", "one {}")
	c := s.conn(kindCSS)
	id := idOf(kindCSS, "A")
	if _, err := s.reads(c, id); err != nil {
		t.Fatal(err)
	}
	s.do("PUT", fmt.Sprintf("/api/v1/css_template/%d", row), obj{"css": "two {}"})
	if a, err := s.reads(c, id); err != nil || !strings.Contains(string(a.Content), "two {}") {
		t.Errorf("%v %v", a, err)
	}
}

// A kind without change times is compared by its whole list: one request per page.
func TestWholeListIsCompared(t *testing.T) {
	s := newSite(t, "6.1.0")
	rows := map[string]int{}
	for i := range 130 {
		name := fmt.Sprintf("sheet %03d", i)
		rows[name] = s.css(name, "a {}")
	}
	c := s.conn(kindCSS)
	_, ch, err := c.look(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range ch.Export(t.Context(), nil) {
		if kind := (*asset.KindError)(nil); err != nil && !errors.As(err, &kind) {
			t.Fatal(err)
		}
	}
	seen := ch.Seen()
	s.s.ResetLog()
	if _, ch, err = c.look(t.Context(), seen); err != nil || ch.All != "" || len(ch.Changed) != 0 || len(ch.Listed) != 130 {
		t.Fatalf("nothing changed: %v, %q, %v, %d listed", err, ch.All, ch.Changed, len(ch.Listed))
	}
	if n := s.s.Count("", "/css_template/"); n != 2 {
		t.Errorf("%d requests for 130 templates", n)
	}
	seen = ch.Seen()
	s.do("PUT", fmt.Sprintf("/api/v1/css_template/%d", rows["sheet 120"]), obj{"css": "b {}"})
	s.do("DELETE", fmt.Sprintf("/api/v1/css_template/%d", rows["sheet 003"]), nil)
	s.css("sheet new", "c {}")
	if _, ch, err = c.look(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(ch.Changed, asset.ID.Compare)
	want := []asset.ID{idOf(kindCSS, "sheet 120"), idOf(kindCSS, "sheet new")}
	slices.SortFunc(want, asset.ID.Compare)
	if !slices.Equal(ch.Changed, want) || len(ch.Listed) != 130 || slices.Contains(ch.Listed, idOf(kindCSS, "sheet 003")) {
		t.Errorf("changed %v, %d listed", ch.Changed, len(ch.Listed))
	}
}

// A server without one of these APIs has the others, and nothing of the missing
// one is absent.
func TestMissingAPIIsTold(t *testing.T) {
	s := newSite(t, "6.1.0")
	s.tag("finance", "")
	s.s.Break(st.Fault{Path: "/api/v1/tag/", Do: st.Status(http.StatusNotFound)})
	c := s.conn()
	assets, failed, kinds := everything(t, c)
	if kinds[kindTag].Reason != asset.NotThere || len(failed) > 0 || countKinds(assets)[kindChart] == 0 {
		t.Errorf("%+v, failed %v, read %v", kinds, failed, countKinds(assets))
	}
	_, ch, err := c.look(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range ch.Export(t.Context(), nil) {
	}
	if _, ch, err = c.look(t.Context(), ch.Seen()); err != nil || !slices.ContainsFunc(ch.Skipped, func(e asset.KindError) bool { return e.Kind == kindTag }) {
		t.Errorf("%v, skipped %+v", err, ch.Skipped)
	}
}

var oneTag = regexp.MustCompile(`^/api/v1/tag/\d+$`)

// Tags: what they are on stays when their description changes, and nothing asks
// for a single one, for older servers show a password hash in that.
func TestTagsKeepTheirObjects(t *testing.T) {
	for _, version := range theVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, version)
			s.tag("finance", "old")
			s.s.Tag("finance", st.Chart, st.Dashboard)
			c := s.conn()
			before := tagged(s.s)
			if before == 0 {
				t.Fatal("nothing is tagged")
			}
			if err := s.write(c, written(t, kindTag, "finance", `{description: "new\nlines\n"}`)); err != nil {
				t.Fatal(err)
			}
			if n := tagged(s.s); n != before {
				t.Errorf("%d objects are tagged, were %d", n, before)
			}
			a, err := s.reads(c, idOf(kindTag, "finance"))
			if err != nil || !strings.Contains(string(a.Content), "new\n    lines\n") {
				t.Errorf("%s %v", a.Content, err)
			}
			everything(t, c)
			if err := c.Delete(t.Context(), idOf(kindTag, "finance")); err != nil || tagged(s.s) != 0 {
				t.Errorf("%v, %d objects still tagged", err, tagged(s.s))
			}
			for _, r := range s.s.Requests() {
				if r.Method == http.MethodGet && oneTag.MatchString(r.Path) {
					t.Errorf("asked for %s", r.Path)
				}
			}
		})
	}
}

func tagged(s *st.Server) (n int) {
	for _, k := range []string{st.Chart, st.Dashboard} {
		for _, o := range s.Objects(k) {
			if slices.Contains(o.Tags, "finance") {
				n++
			}
		}
	}
	return n
}

// Names with an & are the same on servers that would store them as &amp;, and the
// server's own names are refused.
func TestTagNames(t *testing.T) {
	for _, version := range theVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, version)
			c := s.conn(kindTag)
			for _, name := range []string{`R&D <ü> 'x' "y"`, "a&amp;b", "owner:sales", "売上"} {
				want := written(t, kindTag, name, "{description: d}")
				if err := s.write(c, want); err != nil {
					t.Errorf("%q: %v", name, err)
					continue
				}
				if got, err := s.reads(c, want.ID); err != nil || string(got.Content) != string(want.Content) {
					t.Errorf("%q: %v", name, err)
				}
				if err := s.write(c, written(t, kindTag, name, "{description: e}")); err != nil {
					t.Errorf("%q, again: %v", name, err)
				}
			}
			for _, name := range []string{"owner:1", "favorited_by:12", "type:chart", " spaces "} {
				if err := s.write(c, written(t, kindTag, name, "{}")); err == nil {
					t.Errorf("%q was made", name)
				}
			}
			assets, failed, _ := everything(t, c)
			var names []string
			for _, a := range assets {
				if strings.HasPrefix(a.Title, "dashkeep ") || strings.HasPrefix(a.Title, "owner:1") {
					names = append(names, a.Title)
				}
			}
			if len(names) > 0 || len(failed) > 0 {
				t.Errorf("left over: %v, failed %v", names, failed)
			}
		})
	}
}
