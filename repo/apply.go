package repo

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"golang.org/x/sync/errgroup"
)

// apply puts the changes into the tree and their content into the pack.
func (b *builder) apply(ctx context.Context, changes map[string][]byte) (bool, error) {
	files := make([]newFile, 0, len(changes))
	var gone []string
	for p, content := range changes {
		if content == nil {
			gone = append(gone, p)
		} else {
			files = append(files, newFile{path: p, content: content})
		}
	}
	// Deletions first: "a" may give way to "a/b".
	sort.Strings(gone)
	any, err := b.remove(gone)
	if err != nil {
		return false, err
	}
	if files, err = b.differing(ctx, files); err != nil {
		return false, err
	}
	blobs := make([]newObject, len(files))
	for i, f := range files {
		if err := b.put(f); err != nil {
			return false, err
		}
		blobs[i] = newObject{plumbing.BlobObject, f.id, f.content}
	}
	return any || len(files) > 0, b.pack.addAll(ctx, blobs)
}

// newFile is a path and what it is to hold.
type newFile struct {
	path    string
	content []byte
	id      oid
	have    entry // what the tree holds there
}

// differing keeps the files that the tree does not hold, in order. Where little has
// changed, computing the ids is most of the work: it is done on all cores, and while
// the tree is read.
func (b *builder) differing(ctx context.Context, files []newFile) ([]newFile, error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return spread(ctx, len(files), func(_, i int) error {
			files[i].id = hashObject(plumbing.BlobObject, files[i].content)
			return nil
		})
	})
	g.Go(func() error { return b.lookUp(ctx, files) })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := files[:0]
	for _, f := range files {
		if !f.have.isFile() || f.have.id != f.id {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b newFile) int { return strings.Compare(a.path, b.path) })
	return out, nil
}

// lookUp finds what the tree holds at each path, and refuses paths that may not be written.
func (b *builder) lookUp(ctx context.Context, files []newFile) (err error) {
	for i := range files {
		f := &files[i]
		if why := checkPath(f.path); why != "" {
			return badPath(f.path, why)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.have, err = b.tree.lookup(f.path); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) remove(paths []string) (any bool, err error) {
	for _, p := range paths {
		if why := checkPath(p); why != "" {
			return false, badPath(p, why)
		}
		have, err := b.tree.lookup(p)
		if err != nil {
			return false, err
		}
		if have.none() {
			continue
		}
		if !have.isFile() {
			return false, leftAlone(p, have)
		}
		if err := b.tree.set(p, entry{}); err != nil {
			return false, err
		}
		any = true
	}
	return any, nil
}

func leftAlone(path string, have entry) error {
	return fmt.Errorf("path %q is a %s and is left alone", path, have.kindName())
}

// put makes path hold the file.
func (b *builder) put(f newFile) error {
	if !f.have.none() && !f.have.isFile() {
		return leftAlone(f.path, f.have)
	}
	if len(f.content) > MaxBlob {
		return fmt.Errorf("path %q: %d bytes are more than %d", f.path, len(f.content), MaxBlob)
	}
	mode := uint32(modeFile)
	if !f.have.none() {
		mode = f.have.mode
	}
	return b.tree.set(f.path, entry{mode, f.id})
}
