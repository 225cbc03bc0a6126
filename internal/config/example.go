package config

import (
	"regexp"
	"strconv"
	"strings"
)

// Starter is what a first config says. Package config knows no platform, so the
// caller gives every value.
type Starter struct {
	Name     string // of the instance
	Platform string
	URL      string
	Username string
	Password string // name of the environment variable
	RepoPath string
	Remote   string // "": written as a comment
}

// YAML is the commented config, which loads as it stands.
func (s Starter) YAML() string {
	remote := "  remote: " + quoted(s.Remote)
	auth := "  auth: {username: dashkeep, password: {env: GIT_TOKEN}}"
	if s.Remote == "" {
		remote = "  # remote: https://git.example.com/bi/dashboards.git   # without it everything stays local"
	}
	if s.Remote == "" || remoteKind(s.Remote) != "http" {
		auth = "  # auth: {username: dashkeep, password: {env: GIT_TOKEN}}    # or ssh: {key_file: ~/.ssh/id_ed25519}"
	}
	return strings.NewReplacer(
		"@PATH@", quoted(s.RepoPath),
		"@REMOTE@", remote,
		"@AUTH@", auth,
		"@NAME@", quoted(s.Name),
		"@PLATFORM@", quoted(s.Platform),
		"@URL@", quoted(s.URL),
		"@USER@", quoted(s.Username),
		"@PASSWORD@", quoted(s.Password),
	).Replace(starter)
}

var plainText = regexp.MustCompile(`^(https?://|\.{0,2}/)?[A-Za-z][A-Za-z0-9._/@-]*(:[0-9]+[A-Za-z0-9._/-]*)?$`)

// quoted leaves plain words and addresses bare and quotes the rest. YAML's
// double-quoted form reads what strconv.Quote writes.
func quoted(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(s)
	}
	if plainText.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

const starter = `# dashkeep: the dashboards of BI servers, kept in Git.
# Every key: docs/config.md. Completion in editors: "dashkeep config schema > dashkeep.schema.json".
# A secret is {env: NAME}, {file: PATH} or {command: [PROGRAM, ARG]}; relative paths start at this folder.
version: 1

repo:
  path: @PATH@    # the working clone; created when missing
@REMOTE@
@AUTH@
  branch: main

instances:
  - name: @NAME@
    platform: @PLATFORM@
    url: @URL@
    auth:
      username: @USER@
      password: {env: @PASSWORD@}
      # headers: {X-Proxy-Token: {file: /run/secrets/proxy}}    # for a proxy in front
    # tls: {ca_file: /etc/ssl/corp.pem}    # a certificate authority of your own

    # When "dashkeep serve" pulls: five cron fields or @every 30s, in this time zone.
    schedule: "*/5 * * * *"
    full_pull: "0 3 * * *"    # read everything; other pulls read what changed
    timezone: UTC

    # pull: the server is never written. apply: Git is written to it. two-way: both.
    direction: pull
    # auto_apply: true    # serve applies when the branch moves; needs apply or two-way

    # Which assets; what they depend on comes along. Nothing here means all.
    # select: {include: ["tag:finance", "title:Sales*"], exclude: ["owner:intern@example.com"]}

    # A pull that would change more than this commits nothing until "pull --accept".
    pull_brake: {removed: 10, changed_percent: 25}

    # Delete on the server what was deleted in Git, if dashkeep made it; needs apply or two-way.
    # prune: {enabled: true, max: 10, max_percent: 10}

    # What may be overwritten, and who wins; the first match counts.
    rules:
      # - {match: "kind:database", overwrite: never}
      # - {match: "tag:certified", overwrite: always, on_live_edit: notify}
      # - {match: "owner:*@fin.example.com", path: finance}    # a folder of its own
      # When both sides changed a value: stop, git, live, or branch (docs/how-to/conflicts.md).
      - {match: "*", overwrite: if-unchanged, on_conflict: stop}

    # Passwords to put back at apply, because Git never holds them.
    # secrets: {"database:UID": {password: {env: WAREHOUSE_PASSWORD}}}

    # Git author of each server user; * stands for everybody else.
    # authors: {admin: "Ada Lovelace <ada@example.com>", "*": committer}
`
