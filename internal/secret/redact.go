package secret

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// minLength: a shorter value would scrub ordinary words out of messages.
const minLength = 6

// Redactor knows secret values and scrubs them from text. The nil Redactor
// knows none. It may be used by several goroutines.
type Redactor struct {
	mu    sync.RWMutex
	forms map[string]struct{}
	repl  *strings.Replacer
}

// Add makes values known, in clear and in the forms they take inside URLs,
// JSON, quoted text and base64; of a value of several lines, such as a key,
// each long line too. Values shorter than 6 bytes are left out.
func (r *Redactor) Add(values ...string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forms == nil {
		r.forms = map[string]struct{}{}
	}
	before := len(r.forms)
	for _, v := range values {
		for _, f := range forms(v) {
			if len(f) >= minLength {
				r.forms[f] = struct{}{}
			}
		}
	}
	if len(r.forms) != before {
		r.repl = replacer(r.forms)
	}
}

func forms(v string) []string {
	if len(v) < minLength {
		return nil
	}
	out := []string{
		v, strings.TrimSpace(v), url.QueryEscape(v), url.PathEscape(v), url.UserPassword("", v).String()[1:],
		inner(strconv.Quote(v)), inner(strconv.QuoteToASCII(v)),
		base64.StdEncoding.EncodeToString([]byte(v)), base64.RawStdEncoding.EncodeToString([]byte(v)),
		base64.URLEncoding.EncodeToString([]byte(v)), base64.RawURLEncoding.EncodeToString([]byte(v)),
	}
	out = append(out, withinBase64(v)...)
	if j, err := json.Marshal(v); err == nil {
		out = append(out, inner(string(j)))
	}
	if lines := strings.Fields(v); strings.ContainsAny(v, "\r\n") {
		for _, l := range lines {
			if len(l) >= 16 && !strings.Contains(l, "-----") {
				out = append(out, l)
			}
		}
	}
	return out
}

// withinBase64 is how a value looks in the base64 of a longer text, such as
// user:password in an Authorization header: what of it does not depend on the
// bytes around it, for each of the three ways it can lie.
func withinBase64(v string) []string {
	var out []string
	for before := range 3 {
		padded := append(make([]byte, before), v...)
		first := (before*8 + 5) / 6
		last := len(padded) * 8 / 6
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			out = append(out, enc.EncodeToString(padded)[first:last])
		}
	}
	return out
}

func inner(quoted string) string { return quoted[1 : len(quoted)-1] }

// replacer puts longer forms first, because a Replacer takes the first that
// matches: a token must not be half scrubbed by a password that begins it.
func replacer(forms map[string]struct{}) *strings.Replacer {
	all := make([]string, 0, len(forms))
	for f := range forms {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	pairs := make([]string, 0, 2*len(all))
	for _, f := range all {
		pairs = append(pairs, f, Redacted)
	}
	return strings.NewReplacer(pairs...)
}

// Scrub returns s with every known value replaced by "[redacted]".
func (r *Redactor) Scrub(s string) string {
	if r == nil {
		return s
	}
	r.mu.RLock()
	repl := r.repl
	r.mu.RUnlock()
	if repl == nil {
		return s
	}
	return repl.Replace(s)
}

// Error returns an error with the same chain whose text is scrubbed; err itself
// when there is nothing to scrub.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if clean := r.Scrub(text); clean != text {
		return &scrubbed{text: clean, err: err}
	}
	return err
}

type scrubbed struct {
	text string
	err  error
}

func (e *scrubbed) Error() string { return e.text }
func (e *scrubbed) Unwrap() error { return e.err }

// Format prints the scrubbed text whatever the verb, so that %#v does not walk
// into the chain.
func (e *scrubbed) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(e.text)) }

// String names the type only: a Redactor holds nothing but secrets.
func (r *Redactor) String() string { return "secret.Redactor" }

// Format names the type only, whatever the verb.
func (r *Redactor) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(r.String())) }
