package superset

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// A layer as it comes into Git, from any version: times as the server shows them,
// JSON opened up, empty forms of a field left out.
func TestLayerDocument(t *testing.T) {
	const want = `dashkeep: superset/1
kind: annotation_layer
uid: d1a087d2-e083-5e0f-a086-159c2aa1b535
title: Releases
spec:
  annotations:
    - end_dttm: '2026-01-02T00:00:00'
      short_descr: alpha
      start_dttm: '2026-01-01T00:00:00'
    - end_dttm: '2026-03-02T10:11:12.500000'
      json_metadata:
        ticket: OPS-1
        weights:
          - 1.0
          - 2
      long_descr: |
        First line
        second line
      short_descr: beta
      start_dttm: '2026-03-01T00:00:00'
    - end_dttm: '2026-01-02T00:00:00'
      json_metadata: '"text"'
      short_descr: gamma
      start_dttm: '2026-01-01T00:00:00'
`
	for _, version := range theVersions() {
		s := newSite(t, version)
		s.layer("Releases", obj{"short_descr": "gamma", "json_metadata": `"text"`, "long_descr": nil},
			obj{"short_descr": "beta", "start_dttm": "2026-03-01T00:00:00", "end_dttm": "2026-03-02T10:11:12.5", "long_descr": "First line\nsecond line\n",
				"json_metadata": "{\n  \"weights\": [1.0, 2],\n  \"ticket\": \"OPS-1\"\n}"},
			obj{"short_descr": "alpha", "long_descr": "", "json_metadata": ""})
		a, err := s.reads(s.conn(), idOf(annotationLayer, "Releases"))
		if err != nil || string(a.Content) != want {
			t.Errorf("%s: %v\n%s", version, err, a.Content)
		}
	}
}

// What people write in Git and what the server shows of it are the same bytes.
func TestAnnotationTimes(t *testing.T) {
	for text, want := range map[string]string{
		"2026-05-01T00:00:00": "2026-05-01T00:00:00", "2026-05-01": "2026-05-01T00:00:00", "2026-05-01 10:00:00": "2026-05-01T10:00:00",
		"2026-05-01T02:00:00+02:00": "2026-05-01T00:00:00", "2026-05-01T00:00:00Z": "2026-05-01T00:00:00",
		"2026-05-01T00:00:00.5": "2026-05-01T00:00:00.500000", "2026-05-01T00:00:00.0000001": "2026-05-01T00:00:00", "next week": "next week", "": "",
	} {
		if got := serverTime(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Only what differs is written, and what the server refuses of one annotation
// keeps no other back.
func TestAnnotationsAreWrittenOneByOne(t *testing.T) {
	s := newSite(t, "6.1.0")
	s.layer("Releases", obj{"short_descr": "same", "json_metadata": `{"b":1,"a":2}`, "long_descr": ""}, obj{"short_descr": "edited", "long_descr": "old"}, obj{"short_descr": "gone"})
	s.s.ResetLog()
	c := s.conn(annotationLayer)
	at := func(short, more string) string {
		return fmt.Sprintf("{short_descr: %s, start_dttm: 2026-01-01, end_dttm: 2026-01-02%s}", short, more)
	}
	spec := func(more ...string) string { return "{annotations: [" + strings.Join(more, ", ") + "]}" }
	good := []string{at("same", ", json_metadata: {a: 2, b: 1}"), at("edited", ", long_descr: new"), at("added", "")}
	want := written(t, annotationLayer, "Releases", spec(good...))
	if err := s.write(c, want); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, r := range s.s.Requests() {
		if r.Method != http.MethodGet && strings.Contains(r.Path, "/annotation/") {
			got[r.Method]++
		}
	}
	if got["PUT"] != 1 || got["POST"] != 1 || got["DELETE"] != 1 {
		t.Errorf("requests %v", got)
	}
	if a, err := s.reads(c, want.ID); err != nil || string(a.Content) != string(want.Content) {
		t.Errorf("%v\n%s", err, a.Content)
	}
	bad := written(t, annotationLayer, "Releases", spec("{short_descr: broken, start_dttm: soon, end_dttm: later}", at("another", ""), "{short_descr: odd, start_dttm: 2026-01-01, end_dttm: 2026-01-02, colour: red}"))
	err := s.write(c, bad)
	if err == nil || !strings.Contains(err.Error(), `annotation "broken"`) || !strings.Contains(err.Error(), `annotation "odd"`) || !strings.Contains(err.Error(), "Not a valid datetime") {
		t.Errorf("a bad annotation: %v", err)
	}
	if a, err := s.reads(c, want.ID); err != nil || !strings.Contains(string(a.Content), "short_descr: another") {
		t.Errorf("%v\n%s", err, a.Content)
	}
	if err := c.Delete(t.Context(), want.ID); err != nil || len(s.s.Objects(st.AnnotationLayer)) != 0 {
		t.Errorf("%v, %d layers", err, len(s.s.Objects(st.AnnotationLayer)))
	}
}

// An annotation that is added moves nothing that the cheap question is shown; a
// reading of everything has it, and so has an edit of its layer.
func TestAnnotationsAreForTheCompleteReading(t *testing.T) {
	s := newSite(t, "6.1.0")
	row := s.layer("Releases", obj{"short_descr": "one"})
	c := s.conn(annotationLayer)
	id := idOf(annotationLayer, "Releases")
	_, ch, err := c.look(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range ch.Export(t.Context(), nil) {
	}
	seen := ch.Seen()
	s.note(row, obj{"short_descr": "two"})
	s.s.ResetLog()
	if _, ch, err = c.look(t.Context(), seen); err != nil || len(ch.Changed) != 0 {
		t.Errorf("%v, changed %v: then docs/superset.md is wrong", err, ch.Changed)
	}
	if n := s.s.Count("", "/annotation_layer/"); n != 1 {
		t.Errorf("%d requests about layers", n)
	}
	if assets, _, _ := everything(t, c); !strings.Contains(string(assets[id].Content), "short_descr: two") {
		t.Errorf("a reading of everything:\n%s", assets[id].Content)
	}
	s.do("PUT", fmt.Sprintf("/api/v1/annotation_layer/%d", row), obj{"descr": "edited"})
	if _, ch, err = c.look(t.Context(), seen); err != nil || !slices.Equal(ch.Changed, []asset.ID{id}) {
		t.Errorf("%v, changed %v", err, ch.Changed)
	}
}

// Metadata is found where the server lets nobody filter by it, and a layer that
// cannot be read is named while the others are.
func TestAnnotationsUnderFaults(t *testing.T) {
	s := newSite(t, "6.1.0")
	row := s.layer("Releases", obj{"short_descr": "one", "json_metadata": `{"a": 1}`}, obj{"short_descr": "two"})
	s.layer("Other", obj{"short_descr": "one"})
	c := s.conn(annotationLayer)
	id := idOf(annotationLayer, "Releases")
	want, err := s.reads(c, id)
	if err != nil || !strings.Contains(string(want.Content), "a: 1") {
		t.Fatal(err, want)
	}
	s.s.Break(st.Fault{Path: fmt.Sprintf("/annotation_layer/%d/annotation/", row), Do: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(r.URL.RawQuery, "opr") {
			http.Error(w, `{"message":"Filter column: json_metadata not allowed to filter"}`, http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r)
	}})
	if got, err := s.reads(c, id); err != nil || string(got.Content) != string(want.Content) {
		t.Errorf("without the filter: %v", err)
	}
	s.s.Mend()
	s.s.Break(st.Fault{Path: fmt.Sprintf("/annotation_layer/%d/annotation/", row), Do: st.Status(http.StatusInternalServerError)})
	assets, failed, _ := everything(t, c)
	if len(assets) != 1 || len(failed) != 1 || failed[id] == nil {
		t.Errorf("read %v, failed %v", assets, failed)
	}
}

const share = "Share" // a chart of dashboard-rich.zip

// useLayers puts annotation layers on a chart and the copies in its query context.
func (s *site) useLayers(rows ...int) asset.ID {
	s.t.Helper()
	item, err := s.api.Find(s.t.Context(), st.Chart, share)
	if err != nil {
		s.t.Fatal(err)
	}
	var layers []any
	for _, row := range rows {
		layers = append(layers, obj{"annotationType": "EVENT", "name": fmt.Sprint("l", row), "sourceType": "NATIVE", "value": row})
	}
	params, err := json.Marshal(obj{"viz_type": "pie", "annotation_layers": layers})
	if err != nil {
		s.t.Fatal(err)
	}
	context, err := json.Marshal(obj{"form_data": obj{"viz_type": "pie", "annotation_layers": layers}, "queries": []any{obj{"annotation_layers": layers}}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.do("PUT", fmt.Sprintf("/api/v1/chart/%d", item.ID), obj{"params": string(params), "query_context": string(context)})
	for _, o := range s.s.Objects(st.Chart) {
		if o.ID == item.ID {
			return asset.ID{Kind: kindChart, UID: o.UUID}
		}
	}
	s.t.Fatal("no chart")
	return asset.ID{}
}

// A chart depends on its layers: they are made first, and it names them by the
// target's own rows everywhere.
func TestLayersComeBeforeTheirCharts(t *testing.T) {
	for _, version := range theVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			from := newSite(t, version)
			from.layer("unused")
			id := from.useLayers(from.layer("Releases", obj{}), from.layer("Holidays"))
			chart, err := from.reads(from.conn(), id)
			if err != nil {
				t.Fatal(err)
			}
			releases, holidays := idOf(annotationLayer, "Releases"), idOf(annotationLayer, "Holidays")
			for _, need := range []asset.ID{releases, holidays} {
				if n := strings.Count(string(chart.Content), "value: "+asset.Ref(need)); n != 2 || !slices.Contains(chart.Refs, need) {
					t.Errorf("%s stands there %d times, refs %v\n%s", need, n, chart.Refs, chart.Content)
				}
			}
			to := newSite(t, version, st.WithFirstID(700))
			c := to.conn()
			batch := []*asset.Asset{chart, written(t, annotationLayer, "Releases", "{}"), written(t, annotationLayer, "Holidays", "{descr: x}")}
			for _, r := range c.Import(t.Context(), batch, nil) {
				if r.Err != nil || len(r.Omitted) > 0 {
					t.Errorf("%s: %v %v", r.ID, r.Err, r.Omitted)
				}
			}
			if got, err := to.reads(c, id); err != nil || string(got.Content) != string(chart.Content) {
				t.Errorf("%v\n%s", err, got.Content)
			}
			o, _ := to.s.Object(st.Chart, id.UID)
			for _, f := range []string{"params", "query_context"} {
				for row := 700; row < 702; row++ {
					if n := strings.Count(o.Fields[f].(string), fmt.Sprintf(`"value": %d`, row)); n == 0 {
						t.Errorf("%s does not name layer %d: %s", f, row, o.Fields[f])
					}
				}
			}
		})
	}
}

// Where select.kinds leaves layers out the files of charts are the same, and a
// layer that the target has by that name is found.
func TestChartsKeepLayersThatAreNotSelected(t *testing.T) {
	from := newSite(t, "6.1.0")
	id := from.useLayers(from.layer("Releases"), from.layer("Holidays"))
	whole, err := from.reads(from.conn(), id)
	if err != nil {
		t.Fatal(err)
	}
	chart, err := from.reads(from.conn(kindChart), id)
	if err != nil || string(chart.Content) != string(whole.Content) {
		t.Fatalf("%v\n%s", err, chart.Content)
	}
	to := newSite(t, "6.1.0")
	to.layer("none of these")
	row := to.layer("Holidays")
	r := to.conn(kindChart).Import(t.Context(), []*asset.Asset{chart}, nil)[0]
	if r.Err != nil || len(r.Omitted) == 0 || !strings.Contains(r.Omitted[0].Text, nameUID(annotationLayer, "Releases")) {
		t.Errorf("%v %v", r.Err, r.Omitted)
	}
	o, _ := to.s.Object(st.Chart, id.UID)
	if text := o.Fields["params"].(string); !strings.Contains(text, fmt.Sprintf(`"value": %d`, row)) || !strings.Contains(text, `"value": null`) {
		t.Error(text)
	}
}

// Renaming a layer makes another asset of it, and the charts that use it change
// with it, in a reading of what changed, too.
func TestRenamedLayerReachesItsCharts(t *testing.T) {
	s := newSite(t, "6.1.0")
	row := s.layer("Releases")
	id := s.useLayers(row)
	c := s.conn()
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
	s.do("PUT", fmt.Sprintf("/api/v1/annotation_layer/%d", row), obj{"name": "Shipped"})
	if _, ch, err = c.look(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(ch.Listed, idOf(annotationLayer, "Releases")) || !slices.Contains(ch.Changed, idOf(annotationLayer, "Shipped")) {
		t.Errorf("listed %v, changed %v", ch.Listed, ch.Changed)
	}
	for raw, err := range ch.Export(t.Context(), []asset.ID{id}) { // the exporter asks for it: it holds a uid that is gone
		if err != nil {
			t.Fatal(err)
		}
		a, _, err := normalize.Canonical(raw, Rules())
		if err != nil || !slices.Contains(a.Refs, idOf(annotationLayer, "Shipped")) {
			t.Errorf("%v %v", err, a)
		}
	}
}

// Two layers of one name, which only an edit of Superset's database can make, are
// no target for a reference: it stays visible as one to nothing.
func TestSharedLayerNameIsNoTarget(t *testing.T) {
	s := newSite(t, "6.1.0")
	row := s.layer("Releases")
	id := s.useLayers(row)
	s.layer("twin")
	for _, o := range s.s.Objects(st.AnnotationLayer) {
		if err := s.s.EditAs("admin", st.AnnotationLayer, o.UUID, func(f map[string]any) { f["name"] = "Releases" }); err != nil {
			t.Fatal(err)
		}
	}
	assets, failed, _ := everything(t, s.conn())
	if n := len(failed); n != 2 {
		t.Errorf("failed %v", failed)
	}
	if text := string(assets[id].Content); !strings.Contains(text, asset.MissingRef(annotationLayer, fmt.Sprint(row))) {
		t.Error(text)
	}
}
