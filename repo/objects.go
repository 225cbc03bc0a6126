package repo

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// objects reads Git objects. go-git's storage is not safe for concurrent use,
// not even for reading, so one mutex guards it.
type objects struct {
	mu      sync.Mutex
	st      *filesystem.Storage
	commits map[oid]*commitObject
}

const (
	objectCache   = 16 * cache.MiByte
	openPacks     = 64
	cachedCommits = 50_000
	maxTree       = 64 << 20 // a folder of about a million entries
	maxAny        = 2 << 30
)

func newStorage(fs *safeFS) *filesystem.Storage {
	return filesystem.NewStorageWithOptions(fs, cache.NewObjectLRU(objectCache), filesystem.Options{
		MaxOpenDescriptors:   openPacks,
		LargeObjectThreshold: MaxBlob,
	})
}

func newObjects(fs *safeFS) *objects {
	return &objects{st: newStorage(fs), commits: map[oid]*commitObject{}}
}

func (o *objects) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.st.ObjectStorage.Close()
}

// errTooLarge: the object is over the limit of its kind.
var errTooLarge = errors.New("larger than the limit")

// read returns an object's bytes. A miss is tried again after the list of packs
// was read anew: our own last pack, and a git gc meanwhile, look like a miss.
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

func (o *objects) readUpTo(t plumbing.ObjectType, id oid, limit int64) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	data, err := o.get(t, id, limit)
	if err != nil && !errors.Is(err, errTooLarge) {
		o.reset()
		data, err = o.get(t, id, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("object %s (%s): %w", id, t, err)
	}
	return data, nil
}

func (o *objects) reset() {
	o.st.ObjectStorage.Close() // drops packs that a repack has replaced
	o.st.Reindex()
}

func (o *objects) get(t plumbing.ObjectType, id oid, limit int64) ([]byte, error) {
	e, err := o.st.EncodedObject(t, id)
	if err != nil {
		return nil, err
	}
	if e.Size() > limit {
		return nil, errTooLarge
	}
	r, err := e.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, e.Size())
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, err
	}
	return data, nil
}

// kind returns the type of an object.
func (o *objects) kind(id oid) (plumbing.ObjectType, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e, err := o.st.EncodedObject(plumbing.AnyObject, id)
	if err != nil {
		o.reset()
		if e, err = o.st.EncodedObject(plumbing.AnyObject, id); err != nil {
			return plumbing.InvalidObject, fmt.Errorf("object %s: %w", id, err)
		}
	}
	return e.Type(), nil
}

// has reports whether an object is stored here.
func (o *objects) has(id oid) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.st.HasEncodedObject(id) == nil {
		return true
	}
	o.reset()
	return o.st.HasEncodedObject(id) == nil
}

// withPrefix lists the objects whose id starts with the given bytes.
func (o *objects) withPrefix(prefix []byte) ([]oid, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reset()
	return o.st.HashesWithPrefix(prefix)
}

// readLimited reads at most limit bytes, and fails when there is more.
func readLimited(r io.Reader, limit int64, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return data, nil
}
