// Package exporter turns what a server holds into canonical assets. It knows
// no platform: a Source gives raw documents, rules say what they mean.
package exporter

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// Source is a server that can be read. Its methods may be called from several
// goroutines.
type Source interface {
	// List is the cheap index of everything the source reads.
	List(ctx context.Context) ([]asset.Info, error)
	// Export yields documents as the platform gives them; nil ids means all, and
	// an asked id that is not there is left out. An error that concerns one asset
	// is an *asset.Error, one that concerns a whole kind an *asset.KindError, and the
	// sequence goes on; any other error ends it.
	Export(ctx context.Context, ids []asset.ID) iter.Seq2[*asset.Raw, error]
}

// Viewer is a Source that shows each account only what that account may see, so
// that absence proves nothing by itself: what is missing is asked for by id, and
// counts as gone only when the same account misses it a second time.
type Viewer interface {
	// Viewer names the account, "" when the server does not tell. It is compared
	// and kept, so it must be no secret.
	Viewer(ctx context.Context) (string, error)
}

// Witness is a Viewer that can find out what it means that a listing of its
// account lacks an asset.
type Witness interface {
	Viewer
	// Hidden says which of these may be on the server all the same, and why. The
	// others are gone, beyond doubt.
	Hidden(ctx context.Context, lost []asset.Lost) (map[asset.ID]string, error)
}

// Options say what to read and how to normalize it.
type Options struct {
	Rules  normalize.Rules
	Select Selection
	IDs    []asset.ID // read only these, and skip the completeness check; nil for all
}

// Export reads the source completely and returns the canonical assets. What is
// listed but cannot be read is in Failed, what lies outside the selection is
// Unselected; only what is in neither is absent. An error means that nothing
// can be said about the source.
func Export(ctx context.Context, src Source, o Options) (*asset.Set, error) {
	if o.IDs == nil {
		set, err := readAll(ctx, src, src.Export, o.Rules)
		if err != nil {
			return nil, err
		}
		return o.Select.apply(set)
	}
	c := &collector{rules: o.Rules}
	if err := c.read(ctx, src.Export, o.IDs); err != nil {
		return nil, err
	}
	set, err := c.set()
	if err != nil {
		return nil, err
	}
	return o.Select.apply(set)
}

// complete fails, by name, every asset that is listed but was not exported.
// Bundles of a server are known to lose assets whose file names collide and to answer 200
// (facts F8), so the number of files proves nothing.
func complete(set *asset.Set, listed []asset.Info) {
	for _, info := range listed {
		if a := set.Get(info.ID); a != nil {
			a.Info = merged(a.Info, info)
			continue
		}
		_, known := set.Unreadable(info.ID)
		if _, skipped := set.Skipped(info.ID.Kind); !known && !skipped {
			set.Fail(asset.Failure{Info: info, Err: ErrNotExported})
		}
	}
}

// ErrNotExported is why a listed asset is in Failed when the server left it out
// of the export without a word.
var ErrNotExported = errors.New("the server lists it but its export leaves it out")

// merged prefers what the document said and fills gaps from the listing.
func merged(doc, list asset.Info) asset.Info {
	if doc.Title == "" {
		doc.Title = list.Title
	}
	if doc.UpdatedAt.IsZero() {
		doc.UpdatedAt = list.UpdatedAt
	}
	if doc.UpdatedBy.IsZero() {
		doc.UpdatedBy = list.UpdatedBy
	}
	if doc.URL == "" {
		doc.URL = list.URL
	}
	if doc.Tags == nil {
		doc.Tags = list.Tags
	}
	if doc.Owners == nil {
		doc.Owners = list.Owners
	}
	return doc
}

// collector normalizes documents on all cores while they arrive.
type collector struct {
	rules normalize.Rules

	mu     sync.Mutex // guards what follows
	assets []*asset.Asset
	notes  []asset.Note
	failed []asset.Failure
	kinds  []*asset.KindError
}

// exporting is the shape of Source.Export.
type exporting func(ctx context.Context, ids []asset.ID) iter.Seq2[*asset.Raw, error]

func (c *collector) read(ctx context.Context, export exporting, ids []asset.ID) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0) + 1)
	var end error
	for raw, err := range export(gctx, ids) {
		if err != nil {
			var one *asset.Error
			var kind *asset.KindError
			if errors.As(err, &kind) {
				c.skip(kind)
				continue
			}
			if !errors.As(err, &one) {
				end = err
				break
			}
			c.fail(asset.Failure{Info: one.Info, Err: one.Err})
			continue
		}
		g.Go(func() error {
			c.normalize(raw)
			return nil
		})
	}
	if err := g.Wait(); end == nil {
		end = err
	}
	if end == nil {
		end = ctx.Err()
	}
	return end
}

func (c *collector) normalize(raw *asset.Raw) {
	a, notes, err := normalize.Canonical(raw, c.rules)
	if err == nil && raw.Doubt != nil {
		err = raw.Doubt()
	}
	if err != nil {
		c.fail(asset.Failure{Info: raw.Info, Err: err})
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.assets = append(c.assets, a)
	c.notes = append(c.notes, notes...)
}

// set is what was collected.
func (c *collector) set() (*asset.Set, error) {
	set, err := asset.NewSet(c.assets...)
	if err != nil {
		return nil, fmt.Errorf("the server exported one asset twice: %w", err)
	}
	set.Notes = c.notes
	for _, f := range c.failed {
		set.Fail(f)
	}
	for _, k := range c.kinds {
		set.SkipKind(*k)
	}
	return set, nil
}

func (c *collector) skip(k *asset.KindError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kinds = append(c.kinds, k)
}

func (c *collector) fail(f asset.Failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = append(c.failed, f)
}
