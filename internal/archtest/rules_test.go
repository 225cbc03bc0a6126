package archtest

import "slices"

// layers says which packages of ours each package may import. A package that is
// not named here fails the test: add it on purpose or not at all. Empty means
// pure: no network, no clock.
func layers() map[string][]string {
	l := map[string][]string{
		"internal/asset":    nil,
		"internal/secret":   nil,
		"internal/metrics":  nil,
		"internal/diff":     nil,
		"internal/archive":  nil,
		"internal/preview":  nil,
		"internal/archtest": nil,

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
		"internal/platform/platformtest": {"internal/platform", "internal/asset", "internal/normalize", "internal/archive", "internal/secret"},
		"internal/demo":                  {"internal/platform/superset/supersettest"},
		"internal/web":                   {"sync", "importer", "internal/asset", "internal/diff", "internal/summary", "internal/preview", "internal/metrics"},
		"cmd/dashkeep":                   {"*"},
	}
	for _, name := range platformNames() {
		dir := "internal/platform/" + name
		l[dir] = []string{"internal/platform", "internal/asset", "internal/normalize", "internal/archive", "internal/apihttp", "internal/secret"}
		l[dir+"/"+name+"test"] = []string{"internal/platform", "internal/asset", "internal/normalize", "internal/archive"}
		l["internal/platform/all"] = append(l["internal/platform/all"], dir)
	}
	return l
}

func platformNames() []string { return []string{"superset", "metabase", "redash", "matih"} }

// forTests lists packages that only tests and the demo may import.
func forTests() []string {
	t := []string{"internal/platform/platformtest"}
	for _, name := range platformNames() {
		t = append(t, "internal/platform/"+name+"/"+name+"test")
	}
	return t
}

// platformBlind lists packages that must not know any platform by name.
func platformBlind() []string { return []string{"sync", "exporter", "importer", "repo", "repo/forge"} }

// mayImport reports whether a file of pkg may import target; both are paths
// below the module. Tests may also import their own package and the packages
// made for tests.
func mayImport(l map[string][]string, pkg, target string, test bool) bool {
	allowed := l[pkg]
	if test && (target == pkg || slices.Contains(forTests(), target)) {
		return true
	}
	return slices.Contains(allowed, target) || slices.Contains(allowed, "*") && !slices.Contains(forTests(), target)
}
