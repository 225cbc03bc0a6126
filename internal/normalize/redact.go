package normalize

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

var (
	keyBlock = regexp.MustCompile(`(?s)(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----).*?(-----END [A-Z0-9 ]*PRIVATE KEY-----)`)
	userPass = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s:/?#@"'<>]*:)([^\s/@"'<>]+(?:@[^\s/@"'<>?#&,;:]+)*)(@[^\s])`)
	// slashPass is the same for passwords with a slash, port what only looks so.
	slashPass = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s:/?#@"'<>]*:)([^\s@"'<>]*/[^\s@"'<>]*)(@[^\s])`)
	port      = regexp.MustCompile(`^[0-9]{1,5}[/?#,;)]`)
)

// secretWords make a key secret wherever they stand in it, secretKeys only as
// the whole key; case, "-" and "_" do not count.
var (
	secretWords = []string{"password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "privatekey", "credential", "signingkey", "accountkey", "sharedkey", "encryptionkey", "bearer", "amzsignature", "googsignature"}
	secretKeys  = []string{"pass", "pwd", "key", "auth", "authorization", "jwt", "sig", "signature", "sas", "pat", "cookie"}
)

// strictWords and strictKeys are those of them that never name anything else.
// The others may: the column of a table, a count of tokens.
var (
	strictWords = []string{"password", "passwd", "passphrase", "secret", "apikey", "accesskey", "privatekey", "credential", "signingkey", "accountkey", "sharedkey", "encryptionkey"}
	strictKeys  = []string{"pass", "pwd", "authorization", "jwt"}
)

// ordinary reports whether a key that SecretKey knows may as well be an ordinary word.
func ordinary(key string) bool {
	k := plainKey(key)
	return !matches(k, strictWords, strictKeys) && (k == "token" || !strings.HasSuffix(k, "token"))
}

func plainKey(key string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' {
			return -1
		}
		return r
	}, strings.ToLower(key))
}

func matches(k string, words, keys []string) bool {
	return slices.Contains(keys, k) || slices.ContainsFunc(words, func(w string) bool { return strings.Contains(k, w) })
}

var (
	hexadecimal = regexp.MustCompile(`^[0-9a-fA-F-]{32,}$`)
	issued      = regexp.MustCompile(`^(sk|pk|mk|rk|mat_agt|gh[a-z]|glpat|xox[a-z]|AKIA|eyJ)[-_A-Za-z0-9]`)
	header      = regexp.MustCompile(`^\s*(?i:bearer|basic|token|digest|apikey)\s+(\S{8,})\s*$`)
	mixed       = regexp.MustCompile(`[0-9_.=]|[a-z][A-Z]`)
)

// credentialShaped reports whether a text holds what looks made by a machine to
// be secret: all of it, what follows the scheme of an Authorization header, or a
// value in a list such as that of cookies.
func credentialShaped(s string) bool {
	if m := header.FindStringSubmatch(s); m != nil {
		return mixed.MatchString(m[1])
	}
	if !strings.ContainsAny(s, " \t\n") && machineMade(s) {
		return true
	}
	return slices.ContainsFunc(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\n;", r) }), func(word string) bool {
		_, value, pair := strings.Cut(word, "=")
		return pair && machineMade(value)
	})
}

func machineMade(s string) bool {
	if len(s) < 16 {
		return false
	}
	upper, lower, digit := strings.ContainsAny(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyz"), strings.ContainsAny(s, "0123456789")
	return upper && lower && digit || hexadecimal.MatchString(s) || issued.MatchString(s)
}

// SecretKey reports whether values under this key are taken for secrets.
func SecretKey(key string) bool { return matches(plainKey(key), secretWords, secretKeys) }

// MaskText masks private key blocks, the password of user:password@ (passwords hold
// / and @ unescaped in practice), secret parameters of addresses and the password of
// a connection string (maskPairs) in a text.
func MaskText(s string) string {
	if strings.Contains(s, "PRIVATE KEY-----") {
		s = keyBlock.ReplaceAllString(s, "${1}"+Mask+"${2}")
	}
	if strings.Contains(s, "://") && strings.Contains(s, "@") {
		s = userPass.ReplaceAllString(s, "${1}"+Mask+"${3}")
		s = slashPass.ReplaceAllStringFunc(s, func(found string) string {
			m := slashPass.FindStringSubmatch(found)
			if port.MatchString(m[2]) {
				return found
			}
			return m[1] + Mask + m[3]
		})
	}
	return maskPairs(s)
}

// HoldsMask reports whether a text holds a mask that MaskText put there. Ten X in a
// heading are a heading.
func HoldsMask(s string) bool {
	return strings.Contains(s, Mask) && (strings.Contains(s, ":"+Mask+"@") || strings.Contains(s, "-----"+Mask) || strings.Contains(s, "="+Mask))
}

// MaskURL masks the password and the secret query parameters of a connection
// URL. The rest stays byte for byte, so that it reads as people typed it.
func MaskURL(s string) string {
	base, query, has := strings.Cut(s, "?")
	base = maskUserinfo(base)
	if !has {
		return base
	}
	query, fragment, hasFragment := strings.Cut(query, "#")
	parts := strings.Split(query, "&")
	for i, p := range parts {
		k, v, ok := strings.Cut(p, "=")
		name, err := url.QueryUnescape(k)
		if ok && v != "" && (err != nil || SecretKey(name)) {
			parts[i] = k + "=" + Mask
		} else if value, err := url.QueryUnescape(v); ok && err == nil && MaskText(value) != value {
			parts[i] = k + "=" + Mask
		}
	}
	s = base + "?" + strings.Join(parts, "&")
	if hasFragment {
		s += "#" + fragment
	}
	return s
}

// maskUserinfo masks between the first colon after the scheme and the last @
// before the path: passwords hold both characters unescaped in practice.
func maskUserinfo(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return s
	}
	user, _, ok := strings.Cut(rest[:at], ":")
	if !ok {
		return s
	}
	return scheme + "://" + user + ":" + Mask + rest[at:]
}

func (d *Doc) redact(r Rule) {
	if d.open {
		return
	}
	for _, p := range find(d.Root, r.Path) {
		switch r.Op {
		case Redact:
			scalars(p, d.maskWhole)
		case RedactKeys:
			secretBelow(p, r.Free, d.maskWhole)
		case RedactURL:
			if masked := MaskURL(asset.Text(p.node)); strings.Contains(masked, Mask) {
				d.mask(p, masked)
			}
		case RedactText:
			if !holdsSecret(p.node) {
				continue // without finding the way to each text
			}
			scalars(p, func(p place) {
				if masked := MaskText(asset.Text(p.node)); masked != asset.Text(p.node) {
					d.mask(p, masked)
				}
			})
		}
	}
}

// maskWhole hides a value that is secret by its place. Empty text, null and
// truth values are none.
func (d *Doc) maskWhole(p place) {
	switch p.node.Tag {
	case asset.TagStr, asset.TagInt, asset.TagFloat:
		if p.node.Value != "" {
			d.mask(p, Mask)
		}
	}
}

// holdsSecret reports whether MaskText masks anything at or below n.
func holdsSecret(n *yaml.Node) bool {
	if n.Kind == yaml.ScalarNode {
		return MaskText(asset.Text(n)) != asset.Text(n)
	}
	for i, c := range n.Content {
		if (n.Kind == yaml.SequenceNode || i%2 == 1) && holdsSecret(c) {
			return true
		}
	}
	return false
}

const noteSecret = "holds a secret, which is kept out of Git"

func (d *Doc) mask(p place, masked string) {
	*p.node = *asset.Str(masked)
	if d.Live {
		d.Note(p.pointer(), noteSecret)
	}
}

func scalars(p place, f func(place)) {
	if p.node.Kind == yaml.ScalarNode {
		f(p)
		return
	}
	p.children(func(c place) { scalars(c, f) })
}

// secretBelow finds what stands under names of secrets. free is Rule.Free.
func secretBelow(p place, free bool, f func(place)) {
	p.children(func(c place) {
		key := c.way.key
		switch {
		case p.node.Kind != yaml.MappingNode || !SecretKey(key):
			secretBelow(c, free, f)
		case free && ordinary(key):
			scalars(c, func(s place) {
				if credentialShaped(s.node.Value) {
					f(s)
				}
			})
			secretBelow(c, free, f)
		default:
			scalars(c, f)
		}
	})
}
