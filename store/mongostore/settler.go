package mongostore

import (
	"context"
	"sync"
)

// settler runs one function at a time in the background, again if it was
// asked for meanwhile.
type settler struct {
	run    func(context.Context)
	ctx    context.Context //nolint:containedctx // ends with the Store
	cancel context.CancelFunc

	mu      sync.Mutex
	running bool
	again   bool
	work    sync.WaitGroup
}

func (t *settler) init(run func(context.Context)) {
	t.run = run
	t.ctx, t.cancel = context.WithCancel(context.Background())
}

// kick asks for a run that begins after this call. It does not wait.
func (t *settler) kick() {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ctx.Err() != nil:
	case t.running:
		t.again = true
	default:
		t.running = true
		t.work.Go(t.loop)
	}
}

func (t *settler) loop() {
	for {
		t.run(t.ctx)
		t.mu.Lock()
		if !t.again || t.ctx.Err() != nil {
			t.running = false
			t.mu.Unlock()
			return
		}
		t.again = false
		t.mu.Unlock()
	}
}

// stop ends what runs, and waits for it.
func (t *settler) stop() {
	t.cancel()
	t.mu.Lock()   // no kick is between its check and its start
	t.mu.Unlock() //nolint:staticcheck // it was only waited for
	t.work.Wait()
}
