package secret_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/secret"
)

// A server that repeats the Authorization header of basic authentication
// repeats the password in base64, at any of three offsets.
func TestRedactor_withinBasicAuthorization(t *testing.T) {
	const password = "correct horse battery staple"
	var r secret.Redactor
	r.Add(password)
	for _, user := range []string{"", "a", "ab", "abc", "svc-dashkeep"} {
		for _, after := range []string{"", "x", "xy"} {
			for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding} {
				header := enc.EncodeToString([]byte(user + ":" + password + after))
				got := r.Scrub("sent Basic " + header + ".")
				if !strings.Contains(got, "[redacted]") || len(got) > len("sent Basic .[redacted]")+len(enc.EncodeToString([]byte(user+":")))+8 {
					t.Errorf("user %q: %q", user, got)
				}
			}
		}
	}
}
