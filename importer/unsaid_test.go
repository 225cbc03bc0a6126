package importer_test

import (
	"context"
	"testing"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// owned is a chart with an access section; nil owners is a section without the key.
func owned(t testing.TB, a string, access ...any) *asset.Asset {
	t.Helper()
	d := asset.Document{Format: "fake/1", Kind: "chart", UID: "u1", Title: "Chart u1", Spec: asset.Map("a", a)}
	if len(access) > 0 {
		d.Access = asset.Map(access...)
	}
	content, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return &asset.Asset{Info: asset.Info{ID: d.ID(), Title: d.Title}, Content: content}
}

func names(list ...string) any {
	n := asset.Seq()
	for _, s := range list {
		n.Content = append(n.Content, asset.Str(s))
	}
	return n
}

// TestMakePlan_whatGitDoesNotSayOfAccess: a key of the access section that is not in
// the file takes nobody's rights away, whatever may be overwritten.
func TestMakePlan_whatGitDoesNotSayOfAccess(t *testing.T) {
	silent, ada := owned(t, "1"), owned(t, "1", "owners", names("ada"))
	tests := []struct {
		name                string
		desired, live, base *asset.Asset
		policy              importer.Policy
		after               *asset.Asset // nil: no change
	}{
		{name: "a file from before owners were read", desired: silent, live: ada, base: silent},
		{name: "always", desired: silent, live: ada, base: silent, policy: always(importer.Always)},
		{name: "always, and another value moved", desired: owned(t, "2"), live: ada, base: silent, policy: always(importer.Always),
			after: owned(t, "2", "owners", names("ada"))},
		{name: "the section taken out in Git", desired: silent, live: ada, base: ada},
		{name: "another key said", desired: owned(t, "1", "tags", names("t")), live: ada, base: silent,
			after: owned(t, "1", "owners", names("ada"), "tags", names("t"))},
		{name: "nobody said", desired: owned(t, "1", "owners", names()), live: ada, base: ada, after: owned(t, "1", "owners", names())},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			plan, err := importer.MakePlan(set(t, tc.desired), set(t, tc.live), set(t, tc.base), tc.policy)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case tc.after == nil && len(plan.Changes) != 0:
				t.Errorf("planned: %+v", plan.Changes)
			case tc.after != nil && (len(plan.Changes) != 1 || string(plan.Changes[0].After.Content) != string(tc.after.Content)):
				t.Errorf("planned: %+v", plan.Changes)
			}
		})
	}
}

// TestApply_verifiesWhatWasSaid: a new asset whose file says nothing of owners gets
// those that the server gives it, and that is no difference; one that says so must
// have them.
func TestApply_verifiesWhatWasSaid(t *testing.T) {
	for _, tc := range []struct {
		name      string
		want, got *asset.Asset
		verified  bool
	}{
		{"silent", owned(t, "1"), owned(t, "1", "owners", names("svc")), true},
		{"said, and there", owned(t, "1", "owners", names("ada")), owned(t, "1", "owners", names("ada"), "tags", names()), true},
		{"said, and not there", owned(t, "1", "owners", names("ada")), owned(t, "1", "owners", names("svc")), false},
		{"silent, and another value differs", owned(t, "1"), owned(t, "2", "owners", names("svc")), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			plan, err := importer.MakePlan(set(t, tc.want), set(t), set(t), importer.Policy{})
			if err != nil {
				t.Fatal(err)
			}
			reads := 0
			out, err := importer.Apply(t.Context(), takesAll{}, plan, importer.ApplyOptions{
				Read: func(context.Context, []asset.ID) (*asset.Set, error) {
					if reads++; reads == 1 {
						return set(t), nil
					}
					return set(t, tc.got), nil
				},
				Preimage: func(context.Context, *asset.Set) error { return nil },
			})
			if err != nil || len(out.Done) != 1 || out.Done[0].Verified != tc.verified {
				t.Errorf("%+v, %v", out, err)
			}
		})
	}
}

// takesAll is a server that answers OK.
type takesAll struct{}

func (takesAll) Import(_ context.Context, as []*asset.Asset, _ *asset.Set) []asset.Result {
	var out []asset.Result
	for _, a := range as {
		out = append(out, asset.Result{ID: a.ID})
	}
	return out
}

func (takesAll) Delete(context.Context, asset.ID) error { return nil }
