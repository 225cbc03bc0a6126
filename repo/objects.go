package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// objects reads Git objects. One mutex guards it: readers of packs share buffers.
type objects struct {
	mu      sync.Mutex
	stored  objectStore
	commits map[oid]*commitObject
	recent  map[oid]recentObject // what the commit under way has just stored
}

type recentObject struct {
	kind plumbing.ObjectType
	data []byte
}

// remember lets the objects of a pack that was just stored be read without
// listing the packs again; nil forgets them.
func (o *objects) remember(recent map[oid]recentObject) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.recent = recent
}

const (
	cachedCommits = 50_000
	maxTree       = 64 << 20 // a folder of about a million entries
	maxAny        = 2 << 30
)

// newStorage is for what go-git does with a repository: making one, its
// configuration, and storing a pack that is received.
func newStorage(fs *safeFS) *filesystem.Storage {
	return filesystem.NewStorageWithOptions(fs, cache.NewObjectLRU(16*cache.MiByte), filesystem.Options{LargeObjectThreshold: MaxBlob})
}

func newObjects(gitDir string) *objects {
	return &objects{stored: objectStore{dir: filepath.Join(gitDir, "objects")}, commits: map[oid]*commitObject{}}
}

func (o *objects) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stored.close()
}

// errTooLarge: the object is over the limit of its kind.
var errTooLarge = errors.New("larger than the limit")

// read returns an object's bytes.
func (o *objects) read(t plumbing.ObjectType, id oid) ([]byte, error) {
	limit := int64(MaxBlob)
	if t != plumbing.BlobObject {
		limit = maxTree
	}
	return o.readUpTo(t, id, limit)
}

// readAny is read for passing an object on, whatever a person committed.
func (o *objects) readAny(t plumbing.ObjectType, id oid) ([]byte, error) {
	return o.readUpTo(t, id, maxAny)
}

func (o *objects) readUpTo(t plumbing.ObjectType, id oid, limit int64) (data []byte, err error) {
	err = o.again(needed, func() error {
		data, err = o.get(t, id, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("object %s (%s): %w", id, t, err)
	}
	return data, nil
}

// again runs look, and after a failure looks at the packs anew and tries again.
// A miss may be a pack that is younger than our list of them; where the object
// may as well be absent, a second one is believed. One that something refers to
// must be there: a git gc moves objects between loose files and packs under our
// hands, and is given some time.
func (o *objects) again(must presence, look func() error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	err := look()
	for try := 0; try < readTries && err != nil && !errors.Is(err, errTooLarge); try++ {
		if try > 0 && must == maybe && errors.Is(err, plumbing.ErrObjectNotFound) {
			break
		}
		if try > 0 {
			time.Sleep(time.Duration(try) * 10 * time.Millisecond)
		}
		o.reset()
		err = look()
	}
	return err
}

const readTries = 6

// presence says whether an object that is looked for has to be there.
type presence bool

const (
	maybe  presence = false
	needed presence = true
)

// reset makes the next look at the packs find those that are new and miss those
// that a repack has replaced.
func (o *objects) reset() { o.stored.listed = false }

func (o *objects) get(t plumbing.ObjectType, id oid, limit int64) ([]byte, error) {
	if r, ok := o.recent[id]; ok && r.kind == t && int64(len(r.data)) <= limit {
		return r.data, nil
	}
	kind, data, err := o.stored.read(id, limit)
	if err == nil && kind != t {
		return nil, fmt.Errorf("it is a %s", kind)
	}
	return data, err
}

// kind returns the type of an object.
func (o *objects) kind(id oid) (t plumbing.ObjectType, err error) {
	err = o.again(needed, func() error {
		t, err = o.stored.kind(id)
		return err
	})
	if err != nil {
		return plumbing.InvalidObject, fmt.Errorf("object %s: %w", id, err)
	}
	return t, nil
}

// has reports whether an object is stored here. An error is no "no".
func (o *objects) has(id oid) (bool, error) {
	err := o.again(maybe, func() error { return o.stored.has(id) })
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return false, nil
	}
	return err == nil, err
}

// here returns those of the ids that are stored. The packs are listed once.
func (o *objects) here(ids []oid) (here []oid, err error) {
	err = o.again(maybe, func() error {
		o.reset()
		here = here[:0]
		for _, id := range ids {
			switch err := o.stored.has(id); {
			case err == nil:
				here = append(here, id)
			case !errors.Is(err, plumbing.ErrObjectNotFound):
				return err
			}
		}
		return nil
	})
	return here, err
}

// withPrefix lists the objects whose id starts with the given bytes.
func (o *objects) withPrefix(prefix []byte) (ids []oid, err error) {
	err = o.again(maybe, func() error {
		o.reset()
		ids, err = o.stored.withPrefix(prefix)
		return err
	})
	return ids, err
}

// readLimited reads at most limit bytes, and fails when there is more.
func readLimited(r io.Reader, limit int64, name string) ([]byte, error) {
	var buf bytes.Buffer
	if f, ok := r.(fs.File); ok {
		if fi, err := f.Stat(); err == nil && fi.Size() <= limit {
			buf.Grow(int(fi.Size()) + bytes.MinRead) // read at once, without copies
		}
	}
	if _, err := buf.ReadFrom(io.LimitReader(r, limit+1)); err != nil {
		return nil, err
	}
	if int64(buf.Len()) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return buf.Bytes(), nil
}
