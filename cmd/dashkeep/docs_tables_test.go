package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform/all"
)

// TestRuleTableIsCurrent writes the rules of canonical form into the page of
// each platform.
func TestRuleTableIsCurrent(t *testing.T) {
	for _, f := range all.Factories() {
		var b strings.Builder
		for _, k := range f.Kinds {
			rules := f.Rules.Kinds[k]
			fmt.Fprintf(&b, "\n### %s\n\n| where | what | why |\n| --- | --- | --- |\n", k)
			fmt.Fprintf(&b, "| `%s`, `%s` | become `uid` and `title` of the header | |\n", rules.UID, rules.Title)
			for _, u := range rules.Unread {
				fmt.Fprintf(&b, "| `/%s` | not compared where the server does not show it | %s |\n", u.Name, cell(u.Why))
			}
			for _, row := range ruleRows(rules.Rules) {
				b.WriteString(row)
			}
			for _, a := range rules.Access {
				fmt.Fprintf(&b, "| `access.%s` | read and written by requests of its own | %s |\n", a.Key, cell(a.Why))
			}
		}
		section(t, f.Name+".md", "rules", b.String()+"\n")
	}
}

// ruleRows are lines of a table; rules that do the same for the same reason
// share one.
func ruleRows(rules []normalize.Rule) []string {
	type group struct {
		what, why string
		paths     []string
	}
	var groups []*group
	for _, r := range rules {
		what, path := whatItDoes(r), r.Path
		if path == "" {
			path = "/"
		}
		i := slices.IndexFunc(groups, func(g *group) bool { return g.what == what && g.why == r.Why })
		if i < 0 {
			i, groups = len(groups), append(groups, &group{what: what, why: r.Why})
		}
		groups[i].paths = append(groups[i].paths, "`"+path+"`")
	}
	var out []string
	for _, g := range groups {
		out = append(out, fmt.Sprintf("| %s | %s | %s |\n", strings.Join(g.paths, ", "), g.what, cell(g.why)))
	}
	return out
}

// fromVersion says which servers take a field, and which show it.
func fromVersion(r normalize.Rule) string {
	out := ""
	if r.Since != "" {
		out = "; not sent to servers before " + r.Since
	}
	if r.Shown != "" {
		out += ", not shown by those before " + r.Shown
	}
	return out
}

func whatItDoes(r normalize.Rule) string {
	back := ""
	if r.Restore {
		back = ", and sent on import"
	}
	switch r.Op {
	case normalize.Drop:
		return "left out"
	case normalize.Default:
		same := []string{"`" + r.Value + "`"}
		for _, v := range r.Also {
			same = append(same, "`"+v+"`")
		}
		return "left out when " + strings.Join(same, " or ") + back + fromVersion(r)
	case normalize.JSON:
		if r.Until != "" {
			back = ", and sent on import to servers before " + r.Until
		}
		return "JSON text is opened" + strings.ReplaceAll(back, "sent", "closed")
	case normalize.Rename:
		return "becomes `" + r.To + "`"
	case normalize.RefValue:
		return "row id becomes a reference to a " + string(r.Kind)
	case normalize.RefKeys:
		return "keys that are row ids become references to a " + string(r.Kind)
	case normalize.RefText:
		return "row ids in text become references to a " + string(r.Kind)
	case normalize.Depend:
		return "refers to a " + string(r.Kind)
	case normalize.SortSet:
		return "sorted"
	case normalize.SortBy:
		return "sorted by `" + r.By + "`"
	case normalize.Redact:
		return "masked"
	case normalize.RedactKeys:
		return "values under keys that look like a secret's are masked"
	case normalize.RedactURL:
		return "password and secret parameters are masked"
	case normalize.RedactText:
		return "`user:password@` and private keys in any text are masked"
	}
	return "special handling"
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

// faults are the rows of docs/reliability.md. One without a test is listed as such.
var faults = []struct{ id, fault, promise string }{
	{"CR1", "kill -9 at each system call of a commit", "HEAD is the old or the new commit; `git fsck` is clean; the next run is right"},
	{"CR2", "kill -9 of the whole program at any moment, request or system call of pull, apply, undo and serve", "what a run reported is at the remote and on the server; `git fsck` is clean; the next run is right; nothing is sent twice"},
	{"CR3", "a kill between a server's answer and the record of it", "found out by reading again; nothing is written twice"},
	{"CR4", "power loss: what was not synced is gone", "as CR1"},
	{"CR5", "leftovers of a crash: locks, an empty ref, a cut index", "repaired, or refused with the reason; never an orphan root"},
	{"CR6", "kill -9 during fetch and merge, and while packs are joined", "as CR1"},
	{"CR7", "SIGTERM in the middle of a run, and a second one", "what is in hand is finished and read back within 10 s, the rest is not begun; exit 130 or 143; the second ends it at once"},
	{"DK1", "no space or an I/O error at each system call", "the repository is unchanged or whole"},
	{"DK2", "a really full disk, no inodes left", "as DK1"},
	{"DK3", "a read-only or forbidden folder", "a clear error"},
	{"DK4", "a flipped byte or a missing object in the repository", "named with its place; not pushed; fetched again from the remote"},
	{"CC1", "two processes on one repository, two machines on one remote", "the second is told who holds the lock or the lease, and writes nothing; a dead holder gives way; every acknowledged commit is reachable"},
	{"CC2", "a person's git commit, gc and repack at the same time", "nobody's commit is lost, no lock is broken"},
	{"CC3", "Git and the server changed the same value", "both are shown and kept; the rest goes on"},
	{"CC4", "random histories: edits on both sides, faults, kills", "nothing is lost"},
	{"GC1", "a malicious repository: links, odd names, hooks", "nothing outside the working folder is touched, nothing runs"},
	{"GC2", "a stranger's commit that changes connections or config", "only asset files count; connections need a rule that allows them"},
	{"GC3", "commits that nobody who counts has signed, with require_signed", "not written to a server"},
	{"GT1", "a push that is cut, or whose answer is lost", "the commit is kept and pushed once"},
	{"GT2", "the remote moved", "fetched and merged, or reported; never forced"},
	{"GT3", "the remote was rewritten, deleted or emptied", "stops, keeps both histories, says what to type"},
	{"GT4", "the remote refuses a push", "its own words are shown"},
	{"GT5", "the remote is away for a day", "commits wait, then one push"},
	{"GT6", "a changed ssh host key, no ssh agent", "refused, with what to do"},
	{"NB1", "a slow, stalled or cut answer of the server", "nothing partial is used; reads are repeated within a budget, writes are not"},
	{"NB2", "500, 502, 503, 429 with Retry-After", "waits as told, capped"},
	{"NB3", "an expired login in the middle of a run, 403 on one asset", "one new login, one repetition; 403 is no reason to log in and no deletion"},
	{"NB4", "200 with a login page, an empty list, an import that did nothing", "an error that names it; nothing is deleted"},
	{"NB5", "a dashboard changes while it is exported", "found out and read again"},
	{"NB6", "expired, wrong or unknown certificates", "refused with the reason; `insecure` only explicitly"},
	{"NB7", "a redirect to another host", "not followed; the login is not sent on"},
	{"ZP1", "hostile names in an archive", "refused before a byte is written"},
	{"ZP2", "links, devices, encryption in an archive", "refused"},
	{"ZP3", "archive bombs", "stopped at fixed limits"},
	{"ZP4", "duplicate and twin names, long and deep names", "refused in archives; file names are unique on every system"},
	{"ZP5", "a damaged archive", "an error; no partial tree"},
	{"YM1", "any text through the YAML form", "decoded equal, encoded the same twice, read equal by PyYAML"},
	{"YM2", "hostile YAML: aliases, depth, size", "refused quickly, with the line"},
	{"YM3", "a misspelt key, a wrong type, a bad cron line", "file, line and column; exit 64"},
	{"SE1", "secrets in errors and logs", "none"},
	{"SE2", "secrets inside what the server exports", "masked before a commit; put back at apply"},
	{"SE3", "a config or secret file that others can read", "a warning"},
	{"SE4", "control characters and forged trailers in titles", "escaped"},
	{"TM1", "a clock that jumps, daylight saving time", "no storm of runs, one run catches up"},
	{"TM2", "a server whose clock is wrong", "changes are found by content, not by time"},
	{"SV4", "hours of all faults at random", "all of the above"},
}

// TestFaultTableIsCurrent lists the tests of each fault in docs/reliability.md,
// and the faults without one.
func TestFaultTableIsCurrent(t *testing.T) {
	tests := testsByID(t)
	var b, without strings.Builder
	b.WriteString("\n| id | fault | what must hold | tests |\n| --- | --- | --- | --- |\n")
	for _, f := range faults {
		if len(tests[f.id]) > 0 {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.id, f.fault, f.promise, strings.Join(tests[f.id], ", "))
		} else {
			fmt.Fprintf(&without, "- %s (%s)\n", f.fault, f.id)
		}
		delete(tests, f.id)
	}
	for id := range tests {
		t.Errorf("%s has tests and no row here: say in faults what it is", id)
	}
	b.WriteString("\n## Without a test of its own yet\n\n" + without.String())
	section(t, "reliability.md", "faults", b.String()+"\n")
}

// testsByID finds tests with an id in their name, and scripts with one in their
// first line.
func testsByID(t *testing.T) map[string][]string {
	t.Helper()
	named := regexp.MustCompile(`(?m)^func Test(?:\w*_)?([A-Z]{2}\d+)_\w*\(`)
	out := map[string][]string{}
	add := func(id, where string) {
		if !slices.Contains(out[id], where) {
			out[id] = append(out[id], where)
		}
	}
	root := filepath.Join("..", "..")
	for _, dir := range testDirs(t, root) {
		rel, _ := filepath.Rel(root, dir)
		files, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
		for _, f := range files {
			for _, m := range named.FindAllStringSubmatch(readFile(t, f), -1) {
				add(m[1], "`go test ./"+filepath.ToSlash(rel)+" -run "+m[1]+"`")
			}
		}
	}
	scripts, _ := filepath.Glob(filepath.Join(root, "testdata", "scripts", "*.txtar"))
	for _, f := range scripts {
		if m := regexp.MustCompile(`^# ([A-Z]{2}\d+): `).FindStringSubmatch(readFile(t, f)); m != nil {
			add(m[1], "`go test ./cmd/dashkeep -run TestScript/"+strings.TrimSuffix(filepath.Base(f), ".txtar")+"`")
		}
	}
	return out
}

func testDirs(t *testing.T, root string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if n := d.Name(); d.IsDir() && p != root && (strings.HasPrefix(n, ".") || n == "testdata" || n == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() {
			out = append(out, p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
