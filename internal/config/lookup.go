package config

import (
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Instance is the instance of that name, nil when there is none.
func (c *Config) Instance(name string) *Instance {
	for i := range c.Instances {
		if c.Instances[i].Name == name {
			return &c.Instances[i]
		}
	}
	return nil
}

// DefaultRule holds for assets that no rule matches.
func DefaultRule() Rule {
	return Rule{Match: Match{text: "*", by: byAll}, Overwrite: IfUnchanged, OnConflict: Stop, OnLiveEdit: AcceptEdit}
}

// RuleFor is the first rule that matches the asset, else the DefaultRule with
// configured false.
func (i *Instance) RuleFor(info asset.Info) (r Rule, configured bool) {
	for _, r := range i.Rules {
		if r.Match.Match(info) {
			return r, true
		}
	}
	return DefaultRule(), false
}

// Accepted is the entry that excuses a broken asset now, through the end of its
// last day in UTC.
func (i *Instance) Accepted(id asset.ID, now time.Time) (Accept, bool) {
	for _, a := range i.Accept {
		if a.Asset == id && now.Before(a.Until.AddDate(0, 0, 1)) {
			return a, true
		}
	}
	return Accept{}, false
}

// AuthorOf is the configured Git author of a server user, found by user name,
// then e-mail address, then name, then *. ok is false when none is configured.
func (i *Instance) AuthorOf(p asset.Person) (a Author, ok bool) {
	for _, key := range []string{p.Username, p.Email, p.Name, "*"} {
		if key == "" {
			continue
		}
		if a, ok := i.Authors[key]; ok {
			return a, true
		}
	}
	return Author{}, false
}
