package sync

import (
	"context"
	"errors"

	"github.com/dashkeep/dashkeep/repo"
)

// Tidy keeps the local clone quick after many runs: see repo.Store.Compact, also
// for limit. Nothing depends on it, so a failure is logged and that is all.
func (e *Engine) Tidy(ctx context.Context, limit int64) {
	if err := e.Repo.Compact(ctx, limit); err != nil && ctx.Err() == nil && !errors.Is(err, repo.ErrReadOnly) {
		e.Log.Warn("the packs of the local clone are not joined", "error", err)
	}
}
