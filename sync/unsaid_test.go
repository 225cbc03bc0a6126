package sync

import (
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// TestReconcile_whatGitDoesNotSayOfAccess: what a file does not say of the access
// section comes into Git with the next pull, also when a person took it out or it
// moved on the server meanwhile. It is never a conflict.
func TestReconcile_whatGitDoesNotSayOfAccess(t *testing.T) {
	doc := func(access ...any) []byte {
		d := asset.Document{Format: "fake/1", Kind: u1.Kind, UID: u1.UID, Title: "Title", Spec: asset.Map("a", "1")}
		if len(access) > 0 {
			d.Access = asset.Map(access...)
		}
		content, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	list := func(name string) any { return asset.Seq(asset.Str(name)) }
	silent, ada, bob := doc(), doc("owners", list("ada")), doc("owners", list("bob"))
	for _, tc := range []struct {
		name                  string
		base, git, live, want []byte // want nil: nothing is pulled
	}{
		{"read for the first time", silent, silent, ada, ada},
		{"taken out in Git", ada, silent, ada, ada},
		{"taken out in Git and moved on the server", ada, silent, bob, bob},
		{"nobody said in Git", ada, doc("owners", asset.Seq()), ada, nil},
		{"moved on the server", ada, ada, bob, bob},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := reconcile(side(t, filePath, tc.git), side(t, "", tc.live), side(t, "", tc.base), ways{pathOf: func(*asset.Asset) string { return filePath }})
			switch {
			case err != nil || len(r.Conflicts) != 0:
				t.Fatalf("%+v, %v", r, err)
			case tc.want == nil && len(r.Pulled) != 0, tc.want != nil && (len(r.Pulled) != 1 || string(r.Pulled[0].After) != string(tc.want)):
				t.Errorf("pulled %+v", r.Pulled)
			}
		})
	}
}
