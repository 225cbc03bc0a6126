package normalize

import (
	"strings"
	"testing"
)

func TestMaskTextPairs(t *testing.T) {
	const sas = "tXl8pQ3vJq2m%2BAb9rZc1%2FKx7Wn5yB0uHs6gD4eF%3D"
	for text, want := range map[string]string{
		"select url('https://x.example/r?format=csv&api_key=abc123')":         "select url('https://x.example/r?format=csv&api_key=M')",
		"[open](https://x.example/?access_token=abc) and more":                "[open](https://x.example/?access_token=M) and more",
		"https://x.example/a?sig=" + sas + "&se=2026":                         "https://x.example/a?sig=M&se=2026",
		"s3://b/k?X-Amz-Signature=0123456789abcdef0123456789abcdef&X-Amz-E=1": "s3://b/k?X-Amz-Signature=M&X-Amz-E=1",
		"dblink('host=db user=u password=hunter2', 'select 1')":               "dblink('host=db user=u password=M', 'select 1')",
		"dblink('password=hunter2 host=db', 'select 1')":                      "dblink('password=M host=db', 'select 1')",
		"Driver={SQL Server};Server=db;Uid=u;Pwd=hunter2;":                    "Driver={SQL Server};Server=db;Uid=u;Pwd=M;",
		// no secrets
		"where a.password = b.password and u.host = 'x'":    "",
		"where password='x'":                                "",
		"https://x.example/?key=overview&token=short":       "",
		"https://x.example/?api_key={{ api_key }}&a=b":      "",
		"https://x.example/?password=${PASSWORD}":           "",
		"'host=db password=$WAREHOUSE_PASSWORD'":            "",
		"a heading with XXXXXXXXXX in it = nothing":         "",
		"https://x.example/?page=2&sort=name#password=none": "",
	} {
		if want == "" {
			want = text
		}
		want = strings.ReplaceAll(want, "=M", "="+Mask)
		got := MaskText(text)
		if got != want {
			t.Errorf("%s\n got  %s\n want %s", text, got, want)
		}
		if again := MaskText(got); again != got {
			t.Errorf("%s: masked twice is %s", text, again)
		}
		if HoldsMask(got) != (got != text) {
			t.Errorf("%s: HoldsMask %t", got, HoldsMask(got))
		}
	}
}
