package archtest

import (
	"slices"
	"strings"
)

// layers says which packages of ours each package may import. A package that is
// not named here fails the test: add it on purpose or not at all. Empty means
// pure: no network, no clock. What platforms there are is read from the tree.
func layers(platforms []string) map[string][]string {
	l := map[string][]string{
		"internal/asset":    nil,
		"internal/secret":   nil,
		"internal/metrics":  nil,
		"internal/diff":     nil,
		"internal/archive":  nil,
		"internal/preview":  nil,
		"internal/signing":  nil,
		"internal/archtest": {"internal/platform/scaffold"},

		"internal/normalize": {"internal/asset"},
		"internal/merge":     {"internal/asset"},
		"internal/summary":   {"internal/asset"},
		"internal/lint":      {"internal/asset"},

		"internal/apihttp":  {"internal/secret"},
		"internal/notify":   {"internal/secret", "internal/apihttp"},
		"internal/platform": {"internal/asset", "internal/normalize", "internal/secret"},
		"internal/config":   {"internal/platform", "internal/asset", "internal/secret"},
		"repo":              {"internal/secret"},
		"repo/forge":        {"internal/secret", "internal/apihttp"},

		"exporter": {"internal/asset", "internal/normalize"},
		"importer": {"internal/asset", "internal/diff", "internal/merge"},
		"sync": {"exporter", "importer", "repo", "repo/forge", "internal/platform", "internal/asset", "internal/normalize", "internal/diff", "internal/merge",
			"internal/summary", "internal/preview", "internal/lint", "internal/notify", "internal/metrics"},

		"internal/platform/all":          {"internal/platform"},
		"internal/platform/scaffold":     nil,
		scaffoldCommand:                  {"internal/platform/scaffold"},
		"internal/platform/platformtest": {"internal/platform", "internal/asset", "internal/normalize", "internal/archive", "internal/secret"},
		"internal/demo":                  {"internal/platform/superset/supersettest"},
		"internal/web":                   {"sync", "importer", "internal/asset", "internal/diff", "internal/summary", "internal/preview", "internal/metrics"},
		"cmd/dashkeep":                   {"*"},
	}
	for _, name := range platforms {
		dir := "internal/platform/" + name
		l[dir] = []string{"internal/platform", "internal/asset", "internal/normalize", "internal/archive", "internal/apihttp", "internal/secret"}
		l[dir+"/"+name+"test"] = []string{"internal/platform", "internal/asset", "internal/normalize", "internal/archive"}
		l["internal/platform/all"] = append(l["internal/platform/all"], dir)
	}
	return l
}

// scaffoldCommand is the program behind make new-platform.
const scaffoldCommand = "internal/platform/scaffold/newplatform"

// notPlatforms are the folders below internal/platform that belong to all of
// them. Every other one is a platform.
func notPlatforms() []string { return []string{"all", "platformtest", "scaffold"} }

// platformsOf finds the platforms: the folders right below internal/platform.
func platformsOf(files []source) []string {
	var out []string
	for _, f := range files {
		below, ok := strings.CutPrefix(f.path, "internal/platform/")
		name, _, folder := strings.Cut(below, "/")
		if ok && folder && !slices.Contains(notPlatforms(), name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// forTests lists packages that only tests and the demo may import.
func forTests(platforms []string) []string {
	t := []string{"internal/platform/platformtest"}
	for _, name := range platforms {
		t = append(t, "internal/platform/"+name+"/"+name+"test")
	}
	return t
}

// platformBlind lists packages that must not know any platform by name, not even
// in a comment.
func platformBlind() []string { return []string{"sync", "exporter", "importer", "repo", "repo/forge"} }

// mayName reports whether the code of a package may hold a platform's name: the
// platform itself, the list of all, the wiring and the demo may.
func mayName(pkg, platform string) bool {
	own := "internal/platform/" + platform
	return pkg == own || strings.HasPrefix(pkg, own+"/") || strings.HasPrefix(pkg, "cmd/") || pkg == "internal/platform/all" || pkg == "internal/demo"
}

// mayImport reports whether a file of pkg may import target; both are paths
// below the module. Tests may also import their own package and the packages
// made for tests.
func mayImport(l map[string][]string, testsOnly []string, pkg, target string, test bool) bool {
	allowed := l[pkg]
	if test && (target == pkg || slices.Contains(testsOnly, target)) {
		return true
	}
	return slices.Contains(allowed, target) || slices.Contains(allowed, "*") && !slices.Contains(testsOnly, target)
}
