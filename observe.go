package eventmetrics

import (
	"context"
	"errors"
	"iter"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// observeUpload starts the span of an upload. The function that it returns
// ends it and measures; a dry run has no Receipt to give to it.
func (s *Service) observeUpload(ctx context.Context) (context.Context, func(*Receipt, error)) {
	start := time.Now()
	ctx, span := s.telemetry.Start(ctx, "upload")
	s.telemetry.uploadsActive.Add(ctx, 1)
	return ctx, func(r *Receipt, err error) {
		outcome, fault := uploadOutcome(r, err)
		s.telemetry.uploadsActive.Add(ctx, -1)
		s.telemetry.uploadTime.Record(ctx, since(start), metric.WithAttributes(outcomeAttr(outcome)))
		if err == nil && r != nil {
			span.SetAttributes(batchAttr(r.Batch.ID), attribute.Int64("eventmetrics.rows.accepted", r.Batch.Events),
				attribute.Int64("eventmetrics.rows.rejected", r.Batch.Failed), attribute.Int64("eventmetrics.rows.duplicate", r.Batch.Duplicates))
		}
		if outcome == "stored" {
			s.telemetry.accepted.Add(ctx, r.Batch.Events)
		}
		end(span, outcome, fault)
	}
}

// uploadOutcome tells what became of an upload, and the fault if it is ours.
func uploadOutcome(r *Receipt, err error) (outcome string, fault error) {
	var rejected *RejectedError
	var header *ingest.HeaderError
	var tolerance *ToleranceError
	var ambiguous *ingest.AmbiguousTimeError
	var unknown *UnknownSchemaError
	var broken *brokenError
	var distinct *DedupeLimitError
	switch {
	case err == nil && r == nil:
		return "dry_run", nil
	case err == nil && r.Replayed:
		return "replayed", nil
	case err == nil && r.DuplicateOf != "":
		return "duplicate", nil
	case err == nil:
		return "stored", nil
	case errors.Is(err, ErrNoRows), errors.As(err, &rejected), errors.As(err, &header),
		errors.As(err, &tolerance), errors.Is(err, ErrNoOriginal), errors.Is(err, ErrUnsupported), errors.As(err, &ambiguous), errors.As(err, &unknown):
		return "rejected", nil
	case errors.Is(err, ErrTooLarge), errors.As(err, &distinct):
		return "too_large", nil
	case errors.Is(err, ErrInFlight), errors.Is(err, ErrKeyReused):
		return "conflict", nil
	case errors.As(err, &broken), errors.Is(err, context.Canceled):
		return "broken_off", nil
	case errors.Is(err, store.ErrUnavailable):
		return "unavailable", err
	default:
		return "error", err
	}
}

func (s *Service) countRejected(ctx context.Context, rows map[ingest.Code]int64) {
	for code, n := range rows {
		s.telemetry.rejected.Add(ctx, n, metric.WithAttributes(attribute.String("code", string(code))))
	}
}

// observeProcess starts the span of an attempt to process a batch, in the
// trace of what asked for it. The function that it returns ends it and
// measures.
func (s *Service) observeProcess(ctx context.Context, job queue.Job) (context.Context, func(outcome string, err error)) {
	s.observeWait(ctx, job)
	start := time.Now()
	ctx, span := s.telemetry.Start(ctx, "process", trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(batchAttr(job.ID), attribute.Int("eventmetrics.job.attempt", job.Attempt)))
	s.linkUpload(ctx, span, job.ID)
	return ctx, func(outcome string, err error) {
		s.telemetry.processTime.Record(ctx, since(start), metric.WithAttributes(outcomeAttr(outcome)))
		end(span, outcome, err)
	}
}

// observeWait measures how long a batch was queued. It costs a look at the
// batch, if anybody measures.
func (s *Service) observeWait(ctx context.Context, job queue.Job) {
	if job.Attempt != 1 || !s.telemetry.processWait.Enabled(ctx) {
		return
	}
	b, err := s.store.Batch(ctx, job.ID)
	switch {
	case err != nil: // the attempt will tell
	case b.Status == store.Queued:
		s.telemetry.processWait.Record(ctx, max(s.now().Sub(b.Updated), 0).Seconds())
	case b.Status == store.Uploaded: // the job was quicker than the mark
		s.telemetry.processWait.Record(ctx, 0)
	}
}

// linkUpload links a span to that of the batch's upload, if that is of another
// trace. It costs a look at the store, if the span is recorded.
func (s *Service) linkUpload(ctx context.Context, span trace.Span, id string) {
	if !span.IsRecording() {
		return
	}
	text, err := readAll(s.store.Attachment(ctx, id, traceAttachment))
	if err != nil { // the batch will tell
		return
	}
	if upload := spanOf(string(text)); upload.IsValid() && upload.TraceID() != span.SpanContext().TraceID() {
		span.AddLink(trace.Link{SpanContext: upload})
	}
}

// attachTrace stores the span of an upload with its batch, if it is sampled.
func attachTrace(ctx context.Context, w store.Writer) error {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return nil
	}
	return w.Attach(ctx, traceAttachment, []byte(traceText(ctx)))
}

// observeQuery starts the span of a query. The function that it returns ends
// it and measures.
func (s *Service) observeQuery(ctx context.Context, query string) (context.Context, func(error)) {
	start := time.Now()
	ctx, span := s.telemetry.Start(ctx, "query "+query)
	return ctx, func(err error) {
		outcome := outcomeOf(err)
		s.telemetry.queryTime.Record(ctx, since(start), metric.WithAttributes(attribute.String("query", query), outcomeAttr(outcome)))
		end(span, outcome, faultOf(err))
	}
}

// observed observes a query that is ranged over.
func observed[V any](ctx context.Context, s *Service, query string, all func(context.Context) iter.Seq2[V, error]) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		ctx, done := s.observeQuery(ctx, query)
		var last error
		defer func() { done(last) }()
		for v, err := range all(ctx) {
			last = err
			if !yield(v, err) {
				return
			}
		}
	}
}

// observeCleanup and observeReprocess start a span. The functions that they
// return end it and measure.
func (s *Service) observeCleanup(ctx context.Context, dryRun bool) (context.Context, func(store.Pruned, error)) {
	ctx, span := s.telemetry.Start(ctx, "cleanup")
	return ctx, func(p store.Pruned, err error) {
		if !dryRun {
			s.telemetry.removed.Add(ctx, p.Batches, metric.WithAttributes(attribute.String("kind", "batch")))
			s.telemetry.removed.Add(ctx, p.Remainders, metric.WithAttributes(attribute.String("kind", "remainder")))
		}
		end(span, outcomeOf(err), faultOf(err))
	}
}

// observeRetain starts a span. The function that it returns ends it and
// measures.
func (s *Service) observeRetain(ctx context.Context, dryRun bool) (context.Context, func(*Retained, error)) {
	ctx, span := s.telemetry.Start(ctx, "retain")
	return ctx, func(r *Retained, err error) {
		if !dryRun {
			for kind, n := range map[string]int64{"batch": r.Forgotten, "event": r.Events, "row": r.Rows, "dead_letter": r.Dead} {
				s.telemetry.purged.Add(ctx, n, metric.WithAttributes(attribute.String("kind", kind)))
			}
		}
		end(span, outcomeOf(err), faultOf(err))
	}
}

// observeErase starts a span, which does not name the subject. The function
// that it returns ends it and measures.
func (s *Service) observeErase(ctx context.Context, dryRun bool) (context.Context, func(*ErasureReceipt, error)) {
	ctx, span := s.telemetry.Start(ctx, "erase")
	return ctx, func(r *ErasureReceipt, err error) {
		span.SetAttributes(attribute.String("eventmetrics.erasure.id", r.ID))
		if !dryRun {
			for kind, n := range map[string]int64{"event": r.Events, "row": r.Rows, "dead_letter": r.DeadLetters} {
				s.telemetry.erased.Add(ctx, n, metric.WithAttributes(attribute.String("kind", kind)))
			}
		}
		end(span, outcomeOf(err), faultOf(err))
	}
}

func (s *Service) observeReprocess(ctx context.Context) (context.Context, func(*Report, error)) {
	ctx, span := s.telemetry.Start(ctx, "reprocess")
	return ctx, func(r *Report, err error) {
		s.telemetry.drifted.Add(ctx, r.Drifted)
		s.telemetry.unreadable.Add(ctx, r.Unreadable)
		span.SetAttributes(attribute.Int64("eventmetrics.batches", r.Batches), attribute.Int64("eventmetrics.drifted", r.Drifted))
		end(span, outcomeOf(err), faultOf(err))
	}
}

// observeAudit starts the span of a round. The function that it returns ends
// it, and tells what is known to be wrong.
func (s *Service) observeAudit(ctx context.Context) (context.Context, func(*Round, *Integrity, error)) {
	ctx, span := s.telemetry.Start(ctx, "audit")
	return ctx, func(r *Round, all *Integrity, err error) {
		for kind, n := range map[string]int{
			"drifted_batch": len(all.Drifts), "unreadable_batch": len(all.Unreadable), "wrong_day": len(all.WrongDays),
		} {
			s.telemetry.auditFindings.Record(ctx, int64(n), metric.WithAttributes(attribute.String("kind", kind)))
		}
		if err == nil {
			s.telemetry.auditLast.Record(ctx, s.now().Unix())
		}
		span.SetAttributes(attribute.Int64("eventmetrics.batches", r.Batches), attribute.Int64("eventmetrics.days", r.Days))
		end(span, outcomeOf(err), faultOf(err))
	}
}
