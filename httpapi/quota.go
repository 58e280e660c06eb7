package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

// quota is the place of an upload in the limit of its client.
type quota struct {
	h *Handler
	w http.ResponseWriter
	r *http.Request

	taken ratelimit.Decision
}

// take asks the limiter, and sets the fields about the limit in the answer.
func (q *quota) take(ctx context.Context) error {
	if q.h.opts.Limiter == nil {
		return nil
	}
	d, err := q.h.opts.Limiter.Allow(ctx, q.h.opts.Source.Key(q.r))
	if err != nil {
		return problem{
			status: http.StatusServiceUnavailable, code: CodeBusy, detail: "the rate limiter is unavailable; try again",
			header: http.Header{"Retry-After": {"1"}}, cause: err,
		}
	}
	d.WriteHeader(q.w.Header())
	if !d.Allowed {
		seconds := int64((d.ResetAfter + time.Second - 1) / time.Second)
		return problem{
			status: http.StatusTooManyRequests, code: CodeTooManyRequests,
			detail: "too many uploads from this address; try again in " + strconv.FormatInt(seconds, 10) + " s",
		}
	}
	q.taken = d
	return nil
}

// giveBack gives the place back, if there is one, because no new batch uses it.
func (q *quota) giveBack() {
	if q.taken.GiveBack == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.r.Context()), time.Second)
	defer cancel()
	if err := q.taken.GiveBack(ctx); err != nil {
		q.h.logger.WarnContext(ctx, "giving a place in the limit back failed", "request_id", requestIDOf(q.r), "err", err)
		return
	}
	q.taken.Remaining++
	q.taken.WriteHeader(q.w.Header())
}
