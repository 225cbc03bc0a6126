package importer

import (
	"context"
	"time"
)

// stopGrace is how long what is in hand may still take when the run is asked to stop.
// Writing and reading back get it one after the other, so that a stop takes less
// than the 30 s of SPEC section 8.
const stopGrace = 10 * time.Second

// finishing returns a context that ends stopGrace after ctx has: a write that was
// begun is ended and read back, so that what a stopped run says of it is true.
func finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(stopGrace, func() { cancel(context.Cause(ctx)) })
	})
	return work, func() {
		stop()
		cancel(nil)
	}
}
