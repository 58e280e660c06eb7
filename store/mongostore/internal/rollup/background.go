package rollup

import (
	"context"
	"sync"
)

// background calls one function on a goroutine of its own, and again if that
// was asked for during the call. The calls never run concurrently.
type background struct {
	run    func(context.Context)
	ctx    context.Context //nolint:containedctx // ends with the Rollup
	cancel context.CancelFunc

	mu      sync.Mutex
	running bool
	again   bool
	work    sync.WaitGroup
}

func (b *background) init(run func(context.Context)) {
	b.run = run
	b.ctx, b.cancel = context.WithCancel(context.Background())
}

// wake asks for a call that begins after wake was called. It does not wait.
func (b *background) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.ctx.Err() != nil:
	case b.running:
		b.again = true
	default:
		b.running = true
		b.work.Go(b.loop)
	}
}

func (b *background) loop() {
	for {
		b.run(b.ctx)
		b.mu.Lock()
		if !b.again || b.ctx.Err() != nil {
			b.running = false
			b.mu.Unlock()
			return
		}
		b.again = false
		b.mu.Unlock()
	}
}

// stop ends the context of the call that is running and waits for the call.
func (b *background) stop() {
	b.cancel()
	b.mu.Lock()   // waits for a wake between its check and its start
	b.mu.Unlock() //nolint:staticcheck // the section is empty on purpose
	b.work.Wait()
}
