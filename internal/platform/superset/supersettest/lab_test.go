package supersettest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLabDumpsFitTheirConstraints: the lab takes the empty metadata DB of a Superset
// from a dump, which must be of the very packages that the constraints install.
func TestLabDumpsFitTheirConstraints(t *testing.T) {
	for _, tool := range []string{"bash", "gzip", "cksum"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the lab needs %s", tool)
		}
	}
	lab := filepath.Join("..", "..", "..", "..", "testdata", "superset-lab", "superset-lab")
	run := func(version string, args ...string) string {
		t.Helper()
		cmd := exec.Command(lab, args...)
		cmd.Env = append(os.Environ(), "VERSION="+version, "FEATURE_FLAGS=", "METADATA=", "DASHKEEP_CACHE="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("Superset %s: %v: %s", version, err, out)
		}
		return string(out)
	}
	versions := strings.Fields(run("6.1.0", "versions"))
	if len(versions) < 4 {
		t.Fatalf("versions of the lab: %q", versions)
	}
	for _, v := range versions {
		for _, name := range []string{"constraints-" + v + ".txt", "empty-" + v + ".sql.gz"} {
			// read here too, for the cache of test results
			if _, err := os.ReadFile(filepath.Join(filepath.Dir(lab), name)); err != nil {
				t.Error(err)
			}
		}
		run(v, "dumped")
	}
}
