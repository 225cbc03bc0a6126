package sync

import (
	"context"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/repo"
)

// AssetsAt are the assets of an instance that Git holds at a revision, "" for the
// head of the followed branch, with the files there that cannot be read. No server
// is asked.
func (e *Engine) AssetsAt(ctx context.Context, name, rev string) (*asset.Set, []BrokenFile, repo.Revision, error) {
	in, err := e.Instance(name)
	if err != nil {
		return nil, nil, "", err
	}
	if err := e.fetch(ctx, in, e.newRun("read", in)); err != nil {
		return nil, nil, "", err
	}
	revision, err := e.revision(rev)
	if err != nil {
		return nil, nil, "", err
	}
	set, broken, err := e.desired(in, revision)
	return set, broken, revision, err
}
