package matih

import (
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
)

func TestShareBodies(t *testing.T) {
	const both = "{shared_with: [user-789, team-analytics], permissions: view, visibility: team}"
	for _, tc := range []struct {
		form               Sharing
		access             string
		body, omitted, err string
	}{
		{sharingOff, both, "", "/access", ""},
		{sharingOff, "{}", "", "", ""},
		{sharingList, "{}", "", "", ""},
		{sharingList, both, "permissions: view\nshared_with:\n  - user-789\n  - team-analytics\nvisibility: team\n", "", ""},
		{sharingUsers, both, "shared_with:\n  - permission: view\n    user_id: user-789\n  - permission: view\n    user_id: team-analytics\nvisibility: team\n", "", ""},
		{sharingUsers, "{shared_with: [{user_id: u, permission: edit}, v], permissions: view}", "shared_with:\n  - permission: edit\n    user_id: u\n  - permission: view\n    user_id: v\nvisibility: team\n", "", ""},
		{sharingUsers, "{shared_with: [v]}", "", "", "has no permission"},
		{sharingList, "{shared_with: [{user_id: u, permission: edit}, {user_id: v, permission: view}], permissions: view}", "permissions: view\nshared_with:\n  - v\nvisibility: team\n", "/access/shared_with/0", ""},
		{sharingList, "{shared_with: []}", "shared_with: []\nvisibility: team\n", "", ""},
		{sharingList, "{shared_with: u}", "", "", "must be a list"},
		{sharingList, "{shared_with: [{name: x}]}", "", "", "must be an id"},
		{sharingList, "{shared_with: [], visibility: public}", "", "", "differ"},
		{sharingList, "{shared_with: [], owner: x}", "shared_with: []\nvisibility: team\n", "/access/owner", ""},
	} {
		doc := &asset.Document{Kind: kindDashboard, UID: "u", Title: "T", Spec: parsed(t, "visibility: team"), Access: parsed(t, tc.access)}
		s, err := shareOf(doc, tc.form)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s %s: %v, want %q", tc.form, tc.access, err, tc.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %s: %v", tc.form, tc.access, err)
			continue
		}
		body, omitted := "", ""
		if s.body != nil {
			body = yamlOf(t, s.body)
		}
		for _, n := range s.notes {
			omitted += n.Path
		}
		if body != tc.body || omitted != tc.omitted {
			t.Errorf("%s %s gives\n%swithout %q, want\n%swithout %q", tc.form, tc.access, body, omitted, tc.body, tc.omitted)
		}
	}
}
