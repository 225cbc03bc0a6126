package matih

import (
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// infoOf reads what the index needs from a dashboard with canonical names, of a
// list or a detail. Time and editor are known only where the server shows
// updated_at and updated_by: its author is not taken for the editor.
func infoOf(id asset.ID, n *yaml.Node) asset.Info {
	info := asset.Info{ID: id, Title: asset.Text(asset.Get(n, "name")),
		UpdatedAt: timeOf(asset.Text(asset.Get(n, "updated_at"))), UpdatedBy: personOf(asset.Get(n, "updated_by"))}
	if tags := asset.Get(n, "tags"); tags != nil {
		info.Tags = []string{}
		for _, t := range tags.Content {
			if s := asset.Text(t); s != "" {
				info.Tags = append(info.Tags, s)
			}
		}
	}
	if by := asset.Get(n, "created_by"); by != nil {
		info.Owners = []string{}
		p := personOf(by)
		for _, name := range []string{p.Username, p.Email} {
			if name != "" {
				info.Owners = append(info.Owners, name)
			}
		}
	}
	return info
}

// personOf reads an id, an e-mail address, or an object with either.
func personOf(n *yaml.Node) asset.Person {
	if s := asset.Text(n); strings.Contains(s, "@") {
		return asset.Person{Email: s}
	} else if s != "" {
		return asset.Person{Username: s}
	}
	first := func(keys ...string) string {
		for _, k := range keys {
			if s := asset.Text(asset.Get(n, k)); s != "" {
				return s
			}
		}
		return ""
	}
	if !asset.IsMap(n) {
		return asset.Person{}
	}
	return asset.Person{Name: first("name", "display_name"), Username: first("username", "user_id", "id"), Email: first("email")}
}

// timeOf reads a time; one without a zone is taken for UTC.
func timeOf(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
