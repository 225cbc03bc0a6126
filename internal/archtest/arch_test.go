package archtest

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

func TestTheTreeKeepsTheRules(t *testing.T) {
	files, err := sources(root)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(files, func(f source) bool { return f.path == "internal/asset/asset.go" }) {
		t.Fatalf("%d files found, none of package asset", len(files))
	}
	for _, v := range violations(files) {
		t.Error(v)
	}
}

// TestGoGitHasNoKnownHoles holds the floor that the advisories up to
// GHSA-w5pp-99ch-qj29 and CVE-2026-71556 set.
func TestGoGitHasNoKnownHoles(t *testing.T) {
	gomod, err := os.ReadFile(root + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if why := belowFloor(string(gomod), [3]int{5, 19, 2}); why != "" {
		t.Errorf("github.com/go-git/go-git/v5: %s", why)
	}
}

func TestBelowFloor(t *testing.T) {
	for in, bad := range map[string]bool{
		"require github.com/go-git/go-git/v5 v5.19.2\n": false, "\tgithub.com/go-git/go-git/v5 v5.20.0 // indirect\n": false, "\tgithub.com/go-git/go-git/v5 v5.19.10\n": false,
		"\tgithub.com/go-git/go-git/v5 v5.19.1\n": true, "\tgithub.com/go-git/go-git/v5 v5.9.9\n": true, "\tgithub.com/go-git/go-git/v5 v5.20.0-alpha\n": true, "module x\n": true,
	} {
		if why := belowFloor(in, [3]int{5, 19, 2}); (why != "") != bad {
			t.Errorf("%q: %q", in, why)
		}
	}
}

// TestTheRulesBite runs the same check over a small tree that breaks each rule once.
func TestTheRulesBite(t *testing.T) {
	files, err := sources("testdata/tree")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`exporter/exporter.go: exporter may not import internal/platform/superset/supersettest`,
		`exporter/exporter.go: the standard package sync is imported as gosync; it keeps its name`,
		`exporter/exporter.go:11: names the platform metabase`,
		`exporter/exporter.go:12: names the platform superset`,
		`exporter/exporter.go:8: names the platform superset`,
		`internal/asset/asset.go: internal/asset may not import internal/diff`,
		`internal/config/config.go: github.com/goccy/go-yaml is a second YAML library`,
		`internal/config/config.go: y.Marshal writes YAML; only asset.Encode may`,
		`internal/config/config.go: y.NewEncoder writes YAML; only asset.Encode may`,
		`internal/config/config.go:21: names the platform metabase in an identifier`,
		`internal/config/config.go:9: names the platform superset in a string`,
		`internal/platform/metabase/metabase.go:7: names the platform superset in a string`,
		`internal/platform/metabase: not in the list: add metabase.Factory() to Factories in internal/platform/all/all.go`,
		`internal/stray/stray.go: package internal/stray is not in the layer table`,
		`internal/web/web.go: package sync of ours is imported as ""; its name is syncer`,
	}
	if got := platformsOf(files); !slices.Equal(got, []string{"metabase", "superset"}) {
		t.Errorf("platforms %v", got)
	}
	if got := platformDeps("sync\n" + module + "/internal/platform\n" + module + "/internal/platform/metabase\n"); !slices.Equal(got, []string{module + "/internal/platform/metabase"}) {
		t.Errorf("linked platforms %v", got)
	}
	if got := violations(files); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
