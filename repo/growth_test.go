package repo_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os/exec"
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
	if small == 0 || float64(large) > 1.2*float64(small) {
		t.Errorf("one more commit takes %d system calls after 20 commits and %d after 400", small, large)
	}
}

const growthPulls = 5_000

// growthRounds are two rounds of maintenance: each commit adds a pack, which costs
// more than all history does, and the two repositories start at different numbers.
const growthRounds = 80

// BenchmarkGrowth makes 5,000 small pulls, each with the maintenance that follows it.
// It prints how many packs there were at most, what the longest maintenance took, and
// what one more commit takes after 2,000 pulls, as a ratio to one after 20.
func BenchmarkGrowth(b *testing.B) {
	for range b.N {
		l := newLab(b)
		source := l.path("source")
		if err := writeSource(source, 1000); err != nil {
			b.Fatal(err)
		}
		files, err := readSource(source, 0, 0)
		if err != nil {
			b.Fatal(err)
		}
		g := &growing{lab: l, files: files, paths: slices.Sorted(maps.Keys(files))}
		g.pulls()
		var news, olds []float64
		for i := range growthRounds {
			for j := range 2 { // another one goes first in each round
				if (i+j)%2 == 0 {
					news = append(news, l.oneMore(l.options("after-20"), i))
				} else {
					olds = append(olds, l.oneMore(l.options("after-2000"), i))
				}
			}
		}
		fmt.Printf("\n| growth, 1000 files | aim | |\n|---|---|---|\n")
		fmt.Printf("| one more commit after 2000 pulls, as a ratio to one after 20 | 1.20 | %.2f (%.1f/%.1f ms) |\n", median(olds)/median(news), median(olds), median(news))
		fmt.Printf("| packs after each of %d pulls, at most | 50 | %d |\n", growthPulls, g.packs)
		fmt.Printf("| longest maintenance after a pull | 1 s | %.2f s |\n", g.longest.Seconds())
	}
	b.ReportMetric(0, "ns/op")
}

// growing is a repository that many pulls are made into.
type growing struct {
	*lab
	files   map[string][]byte
	paths   []string
	packs   int
	longest time.Duration
}

func (g *growing) pulls() {
	o := g.options("grows")
	s := g.open(o)
	ctx := context.Background()
	if _, err := s.Commit(ctx, []repo.Commit{{Changes: g.files, Message: "all"}}); err != nil {
		g.Fatal(err)
	}
	var base repo.Revision
	for i := range growthPulls {
		p := g.paths[i%len(g.paths)]
		text := bytes.Replace(g.files[p], []byte(benchRevision), fmt.Appendf(nil, "revision: %08d", i+1), 1)
		g.commit(s, map[string]string{p: string(text)})
		var err error
		if base, err = s.WriteRef(ctx, baseRef, base, map[string][]byte{p: text}, "base"); err != nil {
			g.Fatal(err)
		}
		start := time.Now()
		compact(g, s, repo.CompactQuickly)
		g.longest = max(g.longest, time.Since(start))
		g.packs = max(g.packs, packs(o.Path))
		if i+1 == 20 || i+1 == 2000 {
			s.Close()
			copyTree(g, o.Path, g.path(fmt.Sprintf("after-%d", i+1)))
			s = g.open(o)
		}
	}
}

// oneMore times opening the repository and making one commit, in milliseconds.
func (l *lab) oneMore(o repo.Options, i int) float64 {
	exec.Command("sync").Run()
	start := time.Now()
	s := l.open(o)
	l.commit(s, map[string]string{"prod/more.yaml": fmt.Sprintf("more: %d\n", i)})
	s.Close()
	took := time.Since(start).Seconds() * 1000
	s = l.open(o)
	compact(l, s, repo.CompactQuickly)
	s.Close()
	return took
}
