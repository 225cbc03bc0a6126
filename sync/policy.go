package sync

import (
	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// policy completes what a plan or pull was asked for by what the instance says.
func (e *Engine) policy(in *Instance, p importer.Policy, back *returns) importer.Policy {
	if p.Rule == nil {
		p.Rule = in.Rule
	}
	p.Whole = in.whole
	if back != nil {
		p.Returned = back.of
	}
	return p
}

// rule is what the config says about an asset.
func (in *Instance) rule(info asset.Info) importer.Rule {
	if in.Rule == nil {
		return importer.Rule{}
	}
	return in.Rule(info)
}

// whole are the values of a kind whose parts must fit together.
func (in *Instance) whole(k asset.Kind) []merge.Structure {
	var out []merge.Structure
	for _, s := range in.Rules.Kinds[k].Whole {
		out = append(out, merge.Structure{Path: "/spec" + s.Path, Check: s.Check})
	}
	return out
}
