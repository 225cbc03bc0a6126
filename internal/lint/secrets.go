package lint

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// shape is a secret that is known by how it looks, wherever it stands.
type shape struct {
	what string
	hint string // a piece every match has; lines without it are not searched
	re   *regexp.Regexp
}

// shapes follow what the issuers document: AWS "IAM identifiers", GitHub "token
// formats", GitLab "token prefixes", Slack "token types", Google "API keys",
// RFC 7468 (PEM), RFC 7519 (JWT).
var shapes = [...]shape{
	{"a private key", "PRIVATE KEY", regexp.MustCompile(`-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----`)},
	{"an AWS access key", "AKIA", regexp.MustCompile(`\bAKIA[0-9A-Z]{16}\b`)},
	{"an AWS access key", "ASIA", regexp.MustCompile(`\bASIA[0-9A-Z]{16}\b`)},
	{"a GitHub token", "gh", regexp.MustCompile(`\bgh[pousr]_[0-9A-Za-z]{36,255}\b`)},
	{"a GitHub token", "github_pat_", regexp.MustCompile(`\bgithub_pat_[0-9A-Za-z_]{22,255}\b`)},
	{"a GitLab token", "glpat-", regexp.MustCompile(`\bglpat-[0-9A-Za-z_-]{20,}`)},
	{"a Slack token", "xox", regexp.MustCompile(`\bxox[abeoprs]-[0-9A-Za-z-]{10,}`)},
	{"a Slack webhook", "hooks.slack.com/", regexp.MustCompile(`hooks\.slack\.com/(?:services|workflows|triggers)/[0-9A-Za-z]+/[0-9A-Za-z]+/[0-9A-Za-z]+`)},
	{"a Discord webhook", "/api/webhooks/", regexp.MustCompile(`discord(?:app)?\.com/api/webhooks/[0-9]+/[0-9A-Za-z_-]+`)},
	{"a Teams webhook", "/webhookb2/", regexp.MustCompile(`webhook\.office\.com/webhookb2/[0-9a-f-]+@[0-9a-f-]+/IncomingWebhook/[0-9A-Za-z]+`)},
	{"a Databricks token", "dapi", regexp.MustCompile(`\bdapi[0-9a-f]{32}\b`)},
	{"a Google API key", "AIza", regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{35}\b`)},
	{"a signed token (JWT)", "eyJ", regexp.MustCompile(`\beyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}`)},
}

var (
	// port tells host:8080/path@x from user:password@host
	port = regexp.MustCompile(`^[0-9]{1,5}[/?#,;)]`)
	// variable is a value from the environment: $WAREHOUSE_PASSWORD
	variable = regexp.MustCompile(`^\$[A-Z_][A-Z0-9_]*$`)
)

// Secrets finds what looks like a secret in a file of any kind: passwords in
// URIs, private keys, tokens by their shape, and in YAML also text behind keys
// named password, secret, token, api_key and the like (CodeSecretKey: a guess by
// name, where the others are near certain). Placeholders are let through. No
// message contains what was found.
func Secrets(path string, content []byte) []Finding {
	s := scan{path: path}
	s.lines(content)
	if n, err := asset.Parse(content); err == nil {
		s.keys(n)
	}
	return s.found
}

type scan struct {
	path  string
	found []Finding
}

func (s *scan) add(line, col int, code, message string) {
	s.found = append(s.found, Finding{Path: s.path, Line: line, Col: col, Code: code, Message: message})
}

func (s *scan) lines(content []byte) {
	candidates := make([]shape, 0, 4)
	for _, sh := range shapes {
		if bytes.Contains(content, []byte(sh.hint)) {
			candidates = append(candidates, sh)
		}
	}
	uris := bytes.Contains(content, []byte("://")) && bytes.IndexByte(content, '@') >= 0
	if len(candidates) == 0 && !uris {
		return
	}
	line := 0
	for l := range bytes.Lines(content) {
		line++
		for _, sh := range candidates {
			if at := sh.re.FindIndex(l); at != nil {
				s.add(line, at[0]+1, CodeSecret, sh.what+" stands here; remove it and give it out anew, for it may have been seen")
			}
		}
		if uris {
			s.uris(line, l)
		}
	}
}

// uris looks for scheme://user:password@ in a line. The password may hold what a
// strict URI would encode: SQLAlchemy takes all up to the @.
func (s *scan) uris(line int, l []byte) {
	done := 0
	for {
		i := bytes.Index(l[done:], []byte("://"))
		if i < 0 {
			return
		}
		start := done + i
		done = start + len("://")
		rest := l[done:]
		if end := bytes.IndexAny(rest, " \t\r\n'\"<>`"); end >= 0 {
			rest = rest[:end]
		}
		at := bytes.LastIndexByte(rest, '@')
		if at < 0 {
			continue
		}
		user, password, ok := strings.Cut(string(rest[:at]), ":")
		if !ok || strings.ContainsAny(user, "/?#@") || port.MatchString(password) || placeholder(password) {
			continue
		}
		s.add(line, start+1, CodeSecret, "a URI with a password stands here; replace the password by XXXXXXXXXX and configure it under secrets")
		done += at
	}
}

// keys looks for text behind names that mean a secret.
func (s *scan) keys(n *yaml.Node) {
	if asset.IsMap(n) {
		for i := 0; i < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			if v.Kind == yaml.ScalarNode && v.Tag == asset.TagStr && secretName(k.Value) && !placeholder(v.Value) && !words(v.Value) {
				s.add(v.Line, v.Column, CodeSecretKey, "the key "+asset.Render(k)+" looks like a secret and has a value; replace it by XXXXXXXXXX and configure it under secrets")
			}
		}
	}
	for _, c := range n.Content {
		s.keys(c)
	}
}

func secretName(key string) bool {
	key = strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' {
			return -1
		}
		return unicode.ToLower(r)
	}, key)
	for _, name := range [...]string{"password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "secretkey", "privatekey", "credential", "credentials", "keyfilejson", "sslkey"} {
		if strings.HasSuffix(key, name) {
			return true
		}
	}
	return false
}

// words reports text in words, such as a label or a description: no secret.
func words(s string) bool { return strings.Count(strings.TrimSpace(s), " ") >= 2 }

// placeholder reports what stands for a secret and is none: masks of one
// character (Superset's XXXXXXXXXX, Redash's --------), references to an
// environment or template, our own marks.
func placeholder(s string) bool {
	if u, err := url.PathUnescape(s); err == nil {
		s = u
	}
	s = strings.TrimSpace(s)
	switch strings.ToLower(s) {
	case "", "redacted", "[redacted]", "<redacted>", "null", "none":
		return true
	}
	if len(s) >= 3 && strings.Trim(s, s[:1]) == "" {
		return true
	}
	for _, pair := range [...][2]string{{"${", "}"}, {"{{", "}}"}, {"<", ">"}, {"$(", ")"}, {"%(", ")s"}, {"{", "}"}} {
		if strings.HasPrefix(s, pair[0]) && strings.HasSuffix(s, pair[1]) {
			return true
		}
	}
	return strings.HasPrefix(s, "ref:") || strings.HasPrefix(s, "env:") || strings.HasPrefix(s, "file:") || variable.MatchString(s)
}
