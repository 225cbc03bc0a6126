package platformtest_test

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/platformtest"
)

// recorder stands in for the testing.T of a case that may fail.
type recorder struct {
	testing.TB
	ctx     context.Context
	mu      sync.Mutex
	failed  bool
	skipped bool
	lines   []string
}

func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Helper()                  {}
func (r *recorder) Log(args ...any)          {}
func (r *recorder) Logf(string, ...any)      {}
func (r *recorder) Error(args ...any)        { r.fail(fmt.Sprintln(args...)) }
func (r *recorder) Errorf(f string, args ...any) {
	r.fail(fmt.Sprintf(f, args...))
}
func (r *recorder) Fatal(args ...any)            { r.fail(fmt.Sprintln(args...)); runtime.Goexit() }
func (r *recorder) Fatalf(f string, args ...any) { r.fail(fmt.Sprintf(f, args...)); runtime.Goexit() }
func (r *recorder) Skipf(f string, args ...any)  { r.skipped = true; runtime.Goexit() }

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) fail(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
	r.lines = append(r.lines, line)
}

// try runs one case and returns what it said.
func try(t *testing.T, c platformtest.Case, h platformtest.Harness) *recorder {
	t.Helper()
	r := &recorder{TB: t, ctx: t.Context()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(r, &h)
	}()
	<-done
	return r
}

// verdict is what the suite says of one variety: by case what was said when it
// failed or was skipped.
type verdict struct{ failed, skipped map[string]string }

// judge runs every case against every variety: all at once, because some cases
// wait, and then one after the other those that measure the process.
func judge(t *testing.T, vs ...variety) map[variety]verdict {
	t.Helper()
	out := map[variety]verdict{}
	for _, v := range vs {
		out[v] = verdict{map[string]string{}, map[string]string{}}
	}
	var mu sync.Mutex
	one := func(v variety, c platformtest.Case) {
		h := v.harness()
		h.SetMany(300)
		r := try(t, c, h)
		mu.Lock()
		defer mu.Unlock()
		if r.failed {
			out[v].failed[c.Name] = strings.Join(r.lines, "")
		}
		if r.skipped {
			out[v].skipped[c.Name] = strings.Join(r.lines, "")
		}
	}
	var wg sync.WaitGroup
	for _, v := range vs {
		for _, c := range platformtest.Cases() {
			if !c.Alone() {
				wg.Go(func() { one(v, c) })
			}
		}
	}
	wg.Wait()
	for _, v := range vs {
		for _, c := range platformtest.Cases() {
			if c.Alone() {
				one(v, c)
			}
		}
	}
	return out
}

const many = "10,000 assets in bounded memory"

func TestSoundPlatformsPassEveryCase(t *testing.T) {
	noMap := []string{"a lost id map is rebuilt", "twins are not mistaken for one another"}
	noKinds := []string{"dependencies are not overwritten", "what it cannot do it refuses"}
	skips := map[variety][]string{
		{}:                             nil,
		{sameTitles: true}:             nil,
		{portable: true}:               noMap,
		{single: true}:                 noKinds,
		{single: true, portable: true}: slices.Concat(noMap, noKinds),
	}
	for v, got := range judge(t, slices.Collect(maps.Keys(skips))...) {
		for name, text := range got.failed {
			t.Errorf("%+v fails %q: %s", v, name, text)
		}
		want := skips[v]
		if platformtest.RaceDetector {
			want = append(slices.Clone(want), many)
		}
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(got.skipped)); !slices.Equal(got, want) {
			t.Errorf("%+v skips %q, want %q", v, got, want)
		}
	}
}

// flaws names ways to be wrong, and for each the one case that must notice it.
func flaws() map[string]string {
	return map[string]string{
		"anonymous":                    "ping names server and user",
		"vague":                        "wrong password is a login error",
		"shows a sample":               "empty server lists nothing",
		"loses empty shelves":          "list and export agree",
		"exports all":                  "export of some gives exactly those",
		"noisy":                        "export twice has no noise",
		"writes when reading":          "reading writes nothing",
		"grows":                        "canonical form is a fixpoint",
		"misrefers":                    "references resolve",
		"leaks":                        "secrets are never in content",
		"misattributes":                "an edit moves one asset and names its editor",
		"cannot believe it":            "wiped server lists nothing and fails nothing",
		"takes forbidden for gone":     "what this account may not see is not gone",
		"shows what it once saw":       "what this account may not see is not gone",
		"silent":                       "listed but not exported is named",
		"forgets notes of new shelves": "round trip to other ids gives equal bytes",
		"appends":                      "a second import changes nothing",
		"splashes":                     "a write touches only its own asset",
		"overwrites dependencies":      "dependencies are not overwritten",
		"writes back what it read":     "a change between reading and writing is not lost",
		"ASCII only":                   "non-ASCII and YAML traps survive",
		"gives up":                     "one bad asset does not stop the rest",
		"pretends to build":            "what it cannot do it refuses",
		"pretends to tear down":        "what it cannot do it refuses",
		"shows what it sent":           "read-back sees through a lying server",
		"keeps":                        "deleted is gone, and can come back",
		"sweeps up":                    "deleting removes nothing else",
		"believes its deletions":       "a deletion that did not happen is seen",
		"forgets its bindings":         "ids stay the same after an import",
		"counts and does not bind":     "a lost id map is rebuilt",
		"guesses":                      "twins are not mistaken for one another",
		"forgetful":                    "session expiry in mid-run is bridged",
		"pushy":                        "throttling is waited for",
		"deaf":                         "cancelled context ends every call",
		"blind":                        "a broken answer is never an empty server",
		"has one cursor":               "parallel calls give the same",
		"reads ahead":                  "stops at once when the consumer stops",
		"reads to the end":             "stops at once when the consumer stops",
		"hoards":                       many,
	}
}

// TestEachFlawFailsExactlyItsCase is the proof of the suite: every case can fail,
// and each asks for one thing.
func TestEachFlawFailsExactlyItsCase(t *testing.T) {
	want := flaws()
	if platformtest.RaceDetector {
		delete(want, "hoards")
	}
	var vs []variety
	for flaw := range want {
		vs = append(vs, variety{flaw: flaw})
	}
	proven := map[string]bool{}
	for v, got := range judge(t, vs...) {
		name := want[v.flaw]
		if _, noticed := got.failed[name]; !noticed {
			t.Errorf("a platform that %q passes %q", v.flaw, name)
		}
		proven[name] = true
		for other, text := range got.failed {
			if other != name {
				t.Errorf("a platform that %q also fails %q: %s", v.flaw, other, text)
			}
		}
	}
	for _, c := range platformtest.Cases() {
		if !proven[c.Name] && (c.Name != many || !platformtest.RaceDetector) {
			t.Errorf("no flaw proves that %q can fail", c.Name)
		}
	}
}

// TestMany is the whole number, for a platform that streams and one that keeps
// everything.
func TestMany(t *testing.T) {
	if platformtest.RaceDetector {
		t.Skip("memory cannot be measured under the race detector")
	}
	cases := platformtest.Cases()
	c := cases[slices.IndexFunc(cases, func(c platformtest.Case) bool { return c.Name == many })]
	for flaw, fails := range map[string]bool{"": false, "hoards": true} {
		if r := try(t, c, variety{flaw: flaw}.harness()); r.failed != fails {
			t.Errorf("flaw %q: failed %t, want %t: %s", flaw, r.failed, fails, strings.Join(r.lines, ""))
		}
	}
}

func TestCasesAreAChecklist(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range platformtest.Cases() {
		if seen[c.Name] || c.Run == nil {
			t.Errorf("%q stands twice or does nothing", c.Name)
		}
		seen[c.Name] = true
		if !strings.HasSuffix(c.Asks, ".") || len(c.Asks) < 60 || strings.ContainsAny(c.Asks, "\n|") || !strings.Contains(c.Asks, ": ") {
			t.Errorf("%q asks %q: that is no line of a checklist", c.Name, c.Asks)
		}
	}
}

func TestAFailureSaysFirstWhatIsAsked(t *testing.T) {
	r := &recorder{TB: t, ctx: t.Context()}
	tb := platformtest.Asking(r, "Do this: look there.")
	tb.Logf("no failure yet")
	if len(r.lines) != 0 {
		t.Errorf("before any failure: %q", r.lines)
	}
	tb.Errorf("it is %s", "broken")
	tb.Error("and that too")
	want := []string{"TO DO: Do this: look there.\n", "it is broken", "and that too\n"}
	if !slices.Equal(r.lines, want) {
		t.Errorf("%q, want %q", r.lines, want)
	}
}
