package repo_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/repo"
)

// grown makes a repository of this many commits over 200 files, maintained as
// pulls maintain it.
func (l *lab) grown(name string, commits int) repo.Options {
	l.Helper()
	o := l.options(name)
	s := l.open(o)
	for i := range commits {
		files := map[string]string{fmt.Sprintf("prod/charts/%03d.yaml", i%200): fmt.Sprintf("revision: %d\n", i)}
		if i == 0 {
			for f := range 200 {
				files[fmt.Sprintf("prod/charts/%03d.yaml", f)] = noise(1500)
			}
		}
		l.commit(s, files)
		compact(l, s, repo.CompactQuickly)
	}
	s.Close()
	return o
}

// oneMore times a program that opens the repository and makes one commit.
func (l *lab) oneMore(o repo.Options, i int) time.Duration {
	start := time.Now()
	s := l.open(o)
	l.commit(s, map[string]string{"prod/charts/007.yaml": fmt.Sprintf("more: %d\n", i)})
	s.Close()
	took := time.Since(start)
	s = l.open(o)
	compact(l, s, repo.CompactQuickly)
	s.Close()
	return took
}

// growth times one more commit on a young and on an old repository, in turns.
func (l *lab) growth(young, old, rounds int) (small, large time.Duration) {
	a, b := l.grown("young", young), l.grown("old", old)
	var as, bs []time.Duration
	for i := range rounds {
		as = append(as, l.oneMore(a, i))
		bs = append(bs, l.oneMore(b, i))
	}
	return slices.Min(as), slices.Min(bs) // the least disturbed by what else runs
}

// TestOneMoreCommitIsFlatInHistory counts what one more commit asks of the system:
// unlike its time, which make bench measures, that is the same on a busy machine.
func TestOneMoreCommitIsFlatInHistory(t *testing.T) {
	needStrace(t)
	l := newLab(t)
	calls := func(o repo.Options) int {
		log := l.path("calls-" + filepath.Base(o.Path))
		cmd := fault{l: l, job: "commit"}.command(o.Path, "strace", "-f", "-qq", "-o", log, "-e", "trace=file,desc")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		return strings.Count(l.read(log), "\n")
	}
	small, large := calls(l.grown("young", 20)), calls(l.grown("old", 400))
	t.Logf("one more commit after 20: %d system calls, after 400: %d", small, large)
	if small == 0 || float64(large) > 1.5*float64(small) {
		t.Errorf("one more commit takes %d system calls after 20 commits and %d after 400", small, large)
	}
}

// BenchmarkGrowth is the cost of one more commit after 2,000, as a ratio to that
// after 20.
func BenchmarkGrowth(b *testing.B) {
	l := newLab(b)
	small, large := l.growth(20, 2000, 20)
	b.ReportMetric(float64(large)/float64(small), "x-young")
	b.ReportMetric(float64(small.Microseconds())/1000, "young-ms/op")
	b.ReportMetric(float64(large.Microseconds())/1000, "old-ms/op")
	b.ReportMetric(0, "ns/op")
}
