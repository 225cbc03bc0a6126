package normalize_test

import (
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

func TestMaskURL(t *testing.T) {
	const m = normalize.Mask
	for in, want := range map[string]string{
		"postgresql://u:p@h:5432/db":                       "postgresql://u:" + m + "@h:5432/db",
		"postgresql://u:p@ss/w:rd@h/db":                    "postgresql://u:" + m + "@h/db",
		"postgresql://u@h/db":                              "postgresql://u@h/db",
		"sqlite:///warehouse.db":                           "sqlite:///warehouse.db",
		"sqlite:////tmp/a?mode=ro":                         "sqlite:////tmp/a?mode=ro",
		"snowflake://u:p@acc/db?role=r&private_key=abc":    "snowflake://u:" + m + "@acc/db?role=r&private_key=" + m,
		"x://h/?sslpassword=a&SSLPassword=b&api-key=c&q=d": "x://h/?sslpassword=" + m + "&SSLPassword=" + m + "&api-key=" + m + "&q=d",
		"x://h/?token=":                                    "x://h/?token=",
		"x://h/?a=1#frag":                                  "x://h/?a=1#frag",
		"x://h/?pass%77ord=z":                              "x://h/?pass%77ord=" + m,
		"x://h/?odbc_connect=DRIVER%3Dx%3BSERVER%3Dy":      "x://h/?odbc_connect=DRIVER%3Dx%3BSERVER%3Dy",
		"x://h/?proxy=http%3A%2F%2Fu%3Ap%40h%2F":           "x://h/?proxy=" + m,
		"x://u:" + m + "@h/db?password=" + m:               "x://u:" + m + "@h/db?password=" + m,
		"not a url":                                        "not a url",
	} {
		if got := normalize.MaskURL(in); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
		if again := normalize.MaskURL(normalize.MaskURL(in)); again != normalize.MaskURL(in) {
			t.Errorf("%s: masked twice it is %s", in, again)
		}
	}
}

func TestMaskText(t *testing.T) {
	const m = normalize.Mask
	for in, want := range map[string]string{
		"SELECT 'http://u:pw@h/' -- mail a@b.c: see http://x/y":                   "SELECT 'http://u:" + m + "@h/' -- mail a@b.c: see http://x/y",
		"http://h:8080/a?b=c@d":                                                   "http://h:8080/a?b=c@d",
		"a postgres://u:p@ss@h/db, b":                                             "a postgres://u:" + m + "@h/db, b",
		"postgres://u:pa/ss@h/db?mail=a@b":                                        "postgres://u:" + m + "@h/db?mail=a@b",
		"x://u:p@h?mail=a@b,y://v:q@i":                                            "x://u:" + m + "@h?mail=a@b,y://v:" + m + "@i",
		"http://h:8080/to?y://v:q@i":                                              "http://h:8080/to?y://v:" + m + "@i",
		"time 12:30, me@example.com":                                              "time 12:30, me@example.com",
		"-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----\nrest": "-----BEGIN EC PRIVATE KEY-----" + m + "-----END EC PRIVATE KEY-----\nrest",
		"-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----":               "-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----",
	} {
		got := normalize.MaskText(in)
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
		if again := normalize.MaskText(got); again != got {
			t.Errorf("%s: masked twice it is %s", in, again)
		}
	}
}

func TestSecretKey(t *testing.T) {
	for key, want := range map[string]bool{
		"password": true, "sslPassword": true, "api_key": true, "X-Api-Key": true, "client_secret": true, "aws_secret_access_key": true,
		"private_key_passphrase": true, "Authorization": true, "key": true, "pwd": true, "access-token": true, "credentials_info": true,
		"host": false, "schema_cache_timeout": false, "cancel_query_on_windows_unload": false, "sslkey": false, "keyspace": false,
		"primary_key": false, "author": false, "connect_timeout": false, "engine_params": false, "http_path": false, "keepalives": false,
	} {
		if got := normalize.SecretKey(key); got != want {
			t.Errorf("%s: %v", key, got)
		}
	}
}

func TestOpenKeepsSecrets(t *testing.T) {
	spec, err := normalize.Open(raw(t, full), toy())
	if err != nil {
		t.Fatal(err)
	}
	for want, keys := range map[string][]string{"s3cret": {"secret", "a"}, "k": {"free", "api_key"}, "postgresql://u:p@h/db?sslmode=x&sslpassword=y": {"url"}} {
		if got := asset.Text(asset.Get(spec, keys...)); got != want {
			t.Errorf("%v is %q", keys, got)
		}
	}
}

// TestRedactKeysInFreeForm: where products and people choose the names, the
// column "key" of a table is content, and an API key is a secret all the same.
func TestRedactKeysInFreeForm(t *testing.T) {
	rules := normalize.Rules{Format: "toy/1", Kinds: map[asset.Kind]normalize.KindRules{thing: {UID: "uuid", Title: "name",
		Rules: []normalize.Rule{{Op: normalize.RedactKeys, Path: "", Free: true}}}}}
	for doc, secret := range map[string]bool{
		"columns: [{key: city}]":                            false,
		"colors: {tokens_used: '#1f77b4', cookie: brown}":   false,
		"token: total":                                      false,
		"key: {field: customer_id_of_the_year_2024}":        false,
		"token: {password: x}":                              true,
		"api_key: short":                                    true,
		"access_token: short":                               true,
		"password: x":                                       true,
		"auth: {pwd: x}":                                    true,
		"key: Zk3x9QpLmN7rT2vW":                             true,
		"key: 0123456789abcdef0123456789abcdef":             true,
		"token: eyJhbGciOiJIUzI1NiJ9.e30.c2ln":              true,
		"auth: {basic: mk_test_of_the_built_in_account}":    true,
		"nested: [{deep: {token: 'sk-abcdefghijklmnop'}}]":  true,
		"key: c3d643cd-04f7-49fb-9081-7f14cc76cd2a":         true,
		"secret_santa: Bob":                                 true,
		"description: 'the key to 1234567890ABCDEFabcdef'":  false,
		"cookie: {domain: example.com, name: session_name}": false,
		"auth: Bearer Zk3x9QpLmN7rT2vW":                     true,
		"auth: Basic dXNlcjpwYXNz":                          true,
		"bearer: Bearer mk_test_of_the_built_in_account":    true,
		"cookie: 'lang=de; sid=Zk3x9QpLmN7rT2vW; path=/'":   true,
		"token: mat_agt_of_the_built_in_account":            true,
		"auth: Basic information":                           false,
		"token: Token count of customer_Segment_2024":       false,
		"cookie: 'theme=dark; lang=de'":                     false,
	} {
		a, _, err := normalize.Canonical(raw(t, doc+"\n"), rules)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(a.Content), normalize.Mask); got != secret {
			t.Errorf("%s: masked %t\n%s", doc, got, a.Content)
		}
	}
}
