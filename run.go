package eventmetrics

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// The scheduled jobs; their ids are their ticks.
const (
	kindCleanup   = "cleanup"
	kindRetain    = "retain"
	kindReprocess = "reprocess"
)

// Run does the work of the queue and what is scheduled: it processes batches,
// reconciles, audits, cleans up, applies Options.Retention and reprocesses. It
// blocks until ctx ends, lets the
// running jobs finish as [queue.Queue].Consume does, and returns nil; it
// returns an error if the queue cannot go on, or that of Options.Validate. Every process may call it: of
// scheduled work the queue admits one job a tick, whoever enqueues it.
func (s *Service) Run(ctx context.Context) error {
	if err := s.opts.Validate(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { s.every(ctx, s.opts.ReconcileEvery, s.reconcileTick) })
	running.Go(func() { s.audits(ctx) })
	running.Go(func() { s.schedule(ctx, kindCleanup, s.opts.CleanupEvery) })
	if s.opts.Retention.any() {
		running.Go(func() { s.schedule(ctx, kindRetain, s.opts.RetainEvery) })
	}
	if _, ok := store.As[store.Amender](s.store); ok { // else each job would die
		running.Go(func() { s.schedule(ctx, kindReprocess, s.opts.ReprocessEvery) })
	}
	if err := s.queue.Consume(ctx, s.work); err != nil {
		return fmt.Errorf("eventmetrics: consume jobs: %w", err)
	}
	return nil
}

// work does one job.
func (s *Service) work(ctx context.Context, job queue.Job) error {
	ctx = withOrigin(ctx, job.Origin)
	switch job.Kind {
	case kindProcess:
		return s.processBatch(ctx, job)
	case kindCleanup:
		_, err := s.Cleanup(ctx, false)
		return err
	case kindRetain:
		_, err := s.Retain(ctx, false)
		if errors.Is(err, ErrUnsupported) {
			err = queue.Permanent(err)
		}
		return err
	case kindReprocess:
		_, err := s.Reprocess(ctx)
		return err
	}
	return queue.Permanent(fmt.Errorf("eventmetrics: unknown kind of job %q", job.Kind))
}

// schedule enqueues the job of each tick, and at the start that of the tick
// gone by, in case nobody was there to do it.
func (s *Service) schedule(ctx context.Context, kind string, period time.Duration) {
	if period <= 0 {
		return
	}
	s.every(ctx, period, func(ctx context.Context, tick time.Time) error {
		return s.queue.Enqueue(ctx, queue.Job{Kind: kind, ID: tick.Format("20060102T150405.000Z")})
	})
}

// every calls f at once and at each multiple of period, until ctx ends. An
// error is logged and tried again soon: the next tick may be a day away.
func (s *Service) every(ctx context.Context, period time.Duration, f func(context.Context, time.Time) error) {
	for period > 0 {
		now := s.now()
		tick := now.Truncate(period)
		wait := tick.Add(period).Sub(now)
		if err := f(ctx, tick); err != nil && ctx.Err() == nil {
			s.logger.WarnContext(ctx, "tick to be tried again", "err", err)
			wait = min(wait, 5*time.Second)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// ignore returns err unless it is one of those.
func ignore(err error, those ...error) error {
	for _, target := range those {
		if errors.Is(err, target) {
			return nil
		}
	}
	return err
}
