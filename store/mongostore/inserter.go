package mongostore

import (
	"context"
	"sync"
)

// inserter runs insert commands in the background, a few of them concurrently.
type inserter struct {
	// background is the context of the inserts. Those of the calls may end as
	// soon as the calls return.
	background context.Context //nolint:containedctx // ends with the inserter
	cancel     context.CancelFunc
	running    sync.WaitGroup
	slots      chan struct{} // one per insert command that is running
	mu         sync.Mutex
	err        error // of the first that failed
}

func (s *Store) newInserter(ctx context.Context) *inserter {
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	return &inserter{background: background, cancel: cancel, slots: make(chan struct{}, s.opts.Inserters)}
}

// start waits for a slot and runs insert in the background. An error, that of ctx,
// means that it has not.
func (in *inserter) start(ctx context.Context, insert func(context.Context) error) error {
	select {
	case in.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	in.running.Go(func() {
		if err := insert(in.background); err != nil {
			in.fail(err)
		}
		<-in.slots
	})
	return nil
}

// wait waits until all inserts have ended, or ctx ends.
func (in *inserter) wait(ctx context.Context) error {
	for range cap(in.slots) { // until it holds all slots
		select {
		case in.slots <- struct{}{}:
			defer func() { <-in.slots }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return in.failure()
}

// stop cancels the inserts and waits for them.
func (in *inserter) stop() {
	in.cancel()
	in.running.Wait()
}

func (in *inserter) failure() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.err
}

func (in *inserter) fail(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err == nil {
		in.err = err
	}
}
