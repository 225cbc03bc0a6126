package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Digest is the SHA-256 of a content in hex, "" of nothing.
func Digest(content []byte) string {
	if content == nil {
		return ""
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// refers are the digests, on the server, of what the plan's writes refer to and do
// not write themselves: a plan is no longer what was looked at when one of those has
// moved. What could not be read is not among them.
func (p *Plan) refers(live *asset.Set) map[asset.ID]string {
	writes := map[asset.ID]bool{}
	for _, c := range p.Changes {
		writes[c.ID] = writes[c.ID] || c.Applies()
	}
	out := map[asset.ID]string{}
	for _, c := range p.Changes {
		if !c.Applies() || c.After == nil {
			continue
		}
		for _, ref := range c.After.Refs {
			_, known := out[ref]
			_, skipped := live.Skipped(ref.Kind)
			if known || skipped || writes[ref] || live.Get(ref) == nil && !live.Absent(ref) {
				continue
			}
			out[ref] = Digest(content(live.Get(ref)))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// referredMoved lists what the plan refers to and is not as it was.
func (r *run) referredMoved(ctx context.Context) ([]asset.ID, error) {
	var ids []asset.ID
	for id := range r.plan.Refers {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	live, err := r.o.Read(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("reading what the plan refers to: %w", err)
	}
	var moved []asset.ID
	for _, id := range ids {
		if _, bad := live.Unreadable(id); bad || Digest(content(live.Get(id))) != r.plan.Refers[id] {
			moved = append(moved, id)
		}
	}
	return moved, nil
}
