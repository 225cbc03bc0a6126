package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/config"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// supersetOptions stands for the options struct of a platform.
type supersetOptions struct {
	PageSize int           `yaml:"page_size" jsonschema:"default=100" doc:"rows of a page"`
	Wait     time.Duration `yaml:"wait" doc:"longest wait"`
}

func options() config.Options {
	return config.Options{
		Platforms: map[string][]asset.Kind{
			"superset": {"database", "dataset", "chart", "dashboard"},
			"redash":   {"query", "dashboard"},
		},
		PlatformOptions: map[string]any{"superset": &supersetOptions{}},
		Home:            "/home/ada",
	}
}

func parse(text string) (*config.Config, error) {
	return config.Parse("/etc/dk/dashkeep.yaml", []byte(text), options())
}

func mustParse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const small = `version: 1
repo: {path: dashboards}
instances:
  - {name: prod, platform: superset, url: "https://bi.example.com/"}
`

func TestDefaultsAreTheSafeOnes(t *testing.T) {
	c := mustParse(t, small)
	in := c.Instance("prod")
	if c.Repo.Path != "/etc/dk/dashboards" || c.Repo.Branch != "main" || c.Repo.Remote != "" {
		t.Errorf("repo %+v", c.Repo)
	}
	if c.Repo.Committer != (config.Committer{Name: "dashkeep", Email: "dashkeep@localhost"}) {
		t.Errorf("committer %+v", c.Repo.Committer)
	}
	if in.Direction != config.Pull || in.Direction.Writes() || in.AutoApply || in.TLS.Insecure {
		t.Errorf("not pull only: %+v", in)
	}
	if in.Path != "prod" || in.Layout != config.Flat || in.URL != "https://bi.example.com" || in.Timezone != "UTC" {
		t.Errorf("instance %+v", in)
	}
	if in.PullBrake != (config.PullBrake{Removed: 10, ChangedPercent: 25}) {
		t.Errorf("brake %+v", in.PullBrake)
	}
	if in.Prune != (config.Prune{Enabled: false, Max: 10, MaxPercent: 10}) {
		t.Errorf("prune %+v", in.Prune)
	}
	if !in.Schedule.IsZero() || !in.FullPull.IsZero() {
		t.Error("something is scheduled")
	}
	r, configured := in.RuleFor(asset.Info{ID: asset.ID{Kind: "chart", UID: "a"}})
	if configured || r.Overwrite != config.IfUnchanged || r.OnConflict != config.Stop || r.Protect || !r.Match.Match(asset.Info{}) {
		t.Errorf("default rule %+v", r)
	}
	if c.Log.Level != "info" || c.Log.Format != "auto" || len(c.Warnings) != 0 {
		t.Errorf("log %+v, warnings %v", c.Log, c.Warnings)
	}
}

// full is the documented example with every key this version reads.
const full = `
version: 1
repo:
  path: ./dashboards
  remote: https://git.example.com/bi/dashboards.git
  auth: {username: bot, password: {env: GIT_TOKEN}}
  branch: release/bi
  committer: {name: keeper, email: keeper@example.com}
instances:
  - name: prod
    platform: superset
    url: https://superset.example.com
    auth:
      username: svc
      password: {command: [pass, show, superset]}
      provider: db
      headers: {X-Proxy-Token: {file: proxy.token}}
    options: {page_size: 50, wait: 30s}
    tls: {ca_file: certs/corp.pem}
    path: bi/prod
    layout: sharded
    schedule: "*/5 * * * *"
    timezone: Europe/Berlin
    full_pull: "0 3 * * *"
    direction: two-way
    select: {kinds: [], include: ["tag:finance", "title:Sales*"], exclude: ["owner:intern@example.com"]}
    apply_kinds: [database]
    pull_brake: {removed: 0}
    rules:
      - {match: "kind:database", overwrite: never}
      - {match: "tag:certified", overwrite: always, on_live_edit: notify}
      - {match: "owner:*@fin.example.com", path: finance/eu/, on_conflict: branch}
      - {match: "dashboard:04f79081-fb49-7bac-7f14-cc76cd2ad93b", protect: true}
      - {match: "*", overwrite: if-unchanged, on_conflict: stop, ignore: ["chart:/spec/cache_timeout"]}
    revert_window: 1d12h
    backups: {age: 30d}
    accept: [{asset: "chart:c3d6", reason: "vendor dataset gone", until: 2027-01-31}]
    auto_apply: true
    secrets: {"database:a2dc77af": {password: {env: WAREHOUSE_PASSWORD}}}
    authors: {admin: "Ada Lovelace <ada@example.com>", "*": committer}
  - name: old
    platform: redash
    url: http://redash.example.com/default
    auth: {api_key: {file: /run/secrets/redash}}
    schedule: "@every 30s"
log: {level: debug, format: json}
`

func TestReadsEveryKey(t *testing.T) {
	c := mustParse(t, full)
	in := c.Instance("prod")
	if got := in.Auth.Headers["X-Proxy-Token"].Source(); got != "file /etc/dk/proxy.token" {
		t.Errorf("relative secret file: %s", got)
	}
	if in.TLS.CAFile != "/etc/dk/certs/corp.pem" || c.Repo.Auth.SSH.KnownHosts != "/home/ada/.ssh/known_hosts" {
		t.Errorf("paths: %s, %s", in.TLS.CAFile, c.Repo.Auth.SSH.KnownHosts)
	}
	if in.PullBrake != (config.PullBrake{Removed: 0, ChangedPercent: 25}) {
		t.Errorf("an explicit 0 must stay: %+v", in.PullBrake)
	}
	if in.Options.Kind == 0 || len(in.Options.Content) != 4 {
		t.Errorf("options are not handed on: %+v", in.Options)
	}
	if time.Duration(in.RevertWindow) != 36*time.Hour || time.Duration(in.Backups.Age) != 30*24*time.Hour || in.Backups.Last != 20 {
		t.Errorf("spans: %v %v", in.RevertWindow, in.Backups)
	}
	if r := in.Rules[2]; r.Path != "finance/eu" || r.OnConflict != config.Branch || r.OnLiveEdit != config.AcceptEdit || in.Rules[1].OnLiveEdit != config.NotifyEdit {
		t.Errorf("rules: %+v", in.Rules)
	}
	db := asset.ID{Kind: "database", UID: "a2dc77af"}
	if got := in.Secrets[db]["password"].Source(); got != "environment variable WAREHOUSE_PASSWORD" {
		t.Errorf("secrets: %s", got)
	}
	rule, configured := in.RuleFor(asset.Info{ID: asset.ID{Kind: "chart", UID: "x"}, Tags: []string{"certified"}})
	if !configured || rule.Overwrite != config.Always || rule.OnConflict != config.Stop {
		t.Errorf("second rule with defaults: %+v", rule)
	}
	if !slices.Equal(in.Rules[4].Ignore, []config.Ignore{{Kind: "chart", Pointer: "/spec/cache_timeout"}}) {
		t.Errorf("ignore %v", in.Rules[4].Ignore)
	}
	if len(c.Warnings) != 0 {
		t.Errorf("warnings %v", c.Warnings)
	}
}

func TestAcceptedThroughItsLastDay(t *testing.T) {
	in := mustParse(t, full).Instance("prod")
	id := asset.ID{Kind: "chart", UID: "c3d6"}
	last := time.Date(2027, 1, 31, 23, 59, 59, 0, time.UTC)
	if a, ok := in.Accepted(id, last); !ok || a.Reason != "vendor dataset gone" {
		t.Errorf("on its last day: %v %v", a, ok)
	}
	if _, ok := in.Accepted(id, last.Add(time.Second)); ok {
		t.Error("accepted for longer than written")
	}
	if _, ok := in.Accepted(asset.ID{Kind: "chart", UID: "c3d7"}, last); ok {
		t.Error("another asset is accepted")
	}
}

func TestAuthorOfFallsBackToStar(t *testing.T) {
	in := mustParse(t, full).Instance("prod")
	if a, ok := in.AuthorOf(asset.Person{Username: "admin"}); !ok || a.Name != "Ada Lovelace" || a.Email != "ada@example.com" {
		t.Errorf("got %+v %v", a, ok)
	}
	if a, ok := in.AuthorOf(asset.Person{Username: "eve"}); !ok || !a.Committer {
		t.Errorf("got %+v %v", a, ok)
	}
	if _, ok := mustParse(t, small).Instance("prod").AuthorOf(asset.Person{Username: "eve"}); ok {
		t.Error("an author without a map")
	}
}

func TestCronLinesKeepTheirZone(t *testing.T) {
	in := mustParse(t, full).Instance("prod")
	from := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	if got := in.FullPull.In(in.Location()).Next(from).UTC(); got.Hour() != 1 {
		t.Errorf("03:00 in Berlin in July is 01:00 UTC, got %s", got)
	}
	if in.Schedule.String() != "*/5 * * * *" {
		t.Errorf("text %q", in.Schedule)
	}
	if (config.Cron{}).In(time.UTC) != nil {
		t.Error("nothing scheduled must be nil")
	}
}

func TestExampleLoadsWithoutWarnings(t *testing.T) {
	c := mustParse(t, config.Sample())
	if len(c.Warnings) != 0 || c.Instance("prod").Direction != config.Pull {
		t.Errorf("warnings %v", c.Warnings)
	}
}

func TestStarterKeepsWhatItIsGiven(t *testing.T) {
	for _, s := range []config.Starter{
		{Platform: "superset", URL: "http://127.0.0.1:8088/bi", RepoPath: "/tmp/a b", Username: `o'neil: "x" #`, Password: "P", Name: "on", Remote: "https://git.example.com/a.git"},
		{Platform: "redash", URL: "https://h", RepoPath: "d", Username: "u", Password: "P", Name: "prod", Remote: "git@git.example.com:bi/d.git"},
		{Platform: "superset", URL: "https://h", RepoPath: "./d", Password: "P", Name: "prod", Remote: "../remote.git", Username: "äöü\t"},
		{Platform: "superset", URL: "https://h", RepoPath: "d", Password: "P", Name: "null", Username: "yes"},
	} {
		c, err := parse(s.YAML())
		if err != nil {
			t.Fatalf("%+v: %v\n%s", s, err, s.YAML())
		}
		in := c.Instances[0]
		if in.URL != s.URL || in.Auth.Username != s.Username || in.Name != s.Name || in.Platform != s.Platform {
			t.Errorf("%+v became %+v", s, in)
		}
		if !strings.HasSuffix(c.Repo.Path, strings.TrimPrefix(s.RepoPath, "./")) {
			t.Errorf("path %q became %q", s.RepoPath, c.Repo.Path)
		}
		if s.Remote != "" && !strings.HasSuffix(c.Repo.Remote, strings.TrimPrefix(s.Remote, "..")) {
			t.Errorf("remote %q became %q", s.Remote, c.Repo.Remote)
		}
	}
}

func TestLoadNamesAMissingFile(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "none.yaml"), options())
	var e *config.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "none.yaml: the config cannot be read: no such file or directory") {
		t.Errorf("%v", err)
	}
}

func TestSE3_ReadableConfigWithSecretIsWarnedAbout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashkeep.yaml")
	text := strings.Replace(small, "url:", "auth: {username: u, password: canary-hunter2}, url:", 1)
	for mode, want := range map[os.FileMode]int{0o600: 1, 0o640: 2, 0o644: 2} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path, options())
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Warnings) != want {
			t.Errorf("mode %o: %v", mode, c.Warnings)
		}
		for _, w := range c.Warnings {
			if strings.Contains(w.String(), "canary") {
				t.Errorf("the warning holds the secret: %s", w)
			}
		}
	}
}

func TestInsecureTLSIsWarnedAbout(t *testing.T) {
	c := mustParse(t, strings.Replace(small, "url:", "tls: {insecure: true}, url:", 1))
	if len(c.Warnings) != 1 || c.Warnings[0].Key != "instances[0].tls.insecure" || c.Warnings[0].Line != 4 {
		t.Errorf("%v", c.Warnings)
	}
}

func TestSecretsBecomeKnownToTheRedactor(t *testing.T) {
	r := &secret.Redactor{}
	o := options()
	o.Redactor = r
	t.Setenv("DASHKEEP_CONFIG_TEST", "canary-from-env")
	text := strings.Replace(small, "url:", "auth: {password: {env: DASHKEEP_CONFIG_TEST}, token: canary-literal}, url:", 1)
	c, err := config.Parse("dashkeep.yaml", []byte(text), o)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Scrub("canary-literal canary-from-env"); got != "[redacted] canary-from-env" {
		t.Errorf("before resolving: %q", got)
	}
	if _, err := c.Instances[0].Auth.Password.Resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.Scrub("canary-literal canary-from-env"); got != "[redacted] [redacted]" {
		t.Errorf("after resolving: %q", got)
	}
}

func TestFindLooksInOrder(t *testing.T) {
	dir, xdg := t.TempDir(), t.TempDir()
	env := map[string]string{"XDG_CONFIG_HOME": xdg}
	find := func(flag string) (string, error) {
		return config.Find(flag, func(k string) string { return env[k] }, dir)
	}
	if _, err := find(""); err == nil || !strings.Contains(err.Error(), filepath.Join(xdg, "dashkeep", "dashkeep.yaml")) || !errors.As(err, new(*config.Error)) {
		t.Errorf("nothing there: %v", err)
	}
	inXDG, inDir := filepath.Join(xdg, "dashkeep", "dashkeep.yaml"), filepath.Join(dir, "dashkeep.yaml")
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() { write(t, inXDG) }, inXDG},
		{func() { write(t, inDir) }, inDir},
		{func() { env["DASHKEEP_CONFIG"] = "/e.yaml" }, "/e.yaml"},
	} {
		step.do()
		if got, err := find(""); err != nil || got != step.want {
			t.Errorf("got %q, %v, want %q", got, err, step.want)
		}
	}
	if got, _ := find("/flag.yaml"); got != "/flag.yaml" {
		t.Errorf("got %q", got)
	}
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
}
