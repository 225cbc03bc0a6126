package superset

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// otherServer is a server whose row ids are its own.
type otherServer struct {
	first int
	uids  []string // by row
}

func (o *otherServer) row(id asset.ID, _ normalize.Missing) (string, bool) {
	i := slices.Index(o.uids, id.UID)
	if i < 0 {
		i, o.uids = len(o.uids), append(o.uids, id.UID)
	}
	return strconv.Itoa(o.first + i), true
}

func (o *otherServer) lookup(_ asset.Kind, row string) (string, bool) {
	i, err := strconv.Atoi(row)
	if i -= o.first; err != nil || i < 0 || i >= len(o.uids) {
		return "", false
	}
	return o.uids[i], true
}

// export gives the document as that server would export it after an import.
func (o *otherServer) export(t *testing.T, a *asset.Asset) *asset.Raw {
	t.Helper()
	doc, err := asset.ParseDocument(a.Path, a.Content)
	if err != nil {
		t.Fatal(err)
	}
	node, _, err := normalize.Denormalize(doc, Rules().Kinds[doc.Kind], normalize.Server{Row: o.row})
	if err != nil {
		t.Fatal(err)
	}
	return &asset.Raw{Info: asset.Info{ID: a.ID}, Doc: node, Lookup: o.lookup}
}

// What is written to a server with quite other row ids reads back the same, in
// every place of F12, also in those the importer does not remap (F13).
func TestF12_F13_OtherRowIdsSameBytes(t *testing.T) {
	for _, z := range []string{"assets", "dashboard-examples"} {
		for id, a := range canonical(t, unzip(t, "6.1.0/"+z+".zip")).assets {
			for _, n := range []int{1, 5000} {
				back, _, err := normalize.Canonical((&otherServer{first: n}).export(t, a), Rules())
				if err != nil {
					t.Fatal(err)
				}
				if string(back.Content) != string(a.Content) && !brokenChart(a) {
					t.Errorf("%s: %s", id, firstLine(string(a.Content), string(back.Content)))
				}
			}
		}
	}
}

func brokenChart(a *asset.Asset) bool {
	return strings.Contains(string(a.Content), "missing-6}__table")
}

func TestF12_NoRowIdIsLeft(t *testing.T) {
	a := rich(t)[asset.ID{Kind: kindDashboard, UID: "e9f7ada8-6fb6-47ad-a063-f42574b406e3"}]
	for _, bad := range []string{"chartId", "sliceName:", "datasetId: 1", "missing-"} {
		if strings.Contains(string(a.Content), bad) {
			t.Errorf("the dashboard still holds %q", bad)
		}
	}
	if n := strings.Count(string(a.Content), "ref:chart:"); n < 60 {
		t.Errorf("%d references, the fixture has more", n)
	}
	want := []asset.Kind{kindChart, kindDataset, kindTheme}
	for _, ref := range a.Refs {
		if !slices.Contains(want, ref.Kind) {
			t.Errorf("depends on %s", ref)
		}
	}
	if len(a.Refs) != 12 {
		t.Errorf("depends on %d assets: 9 charts, 2 datasets and a theme were expected: %v", len(a.Refs), a.Refs)
	}
}
