package normalize_test

import (
	"slices"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

var ages = normalize.KindRules{UID: "uuid", Title: "name", Rules: []normalize.Rule{
	{Op: normalize.Default, Path: "/tags", Value: "[]", Restore: true, Since: "6.0.0"},
	{Op: normalize.Default, Path: "/extra", Value: "null", Restore: true, Since: "6.0.0", Shown: "6.1.0"},
	{Op: normalize.Default, Path: "/columns/*/format", Value: "null", Restore: true, Since: "6.1.0"},
	{Op: normalize.JSON, Path: "/currency", Until: "6.0.0"},
	{Op: normalize.RefKeys, Path: "/scopes", Kind: "chart", Parked: "6.0.0"},
}}

const aged = `dashkeep: x/1
kind: thing
uid: u
title: t
spec:
  columns:
    - column_name: a
    - column_name: b
      format: '%d'
  currency:
    symbol: EUR
  extra: kept
  scopes:
    ref:chart:missing-7: {}
  tags:
    - gold
`

func agedDocument(t *testing.T) *asset.Document {
	t.Helper()
	doc, err := asset.ParseDocument("x.yaml", []byte(aged))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestOlderServersAreSentWhatTheyTake(t *testing.T) {
	for _, c := range []struct {
		version  string
		omitted  []string
		currency string
		scopes   int
	}{
		{"4.1.4", []string{"/spec/columns/column_name=b/format", "/spec/extra", "/spec/tags"}, `{"symbol": "EUR"}`, 1},
		{"6.0.0", []string{"/spec/columns/column_name=b/format", "/spec/scopes/ref:chart:missing-7"}, "", 0},
		{"6.1.0", []string{"/spec/scopes/ref:chart:missing-7"}, "", 0},
		{"", []string{"/spec/scopes/ref:chart:missing-7"}, "", 0},
	} {
		node, notes, err := normalize.Denormalize(agedDocument(t), ages, normalize.Server{Version: c.version,
			Row: func(asset.ID, normalize.Missing) (string, bool) { return "", false }})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range notes {
			got = append(got, n.Path)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.omitted) {
			t.Errorf("%q: left out %v, want %v", c.version, got, c.omitted)
		}
		if text := asset.Text(asset.Get(node, "currency")); text != c.currency {
			t.Errorf("%q: currency is sent as %q, want %q", c.version, text, c.currency)
		}
		if n := len(asset.Get(node, "scopes").Content) / 2; n != c.scopes {
			t.Errorf("%q: %d scopes are sent, want %d", c.version, n, c.scopes)
		}
	}
}

// What a server does not show is not overwritten by a default.
func TestNoDefaultGoesOverWhatIsNotShown(t *testing.T) {
	for version, want := range map[string]bool{"4.1.4": false, "6.0.0": false, "6.1.0": true, "": true} {
		doc := agedDocument(t)
		asset.Delete(doc.Spec, "extra")
		node, _, err := normalize.Denormalize(doc, ages, normalize.Server{Version: version,
			Row: func(asset.ID, normalize.Missing) (string, bool) { return "", false }})
		if err != nil {
			t.Fatal(err)
		}
		if got := asset.Get(node, "extra") != nil; got != want {
			t.Errorf("%q: the default is sent: %v, want %v", version, got, want)
		}
	}
}

func TestHiddenPlaces(t *testing.T) {
	doc, err := asset.Parse([]byte("columns: [{column_name: a}, {column_name: b, format: x}]\ntags: []\n"))
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string][]string{
		"4.1.4": {"/spec/columns/column_name=a/format", "/spec/extra"}, // tags is shown, whatever the table says
		"6.0.0": {"/spec/columns/column_name=a/format", "/spec/extra"},
		"6.1.0": nil, "": nil,
	} {
		if got := normalize.Hidden(doc, ages, version); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", version, got, want)
		}
	}
}

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		v, than string
		want    bool
	}{
		{"4.1.4", "5.0.0", true}, {"6.0.0", "6.0.0", false}, {"6.0.0rc1", "6.0.0", false}, {"6.0.1", "6.0.0", false}, {"6.0", "6.0.1", true},
		{"10.0.0", "9.1.0", false}, {"", "1.0.0", false}, {"1.0.0", "", false}, {"5.0.0-dev", "6.0.0", true}, {"odd", "1.0", true},
	} {
		if got := normalize.Older(c.v, c.than); got != c.want {
			t.Errorf("Older(%q, %q) = %v", c.v, c.than, got)
		}
	}
}
