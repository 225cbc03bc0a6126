package superset

import (
	"errors"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// The keys of the access section: what no export holds (F14), or not on every
// version, and what is set by requests of its own after the import.
const (
	keyOwners   = "owners"
	keyRoles    = "roles"
	keyTags     = "tags"
	keyEmbedded = "embedded"
	keyManaged  = "is_managed_externally"
	keyDomains  = "allowed_domains"
)

// accessKeys says what the access section of a kind holds.
func accessKeys(k asset.Kind) []normalize.AccessKey {
	owners := normalize.AccessKey{Key: keyOwners, Tidy: normalize.TidyNames,
		Why: "never exported (F14): e-mails, user names where there is none; row ids differ per server"}
	tags := normalize.AccessKey{Key: keyTags, Tidy: normalize.TidyNames,
		Why: "exported from 6.0.0 on and with TAGGING_SYSTEM only; lists show them on every version"}
	managed := normalize.AccessKey{Key: keyManaged, Tidy: normalize.TidyFlag, Why: "imported, never exported (F14)"}
	switch k {
	case kindDatabase:
		return []normalize.AccessKey{managed}
	case kindDataset:
		return []normalize.AccessKey{owners, managed}
	case kindChart:
		return []normalize.AccessKey{owners, tags, managed}
	case kindSavedQuery:
		return []normalize.AccessKey{tags}
	case kindReport:
		return []normalize.AccessKey{owners}
	case kindDashboard:
		return []normalize.AccessKey{owners, tags, managed,
			{Key: keyRoles, Tidy: normalize.TidyNames, Why: "never exported (F14): names; row ids differ per server"},
			{Key: keyEmbedded, Tidy: tidyEmbedded, Why: "never exported (F14); the uuid that pages embed it by is the server's own and cannot be set"}}
	}
	return nil
}

func hasAccess(k asset.Kind, key string) bool {
	return slices.ContainsFunc(accessKeys(k), func(a normalize.AccessKey) bool { return a.Key == key })
}

// tidyEmbedded is for false, which is not embedded, and a mapping with the domains
// that may embed it; [] is any domain (models/embedded_dashboard.py).
func tidyEmbedded(v *yaml.Node) error {
	if v.Kind == yaml.ScalarNode && v.Tag == asset.TagBool && v.Value == "false" {
		return nil
	}
	domains := asset.Get(v, keyDomains)
	if !asset.IsMap(v) || domains == nil || len(v.Content) != 2 {
		return errors.New("must be false, or a mapping with allowed_domains and nothing else")
	}
	return normalize.TidyNames(domains)
}

// shown is what a list shows of who may do what with a row. nil lists are not shown
// by this server.
type shown struct {
	owners  []int
	roles   []named
	tags    []tag // those that people gave
	managed *bool
	// catalogs says whether a connection's engine has catalogs; nil for not known.
	catalogs *bool
}

func shownBy(r row) *shown {
	s := &shown{roles: r.Roles, managed: r.Managed, catalogs: r.Engine.Catalogs}
	if r.Owners != nil {
		s.owners = []int{}
	}
	for _, o := range r.Owners {
		s.owners = append(s.owners, o.ID)
	}
	slices.Sort(s.owners)
	if r.Tags != nil {
		s.tags = []tag{}
	}
	for _, t := range r.Tags {
		if custom(t.Type) {
			s.tags = append(s.tags, t)
		}
	}
	return s
}

func (s *shown) tagNames() []string {
	names := make([]string, len(s.tags))
	for i, t := range s.tags {
		names[i] = t.Name
	}
	return names
}

// access is the access section of an asset as this reading has seen it, and what of
// it could not be seen. Names that are not known make a list unseen: a part of the
// owners must not look like all of them.
func (r *reading) access(id asset.ID) (section *yaml.Node, unread []string) {
	keys := accessKeys(id.Kind)
	if len(keys) == 0 {
		return nil, nil
	}
	e, ok := r.index.get(id)
	if !ok || e.shown == nil {
		return nil, []string{"/access"}
	}
	section = asset.Map()
	for _, k := range keys {
		if v := r.accessValue(id, e.shown, k.Key); v != nil {
			asset.Put(section, v, k.Key)
		} else {
			unread = append(unread, asset.Pointer("access", k.Key))
		}
	}
	if len(section.Content) == 0 {
		section = nil
	}
	return section, unread
}

// accessValue is nil for what was not seen.
func (r *reading) accessValue(id asset.ID, s *shown, key string) *yaml.Node {
	switch key {
	case keyOwners:
		names, ok := r.ownerNames(s.owners)
		if s.owners == nil || !ok {
			return nil
		}
		return texts(names)
	case keyRoles:
		if s.roles == nil {
			return nil
		}
		var names []string
		for _, role := range s.roles {
			names = append(names, role.Name)
		}
		return texts(names)
	case keyTags:
		if s.tags == nil {
			return nil
		}
		return texts(s.tagNames())
	case keyManaged:
		if s.managed != nil {
			return asset.Bool(*s.managed)
		}
	}
	return r.details[id]
}

func (r *reading) ownerNames(ids []int) (names []string, ok bool) {
	for _, id := range ids {
		name := ownerName(r.people[id])
		if name == "" {
			return nil, false
		}
		names = append(names, name)
	}
	return names, true
}

// ownerName is what a person is called in files: the same on every server where the
// person has one e-mail.
func ownerName(p asset.Person) string {
	if p.Email != "" {
		return p.Email
	}
	return p.Username
}

func texts(names []string) *yaml.Node {
	list := asset.Seq()
	for _, n := range names {
		list.Content = append(list.Content, asset.Str(n))
	}
	return list
}
