package config

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// validator checks what a single value cannot tell, after decoding.
type validator struct {
	*decoder
	o Options
}

// node is where a key's value stands, or the nearest section above it.
func (v *validator) node(key string) *yaml.Node {
	for {
		if n := v.at[key]; n != nil {
			return n
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			return v.at[""]
		}
		key = key[:i]
	}
}

// bad reports a problem with the value of key.
func (v *validator) bad(key, format string, args ...any) {
	v.problem(v.node(key), key, format, args...)
}

func (v *validator) given(key string) bool { return v.at[key] != nil }

func (v *validator) config(c *Config) {
	if v.given("version") && c.Version != 1 {
		v.bad("version", "this program reads version 1")
	}
	v.repo(&c.Repo)
	if v.given("instances") && len(c.Instances) == 0 {
		v.bad("instances", "at least one instance is needed")
	}
	for i := range c.Instances {
		v.instance(&c.Instances[i], fmt.Sprintf("instances[%d]", i))
	}
	v.names(c.Instances)
	v.paths(c.Instances)
}

func (v *validator) repo(r *Repo) {
	r.Path = v.local("repo.path", r.Path)
	r.Auth.SSH.KeyFile = v.local("repo.auth.ssh.key_file", r.Auth.SSH.KeyFile)
	r.Auth.SSH.KnownHosts = v.local("repo.auth.ssh.known_hosts", r.Auth.SSH.KnownHosts)
	if err := branchName(r.Branch); err != "" {
		v.bad("repo.branch", "%q is not the name of a branch: %s", r.Branch, err)
	}
	for key, s := range map[string]string{"repo.committer.name": r.Committer.Name, "repo.committer.email": r.Committer.Email} {
		if err := gitName(s); err != nil {
			v.bad(key, "%v", err)
		} else if strings.TrimSpace(s) == "" {
			v.bad(key, "must not be empty")
		}
	}
	v.signing(r)
	v.remote(r)
}

// signing checks the keys that sign and those that count.
func (v *validator) signing(r *Repo) {
	r.Sign.KeyFile = v.local("repo.sign.key_file", r.Sign.KeyFile)
	r.AllowedSigners = v.local("repo.allowed_signers", r.AllowedSigners)
	if v.given("repo.sign") && r.Sign.KeyFile == "" && !v.given("repo.sign.key_file") {
		v.bad("repo.sign", "key_file is needed: the private key to sign with")
	}
	switch in, err := filepath.Rel(r.Path, r.AllowedSigners); {
	case r.RequireSigned && r.AllowedSigners == "" && !v.given("repo.allowed_signers"):
		v.bad("repo.require_signed", "needs allowed_signers: the file with the keys that count")
	case r.AllowedSigners != "" && r.Path != "" && err == nil && filepath.IsLocal(in):
		v.bad("repo.allowed_signers", "lies in the repository, where whoever may push could add a key: keep it elsewhere")
	}
}

// remote checks the remote and that the login fits it.
func (v *validator) remote(r *Repo) {
	if r.Remote == "" {
		if v.given("repo.auth") {
			v.bad("repo.auth", "there is no remote to log in to: set repo.remote, or remove auth")
		}
		return
	}
	kind := remoteKind(r.Remote)
	switch kind {
	case "":
		v.bad("repo.remote", "is neither a URL (https://, ssh://, file://), nor USER@HOST:PATH, nor a path")
		return
	case "path":
		if !strings.HasPrefix(r.Remote, "file://") {
			r.Remote = v.local("repo.remote", r.Remote)
		}
	case "http", "ssh":
		v.remoteCredentials(r.Remote, kind)
	}
	if kind != "http" && (!r.Auth.Password.IsZero() || r.Auth.Username != "") {
		v.bad("repo.auth", "username and password are for http and https remotes, and this one is not (an ssh remote takes ssh:)")
	}
	if kind != "ssh" && v.given("repo.auth.ssh") {
		v.bad("repo.auth.ssh", "ssh keys are for ssh remotes, and this one is not (an https remote takes username and password)")
	}
	if r.Auth.Username != "" && r.Auth.Password.IsZero() {
		v.bad("repo.auth", "username needs a password")
	}
}

func (v *validator) remoteCredentials(remote, kind string) {
	u, err := url.Parse(remote)
	if err != nil {
		return // USER@HOST:PATH
	}
	if _, has := u.User.Password(); has || (kind == "http" && u.User != nil) {
		v.bad("repo.remote", "must not hold credentials: give them under repo.auth")
	}
}

// remoteKind is http, ssh, path, or "" for what is not a plain remote: an
// option, or a remote helper such as ext::, which runs a program.
func remoteKind(remote string) string {
	if strings.ContainsAny(remote, "\x00\n\r") || strings.HasPrefix(remote, "-") || strings.Contains(remote, "::") {
		return ""
	}
	if scheme, rest, ok := strings.Cut(remote, "://"); ok {
		switch {
		case rest == "":
			return ""
		case scheme == "http", scheme == "https":
			if u, err := url.Parse(remote); err != nil || u.Hostname() == "" {
				return ""
			}
			return "http"
		case scheme == "ssh":
			return "ssh"
		case scheme == "file":
			return "path"
		}
		return ""
	}
	if colon := strings.IndexByte(remote, ':'); colon > 1 && !strings.ContainsAny(remote[:colon], `/\`) {
		return "ssh"
	}
	return "path"
}

// branchName says why Git would refuse a branch of that name, "" when it takes
// it (git-check-ref-format).
func branchName(s string) string {
	switch {
	case s == "" || s == "@" || s == "HEAD":
		return "it is empty or reserved"
	case strings.HasPrefix(s, "-") || strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/") || strings.HasSuffix(s, "."):
		return "it begins or ends with a character that is not allowed there"
	case strings.HasPrefix(s, "refs/"):
		return "leave refs/heads/ out"
	case strings.Contains(s, "..") || strings.Contains(s, "//") || strings.Contains(s, "@{"):
		return "it holds .., // or @{"
	case strings.ContainsAny(s, " ~^:?*[\\\x7f") || strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 }):
		return "it holds a blank or one of ~^:?*[\\"
	}
	for _, part := range strings.Split(s, "/") {
		if strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return "a part begins with a dot or ends in .lock"
		}
	}
	return ""
}

// local makes a path of the machine absolute: ~ is the home folder, and a
// relative path starts at the folder of the config.
func (v *validator) local(key, path string) string {
	if path == "" {
		if v.given(key) {
			v.bad(key, "must not be empty")
		}
		return ""
	}
	if path == "~" || strings.HasPrefix(path, "~/") {
		home := v.o.Home
		if home == "" {
			var err error
			if home, err = os.UserHomeDir(); err != nil {
				if v.given(key) {
					v.bad(key, "~ cannot be replaced: %v", err)
				}
				return ""
			}
		}
		return filepath.Join(home, path[1:])
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(v.dir, path)
	}
	return filepath.Clean(path)
}

// kinds reports kinds that the platform does not have.
func (v *validator) kind(key, platform string, k asset.Kind) {
	kinds, known := v.o.Platforms[platform]
	if !known {
		return // reported with the platform itself
	}
	all := make([]string, len(kinds))
	for i, have := range kinds {
		if all[i] = string(have); have == k {
			return
		}
	}
	v.bad(key, "%s", unknown("kind", string(k), all))
}

// warnReadable warns of a config with a secret in it that others can read.
func (c *Config) warnReadable(name string, fi fs.FileInfo) {
	if runtime.GOOS == "windows" || fi.Mode().Perm()&0o044 == 0 {
		return
	}
	for _, w := range c.Warnings {
		if strings.HasPrefix(w.Message, "the secret itself stands") {
			c.Warnings = append(c.Warnings, Problem{File: name, Message: fmt.Sprintf(
				"holds secrets and can be read by other users (mode %04o): chmod 600 it", fi.Mode().Perm())})
			return
		}
	}
}
