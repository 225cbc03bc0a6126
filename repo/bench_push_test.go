package repo_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/repo"
)

const (
	pushFiles = 10_000
	pushOld   = 2_000
	baseRef   = "refs/dashkeep/base/prod"
)

// BenchmarkPush pushes what one pull of ten files leaves, a commit of the branch and
// one of base, over HTTP, to a remote with one commit and to one with 2,000. Own push
// is timed in the process that made the commits, as in a pull; native git is started.
func BenchmarkPush(b *testing.B) {
	for range b.N {
		l := newLab(b)
		source := l.path("source")
		if err := writeSource(source, pushFiles); err != nil {
			b.Fatal(err)
		}
		young, old := l.pusher(source, 1), l.pusher(source, pushOld)
		var ratio, growth, owns, natives []float64
		for round := range *benchRounds {
			own1, _ := young.push(round)
			own, native := old.push(round)
			ratio = append(ratio, float64(own)/float64(native))
			growth = append(growth, float64(own)/float64(own1))
			owns, natives = append(owns, own.Seconds()*1000), append(natives, native.Seconds()*1000)
		}
		fmt.Printf("\n| push of one pull, %d files | aim | |\n|---|---|---|\n", pushFiles)
		fmt.Printf("| at %d commits, as a ratio to native git | 1.00 | %.2f (%.0f/%.0f ms) |\n", pushOld, median(ratio), median(owns), median(natives))
		fmt.Printf("| at %d commits, as a ratio to that at 1 commit | 1.30 | %.2f |\n", pushOld, median(growth))
	}
	b.ReportMetric(0, "ns/op")
}

// pusher is a clone of ours and one of native git's, with a server each.
type pusher struct {
	*lab
	source, native string
	own            *repo.Store
	base           repo.Revision
}

func (l *lab) pusher(source string, commits int) *pusher {
	l.Helper()
	name := func(kind string) string { return fmt.Sprintf("%s-%d", kind, commits) }
	seed := l.bare(name("seed") + ".git")
	var stream bytes.Buffer
	if err := history(&stream, source, commits); err != nil {
		l.Fatal(err)
	}
	cmd := exec.Command("git", "fast-import", "--quiet")
	cmd.Dir, cmd.Env, cmd.Stdin = seed, gitEnv(), &stream
	if out, err := cmd.CombinedOutput(); err != nil {
		l.Fatalf("fast-import: %v\n%s", err, out)
	}
	l.git(seed, "update-ref", baseRef, "main")
	l.git(seed, "config", "http.receivepack", "true")
	p := &pusher{lab: l, source: source, native: l.path(name("native"))}
	for _, kind := range []string{"own", "native"} {
		copyTree(l, seed, l.path(name(kind)+".git"))
	}
	l.git(l.dir, "clone", "-q", seed, name("clone"))
	l.git(l.path(name("clone")), "fetch", "-q", "origin", baseRef+":"+baseRef)
	url := l.serve("") + "/"
	for _, kind := range []string{"own", "native"} {
		copyTree(l, l.path(name("clone")), l.path(name(kind)))
		l.git(l.path(name(kind)), "remote", "set-url", "origin", url+name(kind)+".git")
		l.git(l.path(name(kind)), "config", "gc.auto", "0")
		l.git(l.path(name(kind)), "config", "http.postBuffer", "100m") // our server takes no body of unknown length
	}
	o := l.options(name("own"))
	o.Remote = url + name("own") + ".git"
	p.own = l.open(o)
	base, ok, err := p.own.ReadRef(baseRef)
	if err != nil || !ok {
		l.Fatal(ok, err)
	}
	p.base = base
	p.push(-1) // takes back what the history changed
	return p
}

// history writes commits of ten changed files each, for git fast-import.
func history(w io.Writer, source string, commits int) error {
	out := bufio.NewWriter(w)
	defer out.Flush()
	files, err := readSource(source, 0, 0)
	if err != nil {
		return err
	}
	paths := slices.Sorted(maps.Keys(files))
	for i := range commits {
		fmt.Fprintf(out, "commit refs/heads/main\ncommitter Person <person@example.com> %d +0000\ndata 5\nsync\n\n", 1_600_000_000+i)
		some := paths
		if i > 0 {
			some = paths[i*10%(len(paths)-10):][:10]
		}
		for _, p := range some {
			data := files[p]
			if i > 0 {
				data = bytes.Replace(data, []byte(benchRevision), fmt.Appendf(nil, "revision: %08d", i), 1)
			}
			fmt.Fprintf(out, "M 100644 inline %s\ndata %d\n%s\n", p, len(data), data)
		}
	}
	return nil
}

// push times one push of each.
func (p *pusher) push(round int) (own, native time.Duration) {
	p.Helper()
	files, err := readSource(p.source, 10, 900_000+round)
	if err != nil {
		p.Fatal(err)
	}
	ctx := context.Background()
	c := repo.Commit{Changes: files, Message: "sync"}
	if _, err := p.own.Commit(ctx, []repo.Commit{c}); err != nil {
		p.Fatal(err)
	}
	if p.base, err = p.own.WriteRef(ctx, baseRef, p.base, files, "base"); err != nil {
		p.Fatal(err)
	}
	if err := syncNative(syncJob{p.native, p.source, 10, 900_000 + round}); err != nil {
		p.Fatal(err)
	}
	p.git(p.native, "update-ref", baseRef, "main")
	exec.Command("sync").Run()
	start := time.Now()
	if err := p.own.Push(ctx, "refs/heads/main", baseRef); err != nil {
		p.Fatal(err)
	}
	own = time.Since(start)
	start = time.Now()
	p.git(p.native, "push", "-q", "origin", "main", baseRef)
	return own, time.Since(start)
}
