package repo

import (
	"bytes"
	"context"
	"hash/crc32"
	"io"
	"runtime"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/klauspost/compress/zlib"
	"golang.org/x/sync/errgroup"
)

// newObject is one to be stored.
type newObject struct {
	kind plumbing.ObjectType
	id   oid
	data []byte
}

// What is compressed before it is written: enough to keep all cores busy.
const (
	objectsAtOnce = 128
	bytesAtOnce   = 4 << 20 // of content, but one object at least
)

// addAll is addHashed for many objects. They are compressed on all cores and
// written in their order, so the pack is the same whatever the machine.
func (p *packWriter) addAll(ctx context.Context, list []newObject) error {
	zips := make([]*zlib.Writer, runtime.GOMAXPROCS(0))
	raw := make([]bytes.Buffer, min(len(list), objectsAtOnce))
	for len(list) > 0 {
		n := someOf(list)
		err := spread(ctx, n, func(worker, i int) (err error) {
			if zips[worker] == nil {
				if zips[worker], err = zlib.NewWriterLevel(io.Discard, 6); err != nil {
					return err
				}
			}
			return writeEntry(&raw[i], zips[worker], list[i].kind, list[i].data)
		})
		if err != nil {
			return err
		}
		for i, o := range list[:n] {
			if !p.seen[o.id] {
				entry := raw[i].Bytes()
				if err := p.addRaw(packEntry{id: o.id, crc: crc32.ChecksumIEEE(entry)}, entry); err != nil {
					return err
				}
				p.keep(o.kind, o.id, o.data)
			}
			if raw[i].Reset(); raw[i].Cap() > bytesAtOnce {
				raw[i] = bytes.Buffer{}
			}
		}
		list = list[n:]
	}
	return nil
}

// someOf is how many objects of the list are compressed next.
func someOf(list []newObject) (n int) {
	for size := 0; n < min(len(list), objectsAtOnce); n++ {
		if size += len(list[n].data); size > bytesAtOnce && n > 0 {
			break
		}
	}
	return n
}

// spread calls do for 0 to n-1, on all cores, a few at a time.
func spread(ctx context.Context, n int, do func(worker, i int) error) error {
	const step = 8
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for worker := range min(runtime.GOMAXPROCS(0), (n+step-1)/step) {
		g.Go(func() error {
			for {
				from := int(next.Add(step)) - step
				if from >= n {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				for i := from; i < min(from+step, n); i++ {
					if err := do(worker, i); err != nil {
						return err
					}
				}
			}
		})
	}
	return g.Wait()
}
