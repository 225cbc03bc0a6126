package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/all"
)

// TestFactoriesSayWhatTheyCannot holds what docs/platforms.md is made from.
func TestFactoriesSayWhatTheyCannot(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range all.Factories() {
		if f.Name == "" || seen[f.Name] {
			t.Errorf("a platform is called %q, and so is another one or nobody", f.Name)
		}
		seen[f.Name] = true
		for _, c := range contradictions(f) {
			t.Errorf("%s: %s", f.Name, c)
		}
	}
}

// contradictions lists what cannot be true of a factory.
func contradictions(f platform.Factory) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if len(f.Kinds) == 0 || f.New == nil {
		say("no kinds, or no New")
	}
	for _, k := range f.Kinds {
		if _, ok := f.Rules.Kinds[k]; !ok {
			say("no rules for kind %s", k)
		}
	}
	for _, k := range f.Guarded {
		if !slices.Contains(f.Kinds, k) {
			say("guards a kind that it does not have: %s", k)
		}
	}
	for i, l := range f.Limits {
		name := strings.TrimSpace(fmt.Sprintf("limit %d, %s %s", i+1, l.Verb, l.Kind))
		if l.Kind != "" && !slices.Contains(f.Kinds, l.Kind) {
			say("%s: no such kind", name)
		}
		if !slices.Contains(platform.Verbs(), l.Verb) {
			say("%s: no such verb", name)
		}
		if strings.TrimSpace(l.Why) == "" || strings.HasSuffix(l.Why, ".") || strings.ContainsAny(l.Why, "|\n") {
			say("%s: says why as a clause in one line, not %q", name, l.Why)
		}
		if slices.Index(f.Limits, l) < i {
			say("%s: stands twice", name)
		}
	}
	return append(out, againstCaps(f)...)
}

// againstCaps lists kinds for which Limits and Caps say different things.
func againstCaps(f platform.Factory) []string {
	var out []string
	can := func(v platform.Verb, cap string, yes bool) {
		left := 0
		for _, k := range f.Kinds {
			no, partly := limitedBy(f, k, v)
			if !no {
				left++
			}
			if !yes && !no && !partly {
				out = append(out, fmt.Sprintf("Caps.%s is false and no limit says why %s cannot be done with %s", cap, v, k))
			}
		}
		if yes && left == 0 {
			out = append(out, fmt.Sprintf("Caps.%s is true and the limits say that %s can be done with no kind", cap, v))
		}
	}
	can(platform.Delete, "Delete", f.Caps.Delete)
	can(platform.Access, "Sharing", f.Caps.Sharing)
	for _, k := range f.Kinds {
		if no, _ := limitedBy(f, k, platform.Read); no {
			out = append(out, fmt.Sprintf("%s cannot be read, so it is no kind of this platform", k))
		}
		create, _ := limitedBy(f, k, platform.Create)
		if restore, _ := limitedBy(f, k, platform.Restore); create && !restore {
			out = append(out, fmt.Sprintf("%s cannot be created and yet be restored into an empty server", k))
		}
	}
	return out
}

// limitedBy tells whether a verb is ruled out for a kind, and whether in part.
func limitedBy(f platform.Factory, k asset.Kind, v platform.Verb) (no, partly bool) {
	for _, l := range f.Limits {
		if l.Verb == v && (l.Kind == "" || l.Kind == k) {
			no, partly = no || !l.Partly, partly || l.Partly
		}
	}
	return no, partly
}

func TestContradictionsAreFound(t *testing.T) {
	sound := platform.Factory{
		Name: "shelves", Caps: platform.Caps{Delete: true}, Kinds: []asset.Kind{"shelf", "box"}, Guarded: []asset.Kind{"shelf"},
		Rules:  normalize.Rules{Kinds: map[asset.Kind]normalize.KindRules{"shelf": {}, "box": {}}},
		Limits: []platform.Limit{{Verb: platform.Access, Why: "nobody owns a shelf"}, {Kind: "box", Verb: platform.Delete, Partly: true, Why: "while empty"}},
		New:    func(platform.Config) (platform.Platform, error) { return nil, nil },
	}
	if got := contradictions(sound); len(got) > 0 {
		t.Fatalf("a sound factory: %v", got)
	}
	plus := func(l platform.Limit) func(*platform.Factory) {
		return func(f *platform.Factory) { f.Limits = append(f.Limits, l) }
	}
	for want, damage := range map[string]func(*platform.Factory){
		"no kinds, or no New":   func(f *platform.Factory) { f.New = nil },
		"no rules for kind lid": func(f *platform.Factory) { f.Kinds = append(f.Kinds, "lid") },
		"guards a kind that":    func(f *platform.Factory) { f.Guarded = []asset.Kind{"lid"} },
		"no such kind":          plus(platform.Limit{Kind: "lid", Verb: platform.Read, Partly: true, Why: "x"}),
		"no such verb":          plus(platform.Limit{Verb: "paint", Why: "x"}),
		"says why as a clause":  plus(platform.Limit{Verb: platform.Update}),
		`not "a | b"`:           plus(platform.Limit{Verb: platform.Update, Why: "a | b"}),
		"stands twice":          plus(platform.Limit{Verb: platform.Access, Why: "nobody owns a shelf"}),
		"Caps.Delete is false and no limit says why delete cannot be done with shelf": func(f *platform.Factory) { f.Caps.Delete = false },
		"Caps.Delete is true and":   plus(platform.Limit{Verb: platform.Delete, Why: "nailed down"}),
		"Caps.Sharing is true and":  func(f *platform.Factory) { f.Caps.Sharing = true },
		"Caps.Sharing is false and": func(f *platform.Factory) { f.Limits = nil },
		"box cannot be read":        plus(platform.Limit{Kind: "box", Verb: platform.Read, Why: "closed"}),
		"box cannot be created and": plus(platform.Limit{Kind: "box", Verb: platform.Create, Why: "no wood"}),
	} {
		f := sound
		f.Kinds, f.Limits = slices.Clone(f.Kinds), slices.Clone(f.Limits)
		damage(&f)
		if got := strings.Join(contradictions(f), "\n"); !strings.Contains(got, want) {
			t.Errorf("want %q, got %q", want, got)
		}
	}
}
