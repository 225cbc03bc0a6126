package superset

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// TestLiveRecords makes layers, templates and tags by the API of one server and
// restores them into another, where rows have other ids: 0 bytes differ, a second
// import writes nothing that shows, a tag stays on its chart when it is described
// anew, and what is deleted is gone.
func TestLiveRecords(t *testing.T) {
	to := scratch(t)
	url, url2 := os.Getenv("DASHKEEP_TEST_SUPERSET_URL"), os.Getenv("DASHKEEP_TEST_SUPERSET_URL2")
	if url == "" {
		t.Skip("set DASHKEEP_TEST_SUPERSET_URL")
	}
	people := func(url string) *site {
		api, err := st.Login(t.Context(), url, "admin", "admin")
		if err != nil {
			t.Fatal(err)
		}
		return &site{t: t, api: api, url: url}
	}
	from := people(url)
	if err := from.api.DeleteRecords(t.Context()); err != nil {
		t.Fatal(err)
	}
	people(url2).layer("takes the first row")
	kinds := []asset.Kind{kindTag, kindCSS, annotationLayer}
	from.css("Corporate ü", ".a {\r\n  color: red;\n}\n")
	from.css("twin", "one {}")
	from.css("twin", "two {}")
	row := from.layer("Releases", obj{"short_descr": "one", "json_metadata": `{"a":  [1.0, "ü"]}`, "long_descr": "two\nlines\n"},
		obj{"short_descr": "two", "end_dttm": "2026-01-02T10:11:12.5"}, obj{"short_descr": "three", "json_metadata": ""})
	from.tag("finance", "closed\nquarterly")
	c := connect(t, url, nil)
	c.chosen = kinds
	rd := written(t, kindTag, "R&D <ü>", "{description: x}")
	if err := from.write(c, rd); err != nil {
		t.Fatal(err)
	}
	want, failed, _ := everything(t, c)
	if len(want) != 4 || len(failed) != 2 || want[rd.ID] == nil || string(want[rd.ID].Content) != string(rd.Content) {
		t.Errorf("read %v, failed %v", want, failed)
	}
	to.chosen = kinds
	for range 2 {
		apply(t, to, want)
		for _, d := range difference(want, pull(t, to, nil)) {
			t.Error(d)
		}
	}
	layer := written(t, annotationLayer, "Releases", `{descr: d, annotations: [{short_descr: one, start_dttm: 2026-01-01, end_dttm: 2026-01-03}, {short_descr: new, start_dttm: 2026-01-01, end_dttm: 2026-01-02, json_metadata: {b: 2}}]}`)
	if err := from.write(c, layer); err != nil {
		t.Fatal(err)
	}
	if a, err := from.reads(c, layer.ID); err != nil || string(a.Content) != string(layer.Content) {
		t.Errorf("%v\n%s", err, a.Content)
	}
	notes, err := from.api.Annotations(t.Context(), row)
	if err != nil || len(notes) != 2 {
		t.Errorf("%v %v", notes, err)
	}
	for id := range want {
		if err := to.Delete(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if left := pull(t, to, nil); len(left) != 1 {
		t.Errorf("left after deleting: %v", left)
	}
	from.describeTag(c, "finance")
	if err := from.api.DeleteRecords(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// describeTag puts a tag on a dashboard and describes it anew.
func (s *site) describeTag(c *conn, name string) {
	s.t.Helper()
	board := s.do("POST", "/api/v1/dashboard/", obj{"dashboard_title": "tagged"})
	s.do("POST", fmt.Sprintf("/api/v1/tag/3/%d/", board), obj{"properties": obj{"tags": []string{name}}})
	if err := s.write(c, written(s.t, kindTag, name, "{description: anew}")); err != nil {
		s.t.Fatal(err)
	}
	_, raw, err := s.api.Do(s.t.Context(), "GET", fmt.Sprintf("/api/v1/dashboard/%d", board), nil)
	if err != nil || !strings.Contains(string(raw), name) {
		s.t.Errorf("%s is on the dashboard no more: %v %s", name, err, raw)
	}
	s.do("DELETE", fmt.Sprintf("/api/v1/dashboard/%d", board), nil)
}
