package secret_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/secret"
)

const canary = "canary-9f3b-hunter2"

func TestSE1_ValuePrintsRedactedEverywhere(t *testing.T) {
	type nested struct {
		Shown  secret.Value
		hidden secret.Value // fmt cannot call methods here
		Many   []secret.Value
		Map    map[string]secret.Value
		Ptr    *secret.Value
	}
	v := secret.Literal(canary)
	n := nested{v, v, []secret.Value{v}, map[string]secret.Value{"k": v}, &v}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%t", "%5.3s", "%!", "%w"} {
		for _, x := range []any{v, &v, n, &n, []any{v}, secret.Command("prog", canary), struct{ v any }{v}} {
			if out := fmt.Sprintf(verb, x); strings.Contains(out, "canary") || strings.Contains(out, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T: %s", verb, x, out)
			}
		}
	}
	if got := fmt.Sprintf("%v %s %#v %d", v, v, v, v); got != "[redacted] [redacted] [redacted] [redacted]" {
		t.Errorf("got %q", got)
	}
	j, err := json.Marshal(n)
	if err != nil || strings.Contains(string(j), "canary") || !strings.Contains(string(j), `"Shown":"[redacted]"`) {
		t.Errorf("json %s, %v", j, err)
	}
	y, err := yaml.Marshal(map[string]any{"a": v, "b": &v})
	if err != nil || string(y) != "a: '[redacted]'\nb: '[redacted]'\n" {
		t.Errorf("yaml %s, %v", y, err)
	}
	text, err := v.MarshalText()
	if err != nil || string(text) != "[redacted]" || v.LogValue().String() != "[redacted]" {
		t.Errorf("text %s, %v", text, err)
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	t.Setenv("DASHKEEP_TEST_SECRET", canary)
	t.Setenv("DASHKEEP_TEST_EMPTY", "")
	missing := filepath.Join(dir, "missing")
	for _, tc := range []struct {
		name  string
		value secret.Value
		want  string
		err   string
	}{
		{"literal", secret.Literal(canary), canary, ""},
		{"env", secret.Env("DASHKEEP_TEST_SECRET"), canary, ""},
		{"env missing", secret.Env("DASHKEEP_TEST_NONE"), "", "environment variable DASHKEEP_TEST_NONE is not set"},
		{"env empty", secret.Env("DASHKEEP_TEST_EMPTY"), "", "the secret from environment variable DASHKEEP_TEST_EMPTY is empty"},
		{"file", secret.File(file("plain", canary)), canary, ""},
		{"file LF", secret.File(file("lf", canary+"\n")), canary, ""},
		{"file CRLF", secret.File(file("crlf", canary+"\r\n")), canary, ""},
		{"file keeps the rest", secret.File(file("two", " a\n\n")), " a\n", ""},
		{"file empty", secret.File(file("empty", "\n")), "", "the secret from file " + filepath.Join(dir, "empty") + " is empty"},
		{"file missing", secret.File(missing), "", "secret file: open " + missing + ": no such file or directory"},
		{"file is a folder", secret.File(dir), "", "secret file " + dir + " is a folder"},
		{"file too large", secret.File(file("big", strings.Repeat("x", 64<<10+1))), "", "secret file " + filepath.Join(dir, "big") + " is larger than 64 KB"},
		{"relative file", secret.File("lf").Bind(dir, nil), canary, ""},
		{"zero", secret.Value{}, "", "no secret is configured"},
	} {
		got, err := tc.value.Resolve(t.Context())
		if got != tc.want || (err == nil) != (tc.err == "") || (err != nil && err.Error() != tc.err) {
			t.Errorf("%s: got %q, %v", tc.name, got, err)
		}
	}
	if _, err := (secret.Value{}).Resolve(t.Context()); !errors.Is(err, secret.ErrNotSet) {
		t.Errorf("%v", err)
	}
}

func TestResolveIsFreshEachTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	v := secret.File(path)
	for _, want := range []string{"first-token", "second-token"} {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := v.Resolve(t.Context()); got != want || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestSE1_CommandErrorsHoldNeitherOutputNorArguments(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs sh")
	}
	for _, tc := range []struct{ script, want, err string }{
		{"echo " + canary, canary, ""},
		{"printf '%s' " + canary + "; echo noise-canary >&2", canary, ""},
		{"echo canary; echo canary >&2; exit 3", "", "secret command sh ended with exit status 3 (its messages are not shown, they may hold secrets; run it by hand to see them)"},
		{"kill -9 $$ # canary", "", "secret command sh ended with signal: killed (its messages are not shown, they may hold secrets; run it by hand to see them)"},
		{"true # canary", "", "the secret from command sh is empty"},
		{"head -c 70000 /dev/zero # canary", "", "secret command sh printed more than 64 KB"},
	} {
		got, err := secret.Command("sh", "-c", tc.script).Resolve(t.Context())
		if got != tc.want || (err == nil) != (tc.err == "") || (err != nil && err.Error() != tc.err) {
			t.Errorf("%s: got %q, %v", tc.script, got, err)
		}
	}
	_, err := secret.Command("dashkeep-no-such-program", canary).Resolve(t.Context())
	if err == nil || err.Error() != "secret command dashkeep-no-such-program: executable file not found in $PATH" {
		t.Errorf("%v", err)
	}
}

func TestCommandEndsWithItsContext(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs sh")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	// The grandchild holds the pipe; it must be ended as well.
	_, err := secret.Command("sh", "-c", "sleep 60 & wait").Resolve(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 10*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}

func TestCommandStartsInItsFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs sh")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "get"), []byte("#!/bin/sh\necho from-the-script\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	got, err := secret.Command("./get").Bind(dir, nil).Resolve(t.Context())
	if got != "from-the-script" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSE3_FileReadableByOthersIsWarnedAbout(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no mode bits")
	}
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: false, 0o644: true, 0o604: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if got := secret.File(path).Warning(); (got != "") != warned || strings.Contains(got, canary) {
			t.Errorf("mode %o: %q", mode, got)
		}
	}
	if got := secret.File(path+".none").Warning() + secret.Literal("x").Warning() + (secret.Value{}).Warning(); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestUnmarshalYAML(t *testing.T) {
	for text, want := range map[string]string{
		"{env: A_B}":              "environment variable A_B",
		"{file: /run/x}":          "file /run/x",
		"{command: [pass, x, 1]}": "command pass",
		"plain":                   "the config itself",
		"12345678":                "the config itself",
	} {
		var v secret.Value
		if err := yaml.Unmarshal([]byte(text), &v); err != nil || v.Source() != want {
			t.Errorf("%s: %q, %v", text, v.Source(), err)
		}
	}
	var number secret.Value
	if err := yaml.Unmarshal([]byte("0123456"), &number); err != nil {
		t.Fatal(err)
	}
	if got, _ := number.Resolve(t.Context()); got != "0123456" || !number.Literal() {
		t.Errorf("a number must keep its digits: %q", got)
	}
	for _, text := range []string{"[canary]", "{canary: x}", "{env: [canary]}", "{env: }", "{file: {a: canary}}", "{command: canary}", "{command: []}", "{command: [[canary]]}", "{env: A, file: canary}", "{env: A=canary}"} {
		var v secret.Value
		err := yaml.Unmarshal([]byte("\n\n "+text), &v)
		var s *secret.SyntaxError
		if !errors.As(err, &s) || s.Line != 3 || strings.Contains(err.Error(), "canary") || !v.IsZero() {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSE1_RedactorScrubsEveryFormOfAValue(t *testing.T) {
	value := "p/s+w \"ö\"&'" + canary
	r := &secret.Redactor{}
	r.Add(value)
	j, _ := json.Marshal(value)
	for _, s := range []string{
		value, string(j), fmt.Sprintf("%q", value), fmt.Sprintf("%+q", value),
		"https://u:p%2Fs+w%20%22%C3%B6%22&%27" + canary + "@h",
		"q=p%2Fs%2Bw+%22%C3%B6%22%26%27" + canary,
		"Basic cC9zK3cgIsO2IiYnY2FuYXJ5LTlmM2ItaHVudGVyMg==",
	} {
		if got := r.Scrub("x " + s + " y"); strings.Contains(got, canary) || strings.Contains(got, "cC9zK3cg") || !strings.Contains(got, "[redacted]") {
			t.Errorf("%s became %s", s, got)
		}
	}
}

func TestRedactor(t *testing.T) {
	r := &secret.Redactor{}
	r.Add("short", "longer-secret", "longer-secret-and-more", "")
	for in, want := range map[string]string{
		"":                           "",
		"short stays":                "short stays",
		"a longer-secret b":          "a [redacted] b",
		"a longer-secret-and-more b": "a [redacted] b",
	} {
		if got := r.Scrub(in); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
	key := "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5v\nAAAAB3NzaC1yc2EAAAADAQABAAAB\n-----END OPENSSH PRIVATE KEY-----\n"
	r.Add(key)
	if got := r.Scrub("bad line b3BlbnNzaC1rZXktdjEAAAAABG5v"); got != "bad line [redacted]" {
		t.Errorf("a line of a key: %q", got)
	}
	if got := fmt.Sprintf("%v %+v %#v %s", r, r, r, struct{ R *secret.Redactor }{r}); strings.Contains(got, "longer") {
		t.Errorf("the redactor prints what it knows: %s", got)
	}
	var none *secret.Redactor
	none.Add("x")
	if got := none.Scrub("x"); got != "x" || none.Error(nil) != nil {
		t.Errorf("nil redactor: %q", got)
	}
}

func TestRedactorError(t *testing.T) {
	r := &secret.Redactor{}
	r.Add(canary)
	inner := errors.New("login with " + canary)
	err := r.Error(fmt.Errorf("prod: %w", inner))
	if err.Error() != "prod: login with [redacted]" || !errors.Is(err, inner) {
		t.Errorf("%v", err)
	}
	if got := fmt.Sprintf("%+v %#v %s", err, err, err); strings.Contains(got, "canary") {
		t.Errorf("got %s", got)
	}
	clean := errors.New("clean")
	if r.Error(clean) != clean {
		t.Error("a clean error is returned as it is")
	}
}

func TestBindMakesValuesKnown(t *testing.T) {
	r := &secret.Redactor{}
	secret.Literal("literal-canary").Bind("", r)
	if got := r.Scrub("literal-canary"); got != "[redacted]" {
		t.Errorf("literal: %q", got)
	}
	t.Setenv("DASHKEEP_TEST_SECRET", canary)
	v := secret.Env("DASHKEEP_TEST_SECRET").Bind("", r)
	if _, err := v.Resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.Scrub(canary); got != "[redacted]" {
		t.Errorf("resolved: %q", got)
	}
}

type leaky struct{ Password string }

func (l leaky) String() string { return "harmless" }

func TestSE1_HandlerScrubsRecords(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		r := &secret.Redactor{}
		r.Add(canary)
		var b strings.Builder
		var next slog.Handler = slog.NewTextHandler(&b, nil)
		if format == "json" {
			next = slog.NewJSONHandler(&b, nil)
		}
		log := slog.New(secret.Handler(next, r))
		v := secret.Literal(canary)
		log.With("bound", canary, "v", v).WithGroup("g").Info("message "+canary,
			"string", canary, "error", fmt.Errorf("x: %w", errors.New(canary)), "value", v, "pointer", &v,
			"struct", leaky{canary}, "bytes", []byte(canary), "map", map[string]string{"a": canary},
			slog.Group("in", "deep", canary, canary, 1), "json", json.RawMessage(`"`+canary+`"`),
			"lazy", lazy{}, "url", "https://h/?q="+canary, "kept", 7, "list", []string{"plain"})
		out := b.String()
		if strings.Contains(out, "canary") || strings.Contains(out, "Y2FuYXJ5") {
			t.Errorf("%s: %s", format, out)
		}
		if !strings.Contains(out, "plain") || !strings.Contains(out, "7") || !strings.Contains(out, "[redacted]") {
			t.Errorf("%s lost what is harmless: %s", format, out)
		}
	}
}

type lazy struct{}

func (lazy) LogValue() slog.Value { return slog.StringValue("lazy " + canary) }

func TestHandlerHidesAttributesNamedLikeSecrets(t *testing.T) {
	var b strings.Builder
	log := slog.New(secret.Handler(slog.NewTextHandler(&b, nil), nil))
	log.Info("m", "password", "abc", "Authorization", "Bearer x", "token", []string{"y"}, "tokens", 3, "api-key", "k", "user", "ada")
	for _, hidden := range []string{"abc", "Bearer", "[y]", "=k"} {
		if strings.Contains(b.String(), hidden) {
			t.Errorf("%q in %s", hidden, b.String())
		}
	}
	if !strings.Contains(b.String(), "user=ada") || !strings.Contains(b.String(), "tokens=3") {
		t.Errorf("lost: %s", b.String())
	}
	if !slog.New(secret.Handler(slog.NewTextHandler(&b, nil), nil)).Enabled(t.Context(), slog.LevelInfo) {
		t.Error("levels must be those of the next handler")
	}
}
