package exporter

import (
	"slices"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
)

func TestKeep(t *testing.T) {
	id := asset.ID{Kind: "board", UID: "u"}
	doc := func(access ...any) []byte {
		d := asset.Document{Format: "x/1", Kind: id.Kind, UID: id.UID, Spec: asset.Map("a", 1)}
		if len(access) > 0 {
			d.Access = asset.Map(access...)
		}
		content, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	set := func(content []byte, unread ...string) *asset.Set {
		s, err := asset.NewSet(&asset.Asset{Info: asset.Info{ID: id}, Content: content, Unread: unread})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	const p, q = "/access/embedded", "/spec/a"
	for _, tc := range []struct {
		name      string
		got, last *asset.Set
		want      []byte
		unread    []string
	}{
		{"the last value", set(doc("owners", "x"), p, q), set(doc("embedded", true, "owners", "y")), doc("embedded", true, "owners", "x"), []string{q}},
		{"no section yet", set(doc(), p), set(doc("embedded", true)), doc("embedded", true), nil},
		{"absent then", set(doc("owners", "x"), p), set(doc("owners", "y")), doc("owners", "x"), nil},
		{"unread then", set(doc("owners", "x"), p), set(doc("owners", "y"), p), doc("owners", "x"), []string{p}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := keep(tc.got, []asset.ID{id}, func(asset.ID) []string { return []string{p} }, tc.last)
			if a := tc.got.Get(id); err != nil || string(a.Content) != string(tc.want) || !slices.Equal(a.Unread, tc.unread) {
				t.Errorf("%s unread %v, %v", a.Content, a.Unread, err)
			}
		})
	}
	none := set(doc(), p)
	if err := keep(none, []asset.ID{id}, func(asset.ID) []string { return []string{p} }, &asset.Set{}); err != nil || !slices.Equal(none.Get(id).Unread, []string{p}) {
		t.Errorf("an asset that could not be read last time: %v", err)
	}
}
