package config_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/config"
)

func TestMatch(t *testing.T) {
	info := asset.Info{
		ID: asset.ID{Kind: "dashboard", UID: "04f79081-fb49"}, Title: "Sales / Köln *2026*",
		Tags: []string{"certified", "team:finance"}, Owners: []string{"Ada@Fin.Example.com", "eve"},
	}
	for text, want := range map[string]bool{
		"*":                         true,
		"kind:dashboard":            true,
		"kind:chart":                false,
		"kind:dash*":                false,
		"tag:certified":             true,
		"tag:cert":                  false,
		"tag:team:*":                true,
		"tag:?ertified":             true,
		"tag:Certified":             false,
		"title:Sales*":              true,
		"title:*köln*":              false,
		"title:*K?ln*":              true,
		"title:Sales / Köln *2026*": true,
		"title:*":                   true,
		"title:**":                  true,
		"title:Sales":               false,
		"owner:*@fin.example.com":   true,
		"owner:EVE":                 true,
		"owner:mallory":             false,
		"dashboard:04f79081-fb49":   true,
		"dashboard:04F79081-FB49":   true,
		"dashboard:04f79081":        false,
		"chart:04f79081-fb49":       false,
	} {
		m, err := config.ParseMatch(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if m.Match(info) != want || m.String() != text {
			t.Errorf("%s: got %v, want %v", text, !want, want)
		}
	}
}

func TestMatchOfNothing(t *testing.T) {
	unknown := asset.Info{ID: asset.ID{Kind: "chart", UID: "a"}}
	for _, text := range []string{"tag:*", "owner:*"} {
		m, err := config.ParseMatch(text)
		if err != nil || m.Match(unknown) {
			t.Errorf("%s matches an asset whose tags and owners are unknown (%v)", text, err)
		}
	}
	if (config.Match{}).Match(unknown) {
		t.Error("the zero Match matches")
	}
}

func TestSelect(t *testing.T) {
	in := mustParse(t, on(`select: {kinds: [chart, dashboard], include: ["tag:a", "title:X*"], exclude: ["owner:eve"]}`)).Instances[0]
	for _, tc := range []struct {
		info asset.Info
		want bool
	}{
		{asset.Info{ID: asset.ID{Kind: "chart"}, Tags: []string{"a"}}, true},
		{asset.Info{ID: asset.ID{Kind: "chart"}, Title: "X1"}, true},
		{asset.Info{ID: asset.ID{Kind: "chart"}, Title: "Y"}, false},
		{asset.Info{ID: asset.ID{Kind: "dataset"}, Tags: []string{"a"}}, false},
		{asset.Info{ID: asset.ID{Kind: "chart"}, Title: "X1", Owners: []string{"Eve"}}, false},
	} {
		if got := in.Select.Match(tc.info); got != tc.want {
			t.Errorf("%+v: %v", tc.info, got)
		}
	}
	if !(config.Select{}).Match(asset.Info{ID: asset.ID{Kind: "page"}}) {
		t.Error("no selection means all")
	}
}

// The glob against the same pattern as a regular expression.
func TestGlobEqualsRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.StringOfN(rapid.RuneFrom([]rune("ab*?ö.")), 1, 12, -1)
		pattern, title := letters.Draw(t, "pattern"), letters.Draw(t, "title")
		m, err := config.ParseMatch("title:" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		re := regexp.MustCompile("^(?s:" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern)) + ")$")
		if got, want := m.Match(asset.Info{Title: title}), re.MatchString(title); got != want {
			t.Fatalf("%q on %q: %v, want %v", pattern, title, got, want)
		}
	})
}

func TestGlobIsNotExponential(t *testing.T) {
	m, err := config.ParseMatch("title:" + strings.Repeat("*a", 200) + "b")
	if err != nil || m.Match(asset.Info{Title: strings.Repeat("a", 5000)}) {
		t.Errorf("%v", err)
	}
}

func TestYM3_CronNeverPanics(t *testing.T) {
	word := rapid.SampledFrom([]string{"TZ=", "CRON_TZ=", "UTC", " ", "*", "/", "-", ",", "?", "@every", "@", "0", "31", "2", "60", "1s", "MON", "L", "\t", "9999999999999999999"})
	rapid.Check(t, func(t *rapid.T) {
		line := strings.Join(rapid.SliceOfN(word, 0, 12).Draw(t, "line"), "")
		c, err := config.ParseCron(line)
		if (err == nil) == c.IsZero() {
			t.Fatalf("%q: %v and %v", line, c, err)
		}
	})
}
