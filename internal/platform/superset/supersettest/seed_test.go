package supersettest_test

import (
	"os"
	"path/filepath"
	"testing"

	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "6.1.0", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSeedTakesEveryRealExport(t *testing.T) {
	for _, name := range []string{"dashboard-examples.zip", "dashboard-rich.zip", "assets.zip", "database-all.zip",
		"dashboard-all.zip", "dataset-all.zip", "chart-all.zip", "chart-broken.zip", "theme-all.zip"} {
		s := st.New()
		if err := s.Seed(fixture(t, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: %d dashboards %d charts %d datasets %d databases %d themes", name, len(s.Objects(st.Dashboard)),
			len(s.Objects(st.Chart)), len(s.Objects(st.Dataset)), len(s.Objects(st.Database)), len(s.Objects(st.Theme)))
	}
}
