package eventmetrics

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/worker"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// Run does the work of the queue and what is scheduled: it processes batches,
// reconciles, audits, cleans up, applies Options.Retention and reprocesses. It
// blocks until ctx ends, lets the running jobs finish as
// [queue.Queue].Consume does, and returns nil; it returns an error if the queue
// cannot go on, or that of Options.Validate. Every process may call it: of
// scheduled work the queue admits one job a tick, whoever enqueues it.
func (s *Service) Run(ctx context.Context) error {
	if err := s.opts.Validate(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	jobs := s.scheduled()
	for kind, j := range jobs {
		if j.every > 0 {
			running.Go(func() { s.every(ctx, j.every, s.enqueue(kind)) })
		}
	}
	running.Go(func() {
		s.every(ctx, s.opts.ReconcileEvery, func(ctx context.Context, _ time.Time) error { return s.Reconcile(ctx) })
	})
	running.Go(func() { s.audits(ctx) })
	err := s.queue.Consume(ctx, func(ctx context.Context, job queue.Job) error {
		ctx = worker.WithMetadata(ctx, job.Metadata)
		if j, ok := jobs[job.Kind]; ok {
			return j.run(ctx)
		}
		if job.Kind == worker.KindProcess {
			return s.worker.Handle(ctx, job)
		}
		return queue.Permanent(fmt.Errorf("eventmetrics: unknown kind of job %q", job.Kind))
	})
	if err != nil {
		return fmt.Errorf("eventmetrics: consume jobs: %w", err)
	}
	return nil
}

// scheduledJob is work that is done once a tick, by whichever process takes it.
type scheduledJob struct {
	every time.Duration
	run   func(context.Context) error
}

// scheduled are the scheduled jobs by their kind.
func (s *Service) scheduled() map[string]scheduledJob {
	jobs := map[string]scheduledJob{
		"cleanup": {s.opts.CleanupEvery, func(ctx context.Context) error { _, err := s.Cleanup(ctx, false); return err }},
		"retain": {s.opts.RetainEvery, func(ctx context.Context) error {
			_, err := s.ApplyRetention(ctx, false)
			if errors.Is(err, ErrUnsupported) {
				err = queue.Permanent(err)
			}
			return err
		}},
		"reprocess": {s.opts.ReprocessEvery, func(ctx context.Context) error { _, err := s.Reprocess(ctx); return err }},
	}
	if !s.opts.Retention.Any() {
		jobs["retain"] = scheduledJob{run: jobs["retain"].run}
	}
	if _, ok := store.As[store.Auditor](s.store); !ok { // else each job would die
		jobs["reprocess"] = scheduledJob{run: jobs["reprocess"].run}
	}
	return jobs
}

// enqueue returns what enqueues the job of a tick.
func (s *Service) enqueue(kind string) func(context.Context, time.Time) error {
	return func(ctx context.Context, tick time.Time) error {
		return s.queue.Enqueue(ctx, queue.Job{Kind: kind, ID: tick.Format("20060102T150405.000Z")})
	}
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

// Cleanup removes the batches that nobody asked to process within
// Options.CleanupTTL and the remainders of broken uploads of that age. With
// dryRun it only counts them. It is safe to repeat.
func (s *Service) Cleanup(ctx context.Context, dryRun bool) (store.Pruned, error) {
	ctx, done := s.observeCleanup(ctx, dryRun)
	pruned, err := s.store.Prune(ctx, store.PruneQuery{
		Before: s.now().Add(-s.opts.CleanupTTL),
		DryRun: dryRun,
	})
	done(pruned, err)
	if err != nil {
		return pruned, fmt.Errorf("eventmetrics: clean up: %w", err)
	}
	s.logger.InfoContext(ctx, "cleaned up", "batches", pruned.Batches, "events", pruned.Events,
		"remainders", pruned.Unfinished, "dry_run", dryRun)
	return pruned, nil
}

// audits makes rounds until ctx ends, the first one after a random part of the
// time between them. It is no job: a round that fails is made up for by the
// next.
func (s *Service) audits(ctx context.Context) {
	if s.opts.AuditEvery <= 0 {
		return
	}
	for wait := rand.N(s.opts.AuditEvery); ; wait = s.opts.AuditEvery {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if _, err := s.ledger.Audit(ctx); err != nil && ctx.Err() == nil {
			s.logger.WarnContext(ctx, "audit broken off until the next", "err", err)
		}
	}
}
