package superset

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
)

func TestNewerRows(t *testing.T) {
	x := &index{byRow: map[asset.Kind]map[string]string{kindChart: {"7": "a", "30": "b"}}}
	for row, want := range map[string]bool{"31": true, "30": false, "8": false, "2000000007": false, "x": false} {
		if got := x.newer(kindChart, row); got != want {
			t.Errorf("row %s: %v", row, got)
		}
	}
	if !x.newer(kindDataset, "1") {
		t.Error("of an empty list every row is newer")
	}
}

func TestChangeTime(t *testing.T) {
	want := time.Date(2026, 11, 22, 10, 6, 4, 759004000, time.UTC)
	for _, r := range []row{
		{UTC: "2026-11-22T10:06:04.759004+0000"},
		{UTC: "2026-11-22T11:06:04.759004+0100"},
		{UTC: "2026-11-22T10:06:04.759004Z"},
		{ChangedOn: "2026-11-22T10:06:04.759004"},
	} {
		if got := changeTime(r); !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%+v: %v", r, got)
		}
	}
	if got := changeTime(row{UTC: "yesterday"}); !got.IsZero() {
		t.Errorf("%v", got)
	}
}

func TestOnlyTagsOfPeople(t *testing.T) {
	for raw, want := range map[string]bool{"1": true, `"TagType.custom"`: true, "2": false, `"TagType.owner"`: false, "null": false} {
		if got := custom(json.RawMessage(raw)); got != want {
			t.Errorf("%s: %v", raw, got)
		}
	}
}

func TestUnreadableDocumentKeepsItsName(t *testing.T) {
	docs := readBundle([]file{
		{"root/metadata.yaml", []byte("version: 1.0.0\n")},
		{"root/charts/a_1.yaml", []byte("slice_name: a\nuuid: 31278ea9-b71d-4024-a205-1fedf03a23ad\nparams: {\n")},
		{"root/charts/b_2.yaml", []byte("slice_name: b\n")},
		{"root/unknown/q.yaml", []byte("label: q\n")},
	})
	if len(docs) != 2 || docs[0].err == nil || docs[0].id.UID != "31278ea9-b71d-4024-a205-1fedf03a23ad" || docs[1].err == nil {
		t.Errorf("%+v", docs)
	}
}

func TestInheritedTimeoutIsLeftOut(t *testing.T) {
	bundle := func(own string) []document {
		return readBundle([]file{
			{"r/databases/d.yaml", []byte("database_name: d\nuuid: 9f36925b-a237-4ef9-a578-49f1754524e1\ncache_timeout: 300\n")},
			{"r/datasets/d/t.yaml", []byte("table_name: t\nuuid: 31278ea9-b71d-4024-a205-1fedf03a23ad\ndatabase_uuid: 9f36925b-a237-4ef9-a578-49f1754524e1\ncache_timeout: " + own + "\n")},
		})
	}
	for own, want := range map[string]string{"300": "null", "60": "60", "null": "null", "0": "0"} {
		docs := bundle(own)
		if got := asset.Get(docs[1].node, "cache_timeout"); got.Value != want {
			t.Errorf("%s became %s, want %s", own, got.Value, want)
		}
	}
	if a, b := bundle("300"), bundle("60"); a[1].digest == b[1].digest || a[0].digest != b[0].digest {
		t.Error("digests do not follow the content")
	}
}
