package normalize_test

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

func accessRules() normalize.Rules {
	return normalize.Rules{Format: "x/1", Kinds: map[asset.Kind]normalize.KindRules{
		"board": {UID: "uuid", Title: "name", Access: []normalize.AccessKey{
			{Key: "owners", Tidy: normalize.TidyNames}, {Key: "managed", Tidy: normalize.TidyFlag},
		}},
		"free": {UID: "uuid", Title: "name"},
	}}
}

func loadAccess(t *testing.T, kind, access string) (string, error) {
	t.Helper()
	text := "dashkeep: x/1\nkind: " + kind + "\nuid: u\ntitle: T\nspec: {a: 1}\n" + access
	a, err := normalize.Load("boards/t.yaml", []byte(text), accessRules())
	if err != nil {
		return "", err
	}
	_, section, _ := strings.Cut(string(a.Content), "access:\n")
	return section, nil
}

func TestLoad_tidiesAccess(t *testing.T) {
	tests := []struct{ access, want string }{
		{"access: {owners: [b, ' a ', b], managed: false}", "  managed: false\n  owners:\n    - a\n    - b\n"},
		{"access: {owners: []}", "  owners: []\n"},
		{"access: {}", ""},
		{"", ""},
	}
	for _, tc := range tests {
		if got, err := loadAccess(t, "board", tc.access); err != nil || got != tc.want {
			t.Errorf("%s: %q, %v", tc.access, got, err)
		}
	}
	if got, err := loadAccess(t, "free", "access: {z: [b, a]}"); err != nil || got != "  z:\n    - b\n    - a\n" {
		t.Errorf("a kind without access keys: %q, %v", got, err)
	}
}

func TestLoad_refusesAccess(t *testing.T) {
	for access, want := range map[string]string{
		"access: {owner: [a]}":          "access.owner: unknown key, known are owners, managed",
		"access: {owners: a}":           "access.owners: must be a list; [] is none",
		"access: {owners: [1]}":         "access.owners: every element must be text",
		"access: {owners: ['']}":        "access.owners: every element must be text",
		"access: {owners: {a: 1}}":      "access.owners: must be a list",
		"access: {managed: sometimes}":  "access.managed: must be true or false",
		"access: {managed: [true]}":     "access.managed: must be true or false",
		"access: {managed: true, x: 1}": "access.x: unknown key",
	} {
		if _, err := loadAccess(t, "board", access); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "boards/t.yaml") {
			t.Errorf("%s: %v", access, err)
		}
	}
}

// TestCanonical_accessOfTheServer is the same form that a file has, and leaves the
// server's own node alone.
func TestCanonical_accessOfTheServer(t *testing.T) {
	section := asset.Map("owners", asset.Seq(asset.Str("b"), asset.Str("a")), "managed", true)
	raw := &asset.Raw{Info: asset.Info{ID: asset.ID{Kind: "board", UID: "u"}}, Doc: asset.Map("uuid", "u", "name", "T", "a", 1), Access: section}
	a, _, err := normalize.Canonical(raw, accessRules())
	if err != nil {
		t.Fatal(err)
	}
	b, err := normalize.Load("x.yaml", a.Content, accessRules())
	if err != nil || string(a.Content) != string(b.Content) || !strings.Contains(string(a.Content), "owners:\n    - a\n    - b\n") {
		t.Errorf("%v\n%s", err, a.Content)
	}
	if first := section.Content[1].Content[0]; first.Kind != yaml.ScalarNode || first.Value != "b" {
		t.Error("the server's own list was sorted")
	}
}
