package merge_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// go test ./internal/merge -run TestHistories -args -histories=20000
var histories = flag.Uint64("histories", 500, "random histories of each kind")

// world is one asset in Git and on a server, with the base between them, and
// what happened to it.
type world struct {
	t               *testing.T
	rnd             *rand.Rand
	git, live, base []byte
	branch, fork    []byte          // an open change request, and Git when it was made
	alive           map[string]bool // values somebody set and nobody has replaced or dropped knowingly
	n               int
	log             []string
}

var places = [][]string{{"spec", "a"}, {"spec", "m", "b"}, {"spec", "list", "name=p", "v"}, {"spec", "list", "name=q", "v"}}

func (w *world) say(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

func (w *world) must(out []byte, err error) []byte {
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// edit sets or removes one value on one side; what stood there is replaced knowingly.
func (w *world) edit(side *[]byte, name string) {
	n, err := asset.Parse(*side)
	if err != nil {
		w.t.Fatal(err)
	}
	at := places[w.rnd.IntN(len(places))]
	if old := asset.Get(n, at...); old != nil {
		delete(w.alive, old.Value)
	}
	if w.rnd.IntN(6) == 0 && asset.Delete(n, at...) {
		w.say("%s: removed %v", name, at)
	} else {
		w.n++
		v := fmt.Sprint("v", w.n)
		asset.Put(n, asset.Str(v), at...)
		w.alive[v] = true
		w.say("%s: %v = %s", name, at, v)
	}
	*side = w.must(asset.Encode(n))
}

func (w *world) agree() { w.base = w.must(merge.Agree(w.base, w.git, w.live)) }

// pull brings live to Git: directly, or as a change request that waits.
func (w *world) pull(request bool) {
	merged, conflicts, err := merge.Three(w.base, w.git, w.live)
	if err != nil {
		w.t.Fatal(err)
	}
	switch {
	case len(conflicts) > 0:
		w.say("pull: stopped, %s", show(conflicts))
	case request:
		w.branch, w.fork = merged, w.git
		w.say("pull: change request")
	default:
		w.git = merged
		w.say("pull")
	}
	w.agree()
}

// accept merges the open change request as Git would, stopping at conflicts.
func (w *world) accept() {
	if w.branch == nil {
		return
	}
	if merged, conflicts, err := merge.Three(w.fork, w.git, w.branch); err != nil {
		w.t.Fatal(err)
	} else if len(conflicts) == 0 {
		w.git = merged
		w.say("change request merged")
	}
	w.branch, w.fork = nil, nil
}

func (w *world) apply() {
	after, conflicts, err := merge.Three(w.base, w.git, w.live)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(conflicts) == 0 {
		w.live = after
		w.say("apply")
	}
	w.agree()
}

// resolve settles conflicts by hand for one side, which drops the other's values knowingly.
func (w *world) resolve() {
	_, conflicts, err := merge.Three(w.base, w.git, w.live)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(conflicts) == 0 || w.branch != nil {
		return
	}
	keep, drop := &w.git, &w.live
	if w.rnd.IntN(2) == 0 {
		keep, drop = drop, keep
	}
	for _, c := range conflicts {
		keys, err := asset.Split(c.Path)
		if err != nil {
			w.t.Fatal(err)
		}
		n, err := asset.Parse(*drop)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, at := range places { // everything at or below the conflict
			if v := asset.Get(n, at...); v != nil && len(at) >= len(keys) && fmt.Sprint(at[:len(keys)]) == fmt.Sprint(keys) {
				delete(w.alive, v.Value)
			}
		}
		*drop = w.must(merge.Take(*drop, *keep, []string{c.Path}))
	}
	w.say("resolved %s", show(conflicts))
	w.agree()
}

// check fails when a value that nobody gave up stands on neither side.
func (w *world) check() {
	for v := range w.alive {
		if !holds(w.t, w.git, v) && !holds(w.t, w.live, v) {
			w.t.Fatalf("%s is lost\n%v\ngit\n%slive\n%sbase\n%s", v, w.log, w.git, w.live, w.base)
		}
	}
}

func holds(t *testing.T, data []byte, v string) bool {
	n, err := asset.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range places {
		if x := asset.Get(n, at...); x != nil && x.Value == v {
			return true
		}
	}
	return false
}

// TestHistoriesLoseNoEdit plays random histories of edits on both sides, pulls
// (direct, and by change requests that wait), merges, applies and resolutions,
// with base moved by Agree after each: no edit may vanish from both sides unless
// somebody replaced it where it stood.
func TestHistoriesLoseNoEdit(t *testing.T) {
	for _, requests := range []bool{false, true} {
		t.Run(fmt.Sprint("requests=", requests), func(t *testing.T) {
			stopped := 0
			for seed := range *histories {
				start := canon(t, "spec: {a: v0, m: {b: v0}, list: [{name: p, v: v0}, {name: q, v: v0}]}")
				w := &world{t: t, rnd: rand.New(rand.NewPCG(seed, 7)), git: start, live: start, base: start, alive: map[string]bool{}}
				for range 14 {
					switch w.rnd.IntN(9) {
					case 0, 1:
						w.edit(&w.git, "git")
					case 2, 3:
						w.edit(&w.live, "live")
					case 4, 5:
						w.pull(requests)
					case 6:
						w.accept()
					case 7:
						w.apply()
					case 8:
						w.resolve()
						stopped++
					}
					w.check()
				}
			}
			if stopped == 0 {
				t.Error("no history met a conflict")
			}
		})
	}
}
