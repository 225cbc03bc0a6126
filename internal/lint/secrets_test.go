package lint_test

import (
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/lint"
)

// The samples are put together at run time, so that no scanner takes this file for a leak.
func TestSecretsFinds(t *testing.T) {
	forty := strings.Repeat("aB3d", 10)
	tests := []struct{ in, code string }{
		{"uri: postgresql+psycopg2://user:hun" + "ter2@host:5432/db\n", lint.CodeSecret},
		{"uri: \"mysql://u:p%40ss@h/db\"\n", lint.CodeSecret},
		{"text: see redis://:hun" + "ter2@h:6379/0 for it\n", lint.CodeSecret},
		{"uri: clickhouse://u:p@w@h/db\n", lint.CodeSecret},
		{"uri: postgresql://u:hun" + "ter2/a?b#c@h/db\n", lint.CodeSecret},
		{"a: http://x/y,https://u:hun" + "ter2@h\n", lint.CodeSecret},
		{"k: |\n  -----BEGIN RSA PRIV" + "ATE KEY-----\n  MIIE\n", lint.CodeSecret},
		{"k: \"-----BEGIN PRIV" + "ATE KEY-----\\nMIIE\"\n", lint.CodeSecret},
		{"k: -----BEGIN OPENSSH PRIV" + "ATE KEY-----\n", lint.CodeSecret},
		{"k: AKI" + "AIOSFODNN7EXAMPLE\n", lint.CodeSecret},
		{"k: x ghp_" + forty[:36] + " y\n", lint.CodeSecret},
		{"k: github_" + "pat_" + forty + "\n", lint.CodeSecret},
		{"k: glp" + "at-" + forty[:20] + "\n", lint.CodeSecret},
		{"k: xox" + "b-123456789012-abcdef\n", lint.CodeSecret},
		{"k: https://hooks.sla" + "ck.com/services/T0000/B0000/XyZ123\n", lint.CodeSecret},
		{"k: AIz" + "a" + forty[:35] + "\n", lint.CodeSecret},
		{"k: ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0In0.c2lnbmF0dXJl\n", lint.CodeSecret},
		{"password: hun" + "ter2\n", lint.CodeSecretKey},
		{"spec:\n  extra:\n    engine_params:\n      - {connect_args: {aws-secret-access-key: hun" + "ter2}}\n", lint.CodeSecretKey},
		{"API Key: hun" + "ter2\n", lint.CodeSecretKey},
		{"client_secret: hun" + "ter2\n", lint.CodeSecretKey},
		{"not yaml: [\nmongodb://u:hun" + "ter2@h\n", lint.CodeSecret},
	}
	for _, tt := range tests {
		got := lint.Secrets("f", []byte(tt.in))
		if len(got) != 1 || got[0].Code != tt.code || got[0].Line == 0 {
			t.Errorf("%q: %v, want one %s", tt.in, got, tt.code)
		}
		for _, f := range got {
			if strings.Contains(f.String(), "hunter2") || strings.Contains(f.String(), forty[:20]) || strings.Contains(f.String(), "p@w") {
				t.Errorf("the message tells the secret: %s", f)
			}
		}
	}
}

func TestSecretsLetsThrough(t *testing.T) {
	for _, in := range []string{
		"uri: postgresql://user:XXXXXXXXXX@host/db\n", "uri: postgresql://user@host/db\n", "uri: postgresql://user:@host/db\n", "uri: https://example.com:8080/a@b\n", "a: http://a:80,http://u@b\n", "a: '://@:'\n", "uri: postgresql://u:${PW}@h\n",
		"uri: postgresql://u:{{pw}}@h\n", "uri: postgresql://u:<password>@h\n", "uri: postgresql://u:%5Bredacted%5D@h\n", "uri: http://host/path:with@sign\n",
		"password: XXXXXXXXXX\n", "password: ''\n", "password: null\n", "password: '--------'\n", "password: '********'\n", "password: ${DB_PASSWORD}\n", "password: $DB_PASSWORD\n", "secret: true\n", "token: 5\n",
		"password: '[redacted]'\n", "token: {env: TOKEN}\n", "password: Please enter your password\n", "verbose_map: {password_changed_on: Datum}\n", "sql: SELECT password FROM users\n",
		"k: AKIASHORT\n", "k: eyJhbGciOi\n", "k: ghp_short\n", "k: -----BEGIN PUBLIC KEY-----\n", "k: -----BEGIN CERTIFICATE-----\n", "", "\x00\xff",
	} {
		if got := lint.Secrets("f", []byte(in)); len(got) != 0 {
			t.Errorf("%q: %v", in, got)
		}
	}
	if got := lint.Secrets("f", []byte("password: $ec"+"ret1\n")); len(got) != 1 {
		t.Errorf("a password that begins with a dollar: %v", got)
	}
}

func BenchmarkSecrets(b *testing.B) {
	in := []byte("l:\n" + strings.Repeat("  - column_name: order_date\n    description: see https://example.com/a and mail x@example.com\n    expression: SUM(amount)\n", 200))
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if len(lint.Secrets("f", in)) > 0 {
			b.Fatal("found something")
		}
	}
}
