// Package config reads dashkeep.yaml. The structs below are the one source of
// what is allowed: the decoder, the JSON Schema and docs/config.md all come
// from their fields and tags (yaml: the key; doc: its meaning; jsonschema:
// required and default).
package config

import (
	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// Config is a checked config file: every value is allowed, defaults are filled
// in, and relative paths start at the folder of the file.
type Config struct {
	Version   int        `yaml:"version" jsonschema:"required" doc:"version of this format: 1"`
	Repo      Repo       `yaml:"repo" jsonschema:"required" doc:"the Git repository that keeps the dashboards"`
	Instances []Instance `yaml:"instances" jsonschema:"required" doc:"the BI servers"`
	Log       Log        `yaml:"log" doc:"what is logged to stderr"`

	File     string    `yaml:"-"` // absolute path it was read from
	Warnings []Problem `yaml:"-"` // unwise but allowed
}

// Repo is the Git repository.
type Repo struct {
	Path      string    `yaml:"path" jsonschema:"required" doc:"folder of the working clone, created when missing; a relative path starts at the folder of this file"`
	Remote    string    `yaml:"remote" doc:"URL or path to push to and fetch from; without it everything stays local"`
	Auth      RepoAuth  `yaml:"auth" doc:"how to log in to the remote"`
	Branch    string    `yaml:"branch" jsonschema:"default=main" doc:"the branch that is followed and written"`
	Committer Committer `yaml:"committer" doc:"who commits; the author is the person who edited in the server"`
	Sign      Sign      `yaml:"sign" doc:"signs what dashkeep commits; without it commits are not signed"`

	RequireSigned  bool   `yaml:"require_signed" jsonschema:"default=false" doc:"apply and restore write only what came into Git with a commit that one of allowed_signers signed"`
	AllowedSigners string `yaml:"allowed_signers" doc:"file with the keys that count: lines of OpenSSH's allowed_signers form, and armored OpenPGP public keys; it must not lie in the repository"`
}

// Sign is the key that commits are signed with.
type Sign struct {
	Format     SignFormat   `yaml:"format" jsonschema:"default=ssh" doc:"kind of the key"`
	KeyFile    string       `yaml:"key_file" doc:"private key: of ssh-keygen, or as gpg --armor --export-secret-keys writes it"`
	Passphrase secret.Value `yaml:"passphrase" doc:"opens the key when it is encrypted"`
}

// RepoAuth is a login to the remote: username and password for https, or ssh.
type RepoAuth struct {
	Username string       `yaml:"username" doc:"user name for an http or https remote; many hosts take any name with a token"`
	Password secret.Value `yaml:"password" doc:"password or token for an http or https remote"`
	SSH      SSH          `yaml:"ssh" doc:"keys for an ssh remote"`
}

// SSH is a key login.
type SSH struct {
	KeyFile    string `yaml:"key_file" doc:"private key without a passphrase; without it the ssh agent is asked"`
	KnownHosts string `yaml:"known_hosts" jsonschema:"default=~/.ssh/known_hosts" doc:"file with the host keys that are trusted"`
}

// Committer is the name on commits.
type Committer struct {
	Name  string `yaml:"name" jsonschema:"default=dashkeep" doc:"name of the committer"`
	Email string `yaml:"email" jsonschema:"default=dashkeep@localhost" doc:"e-mail address of the committer"`
}

// Instance is one BI server.
type Instance struct {
	Name     string    `yaml:"name" jsonschema:"required" doc:"short name used in commands, commits and refs: letters, digits, dot, dash, underscore"`
	Platform string    `yaml:"platform" jsonschema:"required" doc:"what kind of server it is"`
	URL      string    `yaml:"url" doc:"address of the server, http or https, without credentials; needed unless there is an inbox"`
	Inbox    string    `yaml:"inbox" doc:"folder of archives that people exported by hand, in place of url; the instance can only be pulled"`
	Auth     Auth      `yaml:"auth" doc:"the account to log in with; which keys are needed depends on the platform"`
	Options  yaml.Node `yaml:"options" doc:"settings of the platform's own"`
	TLS      TLS       `yaml:"tls" doc:"whose certificates are trusted"`

	Path   string `yaml:"path" doc:"folder in the repository; the default is the name"`
	Layout Layout `yaml:"layout" jsonschema:"default=flat" doc:"sharded puts two hex digits of the uid between kind and file, for instances with more than 1,000 assets of a kind"`

	Schedule  Cron      `yaml:"schedule" doc:"when serve pulls: five cron fields or @every 30s; without it, only by command"`
	Timezone  string    `yaml:"timezone" jsonschema:"default=UTC" doc:"IANA time zone of the cron lines; a time that daylight saving skips does not run, one that it repeats runs twice"`
	FullPull  Cron      `yaml:"full_pull" doc:"when a pull reads everything, trusting no change time; without it, a day after it last did"`
	Direction Direction `yaml:"direction" jsonschema:"default=pull" doc:"pull: the server is never written; apply: Git is written to the server; two-way: both"`

	Select       Select       `yaml:"select" doc:"which assets are kept; what they depend on always comes along, and leaving the selection is not deletion"`
	ApplyKinds   []asset.Kind `yaml:"apply_kinds" doc:"kinds that say who may do what, or act by themselves, are only read unless named here: role, rls (row-level security), report (alerts too)"`
	PullBrake    PullBrake    `yaml:"pull_brake" doc:"a pull that would change more than this commits nothing until pull --accept; the first pull is exempt"`
	Prune        Prune        `yaml:"prune" doc:"deleting on the server what was deleted in Git: only what dashkeep created or was told to manage"`
	Rules        []Rule       `yaml:"rules" doc:"what happens to assets; the first rule that matches an asset wins, and one with the defaults comes last by itself (connections such as databases: overwrite never)"`
	RevertWindow Span         `yaml:"revert_window" jsonschema:"default=24h" doc:"a value that goes back, within this time of an apply, to what it was before is a conflict and no edit: somebody saved a page that was opened earlier; 0 for never"`
	Backups      Backups      `yaml:"backups" doc:"how long the state before each apply is kept for undo"`
	Accept       []Accept     `yaml:"accept" doc:"assets known to be broken, which then do not fail a run"`
	AutoApply    bool         `yaml:"auto_apply" jsonschema:"default=false" doc:"serve applies when the followed branch moves; needs direction apply or two-way"`
	Secrets      Secrets      `yaml:"secrets" doc:"secrets to put back into an asset at apply, by KIND:UID and name, because Git never holds them"`
	Authors      Authors      `yaml:"authors" doc:"Git author of each server user, as Name <e-mail> or the word committer; * stands for users not named"`
}

// Auth is the account on a server.
type Auth struct {
	Username string                  `yaml:"username" doc:"user name"`
	Password secret.Value            `yaml:"password" doc:"password of the user"`
	Provider string                  `yaml:"provider" doc:"login provider of the server, where it has several; the page of the platform lists them"`
	Token    secret.Value            `yaml:"token" doc:"access token, in place of user name and password"`
	APIKey   secret.Value            `yaml:"api_key" doc:"API key, in place of user name and password"`
	Headers  map[string]secret.Value `yaml:"headers" doc:"headers sent with every request, for a proxy in front of the server"`
}

// TLS says which certificates are trusted.
type TLS struct {
	CAFile   string `yaml:"ca_file" doc:"PEM file with authorities that are trusted besides the system's"`
	Insecure bool   `yaml:"insecure" jsonschema:"default=false" doc:"take any certificate; somebody on the way can then read the password"`
}

// Select says which assets of an instance are kept.
type Select struct {
	Kinds   []asset.Kind `yaml:"kinds" doc:"only these kinds, and what they need; none means all that are content: rights (see apply_kinds) are read only when named"`
	Include []Match      `yaml:"include" doc:"only assets that one of these matches; none means all"`
	Exclude []Match      `yaml:"exclude" doc:"not assets that one of these matches"`
}

// PullBrake holds a pull that would change a lot.
type PullBrake struct {
	Removed        int `yaml:"removed" jsonschema:"default=10,minimum=0" doc:"hold when more assets than this would leave Git"`
	ChangedPercent int `yaml:"changed_percent" jsonschema:"default=25,minimum=0,maximum=100" doc:"hold when more than this share of the assets would change or leave"`
}

// Backups says how long pre-images are kept: one goes when both say so.
type Backups struct {
	Age  Span `yaml:"age" jsonschema:"default=90d" doc:"none goes that is younger, such as 90d or 36h"`
	Last int  `yaml:"last" jsonschema:"default=20,minimum=1" doc:"the newest so many stay, however old"`
}

// Prune says whether and how much apply deletes.
type Prune struct {
	Enabled    bool `yaml:"enabled" jsonschema:"default=false" doc:"apply deletes without being asked by --prune; with auto_apply serve does too"`
	Max        int  `yaml:"max" jsonschema:"default=10,minimum=0" doc:"most assets that one apply may delete; more, and it deletes none"`
	MaxPercent int  `yaml:"max_percent" jsonschema:"default=10,minimum=0,maximum=100" doc:"largest share of the instance's assets that one apply may delete; a single one is within any share but 0"`
}

// Rule says what may happen to the assets it matches.
type Rule struct {
	Match      Match      `yaml:"match" jsonschema:"required" doc:"which assets: * | kind:NAME | tag:GLOB | title:GLOB | owner:GLOB | KIND:UID"`
	Overwrite  Overwrite  `yaml:"overwrite" jsonschema:"default=if-unchanged" doc:"if-unchanged: write what only Git changed; always: Git wins; never: existing assets are left alone"`
	OnConflict OnConflict `yaml:"on_conflict" jsonschema:"default=stop" doc:"when Git and the server changed the same value. stop: leave the asset alone and show both; git, live: that side's value counts; branch: as stop, with the server's version on the branch conflict/INSTANCE/KIND/UID"`
	OnLiveEdit OnLiveEdit `yaml:"on_live_edit" jsonschema:"default=accept" doc:"when only the server changed a value. accept: pull takes it into Git; notify: the same, with a warning; revert: pull leaves it out, and the next apply writes Git's value"`
	Protect    bool       `yaml:"protect" jsonschema:"default=false" doc:"neither written nor deleted on the server"`
	Ignore     []Ignore   `yaml:"ignore" doc:"values that are not compared, so that each side keeps its own: KIND:/json/pointer"`
	Path       string     `yaml:"path" doc:"folder for the files of matching assets, below the folder of their kind; files move with the next change of their content"`
}

// Accept names an asset that is known to be broken.
type Accept struct {
	Asset  asset.ID `yaml:"asset" jsonschema:"required" doc:"KIND:UID"`
	Reason string   `yaml:"reason" jsonschema:"required" doc:"why, for the people who read the report"`
	Until  Date     `yaml:"until" jsonschema:"required" doc:"last day it is accepted, 2027-01-31"`
}

// Secrets are the secrets of assets, by asset and name.
type Secrets map[asset.ID]map[string]secret.Value

// Authors are the Git authors of server users.
type Authors map[string]Author

// Log says what is logged.
type Log struct {
	Level  LogLevel  `yaml:"level" jsonschema:"default=info" doc:"least important level that is logged"`
	Format LogFormat `yaml:"format" jsonschema:"default=auto" doc:"auto: text on a terminal, JSON elsewhere"`
}
