package repo_test

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/repo"
)

// The benchmarks do the same work with this package and with native git, in
// turns, and report the ratio of the times ("x-native": below 1 is faster).
// Native git runs with its defaults, which do not flush to the disk; this
// package does. DASHKEEP_BENCH_FILES sets the size, 1000 by default.
//
// Folders are never reused or removed in between: ext4 creates files up to 20
// times slower where many were just deleted.
func benchFiles(b *testing.B) map[string][]byte {
	n := 1000
	if v := os.Getenv("DASHKEEP_BENCH_FILES"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			b.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	files := make(map[string][]byte, n)
	for i := range n {
		kind, size := "charts", 1600
		switch {
		case i%100 < 6:
			kind, size = "dashboards", 13000
		case i%100 < 25:
			kind, size = "datasets", 5000
		}
		var text strings.Builder
		fmt.Fprintf(&text, "title: number %d\nrevision: 00000000\nspec:\n", i)
		for text.Len() < size {
			fmt.Fprintf(&text, "  field_%d: value %d of column_%d\n", r.IntN(40), r.IntN(1000), r.IntN(20))
		}
		files[fmt.Sprintf("prod/%s/asset-%06d.yaml", kind, i)] = []byte(text.String())
	}
	return files
}

// changed gives n files a new revision number.
func changed(files map[string][]byte, n, round int) map[string][]byte {
	out := make(map[string][]byte, len(files))
	i := 0
	for _, p := range sortedPaths(files) {
		out[p] = files[p]
		if i++; i <= n {
			out[p] = []byte(strings.Replace(string(files[p]), "revision: 00000000", fmt.Sprintf("revision: %08d", round+1), 1))
		}
	}
	return out
}

func sortedPaths(files map[string][]byte) []string {
	m := make(map[string]bool, len(files))
	for p := range files {
		m[p] = true
	}
	return strings.Fields(list(m))
}

func (l *lab) nativeInit(name string) string {
	l.git(l.dir, "init", "-q", "-b", "main", name)
	l.git(l.path(name), "config", "gc.auto", "0")
	return l.path(name)
}

// nativeSync is a sync as a program around the git binary would do it: compare
// with HEAD's tree by hash, write what differs, add, commit.
func (l *lab) nativeSync(dir string, files map[string][]byte) {
	have := map[string]string{}
	if out, err := l.tryGit(dir, "ls-tree", "-r", "-z", "HEAD"); err == nil {
		for e := range strings.SplitSeq(out, "\x00") {
			if meta, path, ok := strings.Cut(e, "\t"); ok {
				have[path] = strings.Fields(meta)[2]
			}
		}
	}
	for p, data := range files {
		h := sha1.New()
		fmt.Fprintf(h, "blob %d\x00", len(data))
		h.Write(data)
		if fmt.Sprintf("%x", h.Sum(nil)) != have[p] {
			l.write(filepath.Join(dir, p), string(data))
		}
	}
	l.git(dir, "add", "-A")
	l.tryGit(dir, "commit", "-q", "-m", "sync")
}

func (l *lab) ownSync(s *repo.Store, files map[string][]byte) {
	_, err := s.Commit(context.Background(), []repo.Commit{{Changes: files, Message: "sync"}})
	if err != nil && !errors.Is(err, repo.ErrNothingToCommit) {
		l.Fatal(err)
	}
}

// versus times the two in turns.
func versus(b *testing.B, own, native func(i int)) {
	var a, n time.Duration
	for i := range b.N {
		start := time.Now()
		own(i)
		a += time.Since(start)
		start = time.Now()
		native(i)
		n += time.Since(start)
	}
	b.ReportMetric(float64(a)/float64(n), "x-native")
	b.ReportMetric(float64(a.Microseconds())/1000/float64(b.N), "own-ms/op")
	b.ReportMetric(float64(n.Microseconds())/1000/float64(b.N), "native-ms/op")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkInitial(b *testing.B) {
	l := newLab(b)
	files := benchFiles(b)
	versus(b,
		func(i int) { l.ownSync(l.open(l.options(fmt.Sprintf("own%d-%d", b.N, i))), files) },
		func(i int) { l.nativeSync(l.nativeInit(fmt.Sprintf("native%d-%d", b.N, i)), files) })
}

func BenchmarkInitialBare(b *testing.B) {
	l := newLab(b)
	files := benchFiles(b)
	versus(b,
		func(i int) {
			name := fmt.Sprintf("own%d-%d.git", b.N, i)
			l.git(l.dir, "init", "-q", "--bare", "-b", "main", name)
			l.ownSync(l.open(l.options(name)), files)
		},
		func(i int) { l.nativeSync(l.nativeInit(fmt.Sprintf("native%d-%d", b.N, i)), files) })
}

// later prepares both and times syncs in which n files changed.
func later(b *testing.B, n int, cold bool) {
	l := newLab(b)
	files := benchFiles(b)
	o := l.options(fmt.Sprintf("own%d", b.N))
	s := l.open(o)
	l.ownSync(s, files)
	dir := l.nativeInit(fmt.Sprintf("native%d", b.N))
	l.nativeSync(dir, files)
	next := make([]map[string][]byte, b.N)
	for i := range next {
		next[i] = changed(files, n, i)
	}
	b.ResetTimer()
	versus(b, func(i int) {
		if cold {
			s.Close()
			s = l.open(o)
		}
		l.ownSync(s, next[i])
	}, func(i int) { l.nativeSync(dir, next[i]) })
}

func BenchmarkNoChange(b *testing.B)       { later(b, 0, true) }
func BenchmarkNoChangeWarm(b *testing.B)   { later(b, 0, false) }
func BenchmarkOneFile(b *testing.B)        { later(b, 1, true) }
func BenchmarkOneFileWarm(b *testing.B)    { later(b, 1, false) }
func BenchmarkOnePercent(b *testing.B)     { later(b, len(benchFiles(b))/100, true) }
func BenchmarkOnePercentWarm(b *testing.B) { later(b, len(benchFiles(b))/100, false) }

// BenchmarkPush pushes one sync of one file over HTTP after a history of 300
// commits.
func BenchmarkPush(b *testing.B) {
	l := newLab(b)
	l.git(l.bare("own.git"), "config", "http.receivepack", "true")
	l.git(l.bare("native.git"), "config", "http.receivepack", "true")
	url := l.serve("")
	files := benchFiles(b)
	s := l.clone(fmt.Sprintf("own%d", b.N), url+"/own.git")
	l.ownSync(s, files)
	dir := l.nativeInit(fmt.Sprintf("native%d", b.N))
	l.git(dir, "remote", "add", "origin", url+"/native.git")
	l.nativeSync(dir, files)
	for i := range 300 {
		l.ownSync(s, map[string][]byte{"history": fmt.Append(nil, i)})
	}
	ctx := context.Background()
	if err := s.Push(ctx); err != nil {
		b.Fatal(err)
	}
	l.git(dir, "push", "-q", "origin", "main")
	next := make([]map[string][]byte, b.N)
	for i := range next {
		next[i] = changed(files, 10, i)
		l.nativeSync(dir, next[i])
	}
	commits := strings.Fields(l.git(dir, "rev-list", "--reverse", fmt.Sprintf("-%d", b.N), "main"))
	b.ResetTimer()
	var own, native time.Duration
	for i := range b.N {
		l.ownSync(s, next[i])
		start := time.Now()
		if err := s.Push(ctx); err != nil {
			b.Fatal(err)
		}
		own += time.Since(start)
		start = time.Now()
		l.git(dir, "push", "-q", "origin", commits[i]+":refs/heads/main")
		native += time.Since(start)
	}
	b.ReportMetric(float64(own)/float64(native), "x-native")
	b.ReportMetric(float64(own.Microseconds())/1000/float64(b.N), "own-ms/op")
	b.ReportMetric(float64(native.Microseconds())/1000/float64(b.N), "native-ms/op")
	b.ReportMetric(0, "ns/op")
}
