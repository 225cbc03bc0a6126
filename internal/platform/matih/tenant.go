package matih

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// claims is what a token says of itself. It is read and not verified: the server
// judges it. The vendor's pages disagree on sub and user_id.
type claims struct {
	Sub    name    `json:"sub"`
	UserID name    `json:"user_id"`
	Tenant name    `json:"tenant_id"`
	Exp    float64 `json:"exp"`
	Iat    float64 `json:"iat"`
}

// name is an id: some servers' ids are numbers.
type name string

// UnmarshalJSON takes a text or a number; anything else is no name.
func (n *name) UnmarshalJSON(text []byte) error {
	var s string
	var i json.Number
	switch {
	case json.Unmarshal(text, &s) == nil:
		*n = name(s)
	case json.Unmarshal(text, &i) == nil:
		*n = name(i)
	}
	return nil
}

// claimsOf reads a JWT; zero claims for any other token.
func claimsOf(token string) claims {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > 64<<10 {
		return claims{}
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return claims{}
	}
	var c claims
	if json.Unmarshal(text, &c) != nil {
		return claims{}
	}
	return c
}

// wrong says why a token with these claims is not for the configured tenant, ""
// when it is or none is configured.
func (t Tenant) wrong(c claims) string {
	switch {
	case t.By != byClaim || t.ID == "" || string(c.Tenant) == t.ID:
		return ""
	case c.Tenant == "":
		return fmt.Sprintf("options.tenant.id is %q and the token names no tenant: set options.tenant.by to header or query, or leave the id out", t.ID)
	}
	return fmt.Sprintf("the token is for tenant %q and options.tenant.id is %q: nothing was read; use an account of that tenant or correct the id", c.Tenant, t.ID)
}

// told is what names the tenant in a request, where the token does not.
func (t Tenant) told() (http.Header, url.Values) {
	switch t.By {
	case byHeader:
		return http.Header{http.CanonicalHeaderKey(t.Header): {t.ID}}, nil
	case byQuery:
		q := url.Values{"tenant_id": {t.ID}}
		if t.User != "" {
			q.Set("user_id", t.User)
		}
		return nil, q
	}
	return nil, nil
}

// tell puts it on a request.
func (t Tenant) tell(r *http.Request) {
	header, query := t.told()
	maps.Copy(r.Header, header)
	if query != nil {
		q := r.URL.Query()
		maps.Copy(q, query)
		r.URL.RawQuery = q.Encode()
	}
}

// viewer names who looks: tenant and user as the server sees them, "" when the
// user is not known.
func (t Tenant) viewer(c claims, username string) string {
	tenant, user := cmp.Or(string(c.Tenant), t.ID), cmp.Or(string(c.Sub), string(c.UserID), username)
	if t.By != byClaim {
		tenant = t.ID
	}
	if t.By == byQuery {
		user = cmp.Or(t.User, user)
	}
	if tenant == "" || user == "" {
		return user
	}
	return tenant + "/" + user
}
