package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/config"
)

// on puts keys into the one instance of a small config, in line 5 from column 5.
func on(keys string) string {
	return "version: 1\nrepo: {path: d}\ninstances:\n  - {name: prod, platform: superset, url: https://h,\n    " + keys + "}\n"
}

// inRepo replaces the repository section, in line 2.
func inRepo(keys string) string {
	return "version: 1\nrepo: {" + keys + "}\ninstances:\n  - {name: prod, platform: superset, url: https://h}\n"
}

func TestYM3_BadInputIsNamedByPlace(t *testing.T) {
	for _, tc := range badInputs {
		t.Run(tc.name, func(t *testing.T) {
			c, err := config.Parse("f.yaml", []byte(tc.text), options())
			var e *config.Error
			if c != nil || !errors.As(err, &e) {
				t.Fatalf("got %v, %v", c, err)
			}
			if got := err.Error(); got != tc.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tc.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("the error holds the secret")
			}
		})
	}
}

var badInputs = []struct{ name, text, want string }{
	{"empty", "", "f.yaml: the config is empty: dashkeep init writes one to start from"},
	{"only comments", "# nothing\n", "f.yaml: the config is empty: dashkeep init writes one to start from"},
	{"not yaml", "version: 1\nrepo: {path: d\n", "f.yaml:2:1: not YAML: did not find expected ',' or '}'"},
	{"tab", "version: 1\nrepo:\n\tpath: d\n", "f.yaml:3:1: not YAML: found character that cannot start any token (the line holds a tab; YAML is indented with blanks)"},
	{"two documents", small + "---\nversion: 1\n", "f.yaml:5:1: a config is one YAML document, here a second one begins"},
	{"a list", "- version: 1\n", "f.yaml:1:1: expected keys and values, got a list"},
	{"nothing given", "version: 1\n", "f.yaml:1:1: repo is missing: the Git repository that keeps the dashboards"},
	{"version", strings.Replace(small, "version: 1", "version: 2", 1), "f.yaml:1:10: version: this program reads version 1"},
	{"version text", strings.Replace(small, "version: 1", "version: one", 1), "f.yaml:1:10: version: expected a whole number, got \"one\""},
	{"no instances", "version: 1\nrepo: {path: d}\ninstances: []\n", "f.yaml:3:12: instances: at least one instance is needed"},
	{"empty instance", "version: 1\nrepo: {path: d}\ninstances: [{}]\n", "f.yaml:3:13: instances[0]: name is missing: short name used in commands, commits and refs: letters, digits, dot, dash, underscore"},
	{"misspelt key", on("schedul: x"), "f.yaml:5:5: instances[0]: unknown key \"schedul\", did you mean \"schedule\"? (allowed: name, platform, url, inbox, auth, options, tls, path, layout, schedule, timezone, full_pull, direction, select, apply_kinds, pull_brake, prune, rules, revert_window, backups, accept, auto_apply, secrets, authors)"},
	{"key with dash", on("pull-brake: {}"), "f.yaml:5:5: instances[0]: unknown key \"pull-brake\", did you mean \"pull_brake\"? (allowed: name, platform, url, inbox, auth, options, tls, path, layout, schedule, timezone, full_pull, direction, select, apply_kinds, pull_brake, prune, rules, revert_window, backups, accept, auto_apply, secrets, authors)"},
	{"far from any key", on("xyzzy: 1"), "f.yaml:5:5: instances[0]: unknown key \"xyzzy\" (allowed: name, platform, url, inbox, auth, options, tls, path, layout, schedule, timezone, full_pull, direction, select, apply_kinds, pull_brake, prune, rules, revert_window, backups, accept, auto_apply, secrets, authors)"},
	{"key of a later version", on("fleet: {enabled: true}"), "f.yaml:5:5: instances[0]: unknown key \"fleet\" (allowed: name, platform, url, inbox, auth, options, tls, path, layout, schedule, timezone, full_pull, direction, select, apply_kinds, pull_brake, prune, rules, revert_window, backups, accept, auto_apply, secrets, authors)"},
	{"unknown top-level key", small + "instance: []\n", "f.yaml:5:1: unknown key \"instance\", did you mean \"instances\"? (allowed: version, repo, instances, log)"},
	{"key twice", on("direction: pull, direction: apply"), "f.yaml:5:22: instances[0]: key \"direction\" stands twice, first in line 5"},
	{"enum", on("direction: puli"), "f.yaml:5:16: instances[0].direction: \"puli\" is not allowed, did you mean \"pull\"? (allowed: pull, apply, two-way)"},
	{"enum far off", on("layout: round"), "f.yaml:5:13: instances[0].layout: \"round\" is not allowed (allowed: flat, sharded)"},
	{"on_conflict", on(`rules: [{match: "*", on_conflict: gti}]`), "f.yaml:5:39: instances[0].rules[0].on_conflict: \"gti\" is not allowed, did you mean \"git\"? (allowed: stop, git, live, branch)"},
	{"on_live_edit", on(`rules: [{match: "*", on_live_edit: ignore}]`), "f.yaml:5:40: instances[0].rules[0].on_live_edit: \"ignore\" is not allowed (allowed: accept, notify, revert)"},
	{"rule path", on(`rules: [{match: "*", path: ../x}]`), "f.yaml:5:32: instances[0].rules[0].path: \"../x\" is not a folder: it holds an empty, . or .. part"},
	{"span", on("revert_window: soon"), "f.yaml:5:20: instances[0].revert_window: \"soon\" is not a length of time such as 24h, 90d or 1d12h"},
	{"span of days", on("backups: {age: 9999999d}"), "f.yaml:5:20: instances[0].backups.age: \"9999999d\" is not a length of time such as 24h, 90d or 1d12h"},
	{"no pre-image", on("backups: {last: 0}"), "f.yaml:5:21: instances[0].backups.last: must be at least 1: without a pre-image there is no undo"},
	{"bool", on("auto_apply: yes"), "f.yaml:5:17: instances[0].auto_apply: expected true or false, got \"yes\""},
	{"number", on("pull_brake: {removed: many}"), "f.yaml:5:27: instances[0].pull_brake.removed: expected a whole number, got \"many\""},
	{"negative", on("pull_brake: {removed: -1}"), "f.yaml:5:27: instances[0].pull_brake.removed: must not be negative"},
	{"prune, negative", on("prune: {max: -1}"), "f.yaml:5:18: instances[0].prune.max: must not be negative"},
	{"prune, percent", on("prune: {max_percent: 101}"), "f.yaml:5:26: instances[0].prune.max_percent: must be from 0 to 100, not 101"},
	{"prune on a server that is never written", on("prune: {enabled: true}"), "f.yaml:5:22: instances[0].prune.enabled: needs direction: apply or two-way (it is pull)"},
	{"percent", on("pull_brake: {changed_percent: 101}"), "f.yaml:5:35: instances[0].pull_brake.changed_percent: must be from 0 to 100, not 101"},
	{"list wanted", on("apply_kinds: database"), "f.yaml:5:18: instances[0].apply_kinds: expected a list, got a single value"},
	{"section wanted", on("auth: hunter2"), "f.yaml:5:11: instances[0].auth: expected keys and values, got a single value"},
	{"text wanted", on("path: [a]"), "f.yaml:5:11: instances[0].path: expected a text, got a list"},
	{"empty list entry", on("apply_kinds: [database, ]\n    , select: {kinds: [~]}"), "f.yaml:6:24: instances[0].select.kinds[0]: is empty"},
	{"platform", strings.Replace(small, "superset", "supreset", 1), "f.yaml:4:28: instances[0].platform: unknown platform \"supreset\", did you mean \"superset\"? (allowed: redash, superset)"},
	{"kind", on("select: {kinds: [chart, dashbord]}"), "f.yaml:5:29: instances[0].select.kinds[1]: unknown kind \"dashbord\", did you mean \"dashboard\"? (allowed: database, dataset, chart, dashboard)"},
	{"kind in a rule", on(`rules: [{match: "kind:query"}]`), "f.yaml:5:21: instances[0].rules[0].match: unknown kind \"query\" (allowed: database, dataset, chart, dashboard)"},
	{"kind of a uid", on(`select: {include: ["page:abc"]}`), "f.yaml:5:24: instances[0].select.include[0]: unknown kind \"page\" (allowed: database, dataset, chart, dashboard)"},
	{"kind in ignore", on(`rules: [{match: "*", ignore: ["page:/x"]}]`), "f.yaml:5:35: instances[0].rules[0].ignore[0]: unknown kind \"page\" (allowed: database, dataset, chart, dashboard)"},
	{"kind in accept", on(`accept: [{asset: "page:abc", reason: r, until: 2027-01-31}]`), "f.yaml:5:22: instances[0].accept[0].asset: unknown kind \"page\" (allowed: database, dataset, chart, dashboard)"},
	{"kind in secrets", on(`secrets: {"page:abc": {p: {env: P}}}`), "f.yaml:5:27: instances[0].secrets[\"page:abc\"]: unknown kind \"page\" (allowed: database, dataset, chart, dashboard)"},
	{"neither url nor inbox", "version: 1\nrepo: {path: d}\ninstances: [{name: a, platform: superset}]\n", "f.yaml:3:13: instances[0]: url is missing: address of the server, http or https, without credentials (or inbox: a folder of exported archives)"},
	{"apply_kinds", on("apply_kinds: [role]"), "f.yaml:5:19: instances[0].apply_kinds[0]: unknown kind \"role\" (allowed: database, dataset, chart, dashboard)"},
	{"match", on("rules: [{match: sales}]"), "f.yaml:5:21: instances[0].rules[0].match: \"sales\" is not one of *, kind:NAME, tag:GLOB, title:GLOB, owner:GLOB or KIND:UID"},
	{"match empty", on(`rules: [{match: ""}]`), "f.yaml:5:21: instances[0].rules[0].match: a match must not be empty: use *, kind:NAME, tag:GLOB, title:GLOB, owner:GLOB or KIND:UID"},
	{"match missing", on("rules: [{overwrite: never}]"), "f.yaml:5:13: instances[0].rules[0]: match is missing: which assets: * | kind:NAME | tag:GLOB | title:GLOB | owner:GLOB | KIND:UID"},
	{"match uid pattern", on(`rules: [{match: "chart:*"}]`), "f.yaml:5:21: instances[0].rules[0].match: \"chart:*\": a uid is written in full; for patterns use title:GLOB or tag:GLOB"},
	{"ignore pointer", on(`rules: [{match: "*", ignore: ["chart:spec.cache"]}]`), "f.yaml:5:35: instances[0].rules[0].ignore[0]: \"chart:spec.cache\" is not KIND:/json/pointer, such as chart:/spec/cache_timeout"},
	{"ignore tilde", on(`rules: [{match: "*", ignore: ["chart:/a~2b"]}]`), "f.yaml:5:35: instances[0].rules[0].ignore[0]: \"chart:/a~2b\" holds a ~ that is neither ~0 nor ~1 (JSON pointer)"},
	{"accept incomplete", on(`accept: [{asset: "chart:abc"}]`), "f.yaml:5:14: instances[0].accept[0]: reason is missing: why, for the people who read the report"},
	{"accept date", on(`accept: [{asset: "chart:abc", reason: r, until: 31.1.2027}]`), "f.yaml:5:53: instances[0].accept[0].until: \"31.1.2027\" is not a date like 2027-01-31"},
	{"accept asset", on(`accept: [{asset: abc, reason: r, until: 2027-01-31}]`), "f.yaml:5:22: instances[0].accept[0].asset: \"abc\" is not KIND:UID"},
	{"author", on("authors: {admin: Ada}"), "f.yaml:5:22: instances[0].authors.admin: \"Ada\" is neither Name <e-mail> nor the word committer"},
	{"author injection", on(`authors: {admin: "A\nB <a@b>"}`), "f.yaml:5:22: instances[0].authors.admin: a name or e-mail address must not hold <, > or control characters"},
	{"cron TZ", on(`schedule: "TZ=UTC"`), "f.yaml:5:15: instances[0].schedule: \"TZ=UTC\": the time zone goes into timezone:, not into the cron line"},
	{"cron CRON_TZ", on(`schedule: "CRON_TZ=Europe/Berlin 0 3 * * *"`), "f.yaml:5:15: instances[0].schedule: \"CRON_TZ=Europe/Berlin 0 3 * * *\": the time zone goes into timezone:, not into the cron line"},
	{"cron words", on("schedule: hourly"), "f.yaml:5:15: instances[0].schedule: \"hourly\" is no cron line: expected exactly 5 fields, found 1: [hourly] (five fields: minute hour day month weekday, or @every 30s)"},
	{"cron six fields", on(`schedule: "0 0 3 * * *"`), "f.yaml:5:15: instances[0].schedule: \"0 0 3 * * *\" is no cron line: expected exactly 5 fields, found 6: [0 0 3 * * *] (five fields: minute hour day month weekday, or @every 30s)"},
	{"cron range", on(`schedule: "61 * * * *"`), "f.yaml:5:15: instances[0].schedule: \"61 * * * *\" is no cron line: end of range (61) above maximum (59): 61 (five fields: minute hour day month weekday, or @every 30s)"},
	{"cron never", on(`full_pull: "0 0 31 2 *"`), "f.yaml:5:16: instances[0].full_pull: \"0 0 31 2 *\" never fires: there is no such day"},
	{"cron never april", on(`full_pull: "0 0 31 4,6,9,11 *"`), "f.yaml:5:16: instances[0].full_pull: \"0 0 31 4,6,9,11 *\" never fires: there is no such day"},
	{"every negative", on(`schedule: "@every -1s"`), "f.yaml:5:15: instances[0].schedule: \"@every -1s\": @every must be at least 1s"},
	{"every zero", on(`schedule: "@every 0s"`), "f.yaml:5:15: instances[0].schedule: \"@every 0s\": @every must be at least 1s"},
	{"every fast", on(`schedule: "@every 500ms"`), "f.yaml:5:15: instances[0].schedule: \"@every 500ms\": @every must be at least 1s"},
	{"every fraction", on(`schedule: "@every 1.5s"`), "f.yaml:5:15: instances[0].schedule: \"@every 1.5s\": @every counts in whole seconds"},
	{"every bad", on(`schedule: "@every soon"`), "f.yaml:5:15: instances[0].schedule: \"@every soon\": @every needs a duration such as 30s, 5m or 1h30m"},
	{"every nothing", on(`schedule: "@every"`), "f.yaml:5:15: instances[0].schedule: \"@every\": @every needs a duration such as 30s, 5m or 1h30m"},
	{"cron unknown word", on(`schedule: "@fortnightly"`), "f.yaml:5:15: instances[0].schedule: \"@fortnightly\" is no cron line: unrecognized descriptor: @fortnightly (five fields: minute hour day month weekday, or @every 30s)"},
	{"timezone", on("timezone: Berlin"), "f.yaml:5:15: instances[0].timezone: \"Berlin\" is not a time zone such as Europe/Berlin or UTC"},
	{"timezone offset", on(`timezone: "+01:00"`), "f.yaml:5:15: instances[0].timezone: \"+01:00\" is not a time zone such as Europe/Berlin or UTC"},
	{"options key", on("options: {page_sise: 5}"), "f.yaml:5:15: instances[0].options: unknown key \"page_sise\", did you mean \"page_size\"? (allowed: page_size, wait)"},
	{"options type", on("options: {page_size: big}"), "f.yaml:5:26: instances[0].options.page_size: expected a whole number, got \"big\""},
	{"options duration", on("options: {wait: 5}"), "f.yaml:5:21: instances[0].options.wait: \"5\" is not a duration such as 30s, 5m or 1h30m"},
	{"options none", strings.Replace(on("options: {a: 1}"), "superset", "redash", 1), "f.yaml:5:14: instances[0].options: platform redash has no options"},
	{"options scalar", on("options: 5"), "f.yaml:5:14: instances[0].options: expected keys and values, got a single value"},
	{"auto_apply on pull", on("auto_apply: true"), "f.yaml:5:17: instances[0].auto_apply: needs direction: apply or two-way (it is pull)"},
	{"header name", on(`auth: {headers: {"X Y": {env: A}}}`), "f.yaml:5:29: instances[0].auth.headers[\"X Y\"]: \"X Y\" is not the name of a header"},
	{"header list", on("auth: {headers: [hunter2]}"), "f.yaml:5:21: instances[0].auth.headers: expected keys and values, got a list"},
	{"secret list", on("auth: {password: [hunter2]}"), "f.yaml:5:22: instances[0].auth.password: a secret is one of {env: NAME}, {file: PATH}, {command: [PROGRAM, ARG]} or a text"},
	{"secret two forms", on("auth: {password: {env: A, file: hunter2}}"), "f.yaml:5:22: instances[0].auth.password: a secret is one of {env: NAME}, {file: PATH}, {command: [PROGRAM, ARG]} or a text"},
	{"secret unknown form", on("auth: {password: {vault: hunter2}}"), "f.yaml:5:23: instances[0].auth.password: unknown way to give a secret; use one of {env: NAME}, {file: PATH}, {command: [PROGRAM, ARG]} or a text"},
	{"secret env with value", on("auth: {password: {env: A=hunter2}}"), "f.yaml:5:28: instances[0].auth.password: env: must be the name of an environment variable"},
	{"secret empty command", on("auth: {password: {command: []}}"), "f.yaml:5:32: instances[0].auth.password: command: must be a list, the program first: [pass, show, bi/prod]"},
	{"secret command text", on("auth: {password: {command: hunter2}}"), "f.yaml:5:32: instances[0].auth.password: command: must be a list, the program first: [pass, show, bi/prod]"},
	{"secret asset without value", on(`secrets: {"database:a": {p: }}`), "f.yaml:5:30: instances[0].secrets[\"database:a\"]: a key has no value"},
	{"secret begins with star", on("auth: {password: *hunter2}"), "f.yaml:5:1: not YAML: a value that begins with * or & must stand in quotes"},
	{"secret begins with ampersand", on("auth: {password: &hunter2}"), "f.yaml:5:22: instances[0].auth.password: anchors and aliases are not read in a config: write the value out (a text that begins with & or * must stand in quotes)"},
	{"secret begins with bang", on("auth: {password: !hunter2}"), "f.yaml:5:1: not YAML: did not find expected whitespace or line break"},
	{"secret begins with hash", strings.Replace(small, ", url:", ",\n     auth: {password: #hunter2\n     }, url:", 1), "f.yaml:5:13: instances[0].auth.password: is empty; a text that begins with # must stand in quotes"},
	{"secret without blank", on("auth: {password:hunter2}"), "f.yaml:5:12: instances[0].auth: \"password:…\" (is the blank after the colon missing?) has no value; keys here: username, password, provider, token, api_key, headers"},
	{"header without blank", on("auth: {headers: {X-Token:hunter2}}"), "f.yaml:5:22: instances[0].auth.headers: \"X-Token:…\" (is the blank after the colon missing?) has no value"},
	{"secret alone", on("auth: {svc, hunter2}"), "f.yaml:5:12: instances[0].auth: a key has no value; keys here: username, password, provider, token, api_key, headers\nf.yaml:5:17: instances[0].auth: a key has no value; keys here: username, password, provider, token, api_key, headers"},
	{"unquoted cron", "version: 1\nrepo: {path: d}\ninstances:\n  - name: a\n    schedule: */5 * * * *\n", "f.yaml:5:1: not YAML: a value that begins with * or & must stand in quotes"},
	{"misspelt key without value", on("schedul: "), "f.yaml:5:5: instances[0]: unknown key \"schedul\", did you mean \"schedule\"? (allowed: name, platform, url, inbox, auth, options, tls, path, layout, schedule, timezone, full_pull, direction, select, apply_kinds, pull_brake, prune, rules, revert_window, backups, accept, auto_apply, secrets, authors)"},
	{"unquoted match", on("rules: [{match: *}]"), "f.yaml:5:1: not YAML: a value that begins with * or & must stand in quotes"},
	{"unquoted every", on("schedule: @every 30s"), "f.yaml:5:1: not YAML: found character that cannot start any token (a value that begins with @, % or ` must stand in quotes)"},
	{"anchor", on("auth: &a {username: u}"), "f.yaml:5:11: instances[0].auth: anchors and aliases are not read in a config: write the value out (a text that begins with & or * must stand in quotes)"},
	{"merge", on("<<: {schedule: x}"), "f.yaml:5:5: instances[0]: merge keys (<<) are not read in a config: write the values out"},
	{"tag", on("path: !!binary aGk="), "f.yaml:5:11: instances[0].path: YAML tags are not read in a config: put a value that begins with ! in quotes"},
	{"url scheme", strings.Replace(small, "https://bi", "ftp://bi", 1), "f.yaml:4:43: instances[0].url: must begin with http:// or https://"},
	{"url without scheme", strings.Replace(small, "https://bi", "bi", 1), "f.yaml:4:43: instances[0].url: must begin with http:// or https://"},
	{"url credentials", strings.Replace(small, "https://bi", "https://u:hunter2@bi", 1), "f.yaml:4:43: instances[0].url: must not hold credentials: give them under auth"},
	{"url broken", strings.Replace(small, "https://bi", "https://u:hunter2%zz@bi", 1), "f.yaml:4:43: instances[0].url: is not a URL"},
	{"url query", strings.Replace(small, "com/", "com/?token=hunter2", 1), "f.yaml:4:43: instances[0].url: must not hold a query (?) or a fragment (#)"},
	{"url no host", strings.Replace(small, "https://bi.example.com/", "https:///x", 1), "f.yaml:4:43: instances[0].url: names no host"},
	{"name", strings.Replace(small, "name: prod", "name: pr/od", 1), "f.yaml:4:12: instances[0].name: \"pr/od\" is not a name: at most 63 letters, digits, dots, dashes and underscores, a letter or digit first, no .. and no .lock or dot at the end"},
	{"name dots", strings.Replace(small, "name: prod", "name: a..b", 1), "f.yaml:4:12: instances[0].name: \"a..b\" is not a name: at most 63 letters, digits, dots, dashes and underscores, a letter or digit first, no .. and no .lock or dot at the end"},
	{"name lock", strings.Replace(small, "name: prod", "name: a.lock", 1), "f.yaml:4:12: instances[0].name: \"a.lock\" is not a name: at most 63 letters, digits, dots, dashes and underscores, a letter or digit first, no .. and no .lock or dot at the end"},
	{"name twice", small + "  - {name: Prod, platform: redash, url: http://r, path: r}\n", "f.yaml:5:12: instances[1].name: \"Prod\" is the name of instances[0] too"},
	{"path same folded", small + "  - {name: b, platform: redash, url: http://r, path: PROD}\n", "f.yaml:5:54: instances[1].path: \"PROD\" overlaps with \"prod\", the folder of instances[0]: each instance needs a folder of its own"},
	{"path inside", small + "  - {name: b, platform: redash, url: http://r, path: prod/b}\n", "f.yaml:5:54: instances[1].path: \"prod/b\" overlaps with \"prod\", the folder of instances[0]: each instance needs a folder of its own"},
	{"path around", strings.Replace(small, "name: prod,", "name: prod, path: x/prod,", 1) + "  - {name: b, platform: redash, url: http://r, path: x/}\n", "f.yaml:5:54: instances[1].path: \"x\" overlaps with \"x/prod\", the folder of instances[0]: each instance needs a folder of its own"},
	{"path NFC twin", strings.Replace(small, "name: prod,", "name: prod, path: \"caf\\u00e9\",", 1) + "  - {name: b, platform: redash, url: http://r, path: \"CAFE\\u0301\"}\n", "f.yaml:5:54: instances[1].path: \"CAFÉ\" overlaps with \"café\", the folder of instances[0]: each instance needs a folder of its own"},
	{"path up", on("path: ../x"), "f.yaml:5:11: instances[0].path: \"../x\" is not a folder in the repository: it holds an empty, . or .. part"},
	{"path absolute", on("path: /x"), "f.yaml:5:11: instances[0].path: \"/x\" is not a folder in the repository: it must be relative to the repository"},
	{"path git", on("path: a/.GIT"), "f.yaml:5:11: instances[0].path: \"a/.GIT\" is not a folder in the repository: Git keeps names that begin with .git for itself"},
	{"path backslash", on(`path: a\b`), "f.yaml:5:11: instances[0].path: \"a\\\\b\" is not a folder in the repository: it holds a character that not every file system takes"},
	{"path dot", on("path: ."), "f.yaml:5:11: instances[0].path: \".\" is not a folder in the repository: it holds an empty, . or .. part"},
	{"path empty", on(`path: ""`), "f.yaml:5:11: instances[0].path: \"\" is not a folder in the repository: it is empty"},
	{"repo path missing", inRepo("branch: main"), "f.yaml:2:7: repo: path is missing: folder of the working clone, created when missing; a relative path starts at the folder of this file"},
	{"remote credentials", inRepo(`path: d, remote: "https://u:hunter2@h/r.git"`), "f.yaml:2:25: repo.remote: must not hold credentials: give them under repo.auth"},
	{"remote token as user", inRepo(`path: d, remote: "https://hunter2@h/r.git"`), "f.yaml:2:25: repo.remote: must not hold credentials: give them under repo.auth"},
	{"remote ssh password", inRepo(`path: d, remote: "ssh://git:hunter2@h/r.git"`), "f.yaml:2:25: repo.remote: must not hold credentials: give them under repo.auth"},
	{"remote option", inRepo(`path: d, remote: "--upload-pack=x"`), "f.yaml:2:25: repo.remote: is neither a URL (https://, ssh://, file://), nor USER@HOST:PATH, nor a path"},
	{"remote scheme", inRepo(`path: d, remote: "ext::sh -c x"`), "f.yaml:2:25: repo.remote: is neither a URL (https://, ssh://, file://), nor USER@HOST:PATH, nor a path"},
	{"remote gopher", inRepo(`path: d, remote: "gopher://h/r"`), "f.yaml:2:25: repo.remote: is neither a URL (https://, ssh://, file://), nor USER@HOST:PATH, nor a path"},
	{"login without remote", inRepo(`path: d, auth: {username: u, password: {env: P}}`), "f.yaml:2:23: repo.auth: there is no remote to log in to: set repo.remote, or remove auth"},
	{"password for ssh", inRepo(`path: d, remote: "git@h:r.git", auth: {username: u, password: {env: P}}`), "f.yaml:2:46: repo.auth: username and password are for http and https remotes, and this one is not (an ssh remote takes ssh:)"},
	{"key for https", inRepo(`path: d, remote: "https://h/r.git", auth: {ssh: {key_file: k}}`), "f.yaml:2:56: repo.auth.ssh: ssh keys are for ssh remotes, and this one is not (an https remote takes username and password)"},
	{"user without password", inRepo(`path: d, remote: "https://h/r.git", auth: {username: u}`), "f.yaml:2:50: repo.auth: username needs a password"},
	{"branch", inRepo(`path: d, branch: "a b"`), "f.yaml:2:25: repo.branch: \"a b\" is not the name of a branch: it holds a blank or one of ~^:?*[\\"},
	{"sign without a key", inRepo(`path: d, sign: {format: ssh}`), "f.yaml:2:23: repo.sign: key_file is needed: the private key to sign with"},
	{"sign format", inRepo(`path: d, sign: {format: x509, key_file: k}`), "f.yaml:2:32: repo.sign.format: \"x509\" is not allowed (allowed: ssh, openpgp)"},
	{"signed by whom", inRepo(`path: d, require_signed: true`), "f.yaml:2:33: repo.require_signed: needs allowed_signers: the file with the keys that count"},
	{"signers in the repository", inRepo(`path: d, require_signed: true, allowed_signers: d/keys`), "f.yaml:2:56: repo.allowed_signers: lies in the repository, where whoever may push could add a key: keep it elsewhere"},
	{"branch refs", inRepo(`path: d, branch: refs/heads/main`), "f.yaml:2:25: repo.branch: \"refs/heads/main\" is not the name of a branch: leave refs/heads/ out"},
	{"branch dots", inRepo(`path: d, branch: a..b`), "f.yaml:2:25: repo.branch: \"a..b\" is not the name of a branch: it holds .., // or @{"},
	{"branch lock", inRepo(`path: d, branch: a.lock`), "f.yaml:2:25: repo.branch: \"a.lock\" is not the name of a branch: a part begins with a dot or ends in .lock"},
	{"committer", inRepo(`path: d, committer: {name: "a<b"}`), "f.yaml:2:35: repo.committer.name: a name or e-mail address must not hold <, > or control characters"},
	{"committer empty", inRepo(`path: d, committer: {email: ""}`), "f.yaml:2:36: repo.committer.email: must not be empty"},
	{"several at once", "version: 3\nrepo: {pth: d}\ninstances:\n  - name: a\n    platform: tableau\n    url: h\n    direction: both\n", "f.yaml:1:10: version: this program reads version 1\nf.yaml:2:7: repo: path is missing: folder of the working clone, created when missing; a relative path starts at the folder of this file\nf.yaml:2:8: repo: unknown key \"pth\", did you mean \"path\"? (allowed: path, remote, auth, branch, committer, sign, require_signed, allowed_signers)\nf.yaml:5:15: instances[0].platform: unknown platform \"tableau\" (allowed: redash, superset)\nf.yaml:6:10: instances[0].url: must begin with http:// or https://\nf.yaml:7:16: instances[0].direction: \"both\" is not allowed (allowed: pull, apply, two-way)"},
}
