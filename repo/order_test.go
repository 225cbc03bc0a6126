package repo_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestCR4_EverythingIsFlushedBeforeItIsNamed reads the system calls of a commit:
// what a power cut keeps is what was flushed before it, so the order is the
// promise.
func TestCR4_EverythingIsFlushedBeforeItIsNamed(t *testing.T) {
	needStrace(t)
	l := newLab(t)
	template, _ := l.template()
	f := fault{l: l, job: "commit"}
	log := l.path("calls")
	cmd := f.command(template, "strace", "-f", "-qq", "-y", "-o", log, "-e", "trace=fsync,renameat,renameat2,mkdirat")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	steps := []struct{ what, pattern string }{
		{"pack flushed", `fsync\(\d+<.*/tmp_dashkeep_pack_`},
		{"index flushed", `fsync\(\d+<.*/tmp_dashkeep_idx_`},
		{"index named", `renameat.*tmp_dashkeep_idx_.*objects/pack/pack-[0-9a-f]+\.idx`},
		{"pack named", `renameat.*tmp_dashkeep_pack_.*objects/pack/pack-[0-9a-f]+\.pack`},
		{"pack folder flushed", `fsync\(\d+<.*/objects/pack>`},
		{"journal flushed", `fsync\(\d+<.*/dashkeep/journal>`},
		{"new value flushed", `fsync\(\d+<.*/dashkeep/tmp_dashkeep_file_`},
		{"branch moved", `renameat.*tmp_dashkeep_file_.*refs/heads/main"`},
		{"branch folder flushed", `fsync\(\d+<.*/refs/heads>`},
	}
	lines := strings.Split(string(data), "\n")
	at := 0
	for _, s := range steps {
		re := regexp.MustCompile(s.pattern)
		found := false
		for ; at < len(lines) && !found; at++ {
			found = re.MatchString(lines[at])
		}
		if !found {
			t.Fatalf("%s: not after the step before it, in\n%s", s.what, data)
		}
	}
	// No step of the commit came earlier than its place: one move of the branch.
	if n := len(regexp.MustCompile(`renameat.*refs/heads/main"`).FindAll(data, -1)); n != 1 {
		t.Errorf("the branch moved %d times", n)
	}
}
