package config

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// instance checks one instance; at is its key, "instances[0]".
func (v *validator) instance(in *Instance, at string) {
	if v.given(at + ".platform") {
		v.platform(in, at)
	}
	v.source(in, at)
	if _, err := time.LoadLocation(in.Timezone); err != nil || in.Timezone == "" {
		v.bad(at+".timezone", "%q is not a time zone such as Europe/Berlin or UTC", in.Timezone)
	}
	if in.AutoApply && !in.Direction.Writes() {
		v.bad(at+".auto_apply", "needs direction: apply or two-way (it is %s)", in.Direction)
	}
	v.headers(in, at+".auth.headers")
	in.TLS.CAFile = v.local(at+".tls.ca_file", in.TLS.CAFile)
	if in.TLS.Insecure {
		v.warn(v.node(at+".tls.insecure"), at+".tls.insecure", "any certificate is taken: somebody on the way can read the password and change what is pulled")
	}
	if in.PullBrake.Removed < 0 {
		v.bad(at+".pull_brake.removed", "must not be negative")
	}
	if p := in.PullBrake.ChangedPercent; p < 0 || p > 100 {
		v.bad(at+".pull_brake.changed_percent", "must be from 0 to 100, not %d", p)
	}
	if in.Prune.Max < 0 {
		v.bad(at+".prune.max", "must not be negative")
	}
	if p := in.Prune.MaxPercent; p < 0 || p > 100 {
		v.bad(at+".prune.max_percent", "must be from 0 to 100, not %d", p)
	}
	if in.Prune.Enabled && !in.Direction.Writes() {
		v.bad(at+".prune.enabled", "needs direction: apply or two-way (it is %s)", in.Direction)
	}
	if in.Backups.Last < 1 {
		v.bad(at+".backups.last", "must be at least 1: without a pre-image there is no undo")
	}
	for i, r := range in.Rules {
		if key := fmt.Sprintf("%s.rules[%d].path", at, i); v.given(key) {
			if why := badFolder(r.Path); why != "" {
				v.bad(key, "%q is not a folder: %s", r.Path, why)
			}
			in.Rules[i].Path = strings.TrimSuffix(r.Path, "/")
		}
	}
	v.instanceKinds(in, at)
}

var instanceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// names checks what instances are called: names become parts of Git refs.
func (v *validator) names(ins []Instance) {
	seen := map[string]int{}
	for i, in := range ins {
		at := fmt.Sprintf("instances[%d].name", i)
		if !v.given(at) {
			continue
		}
		if !instanceName.MatchString(in.Name) || strings.Contains(in.Name, "..") || strings.HasSuffix(in.Name, ".") || strings.HasSuffix(in.Name, ".lock") {
			v.bad(at, "%q is not a name: at most 63 letters, digits, dots, dashes and underscores, a letter or digit first, no .. and no .lock or dot at the end", in.Name)
			continue
		}
		if first, twice := seen[strings.ToLower(in.Name)]; twice {
			v.bad(at, "%q is the name of instances[%d] too", in.Name, first)
			continue
		}
		seen[strings.ToLower(in.Name)] = i
	}
}

// paths gives each instance its folder and refuses folders that are one, or lie
// in one another, on any file system.
func (v *validator) paths(ins []Instance) {
	fold := cases.Fold()
	folded := make([]string, len(ins))
	for i := range ins {
		in, at := &ins[i], fmt.Sprintf("instances[%d].path", i)
		if !v.given(at) {
			in.Path = in.Name
		}
		if in.Path == "" && !v.given(at) {
			continue // the missing name is reported
		}
		if why := badFolder(in.Path); why != "" {
			v.bad(at, "%q is not a folder in the repository: %s", in.Path, why)
			continue
		}
		in.Path = strings.TrimSuffix(in.Path, "/")
		folded[i] = norm.NFC.String(fold.String(norm.NFD.String(in.Path))) + "/"
		for j, other := range folded[:i] {
			if other != "" && (strings.HasPrefix(folded[i], other) || strings.HasPrefix(other, folded[i])) {
				v.bad(at, "%q overlaps with %q, the folder of instances[%d]: each instance needs a folder of its own", in.Path, ins[j].Path, j)
				break
			}
		}
	}
}

// badFolder says why a slash path cannot be an instance's folder, "" when it can.
func badFolder(p string) string {
	switch {
	case p == "":
		return "it is empty"
	case strings.HasPrefix(p, "/") || strings.HasPrefix(p, "~"):
		return "it must be relative to the repository"
	case strings.ContainsAny(p, "\\:*?\"<>|") || strings.ContainsFunc(p, unicode.IsControl):
		return "it holds a character that not every file system takes"
	}
	for _, part := range strings.Split(strings.TrimSuffix(p, "/"), "/") {
		lower := strings.ToLower(part)
		switch {
		case part == "" || part == "." || part == "..":
			return "it holds an empty, . or .. part"
		case strings.HasPrefix(lower, ".git") || strings.HasPrefix(lower, "git~"):
			return "Git keeps names that begin with .git for itself"
		case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") || len(part) > 200:
			return "a part ends in a dot or a blank, or is too long"
		}
	}
	return ""
}

func (v *validator) platform(in *Instance, at string) {
	if v.o.Platforms == nil {
		return
	}
	if _, ok := v.o.Platforms[in.Platform]; !ok {
		v.bad(at+".platform", "%s", unknown("platform", in.Platform, slices.Sorted(maps.Keys(v.o.Platforms))))
		return
	}
	if v.o.PlatformOptions == nil || !v.given(at+".options") {
		return
	}
	zero := v.o.PlatformOptions[in.Platform]
	if zero == nil {
		v.bad(at+".options", "platform %s has no options", in.Platform)
		return
	}
	// Into a copy: only the platform itself uses the values.
	v.value(&in.Options, reflect.New(reflect.TypeOf(zero).Elem()).Elem(), at+".options")
}

// source checks that an instance has a server, or an inbox in place of one.
func (v *validator) source(in *Instance, at string) {
	url, inbox := v.given(at+".url"), v.given(at+".inbox")
	switch {
	case url && inbox:
		v.bad(at+".inbox", "an inbox stands in place of url: remove one of the two")
	case url:
		v.url(in, at+".url")
	case !inbox:
		v.bad(at, "url is missing: address of the server, http or https, without credentials (or inbox: a folder of exported archives)")
	case in.Inbox == "":
		v.bad(at+".inbox", "is empty")
	case v.o.Inboxes != nil && !slices.Contains(v.o.Inboxes, in.Platform):
		v.bad(at+".inbox", "platform %s reads no inbox (%s)", in.Platform, strings.Join(v.o.Inboxes, ", "))
	case in.Direction.Writes():
		v.bad(at+".direction", "an inbox can only be pulled; to bring content to its server make an archive: dashkeep bundle %s", in.Name)
	default:
		in.Inbox = v.local(at+".inbox", in.Inbox)
	}
}

func (v *validator) url(in *Instance, key string) {
	u, err := url.Parse(in.URL)
	switch {
	case err != nil:
		v.bad(key, "is not a URL") // its text may hold a password
	case u.User != nil:
		v.bad(key, "must not hold credentials: give them under auth")
	case u.Scheme != "http" && u.Scheme != "https":
		v.bad(key, "must begin with http:// or https://")
	case u.Hostname() == "":
		v.bad(key, "names no host")
	case u.RawQuery != "" || u.Fragment != "":
		v.bad(key, "must not hold a query (?) or a fragment (#)")
	}
	in.URL = strings.TrimRight(in.URL, "/")
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func (v *validator) headers(in *Instance, at string) {
	for _, name := range slices.Sorted(maps.Keys(in.Auth.Headers)) {
		if !headerName.MatchString(name) {
			v.bad(join(at, name), "%q is not the name of a header", name)
		}
	}
}

// instanceKinds checks every place that names a kind.
func (v *validator) instanceKinds(in *Instance, at string) {
	for i, k := range in.Select.Kinds {
		v.kind(fmt.Sprintf("%s.select.kinds[%d]", at, i), in.Platform, k)
	}
	for i, k := range in.ApplyKinds {
		v.kind(fmt.Sprintf("%s.apply_kinds[%d]", at, i), in.Platform, k)
	}
	v.matches(in.Select.Include, at+".select.include", in.Platform)
	v.matches(in.Select.Exclude, at+".select.exclude", in.Platform)
	for i, r := range in.Rules {
		key := fmt.Sprintf("%s.rules[%d]", at, i)
		if k := r.Match.Kind(); k != "" {
			v.kind(key+".match", in.Platform, k)
		}
		for j, ig := range r.Ignore {
			if ig.Kind != "" {
				v.kind(fmt.Sprintf("%s.ignore[%d]", key, j), in.Platform, ig.Kind)
			}
		}
	}
	for i, a := range in.Accept {
		if a.Asset.Kind != "" {
			v.kind(fmt.Sprintf("%s.accept[%d].asset", at, i), in.Platform, a.Asset.Kind)
		}
	}
	for id := range in.Secrets {
		if id.Kind != "" {
			v.kind(join(at+".secrets", id.String()), in.Platform, id.Kind)
		}
	}
}

func (v *validator) matches(ms []Match, at, platform string) {
	for i, m := range ms {
		if k := m.Kind(); k != "" {
			v.kind(fmt.Sprintf("%s[%d]", at, i), platform, k)
		}
	}
}
