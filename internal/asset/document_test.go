package asset_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
)

func TestDocumentRoundTrip(t *testing.T) {
	d := &asset.Document{Format: "superset/1", Kind: "dashboard", UID: "u", Title: "2024", Spec: asset.Map("b", 1, "a", 2), Access: asset.Map("owners", asset.Seq())}
	out, err := d.Encode()
	want := "dashkeep: superset/1\nkind: dashboard\nuid: u\ntitle: '2024'\nspec:\n  a: 2\n  b: 1\naccess:\n  owners: []\n"
	if err != nil || string(out) != want {
		t.Fatalf("%s (%v)", out, err)
	}
	back, err := asset.ParseDocument("x.yaml", out)
	if err != nil || back.ID() != d.ID() || back.Format != d.Format || back.Title != d.Title || !asset.Equal(back.Spec, d.Spec) || !asset.Equal(back.Access, d.Access) {
		t.Errorf("%+v (%v)", back, err)
	}
	for name, d := range map[string]*asset.Document{
		"no format": {Kind: "k", UID: "u", Spec: asset.Map()}, "no spec": {Format: "x/1", Kind: "k", UID: "u"}, "list as spec": {Format: "x/1", Kind: "k", UID: "u", Spec: asset.Seq()},
		"text as access": {Format: "x/1", Kind: "k", UID: "u", Spec: asset.Map(), Access: asset.Str("x")}, "bad value": {Format: "x/1", Kind: "k", UID: "u", Spec: asset.Map("a", asset.Seq(asset.Str("\xff")))},
	} {
		if out, err := d.Encode(); err == nil {
			t.Errorf("%s: wrote %q", name, out)
		}
	}
}

func TestEncodeNamesThePlace(t *testing.T) {
	d := &asset.Document{Format: "x/1", Kind: "chart", UID: "u", Spec: asset.Map("a", asset.Seq(asset.Int(1), asset.Map("b/c", "\xff")))}
	if _, err := d.Encode(); err == nil || !strings.Contains(err.Error(), "chart:u: /spec/a/1/b~1c: ") {
		t.Error(err)
	}
}

func TestParseDocumentSaysWhatIsWrongAndWhere(t *testing.T) {
	head := "dashkeep: superset/1\nkind: chart\nuid: u\ntitle: T\n"
	tests := []struct{ in, want string }{
		{head + "spec: {}\nowner: me\n", "p.yaml:6:1: unknown key \"owner\""},
		{head + "spec: 5\n", "p.yaml:5:7: spec must be a mapping"},
		{head, "spec is missing"},
		{"dashkeep: superset/1\nkind: chart\ntitle: T\nspec: {}\n", "header key uid is missing"},
		{"dashkeep: superset/1\nkind: chart\nuid: 12\ntitle: T\nspec: {}\n", "p.yaml:3:6: uid must be text"},
		{"dashkeep: superset/1\nkind: chart\nuid: u\ntitle: [x]\nspec: {}\n", "p.yaml:4:8: title must be text"},
		{head + "spec:\n  a: 1\n  a: 2\n", "p.yaml:7:3: the key \"a\" stands twice"},
		{head + "<<<<<<< HEAD\nspec: {}\n=======\nspec: {a: 1}\n>>>>>>> other\n", "p.yaml:5:1: an unfinished Git merge"},
		{"", "p.yaml:1:1: the document is empty"},
	}
	for _, tt := range tests {
		_, err := asset.ParseDocument("p.yaml", []byte(tt.in))
		var f *asset.FileError
		if !errors.As(err, &f) || !strings.Contains(err.Error(), tt.want) || f.Line < 1 {
			t.Errorf("%q: %v, want %q", tt.in, err, tt.want)
		}
	}
}
