package matihtest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	mt "github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
)

// What each profile is: how a listing of 130 dashboards begins, asked for by
// a client that knows nothing of it, and the options that it needs.
func TestProfiles(t *testing.T) {
	want := map[string]struct {
		path, rows string
		keys       []string
	}{
		"seed":     {base + "?limit=100&offset=0", "", nil},
		"gateway":  {base + "?limit=100&offset=0", "data", nil},
		"appendix": {base + "?limit=100&offset=0", "data", []string{"tenant"}},
		"service":  {base + "?limit=100&offset=0&tenant_id=acme-corp&user_id=user-1", "data/dashboards", []string{"sharing", "tenant"}},
		"full-put": {base + "?limit=100&offset=0", "items", nil}, "partial-put strict": {base + "?limit=100&offset=0", "data/items", nil},
		"partial-put": {base + "?limit=100&offset=0", "results", nil}, "no-paging": {base, "", []string{"paging"}},
		"capped": {base + "?limit=100&offset=0", "data", nil}, "other-names": {"/api/v2/boards?limit=100", "dashboards", []string{"api_key_header", "fields", "paths"}},
	}
	sizes := map[string]int{"gateway": 20, "appendix": 20, "no-paging": 130, "capped": 50}
	seen := map[string]bool{}
	for _, p := range mt.Profiles() {
		w, ok := want[p.Name]
		if !ok || seen[p.Name] {
			t.Errorf("profile %q is not expected, or stands twice", p.Name)
			continue
		}
		seen[p.Name] = true
		s := p.Server(mt.WithSeed(9))
		s.Many(130)
		head := "Authorization: Bearer " + mt.Token + "\nX-API-Key: " + mt.Token + "\nX-Tenant-ID: " + mt.Tenant
		a := ask(s, step{do: w.path, head: head})
		size := 100
		if n, ok := sizes[p.Name]; ok {
			size = n
		}
		if rows := under(parse(t, a.Body.String()), w.rows); len(rows) != size {
			t.Errorf("%s: %d rows, want %d under %q: %.200s", p.Name, len(rows), size, w.rows, a.Body)
		}
		var options map[string]any
		if err := yaml.Unmarshal([]byte(p.ClientOptions), &options); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		var keys []string
		for k := range options {
			keys = append(keys, k)
		}
		if slices.Sort(keys); !slices.Equal(keys, w.keys) {
			t.Errorf("%s: options %v, want %v", p.Name, keys, w.keys)
		}
	}
	if len(seen) != len(want) {
		t.Errorf("profiles %v", seen)
	}
}

// under is the list at a path of keys.
func under(v any, path string) []any {
	for key := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' }) {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	list, _ := v.([]any)
	return list
}

func TestAccessLifetimeCanBeShort(t *testing.T) {
	c := newClock()
	s := mt.New(mt.WithClock(c.now), mt.WithAccessLifetime(time.Minute))
	access, _ := login(t, s, credentials)
	c.advance(time.Minute)
	play(t, s, "after a minute", step{do: base, head: "Authorization: Bearer " + access, status: 401})
	play(t, s, "the lifetime is told", step{do: loginPath, head: "-", body: credentials, status: 200, want: fmt.Sprintf(`{"expires_in":%d}`, 60)})
}
