package repo_test

import (
	"fmt"
	"slices"
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

func TestOneMoreCommitIsFlatInHistory(t *testing.T) {
	l := newLab(t)
	small, large := l.growth(20, 300, 12)
	t.Logf("one more commit after 20: %v, after 300: %v", small, large)
	if float64(large) > 2*float64(small)+float64(5*time.Millisecond) { // make bench measures; this notices that something grows
		t.Errorf("one more commit takes %v after 20 commits and %v after 300", small, large)
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
