package repo_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkVersusGit does the same work with this package and with native git, in
// turns, each run a process of its own, and prints the medians of the ratios of the
// times: below 1 is faster than git. Native git runs with its defaults, which
// do not flush to the disk; this package flushes as in production.
//
// Before each run the disk is made idle, or one would pay for what another left in
// the caches. Folders are fresh in each round and nothing is removed until the end:
// for minutes after many files were deleted ext4 passes over their inodes one by one
// whenever it makes a file, up to 20 times slower. What tests have deleted before
// counts too (the initial commit of 50,000 files took 1.4 of git's time there and
// 0.5 elsewhere), so large repositories are made on a file system of their own where
// one can be mounted. Small ones are not: a flush costs more on a loop device.
func BenchmarkVersusGit(b *testing.B) {
	for range b.N {
		v := &versus{lab: newLab(b), ratios: map[string][]float64{}, figures: map[string]string{}}
		sizes := benchSizes(b)
		for _, n := range sizes {
			at := v.lab
			if n >= largeRepository {
				v.lab = v.freshDisk(fmt.Sprint("disk-", n))
			}
			v.syncs(n)
			v.lab = at
		}
		v.print(sizes)
	}
	b.ReportMetric(0, "ns/op")
}

const largeRepository = 10_000 // files

var benchFiles = flag.String("files", "1000", "benchmarks: sizes of the repositories, in files")

var benchRounds = flag.Int("rounds", 5, "benchmarks: how often each is measured; medians count")

// freshDisk returns a folder on a file system of its own, if that may be done.
func (l *lab) freshDisk(name string) *lab {
	image, at := l.path(name+".img"), l.path(name)
	err := makeDisk(image, "40G") // sparse
	if err == nil {
		err = l.tryMount(image, at)
	}
	if err != nil {
		fmt.Printf("measured where files were deleted a moment ago, which disturbs the initial commit: %v\n", err)
		return l
	}
	return &lab{TB: l.TB, dir: at, now: l.now}
}

func benchSizes(b *testing.B) (sizes []int) {
	for f := range strings.SplitSeq(*benchFiles, ",") {
		n, err := strconv.Atoi(f)
		if err != nil || n < 100 {
			b.Fatalf("-files %s", *benchFiles)
		}
		sizes = append(sizes, n)
	}
	return sizes
}

// scene is a kind of synchronization; the later ones build on the earlier.
type scene struct {
	name         string
	work, bare   string // what is aimed at, with and without working files
	change       func(files int) int
	revisionFrom int
}

func scenes() []scene {
	return []scene{
		{"initial", "0.55", "0.25", func(int) int { return 0 }, 0},
		{"nothing changed", "0.30", "0.30", func(int) int { return 0 }, 0},
		{"one file changed", "0.90", "0.60", func(int) int { return 1 }, 1},
		{"1 % changed", "0.90", "0.50", func(n int) int { return n / 100 }, 2},
	}
}

// versus collects what was measured, by row and column.
type versus struct {
	*lab
	ratios  map[string][]float64
	figures map[string]string // in place of a ratio
}

// syncs measures all scenes with n files.
func (v *versus) syncs(n int) {
	source := v.path(fmt.Sprintf("source-%d", n))
	if err := writeSource(source, n); err != nil {
		v.Fatal(err)
	}
	for round := range *benchRounds {
		name := func(kind string) string { return v.path(fmt.Sprintf("%s-%d-%d", kind, n, round)) }
		v.git(v.dir, "init", "-q", "--bare", "-b", "main", name("bare"))
		kinds := []string{"work", "bare", "native"}
		for _, sc := range scenes() {
			took := map[string]cost{}
			for i := range kinds { // another one goes first in each round
				kind := kinds[(i+round)%len(kinds)]
				took[kind] = v.sync(kind, sc, n, syncJob{name(kind), source, sc.change(n), sc.revisionFrom})
			}
			for _, kind := range kinds[:2] {
				v.add(n, sc.name+", "+kind, took[kind], took["native"])
			}
		}
		tree := v.git(name("native"), "rev-parse", "main^{tree}")
		for _, kind := range kinds[:2] {
			if have := v.git(name(kind), "rev-parse", "main^{tree}"); have != tree {
				v.Fatalf("%s ends with tree %s, native git with %s", kind, have, tree)
			}
		}
	}
}

func (v *versus) add(n int, what string, own, native cost) {
	cell := fmt.Sprintf("%s/%d", what, n)
	for name, x := range map[string]float64{"": float64(own.wall) / float64(native.wall), " ms": own.wall.Seconds() * 1000,
		" git ms": native.wall.Seconds() * 1000, " cpu": float64(own.cpu) / float64(native.cpu)} {
		v.ratios[cell+name] = append(v.ratios[cell+name], x)
	}
}

// cost is what one process took; cpu includes its start and the git processes it
// started, and tells the two apart also where other work disturbs.
type cost struct{ wall, cpu time.Duration }

// sync measures one process.
func (v *versus) sync(kind string, sc scene, n int, j syncJob) cost {
	job := "sync"
	if kind == "native" {
		job = "sync-native"
	}
	cmd := exec.Command(os.Args[0], j.args()...)
	cmd.Env = append(os.Environ(), helperEnv+"="+job)
	exec.Command("sync").Run() // no more than a courtesy where there is none
	out, err := cmd.CombinedOutput()
	var wrote, peak, took int
	if _, after, ok := strings.Cut(string(out), "took "); err == nil && ok {
		took, err = strconv.Atoi(strings.TrimSpace(after))
	}
	if err != nil || took == 0 {
		v.Fatalf("%s of %s: %v\n%s", sc.name, kind, err, out)
	}
	if fmt.Sscanf(string(out), "wrote %d bytes, peak %d KB", &wrote, &peak); kind == "work" {
		if sc.name == "nothing changed" {
			v.figures[fmt.Sprintf("bytes/%d", n)] = strconv.Itoa(wrote)
		}
		cell := fmt.Sprintf("%s MB/%d", sc.name, n)
		v.ratios[cell] = append(v.ratios[cell], float64(peak)/1024)
	}
	return cost{time.Duration(took) * time.Microsecond, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
}

func (v *versus) print(sizes []int) {
	head := "| as a ratio to native git | aim |"
	for _, n := range sizes {
		head += fmt.Sprintf(" %d files |", n)
	}
	fmt.Printf("\n%s\n%s\n", head, strings.Repeat("|---", len(sizes)+2)+"|")
	row := func(what, aim string, cell func(n int) string) {
		fmt.Printf("| %s | %s |", what, aim)
		for _, n := range sizes {
			fmt.Printf(" %s |", cell(n))
		}
		fmt.Println()
	}
	for _, sc := range scenes() {
		for _, k := range [][3]string{{"work", ", with working files", sc.work}, {"bare", ", without", sc.bare}} {
			row(sc.name+k[1], k[2], func(n int) string {
				cell := fmt.Sprintf("%s, %s/%d", sc.name, k[0], n)
				return fmt.Sprintf("%.2f, cpu %.2f (%.0f/%.0f ms)", median(v.ratios[cell]), median(v.ratios[cell+" cpu"]), median(v.ratios[cell+" ms"]), median(v.ratios[cell+" git ms"]))
			})
		}
	}
	row("bytes written when nothing changed", "0", func(n int) string { return v.figures[fmt.Sprintf("bytes/%d", n)] })
	for _, sc := range scenes() {
		row("own memory at its peak, "+sc.name, "80 MB", func(n int) string {
			return fmt.Sprintf("%.0f MB", slices.Max(v.ratios[fmt.Sprintf("%s MB/%d", sc.name, n)]))
		})
	}
}

func median(xs []float64) float64 {
	xs = slices.Sorted(slices.Values(xs))
	return xs[len(xs)/2]
}
