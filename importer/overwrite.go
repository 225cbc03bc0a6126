package importer

import (
	"fmt"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// Overwrite says whether Git may replace what the server has (SPEC section 3).
type Overwrite string

// The overwrite modes.
const (
	IfUnchanged Overwrite = "if-unchanged" // default: only values live did not move since base
	Always      Overwrite = "always"       // Git wins
	Never       Overwrite = "never"        // existing assets are left alone; new ones are created
)

// ParseOverwrite reads a mode as flags and config write it.
func ParseOverwrite(s string) (Overwrite, error) {
	switch o := Overwrite(s); o {
	case IfUnchanged, Always, Never:
		return o, nil
	}
	return "", fmt.Errorf("unknown overwrite mode %q: use if-unchanged, always or never", s)
}

// Rule is what the first matching rule of the config says about one asset.
type Rule struct {
	Overwrite  Overwrite
	OnConflict OnConflict // "" is Stop
	OnLiveEdit OnLiveEdit // "" is Accept
	Protect    bool       // neither written nor deleted
	ReadOnly   string     // why assets of this kind are never written; "" when they may be
	Ignore     []string   // JSON pointers where each side's value stays
	Folder     string     // where its file goes, below the folder of its kind
	Where      string     // file:line of the rule, for messages; "" for the built-in default
}

// keeps says why the rule lets nobody delete its assets, "" when it does. Every
// rule that forbids writing belongs here.
func (r Rule) keeps() string {
	switch {
	case r.ReadOnly != "":
		return r.ReadOnly
	case r.Protect:
		return "protected" + at(r)
	case r.Overwrite == Never:
		return "overwrite is never" + at(r)
	}
	return ""
}

// Policy decides what a plan may do.
type Policy struct {
	Rule func(asset.Info) Rule // nil: IfUnchanged for everything
	// Select limits the plan to these assets; nil means all. With an explicit
	// selection an asset that was deleted on the server is created again.
	Select func(asset.Info) bool
	// Force replaces every rule's mode, except Protect and Ignore; "" leaves them.
	Force Overwrite
	// Prune says what may be deleted.
	Prune Prune
	// Whole are the values of a kind whose parts must fit together; may be nil.
	Whole func(asset.Kind) []merge.Structure
	// Returned lists values that the server has put back to what they were before an
	// apply (Contest.Returned); may be nil.
	Returned func(id asset.ID, base, live []byte) ([]string, error)
}

// Contest is what the merge of one asset must know.
func (p Policy) Contest(id asset.ID, base, live []byte) (c Contest, err error) {
	if p.Whole != nil {
		c.Whole = p.Whole(id.Kind)
	}
	if p.Returned != nil && base != nil && live != nil {
		c.Returned, err = p.Returned(id, base, live)
	}
	return c, err
}

func (p Policy) rule(info asset.Info) Rule {
	r := p.configured(info)
	if p.Force != "" {
		r.Overwrite = p.Force
	}
	return r
}

// deleteRule is the rule for deletions: Force can forbid them, and cannot allow
// what the config forbids.
func (p Policy) deleteRule(info asset.Info) Rule {
	if r := p.configured(info); r.Overwrite == Never || p.Force != Never {
		return r
	}
	return p.rule(info)
}

func (p Policy) configured(info asset.Info) Rule {
	r := Rule{Overwrite: IfUnchanged}
	if p.Rule != nil {
		r = p.Rule(info)
	}
	if r.Overwrite == "" {
		r.Overwrite = IfUnchanged
	}
	return r
}
