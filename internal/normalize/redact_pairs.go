package normalize

import (
	"net/url"
	"regexp"
	"strings"
)

var (
	// queried is an address with a query, as far as it goes in running text.
	queried = regexp.MustCompile("[A-Za-z][A-Za-z0-9+.-]*://[^\\s\"'<>?#]+\\?[^\\s\"'<>)\\]}`]+")
	// passwordPair is that of a connection string: host=h user=u password=p (libpq),
	// Server=h;Uid=u;Pwd=p (ODBC).
	passwordPair = regexp.MustCompile(`(?i)\b(?:password|passwd|pwd)=([^\s;'"&,)]+)`)
	otherPair    = regexp.MustCompile(`(?i)\b(?:host|hostaddr|server|data source|user|uid|user id|username|dbname|database|port|driver)=`)
)

// maskPairs masks what stands as name=value in running text, SQL above all: secret
// parameters of an address, as url('https://x?api_key=...'), and passwords of
// connection strings, as dblink('host=h password=...'). A password=... for itself is
// no connection string: it may compare two columns.
func maskPairs(s string) string {
	if !strings.Contains(s, "=") {
		return s
	}
	if strings.Contains(s, "://") && strings.Contains(s, "?") {
		s = queried.ReplaceAllStringFunc(s, func(address string) string {
			base, query, _ := strings.Cut(address, "?")
			parts := strings.Split(query, "&")
			for i, p := range parts {
				name, value, ok := strings.Cut(p, "=")
				if ok && secretPair(name, value) {
					parts[i] = name + "=" + Mask
				}
			}
			return base + "?" + strings.Join(parts, "&")
		})
	}
	return maskConnection(s)
}

// secretPair reports whether a parameter of an address is a secret. Where its name is
// an ordinary word too, its value decides.
func secretPair(name, value string) bool {
	if n, err := url.QueryUnescape(name); err == nil {
		name = n
	}
	if v, err := url.QueryUnescape(value); err == nil {
		value = v
	}
	if value == "" || value == Mask || standsFor(value) || !SecretKey(name) {
		return false
	}
	return !ordinary(name) || credentialShaped(value)
}

// standsFor reports a value that is filled in later: {{ token }}, ${TOKEN}, $TOKEN.
func standsFor(value string) bool {
	return strings.HasPrefix(value, "{") || strings.HasPrefix(value, "$") || strings.HasPrefix(value, "%(") || strings.HasPrefix(value, ":")
}

func maskConnection(s string) string {
	if !strings.Contains(s, "d=") && !strings.Contains(s, "D=") {
		return s // every name of a password ends so
	}
	found := passwordPair.FindAllStringSubmatchIndex(s, -1)
	if len(found) == 0 {
		return s
	}
	var b strings.Builder
	done := 0
	for _, m := range found {
		from, to := m[2], m[3]
		if standsFor(s[from:to]) || !otherPair.MatchString(around(s, m[0], m[1])) {
			continue
		}
		b.WriteString(s[done:from])
		b.WriteString(Mask)
		done = to
	}
	b.WriteString(s[done:])
	return b.String()
}

// around is the text about a place up to the next quotes or line ends, without the
// place itself.
func around(s string, from, to int) string {
	const ends = "'\"\n\r"
	before, after := s[:from], s[to:]
	if i := strings.LastIndexAny(before, ends); i >= 0 {
		before = before[i+1:]
	}
	if i := strings.IndexAny(after, ends); i >= 0 {
		after = after[:i]
	}
	return before + " " + after
}
