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

// scheduledJob is work that is done once in each period.
type scheduledJob struct {
	kind  string
	every time.Duration // 0 or less means never
	run   func(context.Context) error
	// local means that every process runs it by itself. Otherwise every process
	// enqueues it, and the queue admits one job of each kind and period.
	local bool
	// offset moves the start of periods. Without one, the first run is at once.
	offset time.Duration
}

// schedule returns all scheduled jobs.
func (s *Service) schedule() []scheduledJob {
	o := s.opts
	if !o.Retention.Any() {
		o.RetainEvery = 0
	}
	if _, ok := store.As[store.Auditor](s.store); !ok { // every reprocess would fail
		o.ReprocessEvery = 0
	}
	return []scheduledJob{
		{kind: "cleanup", every: o.CleanupEvery, run: func(ctx context.Context) error { _, err := s.Cleanup(ctx, false); return err }},
		{kind: "retain", every: o.RetainEvery, run: s.runRetention},
		{kind: "reprocess", every: o.ReprocessEvery, run: func(ctx context.Context) error { _, err := s.Reprocess(ctx); return err }},
		{kind: "reconcile", every: o.ReconcileEvery, run: s.runReconcile, local: true},
		{kind: "audit", every: o.AuditEvery, run: s.runAudit, local: true, offset: randomOffset(o.AuditEvery)},
	}
}

// randomOffset returns a part of a period, so that processes take turns.
func randomOffset(period time.Duration) time.Duration {
	if period <= 0 {
		return 0
	}
	return 1 + rand.N(period)
}

// Run processes queued batches and does the scheduled work: cleanup, retention,
// reprocess, reconcile and audit, as often as Options say. It blocks until ctx
// ends, lets running jobs finish as [queue.Queue].Consume does, and returns nil.
// It returns an error if the queue cannot go on, or that of Validate.
// Every process may call it: of scheduled work the queue admits one job in each
// period, whichever process enqueues it.
func (s *Service) Run(ctx context.Context) error {
	if s.invalid != nil {
		return s.invalid
	}
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	jobs := map[string]func(context.Context) error{}
	for _, j := range s.schedule() {
		tick := func(ctx context.Context, _ time.Time) error { return j.run(ctx) }
		if !j.local {
			jobs[j.kind] = j.run
			tick = func(ctx context.Context, tick time.Time) error { return s.enqueueTick(ctx, j.kind, tick) }
		}
		running.Go(func() { s.repeat(ctx, &j, tick) })
	}
	err := s.queue.Consume(ctx, func(ctx context.Context, job queue.Job) error {
		ctx = worker.WithMetadata(ctx, job.Metadata)
		if run, ok := jobs[job.Kind]; ok {
			return run(ctx)
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

// repeat calls tick in each period until ctx ends. After an error it calls it
// again soon, because the next period may be a day away.
func (s *Service) repeat(ctx context.Context, j *scheduledJob, tick func(context.Context, time.Time) error) {
	for first := true; j.every > 0; first = false {
		now := s.now().Add(-j.offset)
		start := now.Truncate(j.every)
		wait := start.Add(j.every).Sub(now)
		if !first || j.offset == 0 {
			if err := tick(ctx, start); err != nil {
				wait = min(wait, 5*time.Second)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// enqueueTick enqueues the scheduled job of a period.
func (s *Service) enqueueTick(ctx context.Context, kind string, tick time.Time) error {
	err := s.queue.Enqueue(ctx, queue.Job{Kind: kind, ID: tick.Format("20060102T150405.000Z")})
	if err != nil && ctx.Err() == nil {
		s.logger.WarnContext(ctx, "enqueuing scheduled job failed, retrying", "kind", kind, "err", err)
	}
	return err
}

func (s *Service) runRetention(ctx context.Context) error {
	_, err := s.ApplyRetention(ctx, false)
	if errors.Is(err, ErrUnsupported) {
		return queue.Permanent(err)
	}
	return err
}

func (s *Service) runReconcile(ctx context.Context) error {
	err := s.Reconcile(ctx)
	if err != nil && ctx.Err() == nil {
		s.logger.WarnContext(ctx, "reconciling failed, retrying", "err", err)
	}
	return err
}

// runAudit does not fail: the next round makes up for this one.
func (s *Service) runAudit(ctx context.Context) error {
	if _, err := s.Audit(ctx); err != nil && ctx.Err() == nil {
		s.logger.WarnContext(ctx, "audit round aborted", "err", err)
	}
	return nil
}
